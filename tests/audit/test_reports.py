"""Reports say what the records say: both sides equal, figures as the balances, corrections negative, the same again.

An accountant signs what these print; an auditor makes them again years later and must get the same bytes.
"""

import csv
import io
import json
import unicodedata
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pypdfium2
import pytest

from api.reports import FORMATS, bound_of, original_text, safe_text, to_bytes, to_csv, to_xlsx
from audit import queries
from audit.reports import REPORTS, Column, Period, Report, Row, make_report, open_source
from certificates.sheets import MAX_ROWS
from ledger.accounts import is_held, root
from ledger.catalogue_data import communes_of
from ledger.closing import record_bound
from ledger.money import is_currency
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.saying import first_year, reverse
from tests.ledger.story3 import aid, book, gifts, goods
from tests.shared import shared
from tests.worlds import SHA, TODAY, World, vnd

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))


def made(
    world: World, kind: str, period: Period = YEAR, *, at: int | None = None, names: bool = False, **options: str
) -> Report:
    """A report of the world's book."""
    with open_source(world.open, size=at, private=names) as source:
        return make_report(source, kind, period, options)


def every(world: World, *, at: int | None = None) -> dict[str, Report]:
    """Every report that can be made without saying more; those of one thing refuse and name the option."""
    found = {}
    for kind, one in REPORTS.items():
        try:
            found[kind] = made(world, kind, at=at)
        except Rejected as refused:
            if refused.reason is Reason.NOT_IN_VAULT:
                found[kind] = made(world, kind, at=at, names=True)
            elif refused.details["field"] not in one.options:
                raise
    assert len(found) >= 9
    return found


def cells(report: Report, row: Row) -> dict[str, Any]:
    """A row by column name."""
    return dict(zip((column.name for column in report.columns), row.cells, strict=True))


def rows(report: Report) -> list[dict[str, Any]]:
    """All rows by column name."""
    return [cells(report, row) for row in report.rows]


@pytest.fixture
def told(sqlite_world: World) -> World:
    """A book with a year of most kinds of entry."""
    first_year(sqlite_world)
    return sqlite_world


def test_every_report_of_an_empty_and_of_a_full_book_is_made_in_every_form(told: World) -> None:
    """A report nobody tried on an empty fund fails on the first day of a new one."""
    assert all(row.cells for report in every(told, at=1).values() for row in (*report.rows, *report.totals))
    reports = every(told)
    bound = bound_of(told.open, reports["journal"].size)
    for kind, report in reports.items():
        assert all(len(row.cells) == len(report.columns) for row in (*report.rows, *report.totals)), kind
        assert all(to_bytes(report, form, bound) for form in FORMATS), kind
    for form in FORMATS:
        assert to_bytes(reports["journal"], form, bound) == to_bytes(reports["journal"], form, bound), form
    check_book(told)


def test_every_figure_leads_to_records_of_the_book(told: World) -> None:
    """A row that leads nowhere cannot be audited."""
    for kind, report in every(told).items():
        for row in (*report.rows, *report.totals):
            assert all(0 <= index < report.size for index in row.records), kind
            has_figure = any(
                column.total and isinstance(cell, int) and cell
                for column, cell in zip(report.columns, row.cells, strict=True)
            )
            assert row.records or not has_figure, (kind, row)


def test_debit_and_credit_are_equal_and_agree_with_the_balances(told: World) -> None:
    """The trial balance is the accountant's own audit."""
    trial = made(told, "trial-balance")
    for total in trial.totals:
        said = cells(trial, total)
        for part in ("opening", "period", "cumulative", "closing"):
            assert said[f"{part}_debit"] == said[f"{part}_credit"], said
    closing: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows(trial):
        closing[row["unit"], row["account"][:1]] += row["closing_debit"] - row["closing_credit"]
    stored: dict[str, int] = defaultdict(int)
    for held in queries.balances(told.open):
        if is_held(held.account) and root(held.account) in ("bank", "cash", "stock", "transit", "advance"):
            stored[held.unit] += held.minor
    assert {unit: minor for (unit, first), minor in closing.items() if first == "1"} == dict(stored)


