"""R24: donations, other lawful sources and the state budget are told apart; who pays management, and how much."""

from typing import Any

from audit.findings import FindingKind
from tests.requirements.conftest import Walk
from tests.worlds import OPEN_TO_ALL, vnd


def rows(walk: Walk) -> dict[str, dict[str, Any]]:
    """The report by source: fund → its cells."""
    report = walk.sovang("report", "sources", "--year", "2026")
    return {row["cells"]["fund"]: row["cells"] for row in report["rows"]}


def test_r24_donations_do_not_pay_management_unless_disclosed(walk: Walk) -> None:
    """Four sources are opened: donations of which nothing may pay management, donations of which five percent may and
    say so, the state budget, interest.
    Management out of the first is refused; out of the second up to five percent of what was received, and not a đồng
    more; out of the budget freely.
    A bank fee is a fact: over the cap it is recorded all the same, and stays an open finding.
    The report shows by source what was received, used for aid and for management, the cap, and what is over it.
    Donations that pay management without a disclosed cap are named in the report.
    """
    walk.open_findings.add(FindingKind.ADMIN_CAP_EXCEEDED)
    plain = {"restriction": OPEN_TO_ALL, "places": []}
    none, some = ({"base": "received", "permille": permille} for permille in (0, 50))
    walk.say("fund_opened", fund="tre-em", name="Cho trẻ em", source="gift", admin_cap=none, **plain)
    walk.say("fund_opened", fund="van-hanh", name="Có trần 5%", source="gift", admin_cap=some, **plain)
    walk.say("fund_opened", fund="ngan-sach", name="Ngân sách cấp", source="budget", **plain)
    walk.say("fund_opened", fund="lai", name="Lãi tiền gửi", source="interest", **plain)
    for fund in ("tre-em", "van-hanh", "ngan-sach", "chung"):
        walk.gift(1_000_000, fund=fund)
    interest = {"place": "bank:VCB", "fund": "lai", "amount": vnd(3_000), "received_on": walk.today, "parts": []}
    walk.say("interest_received", **interest)
    spend = {"place": "bank:VCB", "spent_on": walk.today, "what": "Văn phòng phẩm", "parts": []}
    assert walk.refused("management_spent", **spend, fund="tre-em", amount=vnd(1)) == "OUTSIDE_RESTRICTION"
    assert walk.refused("management_spent", **spend, fund="van-hanh", amount=vnd(50_001)) == "OUTSIDE_RESTRICTION"
    walk.say("management_spent", **spend, fund="van-hanh", amount=vnd(50_000))
    walk.say("management_spent", **spend, fund="ngan-sach", amount=vnd(400_000))
    walk.say("management_spent", **spend, fund="chung", amount=vnd(20_000))
    fee = {"place": "bank:VCB", "charged_on": walk.today, "parts": []}
    walk.say("bank_fee_charged", **fee, fund="tre-em", amount=vnd(11_000))

    found = rows(walk)
    assert {fund: cells["source"] for fund, cells in found.items()} == {
        "chung": "ủng hộ, tài trợ",
        "lai": "lãi tiền gửi",
        "ngan-sach": "ngân sách nhà nước",
        "tre-em": "ủng hộ, tài trợ",
        "van-hanh": "ủng hộ, tài trợ",
    }
    shown = {fund: (c["received_minor"], c["management_minor"], c["over_minor"]) for fund, c in found.items()}
    assert shown["van-hanh"] == (1_000_000, 50_000, 0)
    assert shown["tre-em"] == (1_000_000, 11_000, 11_000)
    assert shown["ngan-sach"] == (1_000_000, 400_000, None)
    assert found["lai"]["interest_minor"] == 3_000
    assert found["van-hanh"]["cap"] == "5% số tiếp nhận"
    notes = walk.sovang("report", "sources", "--year", "2026")["notes"]
    assert any("chưa công bố trần: chung" in note for note in notes)
    walk.sovang("checkpoint")
    report = walk.fails("verify", "--database")
    assert [(f["kind"], f["account"]) for f in report["findings"]] == [("ADMIN_CAP_EXCEEDED", "costs:tre-em")]
