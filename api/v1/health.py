"""Is the process alive, and can it do its work."""

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from api.problems import Refused, problem_of
from api.v1.books import AllShelves, Shelf
from api.words import DoorReason
from ledger.days import from_instant
from ledger.record import RecordMalformed, decode_bare
from ledger.store import engine as store_engine
from ledger.store import read
from ledger.store.engine import reading, sqlite_journal
from ledger.store.schema import require_newest

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Tiến trình còn sống — the process is alive")
def healthz() -> dict[str, Any]:
    """Touches neither database nor keys."""
    version = store_engine.sqlite.sqlite_version  # type: ignore[attr-defined]
    return {"ok": True, "sqlite": {"version": version, "journal": sqlite_journal()}}


@router.get("/readyz", summary="Sẵn sàng phục vụ — ready to serve")
def readyz(shelves: AllShelves) -> Response:
    """The database answers, its schema is this program's, and no book has records that wait for their
    checkpoint longer than two intervals; otherwise 503 and `reasons`."""
    reasons: list[dict[str, Any]] = []
    books: dict[str, Any] = {}
    try:
        require_newest(shelves.home.engine)
        for shelf in shelves.all():
            books[shelf.code] = _state(shelf, reasons)
    except Exception as error:
        reasons.append(_reason(error))
    if reasons:
        raise Refused(DoorReason.NOT_READY, reasons=reasons, books=books)
    return Response(msgspec.json.encode({"ready": True, "books": books}), media_type="application/json")


def _state(shelf: Shelf, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    size, covered = shelf.size(), shelf.covered()
    state: dict[str, Any] = {"size": size, "checkpointed": covered}
    if (error := shelf.keeper.error) is not None:
        reasons.append({"book": shelf.code, **_reason(error)})
    if covered < size:
        with reading(shelf.opened.engine) as db:
            body = read.body(db, shelf.code, covered)
        try:
            at = None if body is None else from_instant(decode_bare(body).at)
        except (RecordMalformed, ValueError):
            at = None
        state["tail_seconds"] = None if at is None else round((shelf.opened.clock() - at).total_seconds())
        if at is None or state["tail_seconds"] >= 2 * shelf.checkpoint_seconds:
            late = _reason(Refused(DoorReason.CHECKPOINT_LATE))
            reasons.append({"book": shelf.code, **late, "tail_seconds": state["tail_seconds"]})
    return state


def _reason(error: BaseException) -> dict[str, Any]:
    problem = problem_of(error if isinstance(error, Exception) else RuntimeError())
    return {name: problem[name] for name in ("reason", "title", "detail", "signer_reason") if name in problem}
