"""A table of cells → lines. What a CSV file and a sheet have in common, once, for both.

Opening reads the table through once without keeping it: preamble, header, the number style and day order
that the whole file proves, whether it runs backwards, balances printed above or below. `lines()` reads it
again and gives the lines. A row that cannot be understood stops the file with its number.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Final

from ledger.refusals import Reason, Rejected
from ledger.statements import amounts, days
from ledger.statements.amounts import Mark, Style
from ledger.statements.layouts import Columns, Layout, choose, label_of, read_header
from ledger.statements.line import MAX_MEMO, Line, Statement, StatementHead
from ledger.text import fold, mark, skeleton

Cell = str | Decimal | datetime | date | time
_DIGIT = re.compile("[0-9]")
MAX_PREAMBLE: Final = 60
"""Rows above the header. A bank's title block has at most some twenty."""
MAX_COLUMNS: Final = 200
MAX_TURNED: Final = 200_000
"""Lines of a file that runs backwards: turning it round takes memory, so there is a limit."""


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    cells: tuple[Cell, ...]

    def text(self, at: int) -> str:
        cell = self.cells[at] if at < len(self.cells) else ""
        return cell if isinstance(cell, str) else str(cell)

    @property
    def filled(self) -> list[int]:
        return [at for at, cell in enumerate(self.cells) if not isinstance(cell, str) or cell.strip()]


@dataclass(slots=True)
class _Found:
    """What the first pass gathers."""

    account: str | None = None
    currency: str | None = None
    opening: tuple[int, Cell] | None = None
    closing: tuple[int, Cell] | None = None
    from_on: date | None = None
    to_on: date | None = None
    lines: int = 0
    first_on: date | None = None
    latest_on: date | None = None
    rises: bool = False
    falls: bool = False
    order_proven: bool = False
    first_row: int = 0


@dataclass(slots=True)
class _Chain:
    """Do the balances tie, read with one thousands mark: downwards, and upwards?"""

    mark: Mark | None
    down: bool = True
    up: bool = True
    links: int = 0
    before: tuple[int, int | None] | None = None

    def see(self, amount: int, balance: int | None) -> None:
        if self.before is not None and balance is not None and self.before[1] is not None:
            self.links += 1
            self.down &= self.before[1] + amount == balance
            self.up &= balance + self.before[0] == self.before[1]
        self.before = (amount, balance)

    @property
    def ties(self) -> bool:
        return self.links > 0 and (self.down or self.up)


