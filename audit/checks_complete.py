"""Completeness: does the book hold all that the bank says, and only that? (`sovang verify --complete`)

The bank's statements are in the book: each line is taken once by one record. Line by line and day by day:

1. Every line is **matched** (taken by an entry that says what it is), **explained** (it waited in suspense and was
   explained by its parts), or still **in suspense**. A line announced by a statement and not recorded is *missing*
   (IMPORT_INCOMPLETE). A file that was refused has left no line at all: its days are uncovered.
2. Statements chain: each opens with what the one before closed with, and no day lies between.
3. By the day money moved, the place account stands at what each statement opened and closed with. A difference is
   told where it begins, and again only where it becomes another; one that is there from the first day on and never
   changes is an opening balance that was not brought over.
4. On days that a statement covers nothing moves a bank account without a line of it.
5. A bank account moves only on days that some statement covers.
6. Disputes are answered by the day that was promised.

A reversal counts on the day of what it undoes: the bank never saw either. A statement that begins or ends within
days of another one may have been cut inside the day; it is judged there only by the other one's balance.
Cash boxes and stores have no statements; the report says so, and nothing more.

What is kept is one row for each place and day, not for each record; lines and disputes are read from the registers of
the replay. Pure.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate
from typing import Any, Protocol

from audit.findings import FindingKind, Findings
from ledger.days import DEFAULT_ZONE, day_of, to_instant
from ledger.entries.base import EntryBase, LineFact
from ledger.entries.book import BalanceBrought
from ledger.entries.control import Reversed
from ledger.record import BareRecord, Record
from ledger.refusals import Rejected
from ledger.registers import decode_value
from ledger.replay import State

NAMED_A_DAY = 20
"""Records without a line that are named for one place and day; beyond that they are counted."""


class _EarlierEntry(Protocol):
    @property
    def entry(self) -> EntryBase: ...


@dataclass(slots=True)
class _Day:
    """What moved one bank account on one day, in the account's smallest unit."""

    moved: int = 0
    brought: int = 0
    """Balances brought over; they stand before anything of the day."""
    without_line: int = 0
    """How many records, not reversed, moved it without a statement line."""
    named: list[int] = field(default_factory=list)
    """The first of these."""


SavedDay = tuple[str, int, int, int, int, tuple[int, ...]]
"""(place, day as its ordinal, moved, brought, records without a line, the first of these)."""


