"""Needs and aid: what each step refuses, by its exact reason, and what a reversal gives back.

Without these one need would be paid twice, one small school could be read out of the book, and nobody would notice a
meal too many.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.entries.union import KINDS
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.saying import DAY, HOLDER, cartons, record_at, reverse, say, size
from tests.ledger.story3 import aid
from tests.ledger.story3.aid import ACTIVITIES, MONTH, NEED, SUPPORT, allocated, delivered, hidden, pay, sealed
from tests.worlds import LAI_XUAN, MINH_TAN, OPEN_TO_ALL, SHA, World, vnd


def row(world: World, register: str, key: str) -> dict[str, Any]:
    """A register row as stored."""
    with reading(world.open.engine) as db:
        return decode_value(read.registers(db, world.open.code, [Key(register, key)])[Key(register, key)])


def refused(reason: Reason, field: str | None, call: Callable[[], object]) -> None:
    """The call is refused for this reason, naming this field."""
    with pytest.raises(Rejected) as caught:
        call()
    assert (caught.value.reason, caught.value.details.get("field")) == (reason, field)


def said(entry: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """An entry with some fields changed; one set to None is left out."""
    return {name: value for name, value in {**entry, **changed}.items() if value is not None}


FEW = {"scope": None, "items": [], "detail": None, "surveyed_on": MONTH, "hidden": hidden(commune=LAI_XUAN)}


def fund(world: World) -> World:
    """Money in two funds, classes and activities listed, and one need."""
    world.gift(2_000_000)
    world.gift(2_000_000, fund="chung")
    world.say("activities_listed", activities=ACTIVITIES)
    world.say("classes_listed", classes=[*aid.classes(), *aid.classes(open_="KK-01", sensitive="AHHIV")])
    world.say(**NEED)
    world.say(**said({**NEED, "need": "NC-2"}, **FEW))
    return world


def advance(world: World) -> World:
    """An allocation of the programme whose money is in the holder's hands."""
    world.say(**allocated("pb-1", 600_000, classes=["HN-01"]))
    pay(world, "pb-1", "lc-1", 400_000)
    return world


@pytest.fixture
def funded(sqlite_world: World) -> World:
    """See `fund`."""
    return fund(sqlite_world)


