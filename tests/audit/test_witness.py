"""A witness never cosigns two trees that contradict each other, whatever fails around it and whoever asks."""

import errno
import itertools
import json
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import tlog_scales.signing
import tlog_scales.tlog

import audit.witness.folder
from audit.witness import Answer, MemoryStore, Seen, StoreFailed, Witness, WitnessFolder
from audit.witness.core import KEPT, Turn
from audit.witness.folder import MOST_ALARMS, origin_hash
from ledger.files import write_durably
from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey, cosigned_at
from ledger.log.note import NoteRejected, SigningKey, add_signatures, parse_signature_line, split_note
from ledger.log.policy import PolicyRejected, parse_policy
from ledger.log.witness import SIZE_CONTENT_TYPE, AddCheckpoint
from tests.growing import NOW, Log, Time, watching
from tests.worlds import Randomness

LOG = Log()
KEY = CosigningKey.from_seed("witness.example.org", bytes([7]) * 32)


def in_memory(*logs: Log, store: MemoryStore | None = None, clock: Time | None = None) -> Witness:
    return Witness(KEY, clock or Time(), store or MemoryStore(), watching(logs or (LOG,)).log_key)


@pytest.fixture
def folder(tmp_path: Path) -> WitnessFolder:
    made = WitnessFolder.create(tmp_path / "witness", "witness.example.org", Randomness())
    made.watch(LOG.key.vkey)
    return made


def on_disk(folder: WitnessFolder, clock: Time | None = None) -> Witness:
    return Witness(folder.key, clock or Time(), folder, folder.keys)


def check_cosigned(answer: Answer, log: Log, size: int, key: CosigningKey = KEY) -> int:
    """The answer is our line on that checkpoint; returns its time."""
    assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8"), answer.body
    note = log.note(size) + answer.body
    checkpoint, opened = open_checkpoint(note, log.key.verifier, witnesses=[key.verifier])
    assert checkpoint == log.checkpoint(size)
    assert len(opened.signatures) == 2
    return cosigned_at(opened.signatures[1].signature)


def test_a_log_that_grows_is_cosigned() -> None:
    clock = Time()
    witness = in_memory(clock=clock)
    for old, new in itertools.pairwise([0, 1, 2, 7, 8, 8, 40]):
        clock.now += 60
        assert check_cosigned(witness.add_checkpoint(LOG.asks(old, new)), LOG, new) == clock.now


def test_the_answers_as_http_has_them() -> None:
    # The body of a 409 is read by programs; the others by people.
    witness = in_memory()
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    assert witness.add_checkpoint(LOG.asks(5, 12)) == Answer(409, b"9\n", SIZE_CONTENT_TYPE)
    for body, status, reason in [
        (b"", 400, b"malformed"),
        (Log("unknown").asks(0, 9), 404, b"origin_unknown"),
        (LOG.asks(9, 12, SigningKey.from_seed(LOG.name, bytes(32))), 403, b"signature_missing"),
        (LOG.fork(5).asks(9, 9), 422, b"root_differs"),
        (LOG.fork(5).asks(9, 12), 422, b"proof_failed"),
    ]:
        answer = witness.add_checkpoint(body)
        assert (answer.status, answer.content_type) == (status, "text/plain; charset=utf-8")
        assert answer.body.startswith(reason)
        assert b"\xe2\x80\x94" not in answer.body  # no signature line


def test_logs_do_not_disturb_each_other() -> None:
    other = Log("other.example.org", seed=bytes([3]) * 32)
    witness = in_memory(LOG, other)
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    assert witness.add_checkpoint(other.asks(9, 12)) == Answer(409, b"0\n", SIZE_CONTENT_TYPE)
    assert witness.add_checkpoint(other.asks(0, 5)).status == 200
    assert witness.add_checkpoint(LOG.asks(9, 12)).status == 200


def test_time_never_runs_backwards_for_a_log() -> None:
    # «As of this time this is the largest tree I have seen» would be false of an earlier time.
    clock = Time()
    witness = in_memory(clock=clock)
    times = []
    for size, now in enumerate([NOW, NOW - 5000, NOW + 10, 0, -5, NOW + 11], start=1):
        clock.now = now
        times.append(check_cosigned(witness.add_checkpoint(LOG.asks(size - 1, size)), LOG, size))
    assert times == [NOW, NOW, NOW + 10, NOW + 10, NOW + 10, NOW + 11]


