"""R04: donors get the plan and the list of needs; no child and no school is identified."""

import json

from tests.ledger.story3.aid import NEED, hidden, sealed
from tests.requirements.conftest import Walk
from tests.worlds import LAI_XUAN, vnd

SCHOOL = "Trường Tiểu học Minh Tân"


def test_r04_donors_see_needs(walk: Walk) -> None:
    """Needs are surveyed of thirty pupils of one school class, and of two children in one commune.
    The donors' list shows commune, activity, goods and price of the large group, and what is still missing.
    Of the two children it shows the province and the money, and neither commune, activity nor how many they are.
    No school, class, age or name stands in it, also when an officer asks for names: nothing identifying is shown
    without the family's consent.
    The plan by survey shows the donors what is planned and what is met.
    """
    walk.say(**{**NEED, "detail": sealed(school=SCHOOL, ages="8-9")})
    few = {name: value for name, value in NEED.items() if name not in ("scope", "detail")}
    where = hidden(commune=LAI_XUAN, activity="PHAUTHUAT", name="Nguyễn Văn Minh", heads="2")
    walk.say(**{**few, "need": "NC-2", "items": [], "hidden": where, "wanted": vnd(9_000_000)})
    for more in ((), ("--names",)):
        made = walk.sovang("report", "needs-for-donors", "--year", "2026", *more)
        large, small = (row["cells"] for row in made["rows"])
        assert (large["activity"], large["heads"], large["left"]) == ("SUA", "30", 300_000)
        assert large["items"] == "60 sua-hop-180ml × 5000"
        assert (small["place"], small["heads"], small["left"]) == ("tỉnh 31", "dưới 10", 9_000_000)
        shown = json.dumps(made, ensure_ascii=False)
        assert not [word for word in (SCHOOL, "8-9", "Minh,", "PHAUTHUAT", LAI_XUAN, "Nguyễn") if word in shown]
    plan = walk.sovang("report", "plan", "--year", "2026")
    assert plan["totals"][0]["cells"]["wanted"] == 9_300_000
