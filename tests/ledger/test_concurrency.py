"""Many callers at once, a database that fails, a COMMIT whose answer is lost.

Without these a donor's click could be recorded twice, the last đồng spent twice, or a record promised that
is not there.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

import ledger.book
import ledger.store.append
from ledger.book import Recorded
from ledger.group import GroupCommit
from ledger.home import Home, OpenBook
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import CommitUnknown, StoreUnavailable, writing
from tests.ledger.saying import bodies, request, say, size
from tests.worlds import Randomness, World, vnd

CALLERS = 32


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Calls made at the same moment, each in a thread; answers or refusals in their order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except (Rejected, StoreUnavailable, CommitUnknown) as refused:
            return refused

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def submit(opened: OpenBook, entry: dict[str, Any], reference: str | None = None) -> Recorded:
    asked = {"entry": entry} if reference is None else {"entry": entry, "reference": reference}
    return opened.requests.submit([asked], "ke-toan")[0]


def second_process(world: World, tmp_path: Path, seed: str) -> OpenBook:
    """The same book opened once more, as another process would."""
    home = Home(world.home.path, database_url=world.database, clock=world.clock, random_bytes=Randomness(seed))
    return home.open_book("hp")


def test_the_same_reference_from_32_threads_is_one_record(world: World) -> None:
    """Everybody hears of the same record, and it is recorded once."""
    before = size(world)
    entry = request("gift_received")
    answers = together([lambda: submit(world.open, entry, "phieu-1")] * CALLERS)
    assert {(a.index, a.leaf_hash) for a in answers} == {(before, answers[0].leaf_hash)}
    assert sorted(a.repeated for a in answers) == [False] + [True] * (CALLERS - 1)
    assert (size(world), world.balance("fund:sua")) == (before + 1, 500_000)


def test_the_same_reference_from_two_processes_is_one_record(world: World, tmp_path: Path) -> None:
    """The same where no memory is shared: the database's lock decides."""
    other = second_process(world, tmp_path, "other")
    entry = request("gift_received")
    answers = together([lambda b=b: submit(b, entry, "phieu-1") for b in (world.open, other) * 8])
    assert len({(a.index, a.leaf_hash) for a in answers}) == 1
    assert [a.repeated for a in answers].count(False) == 1
    other.home.close()


def test_a_reference_reused_is_refused_and_the_first_record_stands(world: World) -> None:
    """Another request under the same reference is a mistake of the caller, not a second record."""
    first = submit(world.open, request("gift_received"), "phieu-1")
    with pytest.raises(Rejected) as caught:
        submit(world.open, request("gift_received", amount=vnd(1)), "phieu-1")
    assert caught.value.reason is Reason.REFERENCE_REUSED
    assert caught.value.details["index"] == first.index
    again = submit(world.open, request("gift_received"), "phieu-1")
    assert (again.index, again.leaf_hash, again.repeated) == (first.index, first.leaf_hash, True)


def test_the_same_reference_twice_in_one_request_is_one_record(world: World) -> None:
    """An import that names a line twice records it once."""
    asked = {"entry": request("gift_received"), "reference": "phieu-1"}
    first, second = world.open.requests.submit([asked, asked], "ke-toan")
    assert (first.index, first.repeated, second.index, second.repeated) == (first.index, False, first.index, True)


def test_the_last_dong_is_allocated_once(world: World) -> None:
    """32 boards allocate the same 100 đồng at once: one succeeds."""
    world.gift(100)
    orders = [request("allocated", allocation=f"pb-{n}", amount=vnd(100)) for n in range(CALLERS)]
    answers = together([lambda entry=entry: submit(world.open, entry) for entry in orders])
    refused = [a for a in answers if isinstance(a, Rejected)]
    assert len(refused) == CALLERS - 1
    assert {r.reason for r in refused} == {Reason.WOULD_BE_OVERDRAWN}
    assert world.balance("fund:sua") == 0


