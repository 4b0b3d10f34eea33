"""Which key, which witnesses, and what was lost: without these one stolen key, or one bad friend, rewrites a book."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.database import verify_connection, verify_home
from audit.findings import FindingKind, Report
from audit.queries import write_tiles
from audit.saved import read_saved
from audit.verify import KEY_THIEF, OWN_WITNESSES, verify_tiles
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import root_of
from ledger.log.note import SigningKey
from ledger.record import leaf_of
from ledger.store import tables
from ledger.store.append import keep_checkpoint
from ledger.store.engine import reading, writing
from tests.audit.conftest import Case
from tests.audit.tampering import audit, no_triggers, tampering
from tests.audit.witnessing import (
    LINES,
    POLICY,
    WITNESSES,
    checkpoint_and_witness,
    cosigned,
    policy_of,
    seconds,
    unwitnessed,
    witness,
)
from tests.audits import check_book
from tests.ledger.saying import bodies, key_replaced, next_key
from tests.worlds import World

K = FindingKind


def _sign(world: World, size: int, *keys: SigningKey) -> bytes:
    leaves = [leaf_of(body) for body in bodies(world)[:size]]
    return sign_checkpoint(Checkpoint(keys[0].name, size, root_of(leaves)), *keys)


class Replaced:
    """A book whose key was replaced at record `at`; `first` signed before, `second` after."""

    def __init__(self, world: World, *, compromised: bool = False, second: SigningKey | None = None) -> None:
        self.world = world
        self.first, self.second = world.open.signer.key(), second or next_key(world)
        world.open.checkpointer.run()
        self.before = self._newest()
        self.at = world.say(**key_replaced(self.first, self.second, compromised=compromised)).index
        world.gift()
        world.gift()
        self.signers: dict[int, tuple[SigningKey, ...]] = {
            self.at + 1: (self.second,) if compromised else (self.first, self.second),
            self.at + 3: (self.second,),
        }

    def _newest(self) -> int:
        with reading(self.world.open.engine) as db:
            return int(
                max(
                    row[0]
                    for row in db.execute(tables.checkpoints.select().with_only_columns(tables.checkpoints.c.size))
                )
            )

    def audit(self, pinned: SigningKey, **signed_by: tuple[SigningKey, ...]) -> Report:
        """The audit under a pinned key; `s<size>` says who signs that size instead."""
        signers = self.signers | {int(name[1:]): keys for name, keys in signed_by.items()}
        with tampering(self.world) as db:
            for size, keys in signers.items():
                keep_checkpoint(db, self.world.open.code, size, _sign(self.world, size, *keys).decode())
            return verify_connection(db, self.world.open.code, pinned.verifier, vault=self.world.open.keys)

    def state_at(self, size: int, pinned: SigningKey, *signers: SigningKey) -> bytes:
        """What an audit keeps that has met a checkpoint of this size, and none after it."""
        with tampering(self.world) as db:
            keep_checkpoint(db, self.world.open.code, size, _sign(self.world, size, *signers).decode())
            report = verify_connection(db, self.world.open.code, pinned.verifier, database=False, keep_state=True)
        assert report.state is not None, [str(f) for f in report.findings]
        assert read_saved(report.state, origin=pinned.name).audit.size == size
        return report.state

    def go_on(self, state: bytes, pinned: SigningKey, signers: dict[int, tuple[SigningKey, ...]]) -> list[Any]:
        """What is broken for an audit that goes on from `state`, as (kind, size)."""
        with tampering(self.world) as db:
            with no_triggers(db):
                db.execute(tables.checkpoints.delete().where(tables.checkpoints.c.size.in_(signers)))
            for size, keys in signers.items():
                keep_checkpoint(db, self.world.open.code, size, _sign(self.world, size, *keys).decode())
            report = verify_connection(db, self.world.open.code, pinned.verifier, database=False, state=state)
        return [(f.kind, f.index) for f in report.findings if f.severity == "broken"]


def test_any_key_of_the_chain_may_be_pinned(sqlite_world: World) -> None:
    """The paper on the wall and the new one check the same book."""
    book = Replaced(sqlite_world)
    for pinned in (book.first, book.second):
        report = book.audit(pinned)
        assert report.ok, [str(f) for f in report.findings]
        assert report.states.checkpointed == report.size
    check_book(sqlite_world, checkpoint=False)


def test_a_key_that_is_none_of_the_books(sqlite_world: World) -> None:
    book = Replaced(sqlite_world)
    report = book.audit(next_key(sqlite_world, 9))
    assert {K.KEY_DIFFERS, K.CHECKPOINT_INVALID} <= report.kinds()
    assert report.states.checkpointed == 0


def test_a_closed_key_signs_nothing_more(sqlite_world: World) -> None:
    """The old key after its end is named as what it is; a stranger's, or the new one too early, is no signature."""
    book = Replaced(sqlite_world)
    late = book.audit(book.second, **{f"s{book.at + 3}": (book.first,)})
    assert [(f.kind, f.index) for f in late.findings if f.severity == "broken"] == [(K.KEY_CLOSED, book.at + 3)]
    early = book.audit(book.first, **{f"s{book.at - 1}": (book.second,)})
    assert (K.CHECKPOINT_INVALID, book.at - 1) in {(f.kind, f.index) for f in early.findings}
    wrong = book.audit(book.first, **{f"s{book.at + 2}": (next_key(sqlite_world, 7),)})
    assert (K.CHECKPOINT_INVALID, book.at + 2) in {(f.kind, f.index) for f in wrong.findings}


