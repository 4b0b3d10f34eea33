"""The reads of the book: head, records, balances, registers, checkpoints, subtree hashes."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from ledger.log.merkle import Frontier, Reader, node_hash
from ledger.registers import Key
from ledger.store import tables
from ledger.store.append import Head, head_of, level_hashes
from ledger.store.engine import driver_sql

PAGE = 2000  # rows a query; memory stays flat whatever the book's size


def books(db: Connection) -> list[str]:
    """The codes of the books in this database."""
    return [row[0] for row in db.execute(select(tables.heads.c.book).order_by(tables.heads.c.book))]


def head(db: Connection, book: str) -> Head | None:
    """Where the book stands, without a lock."""
    row = db.execute(select(tables.heads).where(tables.heads.c.book == book)).one_or_none()
    return None if row is None else head_of(row)


def record_rows(db: Connection, book: str, start: int = 0, end: int | None = None) -> Iterator[Any]:
    """Rows (index, leaf, reference, request, mac, body) by index, in pages."""
    t = tables.records
    columns = (t.c.index, t.c.leaf, t.c.reference, t.c.request, t.c.mac, t.c.body)
    while end is None or start < end:
        query = select(*columns).where(t.c.book == book, t.c.index >= start)
        if end is not None:
            query = query.where(t.c.index < end)
        page = db.execute(query.order_by(t.c.index).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        start = page[-1][0] + 1


def body(db: Connection, book: str, index: int) -> bytes | None:
    """The bytes of one record."""
    t = tables.records
    found = db.execute(select(t.c.body).where(t.c.book == book, t.c.index == index)).scalar()
    return None if found is None else bytes(found)


def by_references(db: Connection, book: str, references: Iterable[str]) -> dict[str, tuple[int, bytes, bytes]]:
    """reference → (index, leaf, request) of those already used."""
    wanted = sorted(set(references))
    found: dict[str, tuple[int, bytes, bytes]] = {}
    for start in range(0, len(wanted), 500):
        page = wanted[start : start + 500]
        # Every batch asks this; the driver's own parameters spare the building of a long statement.
        holders = ",".join("?" * len(page))
        query = f'SELECT reference, "index", leaf, request FROM records WHERE book = ? AND reference IN ({holders})'
        rows = db.exec_driver_sql(driver_sql(db, query), (book, *page))
        found.update({row[0]: (row[1], bytes(row[2]), bytes(row[3])) for row in rows})
    return found


def balances(db: Connection, book: str, accounts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Balances in `minor` of these (account, unit); those never posted to are left out."""
    t = tables.balances
    wanted = sorted({account for account, _ in accounts})
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(wanted), 500):
        query = select(t.c.account, t.c.unit, t.c.minor).where(
            t.c.book == book, t.c.account.in_(wanted[start : start + 500])
        )
        found.update({(r.account, r.unit): r.minor for r in db.execute(query)})
    return found


def all_balances(db: Connection, book: str, account: str | None = None) -> dict[tuple[str, str], int]:
    """Every balance as stored, or those of one account."""
    t = tables.balances
    query = select(t.c.account, t.c.unit, t.c.minor).where(t.c.book == book)
    rows = db.execute(query if account is None else query.where(t.c.account == account))
    return {(r.account, r.unit): r.minor for r in rows}


