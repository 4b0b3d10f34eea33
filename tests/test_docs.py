"""What the documents say is true: the tour runs, the tables come from the program, the examples compute.

A stranger writes a verifier from docs/format.md and an accountant types what the guide shows; neither can ask us.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from api.words import DoorReason
from audit.checks_bundle import BundleReason
from audit.consolidate import GrantKind, LeftOut
from audit.findings import FindingKind
from ledger.entries.union import KINDS
from ledger.record import decode, leaf_of
from ledger.refusals import Reason
from ledger.statements.matching import valid_code
from ledger.vault.seal import commitment

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RECORDS = ROOT / "tests/golden/records"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("make_format", DOCS / "make_format.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_format"] = module
    spec.loader.exec_module(module)
    return module


make_format = _loaded()


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def shell_blocks(path: Path) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_what_the_guides_tell_people_to_type_works(tmp_path: Path) -> None:
    """The first thing a newcomer does is to copy these lines; the accountant's reversal goes on from there."""
    blocks = shell_blocks(ROOT / "README.md") + shell_blocks(DOCS / "accountant.md")
    assert len(blocks) == 2
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOVANG_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # A command starts twice as fast when its modules are compiled once.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "compiled")
    environment["LC_ALL"] = "C.UTF-8"
    folder = tmp_path / "empty"
    folder.mkdir()
    check = "sovang verify --database --since moc-niem-phong --json > kiem-tra.json"
    script = "\n".join(["set -euo pipefail", *blocks, check])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    report = json.loads((folder / "kiem-tra.json").read_text())
    # The tour's sixteen records and the reversal.
    assert (report["ok"], report["size"]) == (True, 17)
    for said in (
        "SỔ NGUYÊN VẸN",
        "ĐÚNG — genuine",
        "Trần Thị Bình",
        "khớp cam kết / matched 1",
        "đã dùng / used 500.000 ₫",
    ):
        assert said in ran.stdout


def test_what_the_operator_is_told_to_do_works(tmp_path: Path) -> None:
    """Passphrase, new key, backup, loss, restore, the end: read for the first time on a bad day, it must be right."""
    blocks = shell_blocks(DOCS / "operator.md")
    assert len(blocks) == 5
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOVANG_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment["LC_ALL"] = "C.UTF-8"
    script = "\n".join(["set -euo pipefail", *blocks, "sovang verify --json > kiem-tra.json"])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ROLLED_BACK" in ran.stderr
    # Opened, an account, the key replaced, another account lost and put back, that said, closed.
    report = json.loads((tmp_path / "so/kiem-tra.json").read_text())
    assert (report["ok"], report["size"]) == (True, 6)


@pytest.mark.parametrize("document", sorted({file for file, _ in make_format.PARTS.values()}))
def test_generated_tables_are_of_this_program(document: str) -> None:
    """A field, reason, finding or command that the documents do not know would be a secret."""
    stale = make_format.renewed(document, text_of(document)) != text_of(document)
    assert not stale, "run: .venv/bin/python docs/make_format.py"


def test_every_reason_finding_and_kind_stands_in_its_page() -> None:
    """The generated tables leave nothing out, and the parts written by hand name nothing that does not exist."""
    assert {f"`{reason}`" for reason in Reason} <= set(re.findall(r"`[A-Z_]+`", text_of("accountant.md")))
    assert {f"`{kind}`" for kind in FindingKind} <= set(re.findall(r"`[A-Z_]+`", text_of("auditor.md")))
    assert {f"`{why}`" for why in (*LeftOut, *GrantKind)} <= set(re.findall(r"`[A-Z_]+`", text_of("department.md")))
    assert set(re.findall(r"^#### `(\w+)`", text_of("format.md"), re.MULTILINE)) == set(KINDS)
    known = {*Reason, *FindingKind, "GET", "COMMIT_UNKNOWN", "SCHEMA_OLD", "SOVANG_HOME", "SOVANG_DATABASE_URL"}
    known |= {
        *get_args(BundleReason),
        *LeftOut,
        *GrantKind,
        *DoorReason,
        "NOTHING_LOST",
        "RECORD_DIFFERS",
        "NO_STATE",
        "NO_KEY",
        "KEY_LOCKED",
        "PASSPHRASE_WRONG",
        "LINK_DIFFERS",
        "ROW_WITHOUT_MAC",
        "PATH",
        "VND",
        "FILE",
        "KIND",
        "MALFORMED",
    }
    arguments = set(re.findall(r"\[?([A-Z]+)\]?", " ".join(re.findall(r"^### `(.*)`", text_of("commands.md"), re.M))))
    for page in PAGES:
        named = set(re.findall(r"`([A-Z][A-Z_]{2,})`", page.read_text(encoding="utf-8")))
        assert named <= known | arguments, page


