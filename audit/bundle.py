"""Making a donor's bundle: one file that shows what a gift did (docs/format.md, "Donor's bundle").

The book is folded once, from its first record to a checkpoint's size: the trace of the gift, and beside it every
step that money took. Then, for each use, the records of one way from the gift's fund are put in, those first
that moved this very gift. What is put in stands in the log for everybody to read; nothing of the vault, but for
the donor's own name when that is asked for.

Each bundle is checked as a stranger would check it before it is given out.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from audit.checks_bundle import FORMAT, MAX_RECORDS, BundleFalse, check_bundle, check_qr, donor_of, sinks, stop_of, ways
from audit.queries import AnyOpenBook, QueryFailed, newest_witnessed
from audit.trace import Trace, answer
from ledger.entries.book import KeyReplaced
from ledger.entries.control import Reversed
from ledger.entries.goods import GoodsGivenDirectly
from ledger.entries.receipts import GiftRefunded
from ledger.entries.restrictions import FundOpened
from ledger.log import canonical
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import ProofFailed, prove_inclusion
from ledger.log.note import NoteRejected, VerifierKey, encode_base64, split_note
from ledger.log.proof import make_proof
from ledger.log.qr import write_qr
from ledger.money import is_currency
from ledger.record import BareRecord, Record, decode_any
from ledger.refusals import Reason, Rejected
from ledger.rotation import signer_of
from ledger.store import read
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import reading
from ledger.tracing import Tracing

Openings = Mapping[str, Mapping[str, str]]

# What a step costs a way: the gift's own records come first, then those that still stand, then the fewest.
_OWN, _REVERSED, _OTHER = 1, 1_000, 1_000_000


def make_bundle(
    opened: AnyOpenBook, index: int, part: int | None = None, *, size: int | None = None, name: bool = False
) -> bytes:
    """The bundle of the gift at `index` (or of one part of a sheet or batch), with the donor's name if `name`.

    Under the newest checkpoint that has the quorum of the book's own witnesses and covers the gift, else the newest;
    or under the one of `size`. Costs one fold of the book. Raises Rejected(NO_SUCH_RECORD for no record, part or
    checkpoint; NOT_A_GIFT; NOT_CHECKPOINTED; TOO_LARGE), QueryFailed when the stored book does not fit together.
    """
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index) if index >= 0 else None
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        note, key = _checkpoint(db, opened, index, size)
        signed = parse_checkpoint(split_note(note.encode())[0])
        fold = Fold()
        for row in read.record_rows(db, opened.code, 0, signed.size):
            fold.apply(bytes(row.body))
        openings = _openings(db, opened, decode_any(body), part) if name else {}
        tree = read.tree_reader(db, opened.code)
        try:
            data = fold.bundle(
                index,
                part,
                note=note,
                body=lambda i: read.body(db, opened.code, i) or b"",
                path=lambda i: prove_inclusion(i, signed.size, tree),
                openings=openings,
            )
            check_bundle(data, key)
        except (BundleFalse, LookupError) as error:
            raise QueryFailed(f"the bundle of record {index} does not hold: {error}") from error
    return data


@dataclass
class Fold:
    """A book as a bundle needs it; grows record by record."""

    tracing: Tracing = field(default_factory=Tracing)
    _into: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Where a step leads to → (record, where it comes from)."""
    _undone_by: dict[int, int] = field(default_factory=dict)
    _refunds: dict[int, list[tuple[int, int | None]]] = field(default_factory=dict)
    """Gift → (record that gave some of it back, the part it was of)."""
    _opens: dict[str, int] = field(default_factory=dict)
    _keys: list[int] = field(default_factory=list)

    def apply(self, body: bytes) -> None:
        """The next record's bytes."""
        record = decode_any(body)
        entry = record.entry if isinstance(record, Record) else None
        self.tracing.apply(record.index, entry, record.postings)
        for source, destination in ways(record.index, record.postings):
            self._into.setdefault(destination, []).append((record.index, source))
        if isinstance(entry, Reversed):
            self._undone_by[entry.reversed] = record.index
        elif isinstance(entry, GiftRefunded):
            self._refunds.setdefault(entry.gift, []).append((record.index, entry.part))
        elif isinstance(entry, FundOpened):
            self._opens[entry.fund] = record.index
        elif isinstance(entry, KeyReplaced):
            self._keys.append(record.index)

    def bundle(
        self,
        gift: int,
        part: int | None,
        *,
        note: str,
        body: Callable[[int], bytes],
        path: Callable[[int], tuple[bytes, ...]],
        openings: Openings,
    ) -> bytes:
        """The bytes of the bundle under `note`, which is of just the records folded.

        `body` and `path` give a record's bytes and its inclusion proof. Raises Rejected(NO_SUCH_RECORD, NOT_A_GIFT or
        TOO_LARGE).
        """
        record = decode_any(body(gift))
        traced = answer(self.tracing, record, part=part)
        given = record.entry if isinstance(record, Record) else None
        fund = given.fund if isinstance(given, GoodsGivenDirectly) else traced.fund
        if traced.amount is None or fund is None:
            said = "nothing was given" if traced.gift is None else "name the part"
            raise Rejected(Reason.NOT_A_GIFT, said, field="gift", index=gift)
        refunds = (refund for refund, of in self._refunds.get(gift, ()) if part is None or of == part)
        inside: set[int] = {0, gift, *self._keys, *refunds}
        if fund in self._opens:
            inside.add(self._opens[fund])
        uses = _uses(traced, body)
        search = _Search(self, gift, part, f"fund:{fund} {traced.amount.unit}")
        for use, sources in uses:
            inside |= {use["index"], *(search.way(sources) if sources else ())}  # given straight: no way to go
        for index in sorted(inside):
            while (index := self._undone_by.get(index, 0)) not in inside:
                inside.add(index)
        if len(inside) > MAX_RECORDS:
            raise Rejected(Reason.TOO_LARGE, "too many records for one bundle", field="gift", index=gift)
        return canonical.encode(
            {
                "checkpoint": note,
                "format": FORMAT,
                "gift": {"index": gift} if part is None else {"index": gift, "part": part},
                "openings": {of: dict(opening) for of, opening in openings.items()},
                "records": [
                    {"path": [encode_base64(value) for value in path(index)], "record": body(index).decode()}
                    for index in sorted(inside)
                ],
                "trace": {
                    "amount": {"minor": traced.amount.minor, "unit": traced.amount.unit},
                    "fund": fund,
                    "held": [
                        {"account": h.account, "goods": _made(h.goods, h.unit), "minor": h.minor, "unit": h.unit}
                        for h in traced.held
                    ],
                    "refunded_minor": traced.refunded,
                    "uses": [use for use, _ in uses],
                },
            }
        )

    def steps_into(self, node: str) -> Iterable[tuple[int, str]]:
        """(record, from where) of every step that leads to a stop."""
        return self._into.get(node, ())

    def is_undone(self, index: int) -> bool:
        """Whether a record is reversed, and that reversal is not."""
        undone = self._undone_by.get(index)
        return undone is not None and not self.is_undone(undone)


