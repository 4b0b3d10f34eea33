"""What a gift did: every đồng followed from the gift to its use, record by record. A pure fold; no I/O.

A **lot** is what one source brought in at once: a gift (record index, and the part's number from 0 where one
record holds many: envelopes, gateway gifts, open gifts of old books), interest, a balance brought over. Lots follow
the purpose view's postings in record order:

1. `donors | interest | brought → fund:F` makes lots. `senders`, `suspense` and `mistaken` carry none: not yet gifts.
2. A posting between `fund`, `allocated`, `ordered`, `handed` takes lots out of its source first in, first out by
   (value day, index, part), and keeps their identity. `→ used | costs` fixes the attribution.
3. Through `exchange-purpose` the money of an invoice item becomes the **backing** of a batch of n pieces, itself a lot
   of goods. Each backing share of t đồng keeps its seat: pieces a…b−1 stand for ⌊t·b/n⌋ − ⌊t·a/n⌋ of it, so that all n
   pieces stand for exactly t. Pieces are numbered in the order of use; a reversed use frees its numbers. Each piece
   also counts for one gift as a whole piece, spread evenly over the numbers, so that quantities add up too.
4. A reversal gives back the very lots that its original moved. A reversed use returns what it holds now.
5. A gift taken back (reversed, or refunded) leaves from its fund first, then from `allocated`, `ordered`, `handed`,
   then from goods (bought last first), then from uses (last first). Wherever it leaves from other than its fund, the
   next lots of that fund take its place. A purchase reversed after its goods were used shifts those uses likewise.
6. What is taken from where nothing is left (`shortfall:F`) is the pseudo lot «shortfall» of that record. Lots that
   enter such an account replace its pseudo lots, oldest first; a cover that is reversed puts them back.

An answer holds for the size at which it was asked: a later reversal shifts lots, the fold of the older size does not.
Balances: for every account above and every unit, Σ lots = balance (`check_exact`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from heapq import heappop, heappush
from math import gcd
from typing import ClassVar, NamedTuple, Protocol, TypeVar

import msgspec

from ledger.accounts import Posting, code, root
from ledger.days import FIRST_DAY
from ledger.entries.aid import Delivered
from ledger.entries.base import EntryBase
from ledger.entries.book import PRO_RATA, BalanceBrought, TracingSet
from ledger.entries.control import Reversed
from ledger.entries.goods import GoodsGivenDirectly, GoodsReceived
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftRefunded
from ledger.entries.restrictions import RestrictionVaried

RULE = "Phân bổ theo quy tắc R (FIFO theo ngày), không phải quyền sở hữu — attribution by rule R, not legal title"

_PRO_RATA_RULE = (
    "Phân bổ theo quy tắc R (FIFO theo ngày; năm {years}: theo tỷ lệ), không phải quyền sở hữu — "
    "attribution by rule R (first in first out; pro rata in {years}), not legal title"
)

_T = TypeVar("_T")

SHORTFALL = "shortfall"
BATCH = "batch"


class Used(msgspec.Struct, frozen=True):
    """What one use record did with a source: the money it stands for, and whole pieces of goods."""

    index: int
    kind: str
    day: date | None
    account: str
    allocation: str | None
    activity: str | None
    commune: str | None
    province: str | None
    amount_minor: int
    unit: str
    goods: dict[str, int]


class Held(msgspec.Struct, frozen=True):
    """What is not used yet, and the account it is in; goods are counted in the money they were bought with."""

    account: str
    minor: int
    unit: str
    goods: dict[str, int]


class Part(msgspec.Struct, frozen=True):
    """One source that a record's money or goods came from."""

    source: str
    """`gift`, `interest`, `brought` or `shortfall`."""
    index: int
    part: int | None
    minor: int
    unit: str
    goods: dict[str, int]


class Inexact(msgspec.Struct, frozen=True):
    """A place where what is traced is not what the book says."""

    account: str
    unit: str
    traced: int
    balance: int


class _Role(Enum):
    ORIGIN = "origin"
    POOL = "pool"
    SINK = "sink"
    EXCHANGE = "exchange"


_ROLES = {
    **dict.fromkeys(("donors", "interest", "brought", "found", "senders", "suspense", "mistaken"), _Role.ORIGIN),
    **dict.fromkeys(("fund", "allocated", "ordered", "handed", "shortfall"), _Role.POOL),
    **dict.fromkeys(("used", "costs", "lost"), _Role.SINK),
    "exchange-purpose": _Role.EXCHANGE,
}
_SOURCES = {"donors": "gift", "interest": "interest", "brought": "brought", "found": "found"}
# Where a gift that is taken back leaves from, in this order.
_ORDER = {"fund": 0, "allocated": 1, "ordered": 2, "handed": 3, "shortfall": 4}
_GOODS_RANK, _USE_RANK = 6, 7
# A lot's number is its record's index and its own number among those of the record.
PER_RECORD = 20
"""Bits of a lot's number that count within its record."""
_PAGE = 64

_Key = tuple[date, int]
_Rank = tuple[int, int, str]
Span = tuple[int, int]
"""Piece numbers, the end not included."""


class LotRow(NamedTuple):
    """A lot as it is kept; `lot` is index · 2^20 + its number among the lots of its record."""

    lot: int
    day: date
    part: int | None
    number: int
    source: str
    unit: str
    minor: int
    account: str


class PlaceRow(NamedTuple):
    """So much of a lot at one holder, as it is kept; 0 when it has left."""

    lot: int
    holder: str
    place: int
    """The order in which lots came to holders."""
    minor: int
    day: date
    """That of the lot."""
    spans: tuple[Span, ...]


class Changes(NamedTuple):
    """What one record changed of the fold."""

    lots: list[LotRow]
    places: list[PlaceRow]
    values: list[tuple[str, str, bytes]]
    """(what, key, JSON)."""


class Kept(Protocol):
    """What an earlier fold of the first `size` records has left, read piece by piece (ledger/store/traced.py)."""

    @property
    def size(self) -> int: ...
    @property
    def newest_day(self) -> date: ...
    def lots(self, lots: Sequence[int]) -> Iterable[LotRow]:
        """These lots."""

    def lots_of(self, index: int) -> Iterable[LotRow]:
        """The lots of a record."""

    def place(self, lot: int, holder: str) -> PlaceRow | None:
        """How much of a lot is there."""

    def places(self, lot: int) -> Iterable[PlaceRow]:
        """Where a lot is."""

    def held(self, holder: str) -> Iterable[PlaceRow]:
        """All that is there."""

    def oldest(self, holder: str, after: tuple[date, int] | None, most: int) -> Sequence[PlaceRow]:
        """The next lots there by (day, lot), after that one."""

    def value(self, what: str, key: str) -> bytes | None:
        """Anything else that the fold remembers."""


