"""The pure checks: each kind of fault is found where it is, and memory does not grow with the log."""

import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from audit.checks_fold import FoldCheck
from audit.checks_keys import KeyCheck, Signed
from audit.checks_log import LogCheck, RunningTree, check_log, leaves_of, parsed_checkpoints
from audit.database import verify_home
from audit.findings import MOST_OF_A_KIND, FindingKind, Findings
from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Frontier, leaf_hash, root_of
from ledger.log.note import SigningKey, VerifierKey
from ledger.record import leaf_of
from tests.audit.tampering import relinked
from tests.audits import check_book
from tests.ledger.saying import bodies, first_year
from tests.worlds import World

K = FindingKind
KEY = SigningKey.from_seed("example.org/log", bytes(32))


def chain(length: int) -> Iterator[bytes]:
    """Records with nothing in them but what links them."""
    previous = "0" * 64
    for index in range(length):
        body = b'{"at":"2026-09-01T01:00:00.000000Z","book":"hp","index":%d,"previous":"%b"}' % (
            index,
            previous.encode(),
        )
        previous = leaf_hash(body).hex()
        yield body


def found_in(records: list[bytes], **options: Any) -> set[tuple[FindingKind, int | None]]:
    return {(f.kind, f.index) for f in check_log(records, **options).found.sorted()} - {(K.TAIL_UNSIGNED, 0)}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257, 1000])
def test_the_auditors_tree_is_the_writers(size: int) -> None:
    """Two ways to one root, and to the same finished subtrees, whatever the pages."""
    draw = random.Random(size)
    leaves = [draw.randbytes(32) for _ in range(size)]
    rows: dict[int, list[bytes]] = {}
    tree = RunningTree(lambda height, hashes: rows.setdefault(height, []).extend(hashes))
    start = 0
    while start < size:
        end = min(size, start + draw.randrange(1, 300))
        tree.extend(leaves[start:end])
        start = end
        assert tree.root() == root_of(leaves[:end])
    assert tree.root() == Frontier().extend(leaves).root()
    assert tree.subtrees() == Frontier().extend(leaves).nodes
    assert rows.get(0, []) == leaves
    full = [root_of(leaves[i : i + 256]) for i in range(0, size - 255, 256)]
    assert rows.get(8, []) == full


def test_a_whole_log_has_no_findings() -> None:
    records = list(chain(3000))
    leaves = [leaf_hash(body) for body in records]
    signed = [Signed(size, root_of(leaves[:size])) for size in (0, 1, 1024, 1025, 2999, 3000)]
    checked = check_log(records, signed, saved=[Signed(1500, root_of(leaves[:1500]), "the saved checkpoint")])
    assert checked.found.sorted() == ()
    assert (checked.size, checked.root, checked.newest) == (3000, root_of(leaves), 3000)


def _set(number: int, **values: Any) -> Callable[[list[bytes]], None]:
    def change(records: list[bytes]) -> None:
        record = json.loads(records[number])
        records[number] = canonical.encode({**record, **values})

    return change


def _swap(records: list[bytes]) -> None:
    records[5], records[6] = records[6], records[5]


FAULTS: list[tuple[str, Callable[[list[bytes]], None], set[tuple[FindingKind, int | None]]]] = [
    ("gone", lambda r: r.pop(5), {(K.OUT_OF_SEQUENCE, 5), (K.BROKEN_LINK, 5)}),
    ("swapped", _swap, {(K.OUT_OF_SEQUENCE, 5), (K.OUT_OF_SEQUENCE, 6), (K.BROKEN_LINK, 5), (K.BROKEN_LINK, 7)}),
    ("earlier", _set(5, at="2026-08-01T00:00:00.000000Z"), {(K.TIME_BACKWARDS, 5), (K.BROKEN_LINK, 6)}),
    ("relinked", _set(5, previous="a" * 64), {(K.BROKEN_LINK, 5), (K.BROKEN_LINK, 6)}),
    ("renumbered", _set(5, index=7), {(K.OUT_OF_SEQUENCE, 5), (K.BROKEN_LINK, 6)}),
    ("another book", _set(5, book="hq"), {(K.OTHER_BOOK, 5), (K.BROKEN_LINK, 6)}),
    ("no record", lambda r: r.__setitem__(5, b"\xff"), {(K.MALFORMED, 5), (K.BROKEN_LINK, 6)}),
]


@pytest.mark.parametrize(("change", "expected"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS])
def test_faults_are_found_where_they_are(
    change: Callable[[list[bytes]], None], expected: set[tuple[FindingKind, int | None]]
) -> None:
    records = list(chain(20))
    change(records)
    assert expected <= found_in(records)