def test_a_clock_before_1970_does_not_say_that_there_is_no_time() -> None:
    # A time of zero means that the witness states none.
    assert check_cosigned(in_memory(clock=Time(0)).add_checkpoint(LOG.asks(0, 1)), LOG, 1) == 1


def test_lines_of_strangers_are_not_kept() -> None:
    # Else anybody could fill the witness's disk, or its page with names.
    store = MemoryStore()
    stranger = CosigningKey.from_seed("stranger", bytes(32)).cosign(LOG.checkpoint(3).text().encode(), 1)
    body = AddCheckpoint(0, (), add_signatures(LOG.note(3), stranger)).encode()
    assert in_memory(store=store).add_checkpoint(body).status == 200
    assert [line.name for line in split_note(store.kept[LOG.name][-1].note)[1]] == [LOG.name, KEY.name]


def test_the_last_checkpoints_are_kept_for_people() -> None:
    log = Log(records=[b"%d" % n for n in range(KEPT + 20)])
    witness = in_memory(log, store=(store := MemoryStore()))
    for size in range(1, KEPT + 20):
        assert witness.add_checkpoint(log.asks(size - 1, size)).status == 200
        assert witness.add_checkpoint(log.asks(size, size)).status == 200
    assert [seen.checkpoint.size for seen in store.kept[log.name]] == list(range(20, KEPT + 20))


# Failures, before and after what is kept is kept.


class Faulty(MemoryStore):
    """Fails when told to: before it kept anything, or after."""

    when: str = ""

    @contextmanager
    def turn(self, origin: str) -> Iterator[Any]:
        with super().turn(origin) as turn:
            yield _FaultyTurn(turn, self.when)


class _FaultyTurn:
    def __init__(self, turn: Turn, when: str) -> None:
        self._turn, self._when = turn, when

    @property
    def seen(self) -> Any:
        return self._turn.seen

    def keep(self, seen: Seen) -> None:
        if self._when == "before":
            raise StoreFailed("before")
        self._turn.keep(seen)
        if self._when == "after":
            raise StoreFailed("after")

    def alarm(self, older: bytes, newer: bytes) -> None:
        self._turn.alarm(older, newer)


def test_what_could_not_be_remembered_is_not_signed() -> None:
    # A signature that left without a memory of it is the first half of a contradiction.
    store = Faulty()
    witness = in_memory(store=store)
    assert witness.add_checkpoint(LOG.asks(0, 3)).status == 200
    store.when = "before"
    answer = witness.add_checkpoint(LOG.asks(3, 9))
    assert answer.status == 503
    assert KEY.name.encode() not in answer.body
    store.when = ""
    # Nothing left, so even another tree may still be signed.
    check_cosigned(witness.add_checkpoint(LOG.fork(3).asks(3, 9)), LOG.fork(3), 9)


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    # The usual retry of a log after a broken connection: by the 409 it learns where the witness is.
    store = Faulty()
    witness = in_memory(store=store)
    store.when = "after"
    assert witness.add_checkpoint(LOG.asks(0, 3)).status == 503
    store.when = ""
    assert witness.add_checkpoint(LOG.fork(1).asks(0, 3)) == Answer(409, b"3\n", SIZE_CONTENT_TYPE)
    assert witness.add_checkpoint(LOG.fork(1).asks(3, 3)).status == 422
    assert witness.add_checkpoint(LOG.asks(0, 3)) == Answer(409, b"3\n", SIZE_CONTENT_TYPE)
    check_cosigned(witness.add_checkpoint(LOG.asks(3, 3)), LOG, 3)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_trees_contradict_each_other_whatever_fails(seed: int) -> None:
    """A random month: three versions of a log ask one witness, whose memory fails now and then."""
    chance = random.Random(seed)
    versions = [LOG, LOG.fork(chance.randrange(1, 20), "b"), LOG.fork(chance.randrange(1, 20), "c")]
    store = Faulty()
    witness = in_memory(store=store)
    signed: dict[int, bytes] = {}
    largest = 0
    for _ in range(300):
        store.when = chance.choice(["", "", "", "before", "after"])
        log = chance.choice(versions)
        old = largest if chance.random() < 0.8 else chance.randrange(40)
        new = min(40, old + chance.randrange(4))
        answer = witness.add_checkpoint(log.asks(old, new))
        assert answer.status in (200, 409, 422, 503), seed
        if answer.status == 200:
            assert signed.setdefault(new, log.checkpoint(new).root) == log.checkpoint(new).root, seed
            assert new >= largest, seed
        if answer.status == 409:
            largest = int(answer.body)
        largest = max(largest, *signed, 0)
    assert len(signed) > 5, seed
    # All that was ever signed lies in one version's history.
    assert any(all(log.checkpoint(size).root == root for size, root in signed.items()) for log in versions), seed


