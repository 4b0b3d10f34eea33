"""Periods and counts: cash is counted, a month is closed, an office handed over, a year opened.

Closed periods take no entries. What comes late is booked in the open period and keeps its own day; the book does that
by itself for facts. Periods are closed in order, month after month, and opened again from the last one backwards,
by two people, visible for ever.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec

from ledger.accounts import CashPlace, Code, Place, Posting, move
from ledger.entries.base import (
    Bound,
    EntryBase,
    Index,
    Origin,
    Sha256,
    Title,
    View,
    check_bound,
    check_leaf,
    check_place,
    needed,
)
from ledger.log import canonical
from ledger.money import Amount, Currency, Minor, PositiveMinor, SignedMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

CLOSED_TO = Key("period", "closed")
"""The register row of the last month that is closed: `{"first": "2026-01", "to": "2026-03"}`."""
Month = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-(?:0[1-9]|1[0-2])$(?!\n)")]


def month_of(day: date) -> str:
    """`2026-03` of a day."""
    return f"{day.year:04d}-{day.month:02d}"


def month_after(month: str) -> str:
    """The next month."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def month_before(month: str) -> str:
    """The month before."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year - (number == 1):04d}-{(number - 2) % 12 + 1:02d}"


def is_closed(view: View, day: date) -> bool:
    """Whether the month of a day is closed."""
    row = view.register(*CLOSED_TO)
    return row is not None and month_of(day) <= row["to"]


def trial_balance(balances: Mapping[tuple[str, str], int]) -> bytes:
    """Every balance that is not 0 as canonical JSON: `[["bank:VCB","VND",500000],…]`, by account and unit."""
    rows = [[account, unit, minor] for (account, unit), minor in sorted(balances.items()) if minor]
    return canonical.encode(rows)


class PeriodClosed(EntryBase, frozen=True, kw_only=True):
    """A month is closed: after it nothing is booked there. Bound to the book as it stood.

    What must be in order first is the closing list (`ledger/closing.py`); what was left open is named here.
    """

    title: ClassVar = ("Khóa sổ kỳ", "Period closed")
    # Bound to the book right before it: it cannot wait for an approval.
    asks_approval: ClassVar = False
    day_field: ClassVar = "closed_on"

    bound: Bound
    closed_on: date
    counts: tuple[Index, ...]
    """The counts of cash and stock that were made for it."""
    left_open: tuple[Title, ...]
    """What the closing list did not find in order, and why it was closed all the same; nothing about people."""
    month: Month
    trial_balance_sha256: Sha256
    """Of the trial balance of the book as bound (docs/format.md, «Closing»)."""

    def reads(self) -> tuple[Key, ...]:
        return (CLOSED_TO,)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_bound(view, self.bound)
        if self.trial_balance_sha256 != sha256(trial_balance(view.balances())).hexdigest():
            raise Rejected(Reason.PARTS_DIFFER, "not the trial balance of the book", field="trial_balance_sha256")
        if self.month >= month_of(view.today):
            raise Rejected(Reason.NOT_IN_ORDER, "the month is not over", field="month", today=view.today)
        row = view.register(*CLOSED_TO)
        if row is not None and self.month != month_after(row["to"]):
            raise Rejected(Reason.NOT_IN_ORDER, "the next month first", field="month", next=month_after(row["to"]))
        for number, index in enumerate(self.counts):
            if view.earlier(index).entry.kind not in ("cash_counted", "stock_counted"):
                raise Rejected(Reason.NOT_THE_RECORD, "not a count", field=f"counts[{number}]", index=index)
        first = self.month if row is None else row["first"]
        return (
            Change(*CLOSED_TO, {"first": first, "to": self.month}),
            Change("closing", self.month, {"index": view.index, "reopened": False}),
        )


class PeriodReopened(EntryBase, frozen=True, kw_only=True):
    """The last closed month takes entries again. Two people decide it, and it stays visible."""

    title: ClassVar = ("Mở lại kỳ đã khóa", "Period reopened")
    day_field: ClassVar = "reopened_on"
    two_persons: ClassVar = True

    minutes_sha256: Sha256
    month: Month
    reopened_on: date
    why: Title

    def reads(self) -> tuple[Key, ...]:
        return (CLOSED_TO, Key("closing", self.month))

    def changes(self, view: View) -> tuple[Change, ...]:
        row = view.register(*CLOSED_TO)
        if row is None or row["to"] != self.month:
            raise Rejected(Reason.NOT_IN_ORDER, "only the last closed month", field="month")
        closing = needed(view, "closing", self.month, Reason.NO_SUCH_RECORD, field="month")
        return (
            Change(*CLOSED_TO, {"first": row["first"], "to": month_before(self.month)}),
            Change("closing", self.month, {**closing, "reopened": True}),
        )


class YearOpened(EntryBase, frozen=True, kw_only=True):
    """The books of a year are opened with the balances of the year before, whose December is closed."""

    title: ClassVar = ("Mở sổ đầu năm", "Year opened")
    # Bound to the book right before it: it cannot wait for an approval.
    asks_approval: ClassVar = False
    day_field: ClassVar = "opened_on"

    bound: Bound
    closing: Index
    """Index of the record that closed December; for the first year, no month before it being closed, of record 0."""
    closing_leaf: Sha256
    opened_on: date
    year: Annotated[int, msgspec.Meta(ge=1990, le=9999)]

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("year", str(self.year)), Key("year", str(self.year - 1)))
        return (*keys, CLOSED_TO, Key("closing", f"{self.year - 1:04d}-12"))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_bound(view, self.bound)
        closing = check_leaf(view, self.closing, self.closing_leaf, field="closing").entry
        before = isinstance(closing, PeriodClosed) and closing.month == f"{self.year - 1:04d}-12"
        closed = view.register(*CLOSED_TO)
        first = closed is None or closed["first"] >= f"{self.year:04d}-01"
        first = first and view.register("year", str(self.year - 1)) is None
        if not before and (self.closing != 0 or not first):
            raise Rejected(Reason.NOT_IN_ORDER, "not the closing of December", field="closing", index=self.closing)
        row = view.register("closing", f"{self.year - 1:04d}-12")
        if before and row != {"index": self.closing, "reopened": False}:
            raise Rejected(Reason.NOT_IN_ORDER, "December was opened again", field="closing", index=self.closing)
        if view.register("year", str(self.year)) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="year", year=self.year)
        if self.opened_on.year != self.year:
            raise Rejected(Reason.MALFORMED, "opened in another year", field="opened_on")
        return (Change("year", str(self.year), {"index": view.index}),)


class Denomination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many notes or coins of one value."""

    pieces: Minor
    value_minor: PositiveMinor


