"""Records that a restored backup lacks come back byte for byte from where they were published, or not at all.

Without this a fund whose disk died last night could never sign again.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ledger.restore
from api.v1.keeper import Keeper
from audit.findings import FindingKind
from ledger.entries.book import Restored
from ledger.home import Home
from ledger.log import canonical
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.restore import PutBack, RestoreRefused, restore
from ledger.signing import SignerRefused
from ledger.store import read
from ledger.store.append import append
from ledger.store.engine import reading
from tests.audits import check_book
from tests.conftest import fresh_database
from tests.ledger.saying import bodies, size
from tests.worlds import SHA, Randomness, World

LOST = [FindingKind.VAULT_LOST]


@pytest.fixture
def lost(tmp_path: Path, request: pytest.FixtureRequest, database: str | None) -> Iterator[tuple[World, list[bytes]]]:
    """A world over last night's database, with the keys of today, and the records of today as they were published."""
    second = None if database is None else fresh_database(request.getfixturevalue("postgresql"))
    today = World.create(tmp_path / "today", database)
    backup = World.create(tmp_path / "backup", second)
    for number in range(5):
        today.gift(1000 + number)
    today.open.checkpointer.run()
    published = bodies(today)
    for name in ("log.key", "signer.json"):
        (backup.home.path / "keys/hp" / name).write_bytes((today.home.path / "keys/hp" / name).read_bytes())
    backup.clock.moment = today.clock.moment
    # Another process: what it draws is not what was drawn before.
    home = Home(backup.home.path, database_url=second, clock=backup.clock, random_bytes=Randomness("after"))
    yield World(home, home.open_book("hp"), backup.clock, second), published
    home.close()
    today.home.close()
    backup.home.close()


def put_back(world: World, records: list[bytes], officers: tuple[str, str] = ("giam-doc", "ke-toan-truong")) -> PutBack:
    return restore(world.open, iter(records), officers=officers, minutes_sha256=SHA, by="admin")


def refused(world: World, records: list[bytes]) -> str:
    """Nothing is written by what is refused."""
    before = bodies(world)
    with pytest.raises(RestoreRefused) as caught:
        put_back(world, records)
    assert bodies(world) == before
    return caught.value.reason


def test_lost_records_come_back_byte_for_byte(lost: tuple[World, list[bytes]]) -> None:
    """Balances, registers and row MACs with them; what the vault held is lost, and both are said in the book."""
    world, published = lost
    have = size(world)
    with pytest.raises(SignerRefused, match="ROLLED_BACK"):
        world.open.checkpointer.run()
    done = put_back(world, published[have:])
    assert done == PutBack(have, len(published), len(published), private_lost=5)
    assert bodies(world)[:-1] == published
    said = decode(bodies(world)[-1]).entry
    assert isinstance(said, Restored)
    assert (said.backup_size, said.signed_size, said.officers) == (have, len(published), ("giam-doc", "ke-toan-truong"))
    assert world.balance("fund:sua") == 5 * 1000 + 10
    check_book(world, allow=LOST)
    # The book goes on, and whoever repeats a request of a lost record is told that its reference is taken.
    world.gift()
    reference = decode(published[-1]).reference.removeprefix("ke-toan/")
    entry = {"kind": "place_opened", "place": "cash:X1", "name": "X", "currency": "VND"}
    with pytest.raises(Rejected) as caught:
        world.open.requests.submit([{"entry": entry, "reference": reference}], "ke-toan")
    assert caught.value.reason == Reason.REFERENCE_REUSED
    assert refused(world, published[have:]) == "NOTHING_LOST"
    check_book(world, allow=LOST)


def test_the_server_signs_nothing_over_an_old_copy(lost: tuple[World, list[bytes]]) -> None:
    """Its thread is told so at its first run, before any signature, and goes on once the records are back."""
    world, published = lost
    memory = (world.home.path / "keys/hp/signer.json").read_bytes()
    keeper = Keeper("hp", world.open.checkpointer.run, 3600)
    keeper.start()
    try:
        with pytest.raises(SignerRefused, match="ROLLED_BACK"):
            keeper.wait()
        with reading(world.open.engine) as db:
            assert read.newest_checkpoint(db, "hp") is None
        assert (world.home.path / "keys/hp/signer.json").read_bytes() == memory
        put_back(world, published[size(world) :])
        assert keeper.wait()[0].size == len(published) + 1
    finally:
        keeper.stop()
    check_book(world, allow=LOST)


def test_nothing_is_recorded_over_an_old_copy(lost: tuple[World, list[bytes]]) -> None:
    """Such records could never be signed, and would stand in the way of putting the lost ones back."""
    world, records = lost
    with pytest.raises(Rejected) as told:
        world.gift(1)
    assert told.value.reason is Reason.BOOK_SET_BACK
    assert told.value.details == {"size": size(world), "signed": len(records)}
    put_back(world, records[size(world) :])
    world.gift(1)
    check_book(world, allow=LOST)


def changed(body: bytes) -> bytes:
    document = canonical.parse(body)
    assert isinstance(document, dict)
    document["by"] = "nobody"
    return canonical.encode(document)


WRONG: list[tuple[str, Callable[[list[bytes]], list[bytes]]]] = [
    ("RECORDS_MISSING", lambda tail: tail[:-1]),
    ("RECORDS_MISSING", lambda tail: []),
    ("RECORD_DIFFERS", lambda tail: tail[1:]),
    ("RECORD_DIFFERS", lambda tail: [tail[0], tail[0], *tail[2:]]),
    ("RECORD_DIFFERS", lambda tail: [tail[0] + b" ", *tail[1:]]),
    ("RECORD_DIFFERS", lambda tail: [changed(tail[0]), *tail[1:]]),
    ("FORKED", lambda tail: [*tail[:-1], changed(tail[-1])]),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_mirror_can_withhold_and_not_invent(lost: tuple[World, list[bytes]], number: int) -> None:
    """Anything but the signed records is refused before the first of them is written."""
    world, published = lost
    reason, spoil = WRONG[number]
    assert refused(world, spoil(published[size(world) :])) == reason
    put_back(world, published[size(world) :])
    check_book(world, allow=LOST)


def test_two_officers_answer_for_it(lost: tuple[World, list[bytes]]) -> None:
    """And nothing is put back without them."""
    world, published = lost
    have = size(world)
    with pytest.raises(Rejected) as caught:
        put_back(world, published[have:], ("giam-doc", "giam-doc"))
    assert (caught.value.reason, size(world)) == (Reason.NEEDS_TWO_OFFICERS, have)
    put_back(world, published[have:])
    check_book(world, allow=LOST)


def test_a_crash_leaves_none_or_all_of_it(lost: tuple[World, list[bytes]]) -> None:
    """Doing it again goes on from there, and the book says it once."""
    world, published = lost
    have = size(world)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    real = append

    def append_then_crash(*given: object, **named: object) -> None:
        real(*given, **named)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    for cut in (crash, append_then_crash):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ledger.restore, "append", cut)
            with pytest.raises(KeyboardInterrupt):
                put_back(world, published[have:])
        assert size(world) == have
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.open.checkpointer, "run", crash)
        with pytest.raises(KeyboardInterrupt):
            put_back(world, published[have:])
    done = put_back(world, published[have:])
    assert (done.backup_size, done.index, done.private_lost) == (have, len(published), 5)
    assert size(world) == len(published) + 1
    with reading(world.open.engine) as db:
        assert read.newest_checkpoint(db, "hp") is not None
    check_book(world, allow=LOST)
