"""How a mistake is put right, and how a doubt is answered.

Nothing is edited: a reversal carries back what was moved. A dispute («my transfer is not there») is a record
too, and so is its answer.
"""

from datetime import date, timedelta
from typing import ClassVar, Literal

import msgspec

from ledger.accounts import MoneyPlace, Posting, move, root
from ledger.entries.base import (
    EntryBase,
    Index,
    LineFact,
    LineKey,
    MoneyFact,
    Person,
    Sha256,
    Title,
    View,
    check_place,
    is_reversed,
    needed,
)
from ledger.entries.beyond import GrantReceived
from ledger.entries.receipts import (
    CashSheetReceived,
    GatewaySettled,
    GiftReceived,
    MistakenMoneyHeld,
    SuspensePaid,
    SuspenseReceived,
)
from ledger.money import Amount, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class LineBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement line whose entry was wrong: the bank's word stays, the money waits in suspense again."""

    amount: Amount
    incoming: bool
    line: LineKey
    place: MoneyPlace


class Reversed(EntryBase, frozen=True, kw_only=True):
    """Undoes one record, wholly, once. Shown as negatives in the original's column (chứng từ điều chỉnh).

    A reversal made by mistake is itself reversed: then the first record holds again, and only that one can
    be reversed anew.
    """

    title: ClassVar = ("Đảo bút toán", "Reversed")
    day_field: ClassVar = "reversed_on"

    leaf: Sha256
    """Leaf hash of the record undone."""
    reversed: Index
    reversed_on: date
    undone_postings: tuple[Posting, ...]
    """The postings of the record undone, as they stand there."""
    why: Title
    line_back: LineBack | None = None
    """Given when the record undone had taken a statement line."""

    def postings(self) -> tuple[Posting, ...]:
        back = tuple(posting.swapped() for posting in self.undone_postings)
        line = self.line_back
        if line is None:
            return back
        waits = f"suspense:{line.line}"
        if line.incoming:
            return (*back, move(line.amount, "senders", waits), move(line.amount, "outside", line.place))
        return (*back, move(line.amount, waits, "senders"), move(line.amount, line.place, "outside"))

    def reads(self) -> tuple[Key, ...]:
        return (Key("reversed", str(self.reversed)), Key("refunded", str(self.reversed)))

    def changes(self, view: View) -> tuple[Change, ...]:
        original = view.earlier(self.reversed)
        entry = original.entry
        if original.leaf_hash.hex() != self.leaf or original.postings != self.undone_postings:
            raise Rejected(Reason.NOT_THE_RECORD, "not the postings of the record named", field="reversed")
        if not original.postings or isinstance(entry, SuspenseReceived | SuspensePaid):
            raise Rejected(Reason.NOT_REVERSIBLE, field="reversed", kind=entry.kind)
        if is_reversed(view, self.reversed):
            raise Rejected(Reason.ALREADY_REVERSED, field="reversed", index=self.reversed)
        refunds = view.register("refunded", str(self.reversed))
        if refunds is not None and (refunds["minor"] or refunds.get("varied")):
            raise Rejected(Reason.NOT_REVERSIBLE, "part of the gift was refunded or varied", field="reversed")
        if self.line_back != line_back(entry):
            raise Rejected(Reason.NOT_THE_RECORD, "not the line of the record named", field="line_back")
        self._check_waiting(view, restores=isinstance(entry, Reversed))
        row = {"by": view.index, "live": True}
        return (Change("reversed", str(self.reversed), row), *entry.undone(view))

    def undone(self, view: View) -> tuple[Change, ...]:
        original = view.earlier(self.reversed).entry
        if isinstance(original, Reversed):
            raise Rejected(Reason.NOT_REVERSIBLE, "reverse the record itself, it holds again", field="reversed")
        row = needed(view, "reversed", str(self.reversed), Reason.NO_SUCH_RECORD, field="reversed")
        return (Change("reversed", str(self.reversed), {**row, "live": False}), *original.redone(view))

    def _check_waiting(self, view: View, *, restores: bool) -> None:
        """What the balances of held accounts do not tell, since these two may stand below zero.

        A reversal of a reversal takes the line's money out of suspense again: it must still wait there.
        A fact that is undone gives back its shortfall: that must not be covered by then.
        """
        net: dict[tuple[str, str], int] = {}
        for posting in self.postings():
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                net[key] = net.get(key, 0) + sign * posting.amount.minor
        for (account, unit), minor in net.items():
            before = view.balance(account, unit)
            after = before + minor
            if root(account) == "shortfall" and after > 0:
                raise Rejected(Reason.NOT_REVERSIBLE, "its shortfall was covered: reverse that first", field="reversed")
            if restores and root(account) == "suspense" and not min(before, 0) <= after <= max(before, 0):
                raise Rejected(
                    Reason.PARTS_DIFFER, "less than that waits in suspense", field="reversed", account=account
                )


