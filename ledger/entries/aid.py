"""From a fund to those it is for: allocated, ordered, paid, delivered, returned.

What is paid or issued is first in a holder's hands (`advance:<holder>`, `handed:<order or issue>`) and
counts as used only when it is delivered.
"""

from collections.abc import Mapping
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
from ledger.entries.catalogue import check_package
from ledger.entries.contracts import StageNumber, check_order, contract_of, order_changed
from ledger.entries.groups import (
    Heads,
    HiddenScope,
    OpenScope,
    check_activity,
    check_commune,
    check_heads,
    check_hidden_use,
    check_month,
    check_one_scope,
    check_programme,
    listed_classes,
    open_classes,
    refuse_open,
)
from ledger.entries.restrictions import (
    Restriction,
    check_fund_place,
    check_use,
    refuse_shortfall,
    swapped,
    tallied,
    tally_key,
)
from ledger.money import Amount, PositiveMinor, is_currency
from ledger.places import CommuneCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class NeedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How much of an allocation answers one surveyed need, in the allocation's unit."""

    minor: PositiveMinor
    need: Code


class Packages(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """So many of one support package (gói hỗ trợ), at most at the catalogue's price of the day."""

    count: PositiveMinor
    package: Code


class Allocated(EntryBase, frozen=True, kw_only=True):
    """The board set money of one fund aside for one activity in named communes.

    For a group of fewer than k children the scope is `hidden`: no commune or class is named, the activity is
    the general one (or the only one that the fund's own restriction names anyway), the day is the first of the
    month. Codes are open: `allocation` must not say what the scope hides.
    """

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
    classes: tuple[Code, ...] | None = None
    """Beneficiary classes it is for; must be named where the fund is restricted to listed classes."""
    hidden: HiddenScope | None = None
    needs: tuple[NeedPart, ...] | None = None
    """The surveyed needs it answers; no need is answered beyond what it wanted."""
    packages: Packages | None = None
    """The support packages it pays for."""
    programme: Code | None = None
    """The programme it belongs to: its activities, its validity and its communes of the day bind."""

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"fund:{self.fund}", f"allocated:{self.allocation}"),)

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("allocation", self.allocation),
            Key("fund", self.fund),
            Key("activity", self.activity),
            *(Key("commune", commune) for commune in self.communes),
            *(Key("need", part.need) for part in self.needs or ()),
            *(Key("class", code) for code in self.classes or ()),
        )
        if self.packages is not None:
            keys = (*keys, Key("package", self.packages.package))
        if self.programme is not None:
            keys = (*keys, Key("programme", self.programme), Key("programme-communes", self.programme))
        return keys

    def persons(self) -> Any:
        return iter(()) if self.hidden is None else iter((self.hidden.detail,))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("allocation", self.allocation) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="allocation", code=self.allocation)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        activity = check_activity(view, self.activity, field="activity")
        for commune in self.communes:
            needed(view, "commune", commune, Reason.NO_SUCH_COMMUNE, field="communes")
        refuse_shortfall(view, self.fund, self.amount.unit)
        if self.hidden is None:
            check_use(fund, view, activity=self.activity, communes=self.communes, on=self.allocated_on)
        else:
            self._check_hidden(view, fund, activity)
        if self.programme is not None:
            self._check_programme(view, self.programme)
        self._check_classes(view, fund)
        if self.packages is not None:
            package, count, day = self.packages.package, self.packages.count, self.allocated_on
            check_package(view, package, activity=self.activity, amount=self.amount, count=count, on=day)
        value: dict[str, Any] = {
            "activity": self.activity,
            "communes": list(self.communes),
            "fund": self.fund,
            "index": view.index,
        }
        if self.hidden is not None:
            value["hidden"] = True
        if self.programme is not None:
            value["programme"] = self.programme
        if self.classes is not None:
            value["classes"] = list(self.classes)
        return (Change("allocation", self.allocation, value), *self._meet_needs(view))

    def undone(self, view: View) -> tuple[Change, ...]:
        return self._need_rows(view, sign=-1)

    def redone(self, view: View) -> tuple[Change, ...]:
        return self._meet_needs(view)

    def _check_hidden(self, view: View, fund: dict[str, Any], activity: dict[str, Any]) -> None:
        refuse_open({"communes": self.communes, "classes": self.classes, "packages": self.packages})
        check_month(self.allocated_on, field="allocated_on")
        restriction = msgspec.convert(fund["restriction"], Restriction)
        # A fund for one activity says it already; of several the open word would tell which.
        told = restriction.activities if len(restriction.activities) == 1 else ()
        if self.activity not in told and activity.get("general") != self.activity:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "the general activity only", field="activity")
        check_hidden_use(view, fund, on=self.allocated_on)

    def _check_programme(self, view: View, programme: str) -> None:
        check_programme(view, programme, on=self.allocated_on)
        for commune in self.communes:
            check_commune(view, programme, commune, on=self.allocated_on, field="communes")

    def _check_classes(self, view: View, fund: dict[str, Any]) -> None:
        named = open_classes(view, self.classes or (), on=self.allocated_on, field="classes")
        allowed = listed_classes(view, fund["restriction"].get("classes", ()))
        outside = [code for code in named if code not in allowed]
        if allowed and self.hidden is None and (outside or not named):
            raise Rejected(Reason.OUTSIDE_RESTRICTION, field="classes", classes=",".join(outside) or "none named")

    def _meet_needs(self, view: View) -> tuple[Change, ...]:
        parts = self.needs or ()
        if len({part.need for part in parts}) != len(parts):
            raise Rejected(Reason.MALFORMED, "a need is named twice", field="needs")
        if sum(part.minor for part in parts) > self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the parts are more than the amount", field="needs")
        for number, part in enumerate(parts):
            need = needed(view, "need", part.need, Reason.NO_SUCH_NEED, field=f"needs[{number}]")
            if need["withdrawn"]:
                raise Rejected(Reason.MORE_THAN_PLANNED, "the need was withdrawn", field=f"needs[{number}]")
            if need["programme"] != (self.programme or need["programme"]):
                raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another programme", field=f"needs[{number}]")
            # The open one of the two would tell where the hidden one is.
            if (self.hidden is None) != ("commune" in need):
                raise Rejected(
                    Reason.SMALL_GROUP_OPEN, "a hidden need has a hidden allocation", field=f"needs[{number}]"
                )
            if need.get("activity") not in (None, self.activity):
                raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another activity", field=f"needs[{number}]")
            if self.communes and need.get("commune") not in (None, *self.communes):
                raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another commune", field=f"needs[{number}]")
        return self._need_rows(view, sign=1)

    def _need_rows(self, view: View, *, sign: int) -> tuple[Change, ...]:
        rows = []
        for number, part in enumerate(self.needs or ()):
            need = needed(view, "need", part.need, Reason.NO_SUCH_NEED, field=f"needs[{number}]")
            price = 1 if self.amount.unit == need["currency"] else need["prices"].get(self.amount.unit)
            if price is None:
                raise Rejected(Reason.UNIT_DIFFERS, "the need has no such item", field=f"needs[{number}]")
            met = need["met"] + sign * part.minor * price
            if met > need["wanted"]:
                beyond = met - need["wanted"]
                raise Rejected(Reason.MORE_THAN_PLANNED, field=f"needs[{number}]", need=part.need, above_minor=beyond)
            rows.append(Change("need", part.need, {**need, "met": met}))
        return tuple(rows)


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
    contract: Code | None = None
    """The contract it is paid under (ledger/entries/contracts.py)."""
    stage: StageNumber | None = None
    """The accepted stage it pays; absent for the contract's advance."""

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"allocated:{self.allocation}", f"ordered:{self.order}"),)

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("allocation", self.allocation),
            Key("handed", self.order),
            Key("place", self.place),
            contract_of(self.allocation, self.payee.holder),
        )
        return keys if self.contract is None else (*keys, Key("contract", self.contract))

    def changes(self, view: View) -> tuple[Change, ...]:
        if not is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "an order pays money", field="amount")
        check_place(view, self.place, self.amount.unit)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        fund = needed(view, "fund", allocation["fund"], Reason.NO_SUCH_FUND, field="allocation")
        check_fund_place(fund, self.place)
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        more = {"contract": self.contract, "stage": self.stage}
        handed = hand(view, self.order, allocation=self.allocation, holder=self.payee.holder, field="order", more=more)
        return (*handed, *self._under_contract(view))

    def _under_contract(self, view: View) -> tuple[Change, ...]:
        return check_order(
            view,
            contract=self.contract,
            stage=self.stage,
            allocation=self.allocation,
            supplier=self.payee.holder,
            amount=self.amount,
        )

    def undone(self, view: View) -> tuple[Change, ...]:
        return order_changed(view, self.contract, self.stage, -self.amount.minor)

    def redone(self, view: View) -> tuple[Change, ...]:
        return () if self.contract is None else self._under_contract(view)


