"""The audit of a database: the log pass over its records, then every stored row against the outcome.

With `database=True` every row of class log, derived and sealed is compared: records (leaf, reference, MAC and by it
the request), checkpoints, heads, postings, balances, registers, subtrees, vault rows and subjects, rows of
books that are not kept here, the schema with its triggers, and what the signing key remembers.

Rows are read as the database holds them, in key order, and merged with what the replay says, so memory holds
the state and one page. The readers of ledger/store are not used: they trust what they read, and an auditor
may not. Whatever cannot be read is a finding; StoreUnavailable is raised only when nothing can be said.
"""

import hmac
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Integer, LargeBinary, Table, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit.checks_fold import persons_of
from audit.checks_keys import Signed
from audit.checks_log import parsed_checkpoints
from audit.checks_timestamps import TimestampCheck
from audit.findings import FindingKind, Findings, Report, States
from audit.saved import Resumed, SavedAudit, read_saved
from audit.sources import SourceUnavailable
from audit.verify import (
    ROWS_UNSEEN,
    VAULT_UNSEEN,
    Observe,
    Passed,
    Pinned,
    excuse_young_tail,
    not_excluded,
    report_of,
    run_pass,
)
from ledger.home import Home, OpenBook
from ledger.log.merkle import Reader
from ledger.log.note import NoteRejected, VerifierKey, parse_signature_line
from ledger.log.policy import Policy
from ledger.record import BareRecord, Record, RecordMalformed, decode_bare
from ledger.registers import decode_value
from ledger.signing import FileSigner, SignerRefused, SignerState
from ledger.store import read, schema, tables
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import StoreUnavailable, driver_sql
from ledger.timestamps import Authority
from ledger.timestamps import authorities as kept_authorities
from ledger.vault.keys import VaultKeys
from ledger.vault.seal import Vault, VaultDamaged, commitment

PAGE = 1000
SUBJECTS_AT_ONCE = 400

Row = tuple[Any, ...]

OPERATIONAL = (
    "Bảng vận hành (phiên đăng nhập, công việc nền) không thuộc phạm vi chứng minh. — "
    "Changes in operational tables (sessions, jobs): no proof covers them."
)
OLDER_CHECKPOINTS = (
    "Một mốc niêm phong cũ, chữ ký làm chứng hoặc dấu thời gian đã bị xóa khỏi bảng. — "
    "That an older checkpoint, a witness's line or a timestamp was removed from its table."
)
MACS_UNSEEN = (
    "Dòng nào không do chương trình ghi: thiếu khóa ứng dụng để kiểm tra. — "
    "That rows were not written by the program: the application key was not given."
)
SIGNER_UNSEEN = (
    "Sổ đã bị lùi về bản cũ: không có bộ nhớ của khóa ký để so. — "
    "That an older copy was put back: the signing key's memory was not at hand."
)
TIMESTAMPS_UNSEEN = (
    "Dấu thời gian có do cơ quan đáng tin đóng hay không: không có chứng thư gốc để kiểm tra. — "
    "That timestamps are by authorities to be trusted: their roots were not given."
)
SCHEMA_UNSEEN = (
    "Cấu trúc bảng và trigger đã bị sửa: không có quyền dựng bản mẫu để so. — "
    "That tables or triggers were altered: no right to build a schema to compare with."
)
GRANTS = "Quyền truy cập của người dùng cơ sở dữ liệu. — Who may access the database server, and its grants."


@dataclass(frozen=True, slots=True)
class SignerMemory:
    """What the signing key remembers, or why that cannot be read."""

    state: SignerState | None = None
    refused: str | None = None

    @classmethod
    def of(cls, signer: FileSigner | None, db: Connection) -> "SignerMemory":
        """Read while the signer has its turn and `db` takes its snapshot, so that the two are of one moment."""
        if signer is None:
            return cls()
        with ExitStack() as stack:
            # A reader without the right to write there goes without the lock.
            with suppress(OSError):
                stack.enter_context(signer.turn())
            with suppress(SQLAlchemyError):
                db.exec_driver_sql("SELECT max(size) FROM heads").all()
            try:
                return cls(signer.state())
            except SignerRefused as refused:
                return cls(None, str(refused))