class CompleteCheck:
    """Takes the records in order; `earlier` gives an older one to a reversal. Afterwards `finish`."""

    def __init__(self, earlier: Callable[[int], _EarlierEntry]) -> None:
        self._earlier = earlier
        self._places: dict[str, dict[int, _Day]] = {}

    def resume(self, rows: Iterable[SavedDay]) -> None:
        """Goes on where a saved audit stood."""
        for place, day, moved, brought, without_line, named in rows:
            self._places.setdefault(place, {})[day] = _Day(moved, brought, without_line, list(named))

    def rows(self) -> tuple[SavedDay, ...]:
        """What a saved audit keeps."""
        return tuple(
            (place, day, kept.moved, kept.brought, kept.without_line, tuple(kept.named))
            for place, days in sorted(self._places.items())
            for day, kept in sorted(days.items())
        )

    def take(self, record: Record | BareRecord, zone: str) -> None:
        """Counts what one record moves; `zone` is the book's, for kinds that name no day."""
        net: dict[str, int] = {}
        for posting in record.postings:
            if posting.destination.startswith("bank:"):
                net[posting.destination] = net.get(posting.destination, 0) + posting.amount.minor
            if posting.source.startswith("bank:"):
                net[posting.source] = net.get(posting.source, 0) - posting.amount.minor
        if not net:
            return
        if isinstance(record, BareRecord):
            # Its day and its line cannot be read; that it is unknown is a finding of its own.
            for place, minor in net.items():
                self._day(place, _recorded_on(record.at, zone)).moved += minor
            return
        index, holds = record.index, True
        entry: EntryBase = record.entry
        while isinstance(entry, Reversed):
            try:
                index, entry, holds = entry.reversed, self._earlier(entry.reversed).entry, not holds
            except Rejected:
                break  # a reversal of nothing is a finding of its own
        on = entry.money_day()
        ordinal = _recorded_on(record.at, zone) if on is None else on.toordinal()
        for place, minor in net.items():
            day = self._day(place, ordinal)
            if isinstance(entry, BalanceBrought):
                day.brought += minor
                continue
            day.moved += minor
            if not (isinstance(entry, LineFact) and entry.line is not None and entry.place == place):
                _name(day, index, holds=holds)

    def _day(self, place: str, ordinal: int) -> _Day:
        return self._places.setdefault(place, {}).setdefault(ordinal, _Day())

    def finish(self, state: State, at: datetime | None, found: Findings) -> dict[str, Any]:
        """The findings, and the report's `completeness`; `at` is the auditor's present, if there is one."""
        today = None if at is None else date.fromordinal(_recorded_on(to_instant(at), state.zone))
        statements = statements_of(state)
        lines = _lines(state)
        units: dict[str, str] = {}
        others: list[str] = []
        for key, value in state.registers.items():
            if key.register == "place" and value is not None:
                if key.key.startswith("bank:"):
                    units[key.key] = decode_value(value)["unit"]
                else:
                    others.append(key.key)
        places = [
            self._place(place, units[place], statements.get(place, []), lines.get(place, _Lines()), found)
            for place in sorted(units)
        ]
        return {
            "as_of": None if today is None else today.isoformat(),
            "places": places,
            "without_statements": sorted(others),
            "disputes": _disputes(state, today, found),
        }

    def _place(
        self, place: str, unit: str, statements: list["Statement"], lines: "_Lines", found: Findings
    ) -> dict[str, Any]:
        days = self._places.get(place, {})
        covered = _union((s.first, s.last) for s in statements)
        if lines.waiting:
            detail = f"{lines.waiting} lines: {lines.waiting_in} {unit} in, {lines.waiting_out} {unit} out"
            found.add(FindingKind.LINES_IN_SUSPENSE, detail, account=place)
        gaps = _gaps(days, covered)
        # Days between two statements are told with every audit (check_statements); those before the first only here.
        if gaps and gaps[0][1] < covered[0][0]:
            first = min(statements)
            found.add(FindingKind.DAYS_UNCOVERED, _period(*gaps[0]), index=first.index, account=place)
        checks, differ = _balances(place, unit, days, statements, found)
        stray = _uncovered_moves(place, days, covered, found)
        for ordinal, day in sorted(days.items()):
            if day.without_line and _is_in(ordinal, covered):
                _without_line(place, ordinal, day, found)
        new_lines = sum(s.new_lines for s in statements)
        return {
            "place": place,
            "unit": unit,
            "statements": len(statements),
            "lines": new_lines,
            "matched": lines.matched,
            "explained": lines.explained,
            "in_suspense": {"lines": lines.waiting, "in_minor": lines.waiting_in, "out_minor": lines.waiting_out},
            "missing": new_lines - sum(s.recorded for s in statements),
            "covered_days": sum(last - first + 1 for first, last in covered),
            "uncovered": [[_shown(first), _shown(last)] for first, last in gaps],
            "moved_uncovered_days": stray,
            "balance_checks": {"made": checks, "differ": differ},
        }


def _name(day: _Day, index: int, *, holds: bool) -> None:
    """Counts a record without a line, or, when it was reversed, counts it no more."""
    if holds:
        day.without_line += 1
        if len(day.named) < NAMED_A_DAY:
            day.named.append(index)
    else:
        day.without_line -= 1
        if index in day.named:
            day.named.remove(index)


def _recorded_on(at: str, zone: str) -> int:
    try:
        return day_of(at, zone or DEFAULT_ZONE).toordinal()
    except (Rejected, ValueError):
        return 1  # no such moment, or no such zone: a finding of its own