@pytest.fixture
def paid(funded: World) -> World:
    """See `advance`."""
    return advance(funded)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A book to which nothing is added any more; what the tests ask of it is refused."""
    world = advance(fund(World.create(tmp_path_factory.mktemp("refusing") / "home", None)))
    before = size(world)
    yield world
    assert size(world) == before
    check_book(world)
    world.home.close()


def test_the_story_holds_on_both_databases(world: World) -> None:
    """Every kind of the family and every new field, said once and audited."""
    aid.tell(world)
    told = {record_at(world, index).entry.kind for index in range(world.gift(1).index)}
    families = ("ledger.entries.needs", "ledger.entries.children")
    assert {name for name, kind in KINDS.items() if kind.__module__ in families} <= told
    assert row(world, "need", "NC-1")["met"] == 300_000
    assert row(world, "schedule", "HT-1")["paid"] == [1]
    assert row(world, "meal-plan", "BA-1") | {"index": 0} == {
        "allocation": "pb-a1",
        "currency": "VND",
        "eaten": 600,
        "index": 0,
        "limit": 600,
        "price": 500,
    }


NEEDS = [
    (Reason.ALREADY_EXISTS, "need", {"need": "NC-1"}),
    (Reason.UNIT_DIFFERS, "wanted", {"wanted": cartons(60)}),
    (Reason.PARTS_DIFFER, "wanted", {"wanted": vnd(300_001)}),
    (Reason.NO_SUCH_PROGRAMME, "programme", {"programme": "khac"}),
    (Reason.OUTSIDE_RESTRICTION, "programme", {"surveyed_on": "2020-12-31"}),
    (Reason.SMALL_GROUP_OPEN, "scope.heads", {"scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 9}}),
    (Reason.SMALL_GROUP_OPEN, "scope.activity", {"scope": {"activity": "PHAUTHUAT", "commune": MINH_TAN, "heads": 99}}),
    (Reason.NO_SUCH_ACTIVITY, "scope.activity", {"scope": {"activity": "X", "commune": MINH_TAN, "heads": 30}}),
    (
        Reason.NO_SUCH_COMMUNE,
        "scope.commune",
        {"scope": {"activity": "SUA", "commune": "00001@2019-01-01", "heads": 30}},
    ),
    (Reason.SMALL_GROUP_OPEN, "beneficiary_class", {"beneficiary_class": "HCDB-05"}),
    (Reason.NO_SUCH_CLASS, "beneficiary_class", {"beneficiary_class": "KHONG-CO"}),
    (Reason.MALFORMED, "scope", {"scope": None}),
    (Reason.MALFORMED, "scope", {"hidden": hidden(commune=LAI_XUAN)}),
    (Reason.SMALL_GROUP_OPEN, "surveyed_on", {**FEW, "surveyed_on": "2026-08-31"}),
    (Reason.SMALL_GROUP_OPEN, "items", {**FEW, "items": NEED["items"]}),
    (Reason.SMALL_GROUP_OPEN, "beneficiary_class", {**FEW, "beneficiary_class": "HN-01"}),
    (Reason.SMALL_GROUP_OPEN, "detail", {**FEW, "detail": sealed(school="Trường A")}),
    (Reason.NO_SUCH_GOODS, "items", {"items": [{"goods": "banh-mi", "quantity": 60, "unit_price_minor": 5_000}]}),
    (Reason.MALFORMED, "items", {"items": NEED["items"] * 2}),
]


@pytest.mark.parametrize(("reason", "field", "changed"), NEEDS, ids=lambda value: str(value)[:40])
def test_what_a_need_may_not_say(refusing: World, reason: Reason, field: str, changed: dict[str, Any]) -> None:
    """Small groups above all: every way in which a need could name one is refused."""
    refused(reason, field, lambda: refusing.say(**said({**NEED, "need": "NC-9"}, **changed)))


def test_a_need_is_not_met_twice(funded: World) -> None:
    """R05: also not in parts, in goods beside money, or after a reversal was itself reversed."""
    first = funded.say(**allocated("pb-1", 200_000, needs=[{"need": "NC-1", "minor": 200_000}]))
    assert row(funded, "need", "NC-1")["met"] == 200_000
    again = allocated("pb-2", 200_000, needs=[{"need": "NC-1", "minor": 100_001}])
    refused(Reason.MORE_THAN_PLANNED, "needs[0]", lambda: funded.say(**again))
    undone = reverse(funded, first.index)
    assert row(funded, "need", "NC-1")["met"] == 0
    second = funded.say(**again)
    refused(Reason.MORE_THAN_PLANNED, "needs[0]", lambda: reverse(funded, undone.index))
    reverse(funded, second.index)
    reverse(funded, undone.index)
    assert row(funded, "need", "NC-1")["met"] == 200_000


def test_a_need_met_in_goods_counts_at_its_own_price(funded: World) -> None:
    """Goods and money answer one need together: 60 cartons wanted, 50 as goods, then no more than the rest."""
    funded.say(
        "balance_brought",
        place="stock:KHO",
        fund="sua",
        amount=cartons(500),
        brought_on=DAY,
        minutes_sha256=SHA,
        gifts=[],
    )
    funded.say(**allocated("pb-1", 1, amount=cartons(50), needs=[{"need": "NC-1", "minor": 50}]))
    assert row(funded, "need", "NC-1")["met"] == 250_000
    rest = allocated("pb-2", 50_001, needs=[{"need": "NC-1", "minor": 50_001}])
    refused(Reason.MORE_THAN_PLANNED, "needs[0]", lambda: funded.say(**rest))
    funded.say(**allocated("pb-2", 50_000, needs=[{"need": "NC-1", "minor": 50_000}]))


ALLOCATIONS = [
    (Reason.NO_SUCH_NEED, "needs[0]", {"needs": [{"need": "NC-0", "minor": 1}]}),
    (Reason.PARTS_DIFFER, "needs", {"needs": [{"need": "NC-1", "minor": 100_001}]}),
    (Reason.MALFORMED, "needs", {"needs": [{"need": "NC-1", "minor": 1}] * 2}),
    (Reason.OUTSIDE_RESTRICTION, "needs[0]", {"communes": [LAI_XUAN], "needs": [{"need": "NC-1", "minor": 1}]}),
    (
        Reason.OUTSIDE_RESTRICTION,
        "needs[0]",
        {"fund": "chung", "activity": "DOAM", "needs": [{"need": "NC-1", "minor": 1}]},
    ),
    (Reason.SMALL_GROUP_OPEN, "needs[0]", {"needs": [{"need": "NC-2", "minor": 1}]}),
    (
        *(Reason.SMALL_GROUP_OPEN, "needs[0]"),
        {"hidden": hidden(x="y"), "communes": [], "allocated_on": MONTH, "needs": [{"need": "NC-1", "minor": 1}]},
    ),
    (Reason.NO_SUCH_CLASS, "classes", {"classes": ["X"]}),
    (Reason.SMALL_GROUP_OPEN, "classes", {"classes": ["HCDB-05"]}),
    (Reason.SMALL_GROUP_OPEN, "activity", {"fund": "chung", "activity": "PHAUTHUAT"}),
    (Reason.NO_SUCH_PROGRAMME, "programme", {"programme": "khac"}),
    (Reason.NO_SUCH_PACKAGE, "package", {"packages": {"package": "G1", "count": 2}}),
    (Reason.SMALL_GROUP_OPEN, "communes", {"hidden": hidden(x="y")}),
    (Reason.SMALL_GROUP_OPEN, "classes", {"hidden": hidden(x="y"), "communes": [], "classes": ["HN-01"]}),
    (
        *(Reason.SMALL_GROUP_OPEN, "allocated_on"),
        {"hidden": hidden(x="y"), "communes": [], "allocated_on": "2026-08-31"},
    ),
    (
        *(Reason.SMALL_GROUP_OPEN, "activity"),
        {"hidden": hidden(x="y"), "communes": [], "fund": "chung", "activity": "DOAM"},
    ),
]


@pytest.mark.parametrize(("reason", "field", "changed"), ALLOCATIONS, ids=lambda value: str(value)[:40])
def test_what_an_allocation_may_not_say(refusing: World, reason: Reason, field: str, changed: dict[str, Any]) -> None:
    """Each new field of an allocation binds."""
    refused(reason, field, lambda: refusing.say(**said(allocated("pb-9", 100_000), **changed)))


def test_a_hidden_allocation_of_a_fund_for_one_thing_may_name_that(funded: World) -> None:
    """The fund's own restriction says it already, and the time window still binds."""
    funded.say(**allocated("pb-1", 100_000, communes=[], allocated_on=MONTH, hidden=hidden(commune=LAI_XUAN)))
    window = {**OPEN_TO_ALL, "to_on": "2026-07-15"}
    funded.say("fund_opened", fund="he", name="Nguồn hè", source="gift", restriction=window, places=[])
    funded.gift(1_000, fund="he")
    late = {"fund": "he", "activity": SUPPORT, "communes": [], "allocated_on": MONTH, "hidden": hidden(x="y")}
    refused(Reason.OUTSIDE_RESTRICTION, "day", lambda: funded.say(**allocated("pb-2", 1_000, **late)))


