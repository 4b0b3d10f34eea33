"""`sovang new` for hands: lines by their record, papers by their file, leaf hashes and the head read from the book."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.api.test_cli import refused, sovang
from tests.audits import check_book
from tests.worlds import World


@pytest.fixture
def home(sqlite_world: World, tmp_path: Path) -> Path:
    """A book with a statement of two lines in suspense, its records 11 and 12."""
    rows = ("Số tài khoản:,0031000123456", "Số dư đầu kỳ:,0", "Ngày giao dịch,Nội dung,Ghi nợ,Ghi có,Số dư")
    lines = ("28/08/2026,NGUYEN VAN AN,,700000,700000", "29/08/2026,PHI,20000,,680000")
    (tmp_path / "sao-ke.csv").write_text("\n".join((*rows, *lines)) + "\n", encoding="utf-8")
    path = sqlite_world.home.path
    assert sovang("import", tmp_path / "sao-ke.csv", "--account", "VCB", home=path).code == 0
    waiting = sovang("suspense", "--json", home=path).said["waiting"]
    assert [row["index"] for row in waiting] == [11, 12]
    return path


def test_a_line_is_named_by_its_record(home: Path, sqlite_world: World) -> None:
    """Nobody types a line's 34 characters without a mistake; the number beside it is enough, whole or in part."""
    gift = ("new", "gift_received", "--place", "bank:VCB", "--fund", "sua", "--received_on", "2026-08-28")
    first = sovang(*gift, "--amount", "300.000", "--donor", "Nguyễn Văn An", "--parts", "11:300000", home=home)
    assert first.code == 0, first.err
    rest = sovang(*gift, "--amount", "400.000", "--donor", "same_as:13", "--parts", "11", home=home)
    assert rest.code == 0, rest.err
    fee = ("new", "bank_fee_charged", "--place", "bank:VCB", "--fund", "sua", "--charged_on", "2026-08-29")
    assert sovang(*fee, "--amount", "20.000", "--parts", "12", home=home).code == 0
    assert sovang("suspense", "--json", home=home).said["waiting"] == []
    refused(sovang(*gift, "--amount", "1", "--donor", "An", "--parts", "11", home=home), 1, "NO_SUCH_LINE")
    refused(sovang(*gift, "--amount", "1", "--donor", "An", "--parts", "x", home=home), 1, "MALFORMED")
    assert sqlite_world.balance("fund:sua") == 680_000
    sovang("checkpoint", home=home)
    check_book(sqlite_world)


def test_papers_leaves_and_the_head_are_filled_in(home: Path, sqlite_world: World, tmp_path: Path) -> None:
    """Hashes are the machine's work: the paper's, an earlier record's, the book's own."""
    paper = tmp_path / "bao-cao.pdf"
    paper.write_bytes(b"%PDF")
    sent = ("--report", "L-1", "--period", "2025", "--recipient", "Sở", "--submitted_on", "2026-09-01")
    assert sovang("new", "report_submitted", *sent, "--sha256", f"@{paper}", home=home).code == 0
    taken = sovang("new", "report_acknowledged", "--submitted", 13, "--acknowledged_on", "2026-09-01", home=home)
    assert taken.code == 0, taken.err
    opened = ("new", "year_opened", "--year", 2026, "--closing", 0, "--opened_on", "2026-09-01")
    assert sovang(*opened, home=home).code == 0
    missing = sovang("new", "report_acknowledged", "--submitted", 99, "--acknowledged_on", "2026-09-01", home=home)
    refused(missing, 1, "NO_SUCH_RECORD")
    assert sovang("new", "report_submitted", *sent, "--sha256", f"@{paper}.no", home=home).code == 3
    assert sha256(b"%PDF").hexdigest().encode() in _body(sqlite_world, 13)
    sovang("checkpoint", home=home)
    check_book(sqlite_world)


def test_new_proposes_with_the_same_words(home: Path, sqlite_world: World) -> None:
    """What needs a second person is written once: the same command, and one word more."""
    words = ("new", "role_granted", "--actor", "thu-quy", "--role", "thu-quy", "--granted_on", "2026-09-01")
    proposed = sovang(*words, "--propose", "--json", "--as", "ke-toan", home=home)
    assert proposed.code == 0, proposed.err
    refused(sovang("approve", proposed.said["index"], "--as", "ke-toan", home=home), 1, "NOT_AN_APPROVER")
    done = sovang("approve", proposed.said["index"], "--json", "--as", "chu-tich", home=home).said
    assert b'"role_granted"' in _body(sqlite_world, done["index"])
    sovang("checkpoint", home=home)
    check_book(sqlite_world)


def _body(world: World, index: int) -> bytes:
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    return body
