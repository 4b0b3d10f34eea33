"""A home: the folder of one deployment, and the books kept there.

    home/
      sovang.db                 the embedded database, unless SOVANG_DATABASE_URL names a server
      keys/vault.json           vault master keys and application key, mode 0600
      keys/<book>/log.key       the log's signing key, mode 0600, sealed or in the clear
      keys/<book>/signer.json   what that key has signed so far

Lose `keys/` and nothing private opens again; whoever copies it can sign. Back it up apart from the database.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from ledger.accounts import CODE
from ledger.book import Book, Draft
from ledger.checkpointer import Checkpointer
from ledger.days import DEFAULT_ZONE
from ledger.entries.book import BookOpened
from ledger.files import write_durably
from ledger.log.note import NoteRejected, SigningKey, VerifierKey
from ledger.money import Amount
from ledger.record import decode, reread
from ledger.refusals import Reason, Rejected
from ledger.requests import Requests
from ledger.signing import AskPassphrase, FileSigner
from ledger.store import read
from ledger.store.engine import StoreUnavailable, open_engine, reading, sqlite_url
from ledger.store.schema import require_newest
from ledger.vault.keys import VaultKeys
from ledger.vault.seal import RandomBytes, Vault
from ledger.witnesses import StoredLog, Witnesses

DEFAULT_K = 10
DEFAULT_CHECKPOINT_SECONDS = 60


def now() -> datetime:
    """The machine's clock, UTC."""
    return datetime.now(UTC)


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    application: str
    epochs: dict[str, str]


