"""A cell far away. Lost without it: the server, whose memory the spreadsheet library asks for and, refused, aborts."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from ledger.refusals import Reason, Rejected
from ledger.statements import open_statement

FAR = [
    *(
        b'r="XFD1048576"',
        b"r='XFD1048576'",
        b'r = "XFD1048576"',
        b'\nr="XFD1048576"',
        b'r="xfd1048576"',
        b'r="XFD&#49;048576"',
    ),
    *(b'r="D99999999999"', b'r="AAAAAAAAAA1"', b'r="D4294967297"', b'r="IW2"', b'r="B200001"', b'r="GR100000"'),
]
ROWS = [b'<row r="200001"', b"<row r='1048576'", b'<row r="99999999999999999999"', b'<row r = "4294967297"']


def workbook(path: Path, old: bytes, new: bytes, *, sheet: str = "xl/worksheets/sheet1.xml") -> Path:
    """A workbook whose sheet has `new` for `old`, and lies at `sheet`."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Ngày", "Nội dung", "Số tiền", "Số dư"])
    book.active.append(["01/03/2026", "ủng hộ", "50.000", "51.000"])
    plain = io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert old in data
                name, data = sheet, data.replace(old, new)
            if name == "xl/_rels/workbook.xml.rels":
                data = data.replace(b"/xl/worksheets/sheet1.xml", f"/{sheet}".encode())
            target.writestr(name, data)
    return path


@pytest.mark.parametrize("place", FAR)
def test_a_far_cell_is_refused_however_it_is_spelt(place: bytes, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        open_statement(workbook(tmp_path / "a.xlsx", b'r="D2"', place))
    assert refused.value.reason in (Reason.FILE_TOO_LARGE, Reason.FILE_UNREADABLE)


@pytest.mark.parametrize("row", ROWS)
def test_a_far_row_is_refused(row: bytes, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        open_statement(workbook(tmp_path / "a.xlsx", b'<row r="2"', row))
    assert refused.value.reason in (Reason.FILE_TOO_LARGE, Reason.FILE_UNREADABLE)


@pytest.mark.parametrize(
    "sheet", ["xl/other/sheet1.xml", "xl/WORKSHEETS/sheet1.xml", "xl/media/image1.png", "sheet1.xml"]
)
def test_a_sheet_lies_where_sheets_are_examined(sheet: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        open_statement(workbook(tmp_path / "a.xlsx", b'r="D2"', b'r="XFD1048576"', sheet=sheet))
    assert refused.value.reason is Reason.FILE_UNREADABLE


def test_without_a_far_cell_it_is_read(tmp_path: Path) -> None:
    """The workbook of these tests is refused for its far cell only."""
    (line,) = open_statement(workbook(tmp_path / "a.xlsx", b'r="D2"', b"r='D2'")).lines()
    assert (line.amount_minor, line.balance_minor) == (50_000, 51_000)
