"""Files in the shape of each bank. Lost without these: a bank whose habits turn a figure into another."""

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ledger.refusals import Reason, Rejected
from ledger.statements import Line, control, open_statement

Table = list[list[Any]]

VCB: Table = [
    ["NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM"],
    ["SAO KÊ TÀI KHOẢN / STATEMENT OF ACCOUNT"],
    ["Số tài khoản/Account number:", "0011001932418"],
    ["Loại tiền/Currency:", "VND"],
    ["Từ/From: 01/03/2026", "", "Đến/To: 31/03/2026"],
    ["Số dư đầu kỳ/Opening balance:", "1,000,000 VND"],
    [],
    [
        "STT\nNo.",
        "Ngày giao dịch/ Transaction date\nSố CT/ Doc No",
        "Số tiền ghi nợ/\nDebit",
        "Số tiền ghi có/\nCredit",
        "Số dư/\nBalance",
        "Nội dung chi tiết/\nTransactions in detail",
    ],
    ["1", "03/03/2026\n5212 - 80231", "", "50,000", "1,050,000", "MBVCB.123.NGUYEN VAN A ung ho\nquy"],
    ["2", "04/03/2026\n5390 - 11", "11,000", "", "1,039,000", "THU PHI"],
    ["", "Tổng số/Total", "11,000", "50,000", "", ""],
    ["", "Số dư cuối kỳ/Closing balance", "", "", "1,039,000", ""],
    ["Chứng từ này được in tự động"],
]
BIDV: Table = [
    ["NGÂN HÀNG TMCP ĐẦU TƯ VÀ PHÁT TRIỂN VIỆT NAM"],
    ["Số tài khoản: 12010000123456", "", "Số tài khoản cũ: 999"],
    ["Dư đầu: 200.000"],
    ["STT", "Ngày hiệu lực/Date", "Ghi nợ/Debit", "Ghi có/Credit", "Số dư/Balance", "Mô tả/Description"],
    ["1", "05/03/2026 08:01:02", "0", "1.000.000", "1.200.000", "LE B ung ho"],
    ["2", "06/03/2026 09:00:00", "0", "20.000", "1.220.000", "TRAN C"],
    ["Dư cuối", "", "", "", "1.220.000", ""],
]
MB: Table = [
    ["NGÂN HÀNG TMCP QUÂN ĐỘI"],
    ["SAO KÊ CHI TIẾT TÀI KHOẢN"],
    ["Số tài khoản", "0800123456789", "", "", "", "", ""],
    [
        "STT",
        "Ngày hạch toán\n(Posting date)",
        "Ngày giao dịch\n(Transaction date)",
        "Phát sinh nợ\n(Debit)",
        "Phát sinh có\n(Credit)",
        "Số dư\n(Balance)",
        "Nội dung\n(Description)",
    ],
    ["2", "11/03/2026", "10/03/2026", "0", "2,000,000", "3,500,000", "PHAM D"],
    ["1", "10/03/2026", "10/03/2026", "500,000", "0", "1,500,000", "PHI"],
    ["", "", "", "500,000", "2,000,000", "", ""],
]
VIETIN: Table = [
    ["VIETINBANK"],
    ["LỊCH SỬ GIAO DỊCH - TRANSACTION HISTORY"],
    [
        "STT/No",
        "Ngày hạch toán/Accounting date",
        "Mô tả giao dịch/Transaction description",
        "Nợ/Debit",
        "Có/Credit",
        "Số dư TK/Account balance",
        "Số giao dịch/Transaction number",
    ],
    ["1", "12/03/2026", "A", "", "1,000,000", "1,000,000", "900S1"],
    ["2", "", "A", "", "1,000,000", "2,000,000", "900S2"],
    ["3", "13/03/2026", "B", "500", "", "1,999,500", "900S3"],
]
TECHCOM: Table = [
    ["TECHCOMBANK"],
    [
        "Ngày KH thực hiện/Requesting date",
        "Ngày giao dịch/Transaction date",
        "Số bút toán/Reference",
        "Ngân hàng đối tác",
        "Tài khoản đích",
        "Tên tài khoản đối ứng",
        "Diễn giải/Description",
        "Nợ/Debit",
        "Có/Credit",
    ],
    ["12/03/2026", "13/03/2026", "FT26072\\BNK", "VCB", "001", "NGUYEN E", "ung ho", "", "1,500,000"],
    ["13/03/2026", "13/03/2026", "FT26073", "VCB", "001", "NGUYEN E", "ung ho", "2,000", ""],
]