def registers(db: Connection, book: str, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Values of these register rows; missing ones are left out."""
    t = tables.registers
    by_register: dict[str, list[str]] = {}
    for key in set(keys):
        by_register.setdefault(key.register, []).append(key.key)
    found: dict[Key, bytes] = {}
    for register, names in by_register.items():
        for start in range(0, len(names), 500):
            query = select(t.c.key, t.c.value).where(
                t.c.book == book, t.c.register == register, t.c.key.in_(names[start : start + 500])
            )
            found.update({Key(register, r.key): bytes(r.value) for r in db.execute(query)})
    return found


def register_rows(db: Connection, book: str, register: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """(key, value) of one register in key order, optionally only keys that begin with `prefix`."""
    t = tables.registers
    query = select(t.c.key, t.c.value).where(t.c.book == book, t.c.register == register)
    if prefix:
        query = query.where(t.c.key >= prefix, t.c.key < prefix[:-1] + chr(ord(prefix[-1]) + 1))
    for row in db.execute(query.order_by(t.c.key)):
        yield row.key, bytes(row.value)


def checkpoints(db: Connection, book: str) -> list[tuple[int, str]]:
    """(size, signed note with its cosignatures) by size."""
    t = tables.checkpoints
    lines: dict[int, str] = {}
    for size, line in _cosignatures(db, book):
        lines[size] = lines.get(size, "") + line
    rows = db.execute(select(t).where(t.c.book == book).order_by(t.c.size))
    return [(r.size, r.note + lines.get(r.size, "")) for r in rows]


def newest_checkpoint(db: Connection, book: str) -> str | None:
    """The signed note of the largest size, with its cosignatures."""
    t = tables.checkpoints
    query = select(t).where(t.c.book == book).order_by(t.c.size.desc()).limit(1)
    return _cosigned(db, book, db.execute(query).first())


def checkpoint_at(db: Connection, book: str, size: int) -> str | None:
    """The signed note of a size, with its cosignatures."""
    t = tables.checkpoints
    return _cosigned(db, book, db.execute(select(t).where(t.c.book == book, t.c.size == size)).first())


def checkpoint_covering(db: Connection, book: str, index: int) -> str | None:
    """The oldest checkpoint that covers a record, with its cosignatures: documents made again from it are the
    same bytes once every witness has signed."""
    t = tables.checkpoints
    query = select(t).where(t.c.book == book, t.c.size > index).order_by(t.c.size).limit(1)
    return _cosigned(db, book, db.execute(query).first())


def cosigned_checkpoints(db: Connection, book: str, *, above: int = 0) -> Iterator[tuple[int, str]]:
    """(size, signed note with its cosignatures) of the checkpoints that have any and are larger than `above`,
    largest first."""
    t, c = tables.checkpoints, tables.cosignatures
    sizes = select(c.c.size).where(c.c.book == book, c.c.size > above)
    for row in db.execute(select(t).where(t.c.book == book, t.c.size.in_(sizes)).order_by(t.c.size.desc())).all():
        yield row.size, row.note + "".join(line for _, line in _cosignatures(db, book, row.size))


def cosignature(db: Connection, book: str, witness: str, size: int) -> tuple[int, str] | None:
    """(size, line) of the largest checkpoint up to `size` that a witness has signed."""
    t = tables.cosignatures
    query = select(t.c.size, t.c.line).where(t.c.book == book, t.c.witness == witness, t.c.size <= size)
    row = db.execute(query.order_by(t.c.size.desc()).limit(1)).first()
    return None if row is None else (row.size, row.line)


def timestamps(db: Connection, book: str) -> Iterator[tuple[int, str, bytes]]:
    """(size, authority, RFC 3161 response) by size."""
    t = tables.timestamps
    for row in db.execute(select(t).where(t.c.book == book).order_by(t.c.size, t.c.authority)):
        yield row.size, row.authority, bytes(row.token)


def _cosigned(db: Connection, book: str, row: Any) -> str | None:
    if row is None:
        return None
    return str(row.note) + "".join(line for _, line in _cosignatures(db, book, row.size))


def _cosignatures(db: Connection, book: str, size: int | None = None) -> Iterator[tuple[int, str]]:
    t = tables.cosignatures
    query = select(t.c.size, t.c.line).where(t.c.book == book)
    if size is not None:
        query = query.where(t.c.size == size)
    for row in db.execute(query.order_by(t.c.size, t.c.witness)):
        yield row.size, row.line


def vault_values(db: Connection, book: str, index: int, tag: str) -> dict[str, tuple[str, bytes]]:
    """field → (subject, sealed) of one tag in one record."""
    t = tables.vault_values
    rows = db.execute(
        select(t.c.field, t.c.subject, t.c.sealed).where(t.c.book == book, t.c.index == index, t.c.tag == tag)
    )
    return {r.field: (r.subject, bytes(r.sealed)) for r in rows}


def vault_rows(db: Connection, book: str) -> Iterator[Any]:
    """Rows (index, tag, field, subject, sealed) by index, in pages."""
    t = tables.vault_values
    last: tuple[int, str, str] | None = None
    while True:
        query = select(t).where(t.c.book == book)
        if last is not None:
            index, tag, field = last
            later_field = and_(t.c.index == index, t.c.tag == tag, t.c.field > field)
            query = query.where(or_(t.c.index > index, and_(t.c.index == index, t.c.tag > tag), later_field))
        page = db.execute(query.order_by(t.c.index, t.c.tag, t.c.field).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = (page[-1][1], page[-1][2], page[-1][3])


def subject(db: Connection, book: str, subject_id: str) -> tuple[int, bytes] | None:
    """(epoch, wrapped key) of a person."""
    t = tables.vault_subjects
    row = db.execute(select(t.c.epoch, t.c.wrapped).where(t.c.book == book, t.c.subject == subject_id)).one_or_none()
    return None if row is None else (row.epoch, bytes(row.wrapped))


def tree_reader(db: Connection, book: str) -> Reader:
    """Subtree roots for proofs: at most 256 neighbours are read for any hash, whatever the size of the log."""
    cache: dict[tuple[int, int], list[bytes]] = {}

    def read(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, 8)
        start = index << height
        tile = start >> 8
        key = (tile_level, tile)
        if key not in cache:
            cache[key] = level_hashes(db, book, tile_level, tile << 8, (tile + 1) << 8)
        offset = start - (tile << 8)
        hashes = cache[key][offset : offset + (1 << height)]
        if len(hashes) != 1 << height:
            raise LookupError(f"subtree {index} of level {level} is not complete")
        while len(hashes) > 1:
            hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
        return hashes[0]

    return read


def frontier_at(db: Connection, book: str, size: int) -> Frontier:
    """The tree over the first `size` records, from the stored leaf and subtree hashes.

    Raises LookupError when some are missing.
    """
    reader = tree_reader(db, book)
    nodes: list[bytes] = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            nodes.append(reader(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(nodes))
