"""A report as people and other programs take it: texts for a table, CSV, XLSX, PDF.

Text cells of CSV and XLSX are safe to open in a spreadsheet: one that would be taken for a formula, or that begins with
an apostrophe, gets an apostrophe before it; who reads the file again takes one leading apostrophe off every text
cell and has the original. Figures are numbers: money with the decimals of its currency (ISO 4217).
"""

import csv
import io
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from audit.reports import Column, Report, Row, Source
from certificates.sheets import Printed, PrintedColumn, render_table
from certificates.words import format_number
from ledger.home import OpenBook
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import split_note
from ledger.money import CURRENCY_DIGITS
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {"json": "application/json", "csv": CSV_TYPE, "xlsx": XLSX_TYPE, "pdf": "application/pdf"}
"""Media types by form."""

_STARTS = frozenset("=+-@|\t\r\n\0")
# Letters and marks that show nothing though they are no spaces: Hangul fillers, the empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_PASSED_OVER = frozenset(("Zs", "Zl", "Zp", "Cf", "Cc", "Cn", "Co", "Mn", "Me"))
_MAX_DIGITS = 15
"""What a spreadsheet keeps of a number; longer ones are written as text."""


def safe_text(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith("'") or _looks_like_formula(text) else text


def original_text(cell: str) -> str:
    """The text of a cell that `safe_text` made."""
    return cell.removeprefix("'")


def _looks_like_formula(text: str) -> bool:
    for character in text:
        if unicodedata.normalize("NFKC", character)[:1] in _STARTS or character in _STARTS:
            return True
        if unicodedata.category(character) not in _PASSED_OVER and character not in _BLANK:
            return False
    return False


def shown(report: Report, row: Row) -> list[str]:
    """A row's cells as people read them: `1.500.000`, `05/09/2026`."""
    unit = unit_of(report, row)
    return [_shown(column, cell, unit) for column, cell in zip(report.columns, row.cells, strict=True)]


def unit_of(report: Report, row: Row) -> str:
    """The unit of a row's money cells."""
    for column, cell in zip(report.columns, row.cells, strict=True):
        if column.name == "unit" and isinstance(cell, str):
            return cell
    return "VND"


def _shown(column: Column, cell: str | int | date | None, unit: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    if isinstance(cell, str) or column.kind == "index":
        return str(cell)
    digits = _digits(column, unit)
    whole, part = divmod(abs(cell), 10**digits)
    sign = "-" if cell < 0 else ""
    percent = "%" if column.kind == "percent" else ""
    return f"{sign}{format_number(whole)}{f',{part:0{digits}d}' if digits else ''}{percent}"


def _digits(column: Column, unit: str) -> int:
    if column.kind == "percent":
        return 2
    return CURRENCY_DIGITS.get(unit, 0) if column.kind == "money" else 0


def _plain(column: Column, cell: str | int | date | None, unit: str) -> str:
    if isinstance(cell, int):
        digits = _digits(column, unit)
        whole, part = divmod(abs(cell), 10**digits)
        return ("-" if cell < 0 else "") + str(whole) + (f".{part:0{digits}d}" if digits else "")
    return "" if cell is None else safe_text(cell) if isinstance(cell, str) else cell.isoformat()


def to_csv(report: Report) -> bytes:
    """UTF-8 with a byte order mark, CRLF, one head line of column names; `records` are indices apart by spaces."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*(column.name for column in report.columns), "records"])
    for row in (*report.rows, *report.totals):
        unit = unit_of(report, row)
        cells = [_plain(column, cell, unit) for column, cell in zip(report.columns, row.cells, strict=True)]
        writer.writerow([*cells, " ".join(map(str, row.records))])
    return ("\ufeff" + out.getvalue()).encode()


@dataclass(frozen=True, slots=True)
class Bound:
    """Which book a report is of, and how far: what its prints say about themselves."""

    name: str
    """Of the organisation."""
    origin: str
    size: int
    root: str | None = None
    """Root of the checkpoint of that size, if it has one."""

    def lines(self, report: Report) -> tuple[str, ...]:
        """The period, and the book."""
        return (f"Từ {report.period.from_on:%d/%m/%Y} đến {report.period.to_on:%d/%m/%Y}", self.foot())

    def foot(self) -> str:
        """Book, size and root."""
        sealed = "chưa niêm phong — not checkpointed" if self.root is None else f"root {self.root}"
        return f"Sổ / book {self.origin} · {self.size} bản ghi / records · {sealed}"


def bound_of(opened: OpenBook, size: int) -> Bound:
    """The book as a report's prints name it. Raises NoteRejected for a stored checkpoint that is none."""
    with reading(opened.engine) as db:
        note = read.checkpoint_at(db, opened.code, size)
    root = None if note is None else parse_checkpoint(split_note(note.encode())[0]).root.hex()
    first = opened.opened
    return Bound(first.name, first.origin, size, root)


def drilled(source: Source, report: Report, number: int) -> list[dict[str, Any]]:
    """The records that row `number` is made of, counted from 1 and on into the totals, each with its voucher.

    Raises Rejected(MALFORMED) when there is no such row.
    """
    rows = (*report.rows, *report.totals)
    if not 1 <= number <= len(rows):
        raise Rejected(Reason.MALFORMED, "no such row", field="drill", rows=len(rows))
    told = (source.records[index] for index in rows[number - 1].records)
    return [
        {
            "index": one.index,
            "voucher": one.voucher,
            "booked_on": one.booked_on.isoformat(),
            "day": one.day.isoformat(),
            "kind": "unknown" if one.entry is None else one.entry.kind,
            "what": one.what,
            "by": one.by,
            "leaf_hash": one.leaf,
        }
        for one in told
    ]


SIGNATURES = ("Người lập", "Kế toán trưởng", "Thủ trưởng đơn vị")


def to_pdf(report: Report, bound: Bound) -> bytes:
    """A4 with the root of the checkpoint at the foot; raises Rejected(TOO_LARGE)."""
    figures = ("money", "count", "percent", "index", "day")
    printed = Printed(
        unit=bound.name,
        title=report.title[0],
        english=report.title[1],
        lines=bound.lines(report)[:1],
        columns=tuple(PrintedColumn(c.vi, c.en, c.kind in figures) for c in report.columns),
        rows=tuple(tuple(shown(report, row)) for row in report.rows),
        totals=tuple(tuple(shown(report, row)) for row in report.totals),
        notes=report.notes,
        signatures=SIGNATURES,
        foot=bound.foot(),
        made_on=report.period.to_on,
    )
    return render_table(printed)


def to_bytes(report: Report, form: str, bound: Bound) -> bytes:
    """The report in one of FORMATS."""
    if form == "csv":
        return to_csv(report)
    if form == "xlsx":
        return to_xlsx(report, bound)
    if form == "pdf":
        return to_pdf(report, bound)
    return report.canonical()


def to_xlsx(report: Report, bound: Bound) -> bytes:
    """A workbook of one sheet: title, period and book, the columns' titles, rows, totals, notes. The same report gives
    the same bytes."""
    import xlsxwriter  # type: ignore[import-untyped]

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties(
        {"title": report.title[0], "created": datetime.combine(report.period.to_on, datetime.min.time())}
    )
    sheet = book.add_worksheet(report.kind[:31])
    strong, wrapped = book.add_format({"bold": True}), book.add_format({"bold": True, "text_wrap": True, "border": 1})
    number = 0
    for line in (bound.name, *report.title, *bound.lines(report)):
        sheet.write_string(number, 0, safe_text(line), strong if number < 2 else None)
        number += 1
    number += 1
    for at, column in enumerate(report.columns):
        sheet.write_string(number, at, safe_text(f"{column.vi}\n{column.en}"), wrapped)
        sheet.set_column(at, at, 28 if column.kind == "text" else 16)
    sheet.write_string(number, len(report.columns), "bản ghi\nrecords", wrapped)
    sheet.freeze_panes(number + 1, 0)
    formats = {
        (bold, form): book.add_format({"bold": bold, "num_format": form})
        for bold in (False, True)
        for form in ("General", "#,##0", "#,##0.00", "#,##0.000", "0", "dd/mm/yyyy", '0.00"%"')
    }
    for bold, rows in ((False, report.rows), (True, report.totals)):
        for row in rows:
            number += 1
            unit = unit_of(report, row)
            for at, (column, cell) in enumerate(zip(report.columns, row.cells, strict=True)):
                digits = _digits(column, unit)
                if isinstance(cell, str):
                    sheet.write_string(number, at, safe_text(cell), formats[bold, "General"])
                elif isinstance(cell, date):
                    sheet.write_datetime(
                        number, at, datetime(cell.year, cell.month, cell.day), formats[bold, "dd/mm/yyyy"]
                    )
                elif cell is not None and len(str(abs(cell))) > _MAX_DIGITS:
                    sheet.write_string(number, at, _plain(column, cell, unit), formats[bold, "General"])
                elif cell is not None:
                    form = "#,##0" + ("." + "0" * digits if digits else "")
                    form = {"index": "0", "percent": '0.00"%"'}.get(column.kind, form)
                    sheet.write_number(number, at, cell / 10**digits if digits else cell, formats[bold, form])
            records = " ".join(map(str, row.records))
            sheet.write_string(
                number,
                len(report.columns),
                records if len(records) < 32_000 else f"{len(row.records)} bản ghi: xem JSON",
            )
    number += 1
    for note in report.notes:
        number += 1
        sheet.write_string(number, 0, safe_text(note))
    book.close()
    return out.getvalue()
