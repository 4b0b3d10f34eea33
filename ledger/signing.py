"""The log's signing key and what it remembers: it signs only what continues what it signed before.

The signer's state {origin, vkey, size, root, frontier} lies beside the KEY, outside the database, and is made
durable before a signature leaves: a database restored from yesterday, or rewritten, meets a signer that
remembers today. It names the key that goes on from there, so that a replaced key put back does not sign.
Two processes take turns by a lock file. The key file is ledger/keyfile.py's.

    log.key        the key in force, mode 0600
    log.key.next   the key that a rotation under way will put in force (ledger/rotation.py)
    log.vkey       the public half of a key that was destroyed at the end of its book
    log.key.old    the file that was just replaced; overwritten and unlinked at the next turn
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from ledger import keyfile
from ledger.files import sync_folder, write_durably
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Frontier
from ledger.log.note import NoteRejected, SigningKey, VerifierKey
from ledger.vault.seal import RandomBytes

AskPassphrase = Callable[[], str | None]
"""Gives the passphrase of the key, or None where nobody can be asked. Called once for each key file that is opened."""


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


class Signer(Protocol):
    """What the checkpointer needs of a key, wherever it lies. Every method may raise SignerRefused."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half; needs no passphrase."""

    def unlock(self) -> None:
        """Makes the key ready to sign, before anything is remembered that it then could not sign."""

    def turn(self) -> AbstractContextManager[None]:
        """One signer at a time."""

    def state(self) -> SignerState:
        """What was signed last."""

    def remember(self, state: SignerState) -> None:
        """Makes a state durable, before the signature it covers leaves."""

    def sign(self, state: SignerState) -> bytes:
        """The checkpoint of the state, signed. The caller holds the turn and has the state remembered."""


class _StateFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    origin: str
    size: int
    root: str
    frontier: list[str]
    vkey: str | None = None
    """The key that goes on from here; files written before keys could be replaced do not say."""