class CashCounted(EntryBase, frozen=True, kw_only=True):
    """The cash box was counted before witnesses (kiểm kê quỹ). The book adds what it held then."""

    title: ClassVar = ("Kiểm kê quỹ tiền mặt", "Cash counted")
    day_field: ClassVar = "counted_on"
    fact: ClassVar = True

    counted_minor: Minor
    counted_on: date
    currency: Currency
    minutes_sha256: Sha256
    notes: tuple[Denomination, ...]
    """What was counted; it adds up to `counted_minor`."""
    place: CashPlace
    book_minor: SignedMinor | None = None
    """What the book says at this record; filled in by the book."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("counted", self.place))

    def completed(self, view: View) -> "CashCounted":
        return msgspec.structs.replace(self, book_minor=view.balance(self.place, self.currency))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.currency)
        if sum(note.pieces * note.value_minor for note in self.notes) != self.counted_minor:
            raise Rejected(Reason.PARTS_DIFFER, "the notes do not add up", field="notes")
        row = {
            "book": self.book_minor,
            "counted": self.counted_minor,
            "index": view.index,
            "on": self.counted_on.isoformat(),
            "unit": self.currency,
        }
        return (Change("counted", self.place, row),)


class _CashDifference(EntryBase, frozen=True, kw_only=True):
    """A difference that a count of cash showed is booked, by two persons."""

    two_persons: ClassVar = True
    sign: ClassVar[int]

    amount: Amount
    count: Index
    """Index of the count."""
    fund: Code
    minutes_sha256: Sha256
    """Of the minutes that decide it."""
    place: CashPlace

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("fund", self.fund), Key("counted", self.place))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.amount.unit)
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        row = needed(view, "counted", self.place, Reason.NO_SUCH_RECORD, field="count")
        differs = (row["counted"] - row["book"]) * self.sign
        if row["index"] != self.count or differs < 0:
            raise Rejected(Reason.NOT_THE_RECORD, "not the last count, or the other way round", field="count")
        left = differs - row.get("booked", 0)
        if self.amount.minor > left:
            raise Rejected(Reason.PARTS_DIFFER, "more than the difference", field="amount", left=left)
        return self._booked(view, self.amount.minor)

    def undone(self, view: View) -> tuple[Change, ...]:
        return self._booked(view, -self.amount.minor)

    def redone(self, view: View) -> tuple[Change, ...]:
        # A later count has found the difference again, or another entry has booked it.
        return self.changes(view)

    def _booked(self, view: View, minor: int) -> tuple[Change, ...]:
        row = needed(view, "counted", self.place, Reason.NO_SUCH_RECORD, field="count")
        # A later count has begun anew.
        if row["index"] != self.count:
            return ()
        return (Change("counted", self.place, {**row, "booked": row.get("booked", 0) + minor}),)


class CashFound(_CashDifference, frozen=True, kw_only=True):
    """The cash box held more than the books (thừa quỹ): the surplus belongs to a fund."""

    title: ClassVar = ("Thừa quỹ khi kiểm kê", "Cash found at a count")
    day_field: ClassVar = "found_on"
    sign: ClassVar = 1

    found_on: date

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, "found", f"fund:{self.fund}"), move(self.amount, "outside", self.place))


class CashLost(_CashDifference, frozen=True, kw_only=True):
    """The cash box held less than the books (thiếu quỹ): a fund bears the loss."""

    title: ClassVar = ("Thiếu quỹ khi kiểm kê", "Cash lost at a count")
    day_field: ClassVar = "lost_on"
    sign: ClassVar = -1

    lost_on: date

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"fund:{self.fund}", f"lost:{self.fund}"), move(self.amount, self.place, "outside"))


class HandedOver(EntryBase, frozen=True, kw_only=True):
    """An office passed from one person to another (bàn giao), with the book as it stood."""

    title: ClassVar = ("Bàn giao", "Handed over")
    # Bound to the book right before it: it cannot wait for an approval.
    asks_approval: ClassVar = False
    day_field: ClassVar = "handed_on"

    bound: Bound
    from_actor: Code
    handed_on: date
    minutes_sha256: Sha256
    office: Code
    """What was handed over: `ke-toan`, `thu-quy`, `thu-kho`, or a place."""
    to_actor: Code
    place: Place | None = None

    def reads(self) -> tuple[Key, ...]:
        return () if self.place is None else (Key("place", self.place),)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_bound(view, self.bound)
        if self.from_actor.casefold() == self.to_actor.casefold():
            raise Rejected(Reason.NEEDS_TWO_OFFICERS, "two different people", field="to_actor")
        if self.place is not None:
            needed(view, "place", self.place, Reason.NO_SUCH_PLACE, field="place")
        return (Change("office", self.office, {"index": view.index, "to": self.to_actor}),)


class BookMerged(EntryBase, frozen=True, kw_only=True):
    """Another organisation's book ended and its balances are carried over here (`balance_brought` says which).

    Both are bound: the other by its last checkpoint, this one as it stood.
    """

    title: ClassVar = ("Sáp nhập sổ", "Book merged into this one")
    # Bound to the book right before it: it cannot wait for an approval.
    asks_approval: ClassVar = False
    day_field: ClassVar = "merged_on"

    bound: Bound
    merged_on: date
    minutes_sha256: Sha256
    origin: Origin
    """Origin of the other book."""
    other: Bound
    """The other book's last checkpoint."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("merged", self.origin),)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_bound(view, self.bound)
        if view.register("merged", self.origin) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="origin")
        return (Change("merged", self.origin, {"index": view.index}),)
