"""R05: a yearly survey of needs, its synthesis, and the plan against what was done."""

from tests.ledger.saying import DAY
from tests.ledger.story3.aid import NEED, allocated
from tests.requirements.conftest import Walk
from tests.worlds import LAI_XUAN, vnd


def test_r05_survey_and_plan(walk: Walk) -> None:
    """The survey of 2026 finds needs of two communes, with goods, quantity and unit price; one is withdrawn again.
    The synthesis adds them up by activity and commune.
    An allocation answers two thirds of the first need; plan and actual show it.
    A second allocation that would meet the same need twice is refused; one for the rest is recorded.
    When an allocation is undone the need is open again.
    """
    walk.gift(2_000_000)
    walk.say(**NEED)
    other = {"activity": "SUA", "commune": LAI_XUAN, "heads": 20}
    walk.say(**{**NEED, "need": "NC-2", "scope": other, "items": [], "wanted": vnd(100_000)})
    walk.say(**{**NEED, "need": "NC-3"})
    walk.say("need_withdrawn", need="NC-3", withdrawn_on=DAY, why="mistake")

    def plan() -> list[tuple[int, int, int]]:
        rows = walk.sovang("report", "plan", "--year", "2026", "--option", "survey=KS-2026")["rows"]
        return [(row["cells"]["wanted"], row["cells"]["met"], row["cells"]["percent"]) for row in rows]

    assert plan() == [(100_000, 0, 0), (300_000, 0, 0)]
    walk.say(**allocated("pb-1", 500_000, needs=[{"need": "NC-1", "minor": 200_000}]))
    assert plan() == [(100_000, 0, 0), (300_000, 200_000, 6_666)]
    twice = allocated("pb-2", 300_000, needs=[{"need": "NC-1", "minor": 300_000}])
    assert walk.refused(**twice) == "MORE_THAN_PLANNED"
    rest = walk.say(**allocated("pb-2", 100_000, needs=[{"need": "NC-1", "minor": 100_000}]))
    assert plan()[1] == (300_000, 300_000, 10_000)
    walk.sovang("reverse", str(rest.index), "--why", "Chưa có quyết định", "--on", DAY)
    assert plan()[1] == (300_000, 200_000, 6_666)
