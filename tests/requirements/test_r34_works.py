"""R34: works for children: paid in stages, accepted, handed over, checked again later."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA


def vnd(minor: int) -> dict[str, Any]:
    return {"minor": minor, "unit": "VND"}


def order(walk: Walk, code: str, minor: int, **more: Any) -> dict[str, Any]:
    return {
        "allocation": "pb-san",
        "amount": vnd(minor),
        "contract": "hd-san",
        "order": code,
        "ordered_on": walk.today,
        "payee": {"holder": "cty-xay-dung", "payee_kind": "supplier"},
        "place": "bank:VCB",
        **more,
    }


def page(walk: Walk) -> dict[str, Any]:
    (row,) = walk.sovang("report", "works", "--year", "2026", "--option", "contract=hd-san")["rows"]
    return dict(row["cells"])


def test_r34_works(walk: Walk) -> None:
    """A playground is contracted from three quotations: an advance and two stages that add up to the amount.
    The advance is paid; nothing more is, until the first stage is accepted, and then no more than was accepted.
    Without naming the contract the builder is not paid out of that allocation at all.
    The second stage is accepted for less than agreed: the contract ends cheaper.
    The works are handed over, and a year's end later they are checked: in good use.
    The works page shows what was agreed, accepted, ordered, paid, handed over and checked, and leads to every record.
    """
    walk.gift(900_000_000, fund="chung")
    walk.say(
        "allocated",
        allocation="pb-san",
        fund="chung",
        activity="TRUYENTHONG",
        communes=[MINH_TAN],
        amount=vnd(800_000_000),
        decision_sha256=SHA,
        allocated_on=walk.today,
    )
    walk.say(
        "contract_signed",
        contract="hd-san",
        contract_kind="works",
        allocation="pb-san",
        supplier="cty-xay-dung",
        amount=vnd(800_000_000),
        advance_minor=200_000_000,
        stages=[{"stage": 1, "minor": 500_000_000}, {"stage": 2, "minor": 300_000_000}],
        quotations=[SHA, "a1" * 32, "b2" * 32],
        contract_sha256=SHA,
        signed_on=walk.today,
    )
    beyond = "STAGE_NOT_ACCEPTED"
    assert walk.refused("payment_ordered", **order(walk, "lc-1", 200_000_001)) == beyond
    unnamed = {name: value for name, value in order(walk, "lc-1", 1).items() if name != "contract"}
    assert walk.refused("payment_ordered", **unnamed) == "NO_SUCH_CONTRACT"
    walk.say("payment_ordered", **order(walk, "lc-1", 200_000_000))
    assert walk.refused("payment_ordered", **order(walk, "lc-2", 1, stage=1)) == beyond
    minutes = {"contract": "hd-san", "minutes_sha256": SHA, "accepted_on": walk.today}
    assert walk.refused("stage_accepted", stage=1, amount=vnd(500_000_001), **minutes) == "PARTS_DIFFER"
    walk.say("stage_accepted", stage=1, amount=vnd(500_000_000), **minutes)
    assert walk.refused("payment_ordered", **order(walk, "lc-2", 500_000_001, stage=1)) == beyond
    walk.say("payment_ordered", **order(walk, "lc-2", 500_000_000, stage=1))
    checked = {"contract": "hd-san", "report_sha256": SHA, "result": "good"}
    assert walk.refused("works_checked", checked_on=walk.today, **checked) == beyond
    walk.go_to("2026-11-20")
    walk.say("stage_accepted", stage=2, amount=vnd(290_000_000), **{**minutes, "accepted_on": walk.today})
    assert walk.refused("payment_ordered", **order(walk, "lc-3", 100_000_001, stage=2)) == beyond
    walk.say("payment_ordered", **order(walk, "lc-3", 90_000_000, stage=2))
    for code, minor in (("lc-1", 200_000_000), ("lc-2", 500_000_000), ("lc-3", 90_000_000)):
        hands = {"holder": "cty-xay-dung", "amount": vnd(minor)}
        walk.say("money_advanced", order=code, place="bank:VCB", parts=[], paid_on=walk.today, **hands)
        walk.say(
            "delivered",
            allocation="pb-san",
            delivered_on=walk.today,
            fund="chung",
            handed=code,
            scope={"activity": "TRUYENTHONG", "commune": MINH_TAN, "heads": 300},
            **hands,
        )
    walk.go_to("2026-12-28")
    walk.say("works_checked", checked_on=walk.today, **checked)
    shown = page(walk)
    assert (shown["stages"], shown["accepted"], shown["ordered"]) == ("2/2", 790_000_000, 790_000_000)
    assert (shown["paid"], shown["handed_over"], shown["checks"]) == (790_000_000, 790_000_000, 1)
    assert (shown["checked_on"], shown["result"]) == ("2026-12-28", "tốt, đang sử dụng — good, in use")
    (row,) = walk.sovang("report", "works", "--year", "2026")["rows"]
    assert len(row["records"]) == 1 + 2 + 3 + 3 + 3 + 1
