"""Recording entries and reading them back."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BeforeValidator

from api.problems import Refused, problem_of
from api.v1.books import AllShelves, BookQuery, Shelf
from api.v1.keeper import CheckpointLate
from api.v1.numbers import Index, decimal
from api.v1.reading import read_body, requests_of
from api.words import DoorReason
from audit.states import Covered
from ledger.book import Recorded
from ledger.days import to_instant
from ledger.record import leaf_of
from ledger.refusals import Reason, Rejected
from ledger.requests import refuse_done
from ledger.store import read
from ledger.store.engine import reading

MAX_PAGE = 500

router = APIRouter(prefix="/api/v1", tags=["entries"])


class RecordQuery(BookQuery):
    wait: Annotated[
        Literal["recorded", "checkpointed", "witnessed"],
        Query(
            description="checkpointed: answer only when a signed checkpoint covers the entries; "
            "witnessed: when the witnesses were asked for it, too. `state` says how far it came."
        ),
    ] = "recorded"


class PageQuery(BookQuery):
    start: Annotated[int, BeforeValidator(decimal), Query(ge=0, le=2**53 - 1)] = 0
    limit: Annotated[int, BeforeValidator(decimal), Query(ge=1, le=MAX_PAGE)] = 100


@router.post("/entries", summary="Ghi một hoặc nhiều nghiệp vụ — record one entry or many, all or nothing")
def record(
    query: Annotated[RecordQuery, Query()],
    shelves: AllShelves,
    body: Annotated[bytes, Depends(read_body)],
    actor: Annotated[str, Header(alias="X-Sovang-Actor", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")] = "api",
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Response:
    """201 when something was recorded, 200 when all of it stood there before; 202 when the caller waits for a
    checkpoint and none could be signed: the entries are recorded all the same, and `problem` says why."""
    shelf = shelves.get(query.book)
    requests = requests_of(body, idempotency_key, shelf.zone)
    for request in requests:
        refuse_done(request)
    recorded = shelf.opened.requests.submit(requests, actor)
    status = 200 if all(one.repeated for one in recorded) else 201
    answer: dict[str, Any] = {}
    if query.wait != "recorded" and not _signed(shelf, answer, witnessed=query.wait == "witnessed"):
        status = 202
    covered = shelf.covered()
    _age(shelf, covered, answer)
    answer["recorded"] = [_said(one, covered) for one in recorded]
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")


@router.get("/entries/{index}", summary="Một bản ghi, đúng từng byte — a record's stored bytes")
def entry(index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves) -> Response:
    """The canonical bytes, from which the leaf hash is computed; what is known about them stands in the headers."""
    shelf = shelves.get(query.book)
    with reading(shelf.opened.engine) as db:
        body = read.body(db, shelf.code, index)
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, field="index")
    leaf = leaf_of(body).hex()
    covered = shelf.covered()
    headers = {
        "ETag": f'"{leaf}"',
        "Sovang-Leaf-Hash": leaf,
        "Sovang-State": covered.state(index),
        "Cache-Control": "no-cache",
    }
    if covered.cosigned_at is not None:
        headers["Sovang-Cosigned-At"] = to_instant(covered.cosigned_at)
    return Response(body, headers=headers, media_type="application/json")


@router.get("/entries", summary="Các bản ghi theo thứ tự — records in order")
def entries(query: Annotated[PageQuery, Query()], shelves: AllShelves) -> Response:
    """A page of records from `start`; `next` is where the following page begins, absent at the end."""
    shelf = shelves.get(query.book)
    covered = shelf.covered()
    end = query.start + query.limit
    with reading(shelf.opened.engine) as db:
        head = read.head(db, shelf.code)
        rows = list(read.record_rows(db, shelf.code, query.start, end))
    size = 0 if head is None else head.size
    answer: dict[str, Any] = {
        "size": size,
        "entries": [
            {
                "index": row.index,
                "leaf_hash": bytes(row.leaf).hex(),
                "state": covered.state(row.index),
                "record": msgspec.Raw(bytes(row.body)),
            }
            for row in rows
        ],
    }
    if end < size:
        answer["next"] = end
    _age(shelf, covered, answer)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _signed(shelf: Shelf, answer: dict[str, Any], *, witnessed: bool) -> bool:
    """Whether a checkpoint over what was just committed could be had; it, or why there is none, goes into the
    answer. Witnesses are waited for only where the caller asks for it, and what they do is in the state."""
    try:
        checkpoint, note = shelf.keeper.wait()
        if witnessed:
            shelf.asker.wait()
    except Exception as error:
        # The entries are recorded whatever became of the checkpoint: that has to be said before anything else.
        late = isinstance(error, CheckpointLate)
        answer["problem"] = problem_of(Refused(DoorReason.CHECKPOINT_LATE) if late else error)
        return False
    answer["checkpoint"] = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "note": note.decode(),
    }
    return True


def _age(shelf: Shelf, covered: Covered, answer: dict[str, Any]) -> None:
    """When the newest cosignature was given, and how long ago, where there are witnesses."""
    if covered.cosigned_at is not None:
        answer["cosigned_at"] = to_instant(covered.cosigned_at)
        answer["cosignature_age_seconds"] = round((shelf.opened.clock() - covered.cosigned_at).total_seconds())


def _said(one: Recorded, covered: Covered) -> dict[str, Any]:
    return {
        "index": one.index,
        "leaf_hash": one.leaf_hash.hex(),
        "state": covered.state(one.index),
        "repeated": one.repeated,
    }
