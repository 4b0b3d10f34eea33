"""Balances: as they stand, as they stood at a record, as of a day."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import decimal
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

router = APIRouter(tags=["balances"])


class BalanceQuery(BookQuery):
    at: Annotated[
        int | None,
        BeforeValidator(decimal),
        Query(ge=0, le=2**53 - 1, description="Như đã ghi đến bản ghi này — as recorded up to this index, included"),
    ] = None
    on: Annotated[date | None, Query(description="Đến hết ngày tiền này — up to the end of this money day")] = None


@router.get("/balances", summary="Số dư — balances")
def balances(query: Annotated[BalanceQuery, Query()], shelves: AllShelves) -> dict[str, Any]:
    """Every account's balance in the unit's smallest parts; accounts at zero are left out."""
    if query.at is not None and query.on is not None:
        raise Rejected(Reason.MALFORMED, "at or on, not both", field="on")
    shelf = shelves.get(query.book)
    with reading(shelf.opened.engine) as db:
        head = read.head(db, shelf.code)
        found = read.all_balances(db, shelf.code)
    return {
        "book": shelf.code,
        "size": 0 if head is None else head.size,
        "balances": [
            {"account": account, "unit": unit, "minor": minor}
            for (account, unit), minor in sorted(found.items())
            if minor
        ],
    }