def test_the_last_dong_is_allocated_once_by_two_processes(world: World, tmp_path: Path) -> None:
    """Each process has read the balance before the other writes: what was cached does not count."""
    other = second_process(world, tmp_path, "other")
    world.gift(100)
    assert say(world, "allocated", allocation="warm", amount=vnd(1)).index
    calls = [
        lambda b=b, n=n: submit(b, request("allocated", allocation=f"pb-{n}", amount=vnd(99)))
        for n, b in enumerate((world.open, other) * 8)
    ]
    answers = together(calls)
    assert sum(isinstance(a, Recorded) for a in answers) == 1
    assert world.balance("fund:sua") == 0
    other.home.close()


def test_callers_at_the_same_time_share_transactions(world: World) -> None:
    """Group commit: a commit costs a sync of the disk, and 32 callers need fewer than 32."""
    commits = []
    release = threading.Event()

    def slow_first(_connection: object) -> None:
        commits.append(1)
        if len(commits) == 1:
            release.wait(5)

    event.listen(world.open.engine, "commit", slow_first)
    entries = [request("gift_received", amount=vnd(n + 1)) for n in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(submit, world.open, entry) for entry in entries]
        while len(world.open.book._group._waiting) < CALLERS - 1:
            threading.Event().wait(0.001)
        release.set()
        answers = [future.result() for future in running]
    event.remove(world.open.engine, "commit", slow_first)
    assert len({a.index for a in answers}) == CALLERS
    assert len(commits) == 2
    assert world.balance("fund:sua") == sum(range(1, CALLERS + 1))


def test_more_callers_than_one_transaction_takes_are_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose turn takes others' work only must go on, or it would wait for ever."""
    monkeypatch.setattr("ledger.group.MOST_CALLERS", 2)
    batches: list[int] = []

    def write(jobs: Sequence[int]) -> list[int]:
        batches.append(len(jobs))
        return [job * 2 for job in jobs]

    group: GroupCommit[int, int] = GroupCommit(write)
    others: list[Future[int]] = [Future() for _ in range(4)]
    group._waiting.extend(enumerate(others))
    alone = threading.Thread(target=lambda: batches.append(-group.submit(21)), daemon=True)
    alone.start()
    alone.join(10)
    assert batches == [2, 2, 1, -42]
    assert [other.result(0) for other in others] == [0, 2, 4, 6]


def test_two_processes_interleave_without_gap_or_fork(world: World, tmp_path: Path) -> None:
    """Each sees what the other wrote, at once: the cache is worth nothing when the head has moved."""
    other = second_process(world, tmp_path, "other")
    before = size(world)
    for n in range(6):
        submit((world.open, other)[n % 2], request("gift_received", amount=vnd(10)))
        entry = request("allocated", allocation=f"pb-{n}", amount=vnd(10))
        submit((other, world.open)[n % 2], entry)
        with pytest.raises(Rejected) as caught:
            submit((world.open, other)[n % 2], entry)
        assert caught.value.reason is Reason.ALREADY_EXISTS
    calls = [
        lambda b=b, n=n: submit(b, request("gift_received", amount=vnd(n + 1)))
        for n, b in enumerate((world.open, other) * 16)
    ]
    answers = together(calls)
    assert sorted(a.index for a in answers) == list(range(before + 12, before + 12 + CALLERS))
    assert len(bodies(world)) == size(world) == before + 12 + CALLERS
    other.home.close()


def test_a_refused_caller_leaves_nothing_to_the_next_in_its_group(world: World) -> None:
    """Balances, codes, numbers and the place in the log that it would have taken are free again."""
    world.gift(100)
    before = size(world)
    spoilt = [
        {"entry": request("allocated", allocation="pb-x", amount=vnd(80)), "reference": "a"},
        {"entry": request("payment_ordered", allocation="pb-x", order="lc-x", amount=vnd(81)), "reference": "b"},
    ]
    fine = [
        {"entry": request("allocated", allocation="pb-x", amount=vnd(60)), "reference": "a2"},
        {"entry": request("payment_ordered", allocation="pb-x", order="lc-x", amount=vnd(60)), "reference": "b"},
    ]
    broken, kept, unknown = world.open.requests.submit_each([spoilt, fine, [{"entry": {"kind": "nothing"}}]], "ke-toan")
    assert isinstance(broken, Rejected)
    assert (broken.reason, broken.details["number"]) == (Reason.WOULD_BE_OVERDRAWN, 1)
    assert isinstance(kept, tuple)
    assert [k.index for k in kept] == [before, before + 1]
    assert isinstance(unknown, Rejected)
    assert (world.balance("fund:sua"), world.balance("ordered:lc-x")) == (40, 60)
    assert submit(world.open, spoilt[0]["entry"] | {"allocation": "pb-y", "amount": vnd(40)}, "a").repeated is False


