"""Lots and marks that are kept say what the fold of all records says, at every size, however they were come by."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from audit.queries import balances
from audit.trace import trace, trace_stored
from ledger import folding
from ledger.folding import catch_up
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.store import read, tables
from ledger.store.engine import open_engine, reading, writing
from ledger.store.folded import NOTHING, Folded, Keeper, KeptLots, folded
from ledger.tracing import Tracing
from tests.audits import check_book
from tests.ledger.saying import bodies, first_year
from tests.ledger.test_tracing import RandomBook, Step, steps
from tests.worlds import START, TODAY, World, vnd

BOOK = "hp"


def said(tracing: Tracing, size: int) -> list[object]:
    """Everything that can be asked of a fold."""
    return [
        (tracing.uses_of(i), tracing.where_is(i), tracing.refunded(i), tracing.made_of(i), tracing.reversed_by(i))
        for i in range(size)
    ]


@contextmanager
def empty() -> Iterator[Connection]:
    """A database of one's own, in memory."""
    engine = open_engine("sqlite://")
    with writing(engine) as db:
        tables.metadata.create_all(db)
        yield db
    engine.dispose()


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40), st.integers(1, 9))
def test_what_is_kept_says_what_the_fold_says(story: Sequence[Step], at_once: int) -> None:
    """Lost without it: a donor is told one thing by the page and another by the auditor."""
    book = RandomBook()
    for minor in (300, 200):
        book.gift(minor)
    for step in story:
        book.step(step)
    size = len(book.entries)
    whole = Tracing()
    expected = []
    for index, entry in enumerate(book.entries):
        whole.apply(index, entry, entry.postings())
        expected.append(said(whole, index + 1))
    with empty() as db:
        done = NOTHING
        while done.size < size:
            tracing = Tracing(KeptLots(db, BOOK, done) if done.size else None, journal=True)
            keeper = Keeper(db, BOOK, done.size)
            end = min(done.size + at_once, size)
            for index in range(done.size, end):
                entry = book.entries[index]
                tracing.apply(index, entry, entry.postings())
                keeper.take(index, tracing.changes())
            done = Folded(end, "", tracing.newest_day)
            keeper.write(done)
            assert said(tracing, end) == expected[end - 1]
        for asked in range(1, size + 1):
            assert said(Tracing(KeptLots(db, BOOK, done, asked)), asked) == expected[asked - 1]


def test_answers_of_a_stored_book(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole year, on both databases: kept by parts, asked at every few sizes, and of what is not kept yet."""
    first_year(world)
    stored = bodies(world)
    monkeypatch.setattr(folding, "AT_ONCE", 7)
    code = world.open.code
    with reading(world.open.engine) as db:
        assert folded(db, code) == NOTHING
        assert trace_stored(db, code, 12) == trace(stored, 12)
    catch_up(world.open.engine, code)
    world.gift(77_000)
    world.gift(78_000)
    later = bodies(world)
    with reading(world.open.engine) as db:
        assert folded(db, code).size == len(stored) < len(later)
        for at in [*range(1, len(later), 9), len(later) - 1, len(later)]:
            for index in range(0, at, 1 if at == len(later) else 5):
                assert trace_stored(db, code, index, at) == trace(later, index, at)
    check_book(world)


def test_balances_as_of_every_index(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By marks and by what was posted since, for all accounts and for one."""
    first_year(world)
    monkeypatch.setattr("ledger.store.folded.MARK", 8)
    monkeypatch.setattr(folding, "AT_ONCE", 13)
    catch_up(world.open.engine, world.open.code)
    world.gift(77_000)
    sums: dict[tuple[str, str], int] = {}
    for index, body in enumerate(bodies(world)):
        for posting in decode(body).postings:
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                sums[key] = sums.get(key, 0) + sign * posting.amount.minor
        if index % 5 and index < len(sums):
            continue
        assert {(r.account, r.unit): r.minor for r in balances(world.open, at=index)} == sums
        for account in ("fund:sua", "bank:VCB", "donors", "fund:nowhere"):
            of_it = {key: minor for key, minor in sums.items() if key[0] == account}
            assert {(r.account, r.unit): r.minor for r in balances(world.open, at=index, account=account)} == of_it
    with writing(world.open.engine) as db:
        db.execute(tables.marks.delete())
        db.execute(tables.folded.delete())
    monkeypatch.undo()
    catch_up(world.open.engine, world.open.code)
    check_book(world)


def test_cut_off_in_the_middle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens between two parts leaves an older size, which is asked and gone on from like any other."""
    first_year(world)
    stored, code = bodies(world), world.open.code
    monkeypatch.setattr(folding, "AT_ONCE", 11)
    written: list[int] = []

    def broken(keeper: Keeper, done: Folded) -> None:
        write(keeper, done)
        written.append(done.size)
        if len(written) == 3:
            raise RuntimeError("the power fails before the commit")

    write = Keeper.write
    monkeypatch.setattr(Keeper, "write", broken)
    with pytest.raises(RuntimeError):
        catch_up(world.open.engine, code)
    with reading(world.open.engine) as db:
        assert folded(db, code).size == 22 < written[-1]
        assert [trace_stored(db, code, i) for i in range(30)] == [trace(stored, i) for i in range(30)]
    catch_up(world.open.engine, code)
    with reading(world.open.engine) as db:
        assert folded(db, code).size == len(stored)
    check_book(world)


def test_two_at_once_write_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head's lock is taken first: a second run finds what the first has written."""
    first_year(world)
    monkeypatch.setattr(folding, "AT_ONCE", 5)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(catch_up, world.open.engine, world.open.code) for _ in range(2)]:
            done.result()
    check_book(world)