def verify_home(
    open_book: OpenBook,
    *,
    database: bool = False,
    saved: bytes | None = None,
    vkey: VerifierKey | None = None,
    signer: bool = True,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
) -> Report:
    """Audits one book of a home. `vkey` is the pinned key, by default the one that lies beside the private key;
    `saved` a checkpoint kept from before; `signer=False` leaves out what the signing key remembers; `policy`, `state`,
    `keep_state` and `complete` as in `verify_tiles`.

    Raises StoreUnavailable when the database cannot be opened, SignerRefused when there is no key to pin.
    """
    return verify_database(
        open_book.engine,
        open_book.code,
        open_book.vkey if vkey is None else vkey,
        vault=open_book.keys,
        authorities=kept_authorities(open_book.home, open_book.code),
        signer=open_book.signer if signer else None,
        database=database,
        saved=saved,
        policy=policy,
        max_age_seconds=max_age_seconds,
        state=state,
        keep_state=keep_state,
        complete=complete,
        at=open_book.clock(),
    )


def verify_folder(
    home: Home,
    code: str,
    *,
    database: bool = True,
    saved: bytes | None = None,
    vkey: VerifierKey | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
) -> Report:
    """The same for a home whose database may be too damaged to be opened as a book: only its keys are trusted."""
    signer = home.signer(code)
    engine = home.unchecked_engine()
    try:
        return verify_database(
            engine,
            code,
            signer.verifier if vkey is None else vkey,
            vault=home.vault_keys(),
            authorities=kept_authorities(home, code),
            signer=signer,
            database=database,
            saved=saved,
            policy=policy,
            max_age_seconds=max_age_seconds,
            state=state,
            keep_state=keep_state,
            complete=complete,
            observe=observe,
            at=datetime.now(UTC),
        )
    finally:
        engine.dispose()


def verify_database(
    engine: Engine,
    book: str,
    vkey: VerifierKey,
    *,
    vault: VaultKeys | None = None,
    authorities: Mapping[str, Authority] | None = None,
    signer: FileSigner | None = None,
    database: bool = True,
    origin: str | None = None,
    saved: bytes | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
    at: datetime | None = None,
) -> Report:
    """Audits one book in a database with the keys given; only the public one is needed.

    `at` is the present, for judging how long a tail has waited. Raises StoreUnavailable, StateRejected.
    """
    try:
        with _snapshot(engine) as db:
            return verify_connection(
                db,
                book,
                vkey,
                vault=vault,
                authorities=authorities,
                memory=SignerMemory.of(signer, db),
                database=database,
                origin=origin,
                saved=saved,
                policy=policy,
                max_age_seconds=max_age_seconds,
                state=state,
                keep_state=keep_state,
                complete=complete,
                observe=observe,
                at=at,
            )
    except (DBAPIError, UnicodeError) as error:
        # UnicodeError: SQLite's own message may quote the damage, in bytes that are no text.
        if isinstance(error, DBAPIError) and _unavailable(error):
            raise StoreUnavailable(str(error.orig)) from error
        # Not even a transaction can be begun: a header or schema that SQLite refuses to read.
        found = Findings()
        said = str(error.orig) if isinstance(error, DBAPIError) else "it cannot say what is damaged"
        found.add(FindingKind.DATABASE_DAMAGED, said)
        return Report(0, "", found.sorted(), (), States(), 0.0, origin or vkey.name)


