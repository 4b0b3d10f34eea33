"""Excel workbooks (.xlsx) → the same table as a CSV file.

The archive is examined before the spreadsheet library sees it: real sizes by unpacking with a limit, no
document type or entity, no formula (its cached value is whatever the sender says), no far-away cell
that would make the table huge. That last one is life and death: the library allocates the rectangle from A1
to the farthest cell, and where there is not so much memory it ends the whole process. So the cells of a sheet
are read here by a parser of our own, whatever way their places are spelt, and a sheet lies where sheets lie.
"""

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

import python_calamine

from ledger.refusals import Reason, Rejected
from ledger.statements.csv_banks import file_sha256
from ledger.statements.grid import MAX_COLUMNS, MAX_PREAMBLE, Cell, GridStatement, Row
from ledger.statements.layouts import Layout, read_header

MAX_FILE: Final = 20 * 2**20
MAX_UNPACKED: Final = 120 * 2**20
MAX_RATIO: Final = 100
"""Unpacked : packed. Real sheets stay below 30."""
RATIO_FROM: Final = 2 * 2**20
MAX_PARTS: Final = 1000
MAX_ROWS: Final = 200_000
MAX_CELLS: Final = 4_000_000

_OURS = (KeyboardInterrupt, SystemExit, MemoryError)
_CHUNK = 1 << 16
_FORBIDDEN = re.compile(rb"<!DOCTYPE|<!ENTITY")
_SHEET = re.compile(rb"[<:]sheetData")
_CELL = re.compile("([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW = re.compile("[1-9][0-9]{0,6}")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|_x00[01][0-9A-Fa-f]_")


def only_sheet(path: Path) -> Iterator[Row]:
    """The rows of the one sheet that has any: what stands in another would silently be lost. Raises Rejected."""
    _examine(path)
    workbook = _open(path)
    filled = [name for name in workbook.sheet_names if any(row.filled for row in _cells(workbook, name))]
    if not filled:
        raise Rejected(Reason.NO_LINES, "the workbook is empty")
    if len(filled) > 1:
        raise Rejected(Reason.HEADER_UNKNOWN, "several sheets are filled: keep one", sheets=len(filled))
    return _cells(workbook, filled[0])


def open_xlsx(path: Path, *, currency: str, digits: int, layout: Layout | None) -> GridStatement:
    _examine(path)
    sheet = _sheet(path)
    return GridStatement(
        path,
        file_sha256(path),
        lambda: _rows(path, sheet),
        kind="xlsx",
        currency=currency,
        digits=digits,
        layout=layout,
        above=(sheet,),
    )


def _unreadable(why: str) -> Rejected:
    return Rejected(Reason.FILE_UNREADABLE, f"the workbook {why}")


def _examine(path: Path) -> None:
    if path.stat().st_size > MAX_FILE:
        raise Rejected(Reason.FILE_TOO_LARGE, f"a workbook over {MAX_FILE // 2**20} MB")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            names = [part.filename for part in parts]
            if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
                raise Rejected(Reason.FORMAT_UNKNOWN, "a zip archive that is no Excel workbook")
            if len(parts) > MAX_PARTS or len(set(names)) != len(names):
                raise _unreadable("has too many parts, or two of one name")
            if any(part.flag_bits & 1 for part in parts):
                raise _unreadable("is encrypted")
            if any(part.file_size > MAX_UNPACKED for part in parts):
                raise Rejected(Reason.FILE_TOO_LARGE, "the workbook unpacks to too much")
            total = 0
            for part in parts:
                total += _examine_part(archive, part, MAX_UNPACKED - total)
    except Rejected:
        raise
    except Exception as error:  # the zip library raises many kinds for damaged archives
        raise _unreadable(f"is damaged ({type(error).__name__})") from None