@pytest.mark.parametrize("story", [aid, book, gifts, goods])
def test_both_sides_are_equal_whatever_happened(sqlite_world: World, story: ModuleType) -> None:
    """Needs, corrections, currencies, losses, goods found and given straight: no kind tips the balance."""
    story.tell(sqlite_world)
    trial, use = made(sqlite_world, "trial-balance"), made(sqlite_world, "use")
    for said in (cells(trial, total) for total in trial.totals):
        for part in ("opening", "period", "cumulative", "closing"):
            assert said[f"{part}_debit"] == said[f"{part}_credit"], said
    sums: dict[str, int] = defaultdict(int)
    for row in rows(made(sqlite_world, "journal")):
        assert row["debit"], row
        assert row["credit"], row
        sums[row["unit"]] += row["amount"]
    assert dict(sums) == {cells(trial, t)["unit"]: cells(trial, t)["period_debit"] for t in trial.totals}
    for row in rows(use):
        out = row["refunded"] + row["used"] + row["costs"]
        assert row["opening"] + row["received"] - out + row["other"] == row["closing"], row


def test_ledgers_close_with_the_stored_balances(told: World) -> None:
    """Cash, bank, stock and advance books must say what is in the box."""
    stored = {(b.account, b.unit): b.minor for b in queries.balances(told.open)}
    for kind, name in (
        ("cash-book", "cash"),
        ("bank-book", "bank"),
        ("stock-book", "stock"),
        ("advance-ledger", "advance"),
    ):
        report = made(told, kind)
        closed = {
            (said["account"], said["unit"]): said["balance"]
            for said in (cells(report, total) for total in report.totals)
            if said["balance"] is not None
        }
        assert closed == {key: minor for key, minor in stored.items() if root(key[0]) == name}


def test_the_journal_is_what_the_general_ledger_is_made_of(told: World) -> None:
    """Two books of one fund that differ are the first thing an inspector finds."""
    journal = made(told, "journal")
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows(journal):
        sums[row["debit"], row["unit"]] += row["amount"]
        sums[row["credit"], row["unit"]] -= row["amount"]
    ledger = made(told, "general-ledger")
    closing = {
        (said["account"], said["unit"]): said["balance"]
        for said in (cells(ledger, total) for total in ledger.totals)
        if said["balance"] is not None
    }
    assert {key: minor for key, minor in sums.items() if minor} == {key: m for key, m in closing.items() if m}
    assert any("chưa được kiểm chứng" in note for note in journal.notes)


def test_a_correction_is_a_negative_in_the_column_of_what_it_corrects(sqlite_world: World) -> None:
    """Law on Accounting 2015 article 27: the difference is shown, on the same side."""
    wrong = sqlite_world.gift(900_000, fund="chung")
    before = rows(made(sqlite_world, "cash-book")), rows(made(sqlite_world, "bank-book"))
    original = decode(_body(sqlite_world, wrong.index))
    back = sqlite_world.say(
        "reversed",
        reversed=wrong.index,
        leaf=wrong.leaf_hash.hex(),
        reversed_on=TODAY.isoformat(),
        undone_postings=[_posting(p) for p in original.postings],
        why="ghi nhầm",
    )
    bank = rows(made(sqlite_world, "bank-book"))
    assert [(row["in"], row["out"]) for row in bank if row["index"] == back.index] == [(-900_000, None)]
    assert bank[: len(before[1])] == before[1]
    journal = [row for row in rows(made(sqlite_world, "journal")) if row["index"] == back.index]
    assert [(row["debit"], row["credit"], row["amount"]) for row in journal] == [("1121", "431", -900_000)]
    # A reversal reversed is the first entry again: positive, in the same columns.
    reversal = decode(_body(sqlite_world, back.index))
    again = sqlite_world.say(
        "reversed",
        reversed=back.index,
        leaf=back.leaf_hash.hex(),
        reversed_on=TODAY.isoformat(),
        undone_postings=[_posting(p) for p in reversal.postings],
        why="đảo nhầm",
    )
    bank = rows(made(sqlite_world, "bank-book"))
    assert [(row["in"], row["out"]) for row in bank if row["index"] == again.index] == [(900_000, None)]
    assert cells(made(sqlite_world, "bank-book"), made(sqlite_world, "bank-book").totals[0])["in"] == 900_000
    check_book(sqlite_world)


