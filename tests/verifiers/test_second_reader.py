"""A verifier in another language, written from docs/format.md alone, agrees with every case of the shared table.

It reads the tables of kinds, fields and types from that page as it runs: a page that no longer says what the book is
made of fails here. Where it and the table differ, either the page or a verifier is wrong.
"""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.verifiers.making import cosigned, tile_files, witness
from tests.verifiers.table import make_cases

READER = Path(__file__).with_name("second_reader.mjs")
GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden").glob("book-*"))
FORMS = {"tiles", "proof", "bundle", "pdf", "fork", "qr"}


def _node() -> str:
    """A node to run it with: the machine's own, else the one that came with the browser's driver."""
    found = shutil.which("node")
    if found is not None:
        return found
    if importlib.util.find_spec("playwright") is not None:
        from playwright._impl._driver import compute_driver_executable

        made: Any = compute_driver_executable()
        inside = made[0] if isinstance(made, tuple) else made
        if Path(inside).exists():
            return str(inside)
    pytest.skip("NOT CHECKED: no node on this machine, so nobody has read docs/format.md for the second time")


def _run(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    run = subprocess.run([_node(), READER, *arguments], capture_output=True, check=False, timeout=600)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    make_cases(folder)
    return folder


@pytest.fixture(scope="module")
def table(folder: Path) -> dict[str, dict[str, Any]]:
    return {case["id"]: case for case in json.loads((folder / "table.json").read_bytes())}


@pytest.fixture(scope="module")
def told(folder: Path) -> list[dict[str, Any]]:
    """One line for each case, and the summary."""
    return _run(folder / "table.json")[1]


def test_the_second_reader_agrees(table: dict[str, dict[str, Any]], told: list[dict[str, Any]]) -> None:
    *lines, summary = told
    assert [line["id"] for line in lines] == list(table)
    assert [(line["id"], line["reason"], table[line["id"]]["why"]) for line in lines if not line["agrees"]] == []
    assert summary == {"cases": len(table), "disagreements": 0, "crashed": 0, "surprising": 0}
    assert len(lines) >= 300
    assert {case["form"] for case in table.values()} == FORMS


def test_it_derives_every_posting_from_the_page(told: list[dict[str, Any]]) -> None:
    """Who only folds calls these good; the fields and formulas of the page tell them from true ones."""
    *lines, _ = told
    wrong = {line["id"] for line in lines if line["id"].startswith(("tiles/rules-postings-", "tiles/rules-entry-"))}
    assert len(wrong) >= 8
    assert {line["id"] for line in lines if line["good"] and line["findings"]} == wrong


@pytest.mark.parametrize("book", GOLDEN, ids=lambda book: book.name)
def test_it_reads_books_of_every_release(book: Path, tmp_path: Path) -> None:
    """Every field, type and posting of every kind stands on the page."""
    records = [line.encode() for line in (book / "bodies.jsonl").read_text(encoding="utf-8").splitlines()]
    for path, data in {**tile_files(records), "checkpoint": (book / "checkpoint").read_bytes()}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    entries = [json.loads(record)["entry"] for record in records]
    vkey = [entry["new_key"] for entry in entries if entry["kind"] == "key_replaced"] or [entries[0]["public_key"]]
    code, (line,) = _run("--form", "tiles", "--vkey", vkey[-1], tmp_path)
    assert (code, line["reason"], line["findings"]) == (0, "OK", [])


def test_one_case_by_itself(folder: Path, table: dict[str, dict[str, Any]]) -> None:
    for name, status in (("bundle/cosigned", 0), ("bundle/short-of-witnesses", 1), ("tiles/since-31", 0)):
        case = table[name]
        given = [part for word in ("policy", "since") if case[word] for part in (f"--{word}", folder / case[word])]
        code, lines = _run("--form", case["form"], "--vkey", case["vkey"], *given, folder / case["path"])
        assert (code, lines[0]["good"]) == (status, case["good"])


def test_a_post_quantum_witness_counts(folder: Path, table: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    case = table["proof/size-59-15"]
    head, blank, note = (folder / case["path"]).read_bytes().partition(b"\n\n")
    quiet = witness(1, 0x06)
    policy = tmp_path / "policy"
    policy.write_text(f"witness w1 {quiet.vkey}\nquorum w1\n", encoding="utf-8")
    signed = cosigned(note, (quiet, 1_800_000_000))
    line = signed.removeprefix(note)
    assert signed.startswith(note)
    assert len(line) > 3000
    middle = len(line) // 2
    spoilt = line[:middle] + (b"A" if line[middle : middle + 1] != b"A" else b"B") + line[middle + 1 :]
    for below, reason in ((line, "OK"), (b"", "NOT_WITNESSED"), (spoilt, "CHECKPOINT_INVALID: wrong cosignature")):
        proof = tmp_path / "one.tlog-proof"
        proof.write_bytes(head + blank + note + below)
        _, lines = _run("--form", "proof", "--vkey", case["vkey"], "--policy", policy, proof)
        assert lines[0]["reason"] == reason
