"""Every verifier gives the verdict that the shared table wants: the single file, `sovang`'s own, and tlog-scales.

Two programs that share no code and disagree about a log are worse than one: whoever wants to be believed picks.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tlog import InclusionProof

from audit.checks_bundle import BundleFalse, check_bundle, check_qr
from audit.fork import NoFork, check_fork
from audit.sources import SourceUnavailable
from audit.verify import verify_tiles
from certificates.attach import attached
from certificates.check import PaperFalse, check_paper
from ledger.entries.union import KINDS
from ledger.log.merkle import ProofFailed
from ledger.log.note import NoteRejected, VerifierKey
from ledger.log.policy import PolicyRejected, parse_policy
from ledger.log.proof import parse_proof, verify_proof
from ledger.record import RecordMalformed, decode, decode_bare, leaf_of
from ledger.refusals import Rejected
from tests.verifiers.making import Log, following, gift_entry, log_key, sign, tile_files
from tests.verifiers.table import Case, make_cases

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "audit/standalone/verify.py"
GOLDEN = sorted((ROOT / "tests/golden").glob("book-*"))


def _standalone() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sovang_standalone_verify", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


standalone = _standalone()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Case]]:
    folder = tmp_path_factory.mktemp("table")
    return folder, make_cases(folder)


def _given(folder: Path, path: str | None) -> bytes | None:
    return None if path is None else (folder / path).read_bytes()


def _judge(folder: Path, case: Case) -> tuple[int, dict[str, Any]]:
    given = [_given(folder, path) for path in (case.policy, case.since, case.record)]
    code, answer = standalone.judge(folder / case.path, case.vkey, *given)
    return code, answer


def test_the_table_is_large_and_has_every_form(table: tuple[Path, list[Case]]) -> None:
    counts = Counter((case.form, case.good) for case in table[1])
    print(dict(counts))
    assert len(table[1]) >= 600
    assert all(
        counts[form, good] >= 5 for form in ("tiles", "proof", "bundle", "pdf", "fork", "qr") for good in (True, False)
    )


def test_the_table_is_the_same_every_time(table: tuple[Path, list[Case]], tmp_path: Path) -> None:
    """Other programs run its files elsewhere; a case that changes by itself cannot be talked about."""
    make_cases(tmp_path)
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {path.relative_to(table[0]): path.read_bytes() for path in table[0].rglob("*") if path.is_file()}


def test_the_single_file_agrees(table: tuple[Path, list[Case]]) -> None:
    folder, cases = table
    wrong = []
    for case in cases:
        code, answer = _judge(folder, case)
        if (code == 0) != case.good or answer["ok"] != case.good or code not in (0, 1, 2, 3):
            wrong.append((case.id, case.why, code, answer["findings"][:2]))
        named = re.match(r"([A-Z]+(?:_[A-Z]+)+)(?=:|$)", case.why)
        if named and not case.good and case.form == "tiles":
            found = {finding["kind"] for finding in answer["findings"]}
            if named[1] not in found:
                wrong.append((case.id, case.why, code, sorted(found)))
        if case.rules_only:
            assert any("RULES OF THE ENTRIES WERE NOT CHECKED" in sentence for sentence in answer["cannot_exclude"])
    assert wrong == []


def _sovang_tiles(folder: Path, case: Case) -> bool:
    policy = _given(folder, case.policy)
    report = verify_tiles(
        folder / case.path,
        case.vkey,
        saved=_given(folder, case.since),
        policy=None if policy is None else parse_policy(policy.decode()),
    )
    return report.whole


def _sovang_proof(folder: Path, case: Case) -> bool:
    key, data = VerifierKey.parse(case.vkey), (folder / case.path).read_bytes()
    proof = parse_proof(data)
    body = proof.extra if case.record is None else _given(folder, case.record)
    if body is None:
        return False
    verify_proof(data, leaf_of(body), key)
    policy = _given(folder, case.policy)
    if policy is not None and not parse_policy(policy.decode()).judge(proof.checkpoint, key).quorum:
        return False
    try:
        return decode(body).index == proof.index
    except RecordMalformed as error:
        return error.reason == "UNKNOWN_KIND" and decode_bare(body).index == proof.index


def _sovang_file(folder: Path, case: Case) -> bool:
    key, data, given = VerifierKey.parse(case.vkey), (folder / case.path).read_bytes(), _given(folder, case.policy)
    policy = None if given is None else parse_policy(given.decode())
    match case.form:
        case "bundle":
            check_bundle(data, key, policy)
        case "qr":
            check_qr(data.decode(), key, policy)
        case "fork":
            check_fork(data, key)
        case _:
            check_paper(data, key)
            note = parse_proof(attached(data)["paper.tlog-proof"]).checkpoint
            return policy is None or policy.judge(note, key).quorum
    return True


REFUSALS = (
    BundleFalse,
    NoFork,
    NoteRejected,
    PaperFalse,
    PolicyRejected,
    ProofFailed,
    RecordMalformed,
    Rejected,
    SourceUnavailable,
)


@pytest.mark.parametrize("form", ["tiles", "proof", "bundle", "pdf", "fork", "qr"])
def test_sovang_agrees(table: tuple[Path, list[Case]], form: str) -> None:
    """Its own verifiers, which also know the rules."""
    folder, cases = table
    judge: Callable[[Path, Case], bool] = {"tiles": _sovang_tiles, "proof": _sovang_proof}.get(form, _sovang_file)
    wrong = []
    for case in cases:
        if case.form != form:
            continue
        try:
            good, why = judge(folder, case), ""
        except REFUSALS as error:
            good, why = False, str(error)
        if good != (case.good and not case.rules_only):
            wrong.append((case.id, case.why, good, why))
    print(f"{form}: {sum(case.form == form for case in cases)} cases")
    assert wrong == []


def test_a_good_paper_says_the_same_to_all(table: tuple[Path, list[Case]]) -> None:
    """Two readers that call one file good and show two papers would both be right, and one donor deceived."""
    folder, cases = table
    good = [case for case in cases if case.form == "pdf" and case.good]
    assert len(good) >= 10
    for case in good:
        code, told = _judge(folder, case)
        paper = check_paper((folder / case.path).read_bytes(), VerifierKey.parse(case.vkey))
        names = ("minor", "unit", "fund", "index", "gift", "number", "paper", "name")
        assert code == 0
        assert {name: told[name] for name in names} == {name: getattr(paper, name) for name in names}, case.id


def test_tlog_scales_agrees(table: tuple[Path, list[Case]]) -> None:
    """Somebody else's program: whatever it refuses is refused, and a wrong signature, root or proof it sees too."""
    folder, cases = table
    told: Counter[str] = Counter()
    for case in cases:
        if case.form == "tiles" and case.id.startswith(
            ("tiles/size-", "tiles/since-", "tiles/record-", "tiles/note-root-")
        ):
            told[case.form] += 1
            try:
                log = TilesReader(LocalBackend(folder / case.path))
                checkpoint = log.get_checkpoint()
                checkpoint.verify(Vkey.from_string(case.vkey))
                right = log.calculate_root_hash() == checkpoint.root_hash
            except Exception:  # another program's own words
                right = False
            assert right or not case.good, case.id
            assert not right or not case.why.startswith("ROOT_DIFFERS"), case.id
        if case.form == "proof" and case.id.startswith(("proof/size-", "proof/hash-", "proof/index-")):
            try:
                index, path, extra, note = standalone.read_proof((folder / case.path).read_bytes())
            except standalone.Bad:
                continue  # the text is no proof; tlog-scales reads proofs from its own objects
            told[case.form] += 1
            checkpoint_ = standalone.Checkpoint(note, standalone.read_key(case.vkey))
            theirs = InclusionProof(index, checkpoint_.size, path)
            try:
                theirs.check(leaf_of(extra), checkpoint_.root)
                right = True
            except Exception:
                right = False
            assert right == case.good, case.id
    print(dict(told))
    assert told["tiles"] > 100
    assert told["proof"] > 20