def _shown(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _period(first: int, last: int) -> str:
    return f"{_shown(first)} to {_shown(last)}"


# Statements


@dataclass(frozen=True, slots=True, order=True)
class Statement:
    """One statement as the book has it; days are ordinals."""

    first: int
    last: int
    index: int
    opening: int
    closing: int
    new_lines: int
    recorded: int


def statements_of(state: State) -> dict[str, list[Statement]]:
    """The statements of each place, by their days."""
    places: dict[str, list[Statement]] = {}
    for key, data in state.registers.items():
        if key.register != "statement" or data is None:
            continue
        row = decode_value(data)
        first, last = (date.fromisoformat(row[name]).toordinal() for name in ("from_on", "to_on"))
        figures = (row["opening"], row["closing"], row["new_lines"], row["recorded"])
        places.setdefault(row["place"], []).append(Statement(first, last, row["index"], *figures))
    return {place: sorted(statements) for place, statements in sorted(places.items())}


def check_statements(state: State, found: Findings) -> None:
    """What every audit says of statements: lines that are missing, days between two of them, balances that do not
    chain."""
    for place, statements in statements_of(state).items():
        for statement in statements:
            if statement.recorded < statement.new_lines:
                detail = f"{statement.new_lines - statement.recorded} of {statement.new_lines} lines are missing"
                found.add(FindingKind.IMPORT_INCOMPLETE, detail, index=statement.index, account=place)
        before = statements[0]
        for statement in statements[1:]:
            if statement.first > before.last + 1:
                days = _period(before.last + 1, statement.first - 1)
                found.add(FindingKind.DAYS_UNCOVERED, days, index=statement.index, account=place)
            # Statements that overlap say the same days twice; only one that begins after the other can chain.
            if statement.first > before.last and statement.opening != before.closing:
                detail = f"opens with {statement.opening}, the one before closed with {before.closing}"
                found.add(FindingKind.STATEMENTS_DO_NOT_CHAIN, detail, index=statement.index, account=place)
            if statement.last >= before.last:
                before = statement


def _union(periods: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The days covered, as periods that do not touch."""
    covered: list[tuple[int, int]] = []
    for first, last in sorted(periods):
        if covered and first <= covered[-1][1] + 1:
            covered[-1] = (covered[-1][0], max(last, covered[-1][1]))
        else:
            covered.append((first, last))
    return covered


def _is_in(ordinal: int, covered: list[tuple[int, int]]) -> bool:
    at = bisect_right(covered, (ordinal, 2**62)) - 1
    return at >= 0 and covered[at][1] >= ordinal


def _gaps(days: dict[int, _Day], covered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Days not covered, from the first movement, or the day after a balance was brought over, to the last statement."""
    if not covered:
        return []
    begins = [day + (kept.brought != 0) for day, kept in days.items() if kept.brought or _is_moved(kept)]
    first = min([*begins, covered[0][0]])
    starts = [first, *(last + 1 for _, last in covered)]
    ends = [begin - 1 for begin, _ in covered]
    return [(start, end) for start, end in zip(starts, ends, strict=False) if start <= end]


def _is_moved(day: _Day) -> bool:
    return day.moved != 0 or day.without_line != 0


# Lines


@dataclass(slots=True)
class _Lines:
    matched: int = 0
    explained: int = 0
    waiting: int = 0
    waiting_in: int = 0
    waiting_out: int = 0


def _lines(state: State) -> dict[str, _Lines]:
    """Per place, what became of its lines: one that never waited has no balance in suspense, not even zero."""
    left = {account: minor for (account, _), minor in state.balances.items() if account.startswith("suspense:")}
    places: dict[str, _Lines] = {}
    for key, value in state.registers.items():
        if key.register != "line" or value is None:
            continue
        of = places.setdefault(decode_value(value)["place"], _Lines())
        minor = left.get(f"suspense:{key.key}")
        if minor is None:
            of.matched += 1
        elif minor == 0:
            of.explained += 1
        else:
            of.waiting += 1
            of.waiting_in += max(minor, 0)
            of.waiting_out -= min(minor, 0)
    return places


# Balances


@dataclass(frozen=True, slots=True)
class _Held:
    """The place account at the beginning or the end of one day, against the bank's word."""

    statement: Statement
    said: str
    day: int
    stated: int
    book: int


def _balances(
    place: str, unit: str, days: dict[int, _Day], statements: list[Statement], found: Findings
) -> tuple[int, int]:
    """How many balances of statements were held against the account, and at how many of them it differs."""
    held = list(_held(days, statements))
    if not held:
        return 0, 0
    before = 0
    first = held[0].stated - held[0].book
    constant = first != 0 and all(each.stated - each.book == first for each in held)
    for each in held:
        difference = each.stated - each.book
        if difference not in (0, before):
            detail = f"{_shown(each.day)} {each.said} with {each.stated} {unit}, the account has {each.book}"
            if constant:
                detail += (
                    f"; {difference} at each of {len(held)} balances: số dư đầu chưa chuyển sang — "
                    "an opening balance that was not brought over"
                )
            elif before:
                detail += f"; before that {before} less" if before > 0 else f"; before that {-before} more"
            index = each.statement.index
            found.add(FindingKind.STATEMENT_BALANCE_DIFFERS, detail, index=index, account=place)
        before = difference
    return len(held), sum(each.stated != each.book for each in held)


def _held(days: dict[int, _Day], statements: list[Statement]) -> Iterator[_Held]:
    """One for each day on which statements begin, and one for each on which they end, oldest first.

    Of several that begin (end) on one day, one may have been cut inside it: the account must agree with one of them.
    Where yet another statement goes on over that day, even that is not sure; then only agreement is told.
    """
    order = sorted(days)
    moved = [0, *accumulate(days[day].moved for day in order)]
    brought = [0, *accumulate(days[day].brought for day in order)]

    def stands(before: int, after_brought: int) -> int:
        """Moved on the days before one, brought over by another."""
        return moved[bisect_right(order, before - 1)] + brought[bisect_right(order, after_brought)]

    boundaries = {(s.first, False) for s in statements} | {(s.last, True) for s in statements}
    for day, closes in sorted(boundaries):
        group = [s for s in statements if (s.last if closes else s.first) == day]
        book = stands(day + 1 if closes else day, day)
        figures = {s.closing if closes else s.opening: s for s in reversed(group)}
        goes_on = any(s.first <= day < s.last if closes else s.first < day <= s.last for s in statements)
        if book not in figures and goes_on:
            continue
        stated = book if book in figures else next(reversed(figures))
        yield _Held(figures[stated], "closes" if closes else "opens", day, stated, book)


# Movements


def _uncovered_moves(place: str, days: dict[int, _Day], covered: list[tuple[int, int]], found: Findings) -> int:
    stray = sorted(day for day, kept in days.items() if _is_moved(kept) and not _is_in(day, covered))
    if stray:
        detail = f"{len(stray)} days: {_period(stray[0], stray[-1])}"
        found.add(FindingKind.PLACE_UNCOVERED, detail, account=place)
    elif not covered and days:
        found.add(FindingKind.PLACE_UNCOVERED, "a balance was brought over, no statement shows it", account=place)
    return len(stray)


def _without_line(place: str, ordinal: int, day: _Day, found: Findings) -> None:
    for index in day.named:
        detail = f"{_shown(ordinal)} is covered, and no line of it is this movement"
        found.add(FindingKind.NOT_ON_STATEMENT, detail, index=index, account=place)
    if more := day.without_line - len(day.named):
        found.add(FindingKind.NOT_ON_STATEMENT, f"{_shown(ordinal)}: {more} more records", account=place)


# Disputes


def _disputes(state: State, today: date | None, found: Findings) -> dict[str, int]:
    counts = {"open": 0, "overdue": 0, "answered": 0}
    for key, value in state.registers.items():
        if key.register != "dispute" or value is None:
            continue
        row = decode_value(value)
        if row["answered"]:
            counts["answered"] += 1
            continue
        late = today is not None and today > date.fromisoformat(row["answer_by_on"])
        counts["overdue" if late else "open"] += 1
        kind = FindingKind.DISPUTE_OVERDUE if late else FindingKind.DISPUTE_OPEN
        found.add(kind, f"to be answered by {row['answer_by_on']}", index=int(key.key))
    return counts
