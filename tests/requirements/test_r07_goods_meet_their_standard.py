"""R07: goods meet their standard; what is expired or not inspected is not issued."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA

YOGHURT = "sua-chua-100g"


def issue(walk: Walk, code: str, minor: int, **more: Any) -> dict[str, Any]:
    return {
        "allocation": "pb-1",
        "amount": {"minor": minor, "unit": YOGHURT},
        "holder": "xa-minh-tan",
        "issue": code,
        "issued_on": walk.today,
        "store": "stock:KHO",
        **more,
    }


def in_stock(walk: Walk) -> dict[str, tuple[int, str]]:
    """lot → quantity, state, as the report says today."""
    made = walk.sovang("report", "stock", "--from", walk.today, "--to", walk.today)
    return {row["cells"]["lot"]: (row["cells"]["quantity"], row["cells"]["state"]) for row in made["rows"]}


def test_r07_goods_meet_their_standard(walk: Walk) -> None:
    """The catalogue lists yoghurt with its standard, unit and price; it expires and must be inspected.
    Two gifts of it reach the store, each a lot with its last day; a lot without one is refused.
    Nothing of them is issued before the minutes of the inspection; a lot that failed is never issued.
    The book itself takes the lot that expires first; another one only with the reason why.
    After its last day a lot stays in the store: the report says so, and the issue is refused.
    What expired is written off by two persons; one alone is refused.
    Handed straight to a school, expired or uninspected yoghurt is refused as well.
    """
    walk.say(
        "goods_listed",
        goods=YOGHURT,
        name="Sữa chua 100 g",
        counted_in="hộp",
        norm="QCVN 5-5:2010/BYT",
        unit_price_minor=7_000,
        expires=True,
        inspected=True,
    )
    gift = {
        "donor": {"private": {"name": "Công ty Sữa"}},
        "fund": "sua",
        "received_on": walk.today,
        "store": "stock:KHO",
    }
    assert (
        walk.refused("goods_received", items=[{"goods": YOGHURT, "quantity": 5, "lot": "l-0"}], **gift) == "MALFORMED"
    )
    for lot, expires_on in (("l-late", "2026-12-31"), ("l-soon", "2026-09-15"), ("l-bad", "2026-10-01")):
        items = [{"goods": YOGHURT, "quantity": 40, "lot": lot, "expires_on": expires_on}]
        walk.say("goods_received", items=items, **gift)
    walk.say(
        "allocated",
        allocation="pb-1",
        fund="sua",
        activity="SUA",
        communes=[MINH_TAN],
        amount={"minor": 120, "unit": YOGHURT},
        decision_sha256=SHA,
        allocated_on=walk.today,
    )
    assert walk.refused("goods_issued", **issue(walk, "px-1", 10)) == "LOT_NOT_FIT"
    for lot, passed in (("l-late", True), ("l-soon", True), ("l-bad", False)):
        walk.say("goods_inspected", lot=lot, passed=passed, inspected_on=walk.today, minutes_sha256=SHA)
    late = [{"lot": "l-late", "minor": 10}]
    assert walk.refused("goods_issued", **issue(walk, "px-1", 10, lots=late)) == "NOT_FIRST_EXPIRED"
    bad = [{"lot": "l-bad", "minor": 10}]
    assert walk.refused("goods_issued", **issue(walk, "px-1", 10, lots=bad, lots_why="Gấp")) == "LOT_NOT_FIT"
    walk.say("goods_issued", **issue(walk, "px-1", 10))
    walk.say("goods_issued", **issue(walk, "px-2", 10, lots=late, lots_why="Điểm trường xa, cần hạn dài"))
    assert in_stock(walk) == {
        "l-soon": (30, "được xuất — fit"),
        "l-bad": (40, "không đạt — failed"),
        "l-late": (30, "được xuất — fit"),
    }
    walk.go_to("2026-09-16")
    assert in_stock(walk)["l-soon"] == (30, "quá hạn — expired")
    soon = [{"lot": "l-soon", "minor": 1}]
    assert walk.refused("goods_issued", **issue(walk, "px-3", 1, lots=soon, lots_why="Còn tốt")) == "LOT_NOT_FIT"
    assert walk.refused("goods_issued", **issue(walk, "px-3", 31)) == "LOT_NOT_FIT"
    walk.say("goods_issued", **issue(walk, "px-3", 30))
    gone = {
        "allocation": "pb-1",
        "amount": {"minor": 30, "unit": YOGHURT},
        "lots": [{"lot": "l-soon", "minor": 30}],
        "minutes_sha256": SHA,
        "store": "stock:KHO",
        "why": "expired",
        "written_off_on": walk.today,
    }
    assert walk.refused("stock_written_off", **gone) == "NEEDS_APPROVAL"
    walk.two("stock_written_off", **gone)
    assert in_stock(walk) == {"l-bad": (40, "không đạt — failed")}
    assert walk.world.balance("lost:pb-1", YOGHURT) == 30
    straight = {
        "allocation": "tt-1",
        "donor": {"private": {"name": "Hội đồng hương"}},
        "evidence_sha256": SHA,
        "fund": "sua",
        "given_on": walk.today,
        "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 40},
    }
    old, fresh = ([{"goods": YOGHURT, "quantity": 40, "expires_on": day}] for day in ("2026-09-15", "2026-10-15"))
    assert walk.refused("goods_given_directly", items=old, inspection_sha256=SHA, **straight) == "LOT_NOT_FIT"
    assert walk.refused("goods_given_directly", items=fresh, **straight) == "LOT_NOT_FIT"
    walk.say("goods_given_directly", items=fresh, inspection_sha256=SHA, **straight)
    assert walk.world.balance("used:tt-1", YOGHURT) == 40
