"""The accountant's books: journal, general ledger, trial balance, cash, bank and stock books, subsidiary ledgers.

Debit and credit come from the two views of a record: money and goods at a place are assets (a movement in is Nợ, out is
Có), what they are for are sources (in is Có, out is Nợ). At every record both sides are equal, for every unit, since
what the two views hold is equal (ledger/accounts.py). What is not held (donors, uses, everybody else) is no account
of these books. A correction is a negative figure on the side of the record it corrects.

Numbers of accounts are those of the regime's chart (ledger/regimes.py); while they are not verified every print says
so.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from audit.reports.source import Source, Told
from audit.reports.table import Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import AccountView, code, is_held, is_known, root, view_of
from ledger.money import is_currency
from ledger.regimes import chart, regime_account

UNVERIFIED = "Số hiệu tài khoản chưa được kiểm chứng — account numbers are not verified against the circular's text"
NO_CHART = (
    "Quy chế này chưa có bảng tài khoản: ghi mã của sổ — no chart for this regime: the book's own codes are shown"
)
GOODS = "Hiện vật ghi theo số lượng, không phải giá trị — goods are in quantities, not in value"

_DAY = Column("day", "ngày ghi sổ", "booking day", "day")
_VOUCHER = Column("voucher", "số chứng từ", "voucher")
_INDEX = Column("index", "bản ghi", "record", "index")
_WHAT = Column("what", "diễn giải", "description")
_UNIT = Column("unit", "đơn vị tính", "unit")


class Side(NamedTuple):
    """One movement of one held account."""

    account: str
    unit: str
    debit: bool
    minor: int
    """Negative when it corrects one of the same side."""


def sides(source: Source, told: Told) -> Iterator[Side]:
    """A record's movements of held accounts, in the order of its postings."""
    for posting, sign in source.moved(told):
        for account, incoming in ((posting.source, False), (posting.destination, True)):
            if is_known(account) and is_held(account):
                debit = incoming is (view_of(account) is AccountView.PLACE)
                yield Side(account, posting.amount.unit, debit, sign * posting.amount.minor)


class Line(NamedTuple):
    """Nợ and Có of one amount."""

    debit: str
    credit: str
    unit: str
    minor: int


def lines(source: Source, told: Told) -> list[Line]:
    """A record as journal lines: debits and credits paired in order, unit by unit and sign by sign."""
    found: list[Line] = []
    waiting: dict[tuple[str, bool], list[tuple[str, int]]] = {}
    # Places first: money that came in stands against what it is for, and only the rest of that against a cost.
    ordered = sorted(sides(source, told), key=lambda side: view_of(side.account) is AccountView.PURPOSE)
    for side in ordered:
        key = (side.unit, side.minor < 0)
        debits = waiting.setdefault((f"{side.unit} debit", key[1]), [])
        credits_ = waiting.setdefault((f"{side.unit} credit", key[1]), [])
        own, other = (debits, credits_) if side.debit else (credits_, debits)
        left = side.minor
        while left and other:
            account, minor = other[0]
            part = max(left, minor) if left < 0 else min(left, minor)
            pair = (side.account, account) if side.debit else (account, side.account)
            found.append(Line(*pair, side.unit, part))
            left -= part
            if minor == part:
                other.pop(0)
            else:
                other[0] = (account, minor - part)
        if left:
            own.append((side.account, left))
    # Of records that the rules allow nothing is left over; of others it shows.
    for key, rest in waiting.items():
        unit, side_name = key[0].split(" ")
        for account, minor in rest:
            found.append(Line(account, "", unit, minor) if side_name == "debit" else Line("", account, unit, minor))
    return found


class _Chart:
    """Numbers and names of accounts, and what is to be said about them."""

    def __init__(self, source: Source) -> None:
        self._regime = source.regime
        self._seen: dict[tuple[str, str, date], tuple[str, str]] = {}
        self.notes: list[str] = [] if chart(source.regime) else [NO_CHART]

    def number(self, account: str, unit: str, on: date) -> tuple[str, str]:
        """(number, name) of an account of ours on a day."""
        if not account:
            return "", ""
        key = (account, unit, on)
        if key not in self._seen:
            line = regime_account(self._regime, account, unit, on)
            if line is not None and not line.verified and UNVERIFIED not in self.notes:
                self.notes.append(UNVERIFIED)
            self._seen[key] = (account, "") if line is None else (line.number, line.name)
        return self._seen[key]


