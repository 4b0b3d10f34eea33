"""An audit that goes on from the last one says what a full one says, and believes nothing that it has not proven."""

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.database import verify_connection, verify_home
from audit.findings import FindingKind, Report
from audit.queries import write_tiles
from audit.saved import Rows, StateRejected, read_saved
from audit.sources import SourceUnavailable, TilesSource
from audit.verify import verify_tiles
from ledger.log.note import SigningKey
from ledger.log.tiles import decode_bundle, encode_bundle
from ledger.record import leaf_of
from tests.api.test_cli import sovang
from tests.audit.conftest import Case
from tests.audit.tampering import bodies_of, rebuild, relinked, sign, tampering
from tests.audit.witnessing import POLICY
from tests.audits import check_book
from tests.worlds import World

K = FindingKind


def state_at(case: Case, number: int) -> bytes:
    """What an audit would have kept when that checkpoint was the newest."""
    size, note = case.notes[number]
    with tampering(case.world) as db:
        folder = bodies_of(case.world, db)[:size]
    return _from_bodies(case, folder, note)


def _from_bodies(case: Case, bodies: list[bytes], note: bytes) -> bytes:
    source = _Memory(bodies, note)
    report = verify_tiles(source, case.world.open.vkey, keep_state=True)
    assert report.whole
    assert report.state is not None
    return report.state


class _Memory(TilesSource):
    """A published log in memory, without tiles of hashes."""

    def __init__(self, bodies: list[bytes], note: bytes) -> None:
        super().__init__(Path())
        self.files = {"checkpoint": note}
        for first in range(0, len(bodies), 256):
            page = bodies[first : first + 256]
            partial = "" if len(page) == 256 else f".p/{len(page)}"
            self.files[f"tile/entries/{first // 256:03d}{partial}"] = encode_bundle(page)

    def fetch(self, path: str, most: int) -> bytes | None:
        return self.files.get(path)


def _same(one: Report, other: Report) -> bool:
    found = {(f.kind, f.index, f.account) for f in one.findings}, {(f.kind, f.index, f.account) for f in other.findings}
    return (one.size, one.root, one.states) == (other.size, other.root, other.states) and found[0] == found[1]


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_going_on_says_the_same(case: Case, tmp_path: Path, number: int) -> None:
    """From any checkpoint, over tiles and over the database; and the state kept then is the one a full audit keeps."""
    write_tiles(case.world.open, tmp_path / "tiles")
    key, saved = case.world.open.vkey, state_at(case, number)
    full = verify_tiles(tmp_path / "tiles", key, policy=POLICY, keep_state=True)
    on = verify_tiles(tmp_path / "tiles", key, policy=POLICY, state=saved, keep_state=True)
    assert _same(full, on), [str(f) for f in on.findings]
    assert on.state == full.state
    for note in case.notes:  # `--since` before and after the state
        assert _same(full, verify_tiles(tmp_path / "tiles", key, policy=POLICY, state=saved, saved=note[1]))
    with tampering(case.world) as db:
        stored = verify_connection(db, case.world.open.code, key, database=False, policy=POLICY)
        on = verify_connection(db, case.world.open.code, key, database=False, policy=POLICY, state=saved)
    assert _same(stored, on), [str(f) for f in on.findings]


def test_only_what_is_new_is_read(case: Case, tmp_path: Path) -> None:
    """The old part costs its state, and what the rules ask for."""
    write_tiles(case.world.open, tmp_path / "tiles")
    state = verify_tiles(tmp_path / "tiles", case.world.open.vkey, keep_state=True).state
    shutil.rmtree(tmp_path / "tiles/tile")
    on = verify_tiles(tmp_path / "tiles", case.world.open.vkey, state=state, keep_state=True)
    assert on.state == state
    assert on.ok, [str(f) for f in on.findings]


def test_older_records_are_proven(sqlite_world: World, tmp_path: Path) -> None:
    """A rule that looks back believes nothing that is not in the tree audited before."""
    world = sqlite_world
    gift = world.gift()
    world.gift()
    world.gift()  # so that the first is no subtree of its own, whatever the size
    world.open.checkpointer.run()
    state = verify_home(world.open, keep_state=True).state
    assert state is not None
    with tampering(world) as db:
        postings = json.loads(bodies_of(world, db)[gift.index])["postings"]
    world.say(
        "reversed",
        reversed=gift.index,
        leaf=gift.leaf_hash.hex(),
        reversed_on="2026-09-01",
        undone_postings=postings,
        why="Nhập nhầm",
    )
    check_book(world)
    write_tiles(world.open, tmp_path / "tiles")
    assert verify_tiles(tmp_path / "tiles", world.open.vkey, state=state).ok
    bundle = next((tmp_path / "tiles/tile/entries").rglob("*.p/*"))
    entries = decode_bundle(bundle.read_bytes())
    entries[gift.index] = entries[gift.index].replace(b"500000", b"500001")
    bundle.write_bytes(encode_bundle(entries))
    report = verify_tiles(tmp_path / "tiles", world.open.vkey, state=state)
    assert (K.FORKED, gift.index) in {(f.kind, f.index) for f in report.findings}
    shutil.rmtree(tmp_path / "tiles/tile/0")
    with pytest.raises(SourceUnavailable):
        verify_tiles(tmp_path / "tiles", world.open.vkey, state=state)


