"""What a report is: named columns, rows that lead to their records, totals, notes; and the list of all reports.

A report is a function `(source, period, *, option="…") -> Report`, registered by `@report`. It is made of the
records of a book up to a size (audit/reports/source.py) and of nothing else: the same book, size, period and
options give the same report, whoever asks and whenever.

Cells are texts, integers or days. Money is an integer of the smallest parts (`minor`) of the row's unit: the text in
the row's `unit` column, VND where there is none. Every row and every total names the records it is made of.
"""

import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from ledger.days import month_end
from ledger.log import canonical
from ledger.money import is_currency
from ledger.refusals import Reason, Rejected

if TYPE_CHECKING:
    from audit.reports.source import Source

Kind = Literal["text", "money", "count", "day", "percent", "index"]
Cell = str | int | date | None
FIRST_YEAR, LAST_YEAR = 1990, 2999
"""Of a period: what a clock counts from its ends stays a day."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; its titles are Vietnamese and English."""

    name: str
    vi: str
    en: str
    kind: Kind = "text"
    """`percent` is in hundredths of a percent; `index` the number of a record."""
    total: bool = False
    """Whether its figures add up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `records` are the indices of the records its figures are made of."""

    cells: tuple[Cell, ...]
    records: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of one day to the end of another."""

    from_on: date
    to_on: date

    @classmethod
    def year(cls, year: int) -> "Period":
        """A calendar year."""
        return cls(date(year, 1, 1), date(year, 12, 31))

    @classmethod
    def parse(
        cls,
        *,
        today: date,
        from_on: date | None = None,
        to_on: date | None = None,
        year: str | None = None,
        quarter: str | None = None,
        month: str | None = None,
    ) -> "Period":
        """A period said in one way: two days, `2026`, `2026-3`, `2026-09`; none is this year up to today.

        Raises Rejected(MALFORMED).
        """
        said = [name for name in (year, quarter, month) if name is not None]
        if len(said) + (from_on is not None or to_on is not None) > 1:
            raise Rejected(Reason.MALFORMED, "a period is said in one way", field="year")
        if year is not None:
            return cls.year(int(_parts(year, "year", r"([0-9]{4})")[0]))
        if quarter is not None:
            first, number = (int(part) for part in _parts(quarter, "quarter", r"([0-9]{4})-Q?([1-4])"))
            return cls(date(first, 3 * number - 2, 1), month_end(first, 3 * number))
        if month is not None:
            first, number = (int(part) for part in _parts(month, "month", r"([0-9]{4})-(0[1-9]|1[0-2])"))
            return cls(date(first, number, 1), month_end(first, number))
        to_on = to_on or max(today, from_on or today)
        from_on = from_on or date(to_on.year, 1, 1)
        if from_on > to_on:
            raise Rejected(Reason.MALFORMED, "the period ends before it begins", field="to")
        if from_on.year < FIRST_YEAR or to_on.year > LAST_YEAR:
            raise Rejected(Reason.MALFORMED, f"between {FIRST_YEAR} and {LAST_YEAR}", field="from")
        return cls(from_on, to_on)

    @property
    def year_start(self) -> date:
        """First day of the year that the period ends in: cumulative figures count from there."""
        return date(self.to_on.year, 1, 1)

    def __contains__(self, day: date) -> bool:
        return self.from_on <= day <= self.to_on


def _parts(text: str, field: str, pattern: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, text, re.ASCII)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        raise Rejected(Reason.MALFORMED, "not a year, quarter or month", field=field)
    return tuple(found.groups())


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report."""

    kind: str
    title: tuple[str, str]
    period: Period
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...]
    notes: tuple[str, ...]
    size: int
    """The report holds for the book of this size."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; rows are objects by column name."""
        names = [column.name for column in self.columns]

        def row(one: Row) -> dict[str, Any]:
            cells = (cell.isoformat() if isinstance(cell, date) else cell for cell in one.cells)
            return {"cells": dict(zip(names, cells, strict=True)), "records": list(one.records)}

        return {
            "kind": self.kind,
            "title": list(self.title),
            "from_on": self.period.from_on.isoformat(),
            "to_on": self.period.to_on.isoformat(),
            "columns": [
                {"name": c.name, "vi": c.vi, "en": c.en, "kind": c.kind, "total": c.total} for c in self.columns
            ],
            "rows": [row(one) for one in self.rows],
            "totals": [row(one) for one in self.totals],
            "notes": list(self.notes),
            "size": self.size,
        }

    def canonical(self) -> bytes:
        """The report's canonical bytes (ledger/log/canonical.py): what `report_issued` is a hash of.

        Raises Rejected(AMOUNT_TOO_LARGE) for a sum beyond 2^53-1.
        """
        try:
            return canonical.encode(self.to_json())
        except canonical.NotCanonical as error:
            raise Rejected(Reason.AMOUNT_TOO_LARGE, str(error), field="report") from error

    def sha256(self) -> str:
        """SHA-256 of the canonical bytes, hex."""
        return hashlib.sha256(self.canonical()).hexdigest()


