"""Instants and days. An instant is UTC and ends in `_at`; a day is the book's own calendar and ends in `_on`.

An instant is written as text of fixed width, `2026-09-05T03:04:05.000006Z` (RFC 3339, microseconds
always there), so that text order is time order. A day is `2026-09-05`. Which day an instant falls on is
judged in the book's zone.
"""

from calendar import monthrange
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ledger.refusals import Reason, Rejected

Instant = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$(?!\n)"),
]

# Before the first children's fund; an earlier day is a slip of the pen.
FIRST_DAY = date(1990, 1, 1)
DEFAULT_ZONE = "Asia/Ho_Chi_Minh"


def to_instant(moment: datetime) -> str:
    """An aware datetime as an instant."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_instant(instant: str) -> datetime:
    """An instant as an aware datetime in UTC; raises ValueError when it names no real moment."""
    return datetime.fromisoformat(instant.removesuffix("Z")).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _day_of_hour(hour: str, zone: str) -> date:
    return datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def day_of(instant: str, zone: str) -> date:
    """The calendar day of an instant in a zone.

    Cached by the hour: midnight in a zone whose offset is whole hours never falls inside one; other zones
    are computed directly. Raises Rejected(MALFORMED) for a zone that does not exist.
    """
    if zone == DEFAULT_ZONE:
        return _day_of_hour(instant[:13], zone)
    try:
        return from_instant(instant).astimezone(ZoneInfo(zone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(Reason.MALFORMED, "no such time zone", field="zone", zone=zone) from error


def month_end(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, monthrange(year, month)[1])


def check_day(day: date, *, today: date, field: str) -> None:
    """A day on which something is said to have happened: not before any fund existed, not tomorrow.

    Raises Rejected(DAY_IN_FUTURE) or Rejected(MALFORMED).
    """
    if day > today:
        raise Rejected(Reason.DAY_IN_FUTURE, field=field, day=day, today=today)
    if day < FIRST_DAY:
        raise Rejected(Reason.MALFORMED, "day before any fund existed", field=field, day=day)
