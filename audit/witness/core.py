"""What a witness does with a request: it looks at its memory, judges, remembers, and only then answers.

The promise of a witness is one sentence: it never cosigns two trees of one log of which one does not begin with
the other. All of it hangs on the memory, so the order here is the safety argument:

1. One turn at a time for each log, across threads and processes (`Store.turn`).
2. In the turn the request is judged against the latest checkpoint cosigned (ledger/log/witness.py).
3. The new checkpoint with our line is durable (`Turn.keep`) before anybody has seen that line.
4. The answer leaves. If it is lost, the log asks again: the same size is signed again with the time of now.

If anything fails before the end of 3 nothing has left, and the answer is a 503. Time comes from a clock that is
handed in, and never runs backwards for a log.

When a log that asks turns out to have signed another root for a size cosigned before, both notes are kept as
evidence (`Turn.alarm`): together they prove the fork to anybody.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Protocol

from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.note import Signature, VerifierKey, add_signatures, open_note, split_note
from ledger.log.witness import SIZE_CONTENT_TYPE, AddCheckpoint, WitnessRefused, judge, parse_add_checkpoint

TEXT = "text/plain; charset=utf-8"
KEPT = 50
"""Checkpoints remembered of each log: the latest decides, the others are for people and for evidence."""

Clock = Callable[[], datetime]
Logs = Callable[[str], Sequence[VerifierKey]]
"""origin → the keys trusted for it, as `Policy.log_key` gives them; none for a log that is not watched."""


class StoreFailed(Exception):
    """The memory cannot be read or written, or is not to be believed. Nothing is signed."""


@dataclass(frozen=True)
class Answer:
    """An answer, as HTTP has it."""

    status: int
    body: bytes
    content_type: str = TEXT


@dataclass(frozen=True)
class Seen:
    """A checkpoint that was cosigned: the note with the log's lines and ours, and when (POSIX seconds)."""

    note: bytes
    at: int
    checkpoint: Checkpoint = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checkpoint", parse_checkpoint(split_note(self.note)[0]))


class Turn(Protocol):
    """The memory of one log, for as long as nobody else has it."""

    @property
    def seen(self) -> Sequence[Seen]:
        """The checkpoints remembered, oldest first; the last is the latest cosigned."""

    def keep(self, seen: Seen) -> None:
        """Remembers a checkpoint as the latest; durable when it returns. Raises StoreFailed."""

    def alarm(self, older: bytes, newer: bytes) -> None:
        """Keeps two notes of the log that cannot both be true; durable when it returns. Raises StoreFailed."""


class Store(Protocol):
    """Where a witness remembers."""

    def turn(self, origin: str) -> AbstractContextManager[Turn]:
        """The memory of one log, exclusively. Raises StoreFailed."""


@dataclass
class MemoryStore:
    """A memory that ends with the process: for tests and simulations, which may also turn it back."""

    kept: dict[str, tuple[Seen, ...]] = field(default_factory=dict)
    alarms: list[tuple[bytes, bytes]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def turn(self, origin: str) -> Iterator["_MemoryTurn"]:
        """One turn at a time, for all logs together."""
        with self._lock:
            yield _MemoryTurn(self, origin)


@dataclass
class _MemoryTurn:
    _store: MemoryStore
    _origin: str

    @property
    def seen(self) -> tuple[Seen, ...]:
        return self._store.kept.get(self._origin, ())

    def keep(self, seen: Seen) -> None:
        self._store.kept[self._origin] = remembered(self.seen, seen)

    def alarm(self, older: bytes, newer: bytes) -> None:
        self._store.alarms.append((older, newer))


def remembered(seen: Sequence[Seen], newest: Seen) -> tuple[Seen, ...]:
    """What is remembered once `newest` was cosigned: of each size the last, of all the last `KEPT`."""
    before = [old for old in seen if old.checkpoint.size != newest.checkpoint.size]
    return (*before, newest)[-KEPT:]


class Witness:
    """Cosigns what continues what it cosigned before. Safe to call from several threads."""

    def __init__(self, key: CosigningKey, clock: Clock, store: Store, logs: Logs) -> None:
        self._key = key
        self._clock = clock
        self._store = store
        self._logs = logs

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to a request (`POST …/add-checkpoint`); raises nothing that the request can cause."""
        try:
            request = parse_add_checkpoint(body)
            origin = request.checkpoint.origin
            keys = self._logs(origin)
            if not keys:  # before the memory is asked: it has a place only for logs that are watched
                raise WitnessRefused("origin_unknown")
            with self._store.turn(origin) as turn:
                try:
                    line = self._cosign(request, keys, turn)
                except WitnessRefused as refused:
                    if refused.reason not in ("signature_missing", "signature_invalid"):
                        _watch_for_forks(request, keys, turn)
                    raise
        except WitnessRefused as refused:
            if refused.size is not None:
                return Answer(refused.status, f"{refused.size}\n".encode(), SIZE_CONTENT_TYPE)
            return Answer(refused.status, f"{refused}\n".encode("utf-8", "backslashreplace"))
        except StoreFailed:
            return Answer(503, b"the witness cannot reach its memory, and does not sign without it\n")
        return Answer(200, line.line().encode())

    def _cosign(self, request: AddCheckpoint, keys: Sequence[VerifierKey], turn: Turn) -> Signature:
        latest = turn.seen[-1] if turn.seen else None
        checkpoint = judge(request, keys, latest.checkpoint if latest else None)
        # A time of zero would say that we make no statement about the time.
        at = max(int(self._clock().timestamp()), latest.at if latest else 1)
        line = self._key.cosign(checkpoint.text().encode(), at)
        turn.keep(Seen(add_signatures(_signed_by_log(request, keys), line), at))
        return line


def _watch_for_forks(request: AddCheckpoint, keys: Sequence[VerifierKey], turn: Turn) -> None:
    """The log signed this checkpoint. If it signed another root of that size before, that is kept for all to see."""
    for seen in turn.seen:
        if seen.checkpoint.size == request.checkpoint.size and seen.checkpoint.root != request.checkpoint.root:
            turn.alarm(seen.note, _signed_by_log(request, keys))


def _signed_by_log(request: AddCheckpoint, keys: Sequence[VerifierKey]) -> bytes:
    """The note with those lines only that we verified: what strangers hung on it is not ours to keep."""
    note = open_note(request.note, keys)
    return "".join((note.text, "\n", *(signature.line() for signature in note.signatures))).encode()
