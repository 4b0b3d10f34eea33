"""The writes: lock the head, append records with all that follows from them, keep a checkpoint.

Rows go through the driver's own executemany; the statements are few and plain, and the batch is the
hot path of every import.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
from sqlalchemy import Connection, Table, and_, insert, select, update

from ledger.accounts import Posting
from ledger.log.merkle import Frontier, node_hash
from ledger.registers import Key
from ledger.store import tables
from ledger.store.engine import driver_sql


@dataclass(frozen=True, slots=True)
class Head:
    """Where a book stands: `leaf` is the last record's leaf hash in hex, `at` its instant."""

    book: str
    size: int
    frontier: Frontier
    leaf: str
    at: str
    zone: str

    @property
    def root(self) -> bytes:
        """The Merkle root over all records."""
        return self.frontier.root()


class NewRecord(msgspec.Struct, frozen=True, gc=False):
    """One record on its way into the store."""

    index: int
    leaf: bytes
    reference: str
    request: bytes
    mac: bytes
    body: bytes
    postings: Sequence[Posting]


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One private value, sealed; `index` is filled in when the record has one."""

    tag: str
    field: str
    subject: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One person's wrapped data key."""

    subject: str
    epoch: int
    wrapped: bytes


def lock_head(db: Connection, book: str) -> Head | None:
    """The head row, locked for this transaction; None when the book is not open yet.

    Locked before balances are read: under READ COMMITTED the other order lets two payments each see the
    last of a fund's money. SQLite took its lock with BEGIN IMMEDIATE.
    """
    t = tables.heads
    row = db.execute(select(t).where(t.c.book == book).with_for_update()).one_or_none()
    return None if row is None else head_of(row)


def head_of(row: object) -> Head:
    """A head from its row."""
    values = row._mapping  # type: ignore[attr-defined]
    return Head(
        book=values["book"],
        size=values["size"],
        frontier=unpack_frontier(values["size"], bytes(values["frontier"])),
        leaf=values["leaf"],
        at=values["at"],
        zone=values["zone"],
    )


def pack_frontier(frontier: Frontier) -> bytes:
    """The hashes, largest subtree first, 32 bytes each."""
    return b"".join(frontier.nodes)


def unpack_frontier(size: int, data: bytes) -> Frontier:
    """The frontier of `pack_frontier`'s bytes; raises ValueError when they do not fit the size."""
    return Frontier(size, tuple(data[i : i + 32] for i in range(0, len(data), 32)))


# SQLite opens a savepoint for each statement that a trigger may abort: a hundred rows share one.
ROWS = 100
_RECORD = 'INSERT INTO records (book, "index", leaf, reference, request, mac, body) VALUES {rows}'
_POSTING = 'INSERT INTO postings (book, "index", number, source, destination, unit, minor) VALUES {rows}'
_SUBTREE = "INSERT INTO subtrees (book, level, position, hash) VALUES {rows}"
_VALUE = 'INSERT INTO vault_values (book, "index", tag, field, subject, sealed) VALUES {rows}'
_SUBJECT = (
    "INSERT INTO vault_subjects (book, subject, epoch, wrapped) VALUES {rows} ON CONFLICT (book, subject) DO NOTHING"
)
_BALANCE = (
    'INSERT INTO balances (book, account, unit, minor, "index") VALUES {rows} '
    'ON CONFLICT (book, account, unit) DO UPDATE SET minor = excluded.minor, "index" = excluded."index"'
)
_REGISTER = (
    'INSERT INTO registers (book, register, "key", value, "index") VALUES {rows} '
    'ON CONFLICT (book, register, "key") DO UPDATE SET value = excluded.value, "index" = excluded."index"'
)
_HEAD = (
    "INSERT INTO heads (book, size, root, frontier, leaf, at, zone) VALUES {rows} "
    "ON CONFLICT (book) DO UPDATE SET size = excluded.size, root = excluded.root, frontier = excluded.frontier, "
    "leaf = excluded.leaf, at = excluded.at, zone = excluded.zone"
)


