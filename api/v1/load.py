"""Lists that an organisation has already, sent as a file: `sovang load` for programs."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi import Path as InPath

from api.reports import XLSX_TYPE
from api.v1.books import AllShelves, BookQuery
from api.v1.reading import MAX_BODY
from ledger.load.lists import LOADERS, load
from ledger.refusals import Reason, Rejected

_SUFFIXES = {"text/csv": ".csv", XLSX_TYPE: ".xlsx"}

router = APIRouter(prefix="/api/v1", tags=["entries"])


class LoadQuery(BookQuery):
    check: Annotated[bool, Query(description="Chỉ kiểm tra, không ghi gì — only look, record nothing")] = False


async def sent_file(request: Request) -> AsyncIterator[Path]:
    """The body as a file that is gone once it is answered; refused by its type before, by its size as it comes in."""
    suffix = _SUFFIXES.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if suffix is None or request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Rejected(Reason.FORMAT_UNKNOWN, "a list is text/csv or an XLSX workbook", field="content-type")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"list{suffix}"
        size = 0
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY:
                    raise Rejected(Reason.TOO_LARGE, f"at most {MAX_BODY} bytes", field="body")
                file.write(chunk)
        yield path


@router.post("/load/{what}", summary="Nạp một danh sách CSV, XLSX — a list as CSV or XLSX, all or nothing, once")
def load_list(
    what: Annotated[str, InPath(pattern=f"^({'|'.join(LOADERS)})$")],
    query: Annotated[LoadQuery, Query()],
    shelves: AllShelves,
    path: Annotated[Path, Depends(sent_file)],
    actor: Annotated[str, Header(alias="X-Sovang-Actor", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")] = "api",
) -> dict[str, Any]:
    """With `check` every fault with its row and column; without, the first fault is the refusal, and nothing was
    recorded. The same row is recorded once, however often it is sent."""
    loaded = load(shelves.get(query.book).opened, what, path, by=actor, check=query.check)
    if loaded.faults and not query.check:
        first = loaded.faults[0]
        raise Rejected(first.reason, first.message, field=first.column, row=first.row, faults=len(loaded.faults))
    faults = [{"row": f.row, "column": f.column, "reason": str(f.reason), "message": f.message} for f in loaded.faults]
    return {"lines": loaded.lines, "recorded": loaded.recorded, "repeated": loaded.repeated, "faults": faults}
