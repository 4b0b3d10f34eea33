"""How the audit reads a database: rows as they are stored, in key order, and of these the log itself.

The readers of ledger/store are not used: they trust what they read, and an auditor may not. Whatever cannot be read
is a finding, whatever belongs nowhere too; StoreUnavailable is raised only when the database is out of reach.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Integer, LargeBinary, Table, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit.checks_timestamps import TimestampCheck
from audit.findings import FindingKind, Findings
from ledger.log.note import NoteRejected, parse_signature_line
from ledger.record import RecordMalformed, decode_bare
from ledger.store import tables
from ledger.store.engine import StoreUnavailable, driver_sql
from ledger.timestamps import Authority

PAGE = 1000

Row = tuple[Any, ...]


class StoredRows:
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
            if isinstance(error, DBAPIError) and unavailable(error):
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
        reader: StoredRows,
        coming: Callable[[Row], None] | None,
        origin: str,
        found: Findings,
        authorities: Mapping[str, Authority] | None,
    ) -> None:
        """`coming` is told of every record row, before its bytes are given."""
        self.timestamped = False
        """Whether there are timestamps; known once the checkpoints were read."""
        self._reader = reader
        self._coming = coming
        self._origin = origin
        self._timestamps = TimestampCheck(authorities, self._last_at, found)
        self._found = found

    def records(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) by index."""
        t = tables.records
        if self._coming is None:
            yield from self._reader.rows(t, "index body", "index", where='"index" >= ?', given=(start,))
            return
        for row in self._reader.rows(t, "index leaf reference request mac body", "index"):
            self._coming(row)
            yield row[0], row[5]

    def body(self, index: int) -> bytes | None:
        """The bytes of one record."""
        found = self._reader.rows(tables.records, "body", "index", where='"index" = ?', given=(index,))
        return next((row[0] for row in found), None)

    def checkpoints(self, start: int = 0) -> Iterator[tuple[int | None, bytes, str]]:
        """(size column, note, its cosignatures) by size, from the size `start` on.

        A row of either table that belongs to no checkpoint is a finding and is left out.
        """
        cosignatures = Stream(self._rows_from(tables.cosignatures, "size witness line", "size witness", start))
        timestamps = Stream(self._rows_from(tables.timestamps, "size authority token", "size authority", start))
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


def _of_size(stream: "Stream", size: int | None, homeless: Callable[[Row], None]) -> Iterator[Row]:
    """The rows of one size, or with None all that are left; those before it belong to no checkpoint."""
    while stream.head is not None and (size is None or stream.head[0] <= size):
        row = stream.pop()
        if size is None or row[0] == size:
            yield row
        else:
            homeless(row)


def _shown_text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Stream:
    """An iterator with its next row in sight."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.head = next(rows, None)

    def pop(self) -> Row:
        row = self.head
        assert row is not None
        self.head = next(self._rows, None)
        return row


def unavailable(error: DBAPIError) -> bool:
    """Whether the database is out of reach, rather than damaged."""
    message = str(error.orig)
    return error.connection_invalidated or any(
        words in message
        for words in ("locked", "unable to open", "connection failed", "could not connect", "server closed")
    )