# The folder.


def test_on_disk_before_the_answer(folder: WitnessFolder) -> None:
    witness = on_disk(folder)
    answer = witness.add_checkpoint(LOG.asks(0, 9))
    check_cosigned(answer, LOG, 9, folder.key)
    memory = json.loads((folder.path / "logs" / f"{origin_hash(LOG.name)}.json").read_bytes())
    assert memory == {
        "cosigned": [
            {
                "at": NOW,
                "note": (LOG.note(9) + answer.body).decode(),
                "root": LOG.checkpoint(9).root.hex(),
                "size": 9,
            }
        ],
        "format": "sovang-witness/1",
        "origin": LOG.name,
    }
    # Another process goes on from there.
    again = on_disk(WitnessFolder(folder.path), Time(5))
    assert again.add_checkpoint(LOG.asks(0, 12)) == Answer(409, b"9\n", SIZE_CONTENT_TYPE)
    assert check_cosigned(again.add_checkpoint(LOG.asks(9, 12)), LOG, 12, folder.key) == NOW


@pytest.mark.parametrize("after", [False, True])
def test_a_full_disk(folder: WitnessFolder, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    # Failed, and failed but written: neither lets a signature out.
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 3)).status == 200

    def full(path: Path, data: bytes, *, private: bool = False) -> None:
        if after:
            write_durably(path, data, private=private)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(audit.witness.folder, "write_durably", full)
        answer = witness.add_checkpoint(LOG.asks(3, 9))
    assert answer.status == 503
    assert b"witness.example.org" not in answer.body
    assert folder.seen(LOG.name)[-1].checkpoint.size == (9 if after else 3)
    check_cosigned(witness.add_checkpoint(LOG.asks(9 if after else 3, 9)), LOG, 9, folder.key)


def _die_after_writing(path: Path) -> None:
    def last_act(*args: Any, **named: Any) -> None:
        write_durably(*args, **named)
        os._exit(9)

    audit.witness.folder.write_durably = last_act  # type: ignore[attr-defined]
    on_disk(WitnessFolder(path)).add_checkpoint(LOG.asks(3, 9))


