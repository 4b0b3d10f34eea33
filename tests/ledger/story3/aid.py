"""Needs and aid: a need found, ordered, answered, delivered, judged; what is said of few children; the register."""

from typing import Any

from tests.ledger.saying import DAY, HOLDER, MILK
from tests.worlds import LAI_XUAN, MINH_TAN, SHA, World, vnd

MONTH = "2026-08-01"
"""Of what is hidden only the month is said; the day itself is sealed."""
CHILD = {"number": "TE0001", "name": "Nguyễn Văn Minh", "born_on": "2018-05-04", "gender": "nam"}


def sealed(**values: str) -> dict[str, Any]:
    """Somebody, or a detail, in its request form."""
    return {"private": values}


def hidden(**values: str) -> dict[str, Any]:
    """A scope of fewer than k children."""
    return {"province": "31", "detail": sealed(**values)}


NEED: dict[str, Any] = {
    "kind": "need_surveyed",
    "need": "NC-1",
    "programme": "HP256",
    "survey": "KS-2026",
    "surveyed_on": DAY,
    "wanted": vnd(300_000),
    "items": [{"goods": MILK, "quantity": 60, "unit_price_minor": 5_000}],
    "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 30},
    "detail": sealed(school="Trường Tiểu học Minh Tân", **{"class": "3A"}),
}
SUPPORT = "HOTRO"
ACTIVITIES = [
    {"activity": SUPPORT, "general": SUPPORT, "name": "Hỗ trợ trẻ em", "sensitive": False},
    {"activity": "PHAUTHUAT", "general": SUPPORT, "name": "Phẫu thuật, chỉnh hình", "sensitive": True},
]


def classes(*, sensitive: str = "HCDB-05", open_: str = "HN-01") -> list[dict[str, Any]]:
    """One class that may be named and one that never is."""
    said = {"legal_basis": "Luật Trẻ em 2016 Đ.10", "valid_from": "2021-01-01"}
    return [
        {"code": open_, "name": "Trẻ em hộ nghèo", "name_en": "Poor household", "sensitive": False, **said},
        {"code": sensitive, "name": "Nhóm được bảo vệ", "name_en": "Protected group", "sensitive": True, **said},
    ]


def pay(world: World, allocation: str, order: str, minor: int) -> None:
    """An order and its money, into the holder's hands."""
    payee = {"holder": HOLDER, "payee_kind": "commune"}
    said = {"amount": vnd(minor), "order": order}
    world.say("payment_ordered", **said, allocation=allocation, ordered_on=DAY, payee=payee, place="bank:VCB")
    world.say("money_advanced", **said, holder=HOLDER, paid_on=DAY, place="bank:VCB", parts=[])


def allocated(allocation: str, minor: int, **changed: Any) -> dict[str, Any]:
    """An open allocation of the milk fund in the programme; a field set to None is left out."""
    said = {
        "kind": "allocated",
        "activity": "SUA",
        "allocated_on": DAY,
        "allocation": allocation,
        "amount": vnd(minor),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
        "programme": "HP256",
    }
    return {name: value for name, value in {**said, **changed}.items() if value is not None}


def delivered(allocation: str, order: str, minor: int, **changed: Any) -> dict[str, Any]:
    """Money of an order that reached an open group."""
    said = {
        "kind": "delivered",
        "allocation": allocation,
        "amount": vnd(minor),
        "delivered_on": DAY,
        "fund": "sua",
        "handed": order,
        "holder": HOLDER,
        "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 30},
    }
    return {name: value for name, value in {**said, **changed}.items() if value is not None}


