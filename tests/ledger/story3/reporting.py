"""Reports handed out."""

from tests.ledger.saying import DAY
from tests.worlds import SHA, World


def tell(world: World) -> None:
    """A report of the summer, and one with its children counted."""
    said = {
        "from_on": "2026-06-01",
        "to_on": "2026-08-31",
        "issued_on": DAY,
        "names": False,
        "options": [],
        "report": "trial-balance",
        "sha256": SHA,
        "size": 3,
        "root": "7a" * 32,
    }
    world.say("report_issued", **said)
    by_fund = [{"name": "fund", "value": "sua"}]
    world.say("report_issued", **{**said, "report": "use", "options": by_fund, "distinct_children": 40})