def test_a_rewritten_or_shorter_log(case: Case) -> None:
    """The key's owner rewrites what was audited, or cuts it off: the state shows either."""
    state = state_at(case, 2)
    size = case.notes[2][0]
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        gone = size - 20
        rebuild(case.world, db, relinked([*bodies[:gone], *bodies[gone + 1 :]]), application_key=True)
        sign(case.world, db, [12, size, len(bodies) - 1])
        report = verify_connection(db, case.world.open.code, case.world.open.vkey, database=False, state=state)
        full = verify_connection(db, case.world.open.code, case.world.open.vkey, database=True, state=state)
    assert {K.ROOT_DIFFERS, K.BROKEN_LINK} & report.kinds()
    assert K.FORKED in full.kinds()
    with tampering(case.world) as db:
        rebuild(case.world, db, bodies_of(case.world, db)[: size - 5], application_key=True)
        sign(case.world, db, [12, size - 5])
        report = verify_connection(db, case.world.open.code, case.world.open.vkey, database=False, state=state)
    assert K.ROLLED_BACK in report.kinds()


def test_a_damaged_or_foreign_state_is_one_error(case: Case) -> None:
    state = state_at(case, 1)
    origin = case.world.open.vkey.name
    assert read_saved(state, origin=origin).audit.size == case.notes[1][0]
    draw = random.Random(7)
    for _ in range(200):
        flipped = bytearray(state)
        flipped[draw.randrange(len(flipped) - 1)] ^= 1 << draw.randrange(8)
        with pytest.raises(StateRejected):
            read_saved(bytes(flipped), origin=origin)
    for junk in (b"", b"{}", state[:-100], state.replace(b"state/2", b"state/1", 1)):
        with pytest.raises(StateRejected):
            read_saved(junk, origin=origin)
    with pytest.raises(StateRejected, match="another book"):
        read_saved(state, origin="example.org/other")


def test_by_command(case: Case, tmp_path: Path) -> None:
    """Kept when whole, taken up the next time; a damaged file is one clear line."""
    write_tiles(case.world.open, tmp_path / "tiles")
    file = tmp_path / "kept.state"
    given = ("verify", "--tiles", tmp_path / "tiles", "--vkey", case.world.open.vkey.vkey, "--state", file, "--json")
    first = sovang(*given)
    assert (first.code, first.said["state_kept"]) == (0, True)
    before = file.read_bytes()
    again = sovang(*given)
    assert (again.code, again.said["size"], file.read_bytes()) == (0, case.untouched.size, before)
    # Another's key finds the book broken: the file stays as it was.
    other = SigningKey.from_seed(case.world.open.vkey.name, bytes([3] * 32)).vkey
    broken = sovang(*given[:4], other, *given[5:])
    assert (broken.code, broken.said["state_kept"], file.read_bytes()) == (1, False, before)
    file.write_bytes(before[:-9])
    damaged = sovang(*given)
    assert (damaged.code, damaged.said["reason"]) == (3, "STATE_REJECTED")


def test_histories_rewritten_at_will(case: Case) -> None:
    """With the log's true key in hand, from any index on, every size signed anew: a saved checkpoint, a saved audit
    and two of three witnesses each refuse it."""
    draw = random.Random("rewritten")
    size, note = case.notes[2]
    state = state_at(case, 2)
    for _ in range(40 if os.environ.get("SOVANG_LONG") == "1" else 4):
        with tampering(case.world) as db:
            bodies = bodies_of(case.world, db)
            start = draw.randrange(1, size)
            count = draw.randrange(1, min(30, len(bodies) - start))
            if draw.random() < 0.5:
                changed = [*bodies[:start], *bodies[start + count :]]
            else:
                extra = [b.replace(b'"reference":"', b'"reference":"x') for b in bodies[start : start + count]]
                changed = [*bodies[:start], *extra, *bodies[start:]]
            changed = relinked(changed)
            assert [leaf_of(b) for b in changed[:size]] != [leaf_of(b) for b in bodies[:size]]
            rebuild(case.world, db, changed, application_key=True)
            sign(case.world, db, sorted({size, len(changed), *draw.sample(range(1, len(changed)), 20)}))
            code, key = case.world.open.code, case.world.open.vkey
            with_note = verify_connection(db, code, key, database=False, saved=note)
            with_state = verify_connection(db, code, key, database=True, state=state)
            with_policy = verify_connection(db, code, key, database=False, policy=POLICY)
        print(start, count)
        assert {K.FORKED, K.ROLLED_BACK} & with_note.kinds()
        assert {K.FORKED, K.ROLLED_BACK} & with_state.kinds()
        assert K.NOT_WITNESSED in with_policy.kinds()


def test_rows_are_a_dictionary_in_bytes() -> None:
    """Found, listed and put in as a plain dictionary does it, whatever the keys hold."""
    draw = random.Random(11)
    signs = ["a", "b", "ab", 'a"', "a\\", "ă", "\n", "", "a,b", "]"]
    for _ in range(200):
        plain: dict[tuple[str, str], list[Any]] = {}
        rows = Rows()
        for _ in range(4):
            new: dict[tuple[str, str], Any] = {}
            for _ in range(draw.randrange(6)):
                new[draw.choice(signs), draw.choice(signs)] = draw.choice([None, "{}", 7, -1])
            rows = Rows(rows.with_rows((*key, value, len(plain)) for key, value in new.items()))
            plain |= {key: [*key, value, len(plain)] for key, value in new.items()}
            assert {(row[0], row[1]): row for row in rows.all()} == plain
            assert rows.data.splitlines(keepends=True) == sorted(rows.data.splitlines(keepends=True))
            for first in signs:
                under = {row[1]: row for row in rows.under(first)}
                assert under == {key[1]: row for key, row in plain.items() if key[0] == first}
                for second in signs:
                    assert rows.find((first, second)) == plain.get((first, second))