def test_every_command_and_option_stands_in_the_contract() -> None:
    """People and scripts rely on the contract; it names all of the program, and the guides no more than that."""
    contract = text_of("commands.md")
    names = {name for name, _ in make_format.all_commands()}
    assert set(re.findall(r"^### `sovang ([a-z -]+[a-z])", contract, re.MULTILINE)) == names
    options = {option for _, command in make_format.all_commands() for p in command.params for option in p.opts}
    assert {option for option in options if option.startswith("-") and f"`{option}`" not in contract} <= {"--help"}
    first = {name.partition(" ")[0] for name in names}
    for page in PAGES:
        told = re.findall(r"(?:^ *|`|\$\()sovang ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(told) <= first, page


def test_links_lead_somewhere() -> None:
    """A guide that points into the void is a guide nobody has read."""
    for page in PAGES:
        said = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", said):
            if "://" not in target:
                path = urllib.parse.unquote(target.partition("#")[0])
                assert (page.parent / path).exists(), f"{page.name}: {target}"


def test_files_named_in_the_architecture_exist() -> None:
    """The path of one gift is followed file by file."""
    for page in PAGES:
        for name in re.findall(
            r"`((?:api|audit|certificates|docs|ledger|tests)/[\w/]+\.\w+)`", page.read_text("utf-8")
        ):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_decisions_are_numbered_once() -> None:
    """A number is how a decision is cited."""
    numbers = [path.name[:4] for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert len(numbers) == len(set(numbers))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_the_worked_record_and_commitment_are_true() -> None:
    """A stranger's verifier is tried on these bytes first."""
    shown = text_of("format.md").splitlines()
    body = (RECORDS / "gift_received.json").read_bytes()
    assert f"    {body.decode()}" in shown
    assert decode(body).entry.kind == "gift_received"
    assert f"    {leaf_of(body).hex()}" in shown
    assert f"The example, {len(body)} bytes (shown here in one line, without a line end):" in shown
    sealed = commitment(bytes(range(32)), bytes(range(16)).hex(), "name", "Nguyễn Văn An")
    assert f"    {sealed}" in shown


def test_pledge_codes_shown_to_accountants_are_codes() -> None:
    """A code whose check character is wrong is never matched."""
    for page in (ROOT / "README.md", DOCS / "accountant.md"):
        codes = re.findall(r"(?:--pledge |\"pledge\":\"|\bSV)([2-9A-HJ-NP-Z]{8})\b", page.read_text(encoding="utf-8"))
        assert codes
        assert all(valid_code(code) for code in codes)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_formula_of_a_kind_gives_its_postings(kind: str) -> None:
    """The formulas are all that a stranger has: read as the page says, they give the postings of golden records."""
    bodies = [*RECORDS.glob(f"{kind}.json")]
    stories = [path.read_bytes().splitlines() for path in RECORDS.parent.glob("book-*/bodies.jsonl")]
    records = [json.loads(path.read_bytes()) for path in bodies] + [json.loads(b) for story in stories for b in story]
    tried = [record for record in records if record["entry"]["kind"] == kind]
    assert tried
    for record in tried:
        said = [(p["amount"]["minor"], p["amount"]["unit"], p["source"], p["destination"]) for p in record["postings"]]
        assert postings_of(record["entry"], formulas_in_the_page()[kind]) == said


def formulas_in_the_page() -> dict[str, list[str]]:
    """kind → its lines under «Postings:»."""
    sections = re.split(
        r"^#### `(\w+)`.*$", text_of("format.md").partition("<!-- end kinds -->")[0], flags=re.MULTILINE
    )
    found: dict[str, list[str]] = {}
    for kind, section in zip(sections[1::2], sections[2::2], strict=True):
        _, _, below = section.partition("Postings:\n")
        found[kind] = [line.strip() for line in below.splitlines() if line.startswith("    ")]
    return found


Moved = tuple[int, str, str, str]


def postings_of(entry: dict[str, Any], formulas: list[str]) -> list[Moved]:
    """The postings by docs/format.md, «Every kind of entry», from nothing but the entry's JSON."""
    parts = entry.get("parts", [])
    unit = entry.get("amount", entry.get("credited", {})).get("unit", "")
    first: list[Moved] = []
    rest: list[Moved] = []

    for formula in formulas:
        way, _, said = formula.partition(" ")
        if way in ("in", "out"):
            amount, _, other = said.partition(": ")
            minor, other = entry[amount]["minor"], _filled(other, entry, {})
            if not parts:
                place = entry["place"]
                rest.append((minor, unit, other, place) if way == "in" else (minor, unit, place, other))
                continue
            for part in parts:
                ends = (f"suspense:{part['line']}", "senders")
                first.append((part["minor"], unit, *(ends if way == "in" else reversed(ends))))
            if other != "outside":
                rest.append((minor, unit, *((other, "outside") if way == "in" else ("outside", other))))
        elif way == "back":
            rest += [(p["amount"]["minor"], p["amount"]["unit"], p["destination"], p["source"]) for p in entry[said]]
        elif way == "each":
            name, _, moves = said.partition(", ")
            name, _, having = name.partition(" with ")
            for item in (item for item in entry.get(name, []) if not having or having in item):
                for move in moves.split("; "):
                    rest += _moved(move, entry, item, unit)
        elif way == "if":
            condition, _, move = said.partition(", ")
            value = _looked_up(condition.removeprefix("not "), entry, {})
            if value is not None and bool(value) is not condition.startswith("not "):
                rest += _moved(move, entry, {}, unit)
        else:
            rest += _moved(formula, entry, {}, unit)
    return first + rest


def _moved(move: str, entry: dict[str, Any], item: dict[str, Any], unit: str) -> Iterator[Moved]:
    short = move.startswith("short ")
    amount, _, ends = move.removeprefix("short ").partition(": ")
    source, destination = (_filled(end, entry, item) for end in ends.split(" → "))
    name, _, unit_field = amount.partition(" ")
    value = _looked_up(name, entry, item)
    minor, unit = (value["minor"], value["unit"]) if isinstance(value, dict) else (value, unit)
    if unit_field:
        unit = _looked_up(unit_field, entry, item)
    missing = entry.get("shortfall") if short else None
    if missing is None:
        yield minor, unit, source, destination
        return
    if minor > missing["minor"]:
        yield minor - missing["minor"], unit, source, destination
    yield missing["minor"], unit, f"shortfall:{missing['fund']}", destination


def _filled(template: str, entry: dict[str, Any], item: dict[str, Any]) -> str:
    return re.sub(r"\{([\w.]+)\}", lambda found: str(_looked_up(found[1], entry, item)), template)


def _looked_up(path: str, entry: dict[str, Any], item: dict[str, Any]) -> Any:
    """The value at a dotted path, of the item first; None when it is not there."""
    for begin in (item, entry):
        value: Any = begin
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def test_pages_speak_to_their_readers() -> None:
    """Guides for the accountant and the donor begin in Vietnamese, with English under each heading."""
    for page in ("accountant.md", "donor.md"):
        headings = re.findall(r"^## .*\n\n(.*)$", text_of(page), re.MULTILINE)
        assert headings
        assert all(line.startswith("*") for line in headings), page


def test_no_page_speaks_of_how_it_was_made() -> None:
    """The documents are about the product; the working material beside the repository is nobody's business."""
    for page in PAGES:
        said = page.read_text(encoding="utf-8")
        assert not re.search(r"/[w]ork/|DESIGN\.md|STYLE\.md|DESIGN \d|\bTODO\b|\bFIXME\b|\bprompt\b", said), page
