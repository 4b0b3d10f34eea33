"""Holds every stored row against the outcome of the replay, and the schema against this program's own.

Compared is every row of class log, derived and sealed: records (leaf, reference, MAC and by it the request), heads,
postings, balances, registers, subtrees, vault rows and subjects, lots and marks (rows_folded.py), and rows of books
that are not kept here. Rows are merged with what the replay says in key order, so memory holds the state and one page.
"""

import hmac
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from audit.checks_fold import persons_of
from audit.findings import FindingKind, Findings
from audit.rows_folded import FoldedCheck
from audit.stored import Row, StoredRows, Stream
from audit.verify import Passed
from ledger.record import BareRecord, Record
from ledger.registers import decode_value
from ledger.store import schema, tables
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import StoreUnavailable
from ledger.vault.keys import VaultKeys
from ledger.vault.seal import Vault, VaultDamaged, commitment

SUBJECTS_AT_ONCE = 400


class RowCheck:
    """Holds the stored rows against the replay: those of one record as it passes, the others at the end."""

    def __init__(self, reader: StoredRows, book: str, vault: VaultKeys | None, found: Findings) -> None:
        self._reader = reader
        self._book = book
        self._keys = vault
        self._vault = None if vault is None else Vault(book, vault, os.urandom)
        self._found = found
        self._coming: deque[Row] = deque()
        self._postings = Stream(
            reader.rows(tables.postings, "index number source destination unit minor", "index number")
        )
        self._values = Stream(self._with_subjects())
        self._folded = FoldedCheck(reader, book, found)
        self._subtrees: list[Stream] = []
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
        self._folded.observe(index, leaf, record)

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

    def _until(self, stream: Stream, index: int, unexpected: Callable[[Row], None]) -> Iterator[Row]:
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
            self._subtrees.append(Stream(self._level_rows(level)))
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
        self._folded.finish(passed.size)
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


# The schema


def check_schema(reader: StoredRows, found: Findings) -> bool:
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