def verify_connection(
    db: Connection,
    book: str,
    vkey: VerifierKey,
    *,
    vault: VaultKeys | None = None,
    authorities: Mapping[str, Authority] | None = None,
    memory: SignerMemory | None = None,
    database: bool = True,
    origin: str | None = None,
    saved: bytes | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
    at: datetime | None = None,
) -> Report:
    """`verify_database` on an open connection, which should be in a transaction that sees one snapshot.

    The comparison of stored rows is always of all of them: with `database` a saved `state` spares no reading, and
    is held against the records like any saved checkpoint.
    """
    started = time.perf_counter()
    found = Findings()
    pinned = Pinned(vkey, vkey.name if origin is None else origin, saved, policy, max_age_seconds, at)
    reader = _Reader(db, book, found)
    rows = _Rows(reader, book, vault, found) if database else None
    source = DatabaseSource(reader, rows, pinned.origin, found, authorities)
    remembered = None if memory is None else memory.state
    kept = [] if remembered is None else [Signed(remembered.size, remembered.root, "the signer's memory")]
    earlier = None if state is None else read_saved(state, origin=pinned.origin)
    if earlier is not None and rows is not None:
        kept += parsed_saved(earlier.audit, found)
        earlier = None
    watchers = [watch for watch in (None if rows is None else rows.observe, observe) if watch is not None]

    def watch(index: int, body: bytes, leaf: bytes, record: Record | BareRecord | None) -> None:
        for watcher in watchers:
            watcher(index, body, leaf, record)

    passed = run_pass(
        source.records(0 if earlier is None else earlier.audit.size),
        parsed_checkpoints(
            source.checkpoints(0 if earlier is None else earlier.audit.witnessed_size),
            found,
            origin=pinned.origin,
            table="checkpoints",
        ),
        source.body,
        pinned,
        found,
        kept=kept,
        book=book,
        table="records",
        observe=watch if watchers else None,
        on_level=None if rows is None else rows.level,
        resumed=None if earlier is None else Resumed(earlier, _proving(db, book)),
        keep_state=keep_state,
        complete=complete,
    )
    if passed.size == 0:
        found.add(FindingKind.RECORD_MISSING, "there are no records", index=0, table="records")
    if at is not None:
        excuse_young_tail(passed, at, found)
    if memory is not None:
        _signer(memory, passed, pinned, found)
    cannot = not_excluded(passed, pinned, resumed=earlier is not None)
    if remembered is None:
        cannot.append(SIGNER_UNSEEN)
    if authorities is None and source.timestamped:
        cannot.append(TIMESTAMPS_UNSEEN)
    if rows is None:
        cannot += [ROWS_UNSEEN, VAULT_UNSEEN]
    else:
        rows.finish(passed)
        if not _schema(reader, found):
            cannot.append(SCHEMA_UNSEEN)
        cannot += [MACS_UNSEEN, VAULT_UNSEEN] if vault is None else []
        cannot += [OPERATIONAL, OLDER_CHECKPOINTS, GRANTS]
    read_tables = tables.CLASSES if database else ("records", "checkpoints", "cosignatures")
    classes = {name: str(tables.CLASSES[name]) for name in read_tables}
    return report_of(passed, pinned, found, cannot, started, classes)


def parsed_saved(saved: SavedAudit, found: Findings) -> list[Signed]:
    """The checkpoint that a saved audit stands at."""
    notes = [(None, saved.checkpoint.encode(), "")]
    return [
        Signed(signed.size, signed.root, "the saved audit", signed.note)
        for signed in parsed_checkpoints(notes, found, origin=saved.origin)
    ]


def _proving(db: Connection, book: str) -> Reader:
    """Hashes from the stored subtrees, to prove older records with; nothing else is believed of them."""
    stored = read.tree_reader(db, book)

    def hash_of(level: int, index: int) -> bytes:
        try:
            return stored(level, index)
        except LookupError as error:
            raise SourceUnavailable(
                f"older records cannot be proven ({error}); audit without the saved state, or with --database"
            ) from error

    return hash_of


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    sqlite = engine.dialect.name == "sqlite"
    options = {} if sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as db:
        db.begin()
        yield db
        db.rollback()


def _unavailable(error: DBAPIError) -> bool:
    """Whether the database is out of reach, rather than damaged."""
    message = str(error.orig)
    return error.connection_invalidated or any(
        words in message
        for words in ("locked", "unable to open", "connection failed", "could not connect", "server closed")
    )


class _Reader:
    """Rows as they are stored, in key order, with their types checked by ourselves."""

    def __init__(self, db: Connection, book: str, found: Findings) -> None:
        self.db = db
        self.sqlite = db.dialect.name == "sqlite"
        self._book = book
        self._found = found
        self._unreadable: set[str] = set()
        self._there = set(tables.CLASSES)
        # Asking a server for a table that is not there would end the transaction for all that comes after.
        with suppress(SQLAlchemyError, UnicodeError, TypeError):
            self._there = set(inspect(db).get_table_names())

    def rows(self, table: Table, columns: str, order: str, *, where: str = "", given: Row = ()) -> Iterator[Row]:
        """Rows of the book; columns and order are comma-separated names. A row of wrong types is a finding
        and is left out; when the table cannot be read on, that is a finding and the end."""
        names = columns.split()
        types = tuple(_type_of(table, name) for name in names)
        texts = [place for place, kind in enumerate(types) if kind is str] if self.sqlite else []
        sql = f"SELECT {', '.join(self._column(table, name) for name in names)} FROM {table.name} WHERE book = ?"
        sql += f" AND {where}" if where else ""
        sql += " ORDER BY " + ", ".join(f'"{name}"' for name in order.split())
        for row in self.query(table.name, sql, (self._book, *given)):
            values = list(row)
            for place in texts:
                if type(values[place]) is bytes:
                    values[place] = values[place].decode("utf-8", "surrogateescape")
            if tuple(map(type, values)) == types:
                yield tuple(values)
            else:
                key = next((value for value in values if type(value) is int), None)
                self._found.add(FindingKind.ROW_MALFORMED, "wrong types", index=key, table=table.name)

    def has(self, table: Table) -> bool:
        """Whether the table is there at all."""
        return table.name in self._there

    def query(self, table: str, sql: str, given: Row = ()) -> Iterator[Row]:
        """Rows of any query about one table, streamed; an unreadable table is one finding."""
        if table in tables.CLASSES and table not in self._there:
            self._damaged(table, "the table is missing")
            return
        try:
            with self.db.exec_driver_sql(
                driver_sql(self.db, sql),
                given,
                execution_options={"stream_results": True, "max_row_buffer": PAGE},
            ) as result:
                for page in result.partitions(PAGE):
                    for row in page:
                        yield tuple(row)
        except (SQLAlchemyError, UnicodeError, ValueError, OverflowError) as error:
            if isinstance(error, DBAPIError) and _unavailable(error):
                raise StoreUnavailable(str(error.orig)) from error
            self._damaged(table, str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__)

    def _damaged(self, table: str, said: str) -> None:
        if table not in self._unreadable:
            self._unreadable.add(table)
            self._found.add(FindingKind.DATABASE_DAMAGED, said.splitlines()[0], table=table)

    def _column(self, table: Table, name: str) -> str:
        # SQLite hands over text that is not UTF-8 only as bytes.
        return f'CAST("{name}" AS BLOB)' if self.sqlite and _type_of(table, name) is str else f'"{name}"'