def test_a_fund_for_classes_binds_once_they_are_listed(funded: World) -> None:
    """R11: an allocation must name classes within the fund's; where none is listed nothing changes."""
    for fund, code in (("ngheo", "HN-01"), ("cu", "CHUA-LIET-KE")):
        only = {**OPEN_TO_ALL, "classes": [code]}
        funded.say("fund_opened", fund=fund, name=f"Nguồn {fund}", source="gift", restriction=only, places=[])
        funded.gift(100_000, fund=fund)
    refused(Reason.OUTSIDE_RESTRICTION, "classes", lambda: funded.say(**allocated("pb-1", 1, fund="ngheo")))
    funded.say(**allocated("pb-1", 1, fund="ngheo", classes=["HN-01"]))
    funded.say(**allocated("pb-2", 1, fund="cu"))


def test_a_commune_must_be_in_the_programmes_list_of_the_day(funded: World) -> None:
    """R16: before the list named it, and after it left it, a commune gets no aid of the programme."""
    listed = {"programme": "HP256", "communes": [{"commune": LAI_XUAN, "name": "Lại Xuân", "province": "31"}]}
    funded.say("communes_listed", **listed, listed_on="2026-08-01")
    refused(Reason.OUTSIDE_RESTRICTION, "communes", lambda: funded.say(**allocated("pb-1", 1)))
    funded.say(**allocated("pb-1", 1, communes=[LAI_XUAN]))
    refused(Reason.OUTSIDE_RESTRICTION, "scope.commune", lambda: funded.say(**said(NEED, need="NC-4")))