def test_a_compromise_must_be_pinned_anew(sqlite_world: World) -> None:
    """Nothing that the old key signed can vouch for what comes after it was stolen."""
    book = Replaced(sqlite_world, compromised=True)
    old = book.audit(book.first)
    assert [(f.kind, f.index) for f in old.findings] == [(K.KEY_COMPROMISED, book.at)]
    assert book.audit(book.second).ok


def test_an_audit_goes_on_from_a_replacement(sqlite_world: World) -> None:
    """A saved audit that stands right behind it knows who may sign which size, under the old key and the new."""
    book = Replaced(sqlite_world)
    first, second, at = book.first, book.second, book.at
    right: dict[int, tuple[SigningKey, ...]] = {at + 1: (first, second), at + 3: (second,)}
    state = book.state_at(at + 1, first, first, second)
    for pinned in (first, second):
        assert book.go_on(state, pinned, right) == []
        assert book.go_on(state, pinned, right | {at + 2: (second,)}) == []
        late = book.go_on(state, pinned, right | {at + 2: (first,)})
        assert late == [(K.KEY_CLOSED, at + 2)]
        # One that is older than the state, of a size at which the new key was not there yet.
        early = book.go_on(state, pinned, right | {at: (second,)})
        assert early == [(K.CHECKPOINT_INVALID, at)]
        assert book.go_on(state, pinned, right | {at: (first,)}) == []
    # The old key alone closes the book at its last size; whoever has pinned the new one wants its line there.
    alone: dict[int, tuple[SigningKey, ...]] = {at + 1: (first,), at + 3: (second,)}
    assert book.go_on(state, first, alone) == []
    assert book.go_on(state, second, alone) == [(K.KEY_CLOSED, at + 1)]
    assert book.go_on(book.state_at(at + 1, first, first), first, right) == []
    stranger = next_key(sqlite_world, 9)
    assert (K.KEY_DIFFERS, 0) in book.go_on(state, stranger, right)
    check_book(sqlite_world, checkpoint=False)


def test_an_audit_goes_on_under_the_third_key(sqlite_world: World) -> None:
    """Each key has its own end, whichever comes first in the register of those that are closed."""
    numbers = sorted(range(1, 6), key=lambda number: next_key(sqlite_world, number).vkey, reverse=True)
    book = Replaced(sqlite_world, second=next_key(sqlite_world, numbers[0]))
    first, second, third = book.first, book.second, next_key(sqlite_world, numbers[-1])
    at = sqlite_world.say(**key_replaced(second, third)).index
    sqlite_world.gift()
    state = book.state_at(at + 1, first, second, third)
    right: dict[int, tuple[SigningKey, ...]] = {at + 1: (second, third), at + 2: (third,)}
    for pinned in (first, second, third):
        assert book.go_on(state, pinned, right) == []
        assert book.go_on(state, pinned, right | {book.at: (first,), book.at + 2: (second,), at: (second,)}) == []
        for size, wrong in ((book.at, second), (book.at + 2, first), (at, third), (at + 2, second)):
            print(pinned.vkey, size, wrong.vkey)
            assert {index for _, index in book.go_on(state, pinned, right | {size: (wrong,)})} == {size}
    check_book(sqlite_world, checkpoint=False)


def test_from_tiles_too(sqlite_world: World, tmp_path: Path) -> None:
    """Only the newest note is published; who signed it follows from the records beside it."""
    book = Replaced(sqlite_world)
    with writing(sqlite_world.open.engine) as db:
        note = _sign(sqlite_world, book.at + 3, book.second)
        keep_checkpoint(db, sqlite_world.open.code, book.at + 3, note.decode())
    write_tiles(sqlite_world.open, tmp_path / "tiles")
    saved = _sign(sqlite_world, book.before, book.first)
    for pinned in (book.first, book.second):
        assert verify_tiles(tmp_path / "tiles", pinned.vkey, saved=saved).ok
    other = SigningKey.from_seed(book.first.name, bytes([77] * 32))
    (tmp_path / "tiles/checkpoint").write_bytes(_sign(sqlite_world, book.at + 3, other))
    assert verify_tiles(tmp_path / "tiles", book.first.vkey).kinds() >= {K.CHECKPOINT_INVALID}


