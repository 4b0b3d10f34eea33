"""Killed at any moment, cut at any byte: what was promised is there, and the book goes on.

Two ways to crash, both on SQLite (PostgreSQL's own recovery is not ours to test):

1. `kill -9` of a real process while it appends and signs, 250 times (20,000 with SOVANG_LONG=1). The
   operating system lives on, so this finds a promise made too early, a half-kept state, a stuck lock.
2. Loss of power, on copies of the files. Covered is:
   a. the write-ahead log cut at every frame boundary, inside every frame, and with a last frame of
      zeros or noise (a torn write): what opens is a prefix of the records, with all whose bytes were synced;
   b. the moment when the log is copied into the database file: any subset of its pages, some half written,
      with the log still whole;
   c. the log begun anew over the old one: every prefix of new frames before the remains of the old;
   d. the signer's memory, replaced by temp file and rename: every prefix of those steps.
   Not covered: a disk that says "synced" and lies, and writes reordered across an fsync.
"""

import os
import random
import shutil
import signal
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.files import write_durably
from ledger.home import Home
from ledger.log.merkle import Frontier, leaf_hash
from ledger.record import decode
from ledger.store import read
from ledger.store.engine import reading
from tests.ledger.crash_child import append_until_killed
from tests.ledger.replayed import check_book, check_stored
from tests.ledger.saying import bodies, request, size
from tests.worlds import World, vnd

KILLS = 20_000 if os.environ.get("SOVANG_LONG") else 250
AUDIT_EVERY = 50


@dataclass
class Heard:
    """What the killed processes were promised, over all kills."""

    records: dict[int, str] = field(default_factory=dict)
    size: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    checkpoints: int = 0


def killed_while_appending(path: Path, seed: str, dice: random.Random) -> list[list[str]]:
    """Forks a process that appends, kills it after a while; returns the words of each whole line it said."""
    ear, mouth = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer interpreters warn of fork beside threads; the child has none
        child = os.fork()
    if child == 0:
        os.close(ear)
        append_until_killed(path, seed, mouth)
    os.close(mouth)
    with os.fdopen(ear, "rb") as heard:
        first = heard.readline()
        time.sleep(dice.uniform(0.005, 0.06))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        said = first + heard.read()
    assert first == b"open\n", "the child could not open the book after the last kill"
    assert os.WIFSIGNALED(status), "the child ended by itself"
    return [text.split() for text in said.decode().splitlines()[1:]]


def settle(world: World, heard: Heard, said: list[list[str]]) -> None:
    """After a kill: nothing promised is lost, there is no gap and no fork, and the signer goes on."""
    with reading(world.open.engine) as db:
        head = read.head(db, "hp")
        new = list(read.record_rows(db, "hp", heard.size))
    assert head is not None
    assert [row.index for row in new] == list(range(heard.size, head.size)), "a gap"
    for row in new:
        leaf, record = leaf_hash(bytes(row.body)), decode(bytes(row.body))
        assert leaf == bytes(row.leaf)
        previous = heard.records[row.index - 1]
        assert (record.index, record.previous) == (row.index, previous), "a fork"
        heard.records[row.index] = leaf.hex()
        heard.frontier = heard.frontier.append(leaf)
    heard.size = head.size
    assert heard.frontier.root() == head.root
    for what, number, digest in said:
        if what == "r":
            assert heard.records[int(number)] == digest, "an acknowledged record is lost or another"
        else:
            heard.checkpoints += 1
            with reading(world.open.engine) as db:
                assert read.frontier_at(db, "hp", int(number)).root().hex() == digest, "a signed root is not the book's"


