"""R31: what a donor gives straight to a child never enters the fund's accounts and is never added to its money."""

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA, vnd


def test_r31_direct_support_stands_in_its_own_column(walk: Walk) -> None:
    """A company gives two million straight to children; the fund itself received one million.
    The contribution is an entry that moves nothing: no balance of the fund changes.
    The report by source shows it in a column of its own, in a row of its own; the totals are the fund's million alone.
    """
    walk.gift(1_000_000)
    before = walk.sovang("balances")["balances"]
    direct = walk.say(
        "external_contributed",
        programme="HP256",
        activity="SUA",
        amount=vnd(2_000_000),
        communes=[MINH_TAN],
        contributed_on=walk.today,
        evidence_sha256=SHA,
        organisation="Công ty Sữa",
    ).index
    assert walk.sovang("balances")["balances"] == before
    report = walk.sovang("report", "sources", "--year", "2026")
    own, outside = report["rows"]
    assert (own["cells"]["received_minor"], own["cells"]["outside_minor"]) == (1_000_000, None)
    assert (outside["cells"]["received_minor"], outside["cells"]["outside_minor"]) == (None, 2_000_000)
    assert (outside["cells"]["fund"], outside["records"]) == ("Công ty Sữa", [direct])
    (total,) = report["totals"]
    assert (total["cells"]["received_minor"], total["cells"]["outside_minor"]) == (1_000_000, None)
    assert any("không cộng" in note for note in report["notes"])
