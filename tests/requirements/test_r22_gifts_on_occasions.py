"""R22: presents on 1 June, at Mid-Autumn and at Tết; who signed for them are as many as got one."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN

SHA = "ab" * 32
PRESENT = "sua-hop-180ml"


def rows(walk: Walk, occasion: str) -> list[tuple[Any, ...]]:
    """(day of the occasion, delivered, children, signed, not signed) of one occasion's deliveries."""
    made = walk.sovang("report", "occasion-gifts", "--year", "2026", "--option", f"occasion={occasion}")
    names = ("on", "minor", "heads", "signed", "difference")
    return [tuple(row["cells"][name] for name in names) for row in made["rows"]]


def test_r22_gifts_on_occasions(walk: Walk) -> None:
    """The occasions stand in the calendar by the Vietnamese lunar calendar: Mid-Autumn 2026 is 25 September.
    Forty presents, bought with the fund's money, are issued from the store to the commune for Mid-Autumn.
    Thirty are handed over: the signed list has thirty names, two of them by somebody else… too few to stand open.
    The list of the remaining ten is not signed yet: the report says that ten signatures are missing.
    Those ten are recorded again with their signatures, the first record is undone, and issued equals signed for.
    More signatures than children are refused.
    """
    walk.gift(1_000_000)
    walk.say(
        "allocated",
        allocation="trung-thu",
        fund="sua",
        activity="SUA",
        communes=[MINH_TAN],
        amount={"minor": 400_000, "unit": "VND"},
        decision_sha256=SHA,
        allocated_on=walk.today,
    )
    seller = {"holder": "cua-hang", "payee_kind": "supplier"}
    money = {"minor": 400_000, "unit": "VND"}
    walk.say("payment_ordered", allocation="trung-thu", order="lc-9", amount=money, payee=seller, place="bank:VCB",
             ordered_on=walk.today)  # fmt: skip
    walk.say("money_advanced", order="lc-9", holder="cua-hang", amount=money, place="bank:VCB", parts=[],
             paid_on=walk.today)  # fmt: skip
    walk.say(
        "purchased",
        allocation="trung-thu",
        order="lc-9",
        holder="cua-hang",
        currency="VND",
        store="stock:KHO",
        invoice_sha256=SHA,
        purchased_on=walk.today,
        items=[{"goods": PRESENT, "quantity": 40, "cost_minor": 400_000}],
    )
    walk.say(
        "goods_issued",
        allocation="trung-thu",
        issue="px-1",
        holder="xa-minh-tan",
        amount={"minor": 40, "unit": PRESENT},
        store="stock:KHO",
        issued_on=walk.today,
    )
    due = [one for one in walk.sovang("deadlines")["deadlines"] if one["sort"] == "occasion"]
    assert [(one["code"], one["due_on"]) for one in due] == [("trung-thu-2026", "2026-09-25")]
    walk.go_to("2026-09-24")

    def delivered(heads: int, **more: Any) -> dict[str, Any]:
        return {
            "allocation": "trung-thu",
            "amount": {"minor": heads, "unit": PRESENT},
            "delivered_on": walk.today,
            "fund": "sua",
            "handed": "px-1",
            "holder": "xa-minh-tan",
            "list_sha256": SHA,
            "occasion": "trung-thu",
            "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": heads},
            **more,
        }

    assert walk.refused("delivered", **delivered(30, signed={"heads": 31, "by_proxy": 0})) != ""
    assert walk.refused("delivered", **delivered(30, signed={"heads": 30, "by_proxy": 2})) == "SMALL_GROUP_OPEN"
    walk.say("delivered", **delivered(30, signed={"heads": 30, "by_proxy": 0}))
    unsigned = walk.say("delivered", **delivered(10))
    assert rows(walk, "trung-thu-2026") == [("2026-09-25", 30, 30, 30, 0), ("2026-09-25", 10, 10, None, 10)]
    walk.sovang("reverse", str(unsigned.index), "--why", "Ghi lại khi đã đủ chữ ký", "--on", walk.today)
    walk.say("delivered", **delivered(10, signed={"heads": 10, "by_proxy": 0}))
    made = walk.sovang("report", "occasion-gifts", "--year", "2026", "--option", "occasion=trung-thu-2026")
    (total,) = made["totals"]
    said = total["cells"]
    assert (said["minor"], said["heads"], said["signed"], said["difference"]) == (40, 40, 40, 0)
    assert walk.world.balance("handed:px-1", PRESENT) == 0
    assert rows(walk, "tet-2026") == []
