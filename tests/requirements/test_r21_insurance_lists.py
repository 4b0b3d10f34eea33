"""R21: the monthly list of children under six for their insurance cards."""

from pathlib import Path

from tests.ledger.story3.aid import sealed
from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA


def test_r21_insurance_lists(walk: Walk, tmp_path: Path) -> None:
    """The register knows the days of birth of eleven children; one turned six the day before the list's day.
    The ward's list of eleven children is recorded with the day it was sent to the insurance office.
    A list of three children of another commune names the province and the month.
    The report shows each list with its heads and its day of sending.
    With the vault open it finds the child who was six already, and one whose day of birth nobody knows.
    """
    days = [f"TE{n:04},2022-01-{n:02}" for n in range(1, 11)] + ["TE0011,2020-08-31", "TE0012,2020-09-02", "TE0013,"]
    file = tmp_path / "tre.csv"
    file.write_text("\n".join(["Mã trẻ,Ngày sinh", *days]), encoding="utf-8")
    walk.sovang("children", "load", str(file))
    numbers = sealed(children=" ".join(f"TE{n:04}" for n in range(1, 12)))
    listed = {"list_sha256": SHA, "listed_on": "2026-09-01", "sent_on": "2026-09-01"}
    walk.say("insurance_listed", **listed, commune=MINH_TAN, heads=11, roll=numbers)
    assert walk.refused("insurance_listed", **listed, commune=MINH_TAN, heads=3, roll=numbers) == "SMALL_GROUP_OPEN"
    walk.say("insurance_listed", **listed, province="31", roll=sealed(children="TE0012 TE0013"))

    def lists(*names: str) -> list[tuple[object, ...]]:
        rows = walk.sovang("report", "insurance", "--month", "2026-09", *names)["rows"]
        columns = ("heads", "sent_on", "checked", "too_old", "unknown")
        return [tuple(row["cells"][name] for name in columns) for row in rows]

    assert lists() == [(11, "2026-09-01", None, None, None), (None, "2026-09-01", None, None, None)]
    assert lists("--names") == [(11, "2026-09-01", 11, 1, 0), (None, "2026-09-01", 2, 0, 1)]
