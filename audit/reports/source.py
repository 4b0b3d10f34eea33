"""What a report reads: one book at one size, made once per question.

A report is one pass over the records, from the database in pages: its time grows with the book, its memory with the
rows it shows.
What the book knew by key at that size (`register`, `rows`) is read from the stored registers when the size is the
book's present one; for an earlier size the records are folded again, as the auditor does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple, Protocol, overload

from sqlalchemy import Connection, Engine, select

from ledger.accounts import Posting
from ledger.days import day_of
from ledger.entries.base import EntryBase
from ledger.entries.book import BookOpened
from ledger.entries.control import Reversed
from ledger.record import Record, decode, decode_any, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.registers import decode_value
from ledger.replay import State, fold_only, step
from ledger.store import read, tables
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import reading
from ledger.vault.seal import Vault, VaultDamaged


@dataclass(frozen=True, slots=True)
class Told:
    """One record as reports read it."""

    index: int
    at: str
    day: date
    """Its money day, or else the day it was recorded."""
    booked_on: date
    """The day of its period: the booking day where the entry says one, else `day`."""
    by: str
    entry: EntryBase | None
    """None for a kind that this version does not know; its postings count all the same."""
    postings: tuple[Posting, ...]
    leaf: str

    @property
    def what(self) -> str:
        """What kind of thing it is, in Vietnamese."""
        return "nghiệp vụ phiên bản này chưa biết" if self.entry is None else self.entry.title[0]

    @property
    def voucher(self) -> str:
        """Its voucher's number, as `PT/2026/12`; empty when it has none."""
        voucher = getattr(self.entry, "voucher", None)
        if voucher is None or voucher.number is None:
            return ""
        return f"{voucher.series}/{voucher.voucher_on.year}/{voucher.number}"


class Counted(NamedTuple):
    """An entry with the sign it counts with: a reversal is the entry it undoes, with −1, on the reversal's day."""

    told: Told
    entry: EntryBase
    sign: int
    of: Told
    """The record that first said it; `told` itself for all but reversals."""


class AnyBook(Protocol):
    """What a report needs of an open book (ledger.home.OpenBook)."""

    @property
    def engine(self) -> Engine: ...
    @property
    def code(self) -> str: ...
    @property
    def vault(self) -> Vault: ...


@dataclass(slots=True, eq=False)
class _Records(Sequence[Told]):
    """The records in order; read from the database each time they are walked."""

    db: Connection
    book: str
    size: int
    zone: str

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Told]:
        for row in read.record_rows(self.db, self.book, 0, self.size):
            yield self._told(bytes(row.body))

    @overload
    def __getitem__(self, index: int) -> Told: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Told]: ...
    def __getitem__(self, index: int | slice) -> Told | Sequence[Told]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(self.size))]
        body = read.body(self.db, self.book, index) if 0 <= index < self.size else None
        if body is None:
            raise IndexError(index)
        return self._told(body)

    def _told(self, body: bytes) -> Told:
        record = decode_any(body)
        entry: EntryBase | None = record.entry if isinstance(record, Record) else None
        recorded = day_of(record.at, self.zone)
        day = (None if entry is None else entry.money_day()) or recorded
        booked_on = getattr(entry, "booked_on", None) or day
        leaf = leaf_of(body).hex()
        return Told(record.index, record.at, day, booked_on, record.by, entry, record.postings, leaf)