def test_from_the_command_line(table: tuple[Path, list[Case]], tmp_path: Path) -> None:
    """One file, any folder, the exit codes that the documents promise; a key in a file, or by the policy."""
    folder, cases = table
    by_id = {case.id: case for case in cases}

    def run(*args: object) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, FILE, *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"},
        )
        assert done.stderr == "" or done.returncode == 2
        return done.returncode, done.stdout

    good, cosigned = by_id["tiles/size-59"], by_id["tiles/witness-two-of-three"]
    (tmp_path / "key").write_text(good.vkey + "\n")
    code, out = run("--json", "--vkey", good.vkey, folder / good.path)
    assert code == 0
    assert {"ok", "size", "root", "findings"} <= json.loads(out).keys()
    code, out = run("--vkey", "key", folder / good.path)
    assert (code, out.splitlines()[0]) == (0, standalone.VERDICTS[0])
    assert run("--policy", folder / str(cosigned.policy), folder / cosigned.path)[0] == 0
    assert run("--vkey", good.vkey, folder / by_id["tiles/record-dropped"].path)[0] == 1
    assert run(folder / good.path)[0] == 3
    assert run("--vkey", good.vkey, folder / "nowhere")[0] == 3
    assert run("--vkey", "nothing", folder / good.path)[0] == 2
    assert run("--vkey", good.vkey, "--since", "nowhere", folder / good.path)[0] == 2
    assert run()[0] == 2
    fork = by_id["fork/same-size"]
    code, out = run("--vkey", fork.vkey, folder / fork.path)
    assert code == 0
    assert "FORK PROVEN" in out


