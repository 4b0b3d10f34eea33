"""A log key is replaced once, whatever happens on the way, and no moment exists in which the wrong one signs.

Without these a crash would leave a book that nobody can sign, or two keys that both can.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger.checkpointer
import ledger.signing
from audit.database import verify_home
from audit.findings import FindingKind
from ledger import keyfile
from ledger.book import Book
from ledger.entries.book import KeyReplaced
from ledger.home import Home
from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import SigningKey, VerifierKey
from ledger.log.replacement import sign, statement
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.requests import refuse_done
from ledger.rotation import log_keys, rotate, signer_of
from ledger.signing import FileSigner, SignerRefused
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.saying import bodies, size
from tests.worlds import Randomness, World


def again(world: World, *, passphrase: str | None = None, seed: str = "again") -> World:
    """The same home in a new process."""
    home = Home(
        world.home.path,
        database_url=world.database,
        clock=world.clock,
        random_bytes=Randomness(seed),
        passphrase=lambda: passphrase,
    )
    return World(home, home.open_book("hp"), world.clock, world.database)


def refused(run: Callable[[], object]) -> str:
    with pytest.raises(SignerRefused) as caught:
        run()
    return caught.value.reason


def notes(world: World) -> dict[int, str]:
    with reading(world.open.engine) as db:
        return dict(read.checkpoints(db, "hp"))


def replacements(world: World) -> list[tuple[int, KeyReplaced]]:
    decoded = (decode(body) for body in bodies(world))
    return [(record.index, record.entry) for record in decoded if isinstance(record.entry, KeyReplaced)]


def files(world: World) -> list[str]:
    return sorted(path.name for path in (world.home.path / "keys/hp").iterdir())


WHOLE = ["log.key", "signer.json", "signer.lock"]


def assert_replaced(world: World, old: VerifierKey) -> VerifierKey:
    """One replacement of `old`, both signatures at exactly its size, the new key in force and nothing left over."""
    [(index, entry)] = replacements(world)
    new = VerifierKey.parse(entry.new_key)
    assert entry.old_key == old.vkey
    assert (world.open.vkey, files(world)) == (new, WHOLE)
    note = notes(world)[index + 1].encode()
    assert open_checkpoint(note, old)[0] == open_checkpoint(note, new)[0]
    for other, kept in notes(world).items():
        if other != index + 1:
            open_checkpoint(kept.encode(), old if other <= index else new)
    with reading(world.open.engine) as db:
        assert log_keys(db, "hp") == [old, new]
        assert signer_of(db, "hp", note.decode()) == new
    return new


def test_a_key_is_replaced_and_the_book_goes_on(world: World) -> None:
    """Auditors who pinned either key find the book whole."""
    world.open.checkpointer.run()
    world.gift()
    old, inode = world.open.vkey, (world.home.path / "keys/hp/log.key").open("rb")
    done = rotate(world.open, "admin")
    assert (done.old, done.compromised, done.finished, done.index) == (old, False, False, size(world) - 1)
    assert not inode.read().strip(b"\0"), "the old key's file was not overwritten"
    inode.close()
    world.gift()
    world.open.checkpointer.run()
    assert assert_replaced(world, old) == done.new
    for pinned in (old, done.new):
        report = verify_home(world.open, database=True, vkey=pinned)
        assert (report.whole, report.findings) == (True, ())
    second = rotate(world.open, "admin")
    assert second.old == done.new
    check_book(world)


def test_a_compromised_key_is_told_apart(sqlite_world: World) -> None:
    """Who still pins the stolen key is told to pin the new one; who does, finds the book whole."""
    old = sqlite_world.open.vkey
    done = rotate(sqlite_world.open, "admin", compromised=True)
    assert replacements(sqlite_world)[0][1].old_signature is not None
    assert_replaced(sqlite_world, old)
    assert verify_home(sqlite_world.open, database=True, vkey=done.new).findings == ()
    report = verify_home(sqlite_world.open, database=True, vkey=old)
    assert [found.kind for found in report.findings] == [FindingKind.KEY_COMPROMISED]


@pytest.mark.parametrize("lost", ["passphrase", "file", "noise"])
def test_a_key_that_no_longer_opens_is_replaced_as_compromised(sqlite_world: World, lost: str) -> None:
    """A forgotten passphrase must not end a book; only the new key signs then."""
    old, path = sqlite_world.open.vkey, sqlite_world.home.path / "keys/hp/log.key"
    sqlite_world.open.checkpointer.run()
    if lost == "passphrase":
        sqlite_world.open.signer.change_passphrase("first", Randomness())
    elif lost == "file":
        path.unlink()
    else:
        path.write_text("noise")
    world = again(sqlite_world, passphrase="second")
    assert refused(lambda: rotate(world.open, "admin")) == {"passphrase": "PASSPHRASE_WRONG"}.get(lost, "NO_KEY")
    if lost == "passphrase":
        # What does not open the old key is not taken for the new one's passphrase unless it is said to be.
        assert refused(lambda: rotate(world.open, "admin", compromised=True)) == "PASSPHRASE_WRONG"
    done = rotate(world.open, "admin", compromised=True, passphrase="second")
    [(index, entry)] = replacements(world)
    assert (entry.old_key, entry.old_signature) == (old.vkey, None)
    assert open_checkpoint(notes(world)[index + 1].encode(), done.new)[0].size == index + 1
    assert keyfile.is_sealed(path.read_bytes())
    assert files(world) == WHOLE
    check_book(world)
    world.home.close()
    sqlite_world.home.signer("hp")._ask = lambda: "second"


def test_a_sealed_key_is_followed_by_a_sealed_one(sqlite_world: World) -> None:
    """Under the same passphrase, or under another one that is given; a process that knew only the older is locked."""
    old = sqlite_world.open.vkey
    sqlite_world.open.signer.change_passphrase("first", Randomness())
    server = again(sqlite_world, passphrase="first")
    server.open.checkpointer.run()
    command = again(sqlite_world, passphrase="first")
    rotate(command.open, "admin")
    assert_replaced(command, old)
    server.gift()
    server.open.checkpointer.run()
    rotate(again(sqlite_world, passphrase="first", seed="third").open, "admin", passphrase="second")
    memory = (sqlite_world.home.path / "keys/hp/signer.json").read_bytes()
    server.gift()
    assert refused(server.open.checkpointer.run) == "PASSPHRASE_WRONG"
    assert (sqlite_world.home.path / "keys/hp/signer.json").read_bytes() == memory
    sqlite_world.open.signer._ask = lambda: "second"


# --- crashes ------------------------------------------------------------------------------------------------

STEPS: tuple[tuple[Any, str], ...] = (
    (ledger.signing, "write_durably"),  # the next key; the memory
    (Book, "record"),
    (ledger.checkpointer, "keep_checkpoint"),
    (ledger.checkpointer.Checkpointer, "hand_over"),
    (os, "link"),
    (Path, "replace"),  # of a temporary file; of the key itself
    (ledger.signing, "sync_folder"),
    (ledger.signing, "_destroy"),
)


class Crash(BaseException):
    """The plug is pulled."""


def crash_at(patch: pytest.MonkeyPatch, number: int, *, persisted: bool) -> list[str]:
    """The step of that number fails, before or after it took effect; returns the steps that were begun."""
    begun: list[str] = []

    def cut(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def step(*given: Any, **named: Any) -> object:
            begun.append(name)
            mine = len(begun)
            if mine == number and not persisted:
                raise Crash
            answer = real(*given, **named)
            if mine == number:
                raise Crash
            return answer

        return step

    for owner, name in STEPS:
        patch.setattr(owner, name, cut(name, getattr(owner, name)))
    return begun


def count_steps(world: World) -> int:
    with pytest.MonkeyPatch.context() as patch:
        begun = crash_at(patch, 0, persisted=False)
        rotate(world.open, "admin")
    return len(begun)


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize("busy", [False, True], ids=["alone", "server goes on"])
def test_a_crash_at_any_step_is_gone_on_from(tmp_path: Path, *, persisted: bool, busy: bool) -> None:
    """In between, other processes record and are refused the signature; rotating again finishes the same one."""
    tried = World.create(tmp_path / "count", None)
    steps = count_steps(tried)
    tried.home.close()
    assert steps >= 12
    for number in range(1, steps + 1):
        world = World.create(tmp_path / f"at-{number}", None)
        world.open.checkpointer.run()
        old = world.open.vkey
        with pytest.MonkeyPatch.context() as patch:
            begun = crash_at(patch, number, persisted=persisted)
            with pytest.raises(Crash):
                rotate(world.open, "admin")
        said = len(replacements(world))
        where = f"step {number} of {steps}: {begun}"
        server = again(world, seed=f"server {number}")
        if busy:
            server.gift()
            if said == 1 and server.open.vkey == old:
                assert refused(server.open.checkpointer.run) == "KEY_CLOSED", where
            else:
                checkpoint, note = server.open.checkpointer.run()
                assert open_checkpoint(note, server.open.vkey)[0] == checkpoint, where
                assert (server.open.vkey != old) == (said == 1), where
        if server.open.vkey == old or "log.key.old" in files(world):
            done = rotate(again(world, seed=f"again {number}").open, "admin")
            assert done.finished == (said == 1), where
        assert len(replacements(world)) == 1, where
        server.gift()
        server.open.checkpointer.run()
        assert_replaced(server, old)
        check_book(server)
        server.home.close()
        world.home.close()


# --- what is refused ----------------------------------------------------------------------------------------


def begun(world: World) -> KeyReplaced:
    """A rotation that was cut off right after its record."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.checkpointer.Checkpointer, "hand_over", lambda *_: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            rotate(world.open, "admin")
    return replacements(world)[0][1]