def test_a_gap_in_a_source_is_one_finding() -> None:
    """A source that leaves records out: the gap is named once, not every record after it."""
    records = list(chain(20))
    found = Findings()
    check = LogCheck(found)
    there = [records[i] for i in (0, 1, 2, 9, 10)]
    check.take([0, 1, 2, 9, 10], there, leaves_of(there))
    kinds = [(f.kind, f.index) for f in found.sorted()]
    assert kinds == [(K.RECORD_MISSING, 3), (K.BROKEN_LINK, 9)]


def test_checkpoints_are_held_against_the_records() -> None:
    records = list(chain(20))
    leaves = [leaf_hash(body) for body in records]
    wrong = root_of(leaves[:9])
    assert (K.ROOT_DIFFERS, 10) in found_in(records, checkpoints=[Signed(10, wrong)])
    assert (K.ROLLED_BACK, 20) in found_in(records, checkpoints=[Signed(21, wrong)])
    assert (K.FORKED, 10) in found_in(records, saved=[Signed(10, wrong, "the saved checkpoint")])
    assert (K.ROLLED_BACK, 20) in found_in(records, saved=[Signed(30, wrong, "the saved checkpoint")])
    tail = check_log(records, [Signed(15, root_of(leaves[:15]))]).found.sorted()
    assert [(f.kind, f.index, f.severity) for f in tail] == [(K.TAIL_UNSIGNED, 15, "open")]


def test_only_checkpoints_of_the_pinned_key_count() -> None:
    """Another key, another origin, another size than it is kept under."""
    records = list(chain(6))
    leaves = leaves_of(records)
    other = SigningKey.from_seed("example.org/log", bytes([1] * 32))
    found = Findings()
    notes = [
        (size, sign_checkpoint(Checkpoint(origin, signed, root_of(leaves[:signed])), key), "")
        for size, origin, signed, key in (
            (1, "example.org/log", 1, other),
            (2, "example.org/other", 2, KEY),
            (4, "example.org/log", 3, KEY),
            (6, "example.org/log", 6, KEY),
        )
    ]
    notes.insert(3, (5, b"no note", ""))
    keys = KeyCheck(KEY.verifier, "example.org/log", found)
    signed = parsed_checkpoints(notes, found, origin="example.org/log")
    check = LogCheck(found, signed, judge=keys.judge)
    check.take(range(6), records, leaves)
    check.finish()
    assert (check.newest, check.largest) == (6, 6)
    assert {(f.kind, f.index) for f in found.sorted()} == {
        (K.CHECKPOINT_INVALID, 1),
        (K.CHECKPOINT_INVALID, 2),
        (K.CHECKPOINT_ORDER, 4),
        (K.CHECKPOINT_INVALID, 5),
    }


def test_memory_stays_flat() -> None:
    """Nothing is kept for each record: ten times as many take the same room."""
    peaks = []
    for size in (10_000, 100_000):
        tracemalloc.start()
        check_log(chain(size))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.1 * peaks[0]


def test_a_log_damaged_everywhere_still_gives_a_report() -> None:
    records = [body.replace(b'"hp"', b'"h%d"' % (number % 7)) for number, body in enumerate(chain(3000))]
    found = check_log(records).found
    assert sum(1 for f in found.sorted() if f.kind is K.BROKEN_LINK) == MOST_OF_A_KIND
    assert found.uncounted()["BROKEN_LINK"] > 1000


# The rules


def fold(records: list[bytes]) -> tuple[FoldCheck, Findings]:
    """Replays records under the key that the first one names."""
    opened = json.loads(records[0])["entry"]
    found = Findings()
    keys = KeyCheck(VerifierKey.parse(opened["public_key"]), opened["origin"], found)
    check = FoldCheck(found, lambda index: records[index] if index < len(records) else None, keys)
    for index, body in enumerate(records):
        check.take(index, body, leaf_of(body))
    return check, found


@pytest.fixture
def story(sqlite_world: World) -> list[bytes]:
    """The records of a whole year, all kinds said."""
    first_year(sqlite_world)
    return bodies(sqlite_world)


def _first(story: list[bytes], kind: str) -> int:
    return next(i for i, body in enumerate(story) if json.loads(body)["entry"]["kind"] == kind)


def test_a_year_folds_without_findings(story: list[bytes]) -> None:
    assert fold(story)[1].sorted() == ()


