"""«Is my transfer in there?»: the one record of a bank's statement line, for somebody who holds the bank's receipt.

Asked are the day the bank booked, the amount and the bank's full reference; all three must be right, to the letter.
The answer is the proof of one record, or always the same refusal: never a list, a count or a near miss. What is not
found, stands there twice, came without a reference, or was erased: ask the fund (`sovang dispute`).

Day and amount of every line are public in the log; only the reference is secret. So it does not matter that the
work depends on how many lines have this day and amount. Of these alone the reference is opened, of every one of them,
and compared without stopping at the first that fits. Line keys begin with a keyed hash of place and day
(ledger/spool.py), so the search does not grow with the book.
"""

import hmac
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy import Connection

from audit.queries import AnyOpenBook, QueryFailed, prove
from ledger.entries.base import LineFact
from ledger.entries.control import Reversed
from ledger.money import Amount
from ledger.record import Record, decode
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.spool import day_mark
from ledger.store import read
from ledger.store.append import SubjectRow
from ledger.store.engine import reading
from ledger.store.read_lines import explaining, incoming_lines, sealed_references
from ledger.text import clean
from ledger.vault.keys import VaultKeys
from ledger.vault.seal import VaultDamaged

MIN_REFERENCE = 8
"""Characters; shorter ones could be tried out."""


class KeyedBook(AnyOpenBook, Protocol):
    """A book whose line keys can be made too (ledger.home.OpenBook)."""

    @property
    def keys(self) -> VaultKeys: ...


@dataclass(frozen=True, slots=True)
class FoundTransfer:
    """The record of one statement line, and what became of the money."""

    index: int
    proof: bytes
    """A `.tlog-proof` with the record as its extra data."""
    explained_by: tuple[int, ...]
    """The records that say today what the money is: the record itself, or those that took it out of suspense."""
    waiting_minor: int
    """What of it still waits in suspense; 0 when all is explained."""


def find_transfer(
    book: KeyedBook, *, day: date, amount: Amount, reference: str, place: str | None = None
) -> FoundTransfer:
    """The one incoming line of that day, amount and bank reference, at one bank account or at any.

    Raises Rejected: TRANSFER_NOT_FOUND, always alike; MALFORMED for a reference that is too short or not one line of
    text; NOT_CHECKPOINTED when the record is there and no checkpoint covers it yet.
    """
    wanted = _normal(clean(reference, field="reference"))
    if len(wanted) < MIN_REFERENCE:
        raise Rejected(Reason.MALFORMED, f"at least {MIN_REFERENCE} characters, all of it", field="reference")
    with reading(book.engine) as db:
        found = sorted(set(_matches(db, book, day, amount, wanted.encode(), place)))
        if len(found) != 1:
            raise Rejected(Reason.TRANSFER_NOT_FOUND)
        (index,) = found
        explained_by, waiting = _became(db, book.code, index, amount.unit)
    return FoundTransfer(index, prove(book, index), explained_by, waiting)


def _normal(reference: str) -> str:
    """As statements are read (ledger/statements): NFC, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", reference).split())


def _matches(
    db: Connection, book: KeyedBook, day: date, amount: Amount, wanted: bytes, place: str | None
) -> Iterator[int]:
    """The records of lines with that reference, opened through the vault; a damaged one matches nothing."""
    banks = [code for code, _ in read.register_rows(db, book.code, "place", "bank:")]
    for code in banks:
        if place not in (None, code):
            continue
        mark = day_mark(code, day, book.keys.line_mac)
        lines = incoming_lines(db, book.code, mark, code, amount.unit, amount.minor)
        for row, index, epoch, wrapped in sealed_references(db, book.code, lines):
            said = b""
            with suppress(VaultDamaged):
                opened = book.vault.open(row, SubjectRow(row.subject, epoch, wrapped))
                said = _normal(opened.value).encode()
            if hmac.compare_digest(said, wanted):
                yield index


def _became(db: Connection, book: str, index: int, unit: str) -> tuple[tuple[int, ...], int]:
    """Which records explain the line of this record today, and what of it still waits in suspense."""
    entry = _record(db, book, index).entry
    if not isinstance(entry, LineFact) or entry.line is None:
        raise QueryFailed(f"record {index} stands for a line that it does not take")
    account = f"suspense:{entry.line}"
    waiting = read.balances(db, book, [(account, unit)]).get((account, unit), 0)
    directly = [] if any(p.destination == account for p in entry.postings()) else [index]
    later = [at for at in explaining(db, book, index, account) if not isinstance(_record(db, book, at).entry, Reversed)]
    asked = {Key("reversed", str(at)): at for at in (*directly, *later)}
    undone = {asked[key] for key, row in read.registers(db, book, asked).items() if decode_value(row)["live"]}
    return tuple(at for at in (*directly, *later) if at not in undone), waiting


def _record(db: Connection, book: str, index: int) -> Record:
    body = read.body(db, book, index)
    if body is None:
        raise QueryFailed(f"record {index} is missing")
    return decode(body)
