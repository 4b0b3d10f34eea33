"""R23: own money and the results of other bodies are never mixed."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA, vnd

WOMEN = "Hội Liên hiệp Phụ nữ tỉnh"


def sums(report: dict[str, Any], column: str) -> int:
    """A column's sum over all rows."""
    return sum(row["cells"].get(column) or 0 for row in report["rows"])


def test_r23_own_money_and_others_results_are_never_mixed(walk: Walk) -> None:
    """The fund receives one million from its donors. The Women's Union reports nine million it gave out itself, and 40
    children.
    No balance, no book of accounts and no figure of received or used moves by what the Union did.
    The synthesis and the periodic report show the Union's nine million in a column and lines of their own; the totals
    are the fund's million alone, and the reports say that nothing is added.
    The Union's line leads to its record and to the paper that shows it.
    """
    walk.gift(1_000_000)
    before = walk.get("/api/v1/balances")["balances"]
    kinds = ("use", "trial-balance", "journal", "public", "use-by-activity")
    figures = {kind: walk.sovang("report", kind, "--year", "2026")["rows"] for kind in kinds}
    told = walk.say(
        "external_contributed",
        activity="SUA",
        amount=vnd(9_000_000),
        communes=[MINH_TAN],
        contributed_on=walk.today,
        evidence_sha256=SHA,
        organisation=WOMEN,
        programme="HP256",
    )
    counted = {"activity": "SUA", "programme": "HP256", "organisation": WOMEN, "heads": 40}
    days = {"from_on": "2026-01-01", "to_on": walk.today, "reported_on": walk.today}
    walk.say("children_reported", **counted, **days, report_sha256=SHA)

    assert walk.get("/api/v1/balances")["balances"] == before
    assert {kind: walk.sovang("report", kind, "--year", "2026")["rows"] for kind in kinds} == figures
    synthesis = walk.sovang("report", "synthesis", "--year", "2026")
    assert (sums(synthesis, "raised"), sums(synthesis, "outside")) == (1_000_000, 9_000_000)
    assert synthesis["totals"][0]["cells"]["raised"] == 1_000_000
    assert synthesis["totals"][0]["cells"]["outside"] is None
    assert any("không cộng" in note for note in synthesis["notes"])
    union = next(row for row in synthesis["rows"] if row["cells"]["outside"] == 9_000_000)
    assert (union["cells"]["organisation"], union["records"]) == (WOMEN, [told.index])
    assert walk.get(f"/api/v1/entries/{told.index}")["entry"]["evidence_sha256"] == SHA
    periodic = walk.sovang("report", "periodic", "--year", "2026")
    outside = [row["cells"] for row in periodic["rows"] if "Ngoài quỹ" in row["cells"]["section"]]
    assert [(c["period"], c["heads"]) for c in outside] == [(9_000_000, None)]
    reported = [row["cells"] for row in periodic["rows"] if "theo báo cáo" in row["cells"]["section"]]
    assert [(c["period"], c["heads"]) for c in reported] == [(None, 40)]