@pytest.mark.parametrize("book", GOLDEN, ids=lambda book: book.name)
def test_books_of_every_release_verify(book: Path, tmp_path: Path) -> None:
    records = [line.encode() for line in (book / "bodies.jsonl").read_text(encoding="utf-8").splitlines()]
    for path, data in {**tile_files(records), "checkpoint": (book / "checkpoint").read_bytes()}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    entries = [json.loads(record)["entry"] for record in records]
    vkey = [entry["new_key"] for entry in entries if entry["kind"] == "key_replaced"] or [entries[0]["public_key"]]
    code, answer = standalone.judge(tmp_path, vkey[-1])
    assert (code, answer["size"]) == (0, len(records)), answer["findings"]
    assert not [finding for finding in answer["findings"] if finding["kind"] == "UNKNOWN_KIND"]


def test_it_knows_every_kind() -> None:
    """A kind that the file does not name is reported as one it cannot check."""
    assert set(standalone.KINDS.split()) == set(KINDS)


def test_it_is_one_readable_file() -> None:
    """What an auditor can read in an hour: 900 lines as the formatter lays them out."""
    text = FILE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 900
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--check", FILE], capture_output=True
    )
    assert formatted.returncode == 0, formatted.stderr.decode()


def test_memory_does_not_grow_with_the_log(table: tuple[Path, list[Case]], tmp_path: Path) -> None:
    """An auditor's laptop checks a log of any length."""
    story_case = next(case for case in table[1] if case.id == "tiles/size-59")
    files = (table[0] / story_case.path / "tile/entries/000.p/59").read_bytes()
    records, place = [], 0
    while place < len(files):
        length = int.from_bytes(files[place : place + 2], "big")
        records.append(files[place + 2 : place + 2 + length])
        place += 2 + length
    peaks = []
    for size in (1_000, 3_000):
        while len(records) < size:
            records = following(records, *gift_entry(len(records)))
        folder = tmp_path / str(size)
        log = Log(records[:size], log_key(story_case.vkey.partition("+")[0]))
        for path, data in {**tile_files(log.records), "checkpoint": sign(log.text(), log.key)}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        tracemalloc.start()
        code, _ = standalone.judge(folder, story_case.vkey)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert code == 0
    print(peaks)
    assert peaks[1] < peaks[0] * 1.3
