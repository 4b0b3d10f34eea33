"""`sovang report`, `sovang export` and the reports of the API: what an accountant types and what a program fetches."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.cli import build
from api.reports import FORMATS
from audit.reports import REPORTS
from tests.api.asking import assert_whole
from tests.requirements.conftest import Walk, walk
from tests.worlds import World

__all__ = ["walk"]


def test_a_report_in_every_form_says_the_same(walk: Walk, tmp_path: Path) -> None:
    """Screen, file for programs, spreadsheet and paper are one report."""
    walk.gift(1_234_567)
    said = walk.sovang("report", "bank-book", "--year", "2026")
    assert said["rows"][1]["cells"]["in"] == 1_234_567
    files = {form: tmp_path / f"so.{form}" for form in FORMATS}
    for form, path in files.items():
        written = walk.sovang("report", "bank-book", "--year", "2026", "--format", form, "-o", str(path))
        assert written["file"] == str(path)
        assert written["sha256"] == said["sha256"]
    document = json.loads(files["json"].read_bytes())
    assert document == {name: said[name] for name in document}
    data = files["csv"].read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [line["in"] for line in lines][1] == "1234567"
    sheet = openpyxl.load_workbook(files["xlsx"]).active
    assert sheet is not None
    assert 1_234_567 in [cell for row in sheet.iter_rows(values_only=True) for cell in row]
    page = pypdfium2.PdfDocument(files["pdf"])[0].get_textpage().get_text_range()
    assert "1.234.567" in page
    assert walk.client.get("/api/v1/reports/bank-book?year=2026&format=csv").content == data
    for form, media in FORMATS.items():
        answer = walk.client.get(f"/api/v1/reports/bank-book?year=2026&format={form}")
        assert answer.headers["content-type"] == media
        assert form == "json" or answer.content == files[form].read_bytes()


def test_no_output_is_written_over_the_home(walk: Walk, tmp_path: Path) -> None:
    """A slip of the hand does not cost the book: `-o` with the database's or the key's own name."""
    walk.gift(5)
    aside = tmp_path / "ngoai.csv"
    aside.symlink_to(walk.path / "sovang.db")
    for path in (walk.path / "sovang.db", next(walk.path.rglob("*.key")), aside):
        before = path.read_bytes()
        for words in (
            ("report", "public", "--year", "2026", "--format", "csv", "-o", str(path)),
            ("deadlines", "--ics", str(path)),
            ("form", "giao-nhan", "-o", str(path)),
        ):
            result = CliRunner().invoke(build(), [*words, "--home", str(walk.path)])
            assert (result.exit_code, "MISUSE" in result.stderr) == (2, True), result.stderr
        assert path.read_bytes() == before


def test_the_journal_for_accounting_software(walk: Walk, tmp_path: Path) -> None:
    """Debit, credit, amount, day, voucher, description; and nobody's name."""
    walk.gift(500_000)
    path = tmp_path / "nkc.csv"
    walk.sovang("export", "journal", "--month", "2026-09", "-o", str(path))
    line, total = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    assert (line["day"], line["debit"], line["credit"], line["amount"], line["unit"]) == (
        "2026-09-01",
        "1121",
        "431",
        "500000",
        "VND",
    )
    assert (line["what"], total["amount"]) == ("Tiếp nhận ủng hộ", "500000")
    assert "Hoà" not in path.read_text()


def test_the_list_of_reports_is_one(walk: Walk) -> None:
    """What the command line can do, a program can ask for."""
    listed = walk.sovang("report", "list")
    assert listed == walk.get("/api/v1/reports")
    assert [one["kind"] for one in listed["reports"]] == list(REPORTS)


def test_periods_and_options_of_the_command(walk: Walk) -> None:
    """Each way to say a period, and a report's own option."""
    walk.gift(1_000, fund="chung")
    for said in (("--month", "2026-09"), ("--quarter", "2026-3"), ("--from", "2026-09-01", "--to", "2026-09-30")):
        assert walk.sovang("report", "use", *said)["rows"][0]["cells"]["received"] == 1_000
    assert walk.sovang("report", "use", "--month", "2026-08")["rows"] == []
    assert walk.sovang("report", "use", "--option", "fund=sua")["rows"] == []
    drilled = walk.sovang("report", "use", "--option", "fund=chung", "--drill", "1")["vouchers"]
    assert [one["kind"] for one in drilled] == ["gift_received"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("jornal",), "MALFORMED"),
        (("journal", "--year", "2026", "--month", "2026-09"), "MALFORMED"),
        (("journal", "--quarter", "2026-5"), "MALFORMED"),
        (("journal", "--at", "99"), "NO_SUCH_RECORD"),
        (("journal", "--drill", "1"), "MALFORMED"),
        (("use", "--option", "nguon=sua"), "MALFORMED"),
    ],
)
def test_what_the_command_refuses(walk: Walk, words: tuple[str, ...], reason: str) -> None:
    """A slip of the pen gives one line, never a report of something else."""
    assert walk.fails("report", *words)["reason"] == reason


@pytest.mark.parametrize(
    "words", [("use", "--option", "fund"), ("use", "--format", "doc"), ("use", "--format", "pdf"), ("use", "-o", "x")]
)
def test_misuse_of_the_command(walk: Walk, words: tuple[str, ...]) -> None:
    """An option without a value, an unknown form, a paper without a file, a file without a form."""
    walk.gift(1)
    result = CliRunner().invoke(build(), ["report", *words, "--home", str(walk.path)])
    assert (result.exit_code, "MISUSE" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("jornal", 404, "NOT_FOUND"),
        ("journal?year=26", 400, "MALFORMED"),
        ("journal?from=2026-02-30", 400, "MALFORMED"),
        ("journal?at=99", 404, "NO_SUCH_RECORD"),
        ("journal?at=0", 400, "MALFORMED"),
        ("journal?drill=01", 400, "MALFORMED"),
        ("journal?format=doc", 400, "MALFORMED"),
        ("journal?names=1", 400, "MALFORMED"),
        ("use?option=fund", 400, "MALFORMED"),
        ("use?option=fund=a&option=fund=b", 400, "MALFORMED"),
        ("eligibility?year=2026", 200, ""),
        ("report-tray?from=2026-01-01&to=9999-12-31", 400, "MALFORMED"),
        ("duplicates?from=0001-01-01", 400, "MALFORMED"),
        ("duplicates?year=2026&option=days=999999999", 400, "MALFORMED"),
        ("report-tray?year=2999", 200, ""),
    ],
)
def test_what_the_api_refuses(sqlite_client: TestClient, query: str, status: int, reason: str) -> None:
    """Every refusal names what is wrong; none is a fault of the server."""
    answer = sqlite_client.get(f"/api/v1/reports/{query}")
    assert answer.status_code == status, answer.text
    assert answer.json().get("reason", "") == reason


def test_reports_on_both_databases(client: TestClient, world: World) -> None:
    """PostgreSQL sorts and counts as SQLite does."""
    world.gift(10, received_on="2026-08-01")
    world.gift(20)
    report = client.get("/api/v1/reports/use?month=2026-09").json()
    assert report["rows"][0]["cells"] == {
        "fund": "sua",
        "name": "Nguồn sữa",
        "unit": "VND",
        "opening": 10,
        "received": 20,
        "refunded": 0,
        "used": 0,
        "costs": 0,
        "other": 0,
        "closing": 30,
        "received_year": 30,
        "used_year": 0,
    }
    at = report["size"] - 1
    assert client.get(f"/api/v1/reports/use?year=2026&at={at}").json()["rows"][0]["cells"]["closing"] == 10
    assert_whole(world)