def _type_of(table: Table, name: str) -> type:
    kind = table.c[name].type
    if isinstance(kind, LargeBinary):
        return bytes
    return int if isinstance(kind, Integer) else str


class DatabaseSource:
    """The records and checkpoints of one book, as stored."""

    def __init__(
        self,
        reader: _Reader,
        rows: "_Rows | None",
        origin: str,
        found: Findings,
        authorities: Mapping[str, Authority] | None,
    ) -> None:
        self.timestamped = False
        """Whether there are timestamps; known once the checkpoints were read."""
        self._reader = reader
        self._rows = rows
        self._origin = origin
        self._timestamps = TimestampCheck(authorities, self._last_at, found)
        self._found = found

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) by index."""
        t = tables.records
        if self._rows is None:
            yield from self._reader.rows(t, "index body", "index", where='"index" >= ?', given=(start,))
            return
        for row in self._reader.rows(t, "index leaf reference request mac body", "index"):
            self._rows.coming(row)
            yield row[0], row[5]

    def body(self, index: int) -> bytes | None:
        """The bytes of one record."""
        found = self._reader.rows(tables.records, "body", "index", where='"index" = ?', given=(index,))
        return next((row[0] for row in found), None)

    def checkpoints(self, start: int = 0) -> Iterator[tuple[int | None, bytes, str]]:
        """(size column, note, its cosignatures) by size, from the size `start` on.

        A row of either table that belongs to no checkpoint is a finding and is left out.
        """
        cosignatures = _Stream(self._rows_from(tables.cosignatures, "size witness line", "size witness", start))
        timestamps = _Stream(self._rows_from(tables.timestamps, "size authority token", "size authority", start))
        for size, note in self._rows_from(tables.checkpoints, "size note", "size", start):
            lines = "".join(row[2] for row in _of_size(cosignatures, size, self._homeless_line) if self._is_line(*row))
            encoded = note.encode("utf-8", "surrogateescape")
            for _, authority, token in _of_size(timestamps, size, self._homeless_timestamp):
                self.timestamped = True
                self._timestamps.take(size, authority, token, encoded)
            yield size, encoded, lines
        for row in _of_size(cosignatures, None, self._homeless_line):
            self._homeless_line(row)
        for row in _of_size(timestamps, None, self._homeless_timestamp):
            self._homeless_timestamp(row)

    def _rows_from(self, table: Table, columns: str, order: str, start: int) -> Iterator[Row]:
        where = "size >= ?" if start else ""
        return self._reader.rows(table, columns, order, where=where, given=(start,) if start else ())

    def _is_line(self, size: int, witness: str, line: str) -> bool:
        """Whether a row holds one signature line of the witness it names; whose it is, is judged later."""
        try:
            signature = parse_signature_line(line)
            if signature.name != witness or signature.name == self._origin:
                raise NoteRejected("signature_line")
        except NoteRejected as error:
            self._line(size, witness, error.reason)
            return False
        return True

    def _homeless_line(self, row: Row) -> None:
        self._line(row[0], row[1], "there is no checkpoint of this size")

    def _line(self, size: int, witness: str, detail: str) -> None:
        kind = FindingKind.COSIGNATURE_INVALID
        self._found.add(kind, detail, index=size, table="cosignatures", key=_shown_text(witness))

    def _last_at(self, size: int) -> str | None:
        """The instant of the last record of a tree of that size, as far as it can be read."""
        body = self.body(size - 1)
        try:
            return None if body is None else decode_bare(body).at
        except RecordMalformed:
            return None

    def _homeless_timestamp(self, row: Row) -> None:
        self._timestamps.invalid(row[0], row[1], "there is no checkpoint of this size")


def _of_size(stream: "_Stream", size: int | None, homeless: Callable[[Row], None]) -> Iterator[Row]:
    """The rows of one size, or with None all that are left; those before it belong to no checkpoint."""
    while stream.head is not None and (size is None or stream.head[0] <= size):
        row = stream.pop()
        if size is None or row[0] == size:
            yield row
        else:
            homeless(row)


def _shown_text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Stream:
    """An iterator with its next row in sight."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.head = next(rows, None)

    def pop(self) -> Row:
        row = self.head
        assert row is not None
        self.head = next(self._rows, None)
        return row


