"""From a fund to those it is for: allocated, ordered, paid, delivered, returned.

What is paid or issued is first in a holder's hands (`advance:<holder>`, `handed:<order or issue>`) and
counts as used only when it is delivered.
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code, MoneyPlace, Posting, move
from ledger.entries.base import (
    EntryBase,
    MoneyFact,
    Person,
    Sha256,
    Shortfall,
    View,
    check_place,
    missing_part,
    needed,
    split_shortfall,
)
from ledger.entries.restrictions import check_fund_place, check_use, refuse_shortfall
from ledger.money import Amount, is_currency
from ledger.places import CommuneCode, ProvinceCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

Heads = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Allocated(EntryBase, frozen=True, kw_only=True):
    """The board set money of one fund aside for one activity in named communes."""

    title: ClassVar = ("Phân bổ", "Allocated")
    day_field: ClassVar = "allocated_on"

    activity: Code
    allocated_on: date
    allocation: Code
    amount: Amount
    communes: tuple[CommuneCode, ...]
    decision_sha256: Sha256
    """Of the signed decision (quyết định phân bổ)."""
    fund: Code

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"fund:{self.fund}", f"allocated:{self.allocation}"),)

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("allocation", self.allocation),
            Key("fund", self.fund),
            Key("activity", self.activity),
            *(Key("commune", commune) for commune in self.communes),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("allocation", self.allocation) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="allocation", code=self.allocation)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        needed(view, "activity", self.activity, Reason.NO_SUCH_ACTIVITY, field="activity")
        for commune in self.communes:
            needed(view, "commune", commune, Reason.NO_SUCH_COMMUNE, field="communes")
        refuse_shortfall(view, self.fund, self.amount.unit)
        check_use(fund, view, activity=self.activity, communes=self.communes, on=self.allocated_on)
        value = {
            "activity": self.activity,
            "communes": list(self.communes),
            "fund": self.fund,
            "index": view.index,
        }
        return (Change("allocation", self.allocation, value),)


class Payee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose hands the money or goods go into; `holder` is an office or a firm, never a person's name."""

    holder: Code
    payee_kind: Literal["commune", "staff", "supplier"]


class PaymentOrdered(EntryBase, frozen=True, kw_only=True):
    """An order to pay: reserves money of an allocation until the bank's line shows the payment."""

    title: ClassVar = ("Lệnh chi", "Payment order")
    day_field: ClassVar = "ordered_on"

    allocation: Code
    amount: Amount
    order: Code
    ordered_on: date
    payee: Payee
    place: MoneyPlace

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"allocated:{self.allocation}", f"ordered:{self.order}"),)

    def reads(self) -> tuple[Key, ...]:
        return (Key("allocation", self.allocation), Key("handed", self.order), Key("place", self.place))

    def changes(self, view: View) -> tuple[Change, ...]:
        if not is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "an order pays money", field="amount")
        check_place(view, self.place, self.amount.unit)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        fund = needed(view, "fund", allocation["fund"], Reason.NO_SUCH_FUND, field="allocation")
        check_fund_place(fund, self.place)
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        return hand(view, self.order, allocation=self.allocation, holder=self.payee.holder, field="order")


class MoneyAdvanced(MoneyFact, frozen=True, kw_only=True):
    """Money of an order left the account into the hands of a commune, an officer or a supplier."""

    title: ClassVar = ("Chi, tạm ứng", "Paid or advanced")
    fact: ClassVar = False
    day_field: ClassVar = "paid_on"

    amount: Amount
    holder: Code
    order: Code
    paid_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        handed = move(self.amount, f"ordered:{self.order}", f"handed:{self.order}")
        return self.went_out(handed, destination=f"advance:{self.holder}")

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("handed", self.order))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.order, holder=self.holder, field="order")
        return self.left(view)


class PaymentBounced(MoneyFact, frozen=True, kw_only=True):
    """The bank sent a payment back; the order stands and can be paid again."""

    title: ClassVar = ("Chuyển tiền bị hoàn", "Payment bounced")
    fact: ClassVar = False
    day_field: ClassVar = "bounced_on"

    amount: Amount
    bounced_on: date
    holder: Code
    order: Code

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        back = move(self.amount, f"handed:{self.order}", f"ordered:{self.order}")
        return self.came_in(back, source=f"advance:{self.holder}")

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("handed", self.order))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.order, holder=self.holder, field="order")
        return self.entered(view)