def _body(world: World, index: int) -> bytes:
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    return body


def _posting(posting: Any) -> dict[str, Any]:
    return {
        "amount": {"minor": posting.amount.minor, "unit": posting.amount.unit},
        "destination": posting.destination,
        "source": posting.source,
    }


def test_a_period_is_by_the_day_money_moved_or_was_booked(sqlite_world: World) -> None:
    """A late bank line belongs to its own month, and what was booked later to the month it was booked in."""
    sqlite_world.gift(100_000, received_on="2025-12-30")
    sqlite_world.gift(200_000, received_on="2026-08-15")
    sqlite_world.gift(400_000, received_on="2026-08-20", booked_on="2026-09-01")
    trial = made(sqlite_world, "trial-balance", Period(date(2026, 8, 1), date(2026, 8, 31)))
    bank = next(row for row in rows(trial) if row["account"] == "1121")
    assert (bank["opening_debit"], bank["period_debit"], bank["cumulative_debit"], bank["closing_debit"]) == (
        100_000,
        200_000,
        200_000,
        300_000,
    )
    september = made(sqlite_world, "trial-balance", Period(date(2026, 9, 1), date(2026, 9, 30)))
    bank = next(row for row in rows(september) if row["account"] == "1121")
    assert (bank["opening_debit"], bank["period_debit"], bank["cumulative_debit"]) == (300_000, 400_000, 600_000)
    check_book(sqlite_world)


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ({"year": "2026"}, ("2026-01-01", "2026-12-31")),
        ({"quarter": "2026-1"}, ("2026-01-01", "2026-03-31")),
        ({"quarter": "2026-Q4"}, ("2026-10-01", "2026-12-31")),
        ({"month": "2024-02"}, ("2024-02-01", "2024-02-29")),
        ({"from_on": date(2026, 6, 15)}, ("2026-06-15", "2026-09-01")),
        ({"from_on": date(2026, 6, 15), "to_on": date(2026, 6, 15)}, ("2026-06-15", "2026-06-15")),
        ({"to_on": date(2025, 11, 30)}, ("2025-01-01", "2025-11-30")),
        ({}, ("2026-01-01", "2026-09-01")),
    ],
)
def test_periods(said: dict[str, Any], period: tuple[str, str]) -> None:
    """The day, month, quarter and year that people name."""
    found = Period.parse(today=TODAY, **said)
    assert (found.from_on.isoformat(), found.to_on.isoformat()) == period


@pytest.mark.parametrize(
    "said",
    [
        {"year": "26"},
        {"year": "٢٠٢٦"},
        {"quarter": "2026-5"},
        {"month": "2026-13"},
        {"month": "2026-9"},
        {"year": "2026", "month": "2026-09"},
        {"year": "2026", "from_on": TODAY},
        {"from_on": TODAY, "to_on": TODAY - timedelta(days=1)},
    ],
)
def test_periods_that_are_none_are_refused(said: dict[str, Any]) -> None:
    """A misread period gives a right-looking report of the wrong months."""
    with pytest.raises(Rejected) as refused:
        Period.parse(today=TODAY, **said)
    assert refused.value.reason is Reason.MALFORMED