def test_no_kill_loses_a_promise(tmp_path: Path) -> None:
    """No acknowledged record lost, no gap, no fork, the signer still signs; the whole audited in between."""
    world = World.create(tmp_path / "home", None)
    stored = bodies(world)
    leaves = [leaf_hash(body) for body in stored]
    heard = Heard({n: leaf.hex() for n, leaf in enumerate(leaves)}, len(stored), Frontier().extend(leaves))
    seed = os.environ.get("SOVANG_SEED", "kill")
    print(f"SOVANG_SEED={seed}")
    dice = random.Random(seed)
    acknowledged = 0
    for number in range(KILLS):
        world.home.close()
        said = killed_while_appending(world.home.path, f"{seed}-{number}", dice)
        settle(world, heard, said)
        acknowledged += sum(words[0] == "r" for words in said)
        if dice.random() < 0.3:
            assert world.open.checkpointer.run()[0].size == heard.size
        if number % AUDIT_EVERY == AUDIT_EVERY - 1 and number < 1000:
            check_stored(world)
    assert acknowledged > KILLS, "the children were killed before they did anything"
    assert heard.checkpoints > KILLS / 10
    checkpoint, _ = world.open.checkpointer.run()
    assert (checkpoint.size, checkpoint.root) == (heard.size, heard.frontier.root())
    check_book(world)
    world.home.close()


# --- loss of power ----------------------------------------------------------------------------------------

FRAME_HEADER, WAL_HEADER = 24, 32


@dataclass
class Disk:
    """The bytes of the database's files at one moment, and how many records were promised by then."""

    database: bytes
    log: bytes
    size: int


def disk(world: World) -> Disk:
    path = world.home.path / "sovang.db"
    log = path.with_name("sovang.db-wal")
    return Disk(path.read_bytes(), log.read_bytes() if log.exists() else b"", size(world))


def page_size(database: bytes) -> int:
    stated = int.from_bytes(database[16:18], "big")
    return 65_536 if stated == 1 else stated


def recovered(keys: Path, folder: Path, database: bytes, log: bytes) -> list[bytes]:
    """The records that a home opened on these files has, each chained to the one before."""
    home_path = folder / "copy"
    shutil.rmtree(home_path, ignore_errors=True)
    shutil.copytree(keys, home_path / "keys")
    (home_path / "sovang.db").write_bytes(database)
    (home_path / "sovang.db-wal").write_bytes(log)
    home = Home(home_path)
    try:
        with reading(home.engine) as db:
            head = read.head(db, "hp")
            rows = list(read.record_rows(db, "hp"))
            balances = read.all_balances(db, "hp")
    finally:
        home.close()
    assert head is not None
    found = [bytes(row.body) for row in rows]
    frontier = Frontier().extend([leaf_hash(body) for body in found])
    assert (head.size, head.root) == (len(found), frontier.root())
    given = sum(decode(body).entry.amount.minor for body in found if decode(body).entry.kind == "gift_received")
    assert balances.get(("donors", "VND"), 0) == -given
    return found


def gift(world: World, minor: int) -> None:
    world.open.requests.submit([{"entry": request("gift_received", amount=vnd(minor))}], "may")


@pytest.fixture
def drive(tmp_path: Path) -> World:
    """A book whose database file is whole and whose write-ahead log is short."""
    world = World.create(tmp_path / "home", None)
    with world.open.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    gift(world, 1)
    return world


def test_every_prefix_of_the_log_recovers(drive: World, tmp_path: Path) -> None:
    """Cut anywhere, also inside a write: a prefix of the records, none missing whose bytes were synced."""
    dice = random.Random("prefix")
    moments = [disk(drive)]
    for minor in range(2, 8):
        gift(drive, minor)
        moments.append(disk(drive))
        if minor == 4:
            drive.open.checkpointer.run()
            moments.append(disk(drive))
    story = bodies(drive)
    last = moments[-1]
    assert all(moment.database == last.database for moment in moments), "the log was copied too early for this test"
    assert all(last.log.startswith(moment.log) for moment in moments)
    frame = FRAME_HEADER + page_size(last.database)
    frames = (len(last.log) - WAL_HEADER) // frame
    assert frames > 40
    cuts = [(end := WAL_HEADER + n * frame, last.log[:end]) for n in range(frames + 1)]
    for n in range(frames):
        start = WAL_HEADER + n * frame
        end = start + dice.randrange(1, frame)
        cuts.append((end, last.log[:end]))
        noise = dice.randbytes(start + frame - end) if n % 2 else bytes(start + frame - end)
        cuts.append((end, last.log[:end] + noise))
    seen = set()
    for end, log in cuts:
        found = recovered(drive.home.path / "keys", tmp_path, last.database, log)
        promised = max((moment.size for moment in moments if len(moment.log) <= end), default=0)
        assert promised <= len(found) <= len(story)
        assert found == story[: len(found)]
        seen.add(len(found))
    assert len(seen) > 6, "the cuts should give many different prefixes"
    check_book(drive)
    drive.home.close()


