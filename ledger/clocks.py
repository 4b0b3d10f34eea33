"""Clocks: which report or deed is due when, as dated rules, and the days that follow from a rule. Pure.

    rules()                                        the rules shipped, from ledger/data/deadlines.csv
    occurrences(rule, from_on, to_on)              (period, due day) of a rule that comes round
    due_after(rule, day)                           the due day of a rule that hangs on an event of that day

A rule says when in one of these ways (`when`):

| when | last day it is due |
|---|---|
| `yearly before 06-15` | 14 June: «trước ngày 15/6» |
| `yearly by 12-31` | 31 December |
| `quarterly within 30` | 30 days after the quarter's last day |
| `monthly by 05`, `monthly end` | the 5th, the last day of the month |
| `once 2026-10-05` | that day: an unscheduled report that somebody asked for |
| `within 15 after reception-end` | 15 days after the event, whose own day is not counted (Bộ luật Dân sự 2015 Đ.147) |
| `1 before reception-start` | the day before the event |
| `unscheduled` | no day: sent when something arises |

No day is moved because it is a Sunday or a holiday: the earlier day is the safe one.

`about` says which period a report is of, as reports name it: `year` (2026), `year-before`, `half` (2026-H1),
`quarter` (2026-Q3), `month` (2026-09); of a campaign the period is the campaign's code.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from ledger.days import month_end

Event = Literal["reception-start", "reception-end", "distribution-end", "advance"]
About = Literal["year", "year-before", "half", "quarter", "month", "campaign", "limit", "advance", "event"]

_MONTH_DAY = "(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_EVENT = "(?:reception-start|reception-end|distribution-end|advance)"
WHEN = (
    f"^(?:yearly (?:before|by) {_MONTH_DAY}|quarterly within [0-9]{{1,3}}|monthly (?:by (?:0[1-9]|1[0-9]|2[0-8])|end)"
    rf"|once [12][0-9]{{3}}-{_MONTH_DAY}|(?:within [0-9]{{1,4}} after|[0-9]{{1,4}} before) {_EVENT}|unscheduled)$(?!\n)"
)
"""The form of `when`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One dated rule; `code` may have several, one after another in time."""

    code: str
    name: tuple[str, str]
    """Vietnamese, English."""
    sender: str
    recipient: str
    level: str
    when: str
    about: About
    valid_from: date
    valid_to: date | None
    source: str
    verified: bool
    """Whether the figure stands in a text that was seen; what is not verified says so wherever it is shown."""
    rule_set: str = "book"
    """`law`, a plan's code, or `book` for a rule that the book's own entries set."""
    regimes: str = "*"
    record: int | None = None
    """The record that set it; None for a rule shipped."""

    def holds(self, day: date) -> bool:
        """Whether the rule is in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    @property
    def event(self) -> Event | None:
        """The event it hangs on, if any."""
        found = re.search(f"(?:after|before) ({_EVENT})$", self.when)
        return None if found is None else cast(Event, found[1])


@cache
def rules() -> tuple[Rule, ...]:
    """The rules shipped, in the order of their file."""
    text = files("ledger").joinpath("data", "deadlines.csv").read_text(encoding="utf-8")
    return tuple(
        Rule(
            code=row["code"],
            name=(row["vi"], row["en"]),
            sender=row["sender"],
            recipient=row["recipient"],
            level=row["level"],
            when=row["when"],
            about=cast(About, row["about"]),
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            source=row["source"],
            verified=row["verified"] == "yes",
            rule_set=row["set"],
            regimes=row["regimes"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def shipped(code: str, day: date) -> Rule | None:
    """The shipped rule of a code that is in force on a day."""
    return next((rule for rule in rules() if rule.code == code and rule.holds(day)), None)


def days_of(rule: Rule) -> int:
    """The number of days in a rule that hangs on an event."""
    found = re.search("^(?:within )?([0-9]+) (?:after|before) ", rule.when)
    if found is None:
        raise ValueError(f"{rule.code} hangs on no event: {rule.when}")
    return int(found[1])


def due_after(rule: Rule, day: date) -> date:
    """The due day of a rule whose event falls on `day`."""
    days = timedelta(days=days_of(rule))
    return day - days if " before " in rule.when else day + days


def occurrences(rule: Rule, from_on: date, to_on: date) -> Iterator[tuple[str, date]]:
    """(period, due day) of every time the rule falls due from one day to another, while it is in force."""
    for period, due_on in _round(rule, from_on, to_on):
        if from_on <= due_on <= to_on and rule.holds(due_on):
            yield period, due_on


def due_of(rule: Rule, period: str) -> date | None:
    """The due day of a rule for one period; None when the rule never names that period."""
    year = re.match("[0-9]{4}", period)
    if year is None:
        return None
    number = int(year[0])
    if not 1990 <= number <= 9000:
        return None
    span = _round(rule, date(number, 1, 1), date(number + 1, 12, 31))
    return next((due_on for named, due_on in span if named == period and rule.holds(due_on)), None)


def _round(rule: Rule, from_on: date, to_on: date) -> Iterator[tuple[str, date]]:
    said = rule.when
    if said.startswith("once "):
        if (day := _day(said[5:9], said[10:])) is not None:
            yield day.isoformat(), day
        return
    # A quarter may fall due up to 999 days after its end.
    for year in range(from_on.year - 3, to_on.year + 1):
        if said.startswith("yearly "):
            day = _day(str(year), said[-5:])
            if day is not None:
                yield _period(rule.about, year), day - timedelta(days=" before " in said)
        elif said.startswith("quarterly "):
            for quarter in range(1, 5):
                last = month_end(year, 3 * quarter)
                yield f"{year}-Q{quarter}", last + timedelta(days=int(said.split()[-1]))
        elif said.startswith("monthly "):
            for month in range(1, 13):
                due = month_end(year, month) if said.endswith("end") else date(year, month, int(said[-2:]))
                yield f"{year}-{month:02}", due


def _day(year: str, month_day: str) -> date | None:
    """29 February has no day in most years; such a rule falls due only in the others."""
    try:
        return date.fromisoformat(f"{year}-{month_day}")
    except ValueError:
        return None


def _period(about: About, year: int) -> str:
    if about == "year-before":
        return str(year - 1)
    return f"{year}-H1" if about == "half" else str(year)


def campaign_limits(day: date) -> dict[str, int]:
    """How many days a disaster campaign that opens on a day may take gifts and distribute; empty before any rule."""
    fields = {"receive_days": "L-10", "distribute_days": "L-11"}
    return {field: days_of(rule) for field, code in fields.items() if (rule := shipped(code, day)) is not None}
