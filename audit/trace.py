"""«Món quà của tôi đã làm được gì?» — what did my gift do, and which gifts was this made of.

The book is folded from its first record to the size asked for, so the answer is the one that held at that size.
It names records, days, activities and communes as they stand in the log; no person.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from ledger.entries.base import EntryBase
from ledger.entries.control import Reversed
from ledger.money import Amount
from ledger.record import BareRecord, Record, RecordMalformed, decode, decode_bare
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.tracing import RULE, Held, Part, Tracing, Used


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. For what brought money in (`gift` is its index): Σ uses + held + refunded = amount.

    For any other record `gift` is None and `made_of` says which sources it was made of.
    """

    index: int
    kind: str
    size: int
    """The answer holds for the book of this size."""
    rule: str = RULE
    on: date | None = None
    gift: int | None = None
    part: int | None = None
    source: str | None = None
    """`gift`, `interest` or `brought`."""
    amount: Amount | None = None
    fund: str | None = None
    """None also when a batch is for several funds and no part was named."""
    parts: int = 0
    """How many envelopes or gifts the record holds; 0 for a single gift."""
    uses: tuple[Used, ...] = ()
    held: tuple[Held, ...] = ()
    refunded: int = 0
    """Refunded or reversed, in `minor`."""
    reversed_by: int | None = None
    made_of: tuple[Part, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return msgspec.json.decode(msgspec.json.encode(self), type=dict[str, Any])


def trace(bodies: Iterable[bytes], index: int, at: int | None = None, part: int | None = None) -> Trace:
    """The answer for a record, from a book's records in order, as of the size `at` (all of them if None).

    `part` names one envelope or gift of a sheet or batch, from 0. Raises Rejected(NO_SUCH_RECORD) when the book
    of that size has no such record or part, RecordMalformed for bytes that are no record.
    """
    tracing = Tracing()
    asked: Record | BareRecord | None = None
    reversals: dict[int, int] = {}
    for record in _records(islice(bodies, None if at is None else max(at, 0))):
        entry = record.entry if isinstance(record, Record) else None
        tracing.apply(record.index, entry, record.postings)
        if record.index == index:
            asked = record
        if isinstance(entry, Reversed):
            reversals[entry.reversed] = record.index
    if asked is None:
        raise Rejected(Reason.NO_SUCH_RECORD, index=index)
    return answer(tracing, asked, reversed_by=reversals.get(index), part=part)


def trace_stored(db: Connection, book: str, index: int, at: int | None = None, part: int | None = None) -> Trace:
    """The same from the records of a database."""
    return trace((bytes(row.body) for row in read.record_rows(db, book, 0, at)), index, at, part)


def answer(
    tracing: Tracing, asked: Record | BareRecord, *, reversed_by: int | None = None, part: int | None = None
) -> Trace:
    """The answer of a fold that the caller has at hand; `asked` is one of the records folded."""
    index = asked.index
    entry: EntryBase | None = asked.entry if isinstance(asked, Record) else None
    kind = "unknown" if entry is None else entry.kind
    on = None if entry is None else entry.money_day()
    lots = tracing.gift_lots(index, part)
    if not lots:
        if part is not None:
            raise Rejected(Reason.NO_SUCH_RECORD, "no such part", index=index, part=part)
        return Trace(
            index=index,
            kind=kind,
            size=tracing.size,
            on=on,
            reversed_by=reversed_by,
            made_of=tracing.made_of(index),
        )
    funds = {lot.account.removeprefix("fund:") for lot in lots}
    return Trace(
        index=index,
        kind=kind,
        size=tracing.size,
        on=on if part is None else lots[0].key[0],
        gift=index,
        part=part,
        source=lots[0].source,
        amount=Amount(sum(lot.minor for lot in lots), lots[0].unit),
        fund=min(funds) if len(funds) == 1 else None,
        parts=sum(lot.part is not None for lot in tracing.gift_lots(index)),
        uses=tracing.uses_of(index, part),
        held=tracing.where_is(index, part),
        refunded=tracing.refunded(index, part),
        reversed_by=reversed_by,
        made_of=tracing.made_of(index),
    )


def _records(bodies: Iterable[bytes]) -> Iterator[Record | BareRecord]:
    for body in bodies:
        try:
            yield decode(body)
        except RecordMalformed as error:
            if error.reason != "UNKNOWN_KIND":
                raise
            yield decode_bare(body)
