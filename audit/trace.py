"""«Món quà của tôi đã làm được gì?» — what did my gift do, and which gifts was this made of.

The answer is the one that held at the size asked for. A stored book is asked for its lots as they were then
(ledger/store/folded.py), and folds only the records that are not among them yet; `trace` folds every record from the
first. Both are the one fold of ledger/tracing. An answer names records, days, activities and communes as they stand
in the log; no person.
"""

from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from audit.queries import QueryFailed
from ledger.accounts import code, root
from ledger.entries.base import EntryBase
from ledger.folding import records
from ledger.money import Amount
from ledger.record import BareRecord, Record, decode_any
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.folded import KeptLots, folded
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
    """`gift`, `interest`, `brought` or `found`."""
    amount: Amount | None = None
    """None also when goods of several sorts were given and no part was named."""
    fund: str | None = None
    """None also when a batch is for several funds and no part was named, or what was given went straight to its use."""
    parts: int = 0
    """How many envelopes or gifts the record holds; 0 for a single gift."""
    uses: tuple[Used, ...] = ()
    held: tuple[Held, ...] = ()
    refunded: int = 0
    """Refunded or reversed, in `minor` of the amount's unit; 0 where there is no one amount."""
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
    for body in islice(bodies, None if at is None else max(at, 0)):
        record = decode_any(body)
        tracing.apply(record.index, _entry(record), record.postings)
        if record.index == index:
            asked = record
    if asked is None:
        raise Rejected(Reason.NO_SUCH_RECORD, index=index)
    return answer(tracing, asked, part=part)


def trace_stored(db: Connection, book: str, index: int, at: int | None = None, part: int | None = None) -> Trace:
    """The same from a database: lots as they are kept, and the records since. `db` is one snapshot.

    Raises also QueryFailed when what is kept does not fit together.
    """
    head = read.head(db, book)
    size = 0 if head is None else head.size if at is None else min(max(at, 0), head.size)
    body = read.body(db, book, index) if 0 <= index < size else None
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, index=index)
    try:
        return answer(stored_tracing(db, book, size), decode_any(body), part=part)
    except (LookupError, ValueError, AssertionError) as error:
        raise QueryFailed(f"the lots that are kept do not fit together: {error!r}") from error


def stored_tracing(db: Connection, book: str, size: int) -> Tracing:
    """The fold of the first `size` records of a database, read as far as it is asked."""
    done = folded(db, book)
    upto = min(done.size, size)
    tracing = Tracing(KeptLots(db, book, done, upto) if upto else None)
    for _, record in records(read.record_rows(db, book, upto, size)):
        tracing.apply(record.index, _entry(record), record.postings)
    return tracing


def answer(tracing: Tracing, asked: Record | BareRecord, *, part: int | None = None) -> Trace:
    """The answer of a fold that the caller has at hand; `asked` is one of the records folded."""
    index = asked.index
    entry = _entry(asked)
    reversed_by = tracing.reversed_by(index)
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
    funds = {code(lot.account) if root(lot.account) == "fund" else None for lot in lots}
    one_unit = len({lot.unit for lot in lots}) == 1
    return Trace(
        index=index,
        kind=kind,
        size=tracing.size,
        on=on if part is None else lots[0].key[0],
        rule=tracing.rule(index),
        gift=index,
        part=part,
        source=lots[0].source,
        amount=Amount(sum(lot.minor for lot in lots), lots[0].unit) if one_unit else None,
        fund=funds.pop() if len(funds) == 1 else None,
        parts=sum(lot.part is not None for lot in tracing.gift_lots(index)),
        uses=tracing.uses_of(index, part),
        held=tracing.where_is(index, part),
        refunded=tracing.refunded(index, part) if one_unit else 0,
        reversed_by=reversed_by,
        made_of=tracing.made_of(index),
    )


def _entry(record: Record | BareRecord) -> EntryBase | None:
    return record.entry if isinstance(record, Record) else None
