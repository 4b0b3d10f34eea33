"""Reads about statement lines: which wait in suspense, which were explained, which came in on a day."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, and_, or_, select

from ledger.registers import decode_value
from ledger.store import tables
from ledger.store.append import SealedRow

_SUSPENSE = "suspense:"


def waiting_lines(db: Connection, book: str) -> Iterator[tuple[str, int, str, str, int]]:
    """(line, minor, unit, place, index) of every line not wholly explained, oldest record first.

    `minor` is what is left of it: positive for money in, negative for money out.
    """
    b = tables.balances
    found = db.execute(
        select(b.c.account, b.c.unit, b.c.minor).where(
            b.c.book == book, b.c.account > _SUSPENSE, b.c.account < "suspense;", b.c.minor != 0
        )
    ).all()
    left = {row.account.removeprefix(_SUSPENSE): (row.minor, row.unit) for row in found}
    rows: list[tuple[int, str, str]] = []
    names = sorted(left)
    r = tables.registers
    for start in range(0, len(names), 500):
        query = select(r.c.key, r.c.value).where(
            r.c.book == book, r.c.register == "line", r.c.key.in_(names[start : start + 500])
        )
        for row in db.execute(query):
            value = decode_value(bytes(row.value))
            rows.append((value["index"], row.key, value["place"]))
    for index, line, place in sorted(rows):
        yield (line, *left[line], place, index)


def explained_lines(db: Connection, book: str, limit: int) -> list[tuple[int, str]]:
    """(index of the entry, line) of the incoming lines explained last, newest first."""
    p = tables.postings
    query = (
        select(p.c.index, p.c.source)
        .where(
            p.c.book == book,
            p.c.destination == "senders",
            and_(p.c.source > _SUSPENSE, p.c.source < "suspense;"),
        )
        .order_by(p.c.index.desc(), p.c.number.desc())
        .limit(limit)
    )
    return [(index, source.removeprefix(_SUSPENSE)) for index, source in db.execute(query)]


def incoming_lines(db: Connection, book: str, mark: str, place: str, unit: str, minor: int) -> list[int]:
    """The records that took a line whose key begins with `mark` (ledger/spool.py) and brought just this into the
    place."""
    r, p = tables.registers, tables.postings
    query = (
        select(r.c.index)
        .join(p, and_(p.c.book == r.c.book, p.c.index == r.c.index))
        .where(
            r.c.book == book,
            r.c.register == "line",
            r.c.key >= mark,
            r.c.key < mark[:-1] + chr(ord(mark[-1]) + 1),
            p.c.destination == place,
            p.c.unit == unit,
            p.c.minor == minor,
        )
        .order_by(r.c.index)
    )
    return [index for (index,) in db.execute(query)]


def sealed_references(db: Connection, book: str, indexes: Sequence[int]) -> Iterator[tuple[SealedRow, int, int, bytes]]:
    """(sealed value, record, epoch, wrapped key) of every field `reference` that the vault holds for these records."""
    v, s = tables.vault_values, tables.vault_subjects
    for start in range(0, len(indexes), 500):
        query = (
            select(v.c.index, v.c.tag, v.c.field, v.c.subject, v.c.sealed, s.c.epoch, s.c.wrapped)
            .join(s, and_(s.c.book == v.c.book, s.c.subject == v.c.subject))
            .where(v.c.book == book, v.c.index.in_(indexes[start : start + 500]), v.c.field == "reference")
        )
        for index, tag, field, subject, sealed, epoch, wrapped in db.execute(query):
            yield SealedRow(tag, field, subject, bytes(sealed)), index, epoch, bytes(wrapped)


def explaining(db: Connection, book: str, first: int, account: str) -> list[int]:
    """The records after `first` that took money out of this line's suspense; as far as the balance was last moved."""
    p, b = tables.postings, tables.balances
    last = select(b.c.index).where(b.c.book == book, b.c.account == account)
    query = (
        select(p.c.index)
        .where(
            p.c.book == book,
            p.c.index > first,
            p.c.index <= last.scalar_subquery(),
            p.c.source == account,
            p.c.destination == "senders",
        )
        .distinct()
        .order_by(p.c.index)
    )
    return [index for (index,) in db.execute(query)]


def touching(db: Connection, book: str, account: str, first: int, last: int) -> list[int]:
    """The records from `first` to `last` that moved something into or out of an account."""
    p = tables.postings
    query = (
        select(p.c.index)
        .where(
            p.c.book == book,
            p.c.index >= first,
            p.c.index <= last,
            or_(p.c.source == account, p.c.destination == account),
        )
        .distinct()
        .order_by(p.c.index)
    )
    return [index for (index,) in db.execute(query)]