class FileSigner:
    """An Ed25519 key in a file of mode 0600, with its state file beside it.

    A sealed key is opened once and kept in memory until its file changes.
    """

    def __init__(self, folder: Path, passphrase: AskPassphrase = lambda: None) -> None:
        self._key_path = folder / "log.key"
        self._public_path = folder / "log.vkey"
        self._next_path = folder / "log.key.next"
        self._old_path = folder / "log.key.old"
        self._state_path = folder / "signer.json"
        self._lock_path = folder / "signer.lock"
        self._ask = passphrase
        self._opened: tuple[bytes, SigningKey] | None = None

    @classmethod
    def create(
        cls, folder: Path, key: SigningKey, *, passphrase: str | None, random_bytes: RandomBytes
    ) -> "FileSigner":
        """Keeps a new key with the state of an empty log; sealed when there is a passphrase."""
        signer = cls(folder, lambda: passphrase)
        write_durably(signer._key_path, _written(key, passphrase, random_bytes), private=True)
        signer.remember(SignerState(key.name, Frontier()))
        return signer

    @property
    def verifier(self) -> VerifierKey:
        """The public half, without a passphrase; also of a key that was destroyed. Raises SignerRefused(NO_KEY)."""
        try:
            if not self._key_path.exists() and self._public_path.exists():
                return VerifierKey.parse(self._public_path.read_text().strip())
            return keyfile.public_half(self._read(self._key_path))
        except (keyfile.KeyMalformed, NoteRejected, OSError) as error:
            raise SignerRefused("NO_KEY", f"cannot read the signing key: {error}") from error

    @property
    def sealed(self) -> bool:
        """Whether there is a key that needs a passphrase; raises SignerRefused(NO_KEY)."""
        return self._key_path.exists() and keyfile.is_sealed(self._read(self._key_path))

    def unlock(self) -> None:
        """Opens the key; raises SignerRefused with reason NO_KEY, KEY_LOCKED or PASSPHRASE_WRONG."""
        self.key()

    def key(self) -> SigningKey:
        """The signing key; raises SignerRefused as `unlock`."""
        data = self._read(self._key_path)
        if self._opened is None or self._opened[0] != data:
            self._opened = data, self._open(data)
        return self._opened[1]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One signer at a time for this key, over all processes of the machine."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(OSError):  # an auditor without the right to write here may still take a turn
                self._destroy_replaced()
            yield
        finally:
            os.close(descriptor)

    def signed_size(self) -> int:
        """How many records were signed, as far as is known here; 0 where nothing is."""
        try:
            return self._state()[0].size
        except SignerRefused:
            return 0

    def state(self) -> SignerState:
        """What was signed last.

        Raises SignerRefused(NO_STATE): without it the key does not sign; or SignerRefused(KEY_CLOSED) when
        another key goes on from there.
        """
        state, vkey = self._state()
        if vkey is not None and vkey != self.verifier.vkey:
            raise SignerRefused(
                "KEY_CLOSED",
                "this key has been replaced, or its replacement was not finished: "
                "run `sovang key rotate` again; if that refuses, put back the newest log.key",
            )
        return state

    def remember(self, state: SignerState) -> None:
        """Makes a state durable. Called before the signature it covers leaves."""
        self._remember(state, self.verifier)

    def sign(self, state: SignerState) -> bytes:
        """The checkpoint of the state, signed. The caller holds the turn and has the state remembered."""
        return _sign(state, self.key())

    # --- replacing the key ---------------------------------------------------------------------------------

    def change_passphrase(self, passphrase: str, random_bytes: RandomBytes) -> None:
        """Seals the same key under another passphrase, or for the first time; the file before is destroyed."""
        with self.turn():
            key = self.key()
            data = keyfile.seal(key, passphrase, random_bytes)
            self._link_replaced()
            write_durably(self._key_path, data, private=True)
            self._opened = data, key
            self._destroy_replaced()

    def successor(self, random_bytes: RandomBytes, passphrase: str | None) -> SigningKey:
        """The key that comes next: drawn and made durable, or the one that an unfinished rotation left.

        Sealed under `passphrase`, or when that is None as the key in force is. The caller holds the turn.
        """
        if self._next_path.exists():
            return self._open(self._read(self._next_path), passphrase)
        if passphrase is None and self.sealed:
            passphrase = self._passphrase()
        key = SigningKey.from_seed(self._state()[0].origin, random_bytes(32))
        write_durably(self._next_path, _written(key, passphrase, random_bytes), private=True)
        return key

    def next_verifier(self) -> VerifierKey | None:
        """The public half of the key that an unfinished rotation has drawn; None when there is none."""
        if not self._next_path.exists():
            return None
        try:
            return keyfile.public_half(self._read(self._next_path))
        except keyfile.KeyMalformed as error:
            raise SignerRefused("NO_KEY", f"cannot read the next key: {error}") from error

    def state_before(self) -> SignerState:
        """What was signed last, whichever key goes on from there; for the rotation only."""
        return self._state()[0]

    def sign_over(self, state: SignerState, keys: tuple[SigningKey, ...]) -> bytes:
        """Remembers that the last of `keys` goes on from `state`, then signs that state with all of them."""
        self._remember(state, keys[-1].verifier)
        return _sign(state, *keys)

    def put_in_force(self, key: SigningKey) -> None:
        """The next key, which is `key`, becomes the key; the file of the one before is overwritten and unlinked."""
        data = self._read(self._next_path)
        if self._key_path.exists():
            self._link_replaced()
        self._next_path.replace(self._key_path)
        sync_folder(self._key_path.parent)
        self._opened = data, key
        self._destroy_replaced()

    @property
    def swapped(self) -> bool:
        """Whether a rotation was cut off when its key was in force already and the old file not yet destroyed."""
        return not self._next_path.exists() and self._replaced()

    def destroy(self) -> None:
        """Overwrites and unlinks the key and whatever a rotation left of keys; public half and state stay."""
        write_durably(self._public_path, f"{self.verifier.vkey}\n".encode())
        self._opened = None
        for path in (self._old_path, self._next_path, self._key_path):
            _destroy(path)

    def _link_replaced(self) -> None:
        # The old file keeps a name: a rename alone would leave its bytes on the disk with no way to reach them.
        self._destroy_replaced()
        os.link(self._key_path, self._old_path)

    def _destroy_replaced(self) -> None:
        if self._replaced():
            _destroy(self._old_path)
        elif self._key_path.exists():
            self._old_path.unlink(missing_ok=True)  # cut off before the replacement: a second name of the key

    def _replaced(self) -> bool:
        both = self._old_path.exists() and self._key_path.exists()
        return both and not self._old_path.samefile(self._key_path)

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(keyfile.MAX_FILE_BYTES)
        except OSError as error:
            raise SignerRefused("NO_KEY", f"cannot read the signing key: {error.strerror}") from error

    def _open(self, data: bytes, passphrase: str | None = None) -> SigningKey:
        if passphrase is None:
            passphrase = self._passphrase() if keyfile.is_sealed(data) else ""
        try:
            return keyfile.unseal(data, passphrase)
        except keyfile.PassphraseWrong as error:
            raise SignerRefused("PASSPHRASE_WRONG", str(error)) from error
        except keyfile.KeyMalformed as error:
            raise SignerRefused("NO_KEY", f"cannot read the signing key: {error}") from error

    def _passphrase(self) -> str:
        passphrase = self._ask()
        if passphrase is None:
            raise SignerRefused("KEY_LOCKED", "the key is sealed: give its passphrase with `--passphrase-fd N`")
        return passphrase

    def _state(self) -> tuple[SignerState, str | None]:
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
        return state, kept.vkey

    def _remember(self, state: SignerState, successor: VerifierKey) -> None:
        nodes = [node.hex() for node in state.frontier.nodes]
        kept = _StateFile(state.origin, state.size, state.root.hex(), nodes, successor.vkey)
        write_durably(self._state_path, msgspec.json.encode(kept), private=True)


def _written(key: SigningKey, passphrase: str | None, random_bytes: RandomBytes) -> bytes:
    return keyfile.plain(key) if passphrase is None else keyfile.seal(key, passphrase, random_bytes)


def _sign(state: SignerState, *keys: SigningKey) -> bytes:
    return sign_checkpoint(Checkpoint(state.origin, state.size, state.root), *keys)


def _destroy(path: Path) -> None:
    """Overwrites a file, then unlinks it. Copies that a file system, an SSD or a backup made stay where they are."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
