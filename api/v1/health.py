"""Is the process alive, can it do its work, and does anybody outside vouch for it.

A witness that is silent is an alarm, never a reason not to be ready: recording goes on without it.
"""

from typing import Any

import msgspec
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from api.problems import Refused, problem_of
from api.v1.books import AllShelves, Shelf
from api.words import DoorReason
from ledger.days import from_instant
from ledger.record import RecordMalformed, decode_bare
from ledger.store import engine as store_engine
from ledger.store import read
from ledger.store.engine import reading, sqlite_journal
from ledger.store.schema import require_newest
from ledger.witnesses import RENEWED_AFTER

WITNESS_SECONDS = 60
"""What a witness may take on top of two checkpoint intervals before its silence is an alarm."""

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Tiến trình còn sống — the process is alive")
def healthz() -> dict[str, Any]:
    """Touches neither database nor keys."""
    version = store_engine.sqlite.sqlite_version  # type: ignore[attr-defined]
    return {"ok": True, "sqlite": {"version": version, "journal": sqlite_journal()}}


@router.get("/readyz", summary="Sẵn sàng phục vụ — ready to serve")
def readyz(shelves: AllShelves) -> Response:
    """The database answers, its schema is this program's, and no book has records that wait for their
    checkpoint longer than two intervals; otherwise 503 and `reasons`. `alarms` are for people: witnesses that are
    late or refuse."""
    reasons: list[dict[str, Any]] = []
    alarms: list[dict[str, Any]] = []
    books: dict[str, Any] = {}
    try:
        require_newest(shelves.home.engine)
        for shelf in shelves.all():
            state = _state(shelf, reasons)
            alarms += _alarms(shelf, state)
            books[shelf.code] = state
    except Exception as error:
        reasons.append(_reason(error))
    if reasons:
        raise Refused(DoorReason.NOT_READY, reasons=reasons, alarms=alarms, books=books)
    answer = {"ready": True, "alarms": alarms, "books": books}
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/metrics", summary="Số đo cho Prometheus — metrics")
def metrics(shelves: AllShelves) -> Response:
    """How many records are in which state, how old the newest cosignature is, and which witness answers."""
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(f"sovang_{name}", what, ["book"], registry=registry)
        for name, what in (
            ("size", "Records committed"),
            ("checkpointed", "Records under a signed checkpoint"),
            ("witnessed", "Records under a checkpoint with the quorum of witnesses"),
            ("tail_seconds", "How long the oldest record has waited for its checkpoint"),
            ("unwitnessed_seconds", "How long the oldest checkpointed record has waited for its quorum"),
            ("cosignature_age_seconds", "Age of the newest cosignature of the newest checkpoint with a quorum"),
            ("alarms", "Alarms of /readyz"),
        )
    }
    answers = Gauge(
        "sovang_witness_ok", "Whether a witness signed when last asked", ["book", "witness"], registry=registry
    )
    for shelf in shelves.all():
        state = _state(shelf, [])
        state["alarms"] = len(_alarms(shelf, state))
        for name, gauge in gauges.items():
            if state.get(name) is not None:
                gauge.labels(shelf.code).set(state[name])
        for asked in shelf.asker.outcome or []:
            answers.labels(shelf.code, asked.witness).set(asked.ok)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _state(shelf: Shelf, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    size, covered = shelf.size(), shelf.covered()
    state: dict[str, Any] = {"size": size, "checkpointed": covered.checkpointed}
    if (error := shelf.keeper.error) is not None:
        reasons.append({"book": shelf.code, **_reason(error)})
    if covered.checkpointed < size:
        waits = state["tail_seconds"] = _waits(shelf, covered.checkpointed)
        if waits is None or waits >= 2 * shelf.checkpoint_seconds:
            late = _reason(Refused(DoorReason.CHECKPOINT_LATE))
            reasons.append({"book": shelf.code, **late, "tail_seconds": waits})
    if shelf.opened.witnesses.policy() is not None:
        state["witnessed"] = covered.witnessed
        if covered.witnessed < covered.checkpointed:
            state["unwitnessed_seconds"] = _waits(shelf, covered.witnessed)
        if covered.cosigned_at is not None:
            state["cosignature_age_seconds"] = round((shelf.opened.clock() - covered.cosigned_at).total_seconds())
    return state


def _alarms(shelf: Shelf, state: dict[str, Any]) -> list[dict[str, Any]]:
    """What the operator should ask the witnesses about."""
    if "witnessed" not in state:
        return []
    alarms: list[dict[str, Any]] = []
    oldest = 2 * RENEWED_AFTER.total_seconds()
    waits, age = state.get("unwitnessed_seconds", 0), state.get("cosignature_age_seconds", 0)
    if waits is None or waits >= 2 * shelf.checkpoint_seconds + WITNESS_SECONDS or age >= oldest:
        alarms.append({**_reason(Refused(DoorReason.WITNESSES_LATE)), "unwitnessed_seconds": waits, "age_seconds": age})
    if (error := shelf.asker.error) is not None:
        alarms.append(_reason(error))
    for asked in shelf.asker.outcome or []:
        if not asked.ok:
            refused = _reason(Refused(DoorReason.WITNESS_REFUSES, asked.detail))
            alarms.append({**refused, "witness": asked.witness})
    return [{"book": shelf.code, **alarm} for alarm in alarms]


def _waits(shelf: Shelf, index: int) -> int | None:
    """How long ago a record was made, in seconds; None when it cannot be told."""
    with reading(shelf.opened.engine) as db:
        body = read.body(db, shelf.code, index)
    try:
        at = None if body is None else from_instant(decode_bare(body).at)
    except (RecordMalformed, ValueError):
        at = None
    return None if at is None else round((shelf.opened.clock() - at).total_seconds())


def _reason(error: BaseException) -> dict[str, Any]:
    problem = problem_of(error if isinstance(error, Exception) else RuntimeError())
    return {name: problem[name] for name in ("reason", "title", "detail", "signer_reason") if name in problem}
