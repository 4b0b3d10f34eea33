"""Questions to a book: balances at an index or on a day, search, a proof, the log as tiles. Nothing here writes
to the database.

`at=INDEX` is what the book said once that record stood; `on=DAY` is by the day money moved in the world, so
late records count on their own day, and a reversal on the day it was made.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Engine, select

from audit.checks_log import RunningTree, TileRows
from ledger.accounts import Posting
from ledger.days import DEFAULT_ZONE, day_of
from ledger.entries.union import KINDS
from ledger.files import sync_folder, write_durably
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import ProofFailed, prove_inclusion, verify_inclusion
from ledger.log.note import NoteRejected, split_note
from ledger.log.proof import make_proof
from ledger.log.tiles import TILE_WIDTH, encode_bundle, encode_tile, entries_path, tile_path
from ledger.record import leaf_of
from ledger.refusals import Reason, Rejected
from ledger.rotation import log_keys
from ledger.store import read, tables
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import reading
from ledger.store.folded import Sums, balances_at, move
from ledger.text import fold
from ledger.vault.seal import Vault, VaultDamaged
from ledger.witnesses import policy_in_force

PAGE = 512


class AnyBook(Protocol):
    """What the questions need of an open book (ledger.home.OpenBook)."""

    @property
    def engine(self) -> Engine: ...
    @property
    def code(self) -> str: ...


class AnyOpenBook(AnyBook, Protocol):
    """A book whose vault can be opened too."""

    @property
    def vault(self) -> Vault: ...


class QueryFailed(Exception):
    """The stored book does not fit together, so the answer would be wrong; `sovang verify --database` says where."""


@dataclass(frozen=True, slots=True, order=True)
class BalanceRow:
    """What one account holds of one unit."""

    account: str
    unit: str
    minor: int


def balances(
    book: AnyBook, *, at: int | None = None, on: date | None = None, account: str | None = None
) -> list[BalanceRow]:
    """Every balance, by account, or those of one account: as stored, or after record `at`, or by the day money moved up
    to and with `on`. At an index the newest mark before it and at most MARK records are read, by day every record.

    Raises Rejected(NO_SUCH_RECORD) for an index beyond the book, Rejected(MALFORMED) when both are given.
    """
    if at is not None and on is not None:
        raise Rejected(Reason.MALFORMED, "at an index or on a day, not both", field="at")
    with reading(book.engine) as db:
        if on is not None:
            sums = _balances_on(db, book.code, on)
        elif at is not None:
            sums = _balances_at(db, book.code, at, account)
        else:
            sums = read.all_balances(db, book.code, account)
    if account is not None:
        sums = {key: minor for key, minor in sums.items() if key[0] == account}
    return [BalanceRow(account, unit, minor) for (account, unit), minor in sorted(sums.items())]


def _balances_at(db: Connection, book: str, index: int, account: str | None) -> Sums:
    head = read.head(db, book)
    if head is None or not 0 <= index < head.size:
        raise Rejected(Reason.NO_SUCH_RECORD, field="at", index=index)
    return balances_at(db, book, index + 1, account)


_DAY_FIELDS = {name: kind.day_field for name, kind in KINDS.items()}
# Just what tells when money moved: the kind and every field that names a money day.
_Entry = msgspec.defstruct(
    "_Entry",
    [
        ("kind", str),
        *((field, Any, None) for field in sorted({f for f in _DAY_FIELDS.values() if f is not None})),
    ],
)


class _Moved(msgspec.Struct):
    at: str
    entry: _Entry  # type: ignore[valid-type]
    postings: tuple[Posting, ...]


_moved = msgspec.json.Decoder(_Moved)


def _balances_on(db: Connection, book: str, day: date) -> Sums:
    head = read.head(db, book)
    zone = DEFAULT_ZONE if head is None else head.zone
    last = day.isoformat()
    sums: Sums = {}
    for row in read.record_rows(db, book):
        moved = _moved.decode(bytes(row.body))
        if not moved.postings:
            continue
        field = _DAY_FIELDS.get(moved.entry.kind)  # type: ignore[attr-defined]
        # Kinds without a money day (and unknown ones) count on the day they were recorded.
        moved_on = None if field is None else getattr(moved.entry, field)
        if (moved_on or day_of(moved.at, zone).isoformat()) <= last:
            for p in moved.postings:
                move(sums, p.source, p.destination, p.amount.unit, p.amount.minor)
    return sums


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found; `found` names the fields, never what they say."""

    index: int
    kind: str
    at: str
    found: str


