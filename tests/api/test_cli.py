"""The commands through their own entry point: exit codes, the documents others parse, and one line for every error."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import build
from api.cli.session import _kind_of
from api.words import FAILURES, DoorReason, failure
from ledger.entries.union import KINDS
from ledger.home import DEFAULT_CHECKPOINT_SECONDS, DEFAULT_K, Home
from ledger.statements.matching import valid_code
from tests.audits import check_book
from tests.worlds import MINH_TAN, Clock, World

YESTERDAY = date.today() - timedelta(days=2)
DECIDED = ("--decision", "12/QĐ-HĐBT", "--decided-on", YESTERDAY.isoformat())
COMMANDS = (
    *("init", "account open", "import", "record", "new", "suspense", "reverse", "verify", "checkpoint", "prove"),
    *("check", "tiles", "trace", "balances", "search", "receipt", "certificate", "certificates", "serve", "demo"),
    *("bundle", "qr", "witness init", "witness watch", "witness serve", "witness use"),
    *("voucher", "form", "find", "dispute", "consolidate", "report", "export", "load"),
    *("children load", "children list", "children show"),
    *("deadlines", "calendar list", "calendar use", "audit seed", "audit sample", "audit papers"),
    *("propose", "approve", "decline", "correct", "close-month", "hand-over"),
    *("migrate", "bench"),
    *("timestamp add", "timestamp now"),
    *("key passphrase", "key rotate", "key destroy", "backup", "restore", "close"),
)
FOUNDATIONS = [
    {
        "kind": "fund_opened",
        "fund": "sua",
        "name": "Nguồn sữa",
        "source": "gift",
        "restriction": {"activities": [], "classes": [], "communes": []},
        "places": [],
    },
    {
        "kind": "programme_opened",
        "programme": "tre-em",
        "name": "Vì trẻ em",
        "activities": [{"activity": "SUA", "name": "Sữa"}],
        "from_on": "2021-01-01",
        "to_on": "2099-12-31",
    },
    {
        "kind": "communes_listed",
        "programme": "tre-em",
        "communes": [{"commune": MINH_TAN, "name": "Minh Tân", "province": "31"}],
    },
]


@dataclass(frozen=True)
class Ran:
    """One run of a command."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


def sovang(*words: object, home: Path | None = None, stdin: str | bytes | None = None) -> Ran:
    """`sovang …`; whatever the error, it is one line with a reason and never a traceback."""
    options = [] if home is None else ["--home", str(home)]
    environment = {"SOVANG_HOME": None, "SOVANG_DATABASE_URL": None, "SOVANG_DEBUG": None}
    ran = CliRunner(env=environment).invoke(build(), [*map(str, words), *options], input=stdin)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.output
    if told := re.sub(r"(?m)^Bên làm chứng — .*\n", "", ran.stderr):
        assert re.fullmatch(r"sovang: [^\n]*\b[A-Z]+(_[A-Z]+)*\b[^\n]*\n", told), ran.stderr
        assert ran.exit_code in (1, 2, 3)
        assert "[Errno" not in told
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def refused(ran: Ran, code: int, reason: str) -> str:
    """The one line of a run that must fail so."""
    assert (ran.code, reason in ran.err) == (code, True), (ran.code, ran.err, ran.out)
    assert ran.err.count(reason) == 1
    return ran.err