class _Rows:
    """Holds the stored rows against the replay: those of one record as it passes, the others at the end."""

    def __init__(self, reader: _Reader, book: str, vault: VaultKeys | None, found: Findings) -> None:
        self._reader = reader
        self._book = book
        self._keys = vault
        self._vault = None if vault is None else Vault(book, vault, os.urandom)
        self._found = found
        self._coming: deque[Row] = deque()
        self._postings = _Stream(
            reader.rows(tables.postings, "index number source destination unit minor", "index number")
        )
        self._values = _Stream(self._with_subjects())
        self._subtrees: list[_Stream] = []
        self._subtree_count: list[int] = []
        self._unknown: set[int] = set()
        self._missing: list[tuple[int, str]] = []
        """Private values that records commit to and that are not there: (record, tag/field)."""

    def coming(self, row: Row) -> None:
        """A record row was read; `observe` is told of it later, in the same order."""
        self._coming.append(row[:5])

    def observe(self, index: int, body: bytes, leaf: bytes, record: Record | BareRecord | None) -> None:
        """The rows of one record."""
        _, stored_leaf, reference, request, mac = self._coming.popleft()
        if stored_leaf != leaf:
            self._add(FindingKind.LEAF_DIFFERS, "records", index, "not the hash of the stored bytes")
        if record is not None and record.reference != reference:
            self._add(FindingKind.REFERENCE_DIFFERS, "records", index, "not the reference of the record")
        if self._keys is not None and not hmac.compare_digest(
            self._keys.row_mac(self._book, index, leaf, request), mac
        ):
            self._add(FindingKind.ROW_MAC_DIFFERS, "records", index, "not written by this application")
        self._observe_postings(index, record)
        self._observe_values(index, record)

    def _observe_postings(self, index: int, record: Record | BareRecord | None) -> None:
        stored = []
        for row in self._until(self._postings, index, self._posting_unexpected):
            stored.append(row[1:])
        postings = () if record is None else record.postings
        expected = [
            (number, p.source, p.destination, p.amount.unit, p.amount.minor) for number, p in enumerate(postings)
        ]
        if stored != expected:
            detail = f"{len(stored)} rows that differ from the record's {len(expected)} postings"
            self._add(FindingKind.POSTING_ROW_DIFFERS, "postings", index, detail)

    def _posting_unexpected(self, row: Row) -> None:
        self._add(FindingKind.POSTING_ROW_DIFFERS, "postings", row[0], "no such record")

    def _observe_values(self, index: int, record: Record | BareRecord | None) -> None:
        expected: dict[tuple[str, str], str] = {}
        for person in () if record is None else persons_of(record):
            for seal in person.seals:
                expected[person.tag, seal.field] = seal.commitment
        for row in self._until(self._values, index, self._value_unexpected):
            _, tag, field, _, _, _ = row
            commits_to = expected.pop((tag, field), None)
            if commits_to is None:
                self._value_unexpected(row)
            else:
                self._open(row, commits_to)
        self._missing += [(index, f"{tag}/{field}") for tag, field in expected]

    def _value_unexpected(self, row: Row) -> None:
        detail = "no record speaks of it"
        self._add(FindingKind.VAULT_ROW_UNEXPECTED, "vault_values", row[0], detail, f"{row[1]}/{row[2]}")

    def _open(self, row: Row, commits_to: str) -> None:
        index, tag, field, subject, sealed, wrapped = row
        if wrapped is None:
            # Which of the two rows was touched cannot be told, so both are named.
            detail = "the subject's key is missing"
            self._add(FindingKind.VAULT_ROW_MISSING, "vault_subjects", index, detail, subject)
            detail = "names a subject whose key is missing"
            self._add(FindingKind.VAULT_DAMAGED, "vault_values", index, detail, f"{tag}/{field}")
            return
        if self._vault is None:
            return
        known = SubjectRow(subject, *wrapped)
        try:
            opened = self._vault.open(SealedRow(tag, field, subject, sealed), known)
        except VaultDamaged:
            try:
                self._vault.check_subject(known)
            except VaultDamaged:
                detail = "the subject's key does not open"
                self._add(FindingKind.VAULT_DAMAGED, "vault_subjects", index, detail, subject)
            else:
                detail = "the value does not open"
                self._add(FindingKind.VAULT_DAMAGED, "vault_values", index, detail, f"{tag}/{field}")
            return
        if commitment(opened.r, tag, field, opened.value) != commits_to:
            detail = "not the value the record commits to"
            self._add(FindingKind.COMMITMENT_DIFFERS, "vault_values", index, detail, f"{tag}/{field}")

    def _until(self, stream: _Stream, index: int, unexpected: Callable[[Row], None]) -> Iterator[Row]:
        """The rows of a record; those before it that belong to none are unexpected."""
        while stream.head is not None and stream.head[0] <= index:
            row = stream.pop()
            if row[0] == index:
                yield row
            else:
                unexpected(row)

    def _with_subjects(self) -> Iterator[Row]:
        """Vault rows, each with (epoch, wrapped key) of its subject or None."""
        rows = self._reader.rows(tables.vault_values, "index tag field subject sealed", "index tag field")
        while page := list(islice(rows, SUBJECTS_AT_ONCE)):
            wanted = sorted({row[3] for row in page if _is_text(row[3])})
            where = f"subject IN ({', '.join('?' * len(wanted))})"
            keys = {}
            if wanted:
                columns = "subject epoch wrapped"
                for subject, *wrapped in self._reader.rows(
                    tables.vault_subjects, columns, "subject", where=where, given=tuple(wanted)
                ):
                    keys[subject] = wrapped
            for row in page:
                yield (*row, keys.get(row[3]))

    def level(self, height: int, hashes: Sequence[bytes]) -> None:
        """Roots of subtrees of 256^level leaves, as the tree finishes them."""
        level = height // 8
        if level == 0:
            return
        if level > len(self._subtrees):
            self._subtrees.append(_Stream(self._level_rows(level)))
            self._subtree_count.append(0)
        stream, position = self._subtrees[level - 1], self._subtree_count[level - 1]
        for expected in hashes:
            while stream.head is not None and stream.head[0] < position:
                self._subtree(level, stream.pop()[0], "too many")
            if stream.head is None or stream.head[0] != position:
                self._subtree(level, position, "missing")
            elif stream.pop()[1] != expected:
                self._subtree(level, position, "not the root of its records")
            position += 1
        self._subtree_count[level - 1] = position

    def _level_rows(self, level: int) -> Iterator[Row]:
        return self._reader.rows(tables.subtrees, "position hash", "position", where="level = ?", given=(level,))

    def _subtree(self, level: int, position: int, detail: str) -> None:
        first = position << (8 * level) if 0 <= level < 8 else None
        self._add(FindingKind.SUBTREE_DIFFERS, "subtrees", first, detail, f"{level}/{position}")

    def finish(self, passed: Passed) -> None:
        """What is left over, and the tables that say what all records add up to."""
        self._unknown = passed.fold.unknown
        self._lost(passed)
        while self._postings.head is not None:
            self._posting_unexpected(self._postings.pop())
        while self._values.head is not None:
            self._value_unexpected(self._values.pop())
        for number, stream in enumerate(self._subtrees):
            while stream.head is not None:
                self._subtree(number + 1, stream.pop()[0], "too many")
        others = self._reader.rows(
            tables.subtrees,
            "level position",
            "level position",
            where="(level < 1 OR level > ?)",
            given=(len(self._subtrees),),
        )
        for level, position in others:
            self._subtree(level, position, "too many")
        self._head(passed)
        self._balances(passed)
        self._registers(passed)
        self._subjects()
        self._books()
        if self._reader.sqlite:
            self._integrity()

    def _lost(self, passed: Passed) -> None:
        """Private values that are not there: lost with a database, where a `restored` record says so."""
        restored = sorted(
            (int(key.key), row["backup_size"], row["signed_size"])
            for key, value in passed.fold.state.registers.items()
            if key.register == "restored" and value is not None and (row := decode_value(value))
        )
        lost: dict[int, int] = {}
        for index, name in self._missing:
            said = next((at for at, start, end in restored if start <= index < end and index < at), None)
            if said is None:
                detail = "the record commits to a value that is not there"
                self._add(FindingKind.VAULT_ROW_MISSING, "vault_values", index, detail, name)
            else:
                lost[said] = lost.get(said, 0) + 1
        for at, count in lost.items():
            self._add(FindingKind.VAULT_LOST, "vault_values", at, f"{count} private values")

    def _head(self, passed: Passed) -> None:
        columns = "size root frontier leaf at zone"
        rows = list(self._reader.rows(tables.heads, columns, "book"))
        if len(rows) != 1:
            self._add(FindingKind.HEAD_DIFFERS, "heads", None, "there is no head row")
            return
        expected = (
            passed.size,
            passed.root,
            b"".join(passed.log.tree.subtrees()),
            passed.log.last_leaf,
            passed.log.last_at,
            passed.fold.state.zone,
        )
        if rows[0][0] > passed.size:
            detail = f"the head counts {rows[0][0]} records"
            self._add(FindingKind.RECORD_MISSING, "records", passed.size, detail)
        wrong = [name for name, a, b in zip(columns.split(), rows[0], expected, strict=True) if a != b]
        if wrong:
            self._add(FindingKind.HEAD_DIFFERS, "heads", None, f"not that of the records: {', '.join(wrong)}")

    def _balances(self, passed: Passed) -> None:
        fold = passed.fold
        expected = ((key, (fold.state.balances[key], fold.balance_index[key])) for key in sorted(fold.state.balances))
        rows = self._reader.rows(tables.balances, "account unit minor index", "account unit")
        for (account, unit), wanted, stored in _merged(expected, ((row[:2], row[2:]) for row in rows)):
            if wanted != stored:
                detail = f"stored {_shown(stored)}, computed {_shown(wanted)}"
                index = None if stored is None else stored[1]
                self._found.add(
                    FindingKind.BALANCE_DIFFERS, detail, index=index, table="balances", account=account, key=unit
                )

    def _registers(self, passed: Passed) -> None:
        state = passed.fold.state
        expected = (
            ((key.register, key.key), (state.registers[key], state.touched[key])) for key in sorted(state.touched)
        )
        rows = self._reader.rows(tables.registers, "register key value index", "register key")
        for key, wanted, stored in _merged(expected, ((row[:2], row[2:]) for row in rows)):
            if wanted == stored or (wanted is None and stored is not None and stored[1] in self._unknown):
                continue
            missing = "missing" if stored is None else "unexpected" if wanted is None else "not as replayed"
            index = None if stored is None else stored[1]
            self._add(FindingKind.REGISTER_DIFFERS, "registers", index, missing, "/".join(key))

    def _subjects(self) -> None:
        if not self._reader.has(tables.vault_values):
            return  # a finding already, and nothing to compare with
        query = (
            "SELECT subject FROM vault_subjects WHERE book = ? EXCEPT SELECT subject FROM vault_values WHERE book = ?"
        )
        for (subject,) in self._reader.query("vault_subjects", query, (self._book, self._book)):
            detail = "a key without any value"
            self._add(FindingKind.SUBJECT_UNEXPECTED, "vault_subjects", None, detail, str(subject))

    def _books(self) -> None:
        """Rows that belong to no book: a book has a head and records."""
        kept: dict[str, bool] = {self._book: True}
        for table in tables.metadata.sorted_tables:
            for code in self._codes(table.name):
                if code not in kept:
                    kept[code] = self._is_there("heads", code) and self._is_there("records", code)
                if not kept[code]:
                    detail = "rows of a book that is not kept here"
                    self._add(FindingKind.ROW_UNEXPECTED, table.name, None, detail, code)

    def _codes(self, table: str) -> Iterator[str]:
        last: str | None = None
        while True:
            where, given = ("WHERE book > ?", (last,)) if last is not None else ("", ())
            query = f"SELECT book FROM {table} {where} ORDER BY book LIMIT 1"
            row = next(self._reader.query(table, query, given), None)
            if row is None or not isinstance(row[0], str) or row[0] == last:
                return
            last = row[0]
            yield last

    def _is_there(self, table: str, code: str) -> bool:
        query = f"SELECT 1 FROM {table} WHERE book = ? LIMIT 1"
        return next(self._reader.query(table, query, (code,)), None) is not None

    def _integrity(self) -> None:
        for (said,) in self._reader.query("database", "PRAGMA integrity_check(50)"):
            if said != "ok":
                table = next((name for name in tables.CLASSES if name in str(said)), None)
                self._add(FindingKind.DATABASE_DAMAGED, table, None, str(said))

    def _add(
        self, kind: FindingKind, table: str | None, index: int | None, detail: str, key: str | None = None
    ) -> None:
        self._found.add(kind, detail, index=index, table=table, key=key)