def test_an_unknown_kind_is_open_and_folded_all_the_same(story: list[bytes]) -> None:
    at = len(story) - 1
    record = json.loads(story[at])
    record["entry"] = {"kind": "moon_landed", "on": "2026-09-01"}
    record["postings"] = [
        {"amount": {"minor": 7, "unit": "VND"}, "destination": "fund:chung", "source": "donors"},
        {"amount": {"minor": 7, "unit": "VND"}, "destination": "bank:VCB", "source": "outside"},
    ]
    plain, _ = fold(story[:at])
    check, found = fold([*story[:at], canonical.encode(record)])
    assert [(f.kind, f.index, f.severity) for f in found.sorted()] == [(K.UNKNOWN_KIND, at, "open")]
    key = ("fund:chung", "VND")
    assert check.state.balances[key] == plain.state.balances[key] + 7
    assert check.unknown == {at}


def test_postings_that_are_not_the_entrys(story: list[bytes]) -> None:
    at = _first(story, "gift_received")
    record = json.loads(story[at])
    for posting in record["postings"]:
        posting["amount"]["minor"] += 1
    found = fold([*story[:at], canonical.encode(record)])[1].sorted()
    assert [(f.kind, f.index) for f in found] == [(K.POSTINGS_DIFFER, at)]


def test_views_that_move_apart(story: list[bytes]) -> None:
    at = _first(story, "gift_received")
    record = json.loads(story[at])
    place = next(p for p in record["postings"] if p["source"] == "outside")
    place["amount"]["minor"] += 1
    found = fold([*story[:at], canonical.encode(record)])[1].sorted()
    assert {(f.kind, f.index, f.account) for f in found} >= {(K.VIEWS_DIFFER, at, "VND")}


def test_a_record_the_rules_refuse(story: list[bytes]) -> None:
    """It is a finding with its reason, its postings count, and what follows is judged on."""
    at = _first(story, "gift_received")
    record = json.loads(story[at])
    record["entry"]["fund"] = "khong-co"
    record["postings"] = json.loads(
        json.dumps(record["postings"]).replace(f"fund:{json.loads(story[at])['entry']['fund']}", "fund:khong-co")
    )
    check, found = fold([*story[:at], canonical.encode(record)])
    assert [(f.kind, f.index, str(f.reason)) for f in found.sorted()] == [(K.REFUSED, at, "NO_SUCH_FUND")]
    assert check.state.balances["fund:khong-co", "VND"] > 0


def test_bytes_that_are_not_canonical(story: list[bytes]) -> None:
    spaced = story[3].replace(b'"book":', b'"book": ')
    found = fold([*story[:3], spaced])[1].sorted()
    assert [(f.kind, f.index) for f in found] == [(K.NOT_CANONICAL, 3)]


@pytest.mark.parametrize(
    "entry",
    [
        {"zone": "Nowhere/Nothing"},
        {"public_key": "another"},
        {"k": 0},
    ],
)
def test_a_hostile_first_record_is_a_finding(story: list[bytes], entry: dict[str, object]) -> None:
    """Never an exception, whatever the record provokes."""
    opened = json.loads(story[0])["entry"]
    record = json.loads(story[0])
    record["entry"] |= entry
    hostile = relinked([canonical.encode(record), *story[1:]])
    found = Findings()
    keys = KeyCheck(VerifierKey.parse(opened["public_key"]), opened["origin"], found)
    check = FoldCheck(found, hostile.__getitem__, keys)
    for index, body in enumerate(hostile):
        check.take(index, body, leaf_of(body))
    keys.finish()
    assert any(f.index == 0 for f in found.sorted())


# Open matters


def statement(world: World, first: int, last: int, opening: int, closing: int, new_lines: int = 0) -> int:
    """A statement of days in August 2026 without lines of its own, or with lines still to come."""
    recorded = world.say(
        "statement_imported",
        place="bank:AGR",
        sha256=f"{world.numbers:064x}",
        taken="file",
        format="mt940",
        currency="VND",
        from_on=f"2026-08-{first:02d}",
        to_on=f"2026-08-{last:02d}",
        lines=new_lines,
        new_lines=new_lines,
        in_minor=max(closing - opening, 0),
        out_minor=max(opening - closing, 0),
        opening_minor=opening,
        closing_minor=closing,
        control="printed",
    )
    world.numbers += 1
    return recorded.index


def test_statements_that_chain_are_no_matter(sqlite_world: World) -> None:
    statement(sqlite_world, 1, 10, 0, 100)
    statement(sqlite_world, 8, 12, 70, 150)  # overlaps: says some days twice
    statement(sqlite_world, 9, 10, 90, 95)  # lies within the one before: the later days are covered all the same
    statement(sqlite_world, 13, 20, 150, 150)
    assert check_book(sqlite_world).ok


