"""Vouchers (chứng từ): series and their numbers, spoilt and printed papers, evidence that comes later.

The book gives the numbers of a series one after the other, per year of the voucher day, under the head's lock: no gap,
no number twice. Papers printed beforehand have their numbers already: they are typed, and the audit lists which are
missing. An entry without a voucher gets the one of the series for its move (cash in, bank out, …), if there is one.
"""

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import AccountView, Code, Posting, root, view_of
from ledger.days import check_day
from ledger.entries.base import EntryBase, Index, Sha256, Title, View, Voucher, check_leaf, needed
from ledger.entries.periods import is_closed
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

VOUCHERS = Key("policy", "vouchers")
"""The register row of the series in force: which series each move takes."""
SERIES = "voucher-series"
"""The register of every series there was: who gives its numbers, for ever, so that none is given twice."""
Move = Literal["cash_in", "cash_out", "bank_in", "bank_out", "stock_in", "stock_out", "other"]
_MOVES: tuple[tuple[str, bool, Move], ...] = (
    ("cash", False, "cash_out"),
    ("cash", True, "cash_in"),
    ("bank", False, "bank_out"),
    ("bank", True, "bank_in"),
    ("stock", False, "stock_out"),
    ("stock", True, "stock_in"),
)


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One run of voucher numbers."""

    kind: Code
    """Sort of paper: `phieu-thu`, `phieu-chi`, `bao-co`, …"""
    moves: tuple[Move, ...]
    """The moves that take their number here when no voucher is said."""
    series: Code
    """What stands before the number: PT, PC, …"""
    typed: bool
    """Printed beforehand: the number is read off the paper and typed."""
    leaves: Annotated[int, msgspec.Meta(ge=1, le=9_999)] | None = None
    """How many numbers a bound book (quyển) has; absent: its number is typed or there is none."""


class VouchersSet(EntryBase, frozen=True, kw_only=True):
    """The series of vouchers from now on."""

    title: ClassVar = ("Quy định đánh số chứng từ", "Voucher series set")
    day_field: ClassVar = "set_on"

    series: tuple[Series, ...]
    set_on: date

    def reads(self) -> tuple[Key, ...]:
        return (VOUCHERS, *(Key(SERIES, one.series.casefold()) for one in self.series))

    def changes(self, view: View) -> tuple[Change, ...]:
        codes = [one.series for one in self.series]
        moves = [move for one in self.series for move in one.moves]
        if len({code.casefold() for code in codes}) != len(codes) or len(set(moves)) != len(moves):
            raise Rejected(Reason.MALFORMED, "a series or a move is named twice", field="series")
        if any(one.typed and one.moves for one in self.series):
            raise Rejected(Reason.MALFORMED, "a typed number is not given by the book", field="series")
        known = []
        for one in self.series:
            value = {"series": one.series, "typed": one.typed}
            before = view.register(SERIES, one.series.casefold())
            if before is not None and before != value:
                raise Rejected(
                    Reason.MALFORMED, "its numbers were given the other way", field="series", code=one.series
                )
            known.append(Change(SERIES, one.series.casefold(), value))
        rows = {one.series: msgspec.to_builtins(one) for one in self.series}
        taken = {move: one.series for one in self.series for move in one.moves}
        return (Change(*VOUCHERS, {"index": view.index, "moves": taken, "series": rows}), *known)


class VoucherSpoilt(EntryBase, frozen=True, kw_only=True):
    """A numbered paper that was spoilt and never used: its number is accounted for."""

    title: ClassVar = ("Hủy chứng từ hỏng", "Voucher spoilt")
    day_field: ClassVar = "spoilt_on"

    number: Annotated[int, msgspec.Meta(ge=1, le=9_999_999)]
    series: Code
    spoilt_on: date
    why: Title
    year: Annotated[int, msgspec.Meta(ge=1990, le=9999)]

    def reads(self) -> tuple[Key, ...]:
        return (VOUCHERS, Key("voucher", f"{self.series}/{self.year}/{self.number}"))

    def changes(self, view: View) -> tuple[Change, ...]:
        series = _series(view, self.series)
        key = f"{self.series}/{self.year}/{self.number}"
        if not series["typed"]:
            raise Rejected(Reason.MALFORMED, "the book's own numbers have no spoilt papers", field="series")
        if view.register("voucher", key) is not None:
            raise Rejected(Reason.NUMBER_TAKEN, field="number", number=key)
        taken = Change("voucher", key, {"index": view.index, "spoilt": True})
        return (taken, _typed(view, f"{self.series}/{self.year}", self.number))


class VoucherPrinted(EntryBase, frozen=True, kw_only=True):
    """A voucher went to paper. The second print and every later one says that it is a reprint."""

    title: ClassVar = ("In chứng từ", "Voucher printed")
    # It came out of the printer.
    asks_approval: ClassVar = False
    day_field: ClassVar = "printed_on"

    form: Code
    leaf: Sha256
    """Leaf hash of the record that the paper shows."""
    printed_on: date
    record: Index
    copy: Annotated[int, msgspec.Meta(ge=1, le=9_999)] | None = None
    """1 for the first print; filled in by the book."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("printed", f"{self.record}/{self.form}"),)

    def completed(self, view: View) -> "VoucherPrinted":
        row = view.register("printed", f"{self.record}/{self.form}")
        return msgspec.structs.replace(self, copy=1 if row is None else row["copies"] + 1)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_leaf(view, self.record, self.leaf, field="leaf")
        return (Change("printed", f"{self.record}/{self.form}", {"copies": self.copy}),)


