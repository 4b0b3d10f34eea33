"""Reports handed out."""

from ledger.closing import record_bound
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
        "kind": "report_issued",
        "size": 3,
    }
    record_bound(world.open, said, "ke-toan")
    by_fund = [{"name": "fund", "value": "sua"}]
    record_bound(world.open, {**said, "report": "use", "options": by_fund, "distinct_children": 40}, "ke-toan")