BANKS: list[tuple[str, Table, str, list[tuple[int, str | None]], dict[str, int], str]] = [
    ("vcb", VCB, "vietcombank-cashup", [(50_000, "5212 - 80231"), (-11_000, "5390 - 11")], {}, "printed"),
    ("bidv", BIDV, "bidv", [(1_000_000, None), (20_000, None)], {}, "printed"),
    ("mb", MB, "mb", [(-500_000, None), (2_000_000, None)], {}, "running"),
    (
        "vietin",
        VIETIN,
        "vietinbank",
        [(1_000_000, "900S1"), (1_000_000, "900S2"), (-500, "900S3")],
        {},
        "running",
    ),
    (
        "techcom",
        TECHCOM,
        "techcombank",
        [(1_500_000, "FT26072\\BNK"), (-2_000, "FT26073")],
        {"opening": 10, "closing": 1_498_010},
        "declared",
    ),
]


def as_csv(path: Path, table: Table) -> Path:
    out = io.StringIO()
    width = max(len(row) for row in table)
    csv.writer(out).writerows([*row, *[""] * (width - len(row))] for row in table)
    path.write_text(out.getvalue(), "utf-8-sig", newline="")
    return path


def as_xlsx(path: Path, table: Table, *, typed: bool = False) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in table:
        sheet.append([_typed(cell) if typed else cell or None for cell in row])
    book.create_sheet("Ghi chú").append(["không có gì"])
    book.save(path)
    return path


def _typed(cell: str) -> Any:
    digits = cell.replace(",", "").replace(".", "")
    if len(cell) == 10 and cell[2:3] == "/":
        return datetime.strptime(cell, "%d/%m/%Y")
    if digits.isdigit() and not cell.startswith("0"):
        return int(digits)
    return cell or None


@pytest.mark.parametrize("form", ["csv", "xlsx", "xlsx-typed"])
@pytest.mark.parametrize(("name", "table", "layout", "expected", "declared", "basis"), BANKS)
def test_bank(
    name: str,
    table: Table,
    layout: str,
    expected: list[tuple[int, str | None]],
    declared: dict[str, int],
    basis: str,
    form: str,
    tmp_path: Path,
) -> None:
    if form == "csv":
        path = as_csv(tmp_path / f"{name}.csv", table)
    else:
        path = as_xlsx(tmp_path / f"{name}.xlsx", table, typed=form == "xlsx-typed")
    statement = open_statement(path)
    assert statement.head.format == f"{form[:4].rstrip('-')}:{layout}"
    lines = list(statement.lines())
    assert [(line.amount_minor, line.reference) for line in lines] == expected
    figures = control(statement, **declared)
    assert figures.basis == basis
    assert figures.closing - figures.opening == sum(amount for amount, _ in expected)
    assert statement.head.newest_first == (name == "mb")
    if name == "vcb":
        assert statement.head.account_number == "0011001932418"
        assert statement.head.currency == "VND"
        assert lines[0].memo == "MBVCB.123.NGUYEN VAN A ung ho\nquy"
    if name == "bidv":
        assert statement.head.account_number == "12010000123456"
        assert lines[0].time == "08:01:02"
    if name == "vietin":
        assert lines[1].booked_on == lines[0].booked_on


def test_the_totals_row_must_tie(tmp_path: Path) -> None:
    wrong = [*MB[:-1], ["", "", "", "500,000", "2,000,001", "", ""]]
    with pytest.raises(Rejected) as refused:
        control(open_statement(as_csv(tmp_path / "mb.csv", wrong)))
    assert refused.value.reason is Reason.CONTROL_DIFFERS
    assert refused.value.details["row"] == 13  # physical: the header has six line breaks


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"opening": 999_999}, Reason.CONTROL_DIFFERS),
        ({"opening": 1_000_000, "closing": 5}, Reason.CONTROL_DIFFERS),
    ],
)
def test_declared_beside_printed_must_agree(change: dict[str, int], reason: Reason, tmp_path: Path) -> None:
    statement = open_statement(as_csv(tmp_path / "vcb.csv", VCB))
    with pytest.raises(Rejected) as refused:
        control(statement, **change)
    assert refused.value.reason is reason


