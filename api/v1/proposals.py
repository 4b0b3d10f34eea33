"""What waits for a second person: approving and declining. Proposing is an entry of kind `proposed`."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response

from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import Index
from api.v1.reading import read_body, value_of
from ledger.approving import approve, decline
from ledger.book import Recorded
from ledger.entries.base import Title

router = APIRouter(prefix="/api/v1", tags=["entries"])

Actor = Annotated[str, Header(alias="X-Sovang-Actor", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a proposal is turned down; nothing about people."""

    why: Title


@router.post("/proposals/{index}/approve", summary="Duyệt một đề xuất — approve a proposal")
def approve_proposal(
    index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves, actor: Actor = "api"
) -> Response:
    """The approval, and with the last one needed the entry itself; `entry` is null while others have to approve."""
    done = approve(shelves.get(query.book).opened, index, actor)
    entry = None if done.entry is None else _place(done.entry)
    return _said({"approval": _place(done.approval), "entry": entry}, done.approval)


@router.post("/proposals/{index}/decline", summary="Từ chối một đề xuất — decline a proposal")
def decline_proposal(
    index: Index,
    query: Annotated[BookQuery, Query()],
    shelves: AllShelves,
    body: Annotated[bytes, Depends(read_body)],
    actor: Actor = "api",
) -> Response:
    """The record that declines it; it can no longer be carried out."""
    why = value_of(body, Refusal).why
    declined = decline(shelves.get(query.book).opened, index, why, actor)
    return _said({"declined": _place(declined)}, declined)


def _place(one: Recorded) -> dict[str, Any]:
    return {"index": one.index, "leaf_hash": one.leaf_hash.hex(), "repeated": one.repeated}


def _said(answer: dict[str, Any], recorded: Recorded) -> Response:
    status = 200 if recorded.repeated else 201
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")
