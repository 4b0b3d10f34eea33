"""A table with headings → lines of typed values, each fault with its row and column. Pure.

A heading is the Vietnamese or the English name of a column, or both («Số tiền / Amount»), however spelt in capitals,
marks and spaces. Columns that nobody asked for are refused: what they say would silently be lost. A fault never
repeats what stands in the cell.

| kind | written as |
|---|---|
| `text` | text; a private one goes to the vault |
| `code` | letters, digits, dot, dash, underline; `place` also `bank:VCB` |
| `day` | 31/12/2025, 2025-12-31, or a date cell |
| `amount` | 1.500.000, `1.500.000 ₫`, a number cell; of goods a whole number |
| `count` | a whole number |
| `yes` | có / không, yes / no |
| `choice` | one of its words |
| `sha256` | 64 hexadecimal digits |
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from ledger.accounts import CODE
from ledger.money import CURRENCY_DIGITS, GOODS, MAX_MINOR, is_currency
from ledger.refusals import Reason, Rejected
from ledger.statements import amounts, days
from ledger.statements.grid import Cell, Row
from ledger.text import clean, fold

MAX_ROWS: Final = 10_000
"""Lines of one file: it is recorded in one transaction."""
_YES: Final = {"co": True, "yes": True, "khong": False, "no": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    vi: str
    en: str
    kind: Literal["text", "code", "place", "unit", "day", "amount", "count", "yes", "choice", "sha256"] = "text"
    needed: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    """Of a choice: what people write → what the book says."""

    @property
    def heading(self) -> str:
        """As a template prints it."""
        return f"{self.vi} / {self.en}"


@dataclass(frozen=True, slots=True)
class Line:
    """One row that was understood; absent values are left out."""

    row: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row was refused. Says nothing of what stands in the cell."""

    row: int
    column: str
    reason: Reason
    message: str


def read_lines(rows: Iterable[Row], columns: Sequence[Column]) -> tuple[list[Line], list[Fault]]:
    """Every row below the headings, and every fault found.

    Raises Rejected(HEADER_UNKNOWN, NO_LINES, FILE_TOO_LARGE) for the table as a whole.
    """
    walked = (row for row in rows if row.filled)
    header = next(walked, None)
    if header is None:
        raise Rejected(Reason.NO_LINES, "the file is empty")
    places = _places(header, columns)
    lines: list[Line] = []
    faults: list[Fault] = []
    for row in walked:
        if len(lines) + len(faults) >= MAX_ROWS:
            raise Rejected(Reason.FILE_TOO_LARGE, f"more than {MAX_ROWS} lines: make several files of it")
        found = list(_line(row, places))
        wrong = [one for one in found if isinstance(one, Fault)]
        faults += wrong
        if not wrong:
            lines.append(Line(row.number, dict(one for one in found if not isinstance(one, Fault))))
    if not lines and not faults:
        raise Rejected(Reason.NO_LINES, "the file has headings and no line")
    return lines, faults


def _places(header: Row, columns: Sequence[Column]) -> list[tuple[int, Column]]:
    """(cell, column) in the columns' own order."""
    by_name: dict[str, Column] = {}
    for column in columns:
        for name in (column.vi, column.en, column.name, column.heading):
            by_name[_key(name)] = column
    found: dict[str, int] = {}
    for at in header.filled:
        known = by_name.get(_key(header.text(at)))
        if known is None:
            raise Rejected(Reason.HEADER_UNKNOWN, "no such column", row=header.number, column=at + 1)
        if known.name in found:
            raise Rejected(Reason.HEADER_UNKNOWN, "two columns mean the same", row=header.number, column=at + 1)
        found[known.name] = at
    missing = [column.heading for column in columns if column.needed and column.name not in found]
    if missing:
        raise Rejected(Reason.HEADER_UNKNOWN, "a column is missing", row=header.number, columns="; ".join(missing))
    return [(found[column.name], column) for column in columns if column.name in found]


