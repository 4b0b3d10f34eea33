"""Keeps lots and marks up with the book: what was recorded since is folded and written, a part at a time.

It runs after the commit, with a checkpoint, never inside the transaction of a record. Each part is a transaction of
its own under the head's lock, so two runs never write the same; one that is cut off leaves an older size, which is as
true as a newer one. What is read of the fold so far is what the new records touch.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine

from ledger.record import BareRecord, Record, decode_any
from ledger.store import read
from ledger.store.append import lock_head
from ledger.store.engine import reading, writing
from ledger.store.folded import NOTHING, Folded, Keeper, KeptLots, Marks, folded, forget
from ledger.tracing import Tracing

AT_ONCE = 1024
"""Records in one transaction: whoever records waits no longer than that."""
LEAST = 64
"""Fewer new records wait: a question folds them in less time than a transaction of their own takes."""


def catch_up(engine: Engine, book: str, least: int = 1) -> None:
    """Folds what was recorded since the last time, if it is at least so much. Raises StoreUnavailable, CommitUnknown,
    RecordMalformed."""
    while _is_behind(engine, book, least):
        with writing(engine) as db:
            head = lock_head(db, book)
            done = folded(db, book)
            if head is None or done.size == head.size:
                return
            if not _is_of_these_records(db, book, done, head.size):
                done = NOTHING
            if done is NOTHING:
                forget(db, book)
            _fold_on(db, book, done, min(head.size, done.size + AT_ONCE))


def _is_behind(engine: Engine, book: str, least: int) -> bool:
    with reading(engine) as db:
        head = read.head(db, book)
        behind = 0 if head is None else head.size - folded(db, book).size
        return behind < 0 or behind >= least


def _is_of_these_records(db: Connection, book: str, done: Folded, size: int) -> bool:
    if not 0 < done.size <= size:
        return False
    row = next(read.record_rows(db, book, done.size - 1, done.size), None)
    return row is not None and bytes(row.leaf).hex() == done.leaf


def _fold_on(db: Connection, book: str, done: Folded, end: int) -> None:
    tracing = Tracing(KeptLots(db, book, done) if done.size else None, journal=True)
    keeper, marks = Keeper(db, book, done.size), Marks(db, book, done.size)
    leaf = done.leaf
    for row, record in records(read.record_rows(db, book, done.size, end)):
        leaf = bytes(row.leaf).hex()
        tracing.apply(record.index, record.entry if isinstance(record, Record) else None, record.postings)
        keeper.take(record.index, tracing.changes())
        marks.take(record.index, record.postings)
    marks.write()
    keeper.write(Folded(end, leaf, tracing.newest_day))


def records(rows: Iterable[Any]) -> Iterator[tuple[Any, Record | BareRecord]]:
    """Each row with its record; of a kind not known here only the frame. Raises RecordMalformed."""
    for row in rows:
        yield row, decode_any(bytes(row.body))
