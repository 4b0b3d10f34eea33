"""The signer signs only what continues what it signed before, read back from the database.

Without these a restored backup, a second history or a row slipped in by SQL would get our signature.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

import ledger.checkpointer
from ledger.checkpointer import Checkpointer
from ledger.home import Home
from ledger.log import canonical
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import Frontier, leaf_hash
from ledger.record import decode
from ledger.signing import FileSigner, SignerRefused
from ledger.store import read
from ledger.store.append import pack_frontier
from ledger.store.engine import driver_sql, reading
from tests.audits import check_book
from tests.conftest import fresh_database
from tests.ledger.saying import bodies, say, size
from tests.worlds import Randomness, World


def refused(run: Callable[[], object]) -> str:
    """The reason for which the signer will not sign."""
    with pytest.raises(SignerRefused) as caught:
        run()
    return caught.value.reason


@pytest.fixture
def tampered(tmp_path: Path, database: str | None) -> Iterator[World]:
    """A world that a test spoils: signed once, with records after it. It cannot end in an audit without findings."""
    world = World.create(tmp_path / "spoilt", database)
    world.open.checkpointer.run()
    world.gift()
    yield world
    world.home.close()


def sql(world: World, statement: str, *values: object) -> None:
    """What somebody with the database's password can do, triggers dropped first."""
    with world.open.engine.begin() as db:
        triggers = (
            db.execute(text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"))
            if db.dialect.name == "sqlite"
            else db.execute(
                text(
                    "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                    "WHERE NOT t.tgisinternal"
                )
            )
        )
        for name, table in list(triggers):
            on = "" if db.dialect.name == "sqlite" else f" ON {table}"
            db.execute(text(f"DROP TRIGGER {name}{on}"))
        db.exec_driver_sql(driver_sql(db, statement), values)


def signed(world: World) -> tuple[bytes, list[tuple[int, str]]]:
    """What the signer remembers and which checkpoints are kept."""
    with reading(world.open.engine) as db:
        kept = read.checkpoints(db, "hp")
    return (world.home.path / "keys" / "hp" / "signer.json").read_bytes(), kept


def refuses(world: World, reason: str) -> None:
    """The signer refuses for this reason, and nothing was signed, remembered or kept."""
    before = signed(world)
    assert refused(world.open.checkpointer.run) == reason
    assert signed(world) == before


# --- what goes well -----------------------------------------------------------------------------------------


def test_a_checkpoint_verifies_and_is_kept(world: World) -> None:
    """Origin, size and root of the book as committed, under the pinned key."""
    checkpoint, note = world.open.checkpointer.run()
    opened, *_ = open_checkpoint(note, world.open.vkey, origin=world.open.opened.origin)
    assert opened == checkpoint
    leaves = [leaf_hash(body) for body in bodies(world)]
    assert (checkpoint.size, checkpoint.root) == (len(leaves), Frontier().extend(leaves).root())
    with reading(world.open.engine) as db:
        assert read.checkpoints(db, "hp") == [(checkpoint.size, note.decode())]


def test_an_unchanged_book_signed_twice_gives_the_same_bytes(world: World) -> None:
    """Ed25519 over the same text; nothing new is kept."""
    first = world.open.checkpointer.run()
    before = signed(world)
    assert world.open.checkpointer.run() == first
    assert signed(world) == before


def test_the_signer_grows_over_many_checkpoints(world: World) -> None:
    """Over the boundary of a full tile, the frontier it remembers gives the root of all records."""
    from tests.ledger.saying import request
    from tests.worlds import vnd

    for count in (1, 2, 200, 100, 1):
        asked = [{"entry": request("gift_received", amount=vnd(1))} for _ in range(count)]
        world.open.requests.submit(asked, "may")
        checkpoint, _ = world.open.checkpointer.run()
        leaves = [leaf_hash(body) for body in bodies(world)]
        assert (checkpoint.size, checkpoint.root) == (len(leaves), Frontier().extend(leaves).root())


def test_a_crash_between_remembering_and_keeping_is_settled_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is ahead of the table then; the same checkpoint is signed again and kept."""
    world.gift()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger.checkpointer, "keep_checkpoint", crash)
        with pytest.raises(KeyboardInterrupt):
            world.open.checkpointer.run()
    memory, kept = signed(world)
    assert msgspec.json.decode(memory)["size"] == size(world)
    assert kept == []
    checkpoint, note = world.open.checkpointer.run()
    assert signed(world) == (memory, [(checkpoint.size, note.decode())])


def test_a_crash_before_remembering_signs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No signature exists that the signer does not remember."""
    before = signed(world)
    signatures: list[object] = []

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FileSigner, "remember", crash)
        patch.setattr(FileSigner, "sign", lambda *a: signatures.append(a))
        with pytest.raises(KeyboardInterrupt):
            world.open.checkpointer.run()
    assert (signed(world), signatures) == (before, [])
    assert world.open.checkpointer.run()[0].size == size(world)