def test_a_log_half_copied_into_the_database_recovers(drive: World, tmp_path: Path) -> None:
    """While pages are copied the log stays whole: whatever of them reached the disk, nothing is lost."""
    dice = random.Random("pages")
    for minor in range(2, 8):
        gift(drive, minor)
    before = disk(drive)
    with drive.open.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
    after = disk(drive)
    assert before.database != after.database
    assert before.log == after.log
    page = page_size(after.database)
    old = before.database.ljust(len(after.database), b"\0")
    pages = range(0, len(after.database), page)
    changed = [at for at in pages if old[at : at + page] != after.database[at : at + page]]
    assert len(changed) > 3
    for _ in range(40):
        mixed = bytearray(old)
        for at in dice.sample(changed, dice.randrange(len(changed) + 1)):
            length = page if dice.random() < 0.7 else dice.randrange(page)
            mixed[at : at + length] = after.database[at : at + length]
        assert recovered(drive.home.path / "keys", tmp_path, bytes(mixed), before.log) == bodies(drive)

    # The log begins anew over the old frames, whose salts no longer fit.
    story = bodies(drive)
    gift(drive, 8)
    anew = disk(drive)
    assert anew.log[:WAL_HEADER] != before.log[:WAL_HEADER]
    assert anew.database == after.database
    frame = FRAME_HEADER + page
    ends = [*range(0, len(anew.log), frame // 3)][:60]
    for end in ends:
        log = anew.log[:end] + before.log[end:]
        found = recovered(drive.home.path / "keys", tmp_path, after.database, log)
        assert found[: len(story)] == story
        assert len(found) in (len(story), len(story) + 1)
    whole = recovered(drive.home.path / "keys", tmp_path, anew.database, anew.log)
    assert whole == bodies(drive)
    check_book(drive)
    drive.home.close()


def test_every_prefix_of_the_signers_memory_recovers(tmp_path: Path) -> None:
    """Temp file of any length, or renamed: the signer has the old memory or the new, and goes on with either."""
    world = World.create(tmp_path / "home", None)
    world.open.checkpointer.run()
    folder = world.home.path / "keys" / "hp"
    state, temporary = folder / "signer.json", folder / ".signer.json.new"
    old = state.read_bytes()
    gift(world, 5)
    expected, note = world.open.checkpointer.run()
    new = state.read_bytes()
    assert old != new
    for length in range(0, len(new) + 1, 7):
        state.write_bytes(old)
        temporary.write_bytes(new[:length])
        checkpoint, again = world.open.checkpointer.run()
        assert (checkpoint, again) == (expected, note)
        assert (state.read_bytes(), temporary.exists()) == (new, False)
    state.write_bytes(new)
    assert world.open.checkpointer.run() == (expected, note)
    check_book(world)
    world.home.close()


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order above is the one the program really uses; a rename before the sync could leave an empty file."""
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        steps.append("sync " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    folder = tmp_path / "keys"
    folder.mkdir()
    write_durably(folder / "signer.json", b"{}", private=True)
    assert steps == ["sync .signer.json.new", "rename", "sync keys"]
    assert (folder / "signer.json").stat().st_mode & 0o777 == 0o600