def test_a_rule_is_set_once_and_before_its_year(world: World) -> None:
    """Lost without it: what donors were told is followed anew whenever it suits somebody."""
    for fields, reason in (
        ({"year": TODAY.year}, Reason.MALFORMED),
        ({"year": TODAY.year - 1}, Reason.MALFORMED),
        ({"fund": "khong-co"}, Reason.NO_SUCH_FUND),
        ({"rule": "lifo"}, Reason.MALFORMED),
        ({}, None),
        ({"rule": "fifo"}, Reason.ALREADY_EXISTS),
    ):
        asked = {"fund": "sua", "rule": "pro_rata", "year": TODAY.year + 1, **fields}
        if reason is None:
            world.say("tracing_set", **asked)
            continue
        with pytest.raises(Rejected) as refused:
            world.say("tracing_set", **asked)
        assert refused.value.reason is reason
    one, two = world.gift(300).index, world.gift(100).index
    year = TODAY.year + 1
    with reading(world.open.engine) as db:
        assert f"pro rata in {year}" in trace_stored(db, world.open.code, one).rule
    world.clock.moment = START.replace(year=year)
    paid = {"place": "bank:VCB", "parts": [], "fund": "sua", "amount": vnd(100)}
    world.say("bank_fee_charged", **paid, charged_on=TODAY.isoformat())
    world.say("bank_fee_charged", **paid, charged_on=TODAY.replace(year=year).isoformat())
    catch_up(world.open.engine, world.open.code)
    # The first fee was of the old year: all of the first gift. Of the second ⌊100·200/300⌋ = 66 and 34.
    with reading(world.open.engine) as db:
        told = [trace_stored(db, world.open.code, gift).uses for gift in (one, two)]
    assert [[use.amount_minor for use in uses] for uses in told] == [[100, 66], [34]]
    check_book(world)


def test_lots_of_another_book_are_made_again(world: World) -> None:
    """Somebody's copy put beside newer records: what does not belong to these records is not gone on from."""
    first_year(world)
    catch_up(world.open.engine, world.open.code)
    with writing(world.open.engine) as db:
        db.execute(tables.folded.update().values(leaf="00" * 32, size=9))
    catch_up(world.open.engine, world.open.code)
    with reading(world.open.engine) as db:
        head = read.head(db, world.open.code)
        assert head is not None
        done = folded(db, world.open.code)
        assert (done.size, done.leaf) == (head.size, head.leaf)
    check_book(world)