def test_one_malformed_reference_spoils_nobody_else(world: World) -> None:
    """It is refused before the database is asked for it, whose own error would fail all who share the turn."""
    groups = [[{"entry": request("gift_received"), "reference": bad}] for bad in ("a\0b", "", "x" * 121, "dấu", "a b")]
    answers = world.open.requests.submit_each(
        [*groups, [{"entry": request("gift_received"), "reference": "fine"}]], "ke-toan"
    )
    assert [getattr(a, "reason", None) for a in answers[:-1]] == [Reason.MALFORMED] * 5
    assert isinstance(answers[-1], tuple)


# --- COMMIT -----------------------------------------------------------------------------------------------


@contextmanager
def failing_commit(world: World, *, persisted: bool) -> Iterator[list[int]]:
    """The next COMMIT raises, after it took effect or without it; then all goes well again."""
    dialect = world.open.engine.dialect
    real, failed = dialect.do_commit, []

    def commit(connection: Any) -> None:
        if failed:
            return real(connection)
        failed.append(1)
        if persisted:
            real(connection)
        raise dialect.loaded_dbapi.OperationalError("the answer was lost")

    dialect.do_commit = commit
    try:
        yield failed
    finally:
        dialect.do_commit = real


def test_a_commit_that_failed_is_said_to_have_failed(world: World) -> None:
    """Nothing is there, the caller is told so, and asking again records it."""
    before = size(world)
    entry = request("gift_received")
    with failing_commit(world, persisted=False) as failed, pytest.raises(StoreUnavailable):
        submit(world.open, entry, "phieu-1")
    assert failed
    assert (size(world), world.balance("fund:sua")) == (before, 0)
    assert submit(world.open, entry, "phieu-1").index == before


def test_a_commit_that_took_effect_is_answered_as_recorded(world: World) -> None:
    """The record is there: the caller hears its index, and asking again gives the same."""
    before = size(world)
    entry = request("gift_received")
    with failing_commit(world, persisted=True) as failed:
        answer = submit(world.open, entry, "phieu-1")
    assert failed
    assert (answer.index, answer.repeated, size(world)) == (before, False, before + 1)
    again = submit(world.open, entry, "phieu-1")
    assert (again.index, again.leaf_hash, again.repeated) == (before, answer.leaf_hash, True)


@pytest.mark.parametrize("persisted", [True, False])
def test_an_unknown_commit_of_a_mixed_group_is_settled_for_each(world: World, persisted: bool) -> None:
    """Recorded, repeated and refused callers of one transaction: each hears what is true of it."""
    old = submit(world.open, request("gift_received", amount=vnd(100)), "old")
    groups = [
        [{"entry": request("gift_received", amount=vnd(100)), "reference": "old"}],
        [{"entry": request("allocated", amount=vnd(101))}],
        [{"entry": request("allocated", amount=vnd(100)), "reference": "new"}],
    ]
    if not persisted:
        with failing_commit(world, persisted=False), pytest.raises(StoreUnavailable):
            world.open.requests.submit_each(groups, "ke-toan")
        assert world.balance("fund:sua") == 100
        return
    with failing_commit(world, persisted=True):
        repeated, refused, recorded = world.open.requests.submit_each(groups, "ke-toan")
    assert isinstance(repeated, tuple)
    assert (repeated[0].index, repeated[0].repeated) == (old.index, True)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.WOULD_BE_OVERDRAWN
    assert isinstance(recorded, tuple)
    assert (recorded[0].index, recorded[0].repeated) == (old.index + 1, False)