def test_killed_between_writing_and_answering(folder: WitnessFolder) -> None:
    # Nobody saw that signature; the log asks for the same size again and has it.
    assert on_disk(folder).add_checkpoint(LOG.asks(0, 3)).status == 200
    process = multiprocessing.get_context("spawn").Process(target=_die_after_writing, args=(folder.path,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    witness = on_disk(WitnessFolder(folder.path))
    assert witness.add_checkpoint(LOG.fork(3).asks(3, 9)) == Answer(409, b"9\n", SIZE_CONTENT_TYPE)
    assert witness.add_checkpoint(LOG.asks(3, 9)) == Answer(409, b"9\n", SIZE_CONTENT_TYPE)
    check_cosigned(witness.add_checkpoint(LOG.asks(9, 9)), LOG, 9, folder.key)


RACES = 40


def _racer(path: Path, word: str, barrier: Barrier, told: "multiprocessing.Queue[list[int]]") -> None:
    witness = on_disk(WitnessFolder(path))
    bodies = [Log(f"log{n}", [f"{word}{n}".encode()], bytes([n]) * 32).asks(0, 1) for n in range(RACES)]
    statuses = []
    for body in bodies:
        barrier.wait(60)
        statuses.append(witness.add_checkpoint(body).status)
    told.put(statuses)


def test_two_processes_on_one_folder_never_sign_both_sides_of_a_fork(tmp_path: Path) -> None:
    # The mistake of an operator who starts a second server, and of every restart that overlaps.
    folder = WitnessFolder.create(tmp_path / "witness", "witness.example.org", Randomness())
    for n in range(RACES):
        folder.watch(SigningKey.from_seed(f"log{n}", bytes([n]) * 32).vkey)
    spawn = multiprocessing.get_context("spawn")
    barrier, told = spawn.Barrier(2), spawn.Queue()
    racers = [spawn.Process(target=_racer, args=(folder.path, word, barrier, told)) for word in ("a", "b")]
    for racer in racers:
        racer.start()
    first, second = told.get(timeout=60), told.get(timeout=60)
    for racer in racers:
        racer.join(60)
    assert [sorted(both) for both in zip(first, second, strict=True)] == [[200, 409]] * RACES
    assert all(len(folder.seen(f"log{n}")) == 1 for n in range(RACES))


def _spoil_gone(path: Path) -> None:
    path.unlink()


def _spoil_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _spoil_size(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"size":9', '"size":5'), "utf-8")


def _spoil_origin(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace(f'"origin":"{LOG.name}"', '"origin":"other"'), "utf-8")


def _spoil_strangers(path: Path) -> None:
    """A checkpoint that this witness never signed."""
    memory = json.loads(path.read_bytes())
    fork = LOG.fork(3)
    line = CosigningKey.from_seed("witness.example.org", bytes(32)).cosign(fork.checkpoint(9).text().encode(), NOW)
    memory["cosigned"][-1] |= {
        "note": add_signatures(fork.note(9), line).decode(),
        "root": fork.checkpoint(9).root.hex(),
    }
    path.write_text(json.dumps(memory), "utf-8")


@pytest.mark.parametrize("spoil", [_spoil_gone, _spoil_cut, _spoil_size, _spoil_origin, _spoil_strangers])
def test_a_memory_that_is_not_this_witnesss_is_not_believed(
    folder: WitnessFolder, spoil: Callable[[Path], None]
) -> None:
    # A witness that starts afresh signs whatever it is shown first, also the other side of a fork.
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    spoil(folder.path / "logs" / f"{origin_hash(LOG.name)}.json")
    for body in (LOG.asks(9, 12), LOG.asks(0, 12), LOG.fork(3).asks(9, 12)):
        assert witness.add_checkpoint(body).status == 503
    with pytest.raises(StoreFailed):
        folder.watch(SigningKey.from_seed(LOG.name, bytes(32)).vkey)


def test_a_damaged_list_of_books_stops_the_witness(folder: WitnessFolder) -> None:
    witness = on_disk(folder)
    (folder.path / "config").write_text("log nonsense\n", "utf-8")
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 503


def test_the_key_is_this_users_alone(folder: WitnessFolder, tmp_path: Path) -> None:
    path = folder.path / "witness.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.parse(path.read_text("utf-8").strip()).seed == folder.key.seed
    assert repr(folder.key.seed) not in repr(folder)
    path.chmod(0o640)
    with pytest.raises(StoreFailed, match="others can read"):
        _ = WitnessFolder(folder.path).key
    path.write_text("nonsense", "utf-8")
    path.chmod(0o600)
    with pytest.raises(StoreFailed, match="PRIVATE"):
        _ = WitnessFolder(folder.path).key
    with pytest.raises(StoreFailed, match="witness\\.key"):
        _ = WitnessFolder(tmp_path).key


def test_a_folder_is_made_once(folder: WitnessFolder, tmp_path: Path) -> None:
    # A second key in the same folder would end the first witness without a word.
    with pytest.raises(StoreFailed, match="already"):
        WitnessFolder.create(folder.path, "another", Randomness())
    with pytest.raises(NoteRejected, match="key_name"):
        WitnessFolder.create(tmp_path / "bad", "two words", Randomness())
    with pytest.raises(StoreFailed):
        WitnessFolder(tmp_path / "nowhere").watch(LOG.key.vkey)


def test_books_are_added_by_key(folder: WitnessFolder) -> None:
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 3)).status == 200
    newer = SigningKey.from_seed(LOG.name, bytes([9]) * 32)
    assert witness.add_checkpoint(LOG.asks(3, 9, newer)).status == 403
    # A replaced key: both are trusted until the operator takes the old line out, and the memory goes on.
    folder.watch(newer.vkey, "https://sovang.example.org/log/")
    assert [log.url for log in folder.policy().logs] == [None, "https://sovang.example.org/log/"]
    assert witness.add_checkpoint(LOG.asks(0, 9, newer)) == Answer(409, b"3\n", SIZE_CONTENT_TYPE)
    assert witness.add_checkpoint(LOG.asks(3, 9, newer)).status == 200
    config = folder.path / "config"
    config.write_text(config.read_text("utf-8").replace(f"log {LOG.key.vkey}\n", ""), "utf-8")
    assert witness.add_checkpoint(LOG.asks(9, 12)).status == 403
    assert witness.add_checkpoint(LOG.asks(9, 12, newer)).status == 200
    for vkey, url in [
        (newer.vkey, None),  # twice
        (folder.verifier.vkey, None),  # a witness's key is no book's
        ("nonsense", None),
        (f"{LOG.key.vkey}\nquorum none", None),
        (LOG.key.vkey, "two words"),
    ]:
        with pytest.raises(PolicyRejected):
            folder.watch(vkey, url)
    assert parse_policy(config.read_text("utf-8")).log_key(LOG.name) == (newer.verifier,)


# Forks.


def forks(folder: WitnessFolder) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in folder.alarms(LOG.name)]