def audited(home: Path) -> None:
    """The full audit of what the commands have made."""
    made = Home(home)
    try:
        check_book(World(made, made.open_book(), Clock(), None))
    finally:
        made.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made by the commands alone: a pledge of record 5 and a statement of record 6, its lines 7, 8, 9."""
    home = tmp_path_factory.mktemp("cli") / "home"
    first = sovang(
        "init", "--book", "hp", "--name", "Quỹ thử", "--k", 12, "--checkpoint-seconds", 30, "--json", home=home
    )
    assert first.code == 0
    assert first.said.keys() >= {"book", "origin", "vkey"}
    opened = sovang("account", "open", "VCB", "--kind", "bank", "--json", home=home)
    assert opened.said == {"account": "bank:VCB", "index": 1}
    lines = "".join(json.dumps(entry) + "\n" for entry in FOUNDATIONS)
    assert sovang("record", "-", "--json", home=home, stdin=lines).said["recorded"] == 3
    donor = ("--donor", "Trần Thị Bình", "--firm", "false", "--pledged_on", YESTERDAY)
    pledged = sovang("new", "pledge_made", "--fund", "sua", "--amount", "500.000", *donor, home=home)
    code = re.search("«SV(.{8})»", pledged.out)
    assert code is not None
    assert valid_code(code[1])
    balance, rows = 0, ["Số tài khoản:,1012345678", "Số dư đầu kỳ:,0", "Ngày giao dịch,Nội dung,Ghi nợ,Ghi có,Số dư"]
    for memo, minor in ((f"SV{code[1]} ung ho", 500_000), ("NGUYEN VAN AN sua", 300_000), ("CHUYEN XA", -100_000)):
        balance += minor
        debit, credit = ("", minor) if minor > 0 else (-minor, "")
        rows.append(f"{YESTERDAY:%d/%m/%Y},{memo},{debit},{credit},{balance}")
    statement = home.parent / "sao-ke.csv"
    statement.write_text("\n".join(rows) + "\n", encoding="utf-8")
    dry = sovang("import", statement, "--account", "VCB", "--dry-run", "--json", home=home)
    assert [row["verdict"] for row in dry.said["rows"]] == ["gift", "suspense", "suspense"]
    imported = sovang("import", statement, "--account", "VCB", "--json", home=home)
    assert {"lines", "recorded", "suspense", "duplicates", "rejected", "opening", "closing", "control"} <= set(
        imported.said
    )
    assert (imported.said["recorded"], imported.said["suspense"], imported.said["closing"]) == (3, 2, 700_000)
    return home


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy to write in; the full audit follows."""
    copied = tmp_path / "home"
    shutil.copytree(told, copied)
    yield copied
    audited(copied)


def test_every_command_has_help_and_no_other_is_there() -> None:
    """A command without a word of help is not found by anybody."""
    names = []
    for name, one in _commands():
        names.append(name)
        assert one.help
        assert sovang(*name.split(), "--help").code == 0
    assert sorted(names) == sorted(COMMANDS)


def _commands() -> list[tuple[str, Any]]:
    from typer.main import get_command

    root: Any = get_command(build())
    found: list[tuple[str, Any]] = []
    for name, one in root.commands.items():
        inner = getattr(one, "commands", None)
        found += [(name, one)] if inner is None else [(f"{name} {sub}", each) for sub, each in inner.items()]
    return found