def signed(heads: int, by_proxy: int) -> dict[str, Any]:
    return {"signed": {"heads": heads, "by_proxy": by_proxy}}


SMALL = {"scope": None, "hidden": hidden(commune=MINH_TAN), "delivered_on": MONTH}
DELIVERIES = [
    (Reason.NEEDS_TWO_OFFICERS, "witness", {"witness": HOLDER}),
    (Reason.NEEDS_TWO_OFFICERS, "witness", {"witness": HOLDER.upper()}),
    (Reason.NEEDS_TWO_OFFICERS, "witness", {"witness": "ke-toan"}),
    (Reason.PARTS_DIFFER, "signed", signed(31, 0)),
    (Reason.PARTS_DIFFER, "signed", signed(10, 11)),
    (Reason.SMALL_GROUP_OPEN, "signed", signed(29, 0)),
    (Reason.SMALL_GROUP_OPEN, "signed", signed(30, 1)),
    (Reason.SMALL_GROUP_OPEN, "signed", signed(30, 29)),
    (Reason.SMALL_GROUP_OPEN, "beneficiary_class", {"beneficiary_class": "HCDB-05"}),
    (Reason.OUTSIDE_RESTRICTION, "beneficiary_class", {"beneficiary_class": "KK-01"}),
    (Reason.SMALL_GROUP_OPEN, "instalment", {"instalment": {"schedule": "HT-1", "number": 1}}),
    (Reason.NO_SUCH_PLAN, "meals.plan", {"meals": {"plan": "BA-0", "meals": 1}}),
    (Reason.OUTSIDE_RESTRICTION, "programme", {"delivered_on": "2020-12-31"}),
    # What is hidden hides behind an allocation that does not tell.
    (Reason.SMALL_GROUP_OPEN, "hidden", SMALL),
    (Reason.SMALL_GROUP_OPEN, "signed", {**SMALL, **signed(3, 0)}),
    (Reason.SMALL_GROUP_OPEN, "beneficiary_class", {**SMALL, "beneficiary_class": "HN-01"}),
    (Reason.SMALL_GROUP_OPEN, "meals", {**SMALL, "meals": {"plan": "BA-1", "meals": 3}}),
]


@pytest.mark.parametrize(("reason", "field", "changed"), DELIVERIES, ids=lambda value: str(value)[:40])
def test_what_a_delivery_may_not_say(refusing: World, reason: Reason, field: str, changed: dict[str, Any]) -> None:
    """A witness is a third person, and no figure tells of fewer than k children."""
    refused(reason, field, lambda: refusing.say(**said(delivered("pb-1", "lc-1", 300_000), **changed)))


