"""The hostile set, by rule. Lost without these: a wrong amount, day or letter that nobody notices."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger.refusals import Reason, Rejected
from ledger.statements import Line, control, open_statement
from tests.shared import SHARED, shared

HEADER = ("ngày", "người ủng hộ", "số tiền", "quỹ", "nội dung")


def cases(name: str) -> list[dict[str, Any]]:
    path = SHARED / "hostile" / name
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def one_line(folder: Path, day: str, amount: str) -> Line:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, (day, "An", amount, "QUY-01", "x")])
    file = folder / "one.csv"
    file.write_text(out.getvalue(), "utf-8", newline="")
    (line,) = open_statement(file).lines()
    return line


def test_the_set_is_there() -> None:
    shared("hostile/amounts_csv.jsonl")


@pytest.mark.parametrize("case", cases("amounts_csv.jsonl"), ids=lambda case: case["id"])
def test_amount_cell(case: dict[str, Any], tmp_path: Path) -> None:
    expected = case["expect"]
    if isinstance(expected, dict):
        value = expected.get("accept") or expected["accept-vi"]
        assert one_line(tmp_path, "2026-01-15", case["cell"]).amount_minor == int(value)
        return
    with pytest.raises(Rejected) as refused:
        one_line(tmp_path, "2026-01-15", case["cell"])
    assert refused.value.details["row"] == 2
    if expected == "ask":
        assert refused.value.reason is Reason.ROW_AMBIGUOUS
    else:
        assert refused.value.reason is Reason.ROW_MALFORMED


DAYS = {
    "date-00": date(2026, 1, 15),
    "date-01": date(2024, 2, 29),
    "date-07": date(2026, 1, 15),
    "date-09": date(2026, 4, 3),
    "date-20": date(2026, 1, 15),
}


@pytest.mark.parametrize("case", cases("dates.jsonl"), ids=lambda case: case["id"])
def test_date_cell(case: dict[str, Any], tmp_path: Path) -> None:
    if case["expect"] in ("accept", "csv-only", "csv-vi-3-april"):
        assert one_line(tmp_path, case["value"], "50000").booked_on == DAYS[case["id"]]
        return
    with pytest.raises(Rejected) as refused:
        one_line(tmp_path, case["value"], "50000")
    assert refused.value.reason is (Reason.ROW_AMBIGUOUS if case["expect"] == "ask" else Reason.ROW_MALFORMED)
    assert refused.value.details["row"] == 2


REFUSED: dict[str, tuple[Reason, int | None]] = {
    "07-cp1258.csv": (Reason.FILE_UNREADABLE, None),
    "08-latin1-as-utf8.csv": (Reason.FILE_UNREADABLE, None),
    "09-nul.csv": (Reason.ROW_MALFORMED, 2),
    "11-unclosed-quote.csv": (Reason.ROW_MALFORMED, 2),
    "12-ragged.csv": (Reason.ROW_MALFORMED, 2),
    "13-dup-header.csv": (Reason.HEADER_UNKNOWN, 1),
    "16-no-header.csv": (Reason.HEADER_UNKNOWN, None),
    "17-empty.csv": (Reason.NO_LINES, None),
    "18-header-only.csv": (Reason.NO_LINES, None),
    "20-half-bad.csv": (Reason.ROW_MALFORMED, 3),
    "21-locale-amounts.csv": (Reason.ROW_AMBIGUOUS, 3),
    "22-dates.csv": (Reason.ROW_MALFORMED, 4),
    "23-html.csv": (Reason.FORMAT_UNKNOWN, None),
    "24-xlsx-named.csv": (Reason.FORMAT_UNKNOWN, None),
    "25-long-line.csv": (Reason.ROW_MALFORMED, 2),
    "26-many-columns.csv": (Reason.ROW_MALFORMED, 1),
    "27-unknown-fund.csv": (Reason.ROW_MALFORMED, 2),
    "28-total-row.csv": (Reason.ROW_MALFORMED, 5),
}

TAKEN = {
    **dict.fromkeys(
        ("00-control", "01-bom", "02-crlf", "03-cr-only", "04-semicolon", "05-tab", "06-utf16le"),
        (50_000, 1_000_000),
    ),
    "10-formula": (50_000,) * 7,
    "14-nfd-header": (50_000,),
    "15-header-spaces": (50_000,),
    "19-dup-rows": (50_000,) * 3,
}


@pytest.mark.parametrize("case", cases("csv/manifest.jsonl"), ids=lambda case: case["id"])
def test_file(case: dict[str, Any]) -> None:
    path = shared("hostile/csv") / case["id"]
    if case["id"] in REFUSED:
        reason, row = REFUSED[case["id"]]
        with pytest.raises(Rejected) as refused:
            list(open_statement(path).lines())
        assert refused.value.reason is reason
        assert refused.value.details.get("row") == row
        return
    amounts = TAKEN[path.stem]
    statement = open_statement(path)
    figures = control(statement, opening=7, closing=7 + sum(amounts))
    assert (figures.lines, figures.credit_total, figures.basis) == (len(amounts), sum(amounts), "declared")
    lines = list(statement.lines())
    assert tuple(line.amount_minor for line in lines) == amounts
    assert {line.fund for line in lines} == {"QUY-01"}
    if path.stem.startswith(("00", "01", "02", "03", "06")):
        assert lines[0].counterparty == "Nguyễn Thị Hoà"
        assert (lines[1].counterparty, lines[1].memo, lines[1].row) == ("Trần, Văn B", "dòng 1\ndòng 2", 3)
    if path.stem == "10-formula":
        assert [line.counterparty for line in lines[:3]] == ["=1+1", "+1+1", "-1+1"]
        assert lines[4].counterparty == "\t=1+1"


@pytest.mark.parametrize("case", cases("files/manifest.jsonl"), ids=lambda case: case["id"])
def test_upload(case: dict[str, Any]) -> None:
    """None of these is a statement; none may cost time, memory or a traceback."""
    with pytest.raises(Rejected) as refused:
        open_statement(shared("hostile/files") / case["id"])
    assert refused.value.reason in (
        Reason.FORMAT_UNKNOWN,
        Reason.FILE_UNREADABLE,
        Reason.FILE_TOO_LARGE,
        Reason.NO_LINES,
    )


def test_zip_archives_named_xlsx_are_refused_too(tmp_path: Path) -> None:
    for name in ("ratio.zip", "nested.zip", "slip.zip", "symlink.zip", "dup.zip", "many.zip"):
        copy = tmp_path / "x.xlsx"
        copy.write_bytes((shared("hostile/files") / name).read_bytes())
        with pytest.raises(Rejected):
            open_statement(copy)