# Witnesses


def _audit(case: Case, db: Any, **options: Any) -> Report:
    return audit(case.world, db, policy=POLICY, **options)


def _kinds(case: Case, report: Report) -> set[FindingKind]:
    return report.kinds() - case.untouched.kinds()


def test_a_quorum_of_the_auditors_own(case: Case) -> None:
    """Then, and only then, a thief of the log's key is excluded."""
    with tampering(case.world) as db:
        report = _audit(case, db)
        own = audit(case.world, db)
    assert not _kinds(case, report)
    assert report.states.witnessed == report.size
    assert report.witnessed_at is not None
    assert KEY_THIEF not in report.cannot_exclude
    # The book's own policy fills the state, and the report says whose choice it was.
    assert own.states.witnessed == own.size
    assert KEY_THIEF in own.cannot_exclude
    assert OWN_WITNESSES in own.cannot_exclude


@pytest.mark.parametrize(("keys", "needed"), [(WITNESSES[2:], 1), (WITNESSES, 3)])
def test_no_quorum_is_not_witnessed(case: Case, keys: Any, needed: int) -> None:
    with tampering(case.world) as db:
        report = audit(case.world, db, policy=policy_of(keys, needed))
    assert _kinds(case, report) == {K.NOT_WITNESSED}
    assert not report.whole
    assert (report.states.witnessed, report.witnessed_at) == (0, None)
    assert KEY_THIEF in report.cannot_exclude


def test_a_tail_that_waits_for_its_witnesses(case: Case) -> None:
    size = case.notes[-2][0]
    with tampering(case.world) as db:
        with no_triggers(db):
            unwitnessed(db, size)
        report = _audit(case, db)
    assert _kinds(case, report) == {K.TAIL_NOT_WITNESSED}
    assert report.whole
    assert (report.states.witnessed, report.states.checkpointed) == (size, report.size)


def test_the_age_of_the_quorum(case: Case) -> None:
    """t29: an old answer is right and stale. One witness that signs again whatever it sees keeps nothing young."""
    with tampering(case.world) as db:
        young = _audit(case, db)
        assert young.witnessed_at is not None
        seen = datetime.fromisoformat(young.witnessed_at)
        report = _audit(case, db, at=seen + timedelta(seconds=500), max_age_seconds=499)
        assert K.COSIGNATURES_OLD in report.kinds()
        assert report.cosignature_age_seconds == 500
        assert K.COSIGNATURES_OLD not in _audit(case, db, at=seen + timedelta(seconds=500), max_age_seconds=500).kinds()
        # Without a limit of one's own: two intervals of a minute, and a minute.
        assert K.COSIGNATURES_OLD not in _audit(case, db, at=seen + timedelta(seconds=180)).kinds()
        assert K.COSIGNATURES_OLD in _audit(case, db, at=seen + timedelta(seconds=181)).kinds()
        with no_triggers(db):
            witness(case.world, db, keys=WITNESSES[2:], at=seconds(seen) + 400)
        again = _audit(case, db, at=seen + timedelta(seconds=500), max_age_seconds=499)
        assert again.cosignature_age_seconds == 500


def test_the_quorum_is_as_old_as_the_line_that_completed_it(case: Case) -> None:
    """Two of three had signed when the second did: neither the first line, nor a third that comes anew, counts."""
    signed = case.world.clock.moment
    with tampering(case.world) as db:
        with no_triggers(db):
            for key, at in zip(WITNESSES, (0, 100, 1000), strict=True):
                witness(case.world, db, keys=[key], at=seconds(signed) + at)
        for again in (1000, 1990):
            with no_triggers(db):
                witness(case.world, db, keys=WITNESSES[2:], at=seconds(signed) + again)
            report = _audit(case, db, at=signed + timedelta(seconds=2000), max_age_seconds=1899)
            assert report.witnessed_at is not None
            assert seconds(datetime.fromisoformat(report.witnessed_at)) == seconds(signed) + 100
            assert report.cosignature_age_seconds == 1900
            assert K.COSIGNATURES_OLD in report.kinds()


def test_a_line_without_a_time_is_nobodys_word(case: Case) -> None:
    """A witness that does not say when it saw a checkpoint does not help to make the quorum, nor to hold it young."""
    signed = case.world.clock.moment
    with tampering(case.world) as db:
        with no_triggers(db):
            db.execute(tables.cosignatures.delete())
            witness(case.world, db, keys=WITNESSES[:1], at=seconds(signed))
            witness(case.world, db, keys=WITNESSES[1:2], at=0)
        report = _audit(case, db)
        assert _kinds(case, report) == {K.NOT_WITNESSED}
        assert (report.states.witnessed, report.witnessed_at) == (0, None)
        with no_triggers(db):
            witness(case.world, db, keys=WITNESSES[2:], at=seconds(signed) + 50)
        report = _audit(case, db, at=signed + timedelta(seconds=90))
    assert not _kinds(case, report)
    assert (report.states.witnessed, report.cosignature_age_seconds) == (report.size, 40)


