"""Lots and marks as they are stored, held against the fold of the records: row by row, as the records pass.

What a record brought in, moved or said is looked for among the rows that begin with it, and among those that end with
it; so memory holds the fold itself and no rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from audit.findings import FindingKind, Findings
from audit.stored import Row, StoredRows, Stream
from ledger.record import BareRecord, Record
from ledger.store import tables
from ledger.store.folded import STAYS, lot_row, move, spans_text
from ledger.store.tables import FOREVER, MARK
from ledger.tracing import PER_RECORD, Tracing

_LOTS, _PLACES, _VALUES, _MARKS = tables.lots, tables.lot_places, tables.lot_values, tables.marks


class FoldedCheck:
    """The tables `folded`, `lots`, `lot_places`, `lot_values` and `marks` of one book."""

    def __init__(self, reader: StoredRows, book: str, found: Findings) -> None:
        self._reader = reader
        self._book = book
        self._found = found
        self._done = next(iter(list(reader.rows(tables.folded, "size leaf day", "book"))), None)
        self._size = 0 if self._done is None else max(self._done[0], 0)
        self._leaf = ""
        self._tracing = Tracing(journal=True)
        self._moved: dict[tuple[str, str], int] = {}
        self._sums: dict[tuple[str, str], int] = {}
        self._open_places: set[tuple[int, str]] = set()
        self._open_values: set[tuple[str, str]] = set()
        self._too_many = False
        rows = reader.rows
        ended = {"where": "until <> ?", "given": (FOREVER,)}
        self._lots = Stream(rows(_LOTS, "lot day part number source unit minor account", "lot"))
        self._places = Stream(rows(_PLACES, "since lot holder place minor day spans", "since lot holder"))
        self._left = Stream(rows(_PLACES, "until lot holder", "until lot holder", **ended))  # type: ignore[arg-type]
        self._values = Stream(rows(_VALUES, "since what key value", "since what key"))
        self._unsaid = Stream(rows(_VALUES, "until what key", "until what key", **ended))  # type: ignore[arg-type]
        self._marks = Stream(rows(_MARKS, "size account unit minor", "size account unit"))

    def observe(self, index: int, leaf: bytes, record: Record | BareRecord | None) -> None:
        """The rows of one record."""
        if index >= self._size:
            return
        self._leaf = leaf.hex()
        postings = () if record is None else record.postings
        self._tracing.apply(index, record.entry if isinstance(record, Record) else None, postings)
        changes = self._tracing.changes()
        lots = {(row.lot,): lot_row(row)[1:] for row in changes.lots}
        self._compare(self._lots, lots, self._lot, 1, (index + 1) << PER_RECORD)
        places: dict[Row, Row] = {}
        left: dict[Row, Row] = {}
        for place in changes.places:
            key = (place.lot, place.holder)
            if key in self._open_places:
                self._open_places.discard(key)
                left[index, *key] = ()
            if place.minor:
                self._open_places.add(key)
                places[index, *key] = (place.place, place.minor, place.day.isoformat(), spans_text(place.spans))
        self._compare(self._places, places, self._place, 3, index + 1)
        self._compare(self._left, left, self._place, 3, index + 1)
        values: dict[Row, Row] = {}
        unsaid: dict[Row, Row] = {}
        for what, name, value in changes.values:
            if what not in STAYS:
                if (what, name) in self._open_values:
                    unsaid[index, what, name] = ()
                self._open_values.add((what, name))
            values[index, what, name] = (value,)
        self._compare(self._values, values, self._value, 3, index + 1)
        self._compare(self._unsaid, unsaid, self._value, 3, index + 1)
        for posting in postings:
            move(self._moved, posting.source, posting.destination, posting.amount.unit, posting.amount.minor)
        if (index + 1) % MARK == 0:
            self._observe_marks(index + 1)

    def _observe_marks(self, size: int) -> None:
        for key, minor in self._moved.items():
            self._sums[key] = self._sums.get(key, 0) + minor
        marks: dict[Row, Row] = {(size, *key): (self._sums[key],) for key in self._moved}
        self._moved = {}
        self._compare(self._marks, marks, self._mark, 3, size + 1)

    def _compare(
        self, stream: Stream, expected: Mapping[Row, Row], say: Callable[[Row, str], None], keys: int, before: int
    ) -> None:
        """The rows whose first column is below `before` are these, in any order."""
        missing = dict(expected)
        for row in _below(stream, before):
            wanted = missing.pop(row[:keys], None)
            if wanted != row[keys:]:
                say(row[:keys], "no record says so" if wanted is None else "not what the records say")
        for key in missing:
            say(key, "missing")

    def finish(self, size: int) -> None:
        """What is left over, and how far the fold is said to go; the book has `size` records."""
        rest: tuple[tuple[Stream, Callable[[Row, str], None], int], ...] = (
            (self._lots, self._lot, 1),
            (self._places, self._place, 3),
            (self._left, self._place, 3),
            (self._values, self._value, 3),
            (self._unsaid, self._value, 3),
            (self._marks, self._mark, 3),
        )
        for stream, say, keys in rest:
            for row in _below(stream, None):
                say(row[:keys], "no record says so")
        if self._done is None:
            if self._too_many and self._reader.has(tables.folded):
                self._folded("it is not said how far the lots go")
        elif self._done[0] != self._size or not 0 < self._size <= size:
            self._folded(f"there are {size} records, not {self._done[0]}")
        elif self._done[1:] != (self._leaf, self._tracing.newest_day.isoformat()):
            self._folded("not the leaf or the day of these records")

    def _folded(self, detail: str) -> None:
        self._found.add(FindingKind.LOT_DIFFERS, detail, table="folded", key=self._book)

    def _lot(self, key: Row, detail: str) -> None:
        self._add(FindingKind.LOT_DIFFERS, _LOTS.name, key[0] >> PER_RECORD, detail, key)

    def _place(self, key: Row, detail: str) -> None:
        self._add(FindingKind.LOT_DIFFERS, _PLACES.name, key[0], detail, key[1:])

    def _value(self, key: Row, detail: str) -> None:
        self._add(FindingKind.LOT_DIFFERS, _VALUES.name, key[0], detail, key[1:])

    def _mark(self, key: Row, detail: str) -> None:
        self._add(FindingKind.MARK_DIFFERS, _MARKS.name, key[0], detail, (key[2],), account=_text(key[1]))

    def _add(
        self, kind: FindingKind, table: str, index: int, detail: str, key: Iterable[Any], account: str | None = None
    ) -> None:
        self._too_many = True
        shown = "/".join(_text(str(part)) for part in key)
        self._found.add(kind, detail, index=index, table=table, account=account, key=shown)


def _text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _below(stream: Stream, before: int | None) -> Iterator[Row]:
    while stream.head is not None and (before is None or stream.head[0] < before):
        yield stream.pop()