def _key(heading: str) -> str:
    return fold(heading).replace("*", "").strip()


def _line(row: Row, places: Sequence[tuple[int, Column]]) -> Iterator[tuple[str, Any] | Fault]:
    widest = max(at for at, _ in places)
    if any(at > widest for at in row.filled):
        yield Fault(row.number, "", Reason.ROW_MALFORMED, "more cells than the headings")
    unit = "VND"
    for at, column in sorted(places, key=lambda place: place[1].name != "unit"):
        cell: Cell = row.cells[at] if at < len(row.cells) else ""
        if isinstance(cell, str) and not cell.strip():
            if column.needed:
                yield Fault(row.number, column.heading, Reason.ROW_MALFORMED, "is empty")
            continue
        try:
            value = _value(column, cell, row.number, unit)
        except Rejected as refused:
            reason = Reason.ROW_MALFORMED if refused.reason is Reason.MALFORMED else refused.reason
            yield Fault(row.number, column.heading, reason, refused.message)
            continue
        if column.name == "unit":
            unit = value
        yield column.name, value


def _value(column: Column, cell: Cell, row: int, unit: str) -> Any:
    """What a cell says; raises Rejected without repeating it."""
    match column.kind:
        case "day":
            return _day(cell, row, column.name)
        case "amount":
            return _amount(cell, row, column.name, unit)
        case "count":
            return _whole(cell, row, column.name)
    text = clean(_text(cell), field=column.name, required=True, max_chars=1000)
    match column.kind:
        case "code":
            return _matching(CODE, text)
        case "place":
            return _matching(f"(?:bank|cash|stock):{CODE}", text)
        case "unit":
            if re.fullmatch(GOODS, text) is None and text not in CURRENCY_DIGITS:
                raise _malformed("is neither a currency nor goods")
            return text
        case "yes":
            return _said(_YES, text)
        case "choice":
            return _said({**column.words, **{word: word for word in column.words.values()}}, text)
        case "sha256":
            return _matching("[0-9a-f]{64}", text.lower())
    return text


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f")
    return cell.isoformat()


def _day(cell: Cell, row: int, name: str) -> str:
    if isinstance(cell, datetime):
        cell = cell.date()
    found = cell if isinstance(cell, date) else days.read_day(_text(cell), row=row, field=name).day
    return days.sensible(found, row=row, field=name).isoformat()


def _amount(cell: Cell, row: int, name: str, unit: str) -> int:
    digits = CURRENCY_DIGITS[unit] if is_currency(unit) else 0
    if isinstance(cell, Decimal):
        minor = amounts.exact(cell, digits, row=row, field=name)
    else:
        number = amounts.written(_text(cell), unit, row=row, field=name)
        style = amounts.Style(declared=".", digits=digits)
        style.see(number, row=row, field=name)
        minor = amounts.minor(number, style.mark(), digits, row=row, field=name)
    if minor <= 0:
        raise _malformed("must be more than nothing")
    return minor


def _whole(cell: Cell, row: int, name: str) -> int:
    if isinstance(cell, Decimal):
        return amounts.exact(cell, 0, row=row, field=name)
    text = _text(cell)
    if re.fullmatch("[0-9]{1,3}(?:[.][0-9]{3})+|[0-9]{1,16}", text) is None:
        raise _malformed("is not a whole number")
    value = int(text.replace(".", ""))
    if value > MAX_MINOR:
        raise _malformed("beyond 2^53")
    return value


def _said(words: Mapping[str, Any], text: str) -> Any:
    folded = {fold(word): value for word, value in words.items()}
    if (said := folded.get(fold(text))) is None:
        raise _malformed("is none of: " + ", ".join(words))
    return said


def _matching(pattern: str, text: str) -> str:
    if re.fullmatch(pattern, text) is None:
        raise _malformed("is not of its form")
    return text


def _malformed(why: str) -> Rejected:
    return Rejected(Reason.MALFORMED, why)
