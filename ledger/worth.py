"""What goods are worth, piece by piece: where every piece lies and what it stands for. A pure fold; no I/O.

A **batch** is what one item brought in: n pieces for V (`minor`: the cost on the invoice, or the council's valuation),
or n pieces without a value («chưa định giá»). Its pieces are numbered; pieces a…b−1 are worth ⌊V·b/n⌋ − ⌊V·a/n⌋.
However the pieces of a batch are parted, their values add up to exactly V: quantity and value each conserve.

Pieces follow the postings of the place view in record order:

1. Into a store from outside or from an exchange: a new batch.
2. Out of a store: of the lots named; where none is named, of the oldest batch without a lot, then of the oldest.
3. In hands, pieces lie under the issue that put them there, and come back or are delivered from there, oldest first.
4. What leaves for good lies where the purpose view says: `used:<allocation>`, `lost:<fund or allocation>`.
5. A gift handed straight to those it is for (no place posting) lies in `used:<allocation>` at once.
6. A reversal moves back the very pieces that its original moved. Where pieces of a batch that must leave lie elsewhere
   by then, pieces of the place it is taken back from take their place.
7. What is taken from where nothing is left is a batch without value, replaced by the next pieces that come there.

See docs/decisions/0019-value-of-goods.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from ledger.accounts import Posting, root
from ledger.entries.base import EntryBase
from ledger.entries.book import BalanceBrought
from ledger.entries.control import Reversed
from ledger.entries.goods import GoodsGivenDirectly, GoodsIssued, GoodsReceived, GoodsReturned, Purchased, StockFound
from ledger.entries.lots import LotPart
from ledger.money import is_currency

GONE = "gone"
"""The spot of batches whose entry was reversed: they never came."""
_HANDS = "advance"
_STORES = ("stock", _HANDS)


class Batch(msgspec.Struct, frozen=True, eq=False):
    """What one item brought in. `index` is its record; `minor` is None without a value."""

    number: int
    index: int
    goods: str
    pieces: int
    unit: str
    minor: int | None
    lot: str | None
    owed_by: str | None = None
    """The spot that had less than was taken from it (rule 7)."""

    def worth(self, start: int, end: int) -> int:
        """What pieces start…end−1 are worth (`minor`); 0 without a value."""
        value = self.minor or 0
        return value * end // self.pieces - value * start // self.pieces


class Span(NamedTuple):
    """Pieces start…end−1 of a batch."""

    batch: Batch
    start: int
    end: int

    @property
    def pieces(self) -> int:
        return self.end - self.start

    @property
    def minor(self) -> int:
        return self.batch.worth(self.start, self.end)


class Moved(NamedTuple):
    """What one posting of a record moved, from spot to spot."""

    goods: str
    source: str
    destination: str
    spans: tuple[Span, ...]


def worth(spans: Iterable[Span]) -> tuple[dict[str, int], int]:
    """Value by currency (`minor`), and how many of the pieces have none."""
    sums: dict[str, int] = {}
    without = 0
    for span in spans:
        if span.batch.minor is None:
            without += span.pieces
        else:
            sums[span.batch.unit] = sums.get(span.batch.unit, 0) + span.minor
    return sums, without


class Worth:
    """Where every piece of goods lies; grows record by record. A spot is a store, an issue, a use or a loss."""

    def __init__(self) -> None:
        self._spots: dict[tuple[str, str], list[Span]] = {}
        self._moves: dict[int, list[Moved]] = {}
        self._owing: set[tuple[str, str]] = set()
        self._made = 0

    def spots(self) -> Iterator[tuple[str, str, tuple[Span, ...]]]:
        """(spot, goods, pieces) of everything that ever came in and was not taken back."""
        for (spot, goods), spans in sorted(self._spots.items(), key=lambda item: item[0]):
            if spans and spot != GONE:
                yield spot, goods, tuple(spans)

    def moved(self, index: int) -> tuple[Moved, ...]:
        """What a record moved, as it was when it did."""
        return tuple(self._moves.get(index, ()))

    def apply(self, index: int, entry: EntryBase | None, postings: Sequence[Posting]) -> None:
        """One record."""
        if isinstance(entry, Reversed):
            for moved in reversed(self._moves.get(entry.reversed, [])):
                self._back(index, moved)
            return
        items = self._items(index, entry)
        for posting in postings:
            goods = posting.amount.unit
            if is_currency(goods):
                continue
            source, destination = root(posting.source), root(posting.destination)
            if source == "donors" and destination == "used":
                self._put(index, GONE, posting.destination, goods, [self._incoming(items, index, posting)])
            elif source in _STORES or destination in _STORES:
                into = self._spot(entry, posting.destination, postings, goods)
                if source not in _STORES:
                    self._put(index, GONE, into, goods, [self._incoming(items, index, posting)])
                    continue
                out = self._spot(entry, posting.source, postings, goods)
                lots = getattr(entry, "lots", None)
                self._put(index, out, into, goods, self._take(index, out, goods, posting.amount.minor, lots))

    def _items(self, index: int, entry: EntryBase | None) -> Iterator[Span]:
        """The batches of the entry's items, in the order of its postings."""
        if isinstance(entry, Purchased):
            for bought in entry.items:
                yield self._new(index, bought.goods, bought.quantity, entry.currency, bought.cost_minor, bought.lot)
        elif isinstance(entry, GoodsReceived | GoodsGivenDirectly):
            for given in entry.items:
                yield self._new(index, given.goods, given.quantity, "VND", given.value_minor, given.lot)
        elif isinstance(entry, BalanceBrought | StockFound):
            yield self._new(index, entry.amount.unit, entry.amount.minor, "VND", None, entry.lot)

    def _incoming(self, items: Iterator[Span], index: int, posting: Posting) -> Span:
        """The next item's batch; one without a value for a posting that no item stands for."""
        item = next(items, None)
        return item or self._new(index, posting.amount.unit, posting.amount.minor, "VND", None, None)

    def _new(
        self,
        index: int,
        goods: str,
        pieces: int,
        unit: str,
        minor: int | None,
        lot: str | None,
        owed: str | None = None,
    ) -> Span:
        self._made += 1
        return Span(Batch(self._made, index, goods, pieces, unit, minor, lot, owed), 0, pieces)

    def _spot(self, entry: EntryBase | None, account: str, postings: Sequence[Posting], goods: str) -> str:
        """Where pieces lie that the place view has in `account`."""
        if root(account) == _HANDS:
            code = entry.issue if isinstance(entry, GoodsIssued | GoodsReturned) else getattr(entry, "handed", None)
            return account if code is None else f"handed:{code}"
        if root(account) in _STORES:
            return account
        sinks = (p.destination for p in postings if p.amount.unit == goods and root(p.destination) in ("used", "lost"))
        return next(sinks, account)

    def _take(
        self, index: int, spot: str, goods: str, pieces: int, lots: Sequence[LotPart] | None = None
    ) -> list[Span]:
        """Pieces out of a spot: of these lots, else the oldest; batches without a lot before those with one."""
        here = self._spots.setdefault((spot, goods), [])
        out: list[Span] = []
        wanted: list[tuple[str | None, int]] = [(part.lot, part.minor) for part in lots or ()] or [(None, pieces)]
        for lot, n in wanted:
            first = (s for s in here if s.batch.lot == lot)
            rest = () if lot is not None else (s for s in here if s.batch.lot is not None)
            for span in [*first, *rest]:
                if not n:
                    break
                taken = Span(span.batch, span.start, span.start + min(n, span.pieces))
                self._remove(spot, taken)
                out.append(taken)
                n -= taken.pieces
            if n:
                self._owing.add((spot, goods))
                out.append(self._new(index, goods, n, "VND", None, None, spot))
        return out

    def _remove(self, spot: str, span: Span) -> None:
        """Takes pieces out that lie there together."""
        here = self._spots[spot, span.batch.goods]
        number = next(i for i, s in enumerate(here) if s.batch is span.batch and s.start <= span.start < s.end)
        old = here[number]
        rest = [Span(span.batch, old.start, span.start), Span(span.batch, span.end, old.end)]
        here[number : number + 1] = [s for s in rest if s.pieces]

    def _add(self, spot: str, goods: str, spans: Iterable[Span]) -> None:
        here = self._spots.setdefault((spot, goods), [])
        merged: list[Span] = []
        for span in sorted([*here, *spans], key=lambda s: (s.batch.number, s.start)):
            if merged and merged[-1].batch is span.batch and merged[-1].end == span.start:
                merged[-1] = Span(span.batch, merged[-1].start, span.end)
            else:
                merged.append(span)
        self._spots[spot, goods] = merged

    def _put(self, index: int, source: str, destination: str, goods: str, spans: Sequence[Span]) -> None:
        self._moves.setdefault(index, []).append(Moved(goods, source, destination, tuple(spans)))
        self._add(destination, goods, self._settled(destination, goods, spans))

    def _settled(self, spot: str, goods: str, spans: Sequence[Span]) -> list[Span]:
        """What is left of pieces that come to a spot which owes some: they take the place of those owed (rule 7)."""
        left = list(spans)
        if (spot, goods) not in self._owing:
            return left
        owed = [
            (other, span)
            for (other, kind), there in self._spots.items()
            for span in there
            if kind == goods and span.batch.owed_by == spot
        ]
        for other, span in owed:
            left = self._replaced(other, span, left)
        if left:
            self._owing.discard((spot, goods))
        return left

    def _replaced(self, spot: str, old: Span, spans: Sequence[Span]) -> list[Span]:
        """Pieces take the place of others; returns those that are left over."""
        left: list[Span] = []
        need, start, new = old.pieces, old.start, []
        for span in spans:
            n = min(need, span.pieces)
            if n:
                new.append(Span(span.batch, span.start, span.start + n))
            if n < span.pieces:
                left.append(Span(span.batch, span.start + n, span.end))
            need -= n
        done = old.pieces - need
        if done:
            self._remove(spot, Span(old.batch, start, start + done))
            self._add(spot, old.batch.goods, new)
        return left

    def _back(self, index: int, moved: Moved) -> None:
        """The very pieces go back where they came from; those that lie elsewhere by now are replaced from here."""
        goods, here = moved.goods, moved.destination
        found = [at for span in moved.spans for at in self._where(goods, span) if GONE not in at or here == GONE]
        out = [part for _, part in found]
        for spot, part in found:
            if spot == here:
                self._remove(here, part)
        for spot, part in found:
            if spot != here:
                self._replaced(spot, part, self._take(index, here, goods, part.pieces))
        missing = sum(span.pieces for span in moved.spans) - sum(part.pieces for part in out)
        # Pieces whose place others took meanwhile are no more here: as many others go back.
        if missing:
            out += self._take(index, here, goods, missing)
        self._put(index, here, moved.source, goods, out)

    def _where(self, goods: str, span: Span) -> list[tuple[str, Span]]:
        """The spots of pieces now, each with its part of them."""
        found: list[tuple[str, Span]] = []
        for (spot, kind), spans in self._spots.items():
            for s in spans:
                start, end = max(s.start, span.start), min(s.end, span.end)
                if kind == goods and s.batch is span.batch and start < end:
                    found.append((spot, Span(s.batch, start, end)))
        return found