Maker = Callable[..., Report]


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A report that can be asked for."""

    kind: str
    title: tuple[str, str]
    make: Maker
    options: Mapping[str, str]
    """Its options with their defaults."""


REPORTS: dict[str, ReportKind] = {}


def report(kind: str, vi: str, en: str) -> Callable[[Maker], Maker]:
    """Registers a function as a report; its keyword-only parameters are the options, texts with defaults."""

    def register(make: Maker) -> Maker:
        options = {
            name: parameter.default
            for name, parameter in inspect.signature(make).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        if kind in REPORTS or not all(isinstance(default, str) for default in options.values()):
            raise ValueError(f"report {kind}: its name is taken, or an option's default is no text")
        REPORTS[kind] = ReportKind(kind, (vi, en), make, options)
        return make

    return register


def make_report(source: "Source", kind: str, period: Period, options: Mapping[str, str] | None = None) -> Report:
    """The report of a kind. Raises Rejected(MALFORMED) for a kind or option that does not exist."""
    found = REPORTS.get(kind)
    if found is None:
        raise Rejected(Reason.MALFORMED, "no such report: " + ", ".join(sorted(REPORTS)), field="kind")
    unknown = set(options or {}) - set(found.options)
    if unknown:
        known = ", ".join(sorted(found.options)) or "none"
        raise Rejected(Reason.MALFORMED, f"no such option, known are: {known}", field=min(unknown))
    return found.make(source, period, **(options or {}))


def finished(
    kind: str,
    source: "Source",
    period: Period,
    columns: tuple[Column, ...],
    rows: Iterable[Row],
    totals: Iterable[Row] = (),
    notes: Iterable[str] = (),
) -> Report:
    """The report of a registered kind."""
    return Report(kind, REPORTS[kind].title, period, columns, tuple(rows), tuple(totals), tuple(notes), source.size)


def totals_of(columns: tuple[Column, ...], rows: Iterable[Row], label: str = "Tổng cộng — total") -> tuple[Row, ...]:
    """One total a unit: the sums of the columns that add up, with the records of all rows."""
    names = [column.name for column in columns]
    unit_at = names.index("unit") if "unit" in names else None
    sums: dict[Cell, list[Cell]] = {}
    records: dict[Cell, set[int]] = {}
    for row in rows:
        unit = None if unit_at is None else row.cells[unit_at]
        into = sums.get(unit)
        if into is None:
            into = sums[unit] = [0 if column.total else None for column in columns]
            if unit_at is not None:
                into[unit_at] = unit
            if not columns[0].total and unit_at != 0:
                into[0] = label
        for number, column in enumerate(columns):
            cell = row.cells[number]
            if column.total and isinstance(cell, int):
                before = into[number]
                into[number] = (before if isinstance(before, int) else 0) + cell
        records.setdefault(unit, set()).update(row.records)
    keys = sorted(sums, key=lambda unit: (unit is not None and not is_currency(str(unit)), str(unit)))
    return tuple(Row(tuple(sums[unit]), tuple(sorted(records[unit]))) for unit in keys)