def _notes(rows: Iterable[Row], at: int, numbers: _Chart | None = None) -> tuple[str, ...]:
    goods = any(isinstance(unit := row.cells[at], str) and unit and not is_currency(unit) for row in rows)
    return (*(() if numbers is None else numbers.notes), *((GOODS,) if goods else ()))


@report("journal", "Sổ nhật ký chung", "Journal")
def journal(source: Source, period: Period) -> Report:
    """Every movement of the period with debit and credit, by booking day and record."""
    columns = (
        _DAY,
        _VOUCHER,
        _INDEX,
        _WHAT,
        Column("debit", "Nợ", "debit"),
        Column("credit", "Có", "credit"),
        Column("debit_detail", "chi tiết Nợ", "debit, own code"),
        Column("credit_detail", "chi tiết Có", "credit, own code"),
        _UNIT,
        Column("amount", "số tiền, số lượng", "amount", "money", total=True),
    )
    numbers = _Chart(source)
    told_in = [told for told in source.records if told.postings and told.booked_on in period]
    told_in.sort(key=lambda told: (told.booked_on, told.index))
    rows: list[Row] = []
    for told in told_in:
        for line in lines(source, told):
            debit = numbers.number(line.debit, line.unit, told.booked_on)[0]
            credit = numbers.number(line.credit, line.unit, told.booked_on)[0]
            said = (told.booked_on, told.voucher, told.index, told.what)
            accounts = (debit, credit, line.debit, line.credit)
            rows.append(Row((*said, *accounts, line.unit, line.minor), (told.index,)))
    return finished("journal", source, period, columns, rows, totals_of(columns, rows), _notes(rows, 8, numbers))


class Move(NamedTuple):
    """One movement in an account's book."""

    account: str
    unit: str
    against: str
    plus: int
    minus: int


_Sums = dict[tuple[str, str], tuple[list[int], list[int], list[int]]]
"""(account, unit) → sum of plus, sum of minus, records."""


def _book(
    kind: str,
    source: Source,
    period: Period,
    moves: Callable[[Told], Iterable[Move]],
    plus: tuple[str, str, str],
    minus: tuple[str, str, str],
    numbers: _Chart | None = None,
) -> Report:
    """An account's book: what it opened with, every movement with the balance after it; as totals the movements of the
    period and since the year began, and what it closed with."""
    columns = (
        Column("account", "tài khoản", "account"),
        _UNIT,
        _DAY,
        _VOUCHER,
        _INDEX,
        _WHAT,
        Column("against", "đối ứng", "against"),
        Column(*plus, kind="money", total=True),
        Column(*minus, kind="money", total=True),
        Column("balance", "số dư" if numbers is None else "số dư (âm: dư Có)", "balance", "money"),
    )
    before: _Sums = {}
    within: _Sums = {}
    since: _Sums = {}
    found: dict[tuple[str, str], list[tuple[Told, Move]]] = {}

    def add(sums: _Sums, key: tuple[str, str], told: Told, move: Move) -> None:
        pluses, minuses, records = sums.setdefault(key, ([0], [0], []))
        pluses[0] += move.plus
        minuses[0] += move.minus
        if not records or records[-1] != told.index:
            records.append(told.index)

    for told in source.records:
        if not told.postings or told.booked_on > period.to_on:
            continue
        for move in moves(told):
            key = (move.account, move.unit)
            found.setdefault(key, [])
            if told.booked_on in period:
                add(within, key, told, move)
                found[key].append((told, move))
            else:
                add(before, key, told, move)
            if told.booked_on >= period.year_start:
                add(since, key, told, move)
    rows: list[Row] = []
    totals: list[Row] = []
    nothing: tuple[list[int], list[int], list[int]] = ([0], [0], [])
    for key in sorted(found):
        (opened_plus,), (opened_minus,), records = before.get(key, nothing)
        balance = opened_plus - opened_minus
        first = (*key, period.from_on, "", None, "Số dư đầu kỳ — opening balance", "", None, None, balance)
        rows.append(Row(first, tuple(records)))
        for told, move in sorted(found[key], key=lambda one: (one[0].booked_on, one[0].index)):
            balance += move.plus - move.minus
            said = (told.booked_on, told.voucher, told.index, told.what, move.against)
            rows.append(Row((*key, *said, move.plus or None, move.minus or None, balance), (told.index,)))
        for label, sums in (
            ("Cộng phát sinh trong kỳ — movements of the period", within),
            ("Lũy kế từ đầu năm — since the year began", since),
        ):
            (plus_sum,), (minus_sum,), of = sums.get(key, nothing)
            totals.append(Row((*key, None, "", None, label, "", plus_sum, minus_sum, None), tuple(of)))
        of = sorted({*records, *within.get(key, nothing)[2]})
        label = "Số dư cuối kỳ — closing balance"
        totals.append(Row((*key, period.to_on, "", None, label, "", None, None, balance), tuple(of)))
    return finished(kind, source, period, columns, rows, totals, _notes(rows, 1, numbers))