def test_meals_stay_within_pupils_and_days(paid: World) -> None:
    """R15: over several deliveries, at the plan's price, and free again once one is undone."""
    plan = {"plan": "BA-1", "allocation": "pb-1", "set_on": DAY, "detail": sealed(school="Trường A", **{"class": "1B"})}
    refused(
        Reason.SMALL_GROUP_OPEN,
        "pupils",
        lambda: paid.say("meal_plan_set", **plan, pupils=9, days=10, price=vnd(1_000)),
    )
    refused(Reason.SMALL_GROUP_OPEN, "allocation", lambda: paid.say("meal_plan_set", **plan))
    refused(Reason.MALFORMED, "pupils", lambda: paid.say("meal_plan_set", **plan, pupils=10))
    paid.say("meal_plan_set", **plan, pupils=30, days=10, price=vnd(1_000))
    refused(
        Reason.ALREADY_EXISTS, "plan", lambda: paid.say("meal_plan_set", **plan, pupils=30, days=10, price=vnd(1_000))
    )

    def eat(meals: int, minor: int | None = None) -> Any:
        eaten = {"plan": "BA-1", "meals": meals}
        return paid.say(**delivered("pb-1", "lc-1", meals * 1_000 if minor is None else minor, meals=eaten))

    first = eat(200)
    refused(Reason.PARTS_DIFFER, "amount", lambda: eat(1, 1_001))
    refused(Reason.MORE_THAN_PLANNED, "meals", lambda: eat(101))
    eat(100)
    refused(Reason.MORE_THAN_PLANNED, "meals", lambda: eat(1))
    reverse(paid, first.index)
    eat(200)


def scheduled(**changed: Any) -> dict[str, Any]:
    due = [{"due_on": "2026-09-01", "minor": 100_000}, {"due_on": "2026-10-01", "minor": 100_000}]
    usual = {
        "kind": "support_scheduled",
        "schedule": "HT-1",
        "province": "31",
        "scheduled_on": MONTH,
        "unit": "VND",
        "child": sealed(children="TE1"),
        "instalments": due,
    }
    return {**usual, **changed}


def test_an_instalment_is_paid_once_and_whole(funded: World) -> None:
    """R09: and a reversal makes it due again."""
    for field, changed in (
        ("scheduled_on", {"scheduled_on": "2026-08-31"}),
        ("instalments[0].due_on", {"instalments": [{"due_on": "2026-09-15", "minor": 1}]}),
    ):
        refused(Reason.SMALL_GROUP_OPEN, field, lambda changed=changed: funded.say(**scheduled(**changed)))
    refused(Reason.MALFORMED, "instalments", lambda: funded.say(**scheduled(instalments=[])))
    twice = [{"due_on": "2026-09-01", "minor": 1}] * 2
    refused(Reason.MALFORMED, "instalments", lambda: funded.say(**scheduled(instalments=twice)))
    funded.say(**scheduled())
    refused(Reason.ALREADY_EXISTS, "schedule", lambda: funded.say(**scheduled()))
    few = {"fund": "chung", "activity": SUPPORT, "communes": [], "allocated_on": MONTH}
    funded.say(**allocated("pb-1", 500_000, **few, hidden=hidden(form="Học bổng")))
    pay(funded, "pb-1", "lc-1", 500_000)

    def give(number: int, minor: int = 100_000, schedule: str = "HT-1") -> Any:
        one = {"instalment": {"schedule": schedule, "number": number}, "fund": "chung", **SMALL}
        return funded.say(**said(delivered("pb-1", "lc-1", minor), **one))

    first = give(1)
    refused(Reason.MORE_THAN_PLANNED, "instalment.number", lambda: give(1))
    refused(Reason.NO_SUCH_PLAN, "instalment.number", lambda: give(3))
    refused(Reason.NO_SUCH_PLAN, "instalment.schedule", lambda: give(1, schedule="HT-0"))
    refused(Reason.PARTS_DIFFER, "amount", lambda: give(2, 99_999))
    reverse(funded, first.index)
    assert row(funded, "schedule", "HT-1")["paid"] == []
    give(2)
    give(1)
    assert row(funded, "schedule", "HT-1")["paid"] == [1, 2]
    funded.say("support_ended", schedule="HT-1", ended_on=MONTH, detail=sealed(why="x"))
    ended = {"ended_on": MONTH, "detail": sealed(why="x")}
    refused(Reason.ALREADY_EXISTS, "schedule", lambda: funded.say("support_ended", schedule="HT-1", **ended))
    refused(Reason.NO_SUCH_PLAN, "schedule", lambda: funded.say("support_ended", schedule="HT-0", **ended))


