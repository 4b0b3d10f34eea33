"""MT940 customer statements (SWIFT), read strictly.

    :20:STARTUMS                     a message begins
    :25:51230800/0000007055          account
    :28C:00027/00001                 number/page
    :60F:C100318EUR380115,77         opening balance (60M: of a page)
    :61:1003190319CR27,00NTRFref//bankref
    :86:what it is for               may run over several lines
    :62F:C100319EUR199929,02         closing balance (62M: of a page)

Every message must tie by itself, and several messages of a file must be one account's, each opening with
what the one before closed with. MT942 interim reports carry no balances and are no statements. Rows are
physical lines. A file is text: ASCII or UTF-8; other code pages are not guessed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from ledger.money import MAX_MINOR
from ledger.refusals import Reason, Rejected
from ledger.statements.csv_banks import file_sha256
from ledger.statements.line import MAX_MEMO, Line, Statement, StatementHead
from ledger.text import mark

MAX_FILE: Final = 20 * 2**20

_TAG = re.compile(r":([0-9]{2}[A-Z]?|NS):")
_BALANCE = re.compile(r"(C|D)([0-9]{6})([A-Z]{3})([0-9]{1,20}),([0-9]{0,4})\s*\Z")
_LINE = re.compile(r"([0-9]{6})([0-9]{4})?(RC|RD|C|D)([A-Z])?([0-9]{1,20}),([0-9]{0,4})([NSF].{3})(.*)\Z", re.DOTALL)
_INTERIM: Final = frozenset(("13D", "34F", "90C", "90D"))
_CONTROLS = re.compile("[\x00\x02\x04-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ENVELOPE = re.compile(r"\{[1-5]:|-\}|-[\w]{0,3}\x03?\s*\Z|[\x01\x03]")


@dataclass(slots=True)
class _Field:
    tag: str
    row: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


@dataclass(slots=True)
class _Message:
    row: int
    account: str | None = None
    opening: int | None = None
    closing: int | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    currency: str | None = None
    lines: list[Line] = field(default_factory=list)


class Mt940Statement(Statement):
    def __init__(self, path: Path, *, currency: str, digits: int) -> None:
        if path.stat().st_size > MAX_FILE:
            raise Rejected(Reason.FILE_TOO_LARGE, f"an MT940 file over {MAX_FILE // 2**20} MB")
        self.path, self.sha256 = path, file_sha256(path)
        self._digits = digits
        self.days_in_order = False
        messages = self._messages()
        check_chain(
            [
                Part(each.row, each.account, each.currency, each.opening, each.closing, _net(each.lines))
                for each in messages
            ],
            currency,
        )
        first, last = messages[0], messages[-1]
        self.head = StatementHead(
            format="mt940",
            account_number=first.account,
            currency=first.currency,
            opening_minor=first.opening,
            closing_minor=last.closing,
            from_on=first.opened_on,
            to_on=last.closed_on,
        )

    def lines(self) -> Iterator[Line]:
        for message in self._messages():
            yield from message.lines

    def _messages(self) -> list[_Message]:
        messages: list[_Message] = []
        open_line: list[object] = []
        fields = list(_fields(self.path))
        tags = {each.tag for each in fields}
        if tags & _INTERIM and not tags & {"60F", "60M"}:
            raise Rejected(
                Reason.NOT_A_STATEMENT,
                "an MT942 interim report: it has no balances, later lines of the day are missing",
                row=fields[0].row,
            )
        for each in fields:
            if each.tag == "20":
                messages.append(_Message(each.row))
            if not messages:
                raise Rejected(
                    Reason.FILE_UNREADABLE, "not a whole MT940 message: it begins without :20:", row=each.row
                )
            self._take(messages[-1], each, open_line)
        if not messages:
            raise Rejected(Reason.FILE_UNREADABLE, "not a whole MT940 message: no :20:")
        return messages

    def _take(self, message: _Message, each: _Field, open_line: list[object]) -> None:
        match each.tag:
            case "25":
                message.account = re.sub(r"\s", "", mark(each.text))[:64] or None
            case "60F" | "60M":
                amount, day, currency = self._balance(each)
                self._same_currency(message, currency, each.row)
                if message.opening is None:
                    message.opening, message.opened_on = amount, day
                else:
                    raise Rejected(Reason.ROW_AMBIGUOUS, "a second opening balance", row=each.row)
            case "62F" | "62M":
                amount, day, currency = self._balance(each)
                self._same_currency(message, currency, each.row)
                if message.closing is not None:
                    raise Rejected(Reason.ROW_AMBIGUOUS, "a second closing balance", row=each.row)
                message.closing, message.closed_on = amount, day
                open_line.clear()
            case "61":
                if message.closing is not None:
                    raise Rejected(Reason.ROW_MALFORMED, "a line after the closing balance", row=each.row)
                message.lines.append(self._line(each))
                open_line[:] = [True]
            case "86" | "NS" if message.lines and message.closing is None and open_line:
                last = message.lines[-1]
                memo = "\n".join(part for part in (last.memo, _words(each.lines)) if part)
                if len(memo) > MAX_MEMO:
                    raise Rejected(Reason.ROW_MALFORMED, f"over {MAX_MEMO} characters", row=each.row)
                message.lines[-1] = Line(last.row, last.booked_on, last.amount_minor, memo, reference=last.reference)
            case _:
                pass

    def _same_currency(self, message: _Message, currency: str, row: int) -> None:
        if message.currency not in (None, currency):
            raise Rejected(Reason.CURRENCY_DIFFERS, "two currencies in one message", row=row)
        message.currency = currency

    def _balance(self, each: _Field) -> tuple[int, date, str]:
        found = _BALANCE.match(each.text)
        if found is None:
            raise Rejected(Reason.ROW_MALFORMED, "is not a balance", row=each.row, field=each.tag)
        amount = self._minor(found[4], found[5], each.row)
        return (-amount if found[1] == "D" else amount), _day(found[2], each.row), found[3]

    def _minor(self, whole: str, part: str, row: int) -> int:
        if len(part.rstrip("0")) > self._digits:
            raise Rejected(Reason.ROW_MALFORMED, "a fraction smaller than the currency has", row=row, field="amount")
        amount = int(whole) * int(10**self._digits) + int((part[: self._digits] or "0").ljust(self._digits, "0"))
        if amount > MAX_MINOR:
            raise Rejected(Reason.ROW_MALFORMED, "beyond 2^53", row=row, field="amount")
        return amount

    def _line(self, each: _Field) -> Line:
        head, *extra = each.lines
        found = _LINE.match(head.rstrip())
        if found is None:
            raise Rejected(Reason.ROW_MALFORMED, "is not a statement line", row=each.row, field="61")
        amount = self._minor(found[5], found[6], each.row)
        if amount == 0:
            raise Rejected(Reason.ROW_MALFORMED, "an amount of zero", row=each.row, field="61")
        if found[3] in ("D", "RC"):  # a credit taken back is money out
            amount = -amount
        value_on = _day(found[1], each.row)
        customer, _, bank = found[8].partition("//")
        reference = next(
            (said for said in (bank.strip(), customer.strip()[:16].strip()) if said and said != "NONREF"),
            None,
        )
        return Line(
            row=each.row,
            booked_on=_entry_day(value_on, found[2], each.row) if found[2] else value_on,
            amount_minor=amount,
            memo=_words(([customer[16:]] if len(customer) > 16 else []) + extra),
            reference=mark(reference) if reference else None,
        )


def _words(lines: list[str]) -> str:
    return mark("\n".join(line.strip() for line in lines if line.strip()))


def _net(lines: list[Line]) -> int:
    return sum(line.amount_minor for line in lines)


def _fields(path: Path) -> Iterator[_Field]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected(
            Reason.FILE_UNREADABLE, "the MT940 file is neither ASCII nor UTF-8; no code page is guessed"
        ) from None
    current: _Field | None = None
    for row, raw in enumerate(re.split("\r\n|\r|\n", text), start=1):
        line = raw
        if found := _CONTROLS.search(line):
            raise Rejected(Reason.ROW_MALFORMED, f"holds the control character U+{ord(found[0]):04X}", row=row)
        if tag := _TAG.match(line):
            if current is not None:
                yield current
            current = _Field(tag[1], row, [line[tag.end() :]])
        elif _ENVELOPE.match(line):
            if current is not None:
                yield current
            current = None
        elif current is not None:
            current.lines.append(line)
    if current is not None:
        yield current


def _day(digits: str, row: int) -> date:
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    try:
        return date(2000 + year if year < 90 else 1900 + year, month, day)
    except ValueError:
        raise Rejected(Reason.ROW_MALFORMED, "no such day", row=row, field="date") from None


def _entry_day(value_on: date, digits: str, row: int) -> date:
    """MMDD of the booking has no year: the one nearest to the value day."""
    near: list[date] = []
    for year in (value_on.year - 1, value_on.year, value_on.year + 1):
        try:
            near.append(date(year, int(digits[:2]), int(digits[2:])))
        except ValueError:
            continue
    if not near:
        raise Rejected(Reason.ROW_MALFORMED, "no such day", row=row, field="date")
    nearest = min(near, key=lambda day: abs((day - value_on).days))
    if nearest.year not in (value_on.year - 1, value_on.year, value_on.year + 1) or (
        abs((nearest - value_on).days) > 366 // 2
    ):
        raise Rejected(Reason.ROW_AMBIGUOUS, "booking day half a year from the value day", row=row)
    return nearest


@dataclass(frozen=True, slots=True)
class Part:
    """One message or statement of a file that may hold several."""

    row: int
    account: str | None
    currency: str | None
    opening: int | None
    closing: int | None
    net: int


def check_chain(parts: list[Part], currency: str) -> None:
    """Each part ties by itself, and all are one account's unbroken sequence."""
    before: Part | None = None
    for part in parts:
        if part.currency is not None and part.currency != currency:
            raise Rejected(
                Reason.CURRENCY_DIFFERS,
                "the file is in another currency than the account",
                row=part.row,
                file=part.currency,
                account=currency,
            )
        if before is not None and part.account != before.account:
            raise Rejected(Reason.ACCOUNT_DIFFERS, "the file holds several accounts: one file an account", row=part.row)
        if part.opening is not None and part.closing is not None and part.opening + part.net != part.closing:
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                "opening balance and lines do not make the closing balance",
                row=part.row,
                computed_minor=part.opening + part.net,
                printed_minor=part.closing,
            )
        if before is not None and (before.closing is None or part.opening != before.closing):
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                "this part does not open with what the one before closed with: something is missing",
                row=part.row,
                before_minor=before.closing,
                opening_minor=part.opening,
            )
        before = part
