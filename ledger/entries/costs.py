"""What the organisation spends on itself."""

from datetime import date
from typing import ClassVar

from ledger.accounts import Code, Posting, move
from ledger.entries.base import MoneyFact, Title, View, needed
from ledger.entries.restrictions import refuse_shortfall
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
        return (*self.line_reads(), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        refuse_shortfall(view, self.fund, self.amount.unit)
        return self.left(view)