def test_init_offers_the_defaults_of_the_home() -> None:
    """Two places that say another default would open two kinds of books."""
    defaults = {p.name: p.default for p in dict(_commands())["init"].params}
    assert (defaults["k"], defaults["checkpoint_seconds"]) == (DEFAULT_K, DEFAULT_CHECKPOINT_SECONDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_new_tells_the_fields_of_every_kind(kind: str) -> None:
    """Nobody knows the fields of forty kinds by heart; no home is needed to ask."""
    ran = sovang("new", kind)
    assert (ran.code, KINDS[kind].title[0] in ran.out) == (0, True)
    assert sovang("new", kind, "--json").said.keys() == {"kind", "fields"}


def test_new_marks_what_is_needed_and_shows_today() -> None:
    """A field left out that was said to be optional is a refusal nobody understands."""
    needed = {
        line.split()[0]: "needed" in line for line in sovang("new", "pledge_made").out.splitlines() if "│" in line
    }
    assert (needed["--pledge"], needed["--fund"]) == (False, True)
    assert re.search(r"--envelopes .*needed", sovang("new", "cash_sheet_received").out)
    shown = re.search(r"20\d\d-\d\d-\d\d", sovang("new", "delivered").out)
    assert shown is not None
    assert abs(date.fromisoformat(shown[0]) - date.today()) < timedelta(days=2)  # the book's zone is not this machine's
    assert set(sovang("new", "list", "--json").said["kinds"]) == set(KINDS)


def test_record_takes_good_lines_and_names_bad_ones(home: Path) -> None:
    """One bad line in a file of hundreds must neither stop the others nor be lost."""
    good = {"kind": "fund_opened", "fund": "ao", "name": "Áo ấm", "source": "gift", "places": []}
    good["restriction"] = {"activities": [], "classes": [], "communes": []}
    stdin = b"\n".join(
        [
            json.dumps({"entry": good, "reference": "ao"}).encode(),
            b"{not json",
            b"\xff\xfe",
            b'{"kind":"no_such"}',
            b"",
            json.dumps({**good, "fund": "ao-2"}).encode(),
        ]
    )
    ran = sovang("record", "-", "--json", home=home, stdin=stdin)
    assert ran.code == 1
    results = ran.said["results"]
    assert [result["line"] for result in results] == [1, 2, 3, 4, 6]
    assert [result.get("reason") for result in results] == [None, "MALFORMED", "MALFORMED", "UNKNOWN_KIND", None]
    assert all({"index", "leaf_hash"} <= result.keys() for result in results if "reason" not in result)
    assert (ran.said["recorded"], ran.said["refused"]) == (2, 3)
    assert sovang("record", "-", home=home, stdin=json.dumps({"entry": good, "reference": "ao"})).code == 0


def test_suspense_shows_what_a_person_recognises(home: Path) -> None:
    """A bare key and a number tell an accountant nothing."""
    rows = sovang("suspense", "--json", home=home).said["waiting"]
    assert [set(row) for row in rows] == [{"line", "day", "minor", "unit", "memo", "sender", "place", "index"}] * 2
    assert [(row["memo"], row["minor"], row["day"]) for row in rows] == [
        ("NGUYEN VAN AN sua", 300_000, YESTERDAY.isoformat()),
        ("CHUYEN XA", -100_000, YESTERDAY.isoformat()),
    ]
    shown = sovang("suspense", home=home).out
    assert "300.000 ₫" in shown
    assert "-100.000 ₫" in shown
    for line in (rows[0]["line"], rows[1]["line"], rows[1]["index"]):
        none = sovang("suspense", line, home=home)
        assert (none.code, "no suggestions" in none.out) == (0, True)
        assert sovang("suspense", line, "--json", home=home).said == {"suggestions": []}
    refused(sovang("suspense", "0" * 32 + "-0", home=home), 1, "NO_SUCH_LINE")
    pledge = ("--fund", "sua", "--amount", "300000", "--firm", "false", "--pledged_on", YESTERDAY)
    assert sovang("new", "pledge_made", *pledge, "--donor", "Nguyễn Văn An", home=home).code == 0
    (found,) = sovang("suspense", rows[0]["line"], "--json", home=home).said["suggestions"]
    assert (found["what"], found["name"], found["unit"]) == ("pledge", "Nguyễn Văn An", "VND")
    assert f"--donor same_as:{found['same_as']}" in sovang("suspense", rows[0]["line"], home=home).out


def test_a_pledge_has_the_code_of_the_book(home: Path) -> None:
    """The code is what the donor writes; sent again, the answer is the code of the first time."""
    words = ("new", "pledge_made", "--fund", "sua", "--amount", "1000", "--donor", "A", "--firm", "true")
    asked = (*words, "--pledged_on", YESTERDAY, "--reference", "p1", "--json")
    first, again = sovang(*asked, home=home).said, sovang(*asked, home=home).said
    assert valid_code(first["pledge"])
    assert (again["pledge"], again["repeated"]) == (first["pledge"], True)
    wrong = sovang(*words, "--pledged_on", YESTERDAY, "--pledge", "K7M4X2PQ", home=home)
    assert "[pledge]" in refused(wrong, 1, "MALFORMED")


def test_a_reversal_is_built_from_the_record(home: Path) -> None:
    """Copied by hand, a hash or a posting is soon wrong; the line waits again, and a reversal can be undone."""
    ran = sovang("reverse", 7, "--why", "Ghi nhầm nguồn", "--json", home=home)
    assert ran.code == 0
    assert (ran.said["reversed"], ran.said["index"], "leaf_hash" in ran.said) == (7, 10, True)
    waits = sovang("suspense", "--json", home=home).said["waiting"]
    assert [(row["line"], row["memo"][:2]) for row in waits if row["index"] == 7] == [(ran.said["line"], "SV")]
    assert "reversed by record 10" in sovang("trace", 7, home=home).out
    refused(sovang("reverse", 7, "--why", "Lần nữa", home=home), 1, "ALREADY_REVERSED")
    refused(sovang("reverse", 8, "--why", "Dòng chờ", home=home), 1, "NOT_REVERSIBLE")
    refused(sovang("reverse", 0, "--why", "Không có tiền", home=home), 1, "NOT_REVERSIBLE")
    refused(sovang("reverse", 99, "--why", "Không có", home=home), 1, "NO_SUCH_RECORD")
    refused(sovang("reverse", -1, "--why", "Không có", home=home), 2, "MISUSE")
    refused(sovang("reverse", 7, home=home), 2, "MISUSE")
    assert "reversed by" in sovang("reverse", 10, "--why", "Đảo nhầm", "--on", date.today(), home=home).out


def test_papers_are_given_once_and_checked_offline(home: Path, tmp_path: Path) -> None:
    """Two papers for one gift, or a paper that does not check, is the end of trust."""
    folder = tmp_path / "giay"
    for words in ((), ("--all",), ("--all", "--decision", "1")):
        assert sovang("certificates", *words, "-o", folder, home=home).code == 2
    assert "--decided-on" in refused(sovang("certificates", "--all", home=home), 2, "MISUSE")
    assert not folder.exists()
    size = sovang("checkpoint", "--json", home=home).said["size"]
    made = sovang("certificates", "--all", *DECIDED, "-o", folder, "--json", home=home)
    assert (made.code, made.said["refused"]) == (0, [])
    (paper,) = made.said["certificates"]
    assert paper.keys() == {"path", "sha256", "index"}
    assert sovang("checkpoint", "--json", home=home).said["size"] == size + 1
    assert sovang("certificates", "--all", *DECIDED, "--json", home=home).said["certificates"] == []
    again = sovang("certificate", 7, "-o", tmp_path / "lai.pdf", "--json", home=home).said
    assert again["sha256"] == paper["sha256"]
    assert sovang("receipt", 7, "-o", tmp_path / "xn.pdf", "--json", home=home).said["index"] > paper["index"]
    vkey = sovang("checkpoint", "--json", home=home).said["vkey"]
    for given in (("--home", home), ("--vkey", vkey)):
        checked = sovang("check", paper["path"], "--json", *given)
        assert (checked.code, checked.said["ok"], checked.said["index"]) == (0, True, paper["index"])
        assert checked.said["findings"] == []
    refused(sovang("certificate", 7_000, *DECIDED, home=home), 1, "NOT_CHECKPOINTED")
    refused(sovang("certificate", 1, *DECIDED, "-o", tmp_path, home=home), 1, "NOT_A_GIFT")


def test_refused_certificates_are_told_in_words(home: Path, tmp_path: Path) -> None:
    """A gift that was taken back gets no paper, and the list says why."""
    assert sovang("reverse", 7, "--why", "Ghi nhầm nguồn", home=home).code == 0
    ran = sovang("certificates", "--all", *DECIDED, "-o", tmp_path / "giay", "--json", home=home)
    (no,) = ran.said["refused"]
    assert (ran.code, no["gift"], no["reason"]) == (1, 7, "GIFT_TAKEN_BACK")
    assert "hoàn trả" in no["message"]
    assert not (tmp_path / "giay").exists()


def test_questions_answer_with_their_documents(told: Path) -> None:
    """Others parse these keys."""
    assert sovang("balances", "--json", home=told).said["balances"]
    assert sovang("balances", "--at", 6, "--json", home=told).said["at"] == 6
    one = sovang("balances", "--account", "donors", "--at", 9, "--json", home=told).said["balances"]
    assert {row["account"] for row in one} <= {"donors"}
    assert sovang("balances", "--on", YESTERDAY, "--json", home=told).code == 0
    refused(sovang("balances", "--at", 6, "--on", YESTERDAY, home=told), 2, "MISUSE")
    refused(sovang("balances", "--at", 600, home=told), 1, "NO_SUCH_RECORD")
    assert [hit["index"] for hit in sovang("search", "nguyen", "van", "an", "--json", home=told).said["hits"]] == [8]
    assert sovang("trace", 7, "--json", home=told).said["gift"] == 7
    assert "không chuyển tiền" in sovang("trace", 0, home=told).out
    assert "chưa có tiền của khoản ủng hộ nào" in sovang("trace", 8, home=told).out
    refused(sovang("trace", 600, home=told), 1, "NO_SUCH_RECORD")
    assert sovang("migrate", "--json", home=told).said.keys() == {"revision"}


def test_the_audit_has_three_headlines(told: Path, tmp_path: Path) -> None:
    """Whole with open matters is not broken, and broken is not a matter to be looked at some day."""
    whole = sovang("verify", "--database", "--json", home=told)
    keys = {"ok", "size", "root", "findings", "cannot_exclude", "tables", "seconds", "states"}
    assert (whole.code, whole.said["ok"], keys <= whole.said.keys()) == (0, True, True)
    assert sovang("verify", home=told).out.startswith("SỔ NGUYÊN VẸN — ")
    still_open, broken = tmp_path / "open", tmp_path / "broken"
    shutil.copytree(told, still_open)
    out = ("--donor", "X", "--fund", "sua", "--amount", "1", "--place", "bank:VCB", "--received_on", YESTERDAY)
    assert sovang("new", "gift_received", *out, home=still_open).code == 0
    fee = ("--fund", "sua", "--amount", "9.000.000", "--place", "bank:VCB", "--charged_on", YESTERDAY)
    assert sovang("new", "bank_fee_charged", *fee, home=still_open).code == 0
    ran = sovang("verify", home=still_open)
    assert (ran.code, ran.out.startswith("SỔ NGUYÊN VẸN, CÒN VIỆC MỞ — ")) == (1, True), ran.out
    shutil.copytree(told, broken)
    (broken / "keys/hp/log.key").write_bytes(_other_key(tmp_path))
    ran = sovang("verify", home=broken)
    assert (ran.code, ran.out.startswith("SỔ BỊ SAI LỆCH — ")) == (1, True), ran.out


def _other_key(tmp_path: Path) -> bytes:
    other = tmp_path / "other"
    assert sovang("init", "--book", "hp", "--name", "Khác", home=other).code == 0
    return (other / "keys/hp/log.key").read_bytes()


def test_the_published_log_is_checked_with_the_pinned_key_alone(told: Path, tmp_path: Path) -> None:
    """What an outsider does: a damaged, missing or foreign log is told in one line."""
    tiles, saved = tmp_path / "tiles", tmp_path / "moc"
    made = sovang("tiles", tiles, "--json", home=told).said
    assert made["vkey"] in sovang("tiles", tiles, home=told).out
    saved.write_text(sovang("checkpoint", home=told).out)
    good = sovang("verify", "--tiles", tiles, "--vkey", made["vkey"], "--since", saved, "--json")
    assert (good.code, good.said["ok"], good.said["size"]) == (0, True, made["size"])
    other = Home(tmp_path / "b")
    try:
        vkey = other.create_book("hp", "Khác", by="x").vkey.vkey
    finally:
        other.close()
    assert sovang("verify", "--tiles", tiles, "--vkey", vkey).code == 1
    refused(sovang("verify", "--tiles", tiles, "--vkey", "khong+phai+khoa"), 1, "NOTE_REJECTED")
    refused(sovang("verify", "--tiles", tiles, "--vkey", "x" * 5000), 1, "NOTE_REJECTED")
    refused(sovang("verify", "--tiles", tiles), 2, "MISUSE")
    refused(sovang("verify", "--tiles", tmp_path / "none", "--vkey", vkey), 3, "SOURCE_UNAVAILABLE")
    refused(sovang("verify", "--since", tmp_path / "none", home=told), 3, "FILE_UNREADABLE")
    bundle = next(path for path in (tiles / "tile/entries").rglob("*") if path.is_file())
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"!")
    damaged = sovang("verify", "--tiles", tiles, "--vkey", made["vkey"])
    assert (damaged.code, damaged.out.startswith("SỔ BỊ SAI LỆCH")) == (1, True)