def test_open_matters_of_statements(sqlite_world: World) -> None:
    statement(sqlite_world, 1, 10, 0, 100)
    gap = statement(sqlite_world, 13, 15, 100, 100)
    broken = statement(sqlite_world, 16, 20, 90, 90)
    missing = statement(sqlite_world, 21, 22, 90, 95, new_lines=2)
    report = check_book(sqlite_world, allow={K.DAYS_UNCOVERED, K.STATEMENTS_DO_NOT_CHAIN, K.IMPORT_INCOMPLETE})
    assert {(f.kind, f.index, f.account) for f in report.findings} == {
        (K.DAYS_UNCOVERED, gap, "bank:AGR"),
        (K.STATEMENTS_DO_NOT_CHAIN, broken, "bank:AGR"),
        (K.IMPORT_INCOMPLETE, missing, "bank:AGR"),
    }
    assert "2026-08-11 to 2026-08-12" in {f.detail for f in report.findings}


def test_shortfalls_and_negative_places_stay_open(sqlite_world: World) -> None:
    """A fact is recorded though the money was not there; the audit says so until it is."""
    sqlite_world.say(
        "bank_fee_charged",
        place="bank:VCB",
        amount={"minor": 1_100, "unit": "VND"},
        charged_on="2026-09-01",
        fund="chung",
        parts=[],
    )
    report = check_book(sqlite_world, allow={K.SHORTFALL_OPEN, K.PLACE_NEGATIVE})
    assert {(f.kind, f.account) for f in report.findings} == {
        (K.SHORTFALL_OPEN, "shortfall:chung"),
        (K.PLACE_NEGATIVE, "bank:VCB"),
    }
    assert report.whole
    assert not report.ok


def test_an_unsigned_tail_is_a_state_and_then_a_finding(sqlite_world: World) -> None:
    sqlite_world.open.checkpointer.run()
    first = sqlite_world.gift().index
    sqlite_world.gift()
    young = verify_home(sqlite_world.open)
    assert young.ok
    assert (young.states.recorded, young.states.checkpointed) == (first + 2, first)
    sqlite_world.clock.moment += timedelta(seconds=121)
    late = verify_home(sqlite_world.open)
    assert [(f.kind, f.index) for f in late.findings] == [(K.TAIL_UNSIGNED, first)]
    assert (late.states.recorded, late.states.checkpointed, late.whole) == (first + 2, first, True)
    check_book(sqlite_world)


def test_a_signer_without_memory_is_said(sqlite_world: World) -> None:
    sqlite_world.open.checkpointer.run()
    memory = sqlite_world.home.path / "keys" / "hp" / "signer.json"
    memory.write_text("{}")
    report = verify_home(sqlite_world.open)
    assert report.kinds() == {K.SIGNER_UNREADABLE}
    assert any("signing key" in sentence for sentence in report.cannot_exclude)


def test_a_signer_set_back_is_found(sqlite_world: World) -> None:
    memory = sqlite_world.home.path / "keys" / "hp" / "signer.json"
    sqlite_world.open.checkpointer.run()
    before = memory.read_bytes()
    sqlite_world.gift()
    sqlite_world.open.checkpointer.run()
    memory.write_bytes(before)
    report = verify_home(sqlite_world.open)
    assert report.kinds() == {K.SIGNER_BEHIND}
    assert not report.whole


def test_the_pure_verifier_knows_no_database() -> None:
    """It runs on a laptop with the log's files and nothing else."""
    program = (
        "import sys, audit.verify, audit.sources, audit.checks_log, audit.checks_fold;"
        "never = ('sqlalchemy', 'fastapi', 'ledger.store', 'ledger.book', 'ledger.vault');"
        "print([m for m in never if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_one_record_after_the_checkpoint_is_a_tail() -> None:
    """The newest record is the one somebody would cut off."""
    records = list(chain(20))
    leaves = [leaf_hash(body) for body in records]
    found = check_log(records, [Signed(19, root_of(leaves[:19]))]).found.sorted()
    assert [(f.kind, f.index) for f in found] == [(K.TAIL_UNSIGNED, 19)]


def test_saved_checkpoints_are_met_in_any_order() -> None:
    """Whoever keeps several hands them in as they lie; each is held against its own size."""
    records = list(chain(20))
    leaves = [leaf_hash(body) for body in records]
    right = [Signed(size, root_of(leaves[:size]), "kept") for size in (15, 3, 9)]
    assert found_in(records, saved=right) == set()
    wrong = [Signed(signed.size, leaves[0], "kept") for signed in right]
    assert found_in(records, saved=wrong) == {(K.FORKED, 3), (K.FORKED, 9), (K.FORKED, 15)}
