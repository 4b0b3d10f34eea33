"""Balances: as they stand, as they stood at a record, as of a day."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from api.v1.books import AllShelves, BookQuery
from api.v1.numbers import decimal
from audit import queries

router = APIRouter(prefix="/api/v1", tags=["balances"])


class BalanceQuery(BookQuery):
    at: Annotated[
        int | None,
        BeforeValidator(decimal),
        Query(ge=0, le=2**53 - 1, description="Như đã ghi đến bản ghi này — as recorded up to this index, included"),
    ] = None
    on: Annotated[date | None, Query(description="Đến hết ngày tiền này — up to the end of this money day")] = None
    account: Annotated[str | None, Query(max_length=64, description="Chỉ tài khoản này — this account only")] = None


@router.get("/balances", summary="Số dư — balances")
def balances(query: Annotated[BalanceQuery, Query()], shelves: AllShelves) -> dict[str, Any]:
    """Every account's balance, or those of one account, in the unit's smallest parts."""
    book = shelves.get(query.book).opened
    found = queries.balances(book, at=query.at, on=query.on, account=query.account)
    return {
        "book": book.code,
        "at": query.at,
        "on": query.on,
        "balances": [{"account": row.account, "unit": row.unit, "minor": row.minor} for row in found],
    }