def test_two_processes_take_turns(world: World) -> None:
    """They sign one growing log: every signed size fits the one before, whoever signed it."""
    home = Home(world.home.path, database_url=world.database, clock=world.clock, random_bytes=Randomness("second"))
    other = home.open_book("hp")
    inside: list[int] = []
    most: list[int] = []
    real = Checkpointer._grown

    def watched(self: Checkpointer, state: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.002)
        try:
            return real(self, state)
        finally:
            inside.pop()

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(9) as pool:
        patch.setattr(Checkpointer, "_grown", watched)
        writer = pool.submit(lambda: [world.gift(n + 1) for n in range(20)])
        runs = [pool.submit(opened.checkpointer.run) for opened in (world.open, other) * 8]
        checkpoints = [run.result()[0] for run in runs]
        writer.result()
    assert max(most) == 1, "two signers were inside at once"
    leaves = [leaf_hash(body) for body in bodies(world)]
    for checkpoint in checkpoints:
        assert checkpoint.root == Frontier().extend(leaves[: checkpoint.size]).root()
    home.close()


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.fixture
def twins(tmp_path: Path, request: pytest.FixtureRequest, database: str | None) -> Iterator[tuple[World, World]]:
    """Two worlds with the same bytes so far: the second stands for another copy of the first one's database."""
    second = None if database is None else fresh_database(request.getfixturevalue("postgresql"))
    worlds = (World.create(tmp_path / "a", database), World.create(tmp_path / "b", second))
    assert bodies(worlds[0]) == bodies(worlds[1])
    yield worlds
    for world in worlds:
        world.home.close()


def signer_over(signing: World, storing: World) -> Checkpointer:
    """One world's signer before the other one's database."""
    return Checkpointer(storing.open.engine, "hp", signing.open.signer, signing.open.keys)


def test_a_restored_old_database_is_rolled_back(twins: tuple[World, World]) -> None:
    """Yesterday's backup meets a signer that remembers today."""
    today, yesterday = twins
    today.gift()
    today.open.checkpointer.run()
    before = signed(today)
    assert refused(signer_over(today, yesterday).run) == "ROLLED_BACK"
    assert signed(today) == before
    assert signed(yesterday)[1] == []
    # The lost record written again byte for byte is the same history.
    yesterday.gift()
    assert signer_over(today, yesterday).run() == today.open.checkpointer.run()


def test_an_emptied_database_is_rolled_back(tampered: World) -> None:
    """No head at all is the oldest backup there is."""
    sql(tampered, "DELETE FROM heads")
    refuses(tampered, "ROLLED_BACK")


def test_another_history_of_the_same_length_is_a_fork(twins: tuple[World, World]) -> None:
    """And so is a longer one: only what continues the signed records is signed."""
    ours, theirs = twins
    ours.gift(500_000)
    theirs.gift(400_000)
    ours.open.checkpointer.run()
    assert refused(signer_over(ours, theirs).run) == "FORKED"
    theirs.gift()
    assert refused(signer_over(ours, theirs).run) == "FORKED"


def slip_in(world: World, *, mac: bytes | None = None, **changed: object) -> None:
    """A record written by hand: right bytes, right hashes, right head; some fields of its frame changed."""
    with reading(world.open.engine) as db:
        head = read.head(db, "hp")
        last = next(read.record_rows(db, "hp", size(world) - 1))
    assert head is not None
    model = decode(bytes(last.body))
    frame = {"index": head.size, "previous": head.leaf, "reference": "ke-toan/slipped", **changed}
    record = msgspec.structs.replace(model, **frame)
    body = canonical.encode_typed(record)
    leaf = leaf_hash(body)
    request = bytes(32)
    right = world.open.keys.row_mac("hp", head.size, leaf, request)
    sql(
        world,
        'INSERT INTO records (book, "index", leaf, reference, request, mac, body) VALUES (?,?,?,?,?,?,?)',
        *("hp", head.size, leaf, "ke-toan/slipped", request, mac or right, body),
    )
    frontier = head.frontier.append(leaf)
    sql(
        world,
        "UPDATE heads SET size = ?, root = ?, frontier = ?, leaf = ?, at = ? WHERE book = 'hp'",
        *(frontier.size, frontier.root(), pack_frontier(frontier), leaf.hex(), record.at),
    )


def test_a_row_slipped_in_by_sql_is_never_signed(tampered: World) -> None:
    """All its hashes are right; what it lacks is a key that lies outside the database."""
    slip_in(tampered, mac=bytes(32))
    refuses(tampered, "ROW_WITHOUT_MAC")


def test_a_mac_is_of_its_own_row(tampered: World) -> None:
    """A MAC taken from another row authenticates nothing."""
    with reading(tampered.open.engine) as db:
        mac = bytes(next(read.record_rows(db, "hp", size(tampered) - 1)).mac)
    slip_in(tampered, mac=mac)
    refuses(tampered, "ROW_WITHOUT_MAC")


