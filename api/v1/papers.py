"""Papers as PDF, made again from the records whenever they are asked for, and what anybody may know of a numbered one.

A printed voucher is the record `voucher_printed`: each printing has its own, so that a reprint says so.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BeforeValidator

from api.problems import Refused
from api.v1.books import AllShelves, BookQuery, RenderPaper
from api.v1.numbers import Index, decimal
from api.words import DoorReason
from ledger.entries.certificates import Paper

router = APIRouter(prefix="/api/v1", tags=["papers"])


Year = Annotated[int, BeforeValidator(decimal), Path(ge=1990, le=9999)]
Number = Annotated[int, BeforeValidator(decimal), Path(ge=1, le=9_999_999)]


@router.get("/certificates/{paper}/{year}/{number}", summary="Giấy còn hiệu lực không — whether a numbered paper holds")
def state(
    paper: Paper, year: Year, number: Number, query: Annotated[BookQuery, Query()], shelves: AllShelves
) -> dict[str, Any]:
    """`valid`, `revoked`, or `cancelled` when its gift was reversed or given back. Names nobody."""
    from certificates.issue import paper_state

    return asdict(paper_state(shelves.get(query.book).opened, paper, year, number))


@router.get("/papers/{index}.pdf", summary="Giấy xác nhận, giấy chứng nhận, chứng từ đã in — a paper")
def paper(index: Index, query: Annotated[BookQuery, Query()], shelves: AllShelves, request: Request) -> Response:
    """The PDF of the `certificate_issued` or `voucher_printed` record at `index`."""
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
