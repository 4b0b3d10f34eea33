"""Receipts and certificates as PDF, made again from the records whenever they are asked for."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.problems import Refused
from api.v1.books import AllShelves, BookQuery, RenderPaper
from api.v1.numbers import Index
from api.words import DoorReason

router = APIRouter(prefix="/api/v1", tags=["papers"])


@router.get("/papers/{index}.pdf", summary="Giấy xác nhận, giấy ghi nhận — a donor's paper")
def paper(index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves, request: Request) -> Response:
    """The PDF of the `certificate_issued` record at `index`."""
    render: RenderPaper | None = request.app.state.render_paper
    if render is None:
        raise Refused(DoorReason.NOT_FOUND, "this server makes no papers")
    shelf = shelves.get(query.book)
    headers = {
        "Content-Disposition": f'attachment; filename="{shelf.code}-{index}.pdf"',
        # It names a person: no cache on the way keeps it.
        "Cache-Control": "private, no-store",
    }
    return Response(render(shelf.opened, index), headers=headers, media_type="application/pdf")