@pytest.mark.parametrize("changed", [{"previous": "00" * 32}, {"index": 3}, {"book": "hq"}], ids=str)
def test_a_record_that_does_not_follow_is_not_signed(tampered: World, changed: dict[str, object]) -> None:
    """Even one that our own key has authenticated: the chain, the place and the book lie inside the leaves."""
    slip_in(tampered, **changed)
    refuses(tampered, "LINK_DIFFERS")


def test_changed_bytes_of_a_record_not_yet_signed(tampered: World) -> None:
    """Read back and hashed again, so the stored leaf hash is not believed."""
    body = bodies(tampered)[-1].replace(b'"minor":500000', b'"minor":400000')
    sql(tampered, 'UPDATE records SET body = ? WHERE "index" = ?', body, size(tampered) - 1)
    refuses(tampered, "LEAF_DIFFERS")


def test_a_missing_record_that_was_signed(tampered: World) -> None:
    """The first n records are not those that were signed if one of them is gone, wherever it stood."""
    sql(tampered, 'DELETE FROM records WHERE "index" = 3')
    refuses(tampered, "FORKED")
    sql(tampered, 'DELETE FROM records WHERE "index" > 3')
    refuses(tampered, "LEAF_DIFFERS")


def test_a_missing_record_not_yet_signed(tampered: World) -> None:
    """A gap below the head."""
    say(tampered, "interest_received")
    sql(tampered, 'DELETE FROM records WHERE "index" = ?', size(tampered) - 2)
    refuses(tampered, "LEAF_DIFFERS")


def test_a_changed_leaf_hash_of_a_signed_record_is_a_fork(tampered: World) -> None:
    """The signer's own root is compared with the stored hashes below it."""
    sql(tampered, 'UPDATE records SET leaf = ? WHERE "index" = 3', bytes(32))
    refuses(tampered, "FORKED")


def test_a_head_that_does_not_fit_its_records(tampered: World) -> None:
    """The head is derived; the records are what is signed."""
    with reading(tampered.open.engine) as db:
        head = read.head(db, "hp")
    assert head is not None
    other = Frontier(head.size, tuple(bytes(32) for _ in head.frontier.nodes))
    sql(tampered, "UPDATE heads SET frontier = ?, root = ?", pack_frontier(other), other.root())
    refuses(tampered, "ROOT_DIFFERS")


@pytest.mark.parametrize("damage", ["missing", "empty", "noise", "other root", "wrong shape", "other field"])
def test_a_signer_without_its_memory_does_not_sign(tampered: World, damage: str) -> None:
    """A key file copied elsewhere must not start a second history."""
    path = tampered.home.path / "keys" / "hp" / "signer.json"
    state = msgspec.json.decode(path.read_bytes())
    written = {
        "missing": None,
        "empty": b"",
        "noise": b"\xff\x00{",
        "other root": msgspec.json.encode({**state, "root": "00" * 32}),
        "wrong shape": msgspec.json.encode({**state, "size": state["size"] + 1}),
        "other field": msgspec.json.encode({**state, "note": 1}),
    }[damage]
    path.unlink()
    if written is not None:
        path.write_bytes(written)
    assert refused(tampered.open.checkpointer.run) == "NO_STATE"
    with reading(tampered.open.engine) as db:
        assert len(read.checkpoints(db, "hp")) == 1


def test_a_signer_starts_again_from_a_checkpoint_that_was_kept(tampered: World) -> None:
    """A lost state must not stop a fund for good, and must not let it sign another history."""
    kept = tampered.open.checkpointer.run()[1]
    tampered.gift()
    path = tampered.home.path / "keys" / "hp" / "signer.json"
    path.unlink()
    assert refused(lambda: tampered.open.checkpointer.run(kept.replace(b"A", b"B"))) == "NO_STATE"
    assert not path.exists()
    signed, _ = tampered.open.checkpointer.run(kept)
    assert signed.size == size(tampered)
    path.unlink()
    newest = tampered.open.checkpointer
    with reading(tampered.open.engine) as db:
        note = read.newest_checkpoint(db, "hp")
    assert note is not None
    assert newest.run(note.encode())[0] == signed
    assert newest.run(kept)[0] == signed, "a state that is there is kept"
    check_book(tampered)


def test_a_missing_or_damaged_key_is_named(tampered: World) -> None:
    """An operator reads what is wrong, not a traceback."""
    path = tampered.home.path / "keys" / "hp" / "log.key"
    path.write_text("PRIVATE+KEY+nonsense\n")
    assert refused(tampered.open.checkpointer.run) == "NO_KEY"
    path.unlink()
    assert refused(tampered.open.checkpointer.run) == "NO_KEY"
