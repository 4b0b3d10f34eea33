"""Proofs to take home."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.v1.books import AllShelves, BookQuery
from api.v1.log import signed
from api.v1.numbers import Index
from ledger.log.merkle import prove_inclusion
from ledger.log.proof import make_proof
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

router = APIRouter(tags=["log"])


@router.get("/proofs/{index}", summary="Bằng chứng có trong sổ — proof that a record is in the log")
def proof(index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves) -> Response:
    """A c2sp.org/tlog-proof under the newest checkpoint; 409 NOT_CHECKPOINTED while none covers the record."""
    shelf = shelves.get(query.book)
    if index >= shelf.size():
        raise Rejected(Reason.NO_SUCH_RECORD, field="index")
    checkpoint, note = signed(shelf)
    if index >= checkpoint.size:
        raise Rejected(Reason.NOT_CHECKPOINTED)
    with reading(shelf.opened.engine) as db:
        path = prove_inclusion(index, checkpoint.size, read.tree_reader(db, shelf.code))
    headers = {
        "Content-Disposition": f'attachment; filename="{shelf.code}-{index}.tlog-proof"',
        "Cache-Control": "no-cache",
    }
    return Response(make_proof(index, path, note.encode()), headers=headers, media_type="application/octet-stream")
