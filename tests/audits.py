"""How a test that writes ends: the full audit of whatever it has made."""

from collections.abc import Collection

from audit.database import verify_home
from audit.findings import FindingKind, Report
from tests.worlds import World


def check_book(world: World, *, allow: Collection[FindingKind] = (), checkpoint: bool = True) -> Report:
    """Audits every stored row of the world's book and asserts that nothing is broken; returns the report.

    Open matters must be expected: `allow` names them. The book is checkpointed first, unless told otherwise.
    """
    if checkpoint:
        world.open.checkpointer.run()
    report = verify_home(world.open, database=True)
    allowed = set(allow)
    if not checkpoint:
        allowed |= {FindingKind.TAIL_UNSIGNED, FindingKind.CHECKPOINT_MISSING}
    unexpected = [str(found) for found in report.findings if found.severity == "broken" or found.kind not in allowed]
    assert not unexpected, "\n".join(unexpected)
    assert report.whole
    return report