def tell(world: World) -> None:
    """Every kind of needs and aid once, and each new field of the older kinds."""
    world.gift(2_000_000)
    world.gift(2_000_000, fund="chung")
    world.say("activities_listed", activities=ACTIVITIES)
    world.say("classes_listed", classes=classes())
    first = world.say("child_registered", child=sealed(**CHILD), registered_on=DAY, source=SHA)
    moved = {"same_as": first.index, "private": {"commune": "Lại Xuân", "classes": "HN-01 2026-01-01.."}}
    world.say("child_registered", child=moved, registered_on=DAY, source="6f" * 32)
    world.say(**NEED)
    few = {"scope": None, "items": [], "detail": None, "wanted": vnd(500_000), "surveyed_on": MONTH}
    few |= {"hidden": hidden(commune=LAI_XUAN, activity="PHAUTHUAT", heads="2"), "need": "NC-2"}
    world.say(**{name: value for name, value in (NEED | few).items() if value is not None})
    world.say(**(NEED | {"need": "NC-3", "beneficiary_class": "HN-01"}))
    world.say("need_withdrawn", need="NC-3", withdrawn_on=DAY, why="met_elsewhere")
    weights = [
        {"by": "class", "code": "HN-01", "points": 30},
        {"by": "commune", "code": LAI_XUAN, "points": 10},
        {"by": "waiting", "points": 1},
    ]
    world.say("priority_rule_set", programme="HP256", decision_sha256=SHA, set_on=DAY, weights=weights)

    needs = [{"need": "NC-1", "minor": 300_000}]
    world.say(**allocated("pb-a1", 600_000, needs=needs, classes=["HN-01"]))
    pay(world, "pb-a1", "lc-a1", 400_000)
    plan = {"plan": "BA-1", "allocation": "pb-a1", "set_on": DAY}
    price = {"pupils": 30, "days": 20, "price": vnd(500)}
    world.say("meal_plan_set", **plan, **price, detail=sealed(school="Trường Tiểu học Minh Tân"))
    signed = {"heads": 30, "by_proxy": 0}
    meals = {"plan": "BA-1", "meals": 600}
    told = {"signed": signed, "meals": meals, "witness": "hoi-phu-nu", "beneficiary_class": "HN-01"}
    roll = sealed(children="TE0001 TE0002", by_proxy="3")
    given = world.say(**delivered("pb-a1", "lc-a1", 300_000, **told, occasion="1-6", roll=roll))
    judged = {"allocation": "pb-a1", "evaluated_on": DAY, "outcome": "met", "report_sha256": SHA}
    world.say("evaluated", **judged, delivery=given.index)

    few = {"fund": "chung", "activity": SUPPORT, "communes": [], "allocated_on": MONTH}
    where = hidden(commune=LAI_XUAN, activity="PHAUTHUAT", day="2026-08-28")
    world.say(**allocated("pb-a2", 500_000, **few, hidden=where, needs=[{"need": "NC-2", "minor": 500_000}]))
    pay(world, "pb-a2", "lc-a2", 500_000)
    world.say("meal_plan_set", **{**plan, "plan": "BA-2", "allocation": "pb-a2"}, detail=sealed(pupils="4"))
    due = [{"due_on": "2026-09-01", "minor": 250_000}, {"due_on": "2026-10-01", "minor": 250_000}]
    of = {"schedule": "HT-1", "province": "31", "scheduled_on": MONTH, "unit": "VND"}
    world.say("support_scheduled", **of, child=sealed(children="TE0001", form="PHAUTHUAT"), instalments=due)
    few = {"fund": "chung", "scope": None, "delivered_on": MONTH, "hidden": hidden(commune=LAI_XUAN, heads="1")}
    one = {"instalment": {"schedule": "HT-1", "number": 1}, "roll": sealed(children="TE0001", activity="PHAUTHUAT")}
    world.say(**delivered("pb-a2", "lc-a2", 250_000, **few, **one))
    world.say("support_ended", schedule="HT-1", ended_on=MONTH, detail=sealed(why="Đã khỏi"))

    world.say("visit_made", province="31", visited_on=MONTH, visitor=sealed(name="Trần Thị Bình"), minutes_sha256=SHA)
    under6 = {"list_sha256": SHA, "sent_on": DAY}
    listed = {"listed_on": DAY, "commune": MINH_TAN, "heads": 12}
    world.say("insurance_listed", **under6, **listed, roll=sealed(children="TE0002 TE0003"))
    roll = sealed(children="TE0001", day="2026-08-28")
    world.say("insurance_listed", **under6, listed_on=MONTH, province="31", roll=roll)
