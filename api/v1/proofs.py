"""Proofs to take home."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import Index
from audit.queries import prove

router = APIRouter(prefix="/api/v1", tags=["log"])


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
