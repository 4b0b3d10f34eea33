"""Written days and times of a statement. Day before month, as Vietnam writes; nothing else by guessing.

    2026-01-15 · 15/01/2026 · 15-01-2026 · 15.1.2026 · 15/01/2026 12:01:29 · 2026-01-15T00:30:00+07:00

A two-digit year, a month 13, full-width digits, a spreadsheet serial are refused with the row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from ledger.refusals import Reason, Rejected

FIRST_YEAR, LAST_YEAR = 1990, 2099
ZONE = timezone(timedelta(hours=7))
"""Vietnam has had no other offset since 1975 and observes no summer time."""

_ISO = re.compile(r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})(?:( |T)(.+))?\Z", re.DOTALL)
_DMY = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?:\s+(.+))?\Z", re.DOTALL)
_SHORT = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}\b")
_TIME = re.compile(r"([01][0-9]|2[0-3]|[0-9]):([0-5][0-9])(?::([0-5][0-9])(?:\.0+)?)?\Z")
_OFFSET = re.compile(r"(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])\Z")


@dataclass(frozen=True, slots=True)
class Moment:
    day: date
    time: str | None = None
    rest: str | None = None
    """What stands after the day in the same cell and is not a time: a document number."""
    proves_order: bool = True
    """The day cannot be read with day and month exchanged."""


def read_day(text: str, *, row: int, field: str, order: str = "dmy", rest: bool = False) -> Moment:
    """One date cell. `order` "mdy" only where the caller has declared it; `rest` admits more text."""

    def refuse(why: str, reason: Reason = Reason.ROW_MALFORMED) -> Rejected:
        return Rejected(reason, why, row=row, field=field)

    if found := _ISO.match(text):
        year, month, day = int(found[1]), int(found[3]), int(found[4])
        tail, proves = found[6], True
        if found[5] == "T":
            offset = _OFFSET.search(tail)
            clock = _clock(tail[: offset.start()]) if offset else None
            if offset is None or clock is None:
                raise refuse("a time without a plain clock and an offset")
            _check(year, month, day, refuse)
            zone = offset[0].replace("Z", "+00:00")
            at = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{clock}{zone}")
            local = at.astimezone(ZONE)
            return Moment(local.date(), local.strftime("%H:%M:%S"))
    elif found := _DMY.match(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        day, month = (first, second) if order == "dmy" else (second, first)
        tail, proves = found[5], day > 12 or day == month
    elif _SHORT.match(text):
        raise refuse("a year of two digits", Reason.ROW_AMBIGUOUS)
    else:
        raise refuse("is not a date")
    booked = _check(year, month, day, refuse)
    if tail is None:
        return Moment(booked, proves_order=proves)
    first_word, _, others = tail.strip().partition(" ")
    if "\n" in tail:
        first_word, _, others = tail.strip().partition("\n")
    clock = _clock(first_word)
    more = (others if clock else tail).strip() or None
    if more and not rest:
        raise refuse("more than a date")
    return Moment(booked, clock, more, proves)


def read_time(text: str, *, row: int, field: str) -> str:
    clock = _clock(text.strip())
    if clock is None:
        raise Rejected(Reason.ROW_MALFORMED, "is not a time", row=row, field=field)
    return clock


def sensible(day: date, *, row: int, field: str) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Rejected(Reason.ROW_MALFORMED, "a year that no statement has", row=row, field=field)
    return day


def _clock(text: str) -> str | None:
    found = _TIME.match(text)
    return f"{int(found[1]):02}:{found[2]}:{found[3] or '00'}" if found else None


def _check(year: int, month: int, day: int, refuse: Callable[[str], Rejected]) -> date:
    try:
        booked = date(year, month, day)
    except ValueError:
        raise refuse("no such day (days are read day/month/year)") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise refuse("a year that no statement has")
    return booked
