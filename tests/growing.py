"""A log to ask witnesses with: its records, its key, and the requests it would send."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Reader, leaf_hash, prove_consistency, root_of
from ledger.log.note import SigningKey
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import reader_of
from ledger.log.witness import AddCheckpoint

NOW = 1_767_139_200


@dataclass
class Log:
    """A log of the records given; `fork` gives another that shares its first ones."""

    name: str = "sovang.example.org/flood"
    records: list[bytes] = field(default_factory=lambda: [f"record {n}".encode() for n in range(40)])
    seed: bytes = bytes(range(32))

    @property
    def key(self) -> SigningKey:
        return SigningKey.from_seed(self.name, self.seed)

    @property
    def leaves(self) -> list[bytes]:
        return [leaf_hash(record) for record in self.records]

    @property
    def read(self) -> Reader:
        return reader_of(self.leaves)

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.name, size, root_of(self.leaves[:size]))

    def note(self, size: int, *keys: SigningKey) -> bytes:
        return sign_checkpoint(self.checkpoint(size), *(keys or (self.key,)))

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        return () if old in (0, new) else prove_consistency(old, new, self.read)

    def asks(self, old: int, new: int, *keys: SigningKey) -> bytes:
        """The body of an honest request."""
        return AddCheckpoint(old, self.proof(old, new), self.note(new, *keys)).encode()

    def fork(self, size: int, word: str = "forked") -> "Log":
        """The same log with other records from `size` on."""
        return Log(self.name, self.records[:size] + [f"{word} {n}".encode() for n in range(size, 40)], self.seed)


def watching(logs: Iterable[Log]) -> Policy:
    """A policy that trusts these logs' keys."""
    return parse_policy("".join(f"log {log.key.vkey}\n" for log in logs) + "quorum none\n")


@dataclass
class Time:
    """A clock that stands where it is put."""

    now: int = NOW

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)
