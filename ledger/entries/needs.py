"""What children need, in what order they are helped, what was promised to them, and what came of it.

A need is surveyed, answered by allocations (`needs` of `allocated`, entries/aid.py) and never beyond what it wanted.
School, class, age and gender lie in the vault: as `detail` of a group that may stand open, inside `hidden` of a
smaller one. Priority is a stated rule: the same data and day give the same list (audit/reports/aid.py).
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Index, Person, Sha256, View, needed
from ledger.entries.groups import (
    Heads,
    HiddenScope,
    OpenScope,
    check_activity,
    check_commune,
    check_heads,
    check_month,
    check_one_scope,
    check_programme,
    open_classes,
    refuse_open,
)
from ledger.money import MAX_MINOR, Amount, Currency, GoodsUnit, PositiveMinor, is_currency
from ledger.places import CommuneCode, ProvinceCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

MAX_INSTALMENTS: Final = 600


class NeedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """So many pieces of goods at a price each."""

    goods: GoodsUnit
    quantity: PositiveMinor
    unit_price_minor: PositiveMinor


class NeedSurveyed(EntryBase, frozen=True, kw_only=True):
    """A survey (khảo sát nhu cầu) found that a group of children needs something, worth `wanted`."""

    title: ClassVar = ("Nhu cầu đã khảo sát", "Need surveyed")
    day_field: ClassVar = "surveyed_on"

    need: Code
    programme: Code
    survey: Code
    """The survey it comes from: a year or a campaign."""
    surveyed_on: date
    wanted: Amount
    """Money; what the items come to where there are any."""
    items: tuple[NeedItem, ...]
    """Goods by the piece; none for money and for a hidden need, whose goods would tell what is hidden."""
    beneficiary_class: Code | None = None
    detail: Person | None = None
    """Of an open group: school, class, age band, gender."""
    hidden: HiddenScope | None = None
    scope: OpenScope | None = None

    def reads(self) -> tuple[Key, ...]:
        keys: tuple[Key, ...] = (
            Key("book", "opened"),
            Key("need", self.need),
            Key("programme", self.programme),
            Key("programme-communes", self.programme),
            *(Key("goods", item.goods) for item in self.items),
        )
        if self.scope is not None:
            keys = (*keys, Key("activity", self.scope.activity), Key("commune", self.scope.commune))
        return keys if self.beneficiary_class is None else (*keys, Key("class", self.beneficiary_class))

    def persons(self) -> Any:
        hidden = None if self.hidden is None else self.hidden.detail
        return (person for person in (hidden, self.detail) if person is not None)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("need", self.need) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="need", code=self.need)
        if not is_currency(self.wanted.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "what is wanted is said in money", field="wanted")
        check_programme(view, self.programme, on=self.surveyed_on)
        check_one_scope(self.scope, self.hidden)
        value: dict[str, Any] = {
            "currency": self.wanted.unit,
            "index": view.index,
            "met": 0,
            "prices": {item.goods: item.unit_price_minor for item in self.items},
            "programme": self.programme,
            "wanted": self.wanted.minor,
            "withdrawn": False,
        }
        if self.hidden is not None:
            check_month(self.surveyed_on, field="surveyed_on")
            said = {"items": self.items, "beneficiary_class": self.beneficiary_class, "detail": self.detail}
            refuse_open(said)
        elif self.scope is not None:
            check_heads(view, self.scope.heads, field="scope.heads")
            check_activity(view, self.scope.activity, field="scope.activity")
            check_commune(view, self.programme, self.scope.commune, on=self.surveyed_on, field="scope.commune")
            if self.beneficiary_class is not None:
                open_classes(view, (self.beneficiary_class,), on=self.surveyed_on, field="beneficiary_class")
            self._check_items(view)
            value |= {"activity": self.scope.activity, "commune": self.scope.commune}
        return (Change("need", self.need, value),)

    def _check_items(self, view: View) -> None:
        if len({item.goods for item in self.items}) != len(self.items):
            raise Rejected(Reason.MALFORMED, "goods are named twice", field="items")
        for item in self.items:
            needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field="items")
        if self.items and sum(i.quantity * i.unit_price_minor for i in self.items) != self.wanted.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the items do not add up to what is wanted", field="wanted")


class NeedWithdrawn(EntryBase, frozen=True, kw_only=True):
    """A need is no longer there, or was surveyed wrongly: no allocation may answer it any more."""

    title: ClassVar = ("Rút nhu cầu", "Need withdrawn")
    day_field: ClassVar = "withdrawn_on"

    need: Code
    withdrawn_on: date
    why: Literal["met_elsewhere", "gone", "mistake"]

    def reads(self) -> tuple[Key, ...]:
        return (Key("need", self.need),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "need", self.need, Reason.NO_SUCH_NEED, field="need")
        if row["withdrawn"]:
            raise Rejected(Reason.ALREADY_EXISTS, "withdrawn already", field="need", code=self.need)
        return (Change("need", self.need, {**row, "withdrawn": True}),)


class Weight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """Points for one criterion.

    `class`, `activity` and `commune` give `points` to the needs of that `code`; `waiting` for every whole 30 days
    since the survey.
    """

    by: Literal["activity", "class", "commune", "waiting"]
    points: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
    code: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._@-]{0,39}$(?!\n)")] | None = None


class PriorityRuleSet(EntryBase, frozen=True, kw_only=True):
    """In what order needs of a programme are answered from now on: most points first, then the older survey."""

    title: ClassVar = ("Quy tắc ưu tiên", "Priority rule set")
    day_field: ClassVar = "set_on"

    decision_sha256: Sha256
    """Of the decision that states the rule."""
    programme: Code
    set_on: date
    weights: tuple[Weight, ...]

    def reads(self) -> tuple[Key, ...]:
        return (Key("programme", self.programme), Key("priority-rule", self.programme))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        if len({(weight.by, weight.code) for weight in self.weights}) != len(self.weights):
            raise Rejected(Reason.MALFORMED, "a criterion is named twice", field="weights")
        for weight in self.weights:
            if (weight.code is None) != (weight.by == "waiting"):
                raise Rejected(Reason.MALFORMED, "a code for all criteria but the waiting", field="weights")
        return (Change("priority-rule", self.programme, {"index": view.index}),)


class MealPlanSet(EntryBase, frozen=True, kw_only=True):
    """Meals for the pupils of one school class: no more are paid than pupils × days.

    School and class are sealed in `detail`. Of fewer than k pupils everything is (pupils, days, price too), and
    how many meals were paid is checked in the vault (report `eligibility`).
    """

    title: ClassVar = ("Kế hoạch bữa ăn", "Meal plan set")
    day_field: ClassVar = "set_on"

    allocation: Code
    detail: Person
    """School, class; of fewer than k pupils also pupils, days and price."""
    plan: Code
    set_on: date
    days: Annotated[int, msgspec.Meta(ge=1, le=366)] | None = None
    price: Amount | None = None
    """Of one meal."""
    pupils: Heads | None = None

    def reads(self) -> tuple[Key, ...]:
        return (Key("allocation", self.allocation), Key("book", "opened"), Key("meal-plan", self.plan))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("meal-plan", self.plan) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="plan", code=self.plan)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        row: dict[str, Any] = {"allocation": self.allocation, "index": view.index}
        if self.pupils is None or self.days is None or self.price is None:
            if (self.pupils, self.days, self.price) != (None, None, None):
                raise Rejected(Reason.MALFORMED, "pupils, days and price go together", field="pupils")
            check_month(self.set_on, field="set_on")
            if "hidden" not in allocation:
                raise Rejected(Reason.SMALL_GROUP_OPEN, "its allocation stands open", field="allocation")
            return (Change("meal-plan", self.plan, row),)
        check_heads(view, self.pupils, field="pupils")
        if not is_currency(self.price.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "a price is money", field="price")
        if self.pupils * self.days * self.price.minor > MAX_MINOR:
            raise Rejected(Reason.AMOUNT_TOO_LARGE, field="price")
        row |= {"limit": self.pupils * self.days, "eaten": 0}
        row |= {"price": self.price.minor, "currency": self.price.unit}
        return (Change("meal-plan", self.plan, row),)


class Instalment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What falls due in one month; `due_on` is its first day."""

    due_on: date
    minor: PositiveMinor