def test_a_report_at_a_size_is_the_same_whatever_came_after(told: World) -> None:
    """What was handed in last year can be made again, byte for byte (also where the registers moved on)."""
    size = made(told, "journal").size
    first = {kind: report.canonical() for kind, report in every(told, at=size).items()}
    told.gift(123_000)
    told.say("goods_listed", goods="ao-am-10t", name="Áo ấm 10 tuổi", counted_in="chiếc")
    told.gift(7_000, received_on="2026-08-01")
    assert {kind: report.canonical() for kind, report in every(told, at=size).items()} == first
    assert made(told, "journal").size == size + 3
    check_book(told)


def test_unknown_kinds_options_and_sizes_are_refused(sqlite_world: World) -> None:
    """A misspelt option would answer another question."""
    for kind, options, at in (("jornal", {}, None), ("journal", {"acount": "1"}, None), ("journal", {}, 10**6)):
        with pytest.raises(Rejected) as refused:
            made(sqlite_world, kind, at=at, **options)
        assert refused.value.reason in (Reason.MALFORMED, Reason.NO_SUCH_RECORD)


# Files for spreadsheets


def hostile_texts() -> list[str]:
    """Every text of the shared hostile set that a cell could hold."""
    found = []
    for line in shared("hostile/text.jsonl").read_text().splitlines():
        case = json.loads(line)
        if "text" in case:
            found.append(unicodedata.normalize("NFC", case["text"]))
    return found


_FORMULA = set("=+-@|\t\r\n\0＝＋－＠｜")


def formula_like(text: str) -> bool:
    """Rule 4 of ../shared/hostile/README.md, in its own words: after spaces and invisible characters, one of these."""
    invisible = ("Zs", "Zl", "Zp", "Cf")
    seen = "".join(text)
    while seen and unicodedata.category(seen[0]) in invisible:
        seen = seen[1:]
    return bool(seen) and seen[0] in _FORMULA


def text_report(texts: list[str]) -> Report:
    """A report whose cells are these texts."""
    columns = (Column("text", "chữ", "text"), Column("unit", "đvt", "unit"), Column("minor", "số", "minor", "money"))
    return Report("hostile", ("Thử", "Try"), YEAR, columns, tuple(Row((t, "VND", -5), (0,)) for t in texts), (), (), 1)


def test_no_exported_cell_is_a_formula_and_all_come_back(sqlite_world: World) -> None:
    """A donor's name must not run on the accountant's machine, and must still be the name."""
    texts = [*hostile_texts(), "'=1", "'", "", " '=1", "＝1+1", "\u200b=1", "\u3164=cmd", "a=1", "\ufeff@x"]
    assert sum(formula_like(text) for text in texts) > 10
    report = text_report(texts)
    table = list(csv.reader(io.StringIO(to_csv(report).decode("utf-8-sig"), newline="")))[1:]
    assert [row[2] for row in table] == ["-5"] * len(texts)
    assert not [row[0] for row in table if formula_like(row[0])]
    assert [original_text(row[0]) for row in table] == texts
    kept = [text for text in texts if all(c.isprintable() or c in "\t\n" for c in text)]
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(text_report(kept), bound_of(sqlite_world.open, 1))))
    sheet = book.active
    assert sheet is not None
    found = [row for row in sheet.iter_rows(values_only=False) if row[1].value == "VND"]
    assert [original_text(str(row[0].value or "")) for row in found] == kept
    assert all(row[0].data_type in ("s", "n") and not formula_like(str(row[0].value or "")) for row in found)
    assert all(row[2].value == -5 for row in found)


def test_safe_text_leaves_plain_text_alone() -> None:
    """Names with an apostrophe inside, sums in words, codes: nobody wants a mark before them."""
    for text in ("Nguyễn Thị Hoà", "H'Hen Niê", "PT/2026/12", "500.000 đồng", "fund:sua"):
        assert safe_text(text) == text