def _merged(
    expected: Iterable[tuple[Any, Row]], stored: Iterable[tuple[Any, Row]]
) -> Iterator[tuple[Any, Row | None, Row | None]]:
    """Both sides by key, in key order: (key, expected or None, stored or None)."""
    left, right = iter(expected), iter(stored)
    wanted, found = next(left, None), next(right, None)
    while wanted is not None or found is not None:
        if found is None or (wanted is not None and wanted[0] < found[0]):
            assert wanted is not None
            yield wanted[0], wanted[1], None
            wanted = next(left, None)
        elif wanted is None or found[0] < wanted[0]:
            yield found[0], None, found[1]
            found = next(right, None)
        else:
            yield wanted[0], wanted[1], found[1]
            wanted, found = next(left, None), next(right, None)


def _shown(row: Row | None) -> str:
    return "nothing" if row is None else f"{row[0]} at record {row[1]}"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _signer(memory: SignerMemory, passed: Passed, pinned: Pinned, found: Findings) -> None:
    """What the signing key remembers, beside the checkpoints that are kept; its root was compared in the pass."""
    if memory.refused is not None:
        found.add(FindingKind.SIGNER_UNREADABLE, memory.refused)
    state = memory.state
    if state is None:
        return
    if state.origin != pinned.origin:
        found.add(FindingKind.FORKED, "the signer's memory is of another origin")
    kept = passed.log.largest
    if state.size > kept:
        detail = f"the key has signed {state.size} records, the newest checkpoint kept is of {kept}"
        found.add(FindingKind.CHECKPOINT_MISSING, detail, index=state.size, table="checkpoints", key=str(state.size))
    elif state.size < kept:
        detail = f"a checkpoint of {kept} records is kept, the key remembers {state.size}"
        found.add(FindingKind.SIGNER_BEHIND, detail, index=kept)


