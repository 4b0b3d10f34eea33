"""What is due."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.v1.books import AllShelves, BookQuery
from audit.reports.deadlines import deadlines as ask
from ledger.days import day_of, to_instant

router = APIRouter(prefix="/api/v1", tags=["reports"])


class DeadlineQuery(BookQuery):
    until: Annotated[date | None, Query(description="Đến hết ngày này; mặc định 60 ngày tới — up to this day")] = None


@router.get("/deadlines", summary="Việc đến hạn và quá hạn — what is due, overdue first")
def deadlines(query: Annotated[DeadlineQuery, Query()], shelves: AllShelves) -> dict[str, Any]:
    """Reports, campaigns, pledges, advances, disputes, funds, goods, findings: each with its day and its record."""
    shelf = shelves.get(query.book)
    today = day_of(to_instant(shelf.opened.clock()), shelf.zone)
    found = ask(shelf.opened, today=today, until=query.until)
    return {"today": today.isoformat(), "deadlines": [due.to_json() for due in found]}