def _examine_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, room: int) -> int:
    """Unpacks one part, keeping nothing, and returns its true size. The size it declares is not believed."""
    declared = part.file_size
    part.file_size = room + 1
    packed = max(part.compress_size, 1)
    is_sheet = part.filename.startswith("xl/worksheets/")
    size = 0
    tail = b""
    cells = _Cells() if is_sheet else None
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > room:
                raise Rejected(Reason.FILE_TOO_LARGE, "the workbook unpacks to too much")
            if size > RATIO_FROM and size > packed * MAX_RATIO:
                raise Rejected(Reason.FILE_TOO_LARGE, "the workbook is packed like a bomb")
            seen = tail + chunk
            if part.filename.lower().endswith((".xml", ".rels", ".vml")) or is_sheet:
                if b"\x00" in chunk or seen[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise _unreadable("has a part that is not UTF-8")
                if _FORBIDDEN.search(seen):
                    raise _unreadable("declares a document type or entities")
            if cells is not None:
                cells.feed(chunk)
            elif _SHEET.search(seen):
                raise _unreadable("has a sheet where no sheet belongs")
            tail = seen[-64:]
    if cells is not None:
        cells.feed(b"", last=True)
    if size != declared:
        raise _unreadable("lies about its size")
    return size


class _Cells:
    """Looks at the places of a sheet's rows and cells as they pass by. Raises Rejected."""

    def __init__(self) -> None:
        # UTF-8 whatever the part declares: the spreadsheet library does not ask either.
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.StartElementHandler = self._start
        self._row = self._column = self._widest = self._deepest = 0

    def feed(self, data: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError:
            raise _unreadable("has a damaged sheet") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        match name.rpartition(":")[2], place:
            case "f", _:
                raise _unreadable("holds formulas: save it with values only")
            case "row", None:
                self._to(self._row + 1, 0)
            case "row", str(number):
                if _ROW.fullmatch(number) is None:
                    raise _unreadable("has a row without a right number")
                self._to(int(number), 0)
            case "c", None:
                self._to(self._row, self._column + 1)
            case "c", str(reference):
                found = _CELL.fullmatch(reference)
                if found is None:
                    raise _unreadable("has a cell without a right place")
                column = 0
                for letter in found[1]:
                    column = column * 26 + ord(letter) - 64
                self._to(int(found[2]), column)

    def _to(self, row: int, column: int) -> None:
        self._row, self._column = row, column
        self._deepest, self._widest = max(self._deepest, row), max(self._widest, column)
        if self._deepest > MAX_ROWS or self._widest > MAX_COLUMNS or self._deepest * self._widest > MAX_CELLS:
            raise Rejected(Reason.FILE_TOO_LARGE, f"a sheet over {MAX_ROWS} rows or {MAX_COLUMNS} columns")


def _open(path: Path) -> Any:
    try:
        return python_calamine.CalamineWorkbook.from_path(str(path))
    except _OURS:
        raise
    except BaseException as error:  # a panic of the Rust reader is no Exception
        raise _unreadable(f"cannot be read ({type(error).__name__})") from None


def _sheet(path: Path) -> str:
    """The one sheet with a statement's header."""
    workbook = _open(path)
    unclear: Rejected | None = None
    found: list[str] = []
    names = list(workbook.sheet_names)
    filled = 0
    for name in names:
        for count, row in enumerate(_cells(workbook, name)):
            filled += bool(row.filled)
            try:
                if read_header([row.text(at) for at in range(len(row.cells))], row=row.number):
                    found.append(name)
                    break
            except Rejected as refused:
                unclear = refused
                break
            if count > MAX_PREAMBLE * 2:
                break
    if len(found) == 1:
        return found[0]
    if found:
        raise Rejected(Reason.HEADER_UNKNOWN, "several sheets look like statements: keep one", sheets=len(found))
    if unclear is not None:
        raise unclear
    if not filled:
        raise Rejected(Reason.NO_LINES, "the workbook is empty")
    raise Rejected(Reason.HEADER_UNKNOWN, "no sheet has headings for a day and an amount", sheets=len(names))


def _rows(path: Path, sheet: str) -> Iterator[Row]:
    yield from _cells(_open(path), sheet)


def _cells(workbook: Any, name: str) -> Iterator[Row]:
    try:
        sheet = workbook.get_sheet_by_name(name)
        rows = sheet.to_python(skip_empty_area=False)
    except _OURS:
        raise
    except BaseException as error:  # as in _open
        raise _unreadable(f"cannot be read ({type(error).__name__})") from None
    for number, cells in enumerate(rows, start=1):
        if len(cells) > MAX_COLUMNS:
            raise Rejected(Reason.ROW_MALFORMED, f"more than {MAX_COLUMNS} columns", row=number)
        yield Row(number, tuple(_cell(cell, number) for cell in cells))


def _cell(value: object, row: int) -> Cell:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            if found := _CONTROLS.search(value.replace("\r", "")):
                raise Rejected(Reason.ROW_MALFORMED, f"holds the control character {found[0]!r}", row=row)
            return value.replace("\r\n", "\n").replace("\r", "\n")
        case int():
            return Decimal(value)
        case float():
            return Decimal(f"{value:.15g}")  # what Excel shows: fifteen significant digits
        case datetime() | date() | time():
            return value
    return "" if value is None else str(value)