class SupportScheduled(EntryBase, frozen=True, kw_only=True):
    """One child is to be helped in instalments: sponsorship, scholarship, surgery, rehabilitation.

    Which of these, and for whom, is sealed; deliveries name the instalment they pay (`instalment`).
    """

    title: ClassVar = ("Lịch hỗ trợ theo đợt", "Support scheduled")
    day_field: ClassVar = "scheduled_on"

    child: Person
    """The child's number, the form of support, where, from whom."""
    instalments: tuple[Instalment, ...]
    province: ProvinceCode
    schedule: Code
    scheduled_on: date
    unit: Currency

    def reads(self) -> tuple[Key, ...]:
        return (Key("schedule", self.schedule),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("schedule", self.schedule) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="schedule", code=self.schedule)
        if not 1 <= len(self.instalments) <= MAX_INSTALMENTS:
            raise Rejected(Reason.MALFORMED, f"1 to {MAX_INSTALMENTS} instalments", field="instalments")
        check_month(self.scheduled_on, field="scheduled_on")
        days = [instalment.due_on for instalment in self.instalments]
        for number, day in enumerate(days):
            check_month(day, field=f"instalments[{number}].due_on")
        if days != sorted(set(days)):
            raise Rejected(Reason.MALFORMED, "one a month, in order", field="instalments")
        value = {
            "ended": False,
            "index": view.index,
            "instalments": [{"due_on": i.due_on.isoformat(), "minor": i.minor} for i in self.instalments],
            "paid": [],
            "unit": self.unit,
        }
        return (Change("schedule", self.schedule, value),)