class GridStatement(Statement):
    """A statement that is a table. `rows` gives its rows afresh at each call."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        rows: Callable[[], Iterator[Row]],
        *,
        kind: str,
        currency: str,
        digits: int,
        layout: Layout | None,
        above: Sequence[str] = (),
    ) -> None:
        self.path, self.sha256 = path, sha256
        self._rows, self._currency, self._digits = rows, currency, digits
        self._above = above
        self._layout: Layout
        self._columns: Columns
        self._header_row = 0
        self._mark: Mark | None = None
        found = self._scan(layout)
        self.days_in_order = not (found.rises and found.falls)
        if self._newest_first and found.lines > MAX_TURNED:
            raise Rejected(
                Reason.FILE_TOO_LARGE,
                f"runs backwards and has more than {MAX_TURNED} lines: export it oldest first",
            )
        self.head = StatementHead(
            format=f"{kind}:{self._layout.name}",
            account_number=found.account,
            currency=found.currency,
            opening_minor=self._printed(found.opening),
            closing_minor=self._printed(found.closing),
            from_on=found.from_on,
            to_on=found.to_on,
            newest_first=self._newest_first,
        )

    def lines(self) -> Iterator[Line]:
        if self._newest_first:
            return reversed(list(self._read()))
        return self._read()

    # The first pass

    def _scan(self, declared: Layout | None) -> _Found:
        found = _Found()
        rows = self._rows()
        above: list[str] = list(self._above)
        columns: Columns | None = None
        seen = 0
        for row in rows:
            if not row.filled:
                continue
            seen += 1
            columns = read_header([row.text(at) for at in range(len(row.cells))], row=row.number)
            if columns is not None:
                self._header_row = row.number
                break
            if seen > MAX_PREAMBLE:
                break
            above.extend(row.text(at) for at in row.filled)
            self._read_preamble(row, found)
        if seen == 0:
            raise Rejected(Reason.NO_LINES, "the file is empty")
        if columns is None:
            raise Rejected(
                Reason.HEADER_UNKNOWN,
                "no row has headings for a day and an amount; the first rows of the file were read",
                rows=seen,
            )
        if found.currency not in (None, self._currency):
            raise Rejected(
                Reason.CURRENCY_DIFFERS,
                "the file is in another currency than the account",
                file=found.currency,
                account=self._currency,
            )
        self._columns = columns
        self._layout = declared or choose(columns, above)
        style = Style(declared=self._layout.thousands, digits=self._digits)
        chains: list[_Chain] = [_Chain(None), _Chain(","), _Chain(".")] if "balance" in columns.roles else []
        for cell in (found.opening, found.closing):
            if cell is not None:
                self._see(style, cell[1], row=cell[0], field="balance")
        for row, booked in self._table(rows, found):
            self._scan_line(row, booked, found, style, chains)
        if not found.lines:
            raise Rejected(Reason.NO_LINES, "the file has headings and no line")
        if self._layout.order_needs_proof and not found.order_proven:
            raise Rejected(
                Reason.ROW_AMBIGUOUS,
                "day/month or month/day: no date of this file tells",
                row=found.first_row,
                field="date",
            )
        tied: Mark | None = None
        if not style.settled:
            tying: list[Mark] = [chain.mark for chain in chains if chain.mark and chain.ties]
            tied = tying[0] if len(tying) == 1 else None
        self._mark = style.mark(tied)
        falls = found.falls and not found.rises
        chain = next((chain for chain in chains if chain.mark == self._mark), None)
        if chain is not None and chain.links and chain.down != chain.up:
            self._newest_first = chain.up
        else:
            self._newest_first = falls
        return found

    def _scan_line(self, row: Row, booked: days.Moment, found: _Found, style: Style, chains: list[_Chain]) -> None:
        found.lines += 1
        if found.latest_on is None:
            found.first_on, found.first_row = booked.day, row.number
        else:
            found.rises |= booked.day > found.latest_on
            found.falls |= booked.day < found.latest_on
        found.latest_on = booked.day
        found.order_proven |= booked.proves_order
        for role in ("debit", "credit", "amount", "balance"):
            if role in self._columns.roles:
                self._see(style, self._cell(row, role), row=row.number, field=role)
        for chain in chains:
            if chain.down or chain.up:
                try:
                    chain.see(self._amount(row, chain.mark), self._balance(row, chain.mark))
                except Rejected:
                    chain.down = chain.up = False  # this style cannot read the file

    def _see(self, style: Style, cell: Cell, *, row: int, field: str) -> None:
        if isinstance(cell, str) and not self._blank(cell):
            style.see(amounts.written(cell, self._currency, row=row, field=field), row=row, field=field)

    def _read_preamble(self, row: Row, found: _Found) -> None:
        filled = row.filled
        for at in filled:
            text = row.text(at)
            label = label_of(text)
            if label is None or label == "total":
                continue
            said = text.partition(":")[2].strip()
            after = next((row.cells[other] for other in filled if other > at), "")
            value: Cell = said or after
            if isinstance(value, str):
                value = value.lstrip(": ").strip()
            if value == "":
                continue
            match label:
                case "opening" | "closing":
                    setattr(found, label, (row.number, value))
                case "account" if found.account is None and any(c.isdigit() for c in str(value)):
                    digits = "".join(c for c in str(value) if c.isalnum())
                    found.account = digits[:64] or None
                case "currency" if found.currency is None:
                    word = str(value).strip().upper()
                    if len(word) == 3 and word.isascii() and word.isalpha():
                        found.currency = word
                case "from" | "to" if isinstance(value, str):
                    try:
                        day = days.read_day(value.split()[0], row=row.number, field=label).day
                    except Rejected:
                        continue  # the period is information; only days of lines count
                    setattr(found, f"{label}_on", day)
                case _:
                    pass

    def _printed(self, cell: tuple[int, Cell] | None) -> int | None:
        if cell is None:
            return None
        row, value = cell
        return self._number(value, self._mark, row=row, field="balance")

    # Rows of the table

    def _table(self, rows: Iterator[Row], found: _Found | None) -> Iterator[tuple[Row, days.Moment]]:
        """The rows that are lines, each with its day; others are known for what they are or stop it."""
        layout, columns = self._layout, self._columns
        debit = credit = 0
        ended: Row | None = None
        carried: days.Moment | None = None
        for row in rows:
            filled = row.filled
            if not filled:
                continue
            if self._is_header(row):
                continue
            booked = self._booked(row, carried)
            if booked is None:
                self._aside(row, filled, found, (debit, credit))
                ended = row
                continue
            if ended is not None and not self._balance_row(ended):
                raise Rejected(Reason.ROW_MALFORMED, "is not a line, yet lines come after it", row=ended.number)
            if len(row.cells) < columns.width or any(at >= columns.width for at in filled):
                raise Rejected(
                    Reason.ROW_MALFORMED,
                    f"has {len(row.cells)} cells where the header has {columns.width}",
                    row=row.number,
                )
            if found is None and layout.totals:
                amount = self._amount(row, self._mark)
                debit, credit = (debit - amount, credit) if amount < 0 else (debit, credit + amount)
            carried = days.Moment(booked.day)
            yield row, booked

    def _is_header(self, row: Row) -> bool:
        """The header again at the top of a page, or its second language right under it."""
        texts = [row.text(at) for at in range(len(row.cells))]
        if tuple(texts[: self._columns.width]) == self._columns.texts:
            return True
        if row.number > self._header_row + 2 or self._layout.strict:
            return False
        try:
            again = read_header(texts, row=row.number)
        except Rejected:
            return False
        return again is not None and all(
            self._columns.roles.get(role) == at for role, at in again.roles.items() if role in self._columns.roles
        )

    def _booked(self, row: Row, carried: days.Moment | None) -> days.Moment | None:
        """The day of a line; None where the cell does not hold one and the row is something else."""
        at = self._columns.booked
        cell: Cell = row.cells[at] if at < len(row.cells) else ""
        if isinstance(cell, datetime):
            clock = cell.strftime("%H:%M:%S") if cell.time() != time() else None
            return days.Moment(days.sensible(cell.date(), row=row.number, field="date"), clock)
        if isinstance(cell, date):
            return days.Moment(days.sensible(cell, row=row.number, field="date"))
        if isinstance(cell, str):
            if not cell.strip():
                if self._layout.strict:
                    raise Rejected(Reason.ROW_MALFORMED, "has no date", row=row.number, field="date")
                if self._layout.date_carried and carried is not None and self._has_amount(row):
                    return carried
                return None
            if not self._layout.strict:
                cell = cell.strip()
                if not cell[0].isdigit() and (not _DIGIT.search(cell) or label_of(cell) is not None):
                    return None
            elif cell != cell.strip():
                raise Rejected(Reason.ROW_MALFORMED, "a space beside the date", row=row.number, field="date")
            if len(row.filled) == 1 and not self._layout.strict:
                try:
                    days.read_day(cell, row=row.number, field="date")
                except Rejected:
                    return None  # a note under the table
                raise Rejected(Reason.ROW_MALFORMED, "a date and nothing else", row=row.number)
            return days.read_day(
                cell,
                row=row.number,
                field="date",
                order=self._layout.order,
                rest=self._layout.date_with_document,
            )
        raise Rejected(Reason.ROW_MALFORMED, "is not a date", row=row.number, field="date")

    def _has_amount(self, row: Row) -> bool:
        """A line's row, not a totals row: something is said beside the figures."""
        labelled = any(label_of(row.text(at)) for at in row.filled)
        said = any(role in self._columns.roles and self._text(row, role) for role in ("memo", "reference"))
        figures = any(
            role in self._columns.roles and not self._blank(self._text(row, role))
            for role in ("debit", "credit", "amount")
        )
        return figures and said and not labelled

    def _balance_row(self, row: Row) -> bool:
        return any(label_of(row.text(at)) in ("opening", "closing") for at in row.filled)

    def _aside(self, row: Row, filled: list[int], found: _Found | None, sums: tuple[int, int]) -> None:
        """A row without a day: printed balance, totals that must tie, or a note under the table."""
        if self._layout.strict:
            raise Rejected(Reason.ROW_MALFORMED, "has no date", row=row.number, field="date")
        labels = {label_of(row.text(at)) for at in filled} - {None}
        if labels & {"opening", "closing"}:
            if found is not None:
                self._balance_aside(row, filled, found, "opening" if "opening" in labels else "closing")
            return
        memo = self._columns.roles.get("memo", 0)
        if memo and filled == [memo]:
            raise Rejected(
                Reason.ROW_AMBIGUOUS, "only words: a note, or more of the line above", row=row.number, field="memo"
            )
        numbers = [at for at in filled if self._numeric(row, at)]
        if "total" in labels or (numbers and self._layout.totals_unlabelled and len(numbers) == len(filled)):
            if not self._layout.totals:
                raise Rejected(Reason.ROW_MALFORMED, "a totals row in a list of lines", row=row.number)
            if found is None:
                self._check_totals(row, sums)
            return
        if numbers and any(at in numbers for at in self._figures):
            raise Rejected(Reason.ROW_MALFORMED, "has figures but no date", row=row.number, field="date")

    @property
    def _figures(self) -> list[int]:
        return [
            self._columns.roles[role]
            for role in ("debit", "credit", "amount", "balance")
            if role in self._columns.roles
        ]

    def _balance_aside(self, row: Row, filled: list[int], found: _Found, label: str) -> None:
        numbers = [at for at in filled if self._numeric(row, at)]
        preferred = self._columns.roles.get("balance")
        if preferred in numbers:
            at = preferred
        elif len(numbers) == 1:
            at = numbers[0]
        else:
            self._read_preamble(row, found)
            return
        assert at is not None
        value = row.cells[at]
        was = getattr(found, label)
        if was is not None and was[1] != value:
            raise Rejected(Reason.ROW_AMBIGUOUS, f"a second {label} balance", row=row.number)
        setattr(found, label, (row.number, value))

    def _check_totals(self, row: Row, sums: tuple[int, int]) -> None:
        for role, total in (("debit", sums[0]), ("credit", sums[1])):
            at = self._columns.roles.get(role)
            if at is None or at not in row.filled or not self._numeric(row, at):
                continue
            printed = self._number(row.cells[at], self._mark, row=row.number, field=role)
            if abs(printed) != total:
                raise Rejected(
                    Reason.CONTROL_DIFFERS,
                    f"the file's own {role} total is not the sum of its lines",
                    row=row.number,
                    printed_minor=printed,
                    computed_minor=total,
                )

    def _numeric(self, row: Row, at: int) -> bool:
        cell = row.cells[at]
        if not isinstance(cell, str):
            return isinstance(cell, Decimal)
        try:
            amounts.written(cell, self._currency, row=row.number, field="")
        except Rejected as refused:
            return refused.reason is Reason.ROW_AMBIGUOUS
        return True

    # The second pass

    def _read(self) -> Iterator[Line]:
        rows = self._rows()
        for row in rows:
            if row.number >= self._header_row:
                break
        for row, booked in self._table(rows, None):
            yield self._line(row, booked)

    def _line(self, row: Row, booked: days.Moment) -> Line:
        clock = booked.time
        if "time" in self._columns.roles and (cell := self._cell(row, "time")) not in ("", None):
            if isinstance(cell, (datetime, time)):
                clock = cell.strftime("%H:%M:%S")
            else:
                clock = days.read_time(str(cell), row=row.number, field="time")
        said = self._text(row, "currency").strip().upper() if "currency" in self._columns.roles else ""
        if said and said != self._currency:
            raise Rejected(Reason.CURRENCY_DIFFERS, "a line in another currency", row=row.number, file=said[:3])
        memo = self._words(row, "memo") or ""
        reference = (
            self._words(row, "reference")
            or self._words(row, "document")
            or (mark(booked.rest) if booked.rest else None)
        )
        fund = self._words(row, "fund")
        if fund is not None and any(ord(c) > 127 and skeleton(c).isascii() for c in _unmarked(fund)):
            raise Rejected(
                Reason.ROW_MALFORMED,
                "a letter that only looks like a Latin one",
                row=row.number,
                field="fund",
            )
        return Line(
            row=row.number,
            booked_on=booked.day,
            amount_minor=self._amount(row, self._mark),
            memo=memo,
            reference=" ".join(reference.split()) if reference else None,
            balance_minor=self._balance(row, self._mark),
            counterparty=self._words(row, "counterparty") or self._words(row, "donor"),
            time=clock,
            fund=fund,
        )

    def _cell(self, row: Row, role: str) -> Cell:
        at = self._columns.roles[role]
        return row.cells[at] if at < len(row.cells) else ""

    def _text(self, row: Row, role: str) -> str:
        cell = self._cell(row, role)
        if isinstance(cell, Decimal):
            return str(int(cell)) if cell == cell.to_integral_value() else str(cell)
        return cell if isinstance(cell, str) else str(cell)

    def _words(self, row: Row, role: str) -> str | None:
        if role not in self._columns.roles:
            return None
        text = mark(self._text(row, role))
        if not self._layout.strict:
            text = text.strip()
        if len(text) > MAX_MEMO:
            raise Rejected(Reason.ROW_MALFORMED, f"longer than {MAX_MEMO} characters", row=row.number, field=role)
        return text if text.strip() else None

    def _blank(self, text: str) -> bool:
        bare = text.strip()
        return not bare or (bare in ("-", "–", "—") and not self._layout.strict)

    def _number(self, cell: Cell, mark_: Mark | None, *, row: int, field: str) -> int:
        if isinstance(cell, Decimal):
            return amounts.exact(cell, self._digits, row=row, field=field)
        if not isinstance(cell, str):
            raise Rejected(Reason.ROW_MALFORMED, "is not an amount", row=row, field=field)
        number = amounts.written(cell, self._currency, row=row, field=field)
        return amounts.minor(number, mark_, self._digits, row=row, field=field)

    def _amount(self, row: Row, mark_: Mark | None) -> int:
        """The signed amount of a line: one of two columns, or a signed column, and never zero."""
        if "amount" in self._columns.roles:
            cell = self._cell(row, "amount")
            if isinstance(cell, str) and self._blank(cell):
                raise Rejected(Reason.ROW_MALFORMED, "has no amount", row=row.number, field="amount")
            amount = self._number(cell, mark_, row=row.number, field="amount")
            if self._layout.strict and (amount < 0 or (isinstance(cell, str) and cell.strip()[0] in "+-")):
                raise Rejected(Reason.ROW_MALFORMED, "a sign in a list of gifts", row=row.number, field="amount")
        else:
            amount = 0
            for role, sign in (("debit", -1), ("credit", 1)):
                cell = self._cell(row, role)
                if isinstance(cell, str) and self._blank(cell):
                    continue
                figure = self._number(cell, mark_, row=row.number, field=role)
                if figure < 0:
                    raise Rejected(
                        Reason.ROW_AMBIGUOUS,
                        "a negative figure in a debit or credit column: a reversal or a habit of this bank",
                        row=row.number,
                        field=role,
                    )
                if figure and amount:
                    raise Rejected(Reason.ROW_AMBIGUOUS, "both a debit and a credit", row=row.number, field=role)
                amount += sign * figure
        if amount == 0:
            raise Rejected(Reason.ROW_MALFORMED, "has no amount, or zero", row=row.number, field="amount")
        return amount

    def _balance(self, row: Row, mark_: Mark | None) -> int | None:
        if "balance" not in self._columns.roles:
            return None
        cell = self._cell(row, "balance")
        if isinstance(cell, str) and self._blank(cell):
            return None
        return self._number(cell, mark_, row=row.number, field="balance")


def _unmarked(text: str) -> str:
    """A fund code without what Vietnamese adds to Latin letters, so that what remains must be ASCII."""
    return "".join(c for c in text if ord(c) < 128 or fold(c) == "" or not fold(c).isascii())