def small(tmp_path: Path, *rows: str, header: str = "Ngày,Số tiền,Số dư,Nội dung") -> list[Line]:
    path = tmp_path / "small.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return list(open_statement(path).lines())


def test_a_lone_comma_is_proven_by_another_cell(tmp_path: Path) -> None:
    lines = small(tmp_path, '01/03/2026,"50,000",,a', '02/03/2026,"1,000,000",,b')
    assert [line.amount_minor for line in lines] == [50_000, 1_000_000]


def test_a_lone_comma_is_proven_by_balances_that_tie_one_way_only(tmp_path: Path) -> None:
    lines = small(tmp_path, '01/03/2026,500,"1,500",a', '02/03/2026,"50,000","51,500",b')
    assert [line.amount_minor for line in lines] == [500, 50_000]
    with pytest.raises(Rejected) as refused:  # these tie as thousands and as decimals
        small(tmp_path, '01/03/2026,"50,000","150,000",a', '02/03/2026,"50,000","200,000",b')
    assert refused.value.reason is Reason.ROW_AMBIGUOUS


def test_english_headings_need_proof_of_the_day_order(tmp_path: Path) -> None:
    header = "Date,Amount,Balance,Description"
    with pytest.raises(Rejected) as refused:
        small(tmp_path, "03/04/2026,5,5,a", header=header)
    assert refused.value.reason is Reason.ROW_AMBIGUOUS
    assert small(tmp_path, "03/04/2026,5,5,a", "13/04/2026,5,10,a", header=header)[0].booked_on.month == 4


def test_a_broken_running_balance_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Ngày,Số tiền,Số dư,Nội dung\n01/03/2026,5,5,a\n02/03/2026,5,11,b\n", "utf-8")
    with pytest.raises(Rejected) as refused:
        control(open_statement(path))
    assert (refused.value.reason, refused.value.details["row"]) == (Reason.CONTROL_DIFFERS, 3)


def test_formats_are_held_to(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "vcb.csv", VCB)
    for wrong in ("mt940", "xlsx", "nonsense"):
        with pytest.raises(Rejected) as refused:
            open_statement(path, format=wrong)
        assert refused.value.reason is Reason.FORMAT_UNKNOWN
    with pytest.raises(Rejected) as refused:
        open_statement(path, currency="USD")
    assert refused.value.reason is Reason.CURRENCY_DIFFERS


def test_workbooks_that_lie(tmp_path: Path) -> None:
    path = as_xlsx(tmp_path / "a.xlsx", MB)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    sheet["E5"] = "=1+1"
    book.save(path)
    with pytest.raises(Rejected) as refused:
        open_statement(path)
    assert refused.value.reason is Reason.FILE_UNREADABLE
    sheet["E5"] = "1,000"
    sheet["XFD1048576"] = 1
    book.save(path)
    with pytest.raises(Rejected) as refused:
        open_statement(path)
    assert refused.value.reason is Reason.FILE_TOO_LARGE


def test_a_fraction_of_a_dong_in_a_number_cell(tmp_path: Path) -> None:
    table: Table = [["Ngày", "Số tiền", "Nội dung"], [datetime(2026, 3, 1), 50_000.5, "x"]]
    path = tmp_path / "f.xlsx"
    book = openpyxl.Workbook()
    for row in table:
        book.worksheets[0].append(row)
    book.save(path)
    with pytest.raises(Rejected) as refused:
        list(open_statement(path).lines())
    assert (refused.value.reason, refused.value.details["row"]) == (Reason.ROW_MALFORMED, 2)


def test_odd_characters_in_a_memo_are_shown_and_block_nothing(tmp_path: Path) -> None:
    (line,) = small(tmp_path, "01/03/2026,5,,ung\u202e ho\u200b \ue000")
    assert line.memo == "ung⟨U+202E⟩ ho⟨U+200B⟩ ⟨U+E000⟩"


@pytest.mark.parametrize(
    ("tail", "reason"),
    [(",,,them chu", Reason.ROW_AMBIGUOUS), ("02/03/2026,,,", Reason.ROW_MALFORMED), (",7,,x", Reason.ROW_MALFORMED)],
)
def test_what_stands_under_the_table_is_known_or_stops(tail: str, reason: Reason, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        small(tmp_path, "01/03/2026,5,5,a", tail)
    assert (refused.value.reason, refused.value.details["row"]) == (reason, 3)
    assert len(small(tmp_path, "01/03/2026,5,5,a", "Người lập phiếu,,,")) == 1