class SupportEnded(EntryBase, frozen=True, kw_only=True):
    """No further instalment of a schedule falls due. Why is sealed with whoever it is about."""

    title: ClassVar = ("Dừng hỗ trợ theo đợt", "Scheduled support ended")
    day_field: ClassVar = "ended_on"

    detail: Person
    ended_on: date
    schedule: Code

    def reads(self) -> tuple[Key, ...]:
        return (Key("schedule", self.schedule),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "schedule", self.schedule, Reason.NO_SUCH_PLAN, field="schedule")
        check_month(self.ended_on, field="ended_on")
        if row["ended"]:
            raise Rejected(Reason.ALREADY_EXISTS, "ended already", field="schedule", code=self.schedule)
        value = {**row, "ended": True, "ended_on": self.ended_on.isoformat()}
        return (Change("schedule", self.schedule, value),)


class Evaluated(EntryBase, frozen=True, kw_only=True):
    """What came of an allocation, or of one delivery, as somebody judged it afterwards."""

    title: ClassVar = ("Đánh giá hiệu quả", "Evaluated")
    day_field: ClassVar = "evaluated_on"

    allocation: Code
    evaluated_on: date
    outcome: Literal["met", "met_in_part", "not_met"]
    report_sha256: Sha256
    delivery: Index | None = None
    """Index of the `delivered` record judged; absent for the allocation as a whole."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("allocation", self.allocation),)

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        if self.delivery is not None:
            entry = view.earlier(self.delivery).entry
            if entry.kind != "delivered" or getattr(entry, "allocation", None) != self.allocation:
                raise Rejected(Reason.NOT_THE_RECORD, "no delivery of this allocation", field="delivery")
        return ()


class VisitMade(EntryBase, frozen=True, kw_only=True):
    """A donor saw for themselves. Who, where and whom they met is sealed."""

    title: ClassVar = ("Chuyến thăm của nhà tài trợ", "Donor's visit")
    day_field: ClassVar = "visited_on"

    province: ProvinceCode
    visited_on: date
    """The first of the month."""
    visitor: Person
    minutes_sha256: Sha256 | None = None

    def changes(self, view: View) -> tuple[Change, ...]:
        check_month(self.visited_on, field="visited_on")
        return ()


class InsuranceListed(EntryBase, frozen=True, kw_only=True):
    """A list of children under 6 for their health-insurance cards, as it stood on a day.

    The roll seals the children's numbers; that each was under 6 on the day is checked there (report `insurance`).
    """

    title: ClassVar = ("Danh sách cấp thẻ BHYT", "Insurance list")
    day_field: ClassVar = "listed_on"

    list_sha256: Sha256
    listed_on: date
    """Of a hidden list the first of the month; the day itself then lies in the vault."""
    roll: Person
    commune: CommuneCode | None = None
    heads: Heads | None = None
    province: ProvinceCode | None = None
    """Given instead of commune and heads where they are fewer than k."""
    sent_on: date | None = None
    """When it went to the insurance office."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("book", "opened"),)
        return keys if self.commune is None else (*keys, Key("commune", self.commune))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_one_scope(self.commune, self.province, field="commune")
        if (self.heads is None) != (self.commune is None):
            raise Rejected(Reason.MALFORMED, "commune and heads go together", field="heads")
        if self.sent_on is not None and self.sent_on < self.listed_on:
            raise Rejected(Reason.MALFORMED, "sent before it was made", field="sent_on")
        if self.commune is None or self.heads is None:
            check_month(self.listed_on, field="listed_on")
            return ()
        check_heads(view, self.heads, field="heads")
        needed(view, "commune", self.commune, Reason.NO_SUCH_COMMUNE, field="commune")
        return ()