_DEBIT, _CREDIT = ("debit", "Nợ", "debit"), ("credit", "Có", "credit")


@report("general-ledger", "Sổ cái", "General ledger by account of the regime")
def general_ledger(source: Source, period: Period, *, account: str = "") -> Report:
    """By account number of the regime; `account` asks for one number, or for those that begin with it."""
    numbers = _Chart(source)

    def moves(told: Told) -> Iterator[Move]:
        for line in lines(source, told):
            debit = numbers.number(line.debit, line.unit, told.booked_on)[0]
            credit = numbers.number(line.credit, line.unit, told.booked_on)[0]
            if debit.startswith(account) and debit:
                yield Move(debit, line.unit, credit, line.minor, 0)
            if credit.startswith(account) and credit:
                yield Move(credit, line.unit, debit, 0, line.minor)

    return _book("general-ledger", source, period, moves, _DEBIT, _CREDIT, numbers)


def _places(source: Source, roots: tuple[str, ...], only: str) -> Callable[[Told], Iterator[Move]]:
    def moves(told: Told) -> Iterator[Move]:
        for line in lines(source, told):
            if root(line.debit) in roots and only in ("", code(line.debit)):
                yield Move(line.debit, line.unit, line.credit, line.minor, 0)
            if root(line.credit) in roots and only in ("", code(line.credit)):
                yield Move(line.credit, line.unit, line.debit, 0, line.minor)

    return moves


@report("cash-book", "Sổ quỹ tiền mặt", "Cash book")
def cash_book(source: Source, period: Period, *, place: str = "") -> Report:
    """Every cash box, or the one whose code is `place`."""
    moves = _places(source, ("cash",), place)
    return _book("cash-book", source, period, moves, ("in", "thu", "in"), ("out", "chi", "out"))


@report("bank-book", "Sổ tiền gửi ngân hàng, kho bạc", "Bank book")
def bank_book(source: Source, period: Period, *, place: str = "") -> Report:
    """Every bank account, or the one whose code is `place`."""
    moves = _places(source, ("bank",), place)
    return _book("bank-book", source, period, moves, ("in", "gửi vào", "in"), ("out", "rút ra", "out"))


@report("stock-book", "Sổ kho", "Stock book, in quantities")
def stock_book(source: Source, period: Period, *, place: str = "") -> Report:
    """Every store, or the one whose code is `place`."""
    moves = _places(source, ("stock",), place)
    return _book("stock-book", source, period, moves, ("in", "nhập", "in"), ("out", "xuất", "out"))


@report("advance-ledger", "Sổ chi tiết tạm ứng", "Subsidiary ledger of advances, by holder")
def advance_ledger(source: Source, period: Period, *, holder: str = "") -> Report:
    """What each commune, officer or supplier has in hand and has not accounted for; `holder` asks for one."""
    moves = _places(source, ("advance",), holder)
    return _book(
        "advance-ledger",
        source,
        period,
        moves,
        ("advanced", "tạm ứng", "advanced"),
        ("settled", "thanh toán", "settled"),
    )


