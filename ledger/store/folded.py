"""Lots and marks as they are kept: what a fold goes on from, what an older size is asked of, and the writing of both.

Every row of a place or value holds for the sizes s with since < s ≤ until, so a question about a size reads the rows of
what it asks about and nothing else, however large the book has become.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection

from ledger.accounts import Posting
from ledger.days import FIRST_DAY
from ledger.store import tables
from ledger.store.append import many
from ledger.store.engine import driver_sql
from ledger.store.tables import FOREVER, MARK
from ledger.tracing import PER_RECORD, Changes, LotRow, PlaceRow, Span

TABLES = (tables.folded, tables.marks, tables.lots, tables.lot_places, tables.lot_values)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Folded:
    """How far lots and marks go; `leaf` is the last record's leaf hash in hex."""

    size: int
    leaf: str
    newest_day: date


NOTHING = Folded(0, "", FIRST_DAY)


def folded(db: Connection, book: str) -> Folded:
    """How far lots and marks of a book go."""
    row = _ask(db, "SELECT size, leaf, day FROM folded WHERE book = ?", book).first()
    return NOTHING if row is None else Folded(row[0], row[1], date.fromisoformat(row[2]))


def _ask(db: Connection, query: str, *given: object) -> Any:
    return db.exec_driver_sql(driver_sql(db, query), given)


_LOT = "lot, day, part, number, source, unit, minor, account"
_PLACE = "lot, holder, place, minor, day, spans"
_spans = msgspec.json.Decoder(tuple[Span, ...])


def _lot_row(row: Any) -> LotRow:
    lot, day, part, number, source, unit, minor, account = row
    return LotRow(lot, date.fromisoformat(day), None if part < 0 else part, number, source, unit, minor, account)


def _place_row(row: Any) -> PlaceRow:
    lot, holder, place, minor, day, spans = row
    return PlaceRow(lot, holder, place, minor, date.fromisoformat(day), _spans.decode(spans))


class KeptLots:
    """A fold of the first `size` records, read piece by piece (`ledger.tracing.kept.Kept`)."""

    def __init__(self, db: Connection, book: str, done: Folded, size: int | None = None) -> None:
        """As it is, to go on from, or as it was at an older `size`, to be asked."""
        self._db = db
        self._book = book
        self.size = done.size if size is None else size
        self.newest_day = done.newest_day

    def lots(self, lots: Sequence[int]) -> Iterable[LotRow]:
        for start in range(0, len(lots), _PAGE):
            page = lots[start : start + _PAGE]
            query = f"SELECT {_LOT} FROM lots WHERE book = ? AND lot IN ({','.join('?' * len(page))})"
            yield from map(_lot_row, _ask(self._db, query, self._book, *page))

    def lots_of(self, index: int) -> Iterable[LotRow]:
        query = f"SELECT {_LOT} FROM lots WHERE book = ? AND lot >= ? AND lot < ? ORDER BY lot"
        rows = _ask(self._db, query, self._book, index << PER_RECORD, (index + 1) << PER_RECORD)
        return list(map(_lot_row, rows))

    def place(self, lot: int, holder: str) -> PlaceRow | None:
        query = (
            f"SELECT {_PLACE}, until FROM lot_places WHERE book = ? AND lot = ? AND holder = ? AND since < ? "
            "ORDER BY since DESC LIMIT 1"
        )
        row = _ask(self._db, query, self._book, lot, holder, self.size).first()
        return None if row is None or row[-1] < self.size else _place_row(row[:-1])

    def places(self, lot: int) -> Iterable[PlaceRow]:
        query = f"SELECT {_PLACE} FROM lot_places WHERE book = ? AND lot = ? AND since < ? AND until >= ?"
        return list(map(_place_row, _ask(self._db, query, self._book, lot, self.size, self.size)))

    def held(self, holder: str) -> Iterable[PlaceRow]:
        query = f"SELECT {_PLACE} FROM lot_places WHERE book = ? AND holder = ? AND until >= ? AND since < ?"
        return list(map(_place_row, _ask(self._db, query, self._book, holder, self.size, self.size)))

    def oldest(self, holder: str, after: tuple[date, int] | None, most: int) -> Sequence[PlaceRow]:
        """Only of the newest size: what has left is not passed over row by row."""
        query = f"SELECT {_PLACE} FROM lot_places WHERE book = ? AND holder = ? AND until = ?"
        given: list[object] = [self._book, holder, FOREVER]
        if after is not None:
            query += " AND (day, lot) > (?, ?)"
            given += [after[0].isoformat(), after[1]]
        rows = _ask(self._db, query + " ORDER BY day, lot LIMIT ?", *given, most)
        return list(map(_place_row, rows))

    def value(self, what: str, key: str) -> bytes | None:
        query = (
            'SELECT value, until FROM lot_values WHERE book = ? AND what = ? AND "key" = ? AND since < ? '
            "ORDER BY since DESC LIMIT 1"
        )
        row = _ask(self._db, query, self._book, what, key, self.size).first()
        return None if row is None or row[1] < self.size else bytes(row[0])


