"""R03: children are helped in an order that a stated rule gives."""

from typing import Any

from tests.ledger.story3.aid import NEED, classes, hidden, sealed
from tests.requirements.conftest import Walk
from tests.worlds import LAI_XUAN, MINH_TAN, SHA, vnd


def test_r03_priority(walk: Walk) -> None:
    """Four needs are surveyed: two of milk, one of them of poor households, one older, and one of few children.
    Without a rule they stand in the order of their surveys, with no points.
    The board states a rule: thirty points for poor households, ten for one commune, one for each month of waiting.
    The waiting list follows it, and says for each need its points and what they are for.
    Asked again it is the same to the byte; the officer who may open the vault sees the sealed need's points too.
    A new decision changes the weights, and the order follows from that day on.
    """
    walk.say("classes_listed", classes=classes())
    goods: dict[str, Any] = {"items": [], "detail": sealed(school="Trường A")}
    base = {**NEED, **goods}
    walk.say(**{**base, "need": "NC-3", "surveyed_on": "2026-06-01"})
    walk.say(**{**base, "need": "NC-1"})
    walk.say(**{**base, "need": "NC-2", "beneficiary_class": "HN-01"})
    few = {name: value for name, value in base.items() if name not in ("scope", "detail")}
    where = hidden(commune=LAI_XUAN, activity="SUA", beneficiary_class="HN-01", heads="3")
    walk.say(**{**few, "need": "NC-4", "hidden": where, "wanted": vnd(50_000)})

    def order(*names: str) -> list[tuple[str, int]]:
        rows = walk.sovang("report", "needs", "--year", "2026", *names)["rows"]
        return [(row["cells"]["need"], row["cells"]["score"]) for row in rows]

    def rule(day: str, **points: int) -> None:
        codes = {"class": "HN-01", "commune": LAI_XUAN}
        weights = [{"by": by, "code": codes[by], "points": n} for by, n in points.items() if by in codes]
        weights += [{"by": "waiting", "points": points["waiting"]}] if "waiting" in points else []
        walk.say("priority_rule_set", programme="HP256", decision_sha256=SHA, set_on=day, weights=weights)

    assert order() == [("NC-3", 0), ("NC-1", 0), ("NC-2", 0), ("NC-4", 0)]
    rule(walk.today, **{"class": 30, "commune": 10, "waiting": 1})
    first = walk.sovang("report", "needs", "--to", "2026-09-30")
    assert [row["cells"]["need"] for row in first["rows"]] == ["NC-2", "NC-3", "NC-1", "NC-4"]
    cells = first["rows"][0]["cells"]
    assert (cells["score"], cells["reason"], cells["commune"]) == (30, "class HN-01: +30", MINH_TAN)
    assert first["rows"][1]["cells"]["score"] == 4
    assert walk.sovang("report", "needs", "--to", "2026-09-30")["sha256"] == first["sha256"]
    opened = walk.sovang("report", "needs", "--to", "2026-09-30", "--names")["rows"]
    cells = opened[0]["cells"]
    assert (cells["need"], cells["score"]) == ("NC-4", 40)
    walk.go_to("2026-10-02")
    rule("2026-10-02", waiting=5)
    assert [need for need, _ in order()] == ["NC-3", "NC-1", "NC-2", "NC-4"]
    before = walk.sovang("report", "needs", "--to", "2026-09-30")["rows"]
    assert [row["cells"]["need"] for row in before] == ["NC-2", "NC-3", "NC-1", "NC-4"]
