"""R15: meals by school class, no more than pupils × days."""

from tests.ledger.saying import DAY, bodies
from tests.ledger.story3.aid import ACTIVITIES, SUPPORT, allocated, delivered, hidden, pay, sealed
from tests.privacy import is_said, said_in
from tests.requirements.conftest import Walk
from tests.worlds import vnd

SCHOOL = "Trường Mầm non Lưu Kiếm"


def test_r15_meals(walk: Walk) -> None:
    """A plan says thirty pupils, twenty days and the price of a meal; school and class lie in the vault.
    Meals are paid against it at its price; one more than six hundred is refused.
    A class of four pupils has a sealed plan behind a hidden allocation; saying its meals openly is refused.
    Its meals are told in the vault, and the report finds that they were more than pupils × days.
    No record names the school or the class.
    """
    walk.gift(1_000_000)
    walk.gift(1_000_000, fund="chung")
    walk.say("activities_listed", activities=ACTIVITIES)
    walk.say(**allocated("pb-1", 600_000))
    pay(walk.world, "pb-1", "lc-1", 600_000)
    large = {"pupils": 30, "days": 20, "price": vnd(1_000)}
    detail = {"school": SCHOOL, "class": "lớp Chồi 2"}
    walk.say("meal_plan_set", plan="BA-1", allocation="pb-1", set_on=DAY, detail=sealed(**detail), **large)

    def meals(number: int) -> dict[str, object]:
        return delivered("pb-1", "lc-1", number * 1_000, meals={"plan": "BA-1", "meals": number})

    walk.say(**meals(400))  # type: ignore[arg-type]
    assert walk.refused(**meals(201)) == "MORE_THAN_PLANNED"  # type: ignore[arg-type]
    walk.say(**meals(200))  # type: ignore[arg-type]

    few = {"fund": "chung", "activity": SUPPORT, "communes": []}
    where = hidden(commune="Lại Xuân", activity="BUAAN")
    walk.say(**allocated("pb-2", 100_000, **few, hidden=where))
    pay(walk.world, "pb-2", "lc-2", 100_000)
    small = sealed(**{**detail, "pupils": "4", "days": "20", "price": "1000"})
    walk.say("meal_plan_set", plan="BA-2", allocation="pb-2", set_on=DAY, detail=small)
    given = {"fund": "chung", "scope": None, "hidden": where}
    open_meals = delivered("pb-2", "lc-2", 81_000, **given, meals={"plan": "BA-2", "meals": 81})
    assert walk.refused(**open_meals) == "SMALL_GROUP_OPEN"
    eaten = walk.say(**delivered("pb-2", "lc-2", 81_000, **given, roll=sealed(plan="BA-2", meals="81")))
    rows = walk.sovang("report", "eligibility", "--year", "2026", "--names")["rows"]
    assert [(row["cells"]["record"], "81 > 80" in row["cells"]["result"]) for row in rows] == [(eaten.index, True)]
    read_out = said_in(bodies(walk.world)[-10:])
    assert [text for text in (SCHOOL, "lớp Chồi 2", "Lại Xuân", "BUAAN") if is_said(text, read_out)] == []