def test_the_old_key_signs_nothing_beyond_its_replacement(sqlite_world: World) -> None:
    """Neither before the rotation is finished nor when its file is put back afterwards, with its memory or without."""
    folder = sqlite_world.home.path / "keys/hp"
    sqlite_world.open.checkpointer.run()
    old = {name: (folder / name).read_bytes() for name in ("log.key", "signer.json")}
    begun(sqlite_world)
    kept = notes(sqlite_world)
    assert refused(sqlite_world.open.checkpointer.run) == "KEY_CLOSED"
    assert refused(again(sqlite_world).open.checkpointer.run) == "KEY_CLOSED"
    assert notes(sqlite_world) == kept
    rotate(sqlite_world.open, "admin")
    new = {name: (folder / name).read_bytes() for name in old}
    kept = notes(sqlite_world)
    for put_back in (["log.key"], ["log.key", "signer.json"]):
        for name in put_back:
            (folder / name).write_bytes(old[name])
        assert refused(again(sqlite_world).open.checkpointer.run) == "KEY_CLOSED"
        assert refused(lambda: rotate(again(sqlite_world).open, "admin")) == "KEY_DIFFERS"
        for name in old:
            (folder / name).write_bytes(new[name])
    assert notes(sqlite_world) == kept
    (folder / "signer.json").unlink()
    (folder / "log.key").write_bytes(old["log.key"])
    newest = notes(sqlite_world)[max(kept)].encode()
    restarted = again(sqlite_world).open.checkpointer
    before = min(kept)
    assert refused(lambda: restarted.run(kept[before].encode())) == "KEY_CLOSED"
    (folder / "log.key").write_bytes(new["log.key"])
    sqlite_world.open.checkpointer.run(newest)


