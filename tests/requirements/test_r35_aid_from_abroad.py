"""R35: aid of organisations abroad, given abroad or in the country: listed with country and approval."""

from pathlib import Path
from typing import Any

from ledger.entries.foreign import approval_rules
from tests.requirements.conftest import Walk
from tests.worlds import World, vnd


def test_r35_the_approval_is_asked_where_the_regime_needs_it(walk: Walk, tmp_path: Path) -> None:
    """The rule is dated data: for a social fund it names the decree of the day.
    Aid in đồng that an organisation from Korea gives in the country is refused without an approval, recorded with it.
    The list of aid shows country, reference and day of the approval, by name only for who may open names.
    A gift that is reversed stands in the list as a negative line.
    A book of a regime that asks nothing records the same aid without an approval.
    """
    assert {rule.law for rule in approval_rules() if rule.valid_to is None} == {"Nghị định 313/2025/NĐ-CP"}
    korea = {"country": "KR", "approval": "77/QĐ-UBND", "approved_on": "2026-08-25"}
    donor = {"private": {"name": "Good Neighbors"}}
    asked: dict[str, Any] = {
        "place": "bank:VCB",
        "fund": "sua",
        "amount": vnd(5_000_000),
        "donor": donor,
        "received_on": walk.today,
        "parts": [],
    }
    assert walk.refused("gift_received", **asked, foreign={"country": "KR"}) == "AID_NOT_APPROVED"
    gift = walk.say("gift_received", **asked, foreign=korea).index
    (row,) = walk.sovang("report", "foreign-aid", "--year", "2026", "--names")["rows"]
    shown = [row["cells"][name] for name in ("donor", "country", "approval", "approved_on", "minor", "vnd")]
    assert shown == ["Good Neighbors", "KR", "77/QĐ-UBND", "2026-08-25", 5_000_000, 5_000_000]
    (unnamed,) = walk.sovang("report", "foreign-aid", "--year", "2026")["rows"]
    assert unnamed["cells"]["donor"] == f"(bản ghi {gift})"
    walk.sovang("reverse", str(gift), "--why", "Ghi nhầm nguồn", "--on", walk.today)
    report = walk.sovang("report", "foreign-aid", "--year", "2026")
    assert [row["cells"]["minor"] for row in report["rows"]] == [5_000_000, -5_000_000]
    assert report["totals"][0]["cells"]["minor"] == 0

    other = World.create(tmp_path / "other", None, regime="khac")
    other.say("gift_received", **asked, foreign={"country": "KR"})
    other.home.close()