def fund_of(source: Source) -> Callable[[str], str | None]:
    """account → the fund whose money it is; None for accounts of no fund."""
    allocations, handed = source.rows("allocation"), source.rows("handed")

    def fund(account: str) -> str | None:
        name, rest = root(account), code(account)
        if name in ("fund", "shortfall", "costs"):
            return rest
        if name in ("ordered", "handed"):
            rest = str(handed.get(rest, {}).get("allocation", ""))
        if name in ("allocated", "ordered", "handed", "used") and rest in allocations:
            return str(allocations[rest]["fund"])
        return None

    return fund


@report("fund-ledger", "Sổ chi tiết theo nguồn", "Subsidiary ledger by fund")
def fund_ledger(source: Source, period: Period, *, fund: str = "") -> Report:
    """What came into each fund and left it; setting money aside inside a fund is no movement. `fund` asks for one."""
    of = fund_of(source)

    def moves(told: Told) -> Iterator[Move]:
        for posting, sign in source.moved(told):
            unit, minor = posting.amount.unit, sign * posting.amount.minor
            ends = [
                of(account) if is_known(account) and is_held(account) else None
                for account in (posting.source, posting.destination)
            ]
            if ends[0] == ends[1]:
                continue
            if ends[0] is not None and fund in ("", ends[0]):
                yield Move(ends[0], unit, posting.destination, 0, minor)
            if ends[1] is not None and fund in ("", ends[1]):
                yield Move(ends[1], unit, posting.source, minor, 0)

    return _book("fund-ledger", source, period, moves, ("in", "tăng", "in"), ("out", "giảm", "out"))


@report("trial-balance", "Bảng cân đối số phát sinh", "Trial balance")
def trial_balance(source: Source, period: Period) -> Report:
    """Debit and credit by account of the regime, which are equal: opening, period, since the year began, closing."""
    columns = (
        Column("account", "số hiệu", "account"),
        Column("name", "tên tài khoản", "name"),
        _UNIT,
        *(
            Column(f"{name}_{side}", f"{vi} {side_vi}", f"{en} {side}", "money", total=True)
            for name, vi, en in (
                ("opening", "đầu kỳ", "opening"),
                ("period", "phát sinh trong kỳ", "period"),
                ("cumulative", "lũy kế từ đầu năm", "since the year began"),
                ("closing", "cuối kỳ", "closing"),
            )
            for side, side_vi in (("debit", "Nợ"), ("credit", "Có"))
        ),
    )
    numbers = _Chart(source)
    # (number, unit) → name, balance before, debit and credit of the period, of the year, records
    sums: dict[tuple[str, str], tuple[str, list[int], list[int]]] = {}
    for told in source.records:
        if told.booked_on > period.to_on:
            continue
        for side in sides(source, told):
            number, name = numbers.number(side.account, side.unit, told.booked_on)
            # Several accounts of ours share a number: before the dash stands its name.
            name = name.partition(" — ")[0]
            _, figures, records = sums.setdefault((number, side.unit), (name, [0, 0, 0, 0, 0], []))
            if told.booked_on in period:
                figures[1 if side.debit else 2] += side.minor
            else:
                figures[0] += side.minor if side.debit else -side.minor
            if told.booked_on >= period.year_start:
                figures[3 if side.debit else 4] += side.minor
            if not records or records[-1] != told.index:
                records.append(told.index)
    rows = []
    for (number, unit), (name, figures, records) in sorted(sums.items()):
        opening, debit, credit, *year = figures
        closing = opening + debit - credit
        cells = (*_two_sides(opening), debit, credit, *year, *_two_sides(closing))
        rows.append(Row((number, name, unit, *cells), tuple(records)))
    return finished("trial-balance", source, period, columns, rows, totals_of(columns, rows), _notes(rows, 2, numbers))


def _two_sides(balance: int) -> tuple[int, int]:
    return (balance, 0) if balance >= 0 else (0, -balance)