@dataclass
class _Search:
    """Ways from a gift's fund, walked backwards from what was used: the cheapest first."""

    fold: Fold
    gift: int
    part: int | None
    start: str
    _costs: dict[int, int] = field(default_factory=dict)
    _ways: dict[tuple[str, ...], set[int]] = field(default_factory=dict)

    def way(self, sources: tuple[str, ...]) -> set[int]:
        """The records of a way to one of these stops; empty when one of them is the fund itself."""
        if sources not in self._ways:
            self._ways[sources] = self._walk(sources)
        return self._ways[sources]

    def _walk(self, sources: tuple[str, ...]) -> set[int]:
        # (cost, stop, record that leads on, the stop it leads to)
        waiting: list[tuple[int, str, int, str]] = [(0, source, -1, "") for source in sources]
        heapq.heapify(waiting)
        onward: dict[str, tuple[int, str]] = {}
        while waiting:
            cost, node, index, to = heapq.heappop(waiting)
            if node in onward:
                continue
            onward[node] = (index, to)
            if node == self.start:
                return set(_followed(onward, node))
            for step, source in self.fold.steps_into(node):
                if source not in onward:
                    heapq.heappush(waiting, (cost + self._cost(step), source, step, node))
        raise QueryFailed(f"no way leads from {self.start} to {', '.join(sources)}")

    def _cost(self, index: int) -> int:
        if index not in self._costs:
            made_of = self.fold.tracing.made_of(index)
            own = any(p.index == self.gift and self.part in (None, p.part) for p in made_of)
            undone = _REVERSED if self.fold.is_undone(index) else 0
            self._costs[index] = (_OWN if own else _OTHER) + undone
        return self._costs[index]