class MoneyAdvanced(MoneyFact, frozen=True, kw_only=True):
    """Money of an order left the account into the hands of a commune, an officer or a supplier."""

    title: ClassVar = ("Chi, tạm ứng", "Paid or advanced")
    fact: ClassVar = False
    # The order was approved: holder, amount and allocation are what it says.
    asks_approval: ClassVar = False
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
    # Money came back to the allocation that it left; to pay it out again takes a new order.
    asks_approval: ClassVar = False
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
        return (*self.entered(view), *self._given_back(view))

    def undone(self, view: View) -> tuple[Change, ...]:
        order = needed(view, "handed", self.order, Reason.NO_SUCH_ORDER, field="order")
        if "contract" not in order:
            return ()
        return check_order(
            view,
            contract=order["contract"],
            stage=order.get("stage"),
            allocation=self.allocation,
            supplier=self.holder,
            amount=self.amount,
        )

    def redone(self, view: View) -> tuple[Change, ...]:
        return self._given_back(view)

    def _given_back(self, view: View) -> tuple[Change, ...]:
        """What a supplier gave back may be paid again under its contract."""
        order = needed(view, "handed", self.order, Reason.NO_SUCH_ORDER, field="order")
        return order_changed(view, order.get("contract"), order.get("stage"), -self.amount.minor)


class SignedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the signed list of recipients shows. Where it tells of fewer than k children, `roll` says it instead."""

    by_proxy: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
    """How many somebody else signed for (người nhận thay): none, or at least k."""
    heads: Heads
    """How many are signed for: all of the scope, or at least k fewer."""


class MealsEaten(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Meals of one plan (`meal_plan_set`)."""

    meals: PositiveMinor
    plan: Code


class InstalmentPaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One instalment of a support that was scheduled (`support_scheduled`), counted from 1."""

    number: Annotated[int, msgspec.Meta(ge=1, le=600)]
    schedule: Code


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
    beneficiary_class: Code | None = None
    """The class all of an open group belong to; never a sensitive one."""
    instalment: InstalmentPaid | None = None
    meals: MealsEaten | None = None
    occasion: Code | None = None
    """What it was given for: `1-6`, `trung-thu`, `tet`."""
    roll: Person | None = None
    """Who received it: the children's numbers of the vault's register (`children`), and what the signed list
    tells of fewer than k of them."""
    signed: SignedList | None = None
    witness: Code | None = None
    """Who saw it: neither the holder nor who records it."""

    def postings(self) -> tuple[Posting, ...]:
        used = split_shortfall(self.amount, f"handed:{self.handed}", f"used:{self.allocation}", self.shortfall)
        return (*used, move(self.amount, f"advance:{self.holder}", "outside"))

    def reads(self) -> tuple[Key, ...]:
        keys: tuple[Key, ...] = (
            Key("handed", self.handed),
            Key("allocation", self.allocation),
            Key("book", "opened"),
            Key("fund", self.fund),
            tally_key(self.fund, self.amount.unit),
        )
        if self.scope is not None:
            keys = (*keys, Key("commune", self.scope.commune))
        if self.beneficiary_class is not None:
            keys = (*keys, Key("class", self.beneficiary_class))
        if self.meals is not None:
            keys = (*keys, Key("meal-plan", self.meals.plan))
        if self.instalment is not None:
            keys = (*keys, Key("schedule", self.instalment.schedule))
        return keys

    def persons(self) -> Any:
        hidden = None if self.hidden is None else self.hidden.detail
        return (person for person in (hidden, self.roll) if person is not None)

    def completed(self, view: View) -> "Delivered":
        missing = missing_part(view, f"handed:{self.handed}", self.amount, self.fund)
        return msgspec.structs.replace(self, shortfall=missing)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.handed, holder=self.holder, allocation=self.allocation, field="handed")
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        if allocation["fund"] != self.fund:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, "the allocation is of another fund", field="fund")
        check_one_scope(self.scope, self.hidden)
        if self.witness is not None:
            self._check_witness(view, self.witness)
        if self.hidden is not None:
            self._check_hidden(allocation)
        else:
            self._check_open(view, allocation)
        return (*self._rows(view, sign=1), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return (*self._rows(view, sign=-1), *tallied(view, swapped(self.postings())))

    def redone(self, view: View) -> tuple[Change, ...]:
        return (*self._rows(view, sign=1), *tallied(view, self.postings()))

    def _check_witness(self, view: View, witness: str) -> None:
        # Two spellings of one code are one person.
        involved = {self.holder.casefold(), view.by.casefold()}
        if witness.casefold() in involved:
            raise Rejected(Reason.NEEDS_TWO_OFFICERS, "a witness neither holds nor records", field="witness")

    def _check_hidden(self, allocation: dict[str, Any]) -> None:
        check_month(self.delivered_on, field="delivered_on")
        refuse_open({"beneficiary_class": self.beneficiary_class, "meals": self.meals, "signed": self.signed})
        # An allocation in the newer form that stands open tells what is hidden here, or what the open deliveries leave.
        if "programme" in allocation and "hidden" not in allocation:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "its allocation stands open: hide that too", field="hidden")

    def _check_open(self, view: View, allocation: dict[str, Any]) -> None:
        scope = self.scope
        if scope is None:
            return
        k = check_heads(view, scope.heads, field="scope.heads")
        needed(view, "commune", scope.commune, Reason.NO_SUCH_COMMUNE, field="scope.commune")
        if scope.activity != allocation["activity"]:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, field="scope.activity", activity=scope.activity)
        if allocation["communes"] and scope.commune not in allocation["communes"]:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, field="scope.commune", commune=scope.commune)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_use(fund, view, activity=scope.activity, communes=(scope.commune,), on=self.delivered_on)
        if "programme" in allocation:
            check_programme(view, allocation["programme"], on=self.delivered_on)
            check_commune(view, allocation["programme"], scope.commune, on=self.delivered_on, field="scope.commune")
        if self.beneficiary_class is not None:
            open_classes(view, (self.beneficiary_class,), on=self.delivered_on, field="beneficiary_class")
            if self.beneficiary_class not in allocation.get("classes", (self.beneficiary_class,)):
                raise Rejected(Reason.OUTSIDE_RESTRICTION, field="beneficiary_class", classes=self.beneficiary_class)
        if self.instalment is not None:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "a schedule is one child's: use hidden", field="instalment")
        if self.signed is not None:
            unsigned, proxies = scope.heads - self.signed.heads, self.signed.by_proxy
            if unsigned < 0 or proxies > self.signed.heads:
                raise Rejected(Reason.PARTS_DIFFER, "more are signed for than there are", field="signed")
            if 0 < unsigned < k or 0 < proxies < k or 0 < self.signed.heads - proxies < k:
                raise Rejected(Reason.SMALL_GROUP_OPEN, "so few are told in the roll", field="signed", k=k)

    def _rows(self, view: View, *, sign: int) -> tuple[Change, ...]:
        return (*self._eaten(view, sign=sign), *self._paid(view, sign=sign))

    def _eaten(self, view: View, *, sign: int) -> tuple[Change, ...]:
        if self.meals is None:
            return ()
        row = needed(view, "meal-plan", self.meals.plan, Reason.NO_SUCH_PLAN, field="meals.plan")
        if row["allocation"] != self.allocation:
            raise Rejected(Reason.OUTSIDE_RESTRICTION, "the plan is of another allocation", field="meals.plan")
        if "limit" not in row:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "the plan is sealed: so are its meals", field="meals")
        if is_currency(self.amount.unit) and self.amount != Amount(self.meals.meals * row["price"], row["currency"]):
            raise Rejected(Reason.PARTS_DIFFER, "not the meals at the plan's price", field="amount")
        eaten = row["eaten"] + sign * self.meals.meals
        if eaten > row["limit"]:
            above = eaten - row["limit"]
            raise Rejected(Reason.MORE_THAN_PLANNED, "more meals than pupils × days", field="meals", above=above)
        return (Change("meal-plan", self.meals.plan, {**row, "eaten": eaten}),)

    def _paid(self, view: View, *, sign: int) -> tuple[Change, ...]:
        if self.instalment is None:
            return ()
        code, number = self.instalment.schedule, self.instalment.number
        row = needed(view, "schedule", code, Reason.NO_SUCH_PLAN, field="instalment.schedule")
        if number > len(row["instalments"]):
            raise Rejected(Reason.NO_SUCH_PLAN, "no such instalment", field="instalment.number", number=number)
        if sign < 0:
            paid = [other for other in row["paid"] if other != number]
            return (Change("schedule", code, {**row, "paid": paid}),)
        if number in row["paid"]:
            raise Rejected(Reason.MORE_THAN_PLANNED, "paid already", field="instalment.number", number=number)
        if (self.amount.minor, self.amount.unit) != (row["instalments"][number - 1]["minor"], row["unit"]):
            raise Rejected(Reason.PARTS_DIFFER, "not the amount of the instalment", field="amount")
        return (Change("schedule", code, {**row, "paid": sorted([*row["paid"], number])}),)


def hand(
    view: View,
    handed: str,
    *,
    allocation: str,
    holder: str,
    field: str,
    more: Mapping[str, object] | None = None,
) -> tuple[Change, ...]:
    """Registers what goes into a holder's hands under a new code; of `more`, what is not None stands beside it."""
    if view.register("handed", handed) is not None:
        raise Rejected(Reason.ALREADY_EXISTS, field=field, code=handed)
    said = {name: value for name, value in (more or {}).items() if value is not None}
    return (Change("handed", handed, {"allocation": allocation, "holder": holder, "index": view.index, **said}),)


def check_handed(view: View, handed: str, *, holder: str, field: str, allocation: str | None = None) -> dict[str, Any]:
    """The order or issue exists and names this holder (and allocation)."""
    row = needed(view, "handed", handed, Reason.NO_SUCH_ORDER, field=field)
    if row["holder"] != holder:
        raise Rejected(Reason.HOLDER_DIFFERS, field="holder", holder=holder)
    if allocation is not None and row["allocation"] != allocation:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another allocation", field="allocation", allocation=allocation)
    return row
