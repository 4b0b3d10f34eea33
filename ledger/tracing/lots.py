"""Lots, and whatever holds them: accounts, uses, and the batches of goods that their money became."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from heapq import heappop, heappush
from typing import ClassVar, Protocol

import msgspec

from ledger.accounts import root
from ledger.money import is_currency
from ledger.tracing.kept import PER_RECORD, PlaceRow
from ledger.tracing.pieces import Span, counted, cut, highest, joined, lowest

SHORTFALL = "shortfall"
BATCH = "batch"
# Where a gift that is taken back leaves from, in this order.
_ORDER = {"fund": 0, "allocated": 1, "ordered": 2, "handed": 3, "shortfall": 4}
_GOODS_RANK, _USE_RANK = 6, 7
_PAGE = 64

Key = tuple[date, int]
_Rank = tuple[int, int, str]


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
    at: "dict[Holder, Place]" = field(default_factory=dict)
    backing: "Backing | None" = None

    @property
    def index(self) -> int:
        """The record that brought it in."""
        return self.id >> PER_RECORD

    @property
    def key(self) -> Key:
        """First in is first out by this."""
        return self.day, self.id

    @property
    def is_money(self) -> bool:
        """Otherwise goods."""
        return is_currency(self.unit)


Parcels = list[tuple[Lot, int]]


class Fold(Protocol):
    """What a holder asks of the fold that it belongs to (ledger/tracing/state.py)."""

    def lots(self, ids: Iterable[int]) -> list[Lot]:
        """These lots, by number as given."""

    def places(self, lot: Lot) -> "list[Place]":
        """Where a lot is, in the order it came there."""

    def is_pro_rata(self, account: str) -> bool:
        """Whether what leaves an account now is taken of all lots in proportion."""

    def next_order(self) -> int:
        """The place in line of what comes to a holder now."""

    def touch(self, place: "Place") -> None:
        """A place is about to change."""

    def touch_batch(self, what: str, backing: "Backing") -> None:
        """Seats or free numbers of a batch have changed."""

    def kept_place(self, lot: Lot, holder: "Holder") -> PlaceRow | None:
        """How much of a lot was there."""

    def kept_at(self, holder: "Holder") -> Iterable[PlaceRow]:
        """All that was there."""

    def kept_oldest(self, holder: "Holder", after: Key | None, most: int) -> Sequence[PlaceRow]:
        """The next lots that were there, after that one."""

    def kept_seats(self, batch: Lot) -> Parcels:
        """The seats of a batch as they were."""

    def kept_free(self, batch: Lot) -> list[Span]:
        """The free numbers of a batch as they were."""


class Place:
    """So much of a lot at one holder; `order` is when it came there, `was` how it is kept while a record changes it."""

    __slots__ = ("holder", "lot", "minor", "order", "spans", "was")

    def __init__(self, lot: Lot, holder: "Holder", minor: int = 0, order: int = 0, spans: tuple[Span, ...] = ()):
        self.lot = lot
        self.holder = holder
        self.minor = minor
        self.order = order
        self.spans = spans
        """The piece numbers of a batch that a use, or another batch, has taken."""
        self.was: tuple[int, int, tuple[Span, ...]] | None = None

    def said(self) -> tuple[int, int, tuple[Span, ...]]:
        return self.minor, self.order, self.spans


class Holder:
    """Whatever holds amounts of lots: an account, a use, the backing of a batch of goods."""

    __slots__ = ("fold", "lots", "name", "rank", "whole")
    counted: ClassVar[bool] = True

    def __init__(self, fold: Fold, name: str, rank: _Rank, *, whole: bool) -> None:
        self.fold = fold
        self.name = name
        self.rank = rank
        self.lots: dict[Lot, Place] = {}
        self.whole = whole
        """Whether all its lots are at hand."""

    def find(self, lot: Lot) -> Place | None:
        """Its place here, as it is at hand or kept."""
        place = lot.at.get(self)
        if place is None and not lot.whole and not self.whole:
            row = self.fold.kept_place(lot, self)
            place = self.remember(lot, row)
        return place

    def remember(self, lot: Lot, row: PlaceRow | None) -> Place:
        """A place as it is kept; one that is empty is remembered too, while the lot is not whole."""
        place = Place(lot, self) if row is None else Place(lot, self, row.minor, row.place, row.spans)
        lot.at[self] = self.lots[lot] = place
        return place

    def amount(self, lot: Lot) -> int:
        place = self.find(lot)
        return 0 if place is None else place.minor

    def put(self, lot: Lot, minor: int) -> Place:
        place = self.find(lot)
        if place is None:
            place = lot.at[self] = self.lots[lot] = Place(lot, self)
        self.fold.touch(place)
        if not place.minor:
            place.order = self.fold.next_order()
        place.minor += minor
        return place

    def remove(self, lot: Lot, minor: int) -> Place:
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

    def held(self) -> list[Place]:
        """All that is here, in the order it came."""
        if not self.whole:
            rows = {row.lot: row for row in self.fold.kept_at(self)}
            for lot in self.fold.lots(rows):
                if self not in lot.at and not lot.whole:
                    self.remember(lot, rows[lot.id])
            self.whole = True
        return sorted((place for place in self.lots.values() if place.minor), key=by_arrival)


def by_arrival(place: Place) -> int:
    return place.order


class Aside(Holder):
    """What is counted but is nowhere: given back, or owed by an account to its pseudo lots."""

    __slots__ = ()
    counted: ClassVar[bool] = False


class Pool(Holder):
    """An account and unit: lots in a heap by key; `debts` is what it owes when more was taken than there was."""

    __slots__ = ("_last", "_more", "account", "debts", "heap", "unit")

    def __init__(self, fold: Fold, account: str, unit: str, *, whole: bool) -> None:
        rank = _ORDER.get(root(account), 5), 0, account
        super().__init__(fold, f"at {account} {unit}", rank, whole=whole)
        self.account = account
        self.unit = unit
        self.heap: list[tuple[Key, Lot]] = []
        self.debts = Aside(fold, f"owed {account} {unit}", rank, whole=whole)
        self._more = not whole
        self._last: Key | None = None

    def put(self, lot: Lot, minor: int) -> Place:
        place = Holder.put(self, lot, minor)
        if place.minor == minor:
            heappush(self.heap, (lot.key, lot))
        return place

    def take(self, minor: int, backing: "Backing | None" = None) -> Parcels:
        """Up to `minor`, by the rule of its fund: first in, first out, or of all in proportion; for a backing nothing
        that was itself made of it."""
        if self.fold.is_pro_rata(self.account):
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
                    self.remember(lot, by_lot[lot.id])
                if self.amount(lot):
                    heappush(heap, (lot.key, lot))

    def _take_of_all(self, minor: int, backing: "Backing | None") -> Parcels:
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


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What the record of a use says, without persons."""

    kind: str
    day: date | None
    account: str
    unit: str
    activity: str | None
    commune: str | None
    province: str | None


