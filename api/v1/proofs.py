"""Proofs to take home."""

from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import Index
from api.v1.reading import read_body, value_of
from audit.find import find_transfer
from audit.queries import prove
from ledger.accounts import BankPlace
from ledger.money import Amount

router = APIRouter(prefix="/api/v1", tags=["log"])


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says of their own transfer, as their bank's receipt says it."""

    amount: Amount
    day: date
    reference: str
    place: BankPlace | None = None


@router.post("/find", summary="Khoản chuyển của tôi có trong sổ không — is my transfer in there")
def find(
    query: Annotated[BookQuery, Query()], shelves: AllShelves, body: Annotated[bytes, Depends(read_body)]
) -> Response:
    """The proof of the one incoming statement line with this day, amount and full bank reference; in every other case
    404 TRANSFER_NOT_FOUND, always alike. A reference is asked for in a body: addresses are written into logs."""
    shelf = shelves.get(query.book)
    shelf.checkpoint()  # raises when the newest note is not this book's
    wanted = value_of(body, Wanted)
    found = find_transfer(
        shelf.opened, day=wanted.day, amount=wanted.amount, reference=wanted.reference, place=wanted.place
    )
    answer: dict[str, Any] = {
        "index": found.index,
        "state": shelf.covered().state(found.index),
        "explained_by": found.explained_by,
        "waiting": {"minor": found.waiting_minor, "unit": wanted.amount.unit},
        "proof": found.proof.decode(),
    }
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get("/proofs/{index}", summary="Bằng chứng có trong sổ — proof that a record is in the log")
def proof(index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves) -> Response:
    """A c2sp.org/tlog-proof under the newest checkpoint; 409 NOT_CHECKPOINTED while none covers the record."""
    shelf = shelves.get(query.book)
    shelf.checkpoint()  # raises when the newest note is not this book's
    headers = {
        "Content-Disposition": f'attachment; filename="{shelf.code}-{index}.tlog-proof"',
        "Cache-Control": "no-cache",
    }
    return Response(prove(shelf.opened, index), headers=headers, media_type="application/octet-stream")
