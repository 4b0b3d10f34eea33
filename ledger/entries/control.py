"""How a mistake is put right: nothing is edited, a reversal carries back what was moved."""

from datetime import date
from typing import ClassVar

import msgspec

from ledger.accounts import MoneyPlace, Posting, move, root
from ledger.entries.base import EntryBase, Index, LineFact, LineKey, MoneyFact, Sha256, Title, View, is_reversed, needed
from ledger.entries.receipts import SuspensePaid, SuspenseReceived
from ledger.money import Amount
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
        if refunds is not None and refunds["minor"]:
            raise Rejected(Reason.NOT_REVERSIBLE, "part of the gift was refunded", field="reversed")
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


def line_back(entry: EntryBase) -> LineBack | None:
    """What a reversal of `entry` must put back into suspense; None unless the entry took a statement line."""
    if not isinstance(entry, LineFact) or entry.line is None or not isinstance(entry, MoneyFact):
        return None
    incoming = any(p.destination == entry.place for p in entry.postings())
    return LineBack(amount=entry.moved(), incoming=incoming, line=entry.line, place=entry.place)
