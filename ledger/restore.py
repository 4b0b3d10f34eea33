"""Putting back records that a restored backup lacks, byte for byte from where they were published.

The database is an old copy; the key remembers more (ROLLED_BACK). The records in between lie in the published log
or at a mirror. The steps:

1. Every record is held to its place: canonical, its index, its book, the leaf hash of the one before.
2. The root over the backup's records and these, at the size that was signed, is the root the key remembers. Until
   this holds nothing is written: a mirror can withhold records, it cannot invent any.
3. They are recorded again by the same step function, in one transaction; the row's MAC is made anew. What
   the callers once asked is not published, so `request` is 32 zero bytes: a caller that repeats a reference
   from those records is refused with REFERENCE_REUSED.
4. `restored` is recorded in the same transaction, with two officers and their minutes; a book that those records
   close takes no further record and does without. Then the key signs.

What the vault held of these records is lost with the database: it was never published.

A crash leaves either none of it or all; doing it again goes on from there. Who hands in the records is not trusted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from ledger.book import StoredRecord
from ledger.days import day_of, to_instant
from ledger.entries.book import CLOSED, Restored
from ledger.home import OpenBook
from ledger.log.merkle import Frontier
from ledger.record import NO_PREVIOUS, Record, RecordMalformed, check_reference, decode, encode, leaf_of, reread
from ledger.refusals import Reason, Rejected
from ledger.replay import State, step
from ledger.signing import SignerState
from ledger.store import read
from ledger.store.append import Head, NewRecord, append, lock_head
from ledger.store.engine import reading, writing

NO_REQUEST = bytes(32)


class RestoreRefused(Exception):
    """Nothing was put back; `reason` is stable."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {message}")


@dataclass(frozen=True, slots=True)
class PutBack:
    """What was put back: the records from `backup_size` up to `signed_size`, said by record `index`."""

    backup_size: int
    signed_size: int
    index: int | None
    """None when the book was closed by the records put back."""
    private_lost: int
    """Private values of these records that no longer exist anywhere."""


def missing(opened: OpenBook) -> tuple[int, SignerState]:
    """(records in the database, what the key remembers). Raises SignerRefused."""
    with reading(opened.engine) as db:
        head = read.head(db, opened.code)
    return (0 if head is None else head.size), opened.signer.state()


def restore(
    opened: OpenBook, bodies: Iterable[bytes], *, officers: tuple[str, str], minutes_sha256: str, by: str
) -> PutBack:
    """Puts the records back whose bytes are `bodies`, the first being the first that the database lacks; then signs.

    Raises RestoreRefused with reason NOTHING_LOST, RECORDS_MISSING, RECORD_DIFFERS, FORKED or RECORD_REFUSED,
    SignerRefused, Rejected for the officers, StoreUnavailable, CommitUnknown. After a crash call it again.
    """
    opened.signer.unlock()
    with opened.signer.turn():
        remembered = opened.signer.state()
        with writing(opened.engine) as db:
            done = _said_before(db, opened.code, remembered)
            if done is None:
                head = lock_head(db, opened.code) or Head(opened.code, 0, Frontier(), NO_PREVIOUS, "", "")
                done = _put_back(db, head, opened, bodies, remembered, officers, minutes_sha256, by)
    opened.checkpointer.run()
    return done


def _said_before(db: Connection, book: str, remembered: SignerState) -> PutBack | None:
    """What an earlier call did that was cut off before the key signed."""
    head = read.head(db, book)
    if head is None or head.size <= remembered.size:
        return None
    for row in read.record_rows(db, book, remembered.size, remembered.size + 1):
        entry = decode(bytes(row.body)).entry
        if isinstance(entry, Restored) and entry.signed_root == remembered.root.hex():
            rows = read.record_rows(db, book, entry.backup_size, entry.signed_size)
            lost = _private(decode(bytes(row.body)) for row in rows)
            return PutBack(entry.backup_size, entry.signed_size, row.index, lost)
    return None


def _private(records: Iterable[Record]) -> int:
    return sum(len(person.seals) for record in records for person in record.entry.persons())