def test_money_has_the_decimals_of_its_currency(sqlite_world: World) -> None:
    """1,234 cents are no 1,234 dollars, and a figure of sixteen digits must not lose its last."""
    columns = (Column("unit", "đvt", "unit"), Column("minor", "số", "minor", "money"))
    big = 2**53 - 1
    said = tuple(Row(cells_, ()) for cells_ in (("VND", 1_500_000), ("USD", -1_234), ("sua-hop", 20), ("VND", big)))
    report = Report("x", ("Thử", "Try"), YEAR, columns, said, (), (), 1)
    assert [row.split(",")[1] for row in to_csv(report).decode().split("\r\n")[1:5]] == [
        "1500000",
        "-12.34",
        "20",
        str(big),
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(report, bound_of(sqlite_world.open, 1)))).active
    assert sheet is not None
    units = ("VND", "USD", "sua-hop")
    assert [row[1] for row in sheet.iter_rows(values_only=True) if row[0] in units] == [1_500_000, -12.34, 20, str(big)]


def test_the_printed_report_names_its_book_its_root_and_its_pages(told: World) -> None:
    """A sheet found in a drawer says which book it is of, up to where, and whether a page is missing."""
    size = told.open.checkpointer.run()[0].size
    report = made(told, "journal", at=size)
    bound = bound_of(told.open, size)
    assert bound.root is not None
    pdf = pypdfium2.PdfDocument(to_bytes(report, "pdf", bound))
    assert len(pdf) > 1
    pages = [page.get_textpage().get_text_range() for page in pdf]
    flat = [" ".join(page.split()) for page in pages]
    for number, page in enumerate(flat, 1):
        assert bound.root in page.replace(" ", "")
        assert f"Trang {number}/{len(pdf)}" in page
        assert "ngày ghi sổ" in page or number == len(flat)
    assert "Sổ nhật ký chung" in flat[0]
    assert pdf[0].get_width() > pdf[0].get_height()


def test_no_figure_is_broken_on_paper(sqlite_world: World) -> None:
    """«1.000.00» with a 0 below it is another amount; long texts give way to figures."""
    figures = tuple(Column(f"sum_{n}", "phát sinh", "period", "money") for n in range(7))
    texts = tuple(Column(f"text_{n}", "diễn giải", "description") for n in range(3))
    row = Row((*("Quyết toán cổng thanh toán " * 6 for _ in texts), *(-123_456_789_012 for _ in figures)), (0,))
    report = Report("x", ("Thử", "Try"), YEAR, (*texts, *figures), (row,) * 3, (), (), 1)
    page = pypdfium2.PdfDocument(to_bytes(report, "pdf", bound_of(sqlite_world.open, 1)))[0]
    assert page.get_textpage().get_text_range().count("-123.456.789.012") == 21


def test_a_report_too_long_to_print_is_refused(sqlite_world: World) -> None:
    """Two hundred pages are a book; more would keep the server busy for everybody."""
    with pytest.raises(Rejected) as refused:
        to_bytes(text_report(["x"] * (MAX_ROWS + 1)), "pdf", bound_of(sqlite_world.open, 1))
    assert refused.value.reason is Reason.TOO_LARGE


def test_units_of_totals_are_never_added_together(told: World) -> None:
    """Cartons of milk are no đồng."""
    for kind, report in every(told).items():
        if "unit" in {column.name for column in report.columns}:
            for total in (cells(report, one) for one in report.totals):
                assert total["unit"] is None or is_currency(total["unit"]) or total["unit"].islower(), kind


