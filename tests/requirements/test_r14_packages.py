"""R14: packages with list, standard and unit price; the price paid against the catalogue; the effect judged."""

from pathlib import Path
from typing import Any

from tests.requirements.conftest import Walk
from tests.requirements.test_r12_region_two_communes import hand_over
from tests.worlds import MINH_TAN, SHA

OLD, NEW = "2025-03-01", "2025-11-01"


def test_r14_price_paid_against_the_catalogue(walk: Walk, tmp_path: Path) -> None:
    """The accountant writes the ready catalogue out as files, adds a package with its items, standard and unit price,
    and loads the folder: what was not there is recorded, loading it again records nothing.
    A price that changes is a second version from its day on; the one before keeps its price.
    An allocation that names packages and asks more than the catalogue of its day says is refused.
    Paid, handed over and judged, it stands in the report: catalogue price, price paid a package, evaluation.
    """
    folder = tmp_path / "danh-muc"
    walk.sovang("load", "catalogue", "--template", str(folder))
    file = folder / "packages.csv"
    price = "DU-HOC,Gói học kỳ,HP256,HOCBONG,Sách mới theo danh mục,sach-vo:1;dep:1,{},VND,{}\n"
    file.write_text(file.read_text("utf-8") + price.format("1.000.000", "2025-01-01"), "utf-8")
    assert walk.sovang("load", "catalogue", str(folder))["recorded"] > 0
    assert walk.sovang("load", "catalogue", str(folder))["recorded"] == 0
    file.write_text(file.read_text("utf-8") + price.format("1.200.000", "2025-09-01"), "utf-8")
    assert walk.sovang("load", "catalogue", str(folder))["recorded"] == 1
    walk.gift(100_000_000, fund="chung")
    asked: dict[str, Any] = {
        "activity": "HOCBONG",
        "allocation": "pb-qua",
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "chung",
        "packages": {"count": 40, "package": "DU-HOC"},
    }
    dear = {"minor": 41_000_000, "unit": "VND"}
    assert walk.refused("allocated", **asked, allocated_on=OLD, amount=dear) == "ABOVE_CATALOGUE"
    assert walk.refused("allocated", **asked, allocated_on="2024-12-31", amount=dear) == "NO_SUCH_PACKAGE"
    named = {"packages": asked["packages"], "programme": None}
    first = hand_over(walk, "cu", 38_000_000, MINH_TAN, OLD, **named)
    hand_over(walk, "moi", 41_000_000, MINH_TAN, NEW, **named)
    judged = walk.say("evaluated", allocation="pb-cu", delivery=first, evaluated_on=walk.today, outcome="met",
                      report_sha256=SHA).index  # fmt: skip
    made = walk.sovang("report", "packages", "--year", "2025")
    columns = ("allocation", "standard", "count", "unit_price", "paid", "paid_each", "above", "outcome")
    assert [tuple(row["cells"][name] for name in columns) for row in made["rows"]] == [
        ("pb-cu", "Sách mới theo danh mục", 40, 1_000_000, 38_000_000, 950_000, 0, "đạt — met"),
        ("pb-moi", "Sách mới theo danh mục", 40, 1_200_000, 41_000_000, 1_025_000, 0, ""),
    ]
    assert judged in made["rows"][0]["records"]
