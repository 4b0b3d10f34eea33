"""Reports: what there is, and one of them for a period. Nothing private is opened here."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field

from api.problems import Refused
from api.reports import FORMATS, bound_of, drilled, to_bytes
from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import decimal
from api.words import DoorReason
from audit.reports import REPORTS, Period, make_report, open_source
from ledger.days import day_of, to_instant
from ledger.refusals import Reason, Rejected

router = APIRouter(prefix="/api/v1", tags=["reports"])


class ReportQuery(BookQuery):
    from_on: Annotated[date | None, Query(alias="from", description="Từ ngày — first day")] = None
    to_on: Annotated[date | None, Query(alias="to", description="Đến ngày — last day")] = None
    year: Annotated[str | None, Query(examples=["2026"])] = None
    quarter: Annotated[str | None, Query(examples=["2026-3"])] = None
    month: Annotated[str | None, Query(examples=["2026-09"])] = None
    option: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Query(max_length=20, description="Lựa chọn riêng của báo cáo: tên=giá trị — name=value"),
    ] = []  # noqa: RUF012 -- pydantic copies it
    at: Annotated[
        int | None,
        BeforeValidator(decimal),
        Query(ge=1, le=2**53 - 1, description="Như sổ ở cỡ này — as of this size of the log"),
    ] = None
    drill: Annotated[
        int | None,
        BeforeValidator(decimal),
        Query(ge=1, le=2**53 - 1, description="Chứng từ của dòng này — also the vouchers of this row, from 1"),
    ] = None
    format: Literal["json", "csv", "xlsx", "pdf"] = "json"


@router.get("/reports", summary="Các báo cáo có thể xem — the reports there are")
def reports() -> dict[str, Any]:
    """Every report with its options and their defaults."""
    return {
        "reports": [
            {"kind": one.kind, "title": list(one.title), "options": dict(one.options)} for one in REPORTS.values()
        ]
    }


@router.get("/reports/{kind}", summary="Một báo cáo — one report for a period")
def report(kind: str, query: Annotated[ReportQuery, Query()], shelves: AllShelves) -> Response:
    """Rows and totals, each with the records it is made of. The same book size, period and options give the same
    report; `sha256` is of its canonical JSON, which `report_issued` records."""
    if kind not in REPORTS:
        raise Refused(DoorReason.NOT_FOUND)
    shelf = shelves.get(query.book)
    today = None if query.at is not None else day_of(to_instant(shelf.opened.clock()), shelf.zone)
    pairs = [one.partition("=") for one in query.option]
    if any(not equals for _, equals, _ in pairs) or len({name for name, _, _ in pairs}) != len(pairs):
        raise Rejected(Reason.MALFORMED, "name=value, each name once", field="option")
    options = {name: value for name, _, value in pairs}
    with open_source(shelf.opened, size=query.at, today=today) as source:
        period = Period.parse(
            today=source.today,
            from_on=query.from_on,
            to_on=query.to_on,
            year=query.year,
            quarter=query.quarter,
            month=query.month,
        )
        made = make_report(source, kind, period, options)
        vouchers = None if query.drill is None else drilled(source, made, query.drill)
    bound = bound_of(shelf.opened, made.size)
    if query.format != "json":
        headers = {"Content-Disposition": f'attachment; filename="{shelf.code}-{made.kind}.{query.format}"'}
        return Response(to_bytes(made, query.format, bound), headers=headers, media_type=FORMATS[query.format])
    answer = {**made.to_json(), "book": shelf.code, "sha256": made.sha256(), "root": bound.root, "options": options}
    if vouchers is not None:
        answer["vouchers"] = vouchers
    return Response(msgspec.json.encode(answer), media_type="application/json")