def test_issued_reports_are_made_again(told: World, tmp_path: Path) -> None:
    """The entry holds enough to make the report again: kind, period, options, size."""
    checkpoint = told.open.checkpointer.run()[0]
    report = made(told, "bank-book", at=checkpoint.size, place="VCB")
    said = {
        "kind": "report_issued",
        "report": report.kind,
        "from_on": YEAR.from_on.isoformat(),
        "to_on": YEAR.to_on.isoformat(),
        "issued_on": TODAY.isoformat(),
        "names": False,
        "options": [{"name": "place", "value": "VCB"}],
        "sha256": report.sha256(),
        "size": report.size,
    }
    issued = record_bound(told.open, said, "ke-toan")
    entry: Any = decode(_body(told, issued.index)).entry
    options = {one.name: one.value for one in entry.options}
    again = made(told, entry.report, Period(entry.from_on, entry.to_on), at=entry.size, **options)
    assert again.sha256() == entry.sha256
    for wrong in ({"size": issued.index + 5}, {"size": 0}, {"from_on": "2027-01-01"}, {"distinct_children": 3}):
        with pytest.raises(Rejected):
            record_bound(told.open, {**said, **wrong}, "ke-toan")
    check_book(told)


def test_a_report_issued_is_bound_to_the_book_before_it(told: World) -> None:
    """A size and root that nobody checks could say that the report was made from another book."""
    said = {
        "report": "use",
        "from_on": YEAR.from_on.isoformat(),
        "to_on": YEAR.to_on.isoformat(),
        "issued_on": TODAY.isoformat(),
        "names": False,
        "options": [],
        "sha256": SHA,
        "size": 3,
    }
    with reading(told.open.engine) as db:
        head = read.head(db, told.open.code)
    assert head is not None
    size, book_root = head.size, head.root.hex()
    for bound in ({"size": size, "root": SHA}, {"size": size - 1, "root": book_root}):
        with pytest.raises(Rejected) as refused:
            told.say("report_issued", **said, bound=bound)
        assert refused.value.reason is Reason.NOT_THE_HEAD
    issued = told.say("report_issued", **said, bound={"size": size, "root": book_root})
    assert issued.index == size
    check_book(told)


def test_gifts_of_two_currencies_stay_apart(sqlite_world: World) -> None:
    """Nothing is revalued: a dollar account has its own line."""
    sqlite_world.say("place_opened", place="bank:USD", name="Tài khoản đô la", currency="USD")
    sqlite_world.gift(10_050, place="bank:USD", amount={"minor": 10_050, "unit": "USD"})
    sqlite_world.gift(amount=vnd(1_000))
    trial = made(sqlite_world, "trial-balance")
    assert {(row["account"], row["unit"]) for row in rows(trial)} == {
        ("1121", "VND"),
        ("1122", "USD"),
        ("431", "USD"),
        ("431", "VND"),
    }
    check_book(sqlite_world)


# What was used, and what may be published

SPLIT = "09700@2019-01-01"
"""A commune that was split on 2025-07-01 (ledger/data/commune_successors.csv)."""


def deliver(world: World, minor: int, commune: str, number: int) -> int:
    """Money that reached 30 children of a commune; the index of the delivery."""
    holder = {"holder": "xa", "payee_kind": "commune"}
    day = TODAY.isoformat()
    said: dict[str, Any] = {"allocation": f"pb-{number}", "fund": "chung"}
    world.say(
        "allocated",
        **said,
        activity="SUA",
        communes=[commune],
        amount=vnd(minor),
        allocated_on=day,
        decision_sha256=SHA,
    )
    order = {"order": f"lc-{number}", "amount": vnd(minor)}
    world.say("payment_ordered", **order, allocation=f"pb-{number}", payee=holder, place="bank:VCB", ordered_on=day)
    world.say("money_advanced", **order, holder="xa", place="bank:VCB", paid_on=day, parts=[])
    scope = {"activity": "SUA", "commune": commune, "heads": 30}
    handed = {"handed": f"lc-{number}", "holder": "xa", "amount": vnd(minor), "delivered_on": day}
    return world.say("delivered", **said, **handed, scope=scope).index