@dataclass(slots=True, eq=False)
class Lot:
    """What one source brought in at once; `at` says where it is now."""

    id: int
    day: date
    part: int | None
    number: int
    """Which posting of its record brought it in."""
    source: str
    unit: str
    minor: int
    account: str
    """The account it entered first."""
    whole: bool = True
    """Whether all its places are at hand; otherwise some may only be kept."""
    at: "dict[_Holder, _Place]" = field(default_factory=dict)
    backing: "_Backing | None" = None

    @property
    def index(self) -> int:
        """The record that brought it in."""
        return self.id >> PER_RECORD

    @property
    def key(self) -> _Key:
        """First in is first out by this."""
        return self.day, self.id


Parcels = list[tuple[Lot, int]]


class _Place:
    """So much of a lot at one holder; `order` is when it came there, `was` how it is kept while a record changes it."""

    __slots__ = ("holder", "lot", "minor", "order", "spans", "was")

    def __init__(self, lot: Lot, holder: "_Holder", minor: int = 0, order: int = 0, spans: tuple[Span, ...] = ()):
        self.lot = lot
        self.holder = holder
        self.minor = minor
        self.order = order
        self.spans = spans
        """The piece numbers of a batch that a use, or another batch, has taken."""
        self.was: tuple[int, int, tuple[Span, ...]] | None = None

    def said(self) -> tuple[int, int, tuple[Span, ...]]:
        return self.minor, self.order, self.spans


class _Holder:
    """Whatever holds amounts of lots: an account, a use, the backing of a batch of goods."""

    __slots__ = ("fold", "lots", "name", "rank", "whole")
    counted: ClassVar[bool] = True

    def __init__(self, fold: "Tracing", name: str, rank: _Rank, *, whole: bool) -> None:
        self.fold = fold
        self.name = name
        self.rank = rank
        self.lots: dict[Lot, _Place] = {}
        self.whole = whole
        """Whether all its lots are at hand."""

    def find(self, lot: Lot) -> _Place | None:
        """Its place here, as it is at hand or kept."""
        place = lot.at.get(self)
        if place is None and not lot.whole and not self.whole:
            row = self.fold.kept_place(lot, self)
            place = self._known(lot, row)
        return place

    def _known(self, lot: Lot, row: PlaceRow | None) -> _Place:
        """A place as it is kept; one that is empty is remembered too, while the lot is not whole."""
        place = _Place(lot, self) if row is None else _Place(lot, self, row.minor, row.place, row.spans)
        lot.at[self] = self.lots[lot] = place
        return place

    def amount(self, lot: Lot) -> int:
        place = self.find(lot)
        return 0 if place is None else place.minor

    def put(self, lot: Lot, minor: int) -> _Place:
        place = self.find(lot)
        if place is None:
            place = lot.at[self] = self.lots[lot] = _Place(lot, self)
        self.fold.touch(place)
        if not place.minor:
            place.order = self.fold.next_order()
        place.minor += minor
        return place

    def remove(self, lot: Lot, minor: int) -> _Place:
        place = self.find(lot)
        if place is None:
            raise KeyError(self.name)
        self.fold.touch(place)
        place.minor -= minor
        if not place.minor and lot.whole:
            del lot.at[self], self.lots[lot]
        return place

    def replace(self, old: Lot, minor: int, parcels: Parcels) -> None:
        """`parcels` take the place of `minor` of a lot."""
        self.remove(old, minor)
        for lot, n in parcels:
            self.put(lot, n)

    def held(self) -> list[_Place]:
        """All that is here, in the order it came."""
        if not self.whole:
            rows = {row.lot: row for row in self.fold.kept_at(self)}
            for lot in self.fold.lots(rows):
                if self not in lot.at and not lot.whole:
                    self._known(lot, rows[lot.id])
            self.whole = True
        return sorted((place for place in self.lots.values() if place.minor), key=_order)


def _order(place: _Place) -> int:
    return place.order


class _Aside(_Holder):
    """What is counted but is nowhere: given back, or owed by an account to its pseudo lots."""

    __slots__ = ()
    counted: ClassVar[bool] = False


class _Pool(_Holder):
    """An account and unit: lots in a heap by key; `debts` is what it owes when more was taken than there was."""

    __slots__ = ("_last", "_more", "account", "debts", "heap", "unit")

    def __init__(self, fold: "Tracing", account: str, unit: str, *, whole: bool) -> None:
        rank = _ORDER.get(root(account), 5), 0, account
        super().__init__(fold, f"at {account} {unit}", rank, whole=whole)
        self.account = account
        self.unit = unit
        self.heap: list[tuple[_Key, Lot]] = []
        self.debts = _Aside(fold, f"owed {account} {unit}", rank, whole=whole)
        self._more = not whole
        self._last: _Key | None = None

    def put(self, lot: Lot, minor: int) -> _Place:
        place = _Holder.put(self, lot, minor)
        if place.minor == minor:
            heappush(self.heap, (lot.key, lot))
        return place

    def take(self, minor: int, backing: "_Backing | None" = None) -> Parcels:
        """Up to `minor`, by the rule of its fund: first in, first out, or of all in proportion; for a backing nothing
        that was itself made of it."""
        if self.fold.is_pro_rata(self):
            return self._take_of_all(minor, backing)
        taken: Parcels = []
        passed: list[Lot] = []
        while minor and (lot := self._oldest()) is not None:
            if backing is not None and backing.is_in(lot):
                passed.append(heappop(self.heap)[1])
                continue
            have = self.amount(lot)
            n = have if have < minor else minor
            self.remove(lot, n)
            taken.append((lot, n))
            minor -= n
        for lot in passed:
            heappush(self.heap, (lot.key, lot))
        return taken

    def _oldest(self) -> Lot | None:
        """Entries of the heap whose lot has left are dropped on the way; what is only kept joins by pages."""
        heap = self.heap
        while True:
            while heap and not self.amount(heap[0][1]):
                heappop(heap)
            if not self._more or (heap and self._last is not None and heap[0][0] <= self._last):
                return heap[0][1] if heap else None
            rows = self.fold.kept_oldest(self, self._last, _PAGE)
            self._more = len(rows) == _PAGE
            by_lot = {row.lot: row for row in rows}
            for lot in self.fold.lots(by_lot):
                self._last = lot.key
                if self not in lot.at and not lot.whole:
                    self._known(lot, by_lot[lot.id])
                if self.amount(lot):
                    heappush(heap, (lot.key, lot))

    def _take_of_all(self, minor: int, backing: "_Backing | None") -> Parcels:
        """Of the lots by key, with sums a₁ ≤ a₂ ≤ … up to all that is there, the i-th gives ⌊m·aᵢ/all⌋ less what was
        given before it."""
        lots = sorted(((place.lot, place.minor) for place in self.held()), key=lambda pair: pair[0].key)
        if backing is not None:
            lots = [(lot, n) for lot, n in lots if not backing.is_in(lot)]
        there = sum(n for _, n in lots)
        wanted, upto, given = min(minor, there), 0, 0
        taken: Parcels = []
        for lot, have in lots:
            upto += have
            n = wanted * upto // there - given
            given += n
            if n:
                self.remove(lot, n)
                taken.append((lot, n))
        return taken

    def total(self) -> int:
        return sum(p.minor for p in self.lots.values()) - sum(p.minor for p in self.debts.lots.values())


