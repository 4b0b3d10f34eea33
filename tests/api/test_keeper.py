"""The signing thread: one run for all who wait, and nothing that goes wrong in it ends it."""

import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.v1.books import Shelves
from api.v1.keeper import CheckpointLate, Keeper
from ledger.log.checkpoint import Checkpoint
from ledger.signing import SignerRefused
from tests.api.asking import assert_whole, gift
from tests.api.conftest import ADDRESS
from tests.worlds import World


class Runs:
    """Counts runs; each may be made to fail or to take its time."""

    def __init__(self) -> None:
        self.count = 0
        self.fail: BaseException | None = None
        self.seconds = 0.0

    def __call__(self) -> tuple[Checkpoint, bytes]:
        self.count += 1
        size = self.count
        time.sleep(self.seconds)
        if self.fail is not None:
            raise self.fail
        return Checkpoint("thu", size, bytes(32)), b"note"


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def make(request: pytest.FixtureRequest, runs: Runs) -> Callable[[float], Keeper]:
    def made(seconds: float) -> Keeper:
        keeper = Keeper("checkpointer-thu", runs, seconds)
        request.addfinalizer(keeper.stop)
        keeper.start()
        return keeper

    return made


def test_all_who_wait_share_a_run_that_began_after_them(make: Callable[[float], Keeper], runs: Runs) -> None:
    """A run already under way does not cover what was committed during it."""
    keeper = make(3600)
    keeper.wait()
    runs.seconds = 0.05
    with ThreadPoolExecutor(32) as pool:
        signed = list(pool.map(lambda _: keeper.wait(), range(32)))
    assert runs.count <= 5
    assert all(checkpoint.size > 1 for checkpoint, _ in signed)


def test_it_signs_by_itself(make: Callable[[float], Keeper], runs: Runs) -> None:
    """Nobody may wait, and the tail must not grow old."""
    make(0.02)
    _until(lambda: runs.count >= 3)


def test_an_error_is_kept_told_and_passes(make: Callable[[float], Keeper], runs: Runs) -> None:
    """A database that was away for a minute must not stop signing for ever."""
    keeper = make(3600)
    keeper.wait()
    runs.fail = SignerRefused("ROLLED_BACK", "x")
    with pytest.raises(SignerRefused):
        keeper.wait()
    assert isinstance(keeper.error, SignerRefused)
    runs.fail = SystemExit()
    with pytest.raises(CheckpointLate):
        keeper.wait()
    runs.fail = None
    assert keeper.wait()[1] == b"note"
    assert keeper.error is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_killed_thread_is_replaced(make: Callable[[float], Keeper], runs: Runs) -> None:
    """Without it one stray exception would leave every later record unsigned."""
    keeper = make(0.05)
    keeper.wait()
    thread = next(t for t in threading.enumerate() if t.name == "checkpointer-thu")
    while thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
        thread.join(0.02)
    before = runs.count
    assert keeper.wait()[0].size > before


def test_late_is_said_and_not_awaited_for_ever(make: Callable[[float], Keeper], runs: Runs) -> None:
    """A lock held by another process must not hold every caller."""
    runs.seconds = 0.3
    with pytest.raises(CheckpointLate):
        make(3600).wait(timeout=0.05)


def test_an_entry_is_recorded_though_the_signer_refuses(sqlite_world: World) -> None:
    """The caller must learn both: it is in the book, and no checkpoint covers it."""
    state = sqlite_world.home.path / "keys/hp/signer.json"
    kept = state.read_bytes()
    with TestClient(create_app(sqlite_world.home), base_url=ADDRESS) as client:
        assert client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()}).status_code == 201
        state.write_bytes(b"{}")
        answer = client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()})
        assert answer.status_code == 202
        assert answer.json()["recorded"][0]["state"] == "recorded"
        assert answer.json()["problem"]["signer_reason"] == "NO_STATE"
        assert "checkpoint" not in answer.json()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"][0]["signer_reason"]) == (503, "NO_STATE")
        state.write_bytes(kept)
        assert client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()}).status_code == 201
        assert client.get("/readyz").json()["ready"] is True
    assert_whole(sqlite_world)


def test_a_foreign_note_in_the_database_makes_nothing_checkpointed(sqlite_world: World) -> None:
    """Whoever can write to the database could otherwise have us promise what nobody signed."""
    from ledger.log.checkpoint import sign_checkpoint
    from ledger.log.note import SigningKey
    from ledger.store.append import keep_checkpoint
    from ledger.store.engine import writing

    with TestClient(create_app(sqlite_world.home), base_url=ADDRESS) as client:
        client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()})
        origin = sqlite_world.open.opened.origin
        note = sign_checkpoint(Checkpoint(origin, 10**6, bytes(32)), SigningKey.from_seed(origin, bytes(32)))
        with writing(sqlite_world.open.engine) as db:
            keep_checkpoint(db, "hp", 10**6, note.decode())
        answer = client.get("/api/v1/checkpoint")
        assert (answer.status_code, answer.json()["signer_reason"]) == (503, "FOREIGN_NOTE")
        assert client.get("/readyz").status_code == 503


def test_a_book_made_beside_the_running_server_is_served(sqlite_world: World) -> None:
    """`sovang init` for a second book must not need a restart, nor leave «the only book» to chance."""
    with TestClient(create_app(sqlite_world.home), base_url=ADDRESS) as client:
        sqlite_world.home.create_book("hai", "Sổ thứ hai", by="admin")
        answer = client.get("/api/v1/entries")
        assert (answer.status_code, answer.json()["reason"]) == (404, "BOOK_NOT_OPEN")
        assert client.get("/api/v1/entries?book=hai").json()["size"] == 1
        assert set(client.get("/readyz").json()["books"]) == {"hp", "hai"}


def test_a_home_without_a_database_is_up_and_not_ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A supervisor must see why, not a process that dies again and again."""
    from ledger.home import Home

    with TestClient(create_app(Home(tmp_path_factory.mktemp("x") / "missing")), base_url=ADDRESS) as client:
        assert client.get("/healthz").json()["ok"] is True
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"][0]["reason"]) == (503, "STORE_UNAVAILABLE")
        assert client.get("/api/v1/entries").status_code == 503


def test_an_old_tail_is_not_ready(sqlite_world: World) -> None:
    """Records that nobody signs for two intervals are what a rewriter of history waits for."""
    shelves = Shelves(sqlite_world.home)
    client = TestClient(create_app(sqlite_world.home), base_url=ADDRESS)
    client.app.state.shelves = shelves  # type: ignore[attr-defined]  # never started: nobody signs
    sqlite_world.gift()
    assert client.get("/readyz").status_code == 200
    from datetime import timedelta

    sqlite_world.clock.moment += timedelta(seconds=121)
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["reasons"][0]["reason"]) == (503, "CHECKPOINT_LATE")


def _until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