class Home:
    """One deployment's folder. Database address, clock, randomness and who knows the passphrase are handed in."""

    def __init__(
        self,
        path: Path,
        *,
        database_url: str | None = None,
        clock: Callable[[], datetime] = now,
        random_bytes: RandomBytes = os.urandom,
        passphrase: AskPassphrase = lambda: None,
    ) -> None:
        self.path = path
        self._url = database_url or sqlite_url(path / "sovang.db")
        self._clock = clock
        self._random = random_bytes
        self._passphrase = passphrase
        self._signers: dict[str, FileSigner] = {}
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The database, its schema checked. Raises SchemaOld or StoreUnavailable."""
        if self._engine is None:
            if self._url.startswith("sqlite") and not self.path.is_dir():
                raise StoreUnavailable(f"no home at {self.path}; `sovang init` makes one")
            engine = open_engine(self._url)
            require_newest(engine)
            self._engine = engine
        return self._engine

    def unchecked_engine(self) -> Engine:
        """The database as it is, for `migrate` and for the audit of a schema somebody changed."""
        return open_engine(self._url)

    def close(self) -> None:
        """Lets go of the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def books(self) -> list[str]:
        """The books kept here."""
        with reading(self.engine) as db:
            return read.books(db)

    def kept_keys(self) -> list[str]:
        """The books whose signing keys lie here, without asking the database. Raises StoreUnavailable."""
        if not self.path.is_dir():
            raise StoreUnavailable(f"no home at {self.path}; `sovang init` makes one")
        return sorted({path.parent.name for path in (self.path / "keys").glob("*/log.*key")})

    def create_book(
        self,
        code: str,
        name: str,
        *,
        by: str,
        origin: str | None = None,
        regime: str = "social-fund",
        zone: str = DEFAULT_ZONE,
        k: int = DEFAULT_K,
        checkpoint_seconds: int = DEFAULT_CHECKPOINT_SECONDS,
        seat: str | None = None,
        four_eyes_above: Amount | None = None,
        passphrase: str | None = None,
    ) -> "OpenBook":
        """A new book with its key and its first record; the key is sealed when there is a passphrase.

        Raises Rejected(ALREADY_EXISTS).
        """
        if re.fullmatch(CODE, code) is None or code == "vault.json":
            raise Rejected(Reason.MALFORMED, "letters, digits, dot, dash and underline", field="book")
        self.path.mkdir(parents=True, exist_ok=True)
        if self._url == sqlite_url(self.path / "sovang.db"):
            # Only its owner reads the database; SQLite gives its journal files the same mode.
            (self.path / "sovang.db").touch(mode=0o600)
        folder = self._key_folder(code)
        if folder.exists() or code in self.books():
            raise Rejected(Reason.ALREADY_EXISTS, field="book", code=code)
        random_id = self._random(16).hex()
        origin = origin or f"sovang/{code}/{random_id}"
        try:
            key = SigningKey.from_seed(origin, self._random(32))
        except NoteRejected as error:
            raise Rejected(Reason.MALFORMED, str(error), field="origin") from error
        keys = self._keys(create=True)
        entry = BookOpened(
            name=name,
            origin=origin,
            public_key=key.vkey,
            random_id=random_id,
            zone=zone,
            regime=regime,
            k=k,
            checkpoint_seconds=checkpoint_seconds,
            seat=seat,
            four_eyes_above=four_eyes_above,
        )
        # The key is durable before the record that names it: a crash between leaves a key without a book,
        # never a book without its key.
        folder.mkdir(parents=True)
        self._signers[code] = FileSigner.create(folder, key, passphrase=passphrase, random_bytes=self._random)
        try:
            Book(self.engine, code, keys, self._clock).record([Draft(reread(entry), f"{by}/book", bytes(32))], by)
        except (Rejected, StoreUnavailable):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            del self._signers[code]
            raise
        return self.open_book(code)

    def open_book(self, code: str | None = None) -> "OpenBook":
        """A book kept here; without a code, the only one. Raises Rejected(BOOK_NOT_OPEN)."""
        codes = self.books()
        if code is None and len(codes) != 1:
            raise Rejected(Reason.BOOK_NOT_OPEN, "say which book", field="book", books=",".join(codes) or "none")
        code = code or codes[0]
        if code not in codes:
            raise Rejected(Reason.BOOK_NOT_OPEN, field="book", code=code)
        return OpenBook(self, code, self._keys(create=False), self._clock, self._random)

    def kept_book(self, code: str) -> "OpenBook":
        """A book whose keys lie here, even when the database has nothing of it; for putting it back."""
        return OpenBook(self, code, self._keys(create=False), self._clock, self._random)

    def signer(self, code: str) -> FileSigner:
        """The signing key of a book: one for the whole process, so that it is unlocked once."""
        return self._signers.setdefault(code, FileSigner(self._key_folder(code), self._passphrase))

    def vault_keys(self) -> VaultKeys:
        """The vault's and the application's keys. Raises StoreUnavailable."""
        return self._keys(create=False)

    def _key_folder(self, code: str) -> Path:
        return self.path / "keys" / code

    def _keys(self, *, create: bool) -> VaultKeys:
        path = self.path / "keys" / "vault.json"
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = _KeyFile(application=self._random(32).hex(), epochs={"1": self._random(32).hex()})
            write_durably(path, msgspec.json.encode(kept), private=True)
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
            epochs = {int(number): bytes.fromhex(key) for number, key in kept.epochs.items()}
            return VaultKeys(epochs, bytes.fromhex(kept.application))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise StoreUnavailable(f"cannot read the vault keys: {error}") from error


class OpenBook:
    """One book of a home with everything that works on it."""

    def __init__(
        self, home: Home, code: str, keys: VaultKeys, clock: Callable[[], datetime], random_bytes: RandomBytes
    ):
        self.home = home
        self.code = code
        self.keys = keys
        self.clock = clock
        self.random = random_bytes
        self.engine = home.engine
        self.book = Book(home.engine, code, keys, clock, lambda: self.signer.signed_size())
        self.vault = Vault(code, keys, random_bytes)
        self.requests = Requests(self.book, self.vault, random_bytes)
        self.signer = home.signer(code)
        self.checkpointer = Checkpointer(home.engine, code, self.signer, keys)
        self.witnesses = Witnesses(StoredLog(home.engine, code), clock)

    @property
    def opened(self) -> BookOpened:
        """The entry that opened the book."""
        with reading(self.engine) as db:
            body = read.body(db, self.code, 0)
        entry = None if body is None else decode(body).entry
        if not isinstance(entry, BookOpened):
            raise StoreUnavailable("record 0 does not open this book")
        return entry

    @property
    def vkey(self) -> VerifierKey:
        """The public key as pinned beside the private one, not as the database says."""
        return self.signer.verifier