def _schema(reader: _Reader, found: Findings) -> bool:
    """Compares tables, indexes, triggers and functions; False when there was nothing to compare with."""
    try:
        expected = _expected(reader.db)
    except StoreUnavailable:
        return False
    try:
        # A damaged schema may say its names as numbers or bytes.
        rows = (tuple(map(str, row)) for row in schema.describe(reader.db))
        stored = {(kind, name): sql for kind, name, sql in rows if not _planner(name)}
    except (SQLAlchemyError, UnicodeError) as error:
        found.add(FindingKind.DATABASE_DAMAGED, f"the schema cannot be read: {type(error).__name__}")
        return True
    if ("table", "alembic_version") in stored or ("column", "alembic_version.version_num") in stored:
        revisions = [row[0] for row in reader.query("alembic_version", "SELECT version_num FROM alembic_version")]
        if revisions != [schema.newest()]:
            found.add(FindingKind.SCHEMA_DIFFERS, "not the revision of this program", table="alembic_version")
    for kind, name in sorted(expected.keys() | stored.keys()):
        before, now = expected.get((kind, name)), stored.get((kind, name))
        if before != now:
            how = "missing" if now is None else "unexpected" if before is None else "altered"
            table = _table_of(name)
            found.add(FindingKind.SCHEMA_DIFFERS, f"{kind} {how}", table=table, key=name)
    return True


_EXPECTED: dict[tuple[Any, ...], dict[tuple[str, str], str]] = {}


def _expected(db: Connection) -> dict[tuple[str, str], str]:
    """The schema this program makes, on this sort of database; made once for each version of it."""
    version = (db.dialect.name, *(getattr(db.dialect, "server_version_info", None) or ()))
    if version not in _EXPECTED:
        _EXPECTED[version] = {(kind, name): sql for kind, name, sql in schema.expected(db)}
    return _EXPECTED[version]


def _planner(name: str) -> bool:
    """SQLite's own statistics for its query planner."""
    return name.startswith("sqlite_stat")


def _table_of(name: str) -> str | None:
    """The table that an index, trigger or column belongs to, by its name."""
    first = name.partition(".")[0].removeprefix("sqlite_autoindex_")
    fits = [table for table in tables.CLASSES if first == table or first.startswith(table + "_")]
    return max(fits, key=len, default=None)
