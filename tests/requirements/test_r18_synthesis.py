"""R18: resources raised by each organisation, and how many children were helped."""

from typing import Any

from tests.ledger.story3.aid import allocated, delivered, pay, sealed
from tests.requirements.conftest import Walk


def cells(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows' cells."""
    return [row["cells"] for row in report["rows"]]


def test_r18_a_child_helped_twice_counts_once(walk: Walk) -> None:
    """Two organisations give through the fund, one of them twice, and a person who is not registered.
    Two deliveries go to twelve and to thirteen children; ten of them receive both times.
    The synthesis for the department names each organisation that may be named with all it raised, once; persons are
    one line without a name; the total is what the fund received.
    It counts 15 different children, not 25; the count leads to both deliveries.
    Without the vault's key the count is not shown. Issued, it stands in the book, bound to the report's hash.
    """
    for name, may in (("Công ty TNHH Minh Phúc", True), ("Ngân hàng Đông Hải", True)):
        donor = {"private": {"name": name}}
        who = walk.say("donor_registered", donor=donor, donor_kind="organisation", may_publish_name=may)
        walk.gift(1_000_000, donor={"same_as": who.index})
        if name.startswith("Công ty"):
            walk.gift(500_000, donor={"same_as": who.index})
    walk.gift(250_000)
    walk.say(**{**allocated("pb-1", 800_000), "programme": "HP256"})
    pay(walk.world, "pb-1", "lc-1", 800_000)
    children = [f"TE{n:04d}" for n in range(15)]
    given = []
    for roll in (children[:12], children[2:]):
        said = delivered("pb-1", "lc-1", 300_000, roll=sealed(children=" ".join(roll)))
        said["scope"] = {**said["scope"], "heads": len(roll)}
        given.append(walk.say(**said).index)

    report = walk.sovang("report", "synthesis", "--year", "2026", "--names")
    raised = {c["organisation"]: c["raised"] for c in cells(report) if c["raised"] is not None}
    assert raised["Công ty TNHH Minh Phúc"] == 1_500_000
    assert raised["Ngân hàng Đông Hải"] == 1_000_000
    assert sum(raised.values()) == 2_750_000 == report["totals"][0]["cells"]["raised"]
    assert "Nguyễn Thị Hoà" not in str(report)
    counted = next(row for row in report["rows"] if row["cells"]["children"] is not None)
    assert counted["cells"]["children"] == 15
    assert counted["records"] == given

    closed = walk.get("/api/v1/reports/synthesis?year=2026")
    assert all(c["children"] is None for c in cells(closed))
    assert "Minh Phúc" not in str(closed)
    issued = walk.sovang("report", "synthesis", "--year", "2026", "--names", "--issue")
    entry = walk.get(f"/api/v1/entries/{issued['issued']['index']}")["entry"]
    assert (entry["distinct_children"], entry["sha256"]) == (15, issued["sha256"])
