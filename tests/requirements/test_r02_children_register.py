"""R02: the list of children is kept current, with circumstance and need."""

from pathlib import Path

from tests.ledger.saying import bodies
from tests.privacy import is_said, said_in
from tests.requirements.conftest import Walk

HEADS = "Mã trẻ,Họ tên,Ngày sinh,Giới,Nhóm,Xã,Hoàn cảnh,Nhu cầu\n"
MINH = "TE0001,Nguyễn Văn Minh,04/05/2018,nam,HN-01 2026-01-01..2026-12-31,Minh Tân,Mồ côi cha,Học bổng\n"
HA = "TE0002,Lê Thị Hà,31/03/2021,nữ,HCN-01 2026-01-01..,Lại Xuân,Hộ cận nghèo,Áo ấm\n"


def test_r02_children_register(walk: Walk, tmp_path: Path) -> None:
    """A commune's list of two children is loaded from its file into the vault; a wrong row would stop all of it.
    Loading the same file again records nothing.
    A month later the list says that one child has moved and now needs medicine: only that child changes.
    The register shows every child as it stands now, and of one child each version with its day and its source.
    Nothing of the two children can be read in any record.
    """
    file = tmp_path / "thang-9.csv"
    file.write_text(HEADS + MINH + HA + "TE0003,,32/01/2020,,,,,\n", encoding="utf-8")
    wrong = walk.fails("children", "load", str(file))
    assert (wrong["recorded"], [fault["row"] for fault in wrong["faults"]]) == (0, [4])
    file.write_text(HEADS + MINH + HA, encoding="utf-8")
    assert walk.sovang("children", "load", str(file))["new"] == 2
    assert walk.sovang("children", "load", str(file))["recorded"] == 0
    walk.go_to("2026-10-01")
    later = tmp_path / "thang-10.csv"
    later.write_text(HEADS + MINH + HA.replace("Lại Xuân", "Minh Tân").replace("Áo ấm", "Thuốc"), encoding="utf-8")
    loaded = walk.sovang("children", "load", str(later))
    assert (loaded["new"], loaded["changed"], loaded["same"]) == (0, 1, 1)
    children = {child["number"]: child for child in walk.sovang("children", "list")["children"]}
    assert (children["TE0002"]["commune"], children["TE0002"]["need"]) == ("Minh Tân", "Thuốc")
    assert children["TE0001"]["circumstance"] == "Mồ côi cha"
    versions = walk.sovang("children", "show", "TE0002")["versions"]
    assert [version["registered_on"] for version in versions] == ["2026-09-01", "2026-10-01"]
    assert len({version["source"] for version in versions}) == 2
    assert walk.fails("children", "show", "TE0009")["reason"] == "NO_SUCH_CHILD"
    read_out = said_in(bodies(walk.world)[-3:])
    private = {value for version in versions for value in version["values"].values()} | set(MINH.strip().split(","))
    assert [value for value in private if is_said(value, read_out)] == []