class End(Holder):
    """Where goods are used up, or become the backing of other goods: pieces of a batch are taken by their numbers."""

    __slots__ = ()

    def put(self, lot: Lot, minor: int) -> Place:
        place = Holder.put(self, lot, minor)
        if lot.backing is not None:
            lot.backing.use(place, minor)
        return place

    def remove(self, lot: Lot, minor: int) -> Place:
        place = Holder.remove(self, lot, minor)
        if lot.backing is not None:
            lot.backing.free_again(place, minor)
        return place


class Use(End):
    """One posting into `used:…`, `costs:…` or `lost:…`."""

    __slots__ = ("facts", "index")

    def __init__(self, fold: Fold, index: int, number: int, facts: Facts, *, whole: bool) -> None:
        super().__init__(fold, f"use {index}/{number}", (_USE_RANK, -index, facts.account), whole=whole)
        self.facts = facts
        self.index = index


class Backing(End):
    """The money that n pieces of one invoice item were bought with, seat by seat.

    Money of another currency is such a batch too: its pieces are the smallest parts of that currency.
    """

    __slots__ = ("_free", "_seats", "batch", "pieces")

    def __init__(self, fold: Fold, batch: Lot, parcels: Parcels | None) -> None:
        """Made of `parcels`, or with None as it is kept."""
        super().__init__(fold, f"batch {batch.id}", (_GOODS_RANK, -batch.index, ""), whole=parcels is not None)
        self.batch = batch
        self.pieces = batch.minor
        self._seats: Parcels | None = None if parcels is None else []
        self._free: list[Span] | None = None if parcels is None else [(0, self.pieces)]
        for lot, minor in parcels or ():
            End.put(self, lot, minor)
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
        if lot.backing is None or not self.batch.is_money:
            return False
        return lot is self.batch or any(self.is_in(inner) for inner, _ in lot.backing.seats)

    def use(self, place: Place, pieces: int) -> None:
        """The lowest free numbers are used next."""
        taken, self.free = lowest(self.free, pieces)
        place.spans = (*place.spans, *taken)

    def free_again(self, place: Place, pieces: int) -> None:
        """A use gives numbers back, its last ones first."""
        given, left = highest(place.spans, pieces)
        place.spans, self.free = tuple(left), joined([*self.free, *given])

    def shares(self, spans: Sequence[Span], only: Lot | None = None) -> Iterator[tuple[Lot, int, int]]:
        """(lot, minor, whole pieces) of these piece numbers, seat by seat; a seat that is itself a batch is that
        batch's own seats."""
        n, total, before = self.pieces, sum(t for _, t in self.seats), 0
        seen: dict[Lot, int] = {}
        for lot, t in self.seats:
            if lot.backing is None:
                if only is None or lot is only:
                    minor = sum(t * end // n - t * start // n for start, end in spans)
                    yield lot, minor, counted(spans, n, before, t, total)
                before += t
                continue
            first = seen.get(lot, 0)
            seen[lot] = first + t
            place = self.find(lot)
            numbers = () if place is None else place.spans
            sat = cut(numbers, [(first, first + t)])
            spent = cut(numbers, [(first + t * start // n, first + t * end // n) for start, end in spans])
            inner = zip(lot.backing.shares(sat), lot.backing.shares(spent), strict=True)
            for (leaf, _, weight), (_, minor, _) in inner:
                if only is None or leaf is only:
                    yield leaf, minor, counted(spans, n, before, weight, total)
                before += weight

    def shares_of_any(self, pieces: int) -> Iterator[tuple[Lot, int, int]]:
        """The same of so many pieces while their numbers are still open."""
        total, before = sum(t for _, t in self.seats), 0
        for lot, t in self.seats:
            minor = (before + t) * pieces // self.pieces - before * pieces // self.pieces
            inner = [(lot, minor, t)]
            if lot.backing is not None:
                both = zip(lot.backing.shares_of_any(minor), lot.backing.shares_of_any(t), strict=True)
                inner = [(leaf, n, weight) for (leaf, n, _), (_, _, weight) in both]
            for leaf, n, weight in inner:
                yield leaf, n, (before + weight) * pieces // total - before * pieces // total
                before += weight

    def reached(self, seen: "set[Backing]") -> "Iterator[tuple[Holder, Backing, Sequence[Span]]]":
        """Where the pieces are, here or in what they were made into, each batch once: (use or account, batch, its piece
        numbers)."""
        if self in seen:
            return
        seen.add(self)
        places = self.fold.places(self.batch)
        for place in places:
            if isinstance(place.holder, Backing):
                yield from place.holder.reached(seen)
            elif isinstance(place.holder, Use):
                yield place.holder, self, place.spans
        # Accounts hold free numbers: those nearest to use come first.
        spans = list(self.free)
        there = [place for place in places if not isinstance(place.holder, End)]
        for place in sorted(there, key=lambda p: (-p.holder.rank[0], p.holder.rank, p.order)):
            own, spans = lowest(spans, place.minor)
            yield place.holder, self, own


def added(parcels: Parcels) -> Parcels:
    """Each lot once, with all of it."""
    sums: dict[Lot, int] = {}
    for lot, n in parcels:
        sums[lot] = sums.get(lot, 0) + n
    return list(sums.items())