def test_a_proof_is_checked_and_a_damaged_one_is_not(told: Path, tmp_path: Path) -> None:
    """A checker that stops with a traceback is taken for a proof that failed, or worse for one that held."""
    proof = tmp_path / "7.tlog-proof"
    assert sovang("prove", 7, "-o", proof, "--json", home=told).said == {"path": str(proof), "index": 7}
    checked = sovang("check", proof, "--json", home=told)
    assert (checked.code, checked.said["ok"], checked.said["index"], checked.said["findings"]) == (0, True, 7, [])
    refused(sovang("prove", 700, home=told), 1, "NO_SUCH_RECORD")
    refused(sovang("check", proof, home=tmp_path / "none"), 2, "MISUSE")
    whole = proof.read_bytes()
    for damaged in (b"", b"\xff\xfe\x00", whole[:-5], whole[: len(whole) // 2], b"%PDF-1.7\n%%EOF", b"%PDF-\x00\xff"):
        proof.write_bytes(damaged)
        assert sovang("check", proof, home=told).code == 1


def test_a_bundle_and_a_qr_code_are_written_and_their_checks_answer(told: Path, tmp_path: Path) -> None:
    """What a donor takes home, in each form, and what is said of it."""
    gift, bundle = 7, tmp_path / "7.sovang-bundle"
    said = sovang("bundle", gift, "-o", bundle, "--json", home=told).said
    whole = bundle.read_bytes()
    assert said == {"path": str(bundle), "index": gift, "part": None, "bytes": len(whole)}
    checked = sovang("check", bundle, "--json", home=told)
    assert (checked.code, checked.said["ok"], checked.said["index"], checked.said["name"]) == (0, True, gift, None)
    assert "còn giữ / held" in sovang("check", bundle, home=told).out
    bundle.write_bytes(whole.replace(b'"refunded_minor":0', b'"refunded_minor":1'))
    false = sovang("check", bundle, home=told)
    assert (false.code, "SUM_DIFFERS" in false.out + false.err) == (1, True)
    assert sovang("bundle", gift, "-o", bundle, "--name", home=told).code == 0
    assert sovang("check", bundle, "--json", home=told).said["name"]
    for form, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("txt", b"SV1:")):
        code = tmp_path / f"7.{form}"
        assert sovang("qr", gift, "-o", code, "--json", home=told).said["index"] == gift
        assert code.read_bytes().startswith(start)
    assert sovang("check", code, "--json", home=told).said["index"] == gift
    code.write_bytes(code.read_bytes()[:-1])
    assert sovang("check", code, home=told).code == 1
    refused(sovang("qr", gift, "-o", tmp_path / "7.gif", home=told), 2, "MISUSE")
    refused(sovang("bundle", 0, home=told), 1, "NOT_A_GIFT")
    refused(sovang("bundle", 700, home=told), 1, "NO_SUCH_RECORD")


def test_a_file_that_cannot_be_read_is_one_line(told: Path, tmp_path: Path) -> None:
    """The commonest slip of all."""
    none = tmp_path / "không có.csv"
    refused(sovang("import", none, "--account", "VCB", home=told), 1, "FILE_UNREADABLE")
    refused(sovang("record", none, home=told), 3, "FILE_UNREADABLE")
    refused(sovang("record", tmp_path, home=told), 3, "FILE_UNREADABLE")
    refused(sovang("check", none, home=told), 3, "FILE_UNREADABLE")
    refused(sovang("check", tmp_path, home=told), 3, "FILE_UNREADABLE")
    refused(sovang("prove", 7, "-o", none / "x", home=told), 3, "FILE_UNREADABLE")


NEEDING_A_HOME = (
    ("suspense",),
    ("balances",),
    ("trace", "0"),
    ("search", "x"),
    ("verify",),
    ("checkpoint",),
    ("prove", "0"),
    ("bundle", "0"),
    ("qr", "0"),
    ("tiles", "t"),
    ("receipt", "0"),
    ("certificate", "0"),
    ("certificates", "--all", *DECIDED),
    ("reverse", "0", "--why", "x"),
    ("account", "open", "X", "--kind", "cash"),
    ("new", "fund_opened", "--fund", "x"),
    ("migrate",),
)


@pytest.mark.parametrize("words", NEEDING_A_HOME, ids=" ".join)
def test_a_missing_home_is_told_and_not_made(words: tuple[str, ...], tmp_path: Path) -> None:
    """A mistyped folder that is quietly made looks like a book whose records are gone."""
    ran = sovang(*words, "--json", home=tmp_path / "none")
    assert "Không có sổ ở thư mục này" in refused(ran, 3, "HOME_MISSING")
    assert (ran.said["ok"], ran.said["reason"]) == (False, "HOME_MISSING")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("no-such",),
        ("verify", "--no-such"),
        ("trace", "seven"),
        ("trace",),
        ("balances", "--on", "05/09/2026"),
        ("search", "x", "--limit", "0"),
        ("account", "open", "X", "--kind", "barn"),
        ("account", "no-such"),
        ("bench", "no-such"),
        ("serve", "--host", "0.0.0.0"),
        ("demo", "--no-serve"),
    ],
    ids=" ".join,
)
def test_misuse_is_one_line_and_exit_code_two(words: tuple[str, ...], told: Path) -> None:
    """A script tells a slip of the pen from a refusal by the code."""
    at = None if words == ("no-such",) or (words[-1] == "no-such" and words[0] == "account") else told
    ran = sovang(*words, "--json", home=at)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert ran.said["reason"] in ("MISUSE", "SERVE_REFUSED")


