"""Deadlines, the calendar and an auditor's work through their commands and the API."""

import io
import json
import stat
import zipfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import icalendar
import openpyxl
import pytest

from ledger.home import Home
from tests.api.test_cli import YESTERDAY, audited, refused, sovang
from tests.audit.test_sampling import drawn
from tests.worlds import SHA, Clock, World, vnd

YEAR = ("--from", "2020-01-01", "--to", "2099-12-31")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fund with three gifts; the middle one is nearly all of its money."""
    path = tmp_path / "home"
    world = World.create(path, None)
    for minor, sheet in ((1_000, False), (5_000_000, True), (2_000, False)):
        if sheet:
            world.say(
                "cash_sheet_received",
                place="cash:TM",
                fund="chung",
                amount=vnd(minor),
                envelopes=[{"donor": {"private": {}}, "minor": minor}],
                minutes_sha256=sha256(b"bien ban").hexdigest(),
                received_on="2026-09-01",
            )
        else:
            world.gift(minor, fund="chung")
    world.open.checkpointer.run()
    world.home.close()
    return path


def test_a_sample_is_committed_drawn_and_taken_home(home: Path, tmp_path: Path) -> None:
    """The seed is secret until the sample is drawn; afterwards anybody has the same list, and papers for it."""
    seed = tmp_path / "hat-giong"
    committed = sovang("audit", "seed", "kt-1", *YEAR, "--hits", 5, "-o", seed, "--json", home=home)
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert committed.said["seed_sha256"] == sha256(bytes.fromhex(seed.read_text())).hexdigest()
    refused(sovang("audit", "seed", "kt-1", *YEAR, "--hits", 5, "-o", seed, home=home), 2, "MISUSE")
    other = tmp_path / "khac"
    refused(sovang("audit", "seed", "kt-1", *YEAR, "--hits", 5, "-o", other, home=home), 1, "ALREADY_EXISTS")
    assert not other.exists()
    refused(sovang("audit", "sample", "kt-1", home=home), 1, "SEED_DIFFERS")
    other.write_text("ab" * 32)
    refused(sovang("audit", "sample", "kt-1", "--seed", other, home=home), 1, "SEED_DIFFERS")
    sample = sovang("audit", "sample", "kt-1", "--seed", seed, "--json", home=home).said
    assert (sample["total_minor"], sample["records"], sum(one["hits"] for one in sample["items"])) == (5_003_000, 3, 5)
    assert 5_000_000 in [one["minor"] for one in sample["items"]]
    assert sovang("audit", "sample", "kt-1", "--json", home=home).said == sample
    opened = Home(home)
    assert drawn(World(opened, opened.open_book(), Clock(), None), "kt-1").to_json() == sample
    opened.close()
    scans, packed = tmp_path / "scan", tmp_path / "giay.zip"
    scans.mkdir()
    (scans / "bb.pdf").write_bytes(b"bien ban")
    papers = sovang("audit", "papers", "kt-1", "-o", packed, "--evidence", scans, "--json", home=home).said
    assert (papers["missing"], papers["records"]) == ([], len(sample["items"]))
    with zipfile.ZipFile(packed) as files:
        names = files.namelist()
        sheet = openpyxl.load_workbook(io.BytesIO(files.read("mau-kt-1.xlsx"))).active
        proof = next(name for name in names if name.endswith(".tlog-proof"))
        (tmp_path / "p.tlog-proof").write_bytes(files.read(proof))
    assert len([name for name in names if name.endswith("/record.json")]) == len(sample["items"])
    assert [name for name in names if name.endswith("minutes_sha256.pdf")]
    assert sheet is not None
    assert "5000000" in {str(cell.value) for row in sheet.iter_rows() for cell in row}
    vkey = json.loads(sovang("checkpoint", "--json", home=home).out)["vkey"]
    assert sovang("check", tmp_path / "p.tlog-proof", "--vkey", vkey, home=home).code == 0
    without = sovang("audit", "papers", "kt-1", "-o", packed, home=home)
    assert (without.code, sha256(b"bien ban").hexdigest()[:16] in without.out) == (0, True)
    refused(sovang("audit", "papers", "kt-1", "-o", packed, "--evidence", seed, home=home), 2, "MISUSE")
    audited(home)


def test_what_is_due_is_shown_and_written_as_a_calendar(home: Path, tmp_path: Path) -> None:
    """A table for people, a document for programs, a file for the phone."""
    sovang("calendar", "use", "D-HUE-2", "--from", YESTERDAY, "--recipient", "Phòng VH-XH", home=home)
    refused(sovang("calendar", "use", "D-KHONG-CO", home=home), 2, "MISUSE")
    listed = {rule["code"]: rule for rule in sovang("calendar", "list", "--json", home=home).said["rules"]}
    assert [listed[code]["in_force"] for code in ("D-HUE-2", "L-3", "D-QN-1")] == [True, True, False]
    file = tmp_path / "han.ics"
    until = YESTERDAY + timedelta(days=400)
    asked = ("deadlines", "--until", until)
    said = sovang(*asked, "--ics", file, "--json", home=home).said
    codes = {one["code"] for one in said["deadlines"]}
    assert {"D-HUE-2", "L-1", "L-3", "L-4"} <= codes
    assert len(icalendar.Calendar.from_ical(file.read_bytes()).walk("VEVENT")) == len(said["deadlines"])
    shown = sovang(*asked, home=home).out
    assert "chưa kiểm chứng" in shown
    assert "Phòng VH-XH" in shown
    audited(home)


def test_a_report_sent_late_is_late_in_the_tray(home: Path) -> None:
    """`sovang new` says it, the report shows it."""
    sent = ("--report", "dot-xuat", "--period", YESTERDAY, "--recipient", "Sở Y tế", "--sha256", SHA)
    due_on = YESTERDAY - timedelta(days=3)
    sovang("new", "report_submitted", *sent, "--submitted_on", YESTERDAY, "--due_on", due_on, home=home)
    rows = sovang("report", "report-tray", "--year", YESTERDAY.year, "--json", home=home).said["rows"]
    (late,) = [row["cells"] for row in rows if row["cells"]["report"] == "dot-xuat"]
    assert (late["days_late"], late["state"]) == (3, "nộp muộn — late")
    audited(home)