def lot_row(row: LotRow) -> tuple[object, ...]:
    """A lot as the columns of its table, behind `book`."""
    part = -1 if row.part is None else row.part
    return row.lot, row.day.isoformat(), part, row.number, row.source, row.unit, row.minor, row.account


def spans_text(spans: Sequence[Span]) -> str:
    """Piece numbers as they are kept."""
    return msgspec.json.encode(spans).decode()


# What is said once and stays; the rest is said anew.
STAYS = frozenset({"moves", "uses", "covers", "undone", "fund", "ruled"})


class Keeper:
    """Collects what records change, from `start` on, and writes it at once."""

    def __init__(self, db: Connection, book: str, start: int) -> None:
        self._db = db
        self._book = book
        self._start = start
        self._lots: list[tuple[object, ...]] = []
        self._places: list[list[Any]] = []
        self._open: dict[tuple[int, str], list[Any]] = {}
        self._left: list[tuple[object, ...]] = []
        self._values: list[list[Any]] = []
        self._said: dict[tuple[str, str], list[Any]] = {}
        self._unsaid: list[tuple[object, ...]] = []

    def take(self, index: int, changes: Changes) -> None:
        """What one record changed."""
        book = self._book
        self._lots += [(book, *lot_row(row)) for row in changes.lots]
        for row in changes.places:
            key = (row.lot, row.holder)
            before = self._open.pop(key, None)
            if before is not None:
                before[4] = index
            elif row.lot >> PER_RECORD < self._start:
                self._left.append((index, book, *key, book, *key, FOREVER))
            if row.minor:
                day, spans = row.day.isoformat(), spans_text(row.spans)
                new = [book, row.lot, row.holder, index, FOREVER, row.place, row.minor, day, spans]
                self._open[key] = new
                self._places.append(new)
        for what, name, value in changes.values:
            said = [book, what, name, index, FOREVER, value]
            if what not in STAYS:
                earlier = self._said.get((what, name))
                if earlier is not None:
                    earlier[4] = index
                else:
                    self._unsaid.append((index, book, what, name, book, what, name, FOREVER))
                self._said[what, name] = said
            self._values.append(said)

    def write(self, done: Folded) -> None:
        """Writes what was taken; the fold has then come to `done`."""
        for statement, given in ((_LEFT, self._left), (_UNSAID, self._unsaid)):
            if given:
                self._db.exec_driver_sql(driver_sql(self._db, statement), given)
        many(self._db, _LOTS, self._lots)
        many(self._db, _PLACES, list(map(tuple, self._places)))
        many(self._db, _VALUES, list(map(tuple, self._values)))
        many(self._db, _FOLDED, [(self._book, done.size, done.leaf, done.newest_day.isoformat())])


# The newest row of a key is found from behind, however many there were.
_LEFT = (
    "UPDATE lot_places SET until = ? WHERE book = ? AND lot = ? AND holder = ? AND since = "
    "(SELECT max(since) FROM lot_places WHERE book = ? AND lot = ? AND holder = ?) AND until = ?"
)
_UNSAID = (
    'UPDATE lot_values SET until = ? WHERE book = ? AND what = ? AND "key" = ? AND since = '
    '(SELECT max(since) FROM lot_values WHERE book = ? AND what = ? AND "key" = ?) AND until = ?'
)
_LOTS = f"INSERT INTO lots (book, {_LOT}) VALUES {{rows}}"
_PLACES = "INSERT INTO lot_places (book, lot, holder, since, until, place, minor, day, spans) VALUES {rows}"
_VALUES = 'INSERT INTO lot_values (book, what, "key", since, until, value) VALUES {rows}'
_FOLDED = (
    "INSERT INTO folded (book, size, leaf, day) VALUES {rows} "
    "ON CONFLICT (book) DO UPDATE SET size = excluded.size, leaf = excluded.leaf, day = excluded.day"
)
_MARKS = "INSERT INTO marks (book, account, unit, size, minor) VALUES {rows}"