def test_a_fork_is_kept_as_evidence(folder: WitnessFolder) -> None:
    # The witness is the one who sees both sides; a refusal alone would be forgotten.
    witness = on_disk(folder)
    for old, new in itertools.pairwise([0, 5, 9]):
        assert witness.add_checkpoint(LOG.asks(old, new)).status == 200
    assert forks(folder) == []
    fork = LOG.fork(3)
    assert witness.add_checkpoint(fork.asks(9, 9)).status == 422
    assert witness.add_checkpoint(fork.asks(9, 9)).status == 422
    assert [(one["format"], one["path"]) for one in forks(folder)] == [("sovang-fork/1", [])]
    older = open_checkpoint(forks(folder)[0]["older"].encode(), LOG.key.verifier)[0]
    newer = open_checkpoint(forks(folder)[0]["newer"].encode(), LOG.key.verifier)[0]
    assert (older, newer) == (LOG.checkpoint(9), fork.checkpoint(9))
    # Also of a size that is past, and whatever else is wrong with the request.
    assert witness.add_checkpoint(fork.asks(3, 5)).status == 409
    assert witness.add_checkpoint(AddCheckpoint(9, (), fork.note(5)).encode()).status == 400
    assert len(forks(folder)) == 2


def test_what_is_no_proof_of_a_fork_raises_no_alarm(folder: WitnessFolder) -> None:
    # Anybody can send the log's own checkpoint with a wrong proof, or a forgery under its name.
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    forged = LOG.fork(3).asks(9, 9, SigningKey.from_seed(LOG.name, bytes(32)))
    for body, status in [
        (forged, 403),
        (LOG.asks(5, 9), 409),
        (AddCheckpoint(9, (bytes(32),), LOG.note(12)).encode(), 422),
        (AddCheckpoint(9, (bytes(32),), LOG.note(9)).encode(), 422),
        (LOG.asks(3, 5), 409),
    ]:
        assert witness.add_checkpoint(body).status == status
    assert forks(folder) == []


def test_a_log_that_forks_all_day_does_not_fill_the_disk(folder: WitnessFolder) -> None:
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    for n in range(MOST_ALARMS + 5):
        assert witness.add_checkpoint(LOG.fork(3, f"fork {n}").asks(9, 9)).status == 422
    assert len(forks(folder)) == MOST_ALARMS


def test_a_fork_hides_behind_no_odd_text(folder: WitnessFolder) -> None:
    # Extension lines may hold what canonical JSON refuses; the evidence is kept all the same.
    witness = on_disk(folder)
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    odd = Checkpoint(LOG.name, 9, bytes(32), ("e\u0301 \ufdd0",))
    assert witness.add_checkpoint(AddCheckpoint(9, (), sign_checkpoint(odd, LOG.key)).encode()).status == 422
    assert open_checkpoint(forks(folder)[0]["newer"].encode(), LOG.key.verifier)[0] == odd


# Another program.


def test_tlog_scales_reads_what_we_sign() -> None:
    # The log's side and the reader's side by somebody else's code.
    log = tlog_scales.signing.PlainEd25519Signer("scales.example.org", bytes([5]) * 32)
    policy = parse_policy(f"log {log.vkey.serialize()}\nquorum none\n")  # type: ignore[no-untyped-call]
    witness = Witness(KEY, Time(), MemoryStore(), policy.log_key)
    ours = tlog_scales.signing.Vkey.from_string(KEY.vkey)
    for old, new in [(0, 3), (3, 9)]:
        root = LOG.checkpoint(new).root
        signed = tlog_scales.tlog.Checkpoint.make_signed("scales.example.org", new, root, [log])
        proof = LOG.proof(old, new)
        if old:
            scales = tlog_scales.tlog.ConsistencyProof(old, new, list(proof))
            scales.check(LOG.checkpoint(old).root, root)
        answer = witness.add_checkpoint(AddCheckpoint(old, proof, signed.serialize().encode()).encode())
        assert answer.status == 200
        cosigned = tlog_scales.tlog.Checkpoint.from_text(signed.serialize() + answer.body.decode())
        cosigned.verify(ours)
        assert parse_signature_line(answer.body.decode()).name == KEY.name