class MoneyReturned(MoneyFact, frozen=True, kw_only=True):
    """A holder gave back what was left; it belongs to the allocation again."""

    title: ClassVar = ("Nộp trả kinh phí thừa", "Rest returned")
    fact: ClassVar = False
    day_field: ClassVar = "returned_on"

    allocation: Code
    amount: Amount
    holder: Code
    order: Code
    returned_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        back = move(self.amount, f"handed:{self.order}", f"allocated:{self.allocation}")
        return self.came_in(back, source=f"advance:{self.holder}")

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("handed", self.order))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.order, holder=self.holder, allocation=self.allocation, field="order")
        return self.entered(view)


class OpenScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where, what and how many: may stand open only for a group of at least k children."""

    activity: Code
    commune: CommuneCode
    heads: Heads


class HiddenScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a smaller group: the province stands open, the rest are commitments into the vault."""

    detail: Person
    province: ProvinceCode


class Delivered(EntryBase, frozen=True, kw_only=True):
    """Money or goods in a holder's hands reached those they are for.

    `delivered_on` of a hidden delivery is the first of the month.
    """

    title: ClassVar = ("Đã trao", "Delivered")
    fact: ClassVar = True
    day_field: ClassVar = "delivered_on"

    allocation: Code
    amount: Amount
    delivered_on: date
    fund: Code
    handed: Code
    """The payment order or the goods issue that put it into the holder's hands."""
    holder: Code
    list_sha256: Sha256 | None = None
    """Of the signed list of recipients."""
    scope: OpenScope | None = None
    hidden: HiddenScope | None = None
    shortfall: Shortfall | None = None

    def postings(self) -> tuple[Posting, ...]:
        used = split_shortfall(self.amount, f"handed:{self.handed}", f"used:{self.allocation}", self.shortfall)
        return (*used, move(self.amount, f"advance:{self.holder}", "outside"))

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("handed", self.handed),
            Key("allocation", self.allocation),
            Key("book", "opened"),
            Key("fund", self.fund),
        )
        if self.scope is None:
            return keys
        return (*keys, Key("commune", self.scope.commune))

    def persons(self) -> Any:
        return iter(()) if self.hidden is None else iter((self.hidden.detail,))

    def completed(self, view: View) -> "Delivered":
        missing = missing_part(view, f"handed:{self.handed}", self.amount, self.fund)
        return msgspec.structs.replace(self, shortfall=missing)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.handed, holder=self.holder, allocation=self.allocation, field="handed")
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        if allocation["fund"] != self.fund:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, "the allocation is of another fund", field="fund")
        if (self.scope is None) == (self.hidden is None):
            raise Rejected(Reason.MALFORMED, "either an open or a hidden scope", field="scope")
        if self.hidden is not None:
            if self.delivered_on.day != 1:
                raise Rejected(Reason.SMALL_GROUP_OPEN, "a hidden delivery names its month only", field="delivered_on")
            return ()
        return self._open_scope(view, allocation)

    def _open_scope(self, view: View, allocation: dict[str, Any]) -> tuple[Change, ...]:
        scope = self.scope
        if scope is None:
            return ()
        k = needed(view, "book", "opened", Reason.BOOK_NOT_OPEN, field="book")["k"]
        if scope.heads < k:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "fewer children than may stand open", field="scope.heads", k=k)
        needed(view, "commune", scope.commune, Reason.NO_SUCH_COMMUNE, field="scope.commune")
        if scope.activity != allocation["activity"]:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, field="scope.activity", activity=scope.activity)
        if allocation["communes"] and scope.commune not in allocation["communes"]:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, field="scope.commune", commune=scope.commune)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_use(fund, view, activity=scope.activity, communes=(scope.commune,), on=self.delivered_on)
        return ()


def hand(view: View, handed: str, *, allocation: str, holder: str, field: str) -> tuple[Change, ...]:
    """Registers what goes into a holder's hands under a new code."""
    if view.register("handed", handed) is not None:
        raise Rejected(Reason.ALREADY_EXISTS, field=field, code=handed)
    return (Change("handed", handed, {"allocation": allocation, "holder": holder, "index": view.index}),)


def check_handed(view: View, handed: str, *, holder: str, field: str, allocation: str | None = None) -> dict[str, Any]:
    """The order or issue exists and names this holder (and allocation)."""
    row = needed(view, "handed", handed, Reason.NO_SUCH_ORDER, field=field)
    if row["holder"] != holder:
        raise Rejected(Reason.HOLDER_DIFFERS, field="holder", holder=holder)
    if allocation is not None and row["allocation"] != allocation:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another allocation", field="allocation", allocation=allocation)
    return row