def _put_back(
    db: Connection,
    head: Head,
    opened: OpenBook,
    bodies: Iterable[bytes],
    remembered: SignerState,
    officers: tuple[str, str],
    minutes_sha256: str,
    by: str,
) -> PutBack:
    if head.size >= remembered.size:
        raise RestoreRefused("NOTHING_LOST", f"the database has all {remembered.size} records that were signed")
    records = _checked(head, bodies, remembered)
    state = _state(db, head, records)
    new = [_new(opened, state, record, body) for record, body in records]
    index = None
    if state.register_of(CLOSED) is None:
        index, now = state.size, opened.clock()
        record = Record(
            at=max(to_instant(now), state.at),
            book=opened.code,
            by=by,
            entry=reread(
                Restored(
                    backup_size=head.size,
                    minutes_sha256=minutes_sha256,
                    officers=officers,
                    restored_on=day_of(max(to_instant(now), state.at), state.zone),
                    signed_root=remembered.root.hex(),
                    signed_size=remembered.size,
                )
            ),
            index=index,
            postings=(),
            previous=state.leaf,
            reference=f"{by}/restored-{remembered.root.hex()}",
        )
        check_reference(record.reference)
        new.append(_new(opened, state, record, encode(record)))
    append(
        db,
        head,
        new,
        at=state.at,
        zone=state.zone,
        balances=[(*key, state.balances[key], at) for key, at in state.posted.items()],
        registers=[(key, state.registers[key] or b"", at) for key, at in state.touched.items()],
        values=[],
        subjects=[],
    )
    return PutBack(head.size, remembered.size, index, _private(record for record, _ in records))


def _new(opened: OpenBook, state: State, record: Record, body: bytes) -> NewRecord:
    leaf = leaf_of(body)
    try:
        step(state, record, leaf)
    except Rejected as refused:
        if isinstance(record.entry, Restored):
            raise
        raise RestoreRefused("RECORD_REFUSED", f"record {record.index}: {refused}") from refused
    mac = opened.keys.row_mac(opened.code, record.index, leaf, NO_REQUEST)
    return NewRecord(record.index, leaf, record.reference, NO_REQUEST, mac, body, record.postings)


def _checked(head: Head, bodies: Iterable[bytes], remembered: SignerState) -> list[tuple[Record, bytes]]:
    """Steps 1 and 2."""
    records: list[tuple[Record, bytes]] = []
    previous, leaves = head.leaf, []
    for index, body in zip(range(head.size, remembered.size), bodies, strict=False):
        try:
            record = decode(body)
        except RecordMalformed as error:
            raise RestoreRefused("RECORD_DIFFERS", f"record {index}: {error}") from error
        if (record.index, record.book, record.previous) != (index, head.book, previous):
            raise RestoreRefused("RECORD_DIFFERS", f"record {index} does not follow the one before it")
        leaf = leaf_of(body)
        previous = leaf.hex()
        leaves.append(leaf)
        records.append((record, body))
    if head.size + len(records) < remembered.size:
        raise RestoreRefused(
            "RECORDS_MISSING", f"{head.size + len(records)} of {remembered.size} records; look for another mirror"
        )
    if head.frontier.extend(leaves).root() != remembered.root:
        raise RestoreRefused("FORKED", f"the {remembered.size} records are not those that the key has signed")
    return records


def _state(db: Connection, head: Head, records: list[tuple[Record, bytes]]) -> State:
    """The state at the head, as the writer sees it."""

    def earlier(index: int) -> StoredRecord:
        body = records[index - head.size][1] if index >= head.size else read.body(db, head.book, index)
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        return StoredRecord(decode(body), leaf_of(body))

    state = State(size=head.size, leaf=head.leaf, at=head.at)
    if head.zone:
        state.zone = head.zone
    state.fetch_balance = lambda key: read.balances(db, head.book, [key]).get(key, 0)
    state.fetch_register = lambda key: read.registers(db, head.book, [key]).get(key)
    state.fetch_record = earlier
    return state
