"""The log's signing key and what it remembers: it signs only what continues what it signed before.

The signer's state {origin, size, root, frontier} lies beside the KEY, outside the database, and is made
durable before a signature leaves: a database restored from yesterday, or rewritten, meets a signer that
remembers today. Two processes take turns by a lock on the state file.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ledger.files import write_durably
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Frontier
from ledger.log.note import SigningKey


class SignerRefused(Exception):
    """The signer will not sign; `reason` is stable, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {message}")


@dataclass(frozen=True, slots=True)
class SignerState:
    """The last tree this key has vouched for."""

    origin: str
    frontier: Frontier

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def root(self) -> bytes:
        return self.frontier.root()


class _StateFile(msgspec.Struct, forbid_unknown_fields=True):
    origin: str
    size: int
    root: str
    frontier: list[str]


class FileSigner:
    """An Ed25519 key in a file of mode 0600, with its state file beside it."""

    def __init__(self, folder: Path) -> None:
        self._key_path = folder / "log.key"
        self._state_path = folder / "signer.json"
        self._lock_path = folder / "signer.lock"

    @classmethod
    def create(cls, folder: Path, key: SigningKey, origin: str) -> "FileSigner":
        """Keeps a new key with the state of an empty log."""
        signer = cls(folder)
        write_durably(signer._key_path, (key.skey + "\n").encode(), private=True)
        signer.remember(SignerState(origin, Frontier()))
        return signer

    def key(self) -> SigningKey:
        """The signing key; raises SignerRefused(NO_KEY)."""
        try:
            return SigningKey.parse(self._key_path.read_text().strip())
        except (OSError, ValueError) as error:
            raise SignerRefused("NO_KEY", f"cannot read the signing key: {error}") from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One signer at a time for this key, over all processes of the machine."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def state(self) -> SignerState:
        """What was signed last; raises SignerRefused(NO_STATE): without it the key does not sign."""
        try:
            kept = msgspec.json.decode(self._state_path.read_bytes(), type=_StateFile)
            state = SignerState(kept.origin, Frontier(kept.size, tuple(bytes.fromhex(h) for h in kept.frontier)))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise SignerRefused(
                "NO_STATE",
                "signer state missing or damaged; give the newest checkpoint kept: `sovang checkpoint --restart FILE`",
            ) from error
        if state.root.hex() != kept.root:
            raise SignerRefused("NO_STATE", "signer state damaged: root and frontier differ")
        return state

    def remember(self, state: SignerState) -> None:
        """Makes a state durable. Called before the signature it covers leaves."""
        kept = _StateFile(state.origin, state.size, state.root.hex(), [node.hex() for node in state.frontier.nodes])
        write_durably(self._state_path, msgspec.json.encode(kept), private=True)

    def sign(self, state: SignerState) -> bytes:
        """The checkpoint of the state, signed. The caller holds the turn and has the state remembered."""
        return sign_checkpoint(Checkpoint(state.origin, state.size, state.root), self.key())