def search(book: AnyOpenBook, text: str, *, limit: int = 50) -> list[Hit]:
    """Records in whose open text or codes, or in whose private values, `text` stands: newest first.

    Marks, case and spelling do not matter (`ledger.text.fold`). Private values are opened through the vault;
    one that does not open is passed over, the audit reports it.
    """
    wanted = fold(text)
    hits: list[Hit] = []
    if not wanted:
        return hits
    with reading(book.engine) as db:
        for page in _newest_first(db, book.code):
            private = _private(db, book.code, book.vault, page[-1][0], page[0][0])
            for index, body in page:
                found = [f"vault.{field}" for field, value in private.get(index, ()) if wanted in _folded(value)]
                if not _surely_without(body, wanted):
                    found = [*_open_text(body, wanted), *found]
                if found:
                    hits.append(_hit(index, body, found))
                    if len(hits) >= limit:
                        return hits
    return hits


class _Shown(msgspec.Struct):
    at: str
    entry: msgspec.Raw
    by: str
    reference: str


class _Kind(msgspec.Struct):
    kind: str


def _hit(index: int, body: bytes, found: list[str]) -> Hit:
    shown = msgspec.json.decode(body, type=_Shown)
    return Hit(index, msgspec.json.decode(shown.entry, type=_Kind).kind, shown.at, ", ".join(found))


def _open_text(body: bytes, wanted: str) -> list[str]:
    shown = msgspec.json.decode(body, type=_Shown)
    said = {"reference": shown.reference, "by": shown.by, "entry": msgspec.json.decode(shown.entry)}
    return [where for where, value in _texts("", said) if wanted in _folded(value)]


