"""R32: children at risk and in difficult circumstances beside the fourteen legal groups; khu vực II communes first."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import SHA

BA_VI, BA_TRAI, YEN_TRUNG = "09703@2019-01-01", "09697@2019-01-01", "04927@2019-01-01"


def need(walk: Walk, code: str, name: str, commune: str, on: str = "2025-10-01") -> dict[str, Any]:
    """A surveyed need of a class, in request form."""
    return {
        "beneficiary_class": name,
        "items": [],
        "need": code,
        "programme": "HN3874",
        "scope": {"activity": "SACHVO", "commune": commune, "heads": 30},
        "survey": "KS-2025",
        "surveyed_on": on,
        "wanted": {"minor": 6_000_000, "unit": "VND"},
    }


def test_r32_classes_and_stated_priority(walk: Walk) -> None:
    """The catalogue lists the fourteen groups of the law and, beside them, the classes of the plans with their sources.
    Needs name a class of the day; one that is never public is refused in the open.
    The board's rule gives points to classes and to the communes of khu vực II; the list is ordered by it and says why.
    The report of classes counts needs of each, and nothing of a sensitive one.
    """
    walk.sovang("load", "catalogue")
    made = walk.sovang("report", "classes", "--year", "2025")
    listed = {row["cells"]["class"]: row["cells"] for row in made["rows"]}
    assert [name for name in listed if name.startswith("HCDB-")] == [f"HCDB-{n:02}" for n in range(1, 15)]
    assert {"NCO-01", "KK-01", "HN-01", "HCN-01", "KV2-01"} <= listed.keys()
    assert listed["NCO-01"]["legal_basis"] == "Kế hoạch 3874/KH-LĐTB&XH Hà Nội"
    assert listed["HCDB-05"]["sensitive"] == "có — yes"
    before = "2025-06-15"
    assert walk.refused("need_surveyed", **need(walk, "n-0", "HCDB-11", BA_VI, before)) == "SMALL_GROUP_OPEN"
    assert walk.refused("need_surveyed", **need(walk, "n-0", "KHONG", BA_VI, before)) == "NO_SUCH_CLASS"
    walk.say("need_surveyed", **need(walk, "n-kk", "KK-01", YEN_TRUNG, "2025-05-01"))
    walk.say("need_surveyed", **need(walk, "n-nco", "NCO-01", BA_TRAI, before))
    walk.say("need_surveyed", **need(walk, "n-kv2", "KK-01", BA_VI, before))
    flat = [row["cells"]["need"] for row in walk.sovang("report", "needs", "--year", "2025")["rows"]]
    assert flat == ["n-kk", "n-nco", "n-kv2"]  # no rule: the older survey first
    weights = [
        {"by": "class", "code": "NCO-01", "points": 30},
        {"by": "class", "code": "KK-01", "points": 10},
        {"by": "commune", "code": BA_VI, "points": 50},
    ]
    walk.say("priority_rule_set", programme="HN3874", set_on="2025-06-20", decision_sha256=SHA, weights=weights)
    ranked = walk.sovang("report", "needs", "--year", "2025")["rows"]
    assert [(row["cells"]["need"], row["cells"]["score"]) for row in ranked] == [
        ("n-kv2", 60),
        ("n-nco", 30),
        ("n-kk", 10),
    ]
    assert ranked[0]["cells"]["reason"] == f"class KK-01: +10; commune {BA_VI}: +50"
    again = {r["cells"]["class"]: r["cells"] for r in walk.sovang("report", "classes", "--year", "2025")["rows"]}
    assert (again["KK-01"]["needs"], again["NCO-01"]["needs"], again["HCDB-05"]["needs"]) == (2, 1, None)