def test_refusals_end_with_one(told: Path) -> None:
    """The reason is stable, the field is named."""
    refused(sovang("new", "no_such", "--x", "1", home=told), 1, "UNKNOWN_KIND")
    assert "[colour]" in refused(sovang("new", "fund_opened", "--colour", "red", home=told), 1, "MALFORMED")
    assert "[amount]" in refused(sovang("new", "pledge_made", "--amount", "nhiều", home=told), 1, "MALFORMED")
    refused(sovang("suspense", "--book", "khac", home=told), 1, "BOOK_NOT_OPEN")
    refused(sovang("init", "--book", "hp", "--name", "X", home=told), 1, "ALREADY_EXISTS")
    refused(sovang("account", "open", "VCB", "--kind", "bank", home=told), 1, "ALREADY_EXISTS")
    none = ("--fund", "khong", "--amount", "1", "--donor", "X", "--firm", "true", "--pledged_on", YESTERDAY)
    refused(sovang("new", "pledge_made", *none, home=told), 1, "NO_SUCH_FUND")


def test_a_signer_that_refuses_does_not_hide_the_record(told: Path, tmp_path: Path) -> None:
    """Told that it failed, a person would record the same money twice."""
    home = tmp_path / "home"
    shutil.copytree(told, home)
    memory = (home / "keys/hp/signer.json").read_bytes()
    (home / "keys/hp/signer.json").unlink()
    ran = sovang("account", "open", "TM", "--kind", "cash", "--json", home=home)
    assert (ran.code, ran.said["account"], "NO_STATE" in ran.said["unsigned"]) == (1, "cash:TM", True)
    assert "Khóa ký từ chối" in refused(sovang("checkpoint", home=home), 1, "SIGNER_REFUSED")
    (home / "keys/hp/signer.json").write_bytes(memory)
    audited(home)


def test_every_failure_has_its_words() -> None:
    """Vietnamese first, then English, then what the library said."""
    for reason in (*FAILURES, *(r for r in DoorReason if r in ("STORE_UNAVAILABLE", "COMMIT_UNKNOWN", "SCHEMA_OLD"))):
        vietnamese, english, detail = failure(reason, "chi tiết").split(" — ")
        assert not vietnamese.isascii()
        assert english.isascii()
        assert detail == "chi tiết"
    assert _kind_of(RuntimeError("x")) == (3, "UNEXPECTED")


def test_the_script_itself_fails_in_one_line_on_any_terminal(tmp_path: Path) -> None:
    """The installed program, on a terminal that knows no Vietnamese."""
    script = Path(sys.executable).with_name("sovang")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOVANG_")}
    environment["PYTHONIOENCODING"] = "ascii"
    for words, code in ((["verify"], 3), (["verify", "--nope"], 2)):
        ran = subprocess.run(
            [script, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (code, "", 1)
        assert "Traceback" not in ran.stderr


def test_the_book_told_by_the_commands_is_whole(told: Path) -> None:
    """Whatever the tests above have tried on it was refused or only asked."""
    audited(told)