@pytest.mark.parametrize(("late", "found"), [(0, False), (5, False), (12, True), (86_400, True)])
def test_a_record_later_than_its_witness(case: Case, late: int, found: bool) -> None:
    """What a witness has seen was written before: the book's clock cannot run ahead unseen."""
    with tampering(case.world) as db:
        with no_triggers(db):
            witness(case.world, db, at=seconds(case.world.clock.moment) - late)
        kinds = _kinds(case, _audit(case, db))
    assert (K.RECORD_AFTER_WITNESS in kinds) == found


def test_one_bad_witness_of_three_is_not_enough(case: Case) -> None:
    """t30: a witness that signs a fork for the operator stays alone."""
    with tampering(case.world) as db:
        with no_triggers(db):
            db.execute(tables.cosignatures.delete())
            witness(case.world, db, keys=WITNESSES[2:])
        assert K.NOT_WITNESSED in _kinds(case, _audit(case, db))


def test_lines_inside_a_published_note(case: Case, tmp_path: Path) -> None:
    """A log that publishes its newest checkpoint before the witnesses came is read at `checkpoint.witnessed` too."""
    write_tiles(case.world.open, tmp_path / "tiles")
    key = case.world.open.vkey
    assert verify_tiles(tmp_path / "tiles", key, policy=POLICY).states.witnessed == case.untouched.size
    newest = tmp_path / "tiles/checkpoint"
    bare = b"\n".join(newest.read_bytes().split(b"\n")[:5]) + b"\n"
    newest.write_bytes(bare)
    (tmp_path / "tiles/checkpoint.witnessed").write_bytes(case.notes[-2][1])
    report = verify_tiles(tmp_path / "tiles", key, policy=POLICY)
    assert report.kinds() == {K.TAIL_NOT_WITNESSED}
    assert report.states.witnessed == case.notes[-2][0]
    lines = cosigned(case.notes[1][1], 1_800_000_000)  # of another checkpoint
    newest.write_bytes(bare + lines.encode())
    assert K.COSIGNATURE_INVALID in verify_tiles(tmp_path / "tiles", key, policy=POLICY).kinds()


# Restored


def test_what_a_restored_book_has_lost_is_open(sqlite_world: World) -> None:
    """Private values of the records put back are gone, and two officers have said so; any other loss is broken."""
    world = sqlite_world
    start = world.gift().index
    world.gift()
    end = world.gift().index + 1
    kept = world.gift().index
    root = root_of([leaf_of(body) for body in bodies(world)[:end]])
    said = world.say(
        "restored",
        backup_size=start,
        signed_size=end,
        signed_root=root.hex(),
        officers=["giam-doc", "ke-toan-truong"],
        minutes_sha256="5e" * 32,
        restored_on="2026-09-01",
    ).index
    check_book(world)
    with tampering(world) as db:
        t = tables.vault_values
        with no_triggers(db):
            db.execute(t.delete().where(t.c.index >= start, t.c.index < end))
            db.execute(
                tables.vault_subjects.delete().where(
                    tables.vault_subjects.c.subject.not_in(t.select().with_only_columns(t.c.subject))
                )
            )
        report = audit(world, db)
        assert [(f.kind, f.index, f.severity) for f in report.findings] == [(K.VAULT_LOST, said, "open")]
        with no_triggers(db):
            db.execute(t.delete().where(t.c.index == kept))
        assert (K.VAULT_ROW_MISSING, kept) in {(f.kind, f.index) for f in audit(world, db).findings}


def test_a_books_own_witnesses_may_change(sqlite_world: World) -> None:
    """Who was asked then is judged by what held then."""
    world = sqlite_world
    world.say("witnesses_set", policy=list(LINES))
    checkpoint_and_witness(world)
    one = world.gift().index + 1
    world.say("witnesses_set", policy=[f"witness c {WITNESSES[2].vkey}", "quorum c"])
    checkpoint_and_witness(world)  # by a and b, who are not asked any more
    report = verify_home(world.open)
    assert report.whole
    assert report.states.witnessed == one - 1
    with writing(world.open.engine) as db:
        witness(world, db, keys=WITNESSES[2:])
    assert verify_home(world.open).states.witnessed == report.size
    check_book(world)
    assert datetime.fromtimestamp(seconds(world.clock.moment), UTC).year == 2026