def forget(db: Connection, book: str) -> None:
    """Takes lots and marks of a book away: they are made again from the records."""
    for table in TABLES:
        db.execute(table.delete().where(table.c.book == book))


# Balances as of a size.

Sums = dict[tuple[str, str], int]


class Marks:
    """Marks balances as records pass, from any size on."""

    def __init__(self, db: Connection, book: str, size: int) -> None:
        self._db = db
        self._book = book
        self._since: Sums = moved_between(db, book, size - size % MARK, size)
        self._rows: list[tuple[object, ...]] = []
        self._newest: Sums = {}

    def take(self, index: int, postings: Iterable[Posting]) -> None:
        """The postings of the next record."""
        for posting in postings:
            move(self._since, posting.source, posting.destination, posting.amount.unit, posting.amount.minor)
        if (index + 1) % MARK == 0:
            for key in sorted(self._since):
                if key not in self._newest:
                    self._newest[key] = _marked(self._db, self._book, *key, index + 1) or 0
                self._newest[key] += self._since[key]
                self._rows.append((self._book, *key, index + 1, self._newest[key]))
            self._since = {}

    def write(self) -> None:
        """Writes the marks that were passed."""
        many(self._db, _MARKS, self._rows)
        self._rows = []


def move(sums: Sums, source: str, destination: str, unit: str, minor: int) -> None:
    """Takes an amount from one account to another."""
    sums[source, unit] = sums.get((source, unit), 0) - minor
    sums[destination, unit] = sums.get((destination, unit), 0) + minor


def moved_between(db: Connection, book: str, start: int, end: int, account: str | None = None) -> Sums:
    """What the records from `start` to before `end` moved, by account and unit; of one account if it is named."""
    query = (
        'SELECT source, destination, unit, sum(minor) FROM postings WHERE book = ? AND "index" >= ? AND "index" < ? '
    )
    given: list[object] = [book, start, end]
    if account is not None:
        query += "AND (source = ? OR destination = ?) "
        given += [account, account]
    sums: Sums = {}
    for source, destination, unit, minor in _ask(db, query + "GROUP BY source, destination, unit", *given):
        move(sums, source, destination, unit, int(minor))
    return sums if account is None else {key: minor for key, minor in sums.items() if key[0] == account}


def balances_at(db: Connection, book: str, size: int, account: str | None = None) -> Sums:
    """Every balance after the first `size` records, or those of one account: the newest mark up to there, and what was
    posted since (at most MARK records, as far as marks are made)."""
    upto = min(size, folded(db, book).size)
    mark = upto - upto % MARK
    sums = _all_marked(db, book, mark) if account is None else _marked_of(db, book, account, mark)
    for key, minor in moved_between(db, book, mark, size, account).items():
        sums[key] = sums.get(key, 0) + minor
    return sums


def _marked(db: Connection, book: str, account: str, unit: str, size: int) -> int | None:
    query = (
        "SELECT minor FROM marks WHERE book = ? AND account = ? AND unit = ? AND size <= ? ORDER BY size DESC LIMIT 1"
    )
    row = _ask(db, query, book, account, unit, size).first()
    return None if row is None else int(row[0])


def _marked_of(db: Connection, book: str, account: str, size: int) -> Sums:
    units = _ask(db, "SELECT unit FROM balances WHERE book = ? AND account = ?", book, account)
    found = {(account, row[0]): _marked(db, book, account, row[0], size) for row in units.all()}
    return {key: minor for key, minor in found.items() if minor is not None}


def _all_marked(db: Connection, book: str, size: int) -> Sums:
    query = (
        "SELECT m.account, m.unit, m.minor FROM marks m JOIN (SELECT account, unit, max(size) AS size FROM marks "
        "WHERE book = ? AND size <= ? GROUP BY account, unit) n "
        "ON m.book = ? AND m.account = n.account AND m.unit = n.unit AND m.size = n.size"
    )
    return {(row[0], row[1]): row[2] for row in _ask(db, query, book, size, book)}
