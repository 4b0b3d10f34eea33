"""Reads about statement lines: which wait in suspense, which were explained."""

from collections.abc import Iterator

from sqlalchemy import Connection, and_, select

from ledger.registers import decode_value
from ledger.store import tables

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
