"""The folder of a witness: its key, the books it watches, what it has cosigned.

    witness.key              the private key, as Go's signed-note tools write it (`PRIVATE+KEY+…`), mode 0600
    config                   a policy file (ledger/log/policy.py) of which the `log` lines count
    logs/<hash>.json         what was cosigned of one log; <hash> is SHA-256 of its origin, hex
    logs/<hash>.lock         one turn at a time, across processes
    alarms/<hash>-<n>.sovang-fork   two notes of the log that cannot both be true
    log/<hash>/              the mirror (mirror.py): a tlog-tiles log for itself

`logs/<hash>.json`, oldest first, the last is the latest cosigned:

    {"cosigned":[{"at":1767139200,"note":"…","root":"<hex>","size":15}],"format":"sovang-witness/1","origin":"…"}

The memory is made by `watch`, and never by a request: when the file of a watched log is gone, or is not one that
this key has signed, the witness does not sign. A memory that was lost or put back from a copy is that of a witness
that may contradict itself: its key must retire (docs/witness.md).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from audit.fork import FORMAT as FORK
from audit.witness.core import Seen, StoreFailed, remembered
from ledger import keyfile
from ledger.files import sync_folder, write_durably
from ledger.log.cosignature import CosignerKey, CosigningKey
from ledger.log.note import SigningKey, VerifierKey, open_note
from ledger.log.policy import Policy, PolicyRejected, parse_policy
from ledger.vault.seal import RandomBytes

MOST_ALARMS = 16
"""Forks kept as evidence of each log: one is proof, a thousand are a full disk."""

_NEW_CONFIG = """\
# Các sổ được làm chứng — the books this witness watches:
#   log <vkey> [<url>]
# C2SP tlog-policy; `sovang witness watch` adds lines. A key that was replaced: take its line out.
quorum none
"""


class _Cosigned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: Annotated[int, msgspec.Meta(ge=1)]
    note: str
    root: str
    size: int


class _Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cosigned: tuple[_Cosigned, ...]
    format: Literal["sovang-witness/1"]
    origin: str


def origin_hash(origin: str) -> str:
    """How a log is called in file names and addresses: SHA-256 of its origin, hex."""
    return sha256(origin.encode()).hexdigest()


@dataclass(frozen=True)
class WitnessFolder:
    """The folder of one witness; a `Store` for `Witness`. Put it on a local disk: its locks are the system's."""

    path: Path

    @classmethod
    def create(cls, path: Path, name: str, random_bytes: RandomBytes) -> "WitnessFolder":
        """A new witness called `name`. Raises StoreFailed where there is one already, NoteRejected for the name."""
        folder = cls(path)
        key = SigningKey.from_seed(name, random_bytes(32))
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(path / "lock"):
            if folder._key_path.exists() or folder._config_path.exists():
                raise StoreFailed(f"{path}: there is a witness in this folder already")
            for part in ("logs", "alarms", "log"):
                (path / part).mkdir(exist_ok=True)
            write_durably(folder._config_path, _NEW_CONFIG.encode())
            write_durably(folder._key_path, keyfile.plain(key), private=True)
            sync_folder(path.parent)
        return folder

    @cached_property
    def key(self) -> CosigningKey:
        """The private key. Raises StoreFailed, also when others could read the file."""
        try:
            if self._key_path.stat().st_mode & 0o077:
                raise StoreFailed(f"{self._key_path}: others can read the key; chmod 600")
            key = SigningKey.parse(self._key_path.read_text("utf-8").strip())
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{self._key_path}: {_why(error)}") from error
        return CosigningKey(key.name, key.seed)

    @property
    def verifier(self) -> CosignerKey:
        """The public half of the key."""
        return self.key.verifier

    def policy(self) -> Policy:
        """The books watched, as the file says now. Raises StoreFailed."""
        try:
            return parse_policy(self._config_path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{self._config_path}: {_why(error)}") from error

    def keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys trusted for a log (`core.Logs`). Raises StoreFailed."""
        return self.policy().log_key(origin)

    def watch(self, vkey: str, url: str | None = None) -> VerifierKey:
        """Trusts a book's key from now on. Raises PolicyRejected, or StoreFailed when its memory is lost."""
        if any(item.split() != [item] for item in (vkey, url) if item is not None):
            raise PolicyRejected("items", "a key and an address have no spaces")
        try:
            with _locked(self.path / "lock"):
                before = self._config_path.read_text("utf-8").rstrip("\n")
                text = " ".join((f"{before}\nlog", vkey, *(() if url is None else (url,)))) + "\n"
                key = parse_policy(text).logs[-1].key
                if parse_policy(before).log_key(key.name):
                    self.seen(key.name)  # one more key of a book that is watched: its memory must be there
                elif not self._memory_path(key.name).exists():
                    self._write(key.name, ())
                write_durably(self._config_path, text.encode())
        except OSError as error:
            raise StoreFailed(_why(error)) from error
        return key

    def seen(self, origin: str) -> tuple[Seen, ...]:
        """What was cosigned of a log, oldest first. Raises StoreFailed."""
        path = self._memory_path(origin)
        try:
            memory = msgspec.json.decode(path.read_bytes(), type=_Memory)
            seen = tuple(Seen(one.note.encode(), one.at) for one in memory.cosigned)
            if memory.origin != origin or any(one.checkpoint.origin != origin for one in seen):
                raise StoreFailed(f"{path}: the memory of another log")
            if [(one.checkpoint.size, one.checkpoint.root.hex()) for one in seen] != [
                (one.size, one.root) for one in memory.cosigned
            ]:
                raise StoreFailed(f"{path}: sizes or roots are not those of the notes")
            if seen:
                open_note(seen[-1].note, [self.verifier])
        except FileNotFoundError as error:
            raise StoreFailed(f"{path}: the memory of a watched log is gone; this key must not sign again") from error
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{path}: {_why(error)}") from error
        return seen

    def alarms(self, origin: str) -> tuple[Path, ...]:
        """The forks of a log that were seen: files of two notes each."""
        return tuple(sorted((self.path / "alarms").glob(f"{origin_hash(origin)}-*.sovang-fork")))

    def mirror_path(self, origin: str) -> Path:
        """Where the mirror of a log lies."""
        return self.path / "log" / origin_hash(origin)

    @contextmanager
    def turn(self, origin: str) -> Iterator["_FolderTurn"]:
        """The memory of one log; others wait, in this process and in any other. Raises StoreFailed."""
        try:
            with _locked(self._memory_path(origin).with_suffix(".lock")):
                yield _FolderTurn(self, origin, self.seen(origin))
        except OSError as error:
            raise StoreFailed(_why(error)) from error

    def _write(self, origin: str, seen: tuple[Seen, ...]) -> None:
        cosigned = tuple(
            _Cosigned(one.at, one.note.decode(), one.checkpoint.root.hex(), one.checkpoint.size) for one in seen
        )
        memory = _Memory(cosigned, "sovang-witness/1", origin)
        write_durably(self._memory_path(origin), msgspec.json.encode(memory) + b"\n")

    def _memory_path(self, origin: str) -> Path:
        return self.path / "logs" / f"{origin_hash(origin)}.json"

    @property
    def _key_path(self) -> Path:
        return self.path / "witness.key"

    @property
    def _config_path(self) -> Path:
        return self.path / "config"


@dataclass
class _FolderTurn:
    _folder: WitnessFolder
    _origin: str
    seen: tuple[Seen, ...]

    def keep(self, seen: Seen) -> None:
        newer = remembered(self.seen, seen)
        self._folder._write(self._origin, newer)
        self.seen = newer

    def alarm(self, older: bytes, newer: bytes) -> None:
        fork = {"format": FORK, "newer": newer.decode(), "older": older.decode(), "path": []}
        known = self._folder.alarms(self._origin)
        if len(known) >= MOST_ALARMS or any(
            newer.decode() == msgspec.json.decode(path.read_bytes())["newer"] for path in known
        ):
            return
        path = self._folder.path / "alarms" / f"{origin_hash(self._origin)}-{len(known) + 1:02}.sovang-fork"
        # The canonical bytes (canonical.py), save that its rules on text do not bind a log that has forked.
        write_durably(path, msgspec.json.encode(fork, order="sorted"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Exclusively, across threads and processes: each holder has its own open file."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