class _Facts(msgspec.Struct, frozen=True, gc=False):
    """What the record of a use says, without persons."""

    kind: str
    day: date | None
    account: str
    unit: str
    activity: str | None
    commune: str | None
    province: str | None


class _End(_Holder):
    """Where goods are used up, or become the backing of other goods: pieces of a batch are taken by their numbers."""

    __slots__ = ()

    def put(self, lot: Lot, minor: int) -> _Place:
        place = _Holder.put(self, lot, minor)
        if lot.backing is not None:
            lot.backing.use(place, minor)
        return place

    def remove(self, lot: Lot, minor: int) -> _Place:
        place = _Holder.remove(self, lot, minor)
        if lot.backing is not None:
            lot.backing.free_again(place, minor)
        return place


class _Use(_End):
    """One posting into `used:…`, `costs:…` or `lost:…`."""

    __slots__ = ("facts", "index")

    def __init__(self, fold: "Tracing", index: int, number: int, facts: _Facts, *, whole: bool) -> None:
        super().__init__(fold, f"use {index}/{number}", (_USE_RANK, -index, facts.account), whole=whole)
        self.facts = facts
        self.index = index


class _Backing(_End):
    """The money that n pieces of one invoice item were bought with, seat by seat.

    Money of another currency is such a batch too: its pieces are the smallest parts of that currency.
    """

    __slots__ = ("_free", "_seats", "batch", "pieces", "step")

    def __init__(self, fold: "Tracing", batch: Lot, parcels: Parcels | None) -> None:
        """Made of `parcels`, or with None as it is kept."""
        super().__init__(fold, f"batch {batch.id}", (_GOODS_RANK, -batch.index, ""), whole=parcels is not None)
        self.batch = batch
        self.pieces = batch.minor
        self.step = _spread(self.pieces)
        self._seats: Parcels | None = None if parcels is None else []
        self._free: list[Span] | None = None if parcels is None else [(0, self.pieces)]
        for lot, minor in parcels or ():
            _End.put(self, lot, minor)
        if parcels is not None:
            self.seats, self.free = list(parcels), [(0, self.pieces)]

    @property
    def seats(self) -> Parcels:
        if self._seats is None:
            self._seats = self.fold.kept_seats(self.batch)
        return self._seats

    @seats.setter
    def seats(self, seats: Parcels) -> None:
        self._seats = seats
        self.fold.touch_batch("seats", self)

    @property
    def free(self) -> list[Span]:
        if self._free is None:
            self._free = self.fold.kept_free(self.batch)
        return self._free

    @free.setter
    def free(self, free: list[Span]) -> None:
        self._free = free
        self.fold.touch_batch("free", self)

    def replace(self, old: Lot, minor: int, parcels: Parcels) -> None:
        """Newcomers sit where the old lot sat; no other seat moves."""
        self.remove(old, minor)
        waiting = list(parcels)
        seats: Parcels = []
        for lot, t in self.seats:
            out = min(t, minor) if lot is old else 0
            minor -= out
            if t > out:
                seats.append((lot, t - out))
            while out:
                new, n = waiting[0]
                sits = min(n, out)
                seats.append((new, sits))
                self.put(new, sits)
                out -= sits
                waiting[:1] = [(new, n - sits)] if n > sits else []
        self.seats = seats

    def is_in(self, lot: Lot) -> bool:
        """Whether a lot was made of this batch: money that was exchanged there and back."""
        if lot.backing is None or not _is_money(self.batch):
            return False
        return lot is self.batch or any(self.is_in(inner) for inner, _ in lot.backing.seats)

    def use(self, place: _Place, pieces: int) -> None:
        """The lowest free numbers are used next."""
        free = list(self.free)
        spans = list(place.spans)
        while pieces:
            start, end = free[0]
            n = min(end - start, pieces)
            free[:1] = [(start + n, end)] if start + n < end else []
            spans.append((start, start + n))
            pieces -= n
        place.spans, self.free = tuple(spans), free

    def free_again(self, place: _Place, pieces: int) -> None:
        """A use gives numbers back, its last ones first."""
        spans, free = list(place.spans), list(self.free)
        while pieces:
            start, end = spans.pop()
            n = min(end - start, pieces)
            if start < end - n:
                spans.append((start, end - n))
            free.append((end - n, end))
            pieces -= n
        place.spans, self.free = tuple(spans), _joined(free)

    def shares(self, spans: Sequence[Span], only: Lot | None = None) -> Iterator[tuple[Lot, int, int]]:
        """(lot, minor, whole pieces) of these piece numbers, seat by seat; a seat that is itself a batch is that
        batch's own seats."""
        n, total, before = self.pieces, sum(t for _, t in self.seats), 0
        seen: dict[Lot, int] = {}
        for lot, t in self.seats:
            if lot.backing is None:
                if only is None or lot is only:
                    minor = sum(t * end // n - t * start // n for start, end in spans)
                    yield lot, minor, self._pieces(spans, before, t, total)
                before += t
                continue
            first = seen.get(lot, 0)
            seen[lot] = first + t
            place = self.find(lot)
            numbers = () if place is None else place.spans
            sat = _cut(numbers, [(first, first + t)])
            spent = _cut(numbers, [(first + t * start // n, first + t * end // n) for start, end in spans])
            inner = zip(lot.backing.shares(sat), lot.backing.shares(spent), strict=True)
            for (leaf, _, weight), (_, minor, _) in inner:
                if only is None or leaf is only:
                    yield leaf, minor, self._pieces(spans, before, weight, total)
                before += weight

    def _pieces(self, spans: Sequence[Span], before: int, width: int, total: int) -> int:
        """How many of these pieces count for what sits from `before` on."""
        low, high = _place(before, self.pieces, total), _place(before + width, self.pieces, total)
        return sum(self._counted(start, end, low, high) for start, end in spans)

    def _counted(self, start: int, end: int, low: int, high: int) -> int:
        """How many k in start…end−1 have (k·step mod n) in low…high−1."""
        return self._below(end, high) - self._below(end, low) - self._below(start, high) + self._below(start, low)

    def _below(self, end: int, high: int) -> int:
        n, step = self.pieces, self.step
        return _floor_sum(end, n, step, 0) - _floor_sum(end, n, step, n - high) + end

    def reached(self, seen: "set[_Backing]") -> "Iterator[tuple[_Holder, _Backing, Sequence[Span]]]":
        """Where the pieces are, here or in what they were made into, each batch once: (use or account, batch, its piece
        numbers)."""
        if self in seen:
            return
        seen.add(self)
        places = self.fold.places(self.batch)
        for place in places:
            if isinstance(place.holder, _Backing):
                yield from place.holder.reached(seen)
            elif isinstance(place.holder, _Use):
                yield place.holder, self, place.spans
        # Accounts hold free numbers: those nearest to use come first.
        spans = list(self.free)
        there = [place for place in places if not isinstance(place.holder, _End)]
        for place in sorted(there, key=lambda p: (-p.holder.rank[0], p.holder.rank, p.order)):
            pieces, own = place.minor, []
            while pieces:
                start, end = spans[0]
                n = min(end - start, pieces)
                own.append((start, start + n))
                spans[:1] = [(start + n, end)] if start + n < end else []
                pieces -= n
            yield place.holder, self, own


class _Cover(NamedTuple):
    """A pseudo lot replaced by a real one in a use."""

    holder: _Holder
    pseudo: Lot
    lot: Lot
    minor: int


class Tracing:
    """The lots of one book at one size; grows record by record.

    With `kept` it goes on from an earlier fold, of which it reads what it needs and no more. With `journal` it says
    after each record what that changed (`changes`), which is what a later fold can go on from.
    """

    def __init__(self, kept: Kept | None = None, *, journal: bool = False) -> None:
        self.size = 0 if kept is None else kept.size
        self.newest_day = FIRST_DAY if kept is None else kept.newest_day
        self._kept = kept
        self._lots: dict[int, Lot] = {}
        self._made: dict[int, list[Lot]] = {}
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._uses: dict[int, dict[int, _Use]] = {}
        self._moves: dict[int, dict[int, Parcels]] = {}
        self._covers: dict[int, dict[int, list[_Cover]]] = {}
        self._undone: dict[int, tuple[int, bool] | None] = {}
        """Reversal → what it undoes, and whether it walks the postings from the last to the first."""
        self._reversed_by: dict[int, int | None] = {}
        self._rules: dict[str, dict[str, str]] = {}
        """Fund → year → rule, where one was set."""
        self._fund_of: dict[str, str] = {}
        """Account → the fund whose rule it follows; only of funds for which one was set."""
        self._ruled = kept is not None and kept.value("ruled", "") is not None
        self._gone = _Aside(self, "gone", (9, 0, ""), whole=kept is None)
        self._through: Parcels = []
        self._index = self._new_lots = self._arrivals = 0
        self._day = self.newest_day
        self._touched: list[_Place] | None = [] if journal else None
        self._values: list[tuple[str, str, bytes]] = []
        self._batches: dict[tuple[str, _Backing], None] = {}

    def apply(self, index: int, entry: EntryBase | None, postings: Sequence[Posting]) -> None:
        """One record's postings. Without an entry (a kind not known here) the newest day so far is its day."""
        self._index = index
        self.size = index + 1
        self._new_lots = self._arrivals = 0
        if isinstance(entry, Reversed):
            self._reversed_by[entry.reversed] = index
            self._say("reversed", str(entry.reversed), index)
        elif isinstance(entry, TracingSet):
            self._set_rule(entry)
        if not postings:
            return
        self._day = (None if entry is None else entry.money_day()) or self.newest_day
        self.newest_day = max(self.newest_day, self._day)
        order: Iterable[tuple[int, Posting]] = enumerate(postings)
        undone: int | None = None
        if isinstance(entry, Reversed):
            undone = entry.reversed
            before_that = self._undone_of(undone)
            backward = before_that is None or not before_that[1]
            self._undone[index] = (undone, backward)
            self._say("undone", str(index), (undone, backward))
            if backward:
                # Undoing goes backwards: a fee returns to its gift before the gift leaves.
                order = reversed(list(order))
        for number, posting in order:
            source, destination = _ROLES.get(root(posting.source)), _ROLES.get(root(posting.destination))
            if source is None or destination is None:
                continue
            if source is _Role.ORIGIN and destination is _Role.ORIGIN:
                continue
            before = () if undone is None else self._moved(undone, number)
            parcels = self._leave(source, destination, entry, number, posting, before)
            self._arrive(destination, entry, number, posting, parcels)
            # What a gift's posting moved is known from its lots: one object less for most records of a book.
            new = source is _Role.ORIGIN and parcels[0][0].index == index
            if destination is not _Role.EXCHANGE and not new:
                self._moves.setdefault(index, {})[number] = parcels
        for lot, minor in self._through:
            self._pool("exchange-purpose", lot.unit).put(lot, minor)
        self._through = []

    def _set_rule(self, entry: TracingSet) -> None:
        rules = {**self._rules_of(entry.fund), str(entry.year): entry.rule}
        self._rules[entry.fund] = rules
        self._say("rule", entry.fund, rules)
        if not self._ruled:
            self._ruled = True
            self._say("ruled", "", True)

    def _moved(self, index: int, number: int) -> Sequence[tuple[Lot, int]]:
        """What a posting moved, or brought in."""
        moved = self._moves_of(index).get(number)
        if moved is not None:
            return moved
        return [(lot, lot.minor) for lot in self._made_by(index) if lot.number == number]

    # What leaves a source.

    def _leave(
        self,
        source: _Role,
        destination: _Role,
        entry: EntryBase | None,
        number: int,
        posting: Posting,
        before: Sequence[tuple[Lot, int]],
    ) -> Parcels:
        unit, minor = posting.amount.unit, posting.amount.minor
        if source is _Role.ORIGIN:
            return self._given_again(before, minor) or self._given(entry, number, posting)
        if source is _Role.EXCHANGE:
            return self._exchanged(unit, minor)
        pool = self._pool(posting.source, unit)
        if source is _Role.SINK:
            return self._returned(entry, number, minor) or self._taken(pool, minor)
        if destination is _Role.ORIGIN:
            lots = [lot for lot, _ in before]
            if isinstance(entry, GiftRefunded):
                lots = list(self.gift_lots(entry.gift, entry.part))
            return self._recalled(pool, lots, minor)
        if isinstance(entry, RestrictionVaried) and entry.gift is not None:
            # One donor's consent moves that donor's gift, not whatever came first.
            return self._own(pool, self._made_by(entry.gift), minor)
        if not before:
            return self._taken(pool, minor)
        if destination is _Role.EXCHANGE:
            return self._recalled(pool, [lot for lot, _ in before], minor)
        out = self._uncovered(entry, number, pool, minor)
        minor -= sum(n for _, n in out)
        for lot, n in before:
            n = min(n, pool.amount(lot), minor)
            if n:
                pool.remove(lot, n)
                out.append((lot, n))
                minor -= n
        return out + self._taken(pool, minor)

    def _given(self, entry: EntryBase | None, number: int, posting: Posting) -> Parcels:
        """New lots; a sheet's or batch's one per part."""
        unit, minor = posting.amount.unit, posting.amount.minor
        made = self._made.setdefault(self._index, [])
        day = self._day
        items: list[tuple[int | None, int, date]] = [(None, minor, day)]
        if isinstance(entry, GatewaySettled | GoodsReceived | GoodsGivenDirectly):
            items = [(len(made), minor, day)]  # a posting for each part
        elif isinstance(entry, CashSheetReceived):
            items = [(part, envelope.minor, day) for part, envelope in enumerate(entry.envelopes)]
        elif isinstance(entry, BalanceBrought) and entry.gifts:
            items = [(part, gift.minor, gift.received_on) for part, gift in enumerate(entry.gifts)]
        if sum(n for _, n, _ in items) != minor:  # a damaged record: the posting counts, not the parts
            items = [(None, minor, day)]
        source = _SOURCES.get(root(posting.source), "other")
        lots = [self._lot(source, part, unit, n, on, posting.destination, number) for part, n, on in items]
        made += lots
        return [(lot, lot.minor) for lot in lots]

    def _given_again(self, before: Sequence[tuple[Lot, int]], minor: int) -> Parcels:
        """A refund or reversal that is itself undone: the lots that had left come back."""
        if sum(n for _, n in before) != minor or any(self._gone.amount(lot) < n for lot, n in before):
            return []
        for lot, n in before:
            self._gone.remove(lot, n)
        return list(before)

    def _exchanged(self, unit: str, minor: int) -> Parcels:
        """Money on its way back, or goods (or another currency) that the money on its way becomes."""
        through = self._through
        if any(lot.unit == unit for lot, _ in through):
            out: Parcels = []
            rest: Parcels = []
            for lot, n in through:
                goes = min(n, minor) if lot.unit == unit else 0
                minor -= goes
                out += [(lot, goes)] if goes else []
                rest += [(lot, n - goes)] if n > goes else []
            self._through = rest
            return out
        batch = self._lot(BATCH, None, unit, minor, self._day, "exchange-purpose", 0)
        batch.backing = _Backing(self, batch, through)
        self._through = []
        return [(batch, minor)]

    def _returned(self, entry: EntryBase | None, number: int, minor: int) -> Parcels:
        """A use undone: what it holds now."""
        use = self._uses_of(entry.reversed).get(number) if isinstance(entry, Reversed) else None
        if use is None:
            return []
        parcels = [(place.lot, place.minor) for place in use.held()]
        if sum(n for _, n in parcels) != minor:
            return []
        for lot, n in parcels:
            use.remove(lot, n)
        return parcels

    def _taken(self, pool: _Pool, minor: int, to: _Holder | None = None) -> Parcels:
        """By the fund's rule, for whoever it goes `to`; what is not there is owed, as a pseudo lot of this record."""
        parcels = pool.take(minor, to if isinstance(to, _Backing) else None)
        missing = minor - sum(n for _, n in parcels)
        if missing:
            pseudo = self._lot(SHORTFALL, None, pool.unit, missing, self._day, pool.account, 0)
            pool.debts.put(pseudo, missing)
            parcels.append((pseudo, missing))
        return parcels

    def _own(self, pool: _Pool, lots: Sequence[Lot], minor: int) -> Parcels:
        """These lots as far as the pool has them, then as its rule says."""
        out: Parcels = []
        for lot in lots:
            n = min(pool.amount(lot), minor)
            if n:
                pool.remove(lot, n)
                out.append((lot, n))
                minor -= n
        return out + self._taken(pool, minor)

    def _recalled(self, pool: _Pool, lots: Sequence[Lot], minor: int) -> Parcels:
        """These lots, out of `pool` first, then from elsewhere, where the pool's next lots take their place."""
        out: Parcels = []
        for lot in lots:
            n = min(pool.amount(lot), minor)
            if n:
                pool.remove(lot, n)
                out.append((lot, n))
                minor -= n
        for lot in lots if minor else ():
            for place in self._by_rank(lot):
                n = min(place.minor, minor)
                if n and place.holder is not pool:
                    place.holder.replace(lot, n, self._taken(pool, n, place.holder))
                    out.append((lot, n))
                    minor -= n
        return _added(out + self._taken(pool, minor))

    def _by_rank(self, lot: Lot) -> list[_Place]:
        return sorted(self.places(lot), key=lambda place: (place.holder.rank, place.order))

    def _uncovered(self, entry: EntryBase | None, number: int, pool: _Pool, minor: int) -> Parcels:
        """A cover undone: the uses it had covered are short again."""
        out: Parcels = []
        covers = self._covers_of(entry.reversed).get(number, ()) if isinstance(entry, Reversed) else ()
        for cover in covers:
            # Its own lot first; if that was replaced meanwhile, what stands there now.
            for lot in [cover.lot, *(place.lot for place in cover.holder.held())]:
                n = min(cover.minor, cover.holder.amount(lot), minor)
                if not n or lot.source == SHORTFALL:
                    continue
                cover.holder.replace(lot, n, [(cover.pseudo, n)])
                pool.debts.put(cover.pseudo, n)
                out.append((lot, n))
                minor -= n
                cover = cover._replace(minor=cover.minor - n)
        return out

    # What arrives.

    def _arrive(
        self, destination: _Role, entry: EntryBase | None, number: int, posting: Posting, parcels: Parcels
    ) -> None:
        if destination is _Role.EXCHANGE:
            self._into_exchange(entry, parcels)
            return
        if destination is _Role.POOL:
            pool = self._pool(posting.destination, posting.amount.unit)
            self._follow_rule(posting)
            for lot, minor in parcels:
                rest = self._settled(pool, lot, minor, number)
                if rest:
                    pool.put(lot, rest)
        elif destination is _Role.SINK:
            facts = self._facts(entry, number, posting)
            use = _Use(self, self._index, number, facts, whole=True)
            self._uses.setdefault(self._index, {})[number] = use
            for lot, minor in parcels:
                use.put(lot, minor)
        else:
            for lot, minor in parcels:
                self._gone.put(lot, minor)

    def _into_exchange(self, entry: EntryBase | None, parcels: Parcels) -> None:
        """Money on its way into goods; a batch that goes back gives its money free."""
        for lot, minor in parcels:
            backing = lot.backing
            whole = backing is not None and isinstance(entry, Reversed) and minor == lot.minor
            if backing is None or not whole or self.places(lot):
                self._through.append((lot, minor))
                continue
            self._gone.put(lot, minor)
            seats = backing.seats
            for backer, n in _added(seats):
                backing.remove(backer, n)
            self._through += seats
            backing.seats = []

    def _settled(self, pool: _Pool, lot: Lot, minor: int, number: int) -> int:
        """A lot that enters an account which owes: it replaces pseudo lots. Returns what is left of it."""
        debts = pool.debts
        if debts.whole and not debts.lots:
            return minor
        own = min(minor, debts.amount(lot)) if debts.held() else 0
        if own:
            debts.remove(lot, own)
        minor -= own
        for owed in sorted(debts.held(), key=lambda place: place.lot.key):
            pseudo = owed.lot
            for place in self._by_rank(pseudo):
                part = min(minor, owed.minor, place.minor)
                # What was made of a batch does not stand in for what the batch was made of.
                if part and not (isinstance(place.holder, _Backing) and place.holder.is_in(lot)):
                    debts.remove(pseudo, part)
                    place.holder.replace(pseudo, part, [(lot, part)])
                    covers = self._covers.setdefault(self._index, {}).setdefault(number, [])
                    covers.append(_Cover(place.holder, pseudo, lot, part))
                    minor -= part
            # It was taken back as if it were a gift: only a damaged book has this.
            gone = min(minor, owed.minor, max(self._gone.amount(pseudo), 0))
            if gone:
                debts.remove(pseudo, gone)
                self._gone.remove(pseudo, gone)
                self._gone.put(lot, gone)
                minor -= gone
        return minor

    def _facts(self, entry: EntryBase | None, number: int, posting: Posting) -> _Facts:
        account, unit = posting.destination, posting.amount.unit
        if isinstance(entry, Reversed):
            # A reversal undone is the first use again, with its place and day.
            undone = self._undone_of(entry.reversed)
            again = None if undone is None else self._uses_of(undone[0]).get(number)
            if again is not None:
                return msgspec.structs.replace(again.facts, account=account, unit=unit)
        kind, day = ("unknown", None) if entry is None else (entry.kind, entry.money_day())
        handed = entry if isinstance(entry, Delivered | GoodsGivenDirectly) else None
        scope = None if handed is None else handed.scope
        hidden = None if handed is None else handed.hidden
        return _Facts(
            kind,
            day,
            account,
            unit,
            None if scope is None else scope.activity,
            None if scope is None else scope.commune,
            None if hidden is None else hidden.province,
        )

    def _pool(self, account: str, unit: str) -> _Pool:
        pool = self._pools.get((account, unit))
        if pool is None:
            pool = self._pools[account, unit] = _Pool(self, account, unit, whole=self._kept is None)
        return pool

    def _lot(self, source: str, part: int | None, unit: str, minor: int, day: date, account: str, number: int) -> Lot:
        # The running number tells apart the batches of one invoice, and a batch from a gift.
        lot = Lot(self._index << PER_RECORD | self._new_lots, day, part, number, source, unit, minor, account)
        self._new_lots += 1
        self._lots[lot.id] = lot
        return lot

    # By which rule.

    def is_pro_rata(self, pool: _Pool) -> bool:
        """Whether what leaves an account now is taken of all lots in proportion."""
        if not self._ruled:
            return False
        fund = self._followed(pool.account)
        return fund is not None and self._rules_of(fund).get(str(self._day.year)) == PRO_RATA

    def _followed(self, account: str) -> str | None:
        if root(account) == "fund":
            return code(account)
        if account not in self._fund_of and self._kept is not None:
            kept = self._kept.value("fund", account)
            if kept is not None:
                self._fund_of[account] = msgspec.json.decode(kept, type=str)
        return self._fund_of.get(account)

    def _follow_rule(self, posting: Posting) -> None:
        """An account that a fund with a rule of its own fills follows that rule; the first fund counts."""
        if not self._ruled or root(posting.destination) == "fund" or self._followed(posting.destination) is not None:
            return
        fund = self._followed(posting.source)
        if fund is not None and self._rules_of(fund):
            self._fund_of[posting.destination] = fund
            self._say("fund", posting.destination, fund)

    def _rules_of(self, fund: str) -> dict[str, str]:
        if fund not in self._rules:
            kept = None if self._kept is None else self._kept.value("rule", fund)
            self._rules[fund] = {} if kept is None else msgspec.json.decode(kept, type=dict[str, str])
        return self._rules[fund]

    # What was kept.

    def lots(self, ids: Iterable[int]) -> list[Lot]:
        """These lots, by number as given."""
        ids = list(ids)
        missing = [lot for lot in ids if lot not in self._lots]
        if missing and self._kept is not None:
            for row in self._kept.lots(missing):
                self._read(row)
        return [self._lots[lot] for lot in ids]

    def _read(self, row: LotRow) -> Lot:
        lot = self._lots.get(row.lot)
        if lot is None:
            lot = self._lots[row.lot] = Lot(*row, whole=False)
            if lot.source == BATCH:
                lot.backing = _Backing(self, lot, None)
        return lot

    def _made_by(self, index: int) -> Sequence[Lot]:
        """The lots that a record brought in."""
        if index not in self._made and self._kept is not None and index < self._kept.size:
            lots = [self._read(row) for row in self._kept.lots_of(index)]
            self._made[index] = [lot for lot in lots if lot.source not in (BATCH, SHORTFALL)]
        return self._made.get(index, ())

    def places(self, lot: Lot) -> list[_Place]:
        """Where a lot is, in the order it came there."""
        if not lot.whole and self._kept is not None:
            for row in self._kept.places(lot.id):
                holder = self._holder(row.holder)
                if holder not in lot.at and not holder.whole:
                    holder._known(lot, row)
            lot.whole = True
            for place in list(lot.at.values()):
                if not place.minor:
                    del lot.at[place.holder], place.holder.lots[lot]
        return sorted((place for place in lot.at.values() if place.minor and place.holder.counted), key=_order)

    def _holder(self, name: str) -> _Holder:
        what, _, rest = name.partition(" ")
        if what == "use":
            index, _, number = rest.partition("/")
            return self._uses_of(int(index))[int(number)]
        if what == "batch":
            backing = self.lots([int(rest)])[0].backing
            assert backing is not None
            return backing
        if what == "gone":
            return self._gone
        account, _, unit = rest.partition(" ")
        pool = self._pool(account, unit)
        return pool if what == "at" else pool.debts

    def kept_place(self, lot: Lot, holder: _Holder) -> PlaceRow | None:
        return None if self._kept is None else self._kept.place(lot.id, holder.name)

    def kept_at(self, holder: _Holder) -> Iterable[PlaceRow]:
        return () if self._kept is None else self._kept.held(holder.name)

    def kept_oldest(self, holder: _Holder, after: _Key | None, most: int) -> Sequence[PlaceRow]:
        return () if self._kept is None else self._kept.oldest(holder.name, after, most)

    def kept_seats(self, batch: Lot) -> Parcels:
        return self._parcels(self._value("seats", str(batch.id), list[tuple[int, int]]) or [])

    def kept_free(self, batch: Lot) -> list[Span]:
        return self._value("free", str(batch.id), list[Span]) or []

    def _value(self, what: str, key: str, as_type: type[_T]) -> _T | None:
        kept = None if self._kept is None else self._kept.value(what, key)
        return None if kept is None else msgspec.json.decode(kept, type=as_type)

    def _parcels(self, kept: Sequence[tuple[int, int]]) -> Parcels:
        return list(zip(self.lots(lot for lot, _ in kept), (n for _, n in kept), strict=True))

    def _moves_of(self, index: int) -> Mapping[int, Parcels]:
        if index not in self._moves and self._kept is not None:
            kept = self._value("moves", str(index), dict[int, list[tuple[int, int]]]) or {}
            self._moves[index] = {number: self._parcels(parcels) for number, parcels in kept.items()}
        return self._moves.get(index, {})

    def _uses_of(self, index: int) -> Mapping[int, _Use]:
        if index not in self._uses and self._kept is not None:
            kept = self._value("uses", str(index), dict[int, _Facts]) or {}
            self._uses[index] = {
                number: _Use(self, index, number, facts, whole=False) for number, facts in kept.items()
            }
        return self._uses.get(index, {})

    def _covers_of(self, index: int) -> Mapping[int, Sequence[_Cover]]:
        if index not in self._covers and self._kept is not None:
            kept = self._value("covers", str(index), dict[int, list[tuple[str, int, int, int]]]) or {}
            self._covers[index] = {number: [self._cover(*cover) for cover in said] for number, said in kept.items()}
        return self._covers.get(index, {})

    def _cover(self, holder: str, pseudo: int, lot: int, minor: int) -> _Cover:
        first, second = self.lots((pseudo, lot))
        return _Cover(self._holder(holder), first, second, minor)

    def _undone_of(self, index: int) -> tuple[int, bool] | None:
        if index not in self._undone and self._kept is not None:
            self._undone[index] = self._value("undone", str(index), tuple[int, bool])
        return self._undone.get(index)

    def reversed_by(self, index: int) -> int | None:
        """The newest reversal of a record."""
        if index not in self._reversed_by and self._kept is not None:
            self._reversed_by[index] = self._value("reversed", str(index), int)
        return self._reversed_by.get(index)

    # What is to be kept.

    def touch(self, place: _Place) -> None:
        """A place is about to change."""
        if self._touched is not None and place.was is None:
            place.was = place.said()
            self._touched.append(place)

    def touch_batch(self, what: str, backing: _Backing) -> None:
        """Seats or free numbers of a batch have changed."""
        if self._touched is not None:
            self._batches[what, backing] = None

    def next_order(self) -> int:
        """The place in line of what comes to a holder now."""
        self._arrivals += 1
        return self._index << PER_RECORD | self._arrivals

    def _say(self, what: str, key: str, value: object) -> None:
        if self._touched is not None:
            self._values.append((what, key, msgspec.json.encode(value)))

    def changes(self) -> Changes:
        """What the record folded last changed; only with `journal`."""
        assert self._touched is not None
        index = self._index
        first = index << PER_RECORD
        lots = [self._lots[first + number] for number in range(self._new_lots)]
        places: dict[tuple[int, str], PlaceRow] = {}
        for place in self._touched:
            was, place.was = place.was, None
            if was != place.said():
                row = PlaceRow(place.lot.id, place.holder.name, place.order, place.minor, place.lot.day, place.spans)
                # A place that was left and come to again in one record is two objects: the last one counts.
                places[row.lot, row.holder] = row
        self._touched = []
        if self._moves.get(index):
            moved = {n: [(lot.id, minor) for lot, minor in parcels] for n, parcels in self._moves[index].items()}
            self._say("moves", str(index), moved)
        if self._uses.get(index):
            self._say("uses", str(index), {n: use.facts for n, use in self._uses[index].items()})
        if self._covers.get(index):
            covered = {
                n: [(c.holder.name, c.pseudo.id, c.lot.id, c.minor) for c in covers]
                for n, covers in self._covers[index].items()
            }
            self._say("covers", str(index), covered)
        for what, backing in self._batches:
            said = [(lot.id, n) for lot, n in backing.seats] if what == "seats" else backing.free
            self._say(what, str(backing.batch.id), said)
        values, self._values, self._batches = self._values, [], {}
        return Changes(
            [LotRow(x.id, x.day, x.part, x.number, x.source, x.unit, x.minor, x.account) for x in lots],
            list(places.values()),
            values,
        )

    # Questions.

    def gift_lots(self, gift: int, part: int | None = None) -> tuple[Lot, ...]:
        """The lots that a record brought in, or one part of them; empty when it brought none."""
        return tuple(lot for lot in self._made_by(gift) if part is None or lot.part == part)

    def uses_of(self, gift: int, part: int | None = None) -> tuple[Used, ...]:
        """What a gift was used for, by record."""
        rows: list[Used] = []
        for lot in self.gift_lots(gift, part):
            seen: set[_Backing] = set()
            for place in self.places(lot):
                if isinstance(place.holder, _Use):
                    goods = {} if _is_money(lot) else {lot.unit: place.minor}
                    rows.append(_used(place.holder, place.minor, lot.unit, goods))
                elif isinstance(place.holder, _Backing):
                    for holder, backing, spans in place.holder.reached(seen):
                        if isinstance(holder, _Use):
                            for _, n, pieces in backing.shares(spans, lot):
                                rows.append(_used(holder, n, lot.unit, {backing.batch.unit: pieces}))
        merged: dict[tuple[int, str, str], Used] = {}
        for row in rows:
            key = (row.index, row.account, row.unit)
            old = merged.get(key)
            merged[key] = row if old is None else _both(old, row)
        rows = [_clean(merged[key]) for key in sorted(merged)]
        return tuple(row for row in rows if row.amount_minor or row.goods)

    def where_is(self, gift: int, part: int | None = None) -> tuple[Held, ...]:
        """What of a gift is not used yet, by account."""
        sums: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}

        def add(account: str, unit: str, minor: int, goods: str | None, pieces: int) -> None:
            before, counted = sums.setdefault((account, unit), (0, {}))
            if goods is not None and pieces:
                counted[goods] = counted.get(goods, 0) + pieces
            sums[account, unit] = (before + minor, counted)

        for lot in self.gift_lots(gift, part):
            seen: set[_Backing] = set()
            for place in self.places(lot):
                if isinstance(place.holder, _Pool):
                    add(place.holder.account, lot.unit, place.minor, None if _is_money(lot) else lot.unit, place.minor)
                elif isinstance(place.holder, _Backing):
                    for holder, backing, spans in place.holder.reached(seen):
                        if isinstance(holder, _Pool):
                            for _, n, pieces in backing.shares(spans, lot):
                                add(holder.account, lot.unit, n, backing.batch.unit, pieces)
        return tuple(
            Held(account, minor, unit, goods)
            for (account, unit), (minor, goods) in sorted(sums.items())
            if minor or goods
        )

    def refunded(self, gift: int, part: int | None = None) -> int:
        """How much of a gift went back: refunded, or reversed (`minor`)."""
        return sum(self._gone.amount(lot) for lot in self.gift_lots(gift, part))

    def made_of(self, index: int) -> tuple[Part, ...]:
        """The sources of what a record moved. A use and a purchase answer with what stands for them now;
        any other record with what it moved then."""
        rows: list[tuple[Lot, int, str | None, int]] = []
        uses = self._uses_of(index)
        for number, parcels in self._moves_of(index).items():
            use = uses.get(number)
            held = [(lot, n, ()) for lot, n in parcels]
            for lot, n, spans in held if use is None else [(p.lot, p.minor, p.spans) for p in use.held()]:
                if lot.backing is None:
                    if lot.index != index or lot.source == SHORTFALL:
                        rows.append((lot, n, None if _is_money(lot) else lot.unit, n))
                elif use is not None:
                    rows += [(b, minor, lot.unit, pieces) for b, minor, pieces in lot.backing.shares(spans)]
                else:
                    rows += [(b, minor, lot.unit, pieces) for b, minor, pieces in _of_so_many(lot.backing, n)]
        sums: dict[Lot, tuple[int, dict[str, int]]] = {}
        for lot, minor, unit, pieces in rows:
            before, goods = sums.get(lot, (0, {}))
            if unit is not None and pieces:
                goods[unit] = goods.get(unit, 0) + pieces
            sums[lot] = (before + minor, goods)
        return tuple(
            Part(lot.source, lot.index, lot.part, minor, lot.unit, goods)
            for lot, (minor, goods) in sorted(sums.items(), key=lambda item: item[0].key)
            if minor or goods
        )

    def rule(self, gift: int) -> str:
        """The rule by which a gift was followed, in words."""
        funds = {code(lot.account) for lot in self.gift_lots(gift) if root(lot.account) == "fund"}
        rules = [self._rules_of(fund) for fund in funds] if self._ruled else []
        years = sorted({year for said in rules for year, rule in said.items() if rule == PRO_RATA})
        return RULE if not years else _PRO_RATA_RULE.format(years=", ".join(years))


def check_exact(tracing: Tracing, balances: Mapping[tuple[str, str], int]) -> tuple[Inexact, ...]:
    """Wherever what is traced differs from the balances, or a lot from the sum of its places.

    It walks over all lots: for tests, and once at the end of an audit.
    """
    traced: dict[tuple[str, str], int] = {key: pool.total() for key, pool in tracing._pools.items()}
    for uses in tracing._uses.values():
        for use in uses.values():
            key = (use.facts.account, use.facts.unit)
            traced[key] = traced.get(key, 0) + sum(place.minor for place in use.lots.values())
    held = (_Role.POOL, _Role.SINK)
    expected = {key: minor for key, minor in balances.items() if _ROLES.get(root(key[0])) in held}
    found = [
        Inexact(*key, traced.get(key, 0), expected.get(key, 0))
        for key in sorted(traced.keys() | expected.keys())
        if traced.get(key, 0) != expected.get(key, 0)
    ]
    for lot in tracing._lots.values():
        counted = sum(place.minor for place in lot.at.values() if place.holder.counted)
        gone = tracing._gone.amount(lot)
        owed = sum(place.minor for place in lot.at.values() if not place.holder.counted) - gone
        all_of_it = owed if lot.source == SHORTFALL else lot.minor
        if counted + gone != all_of_it:
            found.append(Inexact(f"lot:{lot.source}-{lot.index}", lot.unit, counted + gone, all_of_it))
        backing = lot.backing
        if backing is not None and not gone:
            free = sum(end - start for start, end in backing.free)
            pieces = sum(place.minor for place in lot.at.values() if not isinstance(place.holder, _End))
            if free != pieces:
                found.append(Inexact(f"pieces:{lot.index}", lot.unit, free, pieces))
            seats = sum(minor for _, minor in backing.seats)
            backed = sum(place.minor for place in backing.lots.values())
            if seats != backed:
                found.append(Inexact(f"seats:{lot.index}", lot.unit, seats, backed))
    return tuple(found)


def _added(parcels: Parcels) -> Parcels:
    sums: dict[Lot, int] = {}
    for lot, n in parcels:
        sums[lot] = sums.get(lot, 0) + n
    return list(sums.items())


def _is_money(lot: Lot) -> bool:
    return lot.unit.isupper()


def _used(use: _Use, minor: int, unit: str, goods: dict[str, int]) -> Used:
    facts = use.facts
    return Used(
        use.index,
        facts.kind,
        facts.day,
        facts.account,
        code(facts.account) if root(facts.account) == "used" else None,
        facts.activity,
        facts.commune,
        facts.province,
        minor,
        unit,
        goods,
    )


def _both(one: Used, other: Used) -> Used:
    goods = {unit: one.goods.get(unit, 0) + other.goods.get(unit, 0) for unit in {**one.goods, **other.goods}}
    return msgspec.structs.replace(one, amount_minor=one.amount_minor + other.amount_minor, goods=goods)


def _clean(row: Used) -> Used:
    return msgspec.structs.replace(row, goods={unit: n for unit, n in sorted(row.goods.items()) if n})


def _of_so_many(backing: _Backing, pieces: int) -> Iterator[tuple[Lot, int, int]]:
    """(lot, minor, pieces) of so many pieces of a batch while their numbers are still open."""
    total, before = sum(t for _, t in backing.seats), 0
    for lot, t in backing.seats:
        minor = (before + t) * pieces // backing.pieces - before * pieces // backing.pieces
        inner = [(lot, minor, t)]
        if lot.backing is not None:
            both = zip(_of_so_many(lot.backing, minor), _of_so_many(lot.backing, t), strict=True)
            inner = [(leaf, n, weight) for (leaf, n, _), (_, _, weight) in both]
        for leaf, n, weight in inner:
            yield leaf, n, (before + weight) * pieces // total - before * pieces // total
            before += weight


def _cut(spans: Sequence[Span], ranges: Iterable[Span]) -> list[Span]:
    """The numbers that stand at these places of the row that `spans` are, one behind the other."""
    found: list[Span] = []
    for first, last in ranges:
        at = 0
        for start, end in spans:
            low, high = max(first - at, 0), min(last - at, end - start)
            if low < high:
                found.append((start + low, start + high))
            at += end - start
    return found


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _place(before: int, pieces: int, total: int) -> int:
    """How many of `pieces` equal steps over `total` have their middle below `before`."""
    return -((total - 2 * before * pieces) // (2 * total))


def _spread(pieces: int) -> int:
    """A step near the golden section of n without common factor: k·step mod n visits all, evenly."""
    step = max(1, pieces * 618_034 // 1_000_000)
    while gcd(step, pieces) != 1:
        step += 1
    return step


def _floor_sum(n: int, m: int, a: int, b: int) -> int:
    """Σ ⌊(a·i + b) / m⌋ for i in 0…n−1, in a number of steps like Euclid's (all arguments ≥ 0, m > 0)."""
    total = 0
    while n:
        total += n * (n - 1) // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        if top < m:
            break
        n, b, m, a = top // m, top % m, a, m
    return total