def test_a_split_commune_counts_where_somebody_decided(sqlite_world: World) -> None:
    """The commune of the day stays what the record says; today's is by decision where the law leaves two."""
    world = sqlite_world
    units = [
        {"commune": commune, "name": name, "province": "01"}
        for commune, name in ((SPLIT, "Vân Hòa cũ"), ("09676@2025-07-01", "Suối Hai"), ("09700@2025-07-01", "Yên Bài"))
    ]
    world.say("communes_listed", programme="HP256", communes=units)
    world.gift(1_000, fund="chung")
    first, second = (deliver(world, minor, SPLIT, minor) for minor in (100, 300))

    def used(units: str) -> dict[tuple[str, str], int]:
        said = rows(made(world, "use-by-commune", units=units))
        return {(row["commune"], row["name"]): row["period"] for row in said}

    assert used("day") == {(SPLIT, "Vân Hòa cũ"): 400}
    ((commune, name),) = used("today")
    assert (commune, used("today")[commune, name]) == (SPLIT, 400)
    assert name.startswith("đã tách, chưa quyết định: Suối Hai hoặc Yên Bài")
    decided = {"commune": SPLIT, "decided_on": TODAY.isoformat(), "decision_sha256": SHA}
    world.say("commune_mapped", **decided, counted_in="09676@2025-07-01", of_record=first)
    assert used("today")["09676@2025-07-01", "Suối Hai"] == 100
    world.say("commune_mapped", **decided, counted_in="09700@2025-07-01")
    assert used("today") == {("09676@2025-07-01", "Suối Hai"): 100, ("09700@2025-07-01", "Yên Bài"): 300}
    assert used("day") == {(SPLIT, "Vân Hòa cũ"): 400}
    assert first < second
    check_book(world)


def test_an_old_commune_is_counted_in_its_successor(sqlite_world: World) -> None:
    """Where the law made one of one, nobody needs to decide."""
    sqlite_world.gift(1_000, fund="chung")
    deliver(sqlite_world, 250, "11500@2019-01-01", 1)
    (row,) = rows(made(sqlite_world, "use-by-commune", units="today"))
    now = communes_of("HP14", YEAR.to_on)
    assert row["commune"] in {unit.commune for unit in now}
    assert (row["period"], row["heads"]) == (250, 30)
    with pytest.raises(Rejected):
        made(sqlite_world, "use-by-commune", units="hôm nay")


def test_names_are_published_by_consent_only(sqlite_world: World) -> None:
    """One agreed, one did not, one agreed and took it back, one never registered."""
    world = sqlite_world
    donors = {}
    for name, may in (("Trần Thị Bình", True), ("Lê Văn Cường", False), ("Phạm Văn Dũng", True)):
        said = {"donor": {"private": {"name": name}}, "donor_kind": "person", "may_publish_name": may}
        donors[name] = world.say("donor_registered", **said).index
        world.gift(100_000 + donors[name], donor={"same_as": donors[name]})
    world.gift(5, name="Hoàng Thị Em")
    world.say("consent_withdrawn", donor=donors["Phạm Văn Dũng"], withdrawn_on=TODAY.isoformat())
    opened = made(world, "donor-list", names=True)
    shown = {(row["donor"], row["note"]): row["period"] for row in rows(opened)}
    named = 100_000 + donors["Trần Thị Bình"]
    rest = 200_005 + donors["Lê Văn Cường"] + donors["Phạm Văn Dũng"]
    assert shown == {("Trần Thị Bình", "tên do người gửi ghi"): named, ("ẩn danh", ""): rest}
    closed = made(world, "donor-list").canonical().decode()
    for name in (*donors, "Hoàng Thị Em"):
        assert name not in closed
        assert name == "Trần Thị Bình" or name not in opened.canonical().decode()
    check_book(world)