class EvidenceAdded(EntryBase, frozen=True, kw_only=True):
    """A paper that belongs to an earlier record was filed afterwards."""

    title: ClassVar = ("Bổ sung chứng từ gốc", "Evidence added later")
    day_field: ClassVar = "added_on"

    added_on: date
    leaf: Sha256
    """Leaf hash of the record it belongs to."""
    record: Index
    sha256: Sha256
    """Of the paper."""
    what: Title

    def reads(self) -> tuple[Key, ...]:
        return (Key("evidence", str(self.record)),)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_leaf(view, self.record, self.leaf, field="leaf")
        row = view.register("evidence", str(self.record)) or {"papers": []}
        if self.sha256 in row["papers"]:
            raise Rejected(Reason.ALREADY_EXISTS, field="sha256", record=self.record)
        return (Change("evidence", str(self.record), {"papers": [*row["papers"], self.sha256]}),)


def move_of(postings: tuple[Posting, ...]) -> Move | None:
    """Which move a record's postings are; None when they move neither money nor goods."""
    place = [p for p in postings if view_of(p.source) is AccountView.PLACE]
    for name, incoming, move in _MOVES:
        if any(root(p.destination if incoming else p.source) == name for p in place):
            return move
    return "other" if any(view_of(p.source) is not AccountView.MEMO for p in postings) else None


def numbered(view: View, entry: EntryBase) -> Voucher | None:
    """The entry's voucher with what the book fills in: the series of its move, the kind, the next number, the quyển.

    Raises Rejected(NO_SUCH_SERIES), or Rejected(MALFORMED) for a typed number that is missing.
    """
    voucher = entry.voucher
    policy = view.register(*VOUCHERS)
    if voucher is None:
        move = None if policy is None else move_of(entry.postings())
        if policy is None or move not in policy["moves"]:
            return None
        voucher = Voucher(policy["moves"][move], voucher_on=entry.period_day() or view.today)
    series = _series(view, voucher.series)
    number = voucher.number
    if not series["typed"]:
        row = view.register("voucher-last", f"{voucher.series}/{voucher.voucher_on.year}")
        number = 1 if row is None else row["last"] + 1
    elif number is None:
        raise Rejected(Reason.MALFORMED, "the number on the paper", field="voucher.number")
    book = voucher.book
    if series.get("leaves") is not None:
        book = str((number - 1) // series["leaves"] + 1)
    return msgspec.structs.replace(voucher, kind=series["kind"], number=number, book=book)


def take_number(view: View, entry: EntryBase) -> tuple[Change, ...]:
    """The register rows of an entry's voucher number; raises Rejected(NUMBER_TAKEN)."""
    voucher = entry.voucher
    if voucher is None:
        return ()
    year = f"{voucher.series}/{voucher.voucher_on.year}"
    key = f"{year}/{voucher.number}"
    # The book's own numbers only go up.
    typed = _series(view, voucher.series)["typed"]
    if typed and view.register("voucher", key) is not None:
        raise Rejected(Reason.NUMBER_TAKEN, field="voucher.number", number=key)
    check_day(voucher.voucher_on, today=view.today, field="voucher.voucher_on")
    if voucher.bank_on is not None:
        check_day(voucher.bank_on, today=view.today, field="voucher.bank_on")
    # The book gives no number of a month that is closed; what was printed before then may come late.
    if not typed and is_closed(view, voucher.voucher_on):
        raise Rejected(Reason.PERIOD_CLOSED, field="voucher.voucher_on", day=voucher.voucher_on)
    taken = Change("voucher", key, {"index": view.index})
    if typed:
        return (taken, _typed(view, year, voucher.number or 0))
    last = view.register("voucher-last", year)
    highest = max(voucher.number or 0, 0 if last is None else last["last"])
    return (taken, Change("voucher-last", year, {"last": highest}))


def _typed(view: View, year: str, number: int) -> Change:
    """The typed numbers of a series and year, as ranges."""
    row = view.register("voucher-typed", year)
    ranges = sorted([*([] if row is None else row["ranges"]), [number, number]])
    joined = ranges[:1]
    for first, last in ranges[1:]:
        if first == joined[-1][1] + 1:
            joined[-1] = [joined[-1][0], last]
        else:
            joined.append([first, last])
    return Change("voucher-typed", year, {"ranges": joined})


def gaps(ranges: list[list[int]]) -> list[tuple[int, int]]:
    """What is missing between ranges of numbers."""
    return [(before[1] + 1, after[0] - 1) for before, after in pairwise(ranges)]


def _series(view: View, series: str) -> dict[str, Any]:
    policy = needed(view, *VOUCHERS, Reason.NO_SUCH_SERIES, field="voucher.series")
    row: dict[str, Any] | None = policy["series"].get(series)
    if row is None:
        raise Rejected(Reason.NO_SUCH_SERIES, field="voucher.series", series=series)
    return row