class Source:
    """A book as it stood with `size` records; `open_source` makes one."""

    def __init__(
        self,
        db: Connection,
        book: str,
        *,
        size: int | None = None,
        today: date | None = None,
        vault: Vault | None = None,
    ) -> None:
        head = read.head(db, book)
        if head is None:
            raise Rejected(Reason.BOOK_NOT_OPEN, field="book", code=book)
        if size is not None and not 1 <= size <= head.size:
            raise Rejected(Reason.NO_SUCH_RECORD, "the book has no such size", field="at", size=head.size)
        self.book = book
        self.size = head.size if size is None else size
        self._db, self._vault, self._whole = db, vault, self.size == head.size
        opened = _Records(db, book, self.size, head.zone)[0].entry
        if not isinstance(opened, BookOpened):
            raise Rejected(Reason.BOOK_NOT_OPEN, field="book", code=book)
        self.opened = opened
        self.book_name, self.zone, self.regime = opened.name, opened.zone, opened.regime
        self.records: Sequence[Told] = _Records(db, book, self.size, opened.zone)
        self.today = today or day_of(self.records[self.size - 1].at, self.zone)
        """The day the report is asked for; where none is given, the day of the last record."""

    def counted(self) -> Iterator[Counted]:
        """Every known entry with its sign; see `Counted`."""
        for told in self.records:
            of, sign = told, 1
            # A reversal may be reversed, that one may not: the rules allow two steps.
            for _ in range(2):
                if isinstance(of.entry, Reversed):
                    of, sign = self.records[of.entry.reversed], -sign
            if of.entry is not None and not isinstance(of.entry, Reversed):
                yield Counted(told, of.entry, sign, of)

    def moved(self, told: Told) -> Iterator[tuple[Posting, int]]:
        """A record's postings, each with its sign: what a correction takes back is the first posting with −1."""
        entry = told.entry
        if not isinstance(entry, Reversed):
            yield from ((posting, 1) for posting in told.postings)
            return
        yield from ((posting, -sign) for posting, sign in self.moved(self.records[entry.reversed]))
        yield from ((posting, 1) for posting in told.postings[len(entry.undone_postings) :])

    def register(self, register: str, key: str) -> dict[str, Any] | None:
        """A register row as it stood at this size, or None."""
        return self.rows(register).get(key)

    def rows(self, register: str) -> dict[str, dict[str, Any]]:
        """All rows of a register as they stood at this size, by key."""
        if register not in self._registers:
            if self._whole:
                stored = read.register_rows(self._db, self.book, register)
            else:
                stored = iter(
                    (key.key, value)
                    for key, value in sorted(self._folded.registers.items())
                    if key.register == register and value is not None
                )
            self._registers[register] = {key: decode_value(value) for key, value in stored}
        return self._registers[register]

    @cached_property
    def _registers(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {}

    @cached_property
    def _folded(self) -> State:
        """The book folded up to this size."""
        state = State(fetch_record=self._earlier)
        for row in read.record_rows(self._db, self.book, 0, self.size):
            record, leaf = decode_any(bytes(row.body)), bytes(row.leaf)
            try:
                if isinstance(record, Record):
                    step(state, record, leaf)
                    continue
            except Rejected:  # the audit says so; what it moved counts all the same, as there
                pass
            fold_only(state, record, leaf)
        return state

    def _earlier(self, index: int) -> "_Earlier":
        body = read.body(self._db, self.book, index)
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        record = decode(body)
        return _Earlier(record.entry, record.postings, leaf_of(body))

    @cached_property
    def balances(self) -> dict[tuple[str, str], int]:
        """(account, unit) → `minor` at this size, from the records themselves."""
        return _sums(told.postings for told in self.records)

    def balances_on(self, day: date) -> dict[tuple[str, str], int]:
        """The same up to the end of a booking day."""
        return _sums(told.postings for told in self.records if told.booked_on <= day)

    @property
    def may_open(self) -> bool:
        """Whether private values can be opened here."""
        return self._vault is not None

    def private(self, index: int, tag: str) -> dict[str, str] | None:
        """The private values of a person in a record; None when the asker may not open the vault."""
        if self._vault is None:
            return None
        values: dict[str, str] = {}
        for field, (subject, sealed) in read.vault_values(self._db, self.book, index, tag).items():
            known = read.subject(self._db, self.book, subject)
            if known is not None:
                row = SealedRow(tag, field, subject, sealed)
                try:
                    values[field] = self._vault.open(row, SubjectRow(subject, *known)).value
                except VaultDamaged:  # the audit says so
                    continue
        return values

    def subject(self, index: int, tag: str) -> str | None:
        """Who it is: the vault's own random number of a person, the same in every record about them."""
        return self._subjects.get(bytes.fromhex(tag))

    @cached_property
    def _subjects(self) -> dict[bytes, str]:
        """Tag → subject. Tags are random and stand in one record each; read in one pass, for a report asks for all."""
        t = tables.vault_values
        query = select(t.c.tag, t.c.subject).where(t.c.book == self.book, t.c.index < self.size).distinct()
        known: dict[str, str] = {}
        return {bytes.fromhex(row.tag): known.setdefault(row.subject, row.subject) for row in self._db.execute(query)}


class _Earlier(NamedTuple):
    entry: EntryBase
    postings: tuple[Posting, ...]
    leaf_hash: bytes


def _sums(many: Iterator[tuple[Posting, ...]]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for postings in many:
        for posting in postings:
            unit, minor = posting.amount.unit, posting.amount.minor
            for account, moved in ((posting.source, -minor), (posting.destination, minor)):
                sums[account, unit] = sums.get((account, unit), 0) + moved
    return sums


@contextmanager
def open_source(
    book: AnyBook, *, size: int | None = None, today: date | None = None, private: bool = False
) -> Iterator[Source]:
    """A source over an open book; `private` lets it open the vault. Raises Rejected(BOOK_NOT_OPEN, NO_SUCH_RECORD)."""
    with reading(book.engine) as db:
        yield Source(db, book.code, size=size, today=today, vault=book.vault if private else None)