def _folded(text: str) -> str:
    """`fold`, with a short way for the plain text that most codes are."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().replace("y", "i").split())
    return fold(text)


def _surely_without(body: bytes, wanted: str) -> bool:
    """Whether one look at the whole record shows that no text in it can fold to something with `wanted`."""
    if not body.isascii() or b"\\" in body or b"  " in body:
        return False
    return wanted.encode() not in body.lower().replace(b"y", b"i")


def _newest_first(db: Connection, book: str) -> Iterator[list[tuple[int, bytes]]]:
    t = tables.records
    before: int | None = None
    while True:
        query = select(t.c.index, t.c.body).where(t.c.book == book)
        if before is not None:
            query = query.where(t.c.index < before)
        rows = db.execute(query.order_by(t.c.index.desc()).limit(PAGE))
        page = [(int(row[0]), bytes(row[1])) for row in rows]
        if page:
            yield page
            before = page[-1][0]
        if len(page) < PAGE:
            return


def _texts(where: str, value: object) -> Iterator[tuple[str, str]]:
    """(field, text) of every text in a JSON value; hashes and tags are no text."""
    if isinstance(value, str):
        if not (len(value) in (32, 64) and set(value) <= set("0123456789abcdef")):
            yield where, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(f"{where}.{name}" if where else name, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(f"{where}[{number}]", item)


def _private(db: Connection, book: str, vault: Vault, first: int, last: int) -> dict[int, list[tuple[str, str]]]:
    """(field, private value) of the records from first to last."""
    v, s = tables.vault_values, tables.vault_subjects
    query = (
        select(v.c.index, v.c.tag, v.c.field, v.c.subject, v.c.sealed, s.c.epoch, s.c.wrapped)
        .join(s, (s.c.book == v.c.book) & (s.c.subject == v.c.subject))
        .where(v.c.book == book, v.c.index.between(first, last))
        .order_by(v.c.index, v.c.tag, v.c.field)
    )
    private: dict[int, list[tuple[str, str]]] = {}
    for index, tag, field, subject, sealed, epoch, wrapped in db.execute(query):
        row = SealedRow(tag, field, subject, bytes(sealed))
        with suppress(VaultDamaged):
            opened = vault.open(row, SubjectRow(subject, epoch, bytes(wrapped)))
            private.setdefault(index, []).append((field, opened.value))
    return private


def prove(book: AnyBook, index: int) -> bytes:
    """The `.tlog-proof` of a record under the newest checkpoint; the record's bytes are its extra data.

    The proof is verified before it is given out. Raises Rejected(NO_SUCH_RECORD or NOT_CHECKPOINTED), QueryFailed.
    """
    with reading(book.engine) as db:
        body = read.body(db, book.code, index) if index >= 0 else None
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        note = read.newest_checkpoint(db, book.code)
        checkpoint = None if note is None else _parsed(note)
        if note is None or checkpoint is None or checkpoint.size <= index:
            raise Rejected(Reason.NOT_CHECKPOINTED, "no checkpoint covers this record yet", index=index)
        try:
            path = prove_inclusion(index, checkpoint.size, read.tree_reader(db, book.code))
            verify_inclusion(leaf_of(body), index=index, size=checkpoint.size, root=checkpoint.root, proof=path)
        except (LookupError, ProofFailed) as error:
            raise QueryFailed(f"the stored hashes do not lead to the signed root: {error}") from error
    return make_proof(index, path, note.encode(), extra=body)


def _parsed(note: str) -> Checkpoint:
    try:
        return parse_checkpoint(split_note(note.encode())[0])
    except (NoteRejected, UnicodeError) as error:
        raise QueryFailed(f"the newest checkpoint kept is not one: {error}") from error


def write_tiles(book: AnyBook, folder: Path) -> int:
    """Writes the log up to its newest checkpoint as tlog-tiles; returns that size.

    Hashes are computed from the stored bytes. Every file appears whole and durable (temporary file, fsync,
    rename, fsync of the folder) and `checkpoint` comes after the tiles, so that a reader never sees a size whose
    tiles are not there; last `checkpoint.witnessed`, the newest with the quorum of the book's own witnesses, if any.
    A full tile that exists with other bytes, or a root that is not the signed one, stops everything: QueryFailed,
    and the published checkpoint stays. Raises Rejected(NOT_CHECKPOINTED).
    """
    with reading(book.engine) as db:
        note = read.newest_checkpoint(db, book.code)
        if note is None:
            raise Rejected(Reason.NOT_CHECKPOINTED, "the book has no checkpoint yet")
        checkpoint = _parsed(note)
        tree = RunningTree()
        for bundle in _bundles(db, book.code, checkpoint.size):
            tree.extend([leaf_of(body) for body in bundle])
        if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
            raise QueryFailed("the records do not lead to the signed root; nothing was written")
        writer = _TileWriter(folder)
        tree = RunningTree(writer.rows.take)
        for number, bundle in enumerate(_bundles(db, book.code, checkpoint.size)):
            writer.keep(entries_path(number, len(bundle)), encode_bundle(bundle), full=len(bundle) == TILE_WIDTH)
            tree.extend([leaf_of(body) for body in bundle])
        writer.rows.finish()
        if tree.root() != checkpoint.root:
            raise QueryFailed("the records changed while they were read")
        writer.keep("checkpoint", note.encode(), full=False)
        witnessed = newest_witnessed(db, book.code)
        if witnessed is not None:
            writer.keep("checkpoint.witnessed", witnessed.encode(), full=False)
    return checkpoint.size


def newest_witnessed(db: Connection, book: str, *, above: int = 0) -> str | None:
    """The newest checkpoint of more than `above` records that is the book's and has the quorum of its own policy."""
    policy = policy_in_force(db, book)
    if policy is None:
        return None
    keys = log_keys(db, book)
    for size, note in read.cosigned_checkpoints(db, book, above=above):
        for key in reversed(keys):
            with suppress(NoteRejected, LookupError):
                judged = policy.judge(note.encode(), key)
                if judged.quorum and read.frontier_at(db, book, size).root() == judged.checkpoint.root:
                    return note
    return None


def _bundles(db: Connection, book: str, size: int) -> Iterator[list[bytes]]:
    bundle: list[bytes] = []
    for row in read.record_rows(db, book, 0, size):
        bundle.append(bytes(row.body))
        if len(bundle) == TILE_WIDTH:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


class _TileWriter:
    """Puts tiles into their folder, full ones once and for all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows = TileRows(self._tile)

    def _tile(self, level: int, number: int, hashes: list[bytes]) -> None:
        self.keep(tile_path(level, number, len(hashes)), encode_tile(hashes), full=len(hashes) == TILE_WIDTH)

    def keep(self, path: str, data: bytes, *, full: bool) -> None:
        """One file; one that is there with the same bytes stays, a full one with other bytes stops everything."""
        file = self._folder / path
        if file.is_file():
            if file.read_bytes() == data:
                return
            if full:
                raise QueryFailed(f"{path} is published with other bytes; a published tile never changes")
        missing = [folder for folder in (file.parent, *file.parent.parents) if not folder.exists()]
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)
        write_durably(file, data)
