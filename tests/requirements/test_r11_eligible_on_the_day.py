"""R11: books, supplies and scholarships are for poor and near-poor households, by a class valid on the day."""

from pathlib import Path

from tests.ledger.story3.aid import allocated, classes, delivered, pay, sealed
from tests.requirements.conftest import Walk
from tests.worlds import OPEN_TO_ALL, SHA


def test_r11_eligible_on_the_day(walk: Walk, tmp_path: Path) -> None:
    """The classes are listed, and the register says from when to when each child belongs to the poor households.
    A fund is for poor households only: an allocation of it that names no class, or another, is refused.
    School supplies are given to twelve children, whose numbers lie in the vault.
    The eligibility report finds the child whose class had ended before that day and the one nobody registered.
    The report is for officers: without opening the vault it is refused.
    """
    walk.say("classes_listed", classes=[*classes(), *classes(open_="HCN-01", sensitive="AHHIV")])
    lines = [f"TE{n:04},HN-01 2026-01-01..2026-12-31" for n in range(1, 11)] + ["TE0011,HN-01 2025-01-01..2026-08-31"]
    file = tmp_path / "tre.csv"
    file.write_text("\n".join(["Mã trẻ,Nhóm", *lines]), encoding="utf-8")
    walk.sovang("children", "load", str(file))
    only = {**OPEN_TO_ALL, "classes": ["HN-01"]}
    walk.say("fund_opened", fund="ngheo", name="Nguồn hộ nghèo", source="gift", restriction=only, places=[])
    walk.gift(500_000, fund="ngheo")
    asked = {"fund": "ngheo", "activity": "DOAM"}
    assert walk.refused(**allocated("pb-1", 400_000, **asked)) == "OUTSIDE_RESTRICTION"
    assert walk.refused(**allocated("pb-1", 400_000, **asked, classes=["HCN-01"])) == "OUTSIDE_RESTRICTION"
    walk.say(**allocated("pb-1", 400_000, **asked, classes=["HN-01"]))
    pay(walk.world, "pb-1", "lc-1", 400_000)
    numbers = " ".join(f"TE{n:04}" for n in range(1, 13))
    scope = {"activity": "DOAM", "commune": "11500@2019-01-01", "heads": 12}
    told = {"scope": scope, "fund": "ngheo", "beneficiary_class": "HN-01", "list_sha256": SHA}
    walk.say(**delivered("pb-1", "lc-1", 400_000, **told, roll=sealed(children=numbers)))
    assert walk.fails("report", "eligibility", "--year", "2026")["reason"] == "NOT_IN_VAULT"
    rows = walk.sovang("report", "eligibility", "--year", "2026", "--names")["rows"]
    found = {row["cells"]["child"]: row["cells"]["result"].split(" — ")[1] for row in rows}
    assert len(found) == 12
    assert {child: why for child, why in found.items() if why != "fits"} == {
        "TE0011": "not of the class on that day",
        "TE0012": "not in the register",
    }