ANSWER_DAYS = 30
"""The longest time that may be set for the answer to a dispute."""
MONEY_IN = GiftReceived | CashSheetReceived | GatewaySettled | SuspenseReceived | MistakenMoneyHeld | GrantReceived
"""Where a transfer that somebody missed may be found."""


class Disputed(EntryBase, frozen=True, kw_only=True):
    """Somebody says that they sent money and cannot find it here. Recorded as it was said; it moves nothing."""

    title: ClassVar = ("Khiếu nại: chưa thấy khoản chuyển", "Disputed: my transfer is not there")
    fact: ClassVar = True
    day_field: ClassVar = "raised_on"

    amount: Amount
    answer_by_on: date
    """The day by which it will be answered, at most 30 days after it was raised."""
    raised_on: date
    sender: Person
    """Who says so; name, reference and contact lie in the vault."""
    transferred_on: date
    """When the money was sent, as they say."""
    place: MoneyPlace | None = None

    def reads(self) -> tuple[Key, ...]:
        return () if self.place is None else (Key("place", self.place),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if not is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "a transfer is money", field="amount")
        if self.place is not None:
            check_place(view, self.place, self.amount.unit)
        if self.transferred_on > self.raised_on:
            raise Rejected(Reason.MALFORMED, "raised before the transfer", field="transferred_on")
        if not self.raised_on <= self.answer_by_on <= self.raised_on + timedelta(days=ANSWER_DAYS):
            raise Rejected(Reason.MALFORMED, f"within {ANSWER_DAYS} days", field="answer_by_on", days=ANSWER_DAYS)
        value = {"answer_by_on": self.answer_by_on.isoformat(), "answered": False}
        return (Change("dispute", str(view.index), value),)


class DisputeAnswered(EntryBase, frozen=True, kw_only=True):
    """What was found of a disputed transfer, said once. Money that must still be booked is booked by its own kind."""

    title: ClassVar = ("Trả lời khiếu nại", "Dispute answered")
    day_field: ClassVar = "answered_on"

    answered_on: date
    dispute: Index
    """Index of the dispute's record."""
    dispute_leaf: Sha256
    """Leaf hash of the dispute's record."""
    outcome: Literal["found", "not_received", "mistaken"]
    why: Title
    found: Index | None = None
    """Index of the record that brought the money in; given exactly when the outcome is `found`."""

    def reads(self) -> tuple[Key, ...]:
        dispute = Key("dispute", str(self.dispute))
        return (dispute,) if self.found is None else (dispute, Key("reversed", str(self.found)))

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "dispute", str(self.dispute), Reason.NO_SUCH_DISPUTE, field="dispute")
        if view.earlier(self.dispute).leaf_hash.hex() != self.dispute_leaf:
            raise Rejected(Reason.NOT_THE_RECORD, "not the dispute named", field="dispute_leaf")
        if row["answered"]:
            raise Rejected(Reason.ALREADY_ANSWERED, field="dispute", index=row["by"])
        if (self.found is None) != (self.outcome != "found"):
            raise Rejected(Reason.MALFORMED, "found goes with the outcome found", field="found")
        if self.found is not None:
            if not isinstance(view.earlier(self.found).entry, MONEY_IN):
                raise Rejected(Reason.NOT_THE_RECORD, "it brought no money in", field="found", index=self.found)
            if is_reversed(view, self.found):
                raise Rejected(Reason.ALREADY_REVERSED, field="found", index=self.found)
        return (Change("dispute", str(self.dispute), {**row, "answered": True, "by": view.index}),)


def line_back(entry: EntryBase) -> LineBack | None:
    """What a reversal of `entry` must put back into suspense; None unless the entry took a statement line."""
    if not isinstance(entry, LineFact) or entry.line is None or not isinstance(entry, MoneyFact):
        return None
    incoming = any(p.destination == entry.place for p in entry.postings())
    return LineBack(amount=entry.moved(), incoming=incoming, line=entry.line, place=entry.place)
