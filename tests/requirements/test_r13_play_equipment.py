"""R13: fourteen mountain communes get play equipment: how many of the fourteen have it."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import LAI_XUAN, MINH_TAN, SHA

CAT_BA, LUU_KY = "11914@2019-01-01", "11491@2019-01-01"
LUU_KIEM, BACH_DANG = "11488@2025-07-01", "11473@2025-07-01"


def equip(walk: Walk, number: int, commune: str, on: str, **fields: Any) -> int:
    """Play equipment handed straight to a school of a commune."""
    given = {
        "allocation": f"vc-{number}",
        "donor": {"private": {"name": "Công ty Cảng"}},
        "evidence_sha256": SHA,
        "fund": "chung",
        "given_on": on,
        "items": [{"goods": "bo-vui-choi", "quantity": 1}],
        "scope": {"activity": "VUICHOI", "commune": commune, "heads": 120},
    }
    return walk.say("goods_given_directly", **{**given, **fields}).index


def coverage(walk: Walk) -> dict[str, Any]:
    return walk.sovang("report", "coverage", "--from", "2019-01-01", "--to", "2025-12-31")


def test_r13_distinct_communes_out_of_fourteen(walk: Walk) -> None:
    """The catalogue lists the fourteen communes as the plan names them.
    Equipment is handed to three of them, to one twice: three of fourteen are covered, not four.
    Other support in a fourth commune covers nothing, nor does equipment in a commune outside the list.
    After the reform equipment goes to Phường Bạch Đằng, in which one of the fourteen lies: it counts for that one.
    Phường Lưu Kiếm holds several of them: the report names the record, and counts it once a person has decided.
    Each commune is shown with the units it lies in now.
    """
    walk.sovang("load", "catalogue")
    walk.say("goods_listed", goods="bo-vui-choi", name="Bộ vui chơi ngoài trời", counted_in="bộ")
    assert coverage(walk)["notes"] == ["0/14 xã — 0 of 14 communes"]
    first = equip(walk, 1, MINH_TAN, "2023-09-05")
    second = equip(walk, 2, MINH_TAN, "2024-09-05")
    equip(walk, 3, LAI_XUAN, "2024-09-05")
    equip(walk, 4, CAT_BA, "2024-09-05")
    other = {"activity": "SUA", "commune": LUU_KY, "heads": 120}
    equip(walk, 5, LUU_KY, "2024-09-05", scope=other)
    equip(walk, 6, "09703@2019-01-01", "2024-09-05")
    made = coverage(walk)
    assert made["notes"] == ["3/14 xã — 3 of 14 communes"]
    assert made["totals"][0]["cells"]["covered"] == 3
    row = next(row for row in made["rows"] if row["cells"]["commune"] == MINH_TAN)
    assert (row["cells"]["covered"], row["cells"]["times"], row["records"]) == (1, 2, [first, second])
    assert row["cells"]["today"] == "phường Bạch Đằng"
    equip(walk, 7, BACH_DANG, "2025-09-05")
    waiting = equip(walk, 8, LUU_KIEM, "2025-09-05")
    made = coverage(walk)
    assert made["notes"][0] == "3/14 xã — 3 of 14 communes"
    assert made["notes"][1].endswith(f": {waiting}")
    joined = next(row for row in made["rows"] if row["cells"]["commune"] == MINH_TAN)
    assert joined["cells"]["times"] == 3
    split = next(row for row in made["rows"] if row["cells"]["commune"] == LAI_XUAN)
    assert split["cells"]["today"] == "phường Lưu Kiếm, xã Việt Khê"
    walk.say(
        "commune_mapped",
        commune=LUU_KIEM,
        counted_in=LUU_KY,
        decided_on=walk.today,
        decision_sha256=SHA,
        of_record=waiting,
    )
    made = coverage(walk)
    assert made["notes"] == ["4/14 xã — 4 of 14 communes"]
    covered = {row["cells"]["commune"] for row in made["rows"] if row["cells"]["covered"]}
    assert covered == {MINH_TAN, LAI_XUAN, CAT_BA, LUU_KY}
