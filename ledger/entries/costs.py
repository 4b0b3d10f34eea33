"""What the organisation spends on itself."""

from datetime import date
from typing import ClassVar

from ledger.accounts import Code, Posting, move
from ledger.entries.base import MoneyFact, Title, View, needed
from ledger.entries.restrictions import check_cap, refuse_shortfall, swapped, tallied, tally_key
from ledger.money import Amount
from ledger.refusals import Reason
from ledger.registers import Change, Key


class ManagementSpent(MoneyFact, frozen=True, kw_only=True):
    """A management expense (chi quản lý)."""

    title: ClassVar = ("Chi quản lý", "Management expense")
    fact: ClassVar = False
    day_field: ClassVar = "spent_on"

    amount: Amount
    fund: Code
    spent_on: date
    what: Title

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(move(self.amount, f"fund:{self.fund}", f"costs:{self.fund}"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("fund", self.fund), tally_key(self.fund, self.amount.unit))

    def changes(self, view: View) -> tuple[Change, ...]:
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        refuse_shortfall(view, self.fund, self.amount.unit)
        tallies = tallied(view, self.postings())
        check_cap(fund, tallies)
        return (*self.left(view), *tallies)

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())
