"""The life of the organisation's own accounts: fees, interest, transfers, cash, currencies."""

from datetime import date
from typing import ClassVar

import msgspec

from ledger.accounts import BankPlace, CashPlace, Code, MoneyPlace, Posting, move
from ledger.entries.base import (
    LinePart,
    MoneyFact,
    Shortfall,
    Title,
    View,
    check_place,
    missing_part,
    needed,
    split_shortfall,
)
from ledger.entries.restrictions import check_fund_place, refuse_shortfall, swapped, tallied, tally_key
from ledger.money import Amount, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class BankFeeCharged(MoneyFact, frozen=True, kw_only=True):
    """The bank took a fee; one fund bears it."""

    title: ClassVar = ("Phí ngân hàng", "Bank fee")
    day_field: ClassVar = "charged_on"

    amount: Amount
    charged_on: date
    fund: Code
    shortfall: Shortfall | None = None

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(*split_shortfall(self.amount, f"fund:{self.fund}", f"costs:{self.fund}", self.shortfall))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("fund", self.fund), tally_key(self.fund, self.amount.unit))

    def completed(self, view: View) -> "BankFeeCharged":
        missing = missing_part(view, f"fund:{self.fund}", self.amount, self.fund)
        return msgspec.structs.replace(self, shortfall=missing)

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        return (*self.left(view), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class InterestReceived(MoneyFact, frozen=True, kw_only=True):
    """The bank paid interest: a source of its own, not a gift."""

    title: ClassVar = ("Lãi tiền gửi", "Deposit interest")
    day_field: ClassVar = "received_on"

    amount: Amount
    fund: Code
    received_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.came_in(move(self.amount, "interest", f"fund:{self.fund}"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_fund_place(needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund"), self.place)
        return self.entered(view)


class TransferSent(MoneyFact, frozen=True, kw_only=True):
    """Money left one own account for another; until it arrives it is in transit."""

    title: ClassVar = ("Chuyển tiền nội bộ: chuyển đi", "Own transfer sent")
    fact: ClassVar = False
    day_field: ClassVar = "sent_on"

    amount: Amount
    sent_on: date
    transfer: Code

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(destination=f"transit:{self.transfer}")

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("transfer", self.transfer))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("transfer", self.transfer) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="transfer", code=self.transfer)
        return (
            *self.left(view),
            Change("transfer", self.transfer, {"index": view.index, "place": self.place}),
        )


class TransferArrived(MoneyFact, frozen=True, kw_only=True):
    """Money in transit reached the other own account."""

    title: ClassVar = ("Chuyển tiền nội bộ: tiền về", "Own transfer arrived")
    fact: ClassVar = False
    # What was sent arrived at another own account.
    asks_approval: ClassVar = False
    day_field: ClassVar = "arrived_on"

    amount: Amount
    arrived_on: date
    transfer: Code

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.came_in(source=f"transit:{self.transfer}")

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("transfer", self.transfer))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "transfer", self.transfer, Reason.NO_SUCH_TRANSFER, field="transfer")
        return self.entered(view)


class CashPaidIn(MoneyFact, frozen=True, kw_only=True):
    """Cash was taken to the bank."""

    title: ClassVar = ("Nộp tiền mặt vào tài khoản", "Cash paid in")
    fact: ClassVar = False
    # Cash reached the organisation's own account, where it is safer.
    asks_approval: ClassVar = False
    day_field: ClassVar = "paid_in_on"

    amount: Amount
    cash: CashPlace
    paid_in_on: date
    place: BankPlace

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.came_in(source=self.cash)

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("place", self.cash))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.cash, self.amount.unit)
        return self.entered(view)


class CashWithdrawn(MoneyFact, frozen=True, kw_only=True):
    """Cash was taken out of the bank into the cash box."""

    title: ClassVar = ("Rút tiền gửi nhập quỹ", "Cash withdrawn")
    fact: ClassVar = False
    day_field: ClassVar = "withdrawn_on"

    amount: Amount
    cash: CashPlace
    place: BankPlace
    withdrawn_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(destination=self.cash)

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("place", self.cash))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.cash, self.amount.unit)
        return self.left(view)


class _Bought(MoneyFact, frozen=True, kw_only=True):
    """The money that came in through an exchange: its half of the postings and of the lines."""

    amount: Amount

    def moved(self) -> Amount:
        return self.amount


class CurrencyExchanged(MoneyFact, frozen=True, kw_only=True):
    """A bank exchanged money of a fund: one currency left `place`, another came to `to_place`.

    Both amounts are what the bank's papers say; their ratio is the rate. Nothing is valued anew afterwards. The line
    and the parts of the entry are those of the money sold, `bought_parts` those of the money bought.
    """

    title: ClassVar = ("Mua bán ngoại tệ", "Currency exchanged")
    fact: ClassVar = False
    day_field: ClassVar = "exchanged_on"

    amount: Amount
    """What was sold."""
    bought: Amount
    """What was bought."""
    bought_parts: tuple[LinePart, ...]
    """Lines in suspense at `to_place` that this explains; empty when it explains none."""
    exchanged_on: date
    fund: Code
    rate_source: Title
    """Whose rate it was: the bank's slip, a published rate."""
    to_place: MoneyPlace
    """Where the money bought is."""

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        sold = move(self.amount, f"fund:{self.fund}", "exchange-purpose")
        bought = move(self.bought, "exchange-purpose", f"fund:{self.fund}")
        return (
            *self.went_out(sold, destination="exchange-place"),
            *self._in().came_in(bought, source="exchange-place"),
        )

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), *self._in().line_reads(), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_fund_place(fund, self.to_place)
        if self.amount.unit == self.bought.unit or not is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "two different currencies", field="bought")
        refuse_shortfall(view, self.fund, self.amount.unit)
        return (*self.left(view), *self._in().entered(view))

    def _in(self) -> _Bought:
        return _Bought(amount=self.bought, parts=self.bought_parts, place=self.to_place)