def append(
    db: Connection,
    head: Head,
    new: Sequence[NewRecord],
    *,
    at: str,
    zone: str,
    balances: Iterable[tuple[str, str, int, int]],
    registers: Iterable[tuple[Key, bytes, int]],
    values: Iterable[tuple[int, SealedRow]],
    subjects: Iterable[SubjectRow],
) -> Head:
    """Writes the records and everything that follows from them; returns the new head.

    `balances` are (account, unit, minor, index of the record that set it), `registers` (key, value, index).
    The head row is written last: its triggers hold the records above the old head.
    """
    book = head.book
    many(db, _RECORD, [(book, r.index, r.leaf, r.reference, r.request, r.mac, r.body) for r in new])
    many(
        db,
        _POSTING,
        [
            (book, r.index, number, p.source, p.destination, p.amount.unit, p.amount.minor)
            for r in new
            for number, p in enumerate(r.postings)
        ],
    )
    many(db, _SUBTREE, [(book, *row) for row in _full_subtrees(db, head, [r.leaf for r in new])])
    many(db, _BALANCE, [(book, *row) for row in balances])
    many(db, _REGISTER, [(book, key.register, key.key, value, index) for key, value, index in registers])
    # Subjects are random: in order of key, neighbours share a page.
    many(db, _SUBJECT, sorted((book, s.subject, s.epoch, s.wrapped) for s in subjects))
    many(db, _VALUE, [(book, index, v.tag, v.field, v.subject, v.sealed) for index, v in values])
    frontier = head.frontier.extend([r.leaf for r in new])
    after = Head(book, frontier.size, frontier, new[-1].leaf.hex(), at, zone)
    many(db, _HEAD, [(book, after.size, after.root, pack_frontier(frontier), after.leaf, at, zone)])
    return after


def many(db: Connection, statement: str, rows: list[tuple[object, ...]]) -> None:
    """Inserts many rows, `ROWS` to a statement; nothing for none."""
    if not rows:
        return
    row = f"({','.join('?' * len(rows[0]))})"
    whole = len(rows) - len(rows) % ROWS
    if whole:
        full = [tuple(chain.from_iterable(rows[start : start + ROWS])) for start in range(0, whole, ROWS)]
        db.exec_driver_sql(driver_sql(db, statement.format(rows=",".join([row] * ROWS))), full)
    if whole < len(rows):
        db.exec_driver_sql(driver_sql(db, statement.format(rows=row)), rows[whole:])


def _full_subtrees(db: Connection, head: Head, leaves: list[bytes]) -> list[tuple[int, int, bytes]]:
    """(level, position, root) of every subtree of 256^level leaves that these leaves complete."""
    rows: list[tuple[int, int, bytes]] = []
    level, first, hashes = 0, head.size, leaves
    while hashes and (first + len(hashes)) // 256 > first // 256:
        start = first - first % 256
        if start < first:
            hashes = [*level_hashes(db, head.book, level, start, first), *hashes]
        full = len(hashes) // 256
        roots = [_root_of_256(hashes[i * 256 : (i + 1) * 256]) for i in range(full)]
        level, first, hashes = level + 1, start // 256, roots
        rows += [(level, first + i, root) for i, root in enumerate(roots)]
    return rows


def _root_of_256(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def level_hashes(db: Connection, book: str, level: int, start: int, end: int) -> list[bytes]:
    """The roots of the subtrees [start, end) of 256^level leaves each."""
    if level == 0:
        t = tables.records
        query = select(t.c.leaf).where(t.c.book == book, t.c.index >= start, t.c.index < end).order_by(t.c.index)
    else:
        s = tables.subtrees
        query = (
            select(s.c.hash)
            .where(s.c.book == book, s.c.level == level, s.c.position >= start, s.c.position < end)
            .order_by(s.c.position)
        )
    return [bytes(row[0]) for row in db.execute(query)]


def keep_checkpoint(db: Connection, book: str, size: int, note: str) -> None:
    """Keeps a signed checkpoint; the checkpointer is the only caller."""
    _keep_first(db, tables.checkpoints, {"book": book, "size": size}, {"note": note})


def keep_cosignature(db: Connection, book: str, size: int, witness: str, line: str) -> None:
    """Keeps a witness's signature line on the checkpoint of that size; the newest one stands."""
    t = tables.cosignatures
    same = and_(t.c.book == book, t.c.size == size, t.c.witness == witness)
    if db.execute(update(t).where(same).values(line=line)).rowcount == 0:
        db.execute(insert(t).values(book=book, size=size, witness=witness, line=line))


def keep_timestamp(db: Connection, book: str, size: int, authority: str, token: bytes) -> None:
    """Keeps an authority's timestamp of the checkpoint of that size; the first one kept stands."""
    _keep_first(db, tables.timestamps, {"book": book, "size": size, "authority": authority}, {"token": token})


def _keep_first(db: Connection, table: Table, key: dict[str, object], said: dict[str, object]) -> None:
    same = and_(*(table.c[name] == value for name, value in key.items()))
    if db.execute(select(table.c.size).where(same)).first() is None:
        db.execute(insert(table).values(**key, **said))