def test_a_correction_counts_in_the_period_of_the_correction(sqlite_world: World) -> None:
    """What August said of its givers stays what it was; September takes it back."""
    world = sqlite_world
    gift = world.gift(100, received_on="2026-08-15")
    world.gift(7)
    reverse(world, gift.index)
    for kind, column in (("donor-list", "period"), ("synthesis", "raised"), ("donors", "given_minor")):
        said = {}
        for month in (8, 9):
            shown = made(world, kind, Period(date(2026, month, 1), date(2026, month, 30)))
            said[month] = sum(cells(shown, row)[column] for row in shown.totals if cells(shown, row)["unit"] == "VND")
        assert said == {8: 100, 9: -93}, kind
    (september,) = made(world, "donor-list", Period(date(2026, 9, 1), date(2026, 9, 30))).rows
    assert (september.cells[2], len(september.records)) == (0, 3)
    check_book(world)


def test_the_public_report_merges_small_groups_and_names_nobody(told: World) -> None:
    """What is hidden in the records must not come back through a sum of one."""
    published = made(told, "public", names=True)
    used = [row for row in rows(published) if row["section"].startswith("Sử dụng")]
    assert {(row["what"], row["where"]) for row in used} == {
        ("Sữa, sản phẩm từ sữa", "Minh Tân"),
        ("nhóm nhỏ, gộp — small groups, merged", ""),
    }
    text = published.canonical().decode()
    assert not [name for name in ("Thị Hoà", "Nguyễn", "Trần", "Trường") if name in text]
    use = made(told, "use")
    left = {cells(use, total)["unit"]: cells(use, total)["closing"] for total in use.totals}
    assert {cells(published, t)["unit"]: cells(published, t)["period"] for t in published.totals} == left


def test_use_by_fund_adds_up(told: World) -> None:
    """opening + received − refunded − used − costs + other = closing, and that is what the funds hold."""
    use = made(told, "use", Period(date(2026, 9, 1), date(2026, 9, 30)))
    for row in rows(use):
        out = row["refunded"] + row["used"] + row["costs"]
        assert row["opening"] + row["received"] - out + row["other"] == row["closing"], row
    purpose = ("fund", "allocated", "ordered", "handed", "shortfall")
    held: dict[str, int] = defaultdict(int)
    for one in queries.balances(told.open):
        if root(one.account) in purpose:
            held[one.unit] += one.minor
    assert {cells(use, t)["unit"]: cells(use, t)["closing"] for t in use.totals} == dict(held)


def test_periodic_reports_end_where_the_plans_say(sqlite_world: World) -> None:
    """The report of 15 December counts to 30 November; what comes later goes into the next."""
    sqlite_world.gift(1)
    ends = {due: made(sqlite_world, "periodic", due=due).period.to_on for due in ("15-6", "15-12", "1-12")}
    assert ends == {"15-6": date(2026, 5, 31), "15-12": date(2026, 11, 30), "1-12": date(2026, 11, 30)}
    assert not made(sqlite_world, "periodic", due="15-6").rows
    assert made(sqlite_world, "periodic", due="1-12").rows
    with pytest.raises(Rejected):
        made(sqlite_world, "periodic", due="30-2")


def test_counts_of_children_never_differ_by_few(told: World) -> None:
    """Twenty-five helped in a year and twenty-six by another report of it: that one child would be known."""
    said = {
        "kind": "report_issued",
        "report": "synthesis",
        "issued_on": TODAY.isoformat(),
        "names": True,
        "options": [],
        "sha256": SHA,
        "size": 3,
    }

    def issue(children: int, from_on: str, to_on: str) -> None:
        asked = {**said, "distinct_children": children, "from_on": from_on, "to_on": to_on}
        record_bound(told.open, asked, "ke-toan")

    issue(25, "2026-01-01", "2026-06-30")
    issue(25, "2026-01-01", "2026-12-31")
    issue(40, "2026-01-01", "2026-12-31")
    issue(26, "2027-01-01", "2027-12-31")
    for near in (24, 26, 34, 41, 49):
        with pytest.raises(Rejected) as refused:
            issue(near, "2026-06-30", "2026-07-01")
        assert refused.value.reason is Reason.SMALL_GROUP_OPEN
    check_book(told)
