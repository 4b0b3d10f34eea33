"""The children's register in the vault: loaded whole or not at all, kept version by version, never in a record."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ledger.children import Child, age_on, children_of, load, registered, spans
from ledger.refusals import Reason, Rejected
from tests.audits import check_book
from tests.ledger.saying import DAY, bodies
from tests.ledger.story3.aid import sealed
from tests.privacy import is_said, said_in
from tests.worlds import SHA, TODAY, World

HEADS = "mã trẻ,họ tên,ngày sinh,giới,nhóm,xã,trường,hoàn cảnh,nhu cầu,người giám hộ"
ROWS = (
    "TE0001,Nguyễn Văn Minh,2018-05-04,nam,HN-01 2026-01-01..2026-12-31,Minh Tân,Trường TH Minh Tân,Mồ côi,Áo,Bà Lan",
    'TE0002,Lê Thị Hà,31/03/2021,Nữ,"HCN-01 2026-01-01..; MN-01 2025-01-01..2026-06-30",Lại Xuân,,,Sữa,',
)


def listed(tmp_path: Path, *rows: str, name: str = "tre.csv", heads: str = HEADS) -> Path:
    path = tmp_path / name
    path.write_text("\n".join((heads, *rows)) + "\n", encoding="utf-8")
    return path


def take(world: World, path: Path, **options: Any) -> tuple[int, int, int, int]:
    """(new, changed, same, recorded) of a list that is right."""
    loaded = load(world.open, path, by="ke-toan", on=TODAY, **options)
    assert loaded.faults == ()
    return loaded.new, loaded.changed, loaded.same, len(loaded.indices)


def test_a_list_is_loaded_and_each_change_says_its_source(world: World, tmp_path: Path) -> None:
    """R02, R30: a list twice records nothing twice, a changed cell is a new version of the same child."""
    first = listed(tmp_path, *ROWS)
    assert take(world, first, check=True) == (2, 0, 0, 0)
    assert take(world, first) == (2, 0, 0, 2)
    assert take(world, first) == (0, 0, 2, 0)
    moved = listed(tmp_path, ROWS[0], ROWS[1].replace("Lại Xuân", "Minh Tân"), name="moi.csv")
    assert take(world, moved) == (0, 1, 1, 1)
    before, now = registered(world.open)["TE0002"]
    assert (before.values["commune"], now.values["commune"]) == ("Lại Xuân", "Minh Tân")
    assert (before.source, now.source) == tuple(hashlib.sha256(p.read_bytes()).hexdigest() for p in (first, moved))
    assert {**before.values, "commune": "Minh Tân", "source": now.source} == now.values
    assert before.source not in b"".join(bodies(world)).decode()
    assert (now.born_on, now.values["gender"], now.registered_on) == (date(2021, 3, 31), "nữ", TODAY)
    assert [span.code for span in now.classes] == ["HCN-01", "MN-01"]
    assert date(2026, 7, 1) not in now.classes[1]


def test_a_workbook_holds_the_same_as_its_csv(sqlite_world: World, tmp_path: Path) -> None:
    """Communes send spreadsheets: days are real days there, numbers may be numbers, a heading is in two languages."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Mã trẻ / Number", "Họ tên", "Born on"])
    sheet.append(["TE0001", "Nguyễn Văn Minh", date(2018, 5, 4)])
    sheet.append([1234, "Lê Thị Hà", "31/03/2021"])
    book.save(tmp_path / "tre.xlsx")
    assert take(sqlite_world, tmp_path / "tre.xlsx") == (2, 0, 0, 2)
    children = registered(sqlite_world.open)
    assert {number: versions[-1].born_on for number, versions in children.items()} == {
        "TE0001": date(2018, 5, 4),
        "1234": date(2021, 3, 31),
    }


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",Lê Thị Hà,,,,,,,,", "mã trẻ"),
        ("TE 3,Lê Thị Hà,,,,,,,,", "mã trẻ"),
        (ROWS[0], "mã trẻ"),
        ("TE0003,,31/02/2020,,,,,,,", "ngày sinh"),
        ("TE0003,,,trai,,,,,,", "giới"),
        ("TE0003,,,,HN-01,,,,,", "nhóm"),
        ("TE0003,,,,HN-01 2026-02-01..2026-01-01,,,,,", "nhóm"),
        ("TE0003,Lê\u202eHà,,,,,,,,", "họ tên"),
    ],
)
def test_one_wrong_row_stops_the_whole_list(sqlite_world: World, tmp_path: Path, row: str, column: str) -> None:
    """And what is said of it names row and column, never what stands there."""
    loaded = load(sqlite_world.open, listed(tmp_path, *ROWS, row), by="ke-toan", on=TODAY)
    (fault,) = loaded.faults
    assert (fault.row, loaded.indices, registered(sqlite_world.open)) == (4, (), {})
    assert fault.column.casefold().startswith(column)
    assert "Hà" not in fault.message


@pytest.mark.parametrize("heads", ["họ tên,xã", "mã trẻ,số điện thoại"])
def test_a_list_with_other_columns_is_refused(sqlite_world: World, tmp_path: Path, heads: str) -> None:
    """A column that is silently passed over is data that somebody believes to be kept."""
    with pytest.raises(Rejected) as caught:
        load(sqlite_world.open, listed(tmp_path, "TE1,x", heads=heads), by="ke-toan", on=TODAY)
    assert caught.value.reason is Reason.HEADER_UNKNOWN


def test_no_record_holds_anything_of_a_child(sqlite_world: World, tmp_path: Path) -> None:
    """R30: an attacker who has every record has no number, name, day of birth, school or circumstance of any."""
    take(sqlite_world, listed(tmp_path, *ROWS))
    first = sqlite_world.say("child_registered", child=sealed(number="TE0009"), registered_on=DAY, source=SHA)
    again = {"same_as": first.index, "private": {"school": "Trường TH Lưu Kiếm"}}
    sqlite_world.say("child_registered", child=again, registered_on=DAY, source=SHA)
    read_out = said_in(bodies(sqlite_world)[-4:])
    children = [child for versions in registered(sqlite_world.open).values() for child in versions]
    private = {value for child in children for value in child.values.values()}
    assert len(private) > 15
    assert [value for value in private if is_said(value, read_out)] == []
    assert is_said("child_registered", read_out)
    check_book(sqlite_world)


def test_years_of_age_are_counted_by_birthdays() -> None:
    """A card for a child of six is a finding of the state's own inspectors."""
    assert [age_on(date(2020, 9, 2), day) for day in (date(2026, 9, 1), date(2026, 9, 2))] == [5, 6]
    assert [age_on(date(2020, 2, 29), day) for day in (date(2026, 2, 28), date(2026, 3, 1))] == [5, 6]


def test_rolls_and_classes_are_read_as_they_are_written() -> None:
    """A roll longer than one private text goes on in the next."""
    assert children_of({"children": "TE1, TE2", "children2": "TE3", "by_proxy": "1"}) == ("TE1", "TE2", "TE3")
    assert children_of(None) == ()
    assert spans("") == ()
    with pytest.raises(ValueError, match="KK-01"):
        spans("HN-01 2026-01-01..; KK-01 tháng 5..")
    child = Child("TE1", 7, TODAY, SHA, {"classes": "?", "born_on": "?"})
    assert (child.classes, child.born_on) == ((), None)