def _followed(onward: Mapping[str, tuple[int, str]], node: str) -> Iterator[int]:
    while True:
        index, node = onward[node]
        if index < 0:
            return
        yield index


def _made(goods: dict[str, int], unit: str) -> dict[str, int]:
    """The pieces that an amount of money was made into; goods that were given are their own amount."""
    return goods if is_currency(unit) else {}


def _uses(traced: Trace, body: Callable[[int], bytes]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Each use as the bundle says it, and the accounts that it may have come from."""
    by_index: dict[int, tuple[int, dict[str, int]]] = {}
    for use in traced.uses:
        minor, goods = by_index.get(use.index, (0, {}))
        by_index[use.index] = (minor + use.amount_minor, _added(goods, _made(use.goods, use.unit)))
    unit = traced.uses[0].unit if traced.uses else ""
    told: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    for index, (minor, goods) in sorted(by_index.items()):
        postings = decode_any(body(index)).postings
        if not goods and not sinks(postings, [unit]):
            # Less than one whole piece of goods: the units are named all the same, since the record has no money.
            goods = dict.fromkeys(sorted({p.amount.unit for p in postings if sinks([p], [p.amount.unit])}), 0)
        sources = {stop_of(p.source, p.amount.unit, index) for p in sinks(postings, goods or [unit])}
        said: dict[str, object] = {"goods": goods, "index": index, "minor": minor, "unit": unit}
        told.append((said, tuple(sorted(source for source in sources if source is not None))))
    return told


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {unit: one.get(unit, 0) + other.get(unit, 0) for unit in sorted({*one, *other})}


def _checkpoint(db: Connection, opened: AnyOpenBook, index: int, size: int | None) -> tuple[str, VerifierKey]:
    """The signed note that the bundle is made under, and the key of the book that has signed it."""
    if size is not None:
        note = dict(read.checkpoints(db, opened.code)).get(size)
        if note is None:
            raise Rejected(Reason.NO_SUCH_RECORD, "no checkpoint of this size", field="size", size=size)
    else:
        note = newest_witnessed(db, opened.code, above=index) or read.newest_checkpoint(db, opened.code)
    if note is None or parse_checkpoint(split_note(note.encode())[0]).size <= index:
        raise Rejected(Reason.NOT_CHECKPOINTED, "no checkpoint covers this record yet", index=index)
    try:
        return note, signer_of(db, opened.code, note)
    except NoteRejected as error:
        raise QueryFailed("the checkpoint is signed by no key of the book") from error


def _openings(db: Connection, opened: AnyOpenBook, gift: Record | BareRecord, part: int | None) -> Openings:
    """What opens the name in the gift's record; nothing when the vault has none (or has it no more)."""
    donor = donor_of(gift.entry, part) if isinstance(gift, Record) else None
    found = None if donor is None else read.vault_values(db, opened.code, gift.index, donor.tag).get("name")
    subject = None if found is None else read.subject(db, opened.code, found[0])
    if donor is None or found is None or subject is None:
        return {}
    row = SealedRow(donor.tag, "name", *found)
    value = opened.vault.open(row, SubjectRow(found[0], *subject))
    return {"name": {"r": value.r.hex(), "value": value.value}}


def make_qr(opened: AnyOpenBook, index: int) -> str:
    """The text of the QR code that proves one record, under the checkpoint that a bundle would take.

    Raises Rejected(NO_SUCH_RECORD, NOT_CHECKPOINTED, TOO_LARGE when no QR code holds it), QueryFailed.
    """
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index) if index >= 0 else None
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        note, key = _checkpoint(db, opened, index, None)
        size = parse_checkpoint(split_note(note.encode())[0]).size
        try:
            path = prove_inclusion(index, size, read.tree_reader(db, opened.code))
        except LookupError as error:
            raise QueryFailed(f"the stored hashes are not whole: {error}") from error
    try:
        text = write_qr(body, make_proof(index, path, note.encode()))
    except ProofFailed as error:
        raise Rejected(Reason.TOO_LARGE, "too much for a QR code", field="index", index=index) from error
    try:
        check_qr(text, key)
    except BundleFalse as error:
        raise QueryFailed(f"the QR code of record {index} does not hold: {error}") from error
    return text
