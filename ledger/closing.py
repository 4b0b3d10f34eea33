"""Closing a month: what has to be in order first, and the record that closes it, bound to the book as it stands.

The closing list: no money in suspense, no fund short, every cash box counted on the last day of the month or later and
its difference booked, every store counted likewise, nothing approved that was not carried out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Engine

from ledger.accounts import root
from ledger.book import Book, Recorded
from ledger.days import day_of, month_end, to_instant
from ledger.entries.periods import Month, trial_balance
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.requests import Requests
from ledger.store import read
from ledger.store.engine import reading

TRIES = 5


class AnyOpenBook(Protocol):
    """What closing needs of an open book (ledger.home.OpenBook)."""

    @property
    def engine(self) -> Engine: ...
    @property
    def code(self) -> str: ...
    @property
    def book(self) -> Book: ...
    @property
    def opened(self) -> Any: ...
    @property
    def requests(self) -> Requests: ...


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is not in order yet; `records` lead to it where records do."""

    code: str
    vi: str
    en: str
    records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosingList:
    """What is left open before a month can be closed, and the counts that were made for it."""

    month: str
    open: tuple[Left, ...]
    counts: tuple[int, ...]


def last_day(month: str) -> date:
    """The last day of `2026-03`; raises Rejected(MALFORMED)."""
    try:
        msgspec.convert(month, Month)
    except msgspec.ValidationError as error:
        raise Rejected(Reason.MALFORMED, "a month is written 2026-03", field="month") from error
    return month_end(int(month[:4]), int(month[5:]))


def closing_list(opened: AnyOpenBook, month: str) -> ClosingList:
    """What is left to do before `month` is closed."""
    last = last_day(month)
    with reading(opened.engine) as db:
        balances = read.all_balances(db, opened.code)
        left = [*_suspense(balances), *_short(balances)]
        counts: set[int] = set()
        for item in (*_cash(db, opened.code, balances, last), *_stock(db, opened.code, balances, last)):
            counts |= {item} if isinstance(item, int) else set()
            left += [item] if isinstance(item, Left) else []
        left += _approved_not_done(db, opened.code)
    return ClosingList(month, tuple(left), tuple(sorted(counts)))


def close(opened: AnyOpenBook, left: ClosingList, by: str, *, anyway: str | None = None) -> Recorded:
    """Closes the month of a closing list; raises Rejected(NOT_IN_ORDER) when things are open and `anyway` is None."""
    if left.open and anyway is None:
        raise Rejected(Reason.NOT_IN_ORDER, "the closing list is not in order", field="month", open=len(left.open))
    today = day_of(to_instant(opened.book.clock()), opened.opened.zone)
    entry = {
        "kind": "period_closed",
        "closed_on": today.isoformat(),
        "counts": list(left.counts),
        "left_open": [f"{item.vi} — {item.en}: {anyway}" for item in left.open],
        "month": left.month,
    }
    return record_bound(opened, entry, by, _with_trial_balance)


Completer = Callable[[dict[str, Any], Mapping[tuple[str, str], int]], dict[str, Any]]


def _with_trial_balance(entry: dict[str, Any], balances: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    return {**entry, "trial_balance_sha256": sha256(trial_balance(balances)).hexdigest()}


def record_bound(
    opened: AnyOpenBook, entry: dict[str, Any], by: str, complete: Completer = lambda entry, balances: entry
) -> Recorded:
    """Records an entry with `bound`: the book as it stands; tries again when other records came between.

    Raises Rejected, also with NOT_THE_HEAD when the book does not come to rest.
    """
    for tried in range(1, TRIES + 1):
        with reading(opened.engine) as db:
            head = read.head(db, opened.code)
            balances = read.all_balances(db, opened.code)
        if head is None:
            raise Rejected(Reason.BOOK_NOT_OPEN)
        bound = {"root": head.root.hex(), "size": head.size}
        try:
            return opened.requests.submit([{"entry": complete({**entry, "bound": bound}, balances)}], by)[0]
        except Rejected as refused:
            if refused.reason is not Reason.NOT_THE_HEAD or tried == TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def _suspense(balances: Mapping[tuple[str, str], int]) -> list[Left]:
    waiting = sum(1 for (account, _), minor in balances.items() if root(account) == "suspense" and minor)
    return [Left("SUSPENSE", f"{waiting} dòng chờ xác định", f"{waiting} lines in suspense")] if waiting else []


def _short(balances: Mapping[tuple[str, str], int]) -> list[Left]:
    short = sorted({account for (account, _), minor in balances.items() if root(account) == "shortfall" and minor})
    return [Left("SHORTFALL", f"{account}: còn thiếu", f"{account} is open") for account in short]


def _cash(db: Connection, book: str, balances: Mapping[tuple[str, str], int], last: date) -> Iterator["int | Left"]:
    """The counts of the cash boxes, and what is not in order with them."""
    for place, unit in sorted(key for key, minor in balances.items() if root(key[0]) == "cash" and minor):
        key = Key("counted", place)
        value = read.registers(db, book, [key]).get(key)
        row = None if value is None else decode_value(value)
        if row is None or row["unit"] != unit or date.fromisoformat(row["on"]) < last:
            yield Left("NOT_COUNTED", f"{place}: chưa kiểm kê", f"{place} was not counted")
            continue
        yield int(row["index"])
        if abs(row["counted"] - row["book"]) != row.get("booked", 0):
            yield Left("COUNT_DIFFERS", f"{place}: lệch kiểm kê", f"{place} differs", (row["index"],))


def _stock(db: Connection, book: str, balances: Mapping[tuple[str, str], int], last: date) -> Iterator["int | Left"]:
    """The counts of the stores, goods by goods."""
    for place, unit in sorted(key for key, minor in balances.items() if root(key[0]) == "stock" and minor):
        counts = {
            int(row["index"]): int(row["difference"])
            for key, value in read.register_rows(db, book, "count", f"{place}/{unit}")
            if key.split("/")[:2] == [place, unit] and (row := decode_value(value))
        }
        fresh = {index: differs for index, differs in counts.items() if _day_of(db, book, index) >= last}
        yield from fresh
        if not fresh:
            yield Left("NOT_COUNTED", f"{place}, {unit}: chưa kiểm kê", f"{unit} in {place} was not counted")
        elif any(fresh.values()):
            records = tuple(index for index, differs in fresh.items() if differs)
            yield Left("COUNT_DIFFERS", f"{place}, {unit}: lệch kiểm kê", f"{unit} in {place} differs", records)


def _day_of(db: Connection, book: str, index: int) -> date:
    body = read.body(db, book, index)
    day = None if body is None else decode(body).entry.money_day()
    return date.min if day is None else day


def _approved_not_done(db: Connection, book: str) -> list[Left]:
    waiting = [
        int(key) for key, value in read.register_rows(db, book, "proposal") if not decode_value(value)["settled"]
    ]
    if not waiting:
        return []
    said = f"{len(waiting)} đề xuất chưa xong"
    return [Left("PROPOSALS", said, f"{len(waiting)} proposals not settled", tuple(sorted(waiting)))]