def test_no_key_is_replaced_in_a_book_put_back(sqlite_world: World, tmp_path: Path) -> None:
    """The replacement would be the first record of a second history."""
    sqlite_world.open.checkpointer.run()
    older = World.create(tmp_path / "older", None)
    sqlite_world.gift()
    sqlite_world.open.checkpointer.run()
    state = older.open.signer.state_before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileSigner, "state_before", lambda _: sqlite_world.open.signer.state())
        assert refused(lambda: rotate(older.open, "admin")) == "ROLLED_BACK"
    assert replacements(older) == []
    assert state() == older.open.signer.state()
    older.home.close()


def test_a_commit_nobody_heard_of_is_found_again(sqlite_world: World) -> None:
    """Whoever rotates again, and with whatever flag: the record that is there is the one that is finished."""
    old = sqlite_world.open.vkey
    begun(sqlite_world)
    done = rotate(again(sqlite_world).open, "somebody-else", compromised=True)
    assert (done.finished, done.compromised) == (True, False)
    assert_replaced(sqlite_world, old)


def test_a_replacement_needs_both_signatures(sqlite_world: World) -> None:
    """The old one must have signed, and over this very statement; at the door nobody replaces a key at all."""
    key, other = sqlite_world.open.signer.key(), SigningKey.from_seed(sqlite_world.open.vkey.name, bytes(32))
    text = statement(key.name, key.vkey, other.vkey, compromised=False)
    asked = {
        "compromised": False,
        "old_key": key.vkey,
        "new_key": other.vkey,
        "new_signature": sign(other, text),
    }
    for wrong in ({}, {"old_signature": sign(other, text)}, {"old_signature": sign(key, text + b"\n")}):
        with pytest.raises(Rejected) as caught:
            sqlite_world.say("key_replaced", **asked, **wrong)
        assert caught.value.reason == Reason.SIGNATURE_INVALID
    with pytest.raises(Rejected) as caught:
        refuse_done({"entry": {"kind": "key_replaced"}})
    assert caught.value.reason == Reason.MALFORMED
    assert replacements(sqlite_world) == []