def test_a_withdrawn_need_is_answered_no_more(funded: World) -> None:
    """A need met elsewhere must not draw money again."""
    withdrawn = {"need": "NC-1", "withdrawn_on": DAY, "why": "gone"}
    funded.say("need_withdrawn", **withdrawn)
    refused(Reason.ALREADY_EXISTS, "need", lambda: funded.say("need_withdrawn", **withdrawn))
    part = [{"need": "NC-1", "minor": 1}]
    refused(Reason.MORE_THAN_PLANNED, "needs[0]", lambda: funded.say(**allocated("pb-1", 1, needs=part)))
    refused(Reason.NO_SUCH_NEED, "need", lambda: funded.say("need_withdrawn", **{**withdrawn, "need": "NC-0"}))


def test_the_smaller_kinds_refuse(paid: World) -> None:
    """A rule has no criterion twice; a judgement is of a delivery that is there; a list of few names its province."""
    rule = {"programme": "HP256", "decision_sha256": SHA, "set_on": DAY}
    twice = [{"by": "class", "code": "HN-01", "points": 1}] * 2
    refused(Reason.MALFORMED, "weights", lambda: paid.say("priority_rule_set", **rule, weights=twice))
    codeless = [{"by": "class", "points": 1}]
    refused(Reason.MALFORMED, "weights", lambda: paid.say("priority_rule_set", **rule, weights=codeless))
    judged = {"allocation": "pb-1", "evaluated_on": DAY, "outcome": "met", "report_sha256": SHA}
    refused(Reason.NOT_THE_RECORD, "delivery", lambda: paid.say("evaluated", **judged, delivery=0))
    paid.say("evaluated", **judged)
    visit = {"province": "31", "visitor": sealed(name="A")}
    refused(Reason.SMALL_GROUP_OPEN, "visited_on", lambda: paid.say("visit_made", **visit, visited_on="2026-08-31"))
    cards = {"list_sha256": SHA, "listed_on": DAY, "roll": sealed(children="TE1")}
    few = {**cards, "commune": MINH_TAN, "heads": 9}
    refused(Reason.SMALL_GROUP_OPEN, "heads", lambda: paid.say("insurance_listed", **few))
    refused(Reason.MALFORMED, "commune", lambda: paid.say("insurance_listed", **cards))
    refused(
        Reason.MALFORMED,
        "heads",
        lambda: paid.say("insurance_listed", **{**few, "heads": None} | {"commune": MINH_TAN}),
    )
    early = {"heads": 10, "sent_on": "2026-08-31"}
    refused(Reason.MALFORMED, "sent_on", lambda: paid.say("insurance_listed", **{**few, **early}))
    old = {**cards, "province": "31", "listed_on": "2026-08-31"}
    refused(Reason.SMALL_GROUP_OPEN, "listed_on", lambda: paid.say("insurance_listed", **old))


def test_entries_of_before_stand_as_they_stood(sqlite_world: World) -> None:
    """An allocation and deliveries without the new fields set the same rows as in the books of 0.1 and 0.2."""
    sqlite_world.gift(1_000_000)
    say(sqlite_world, "allocated")
    kept = row(sqlite_world, "allocation", "pb-1")
    assert kept.keys() == {"activity", "communes", "fund", "index"}
    pay(sqlite_world, "pb-1", "lc-1", 300_000)
    sqlite_world.say(**said(delivered("pb-1", "lc-1", 300_000), **SMALL))
