"""What donors promise."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from ledger.accounts import Code, Posting, move
from ledger.entries.base import EntryBase, Person, View, needed
from ledger.money import Amount
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

PledgeCode = Annotated[str, msgspec.Meta(pattern="^[2-9A-HJ-NP-Z]{8}$(?!\n)")]
"""Eight characters without 0, O, 1 and I, the last a check character (statements/matching.py)."""


class PledgeMade(EntryBase, frozen=True, kw_only=True):
    """A promise of one amount for one fund; its code in a bank memo matches the money to it."""

    title: ClassVar = ("Cam kết, đăng ký ủng hộ", "Pledge made")
    day_field: ClassVar = "pledged_on"

    pledge: PledgeCode
    fund: Code
    amount: Amount
    donor: Person
    firm: bool
    """A signed paper exists (cam kết tài trợ); otherwise spoken or by form (đăng ký ủng hộ)."""
    pledged_on: date
    due_on: date | None = None

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, "promised", f"pledge:{self.pledge}"),)

    def reads(self) -> tuple[Key, ...]:
        return (Key("pledge", self.pledge), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("pledge", self.pledge) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="pledge", code=self.pledge)
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if self.due_on is not None and self.due_on < self.pledged_on:
            raise Rejected(Reason.MALFORMED, "due before it was made", field="due_on")
        value = {
            "amount": {"minor": self.amount.minor, "unit": self.amount.unit},
            "fund": self.fund,
            "index": view.index,
        }
        return (Change("pledge", self.pledge, value),)
