"""R08: what donors ask is respected: their conditions hold when money is decided on and when it is spent."""

import json
from typing import Any

from tests.requirements.conftest import Walk
from tests.shared import shared
from tests.worlds import MINH_TAN, OPEN_TO_ALL, SHA, vnd


def test_r08_what_donors_ask_is_respected(walk: Walk) -> None:
    """A donor gives for milk in Minh Tân until the end of September: the gift goes to a fund of just that condition.
    Another activity is refused when it is decided; milk is decided and paid in time, but what is handed over after the
    window is refused.
    The abuse s08 of the shared set is refused: nobody moves the money to the general fund alone.
    The fund shows up among those past their time, with what is left.
    With the donor's written consent and a second person the unspent money goes to another purpose; more than is left of
    the gift is refused even then.
    The rest goes back to the donor, and the list is empty.
    """
    cases = [json.loads(line) for line in shared("hostile/sequences.jsonl").read_text().splitlines()]
    assert "approval by two people" in next(case for case in cases if case["id"] == "s08")["expect"]
    restriction = {"activities": ["SUA"], "classes": [], "communes": [MINH_TAN], "to_on": "2026-09-30"}
    fund = {"name": "Sữa Minh Tân đến 30/9", "source": "gift", "places": []}
    walk.say("fund_opened", fund="minh-tan", restriction=restriction, **fund)
    gift = walk.gift(1_000_000, fund="minh-tan").index
    decided: dict[str, Any] = {
        "activity": "SUA",
        "allocated_on": walk.today,
        "allocation": "pb-1",
        "amount": vnd(400_000),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "minh-tan",
    }
    assert walk.refused("allocated", **{**decided, "activity": "DOAM"}) == "OUTSIDE_RESTRICTION"
    walk.say("allocated", **decided)
    payee = {"holder": "xa-minh-tan", "payee_kind": "commune"}
    order = {"allocation": "pb-1", "order": "lc-1", "amount": vnd(400_000), "payee": payee, "place": "bank:VCB"}
    walk.say("payment_ordered", **order, ordered_on=walk.today)
    paid = {"place": "bank:VCB", "amount": vnd(400_000), "holder": "xa-minh-tan", "order": "lc-1", "parts": []}
    walk.say("money_advanced", **paid, paid_on=walk.today)
    use = {"allocation": "pb-1", "fund": "minh-tan", "handed": "lc-1", "holder": "xa-minh-tan", "list_sha256": SHA}
    scope = {"activity": "SUA", "commune": MINH_TAN, "heads": 40}
    walk.say("delivered", **use, scope=scope, amount=vnd(300_000), delivered_on=walk.today)

    walk.go_to("2026-10-05")
    late = {**use, "scope": scope, "amount": vnd(100_000), "delivered_on": walk.today}
    assert walk.refused("delivered", **late) == "OUTSIDE_RESTRICTION"
    returned = {"place": "bank:VCB", "allocation": "pb-1", "holder": "xa-minh-tan", "order": "lc-1", "parts": []}
    walk.say("money_returned", **returned, amount=vnd(100_000), returned_on=walk.today)
    (expired,) = walk.sovang("report", "expired-funds", "--year", "2026")["rows"]
    assert (expired["cells"]["fund_minor"], expired["cells"]["set_aside_minor"]) == (600_000, 100_000)
    assert gift in expired["records"]

    walk.say("fund_opened", fund="hoc-bong", restriction=OPEN_TO_ALL, **{**fund, "name": "Học bổng"})
    varied = {"fund": "minh-tan", "to_fund": "chung", "consent_sha256": SHA, "varied_on": walk.today, "gift": gift}
    assert walk.refused("restriction_varied", **varied, amount=vnd(500_000)) == "NEEDS_APPROVAL"
    draft = {"kind": "restriction_varied", **varied, "to_fund": "hoc-bong", "amount": vnd(1_000_001)}
    assert walk.refused("proposed", draft=draft, proposed_on=walk.today) == "PARTS_DIFFER"
    draft["amount"] = vnd(900_000)
    proposed = walk.say("proposed", draft=draft, proposed_on=walk.today)
    assert walk.fails("approve", str(proposed.index), "--as", "chu-tk")["reason"] == "WOULD_BE_OVERDRAWN"
    declined = {"proposed": proposed.index, "proposed_leaf": proposed.leaf_hash.hex(), "why": "Quá số còn lại"}
    walk.say("declined", by="chu-tk", declined_on=walk.today, **declined)
    walk.two("restriction_varied", **{**varied, "to_fund": "hoc-bong", "amount": vnd(500_000)})
    refund = {"place": "bank:VCB", "fund": "minh-tan", "gift": gift, "parts": [], "refunded_on": walk.today}
    assert walk.refused("gift_refunded", **refund, amount=vnd(500_001)) == "PARTS_DIFFER"
    walk.say("gift_refunded", **refund, amount=vnd(100_000))
    left = walk.sovang("report", "expired-funds", "--year", "2026")["rows"]
    assert [(row["cells"]["fund_minor"], row["cells"]["set_aside_minor"]) for row in left] == [(0, 100_000)]
    held = {row["account"]: row["minor"] for row in walk.sovang("balances")["balances"]}
    assert held["fund:hoc-bong"] == 500_000