def test_an_unknown_commit_that_cannot_be_settled_is_said_to_be_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither yes nor no is true then; asking again by the same reference is."""
    before = size(world)

    def gone(*_: object) -> None:
        raise StoreUnavailable("no way to the database")

    entry = request("gift_received")
    with failing_commit(world, persisted=True), monkeypatch.context() as patch:
        original = world.open.book._write_jobs

        def then_gone(*arguments: Any) -> Any:
            answers = original(*arguments)
            patch.setattr(ledger.book, "lock_head", gone)
            return answers

        patch.setattr(world.open.book, "_write_jobs", then_gone)
        with pytest.raises(CommitUnknown):
            submit(world.open, entry, "phieu-1")
    again = submit(world.open, entry, "phieu-1")
    assert (again.index, again.repeated) == (before, True)


def test_settling_waits_for_a_transaction_that_the_server_still_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke, the server goes on: a look without the lock would call the record lost."""
    before = size(world)
    engine = world.open.engine
    dialect = engine.dialect
    real_commit, real_dispose = dialect.do_commit, engine.dispose
    looking = threading.Event()
    late: list[threading.Thread] = []

    def commit(connection: Any) -> None:
        if late:
            return real_commit(connection)
        server = connection.dbapi_connection

        def server_goes_on() -> None:
            looking.wait(5)
            threading.Event().wait(0.1)
            server.commit()
            server.close()

        late.append(threading.Thread(target=server_goes_on))
        late[0].start()
        raise dialect.loaded_dbapi.OperationalError("connection lost")

    def dispose() -> None:
        real_dispose()
        looking.set()

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", commit)
        # The client lets go of a lost connection without a word; the "server" still has it.
        patch.setattr(dialect, "is_disconnect", lambda *_: True)
        patch.setattr(dialect, "do_terminate", lambda connection: None)
        patch.setattr(dialect, "do_close", lambda connection: None)
        patch.setattr(engine, "dispose", dispose)
        answer = submit(world.open, request("gift_received"), "phieu-1")
    late[0].join()
    assert (answer.index, answer.repeated, size(world)) == (before, False, before + 1)


# --- every step fails once --------------------------------------------------------------------------------

TABLES = ("records", "postings", "subtrees", "balances", "registers", "vault_subjects", "vault_values", "heads")


def broken(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, when: str, only: str = "") -> list[int]:
    """Makes a step raise once, before or after it took effect; `only` where its SQL names this table."""
    real, failed = getattr(owner, name), []

    def step(*arguments: Any, **named: Any) -> Any:
        concerned = not failed and (not only or f"INTO {only} " in str(arguments[1]))
        error = OperationalError("step", {}, Exception("disk full"))
        if concerned and when == "before":
            failed.append(1)
            raise error
        answer = real(*arguments, **named)
        if concerned:
            failed.append(1)
            raise error
        return answer

    monkeypatch.setattr(owner, name, step)
    return failed


STEPS = [
    (ledger.book, "lock_head", ""),
    (ledger.book.read, "by_references", ""),
    (ledger.book.read, "registers", ""),
    (ledger.book.read, "balances", ""),
    *((ledger.store.append, "many", table) for table in TABLES),
    (ledger.book, "append", ""),
]


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_step_of_the_write_fails_once(world: World, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Disk full at any step, before or after it took effect: nothing is kept, the next try records all."""
    for number, (owner, name, table) in enumerate(STEPS, 1):
        if table == "subtrees":
            fill = [{"entry": request("pledge_made", pledge=code(n))} for n in range(255 - size(world))]
            world.open.requests.submit(fill, "ke-toan")
        before = size(world)
        entry = request("gift_received", amount=vnd(number))
        with monkeypatch.context() as patch:
            # A fresh memory, so that every read really happens.
            world.open.book._forget()
            failed = broken(patch, owner, name, when=when, only=table)
            with pytest.raises(StoreUnavailable):
                submit(world.open, entry, f"phieu-{number}")
            assert failed, f"{name} {table} was never reached"
        assert size(world) == before
        with writing(world.open.engine) as db:
            assert read.by_references(db, "hp", [f"ke-toan/phieu-{number}"]) == {}
        assert submit(world.open, entry, f"phieu-{number}").index == before


def code(number: int) -> str:
    """A pledge code, different for every number."""
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "A2" + "".join(alphabet[number // 32**place % 32] for place in range(6))
