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
from typing import NamedTuple

import msgspec

from ledger.accounts import Posting, code, root
from ledger.days import FIRST_DAY
from ledger.entries.aid import Delivered
from ledger.entries.base import EntryBase
from ledger.entries.book import BalanceBrought
from ledger.entries.control import Reversed
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftRefunded

RULE = "Phân bổ theo quy tắc R (FIFO theo ngày), không phải quyền sở hữu — attribution by rule R, not legal title"

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
    **dict.fromkeys(("donors", "interest", "brought", "senders", "suspense", "mistaken"), _Role.ORIGIN),
    **dict.fromkeys(("fund", "allocated", "ordered", "handed", "shortfall"), _Role.POOL),
    **dict.fromkeys(("used", "costs"), _Role.SINK),
    "exchange-purpose": _Role.EXCHANGE,
}
_SOURCES = {"donors": "gift", "interest": "interest", "brought": "brought"}
# Where a gift that is taken back leaves from, in this order.
_ORDER = {"fund": 0, "allocated": 1, "ordered": 2, "handed": 3, "shortfall": 4}
_GOODS_RANK, _USE_RANK = 6, 7

_Key = tuple[date, int, int, int]
_Rank = tuple[int, int, str]


@dataclass(slots=True, eq=False)
class Lot:
    """What one source brought in at once; `at` says where it is now, `gone` how much was taken back."""

    key: _Key
    source: str
    index: int
    part: int | None
    unit: str
    minor: int
    account: str
    """The account it entered first."""
    number: int = 0
    """Which posting of its record brought it in."""
    at: "dict[_Holder, int]" = field(default_factory=dict)
    gone: int = 0
    backing: "_Backing | None" = None


Parcels = list[tuple[Lot, int]]


class _Holder:
    """Whatever holds amounts of lots: an account, a use, the backing of a batch of goods."""

    __slots__ = ("lots", "rank")

    def __init__(self, rank: _Rank) -> None:
        self.lots: dict[Lot, int] = {}
        self.rank = rank

    def put(self, lot: Lot, minor: int) -> None:
        self.lots[lot] = lot.at[self] = self.lots.get(lot, 0) + minor

    def remove(self, lot: Lot, minor: int) -> None:
        left = self.lots[lot] - minor
        if left:
            self.lots[lot] = lot.at[self] = left
        else:
            del self.lots[lot], lot.at[self]

    def replace(self, old: Lot, minor: int, parcels: Parcels) -> None:
        """`parcels` take the place of `minor` of a lot."""
        self.remove(old, minor)
        for lot, n in parcels:
            self.put(lot, n)


class _Pool(_Holder):
    """An account and unit: lots in a heap by key, or what it owes when more was taken than there was."""

    __slots__ = ("account", "heap", "owed", "unit")

    def __init__(self, account: str, unit: str) -> None:
        super().__init__((_ORDER.get(root(account), 5), 0, account))
        self.account = account
        self.unit = unit
        self.heap: list[tuple[_Key, Lot]] = []
        self.owed: dict[Lot, int] = {}

    def put(self, lot: Lot, minor: int) -> None:
        if lot not in self.lots:
            heappush(self.heap, (lot.key, lot))
        _Holder.put(self, lot, minor)

    def take(self, minor: int) -> Parcels:
        """Up to `minor`, first in, first out. Entries of the heap whose lot has left are dropped on the way."""
        taken: Parcels = []
        lots, heap = self.lots, self.heap
        while minor and heap:
            lot = heap[0][1]
            have = lots.get(lot)
            if have is None:
                heappop(heap)
                continue
            n = have if have < minor else minor
            self.remove(lot, n)
            taken.append((lot, n))
            minor -= n
        return taken

    def total(self) -> int:
        return sum(self.lots.values()) - sum(self.owed.values())


class _Facts(msgspec.Struct, frozen=True, gc=False):
    """What the record of a use says, without persons."""

    index: int
    kind: str
    day: date | None
    activity: str | None
    commune: str | None
    province: str | None


class _Use(_Holder):
    """One posting into `used:…` or `costs:…`."""

    __slots__ = ("account", "facts", "unit")

    def __init__(self, facts: _Facts, index: int, account: str, unit: str) -> None:
        super().__init__((_USE_RANK, -index, account))
        self.facts = facts
        self.account = account
        self.unit = unit

    def put(self, lot: Lot, minor: int) -> None:
        _Holder.put(self, lot, minor)
        if lot.backing is not None:
            lot.backing.use(self, minor)

    def remove(self, lot: Lot, minor: int) -> None:
        _Holder.remove(self, lot, minor)
        if lot.backing is not None:
            lot.backing.free_again(self, minor)


_Span = tuple[int, int]  # piece numbers, the end not included


class _Backing(_Holder):
    """The money that n pieces of one invoice item were bought with, seat by seat."""

    __slots__ = ("batch", "free", "pieces", "seats", "step", "taken")

    def __init__(self, batch: Lot, parcels: Parcels) -> None:
        super().__init__((_GOODS_RANK, -batch.index, ""))
        self.batch = batch
        self.pieces = batch.minor
        self.seats: list[tuple[Lot, int]] = []
        self.free: list[_Span] = [(0, self.pieces)]
        self.taken: dict[_Use, list[_Span]] = {}
        self.step = _spread(self.pieces)
        for lot, minor in parcels:
            self.put(lot, minor)

    def put(self, lot: Lot, minor: int) -> None:
        _Holder.put(self, lot, minor)
        self.seats.append((lot, minor))

    def replace(self, old: Lot, minor: int, parcels: Parcels) -> None:
        """Newcomers sit where the old lot sat; no other seat moves."""
        self.remove(old, minor)
        waiting = list(parcels)
        seats: list[tuple[Lot, int]] = []
        for lot, t in self.seats:
            out = min(t, minor) if lot is old else 0
            minor -= out
            if t > out:
                seats.append((lot, t - out))
            while out:
                new, n = waiting[0]
                sits = min(n, out)
                seats.append((new, sits))
                _Holder.put(self, new, sits)
                out -= sits
                waiting[:1] = [(new, n - sits)] if n > sits else []
        self.seats = seats

    def use(self, use: _Use, pieces: int) -> None:
        """The lowest free numbers are used next."""
        spans = self.taken.setdefault(use, [])
        while pieces:
            start, end = self.free[0]
            n = min(end - start, pieces)
            self.free[:1] = [(start + n, end)] if start + n < end else []
            spans.append((start, start + n))
            pieces -= n

    def free_again(self, use: _Use, pieces: int) -> None:
        """A use gives numbers back, its last ones first."""
        spans = self.taken[use]
        while pieces:
            start, end = spans.pop()
            n = min(end - start, pieces)
            if start < end - n:
                spans.append((start, end - n))
            self.free.append((end - n, end))
            pieces -= n
        if not spans:
            del self.taken[use]
        self.free = _joined(self.free)

    def shares(self, spans: Sequence[_Span], only: Lot | None = None) -> Iterator[tuple[Lot, int, int]]:
        """(lot, minor, whole pieces) of these piece numbers, seat by seat."""
        n, total, before = self.pieces, sum(self.lots.values()), 0
        for lot, t in self.seats:
            if only is None or lot is only:
                low, high = _place(before, n, total), _place(before + t, n, total)
                minor = sum(t * end // n - t * start // n for start, end in spans)
                whole = sum(self._counted(start, end, low, high) for start, end in spans)
                yield lot, minor, whole
            before += t

    def _counted(self, start: int, end: int, low: int, high: int) -> int:
        """How many k in start…end−1 have (k·step mod n) in low…high−1."""
        return self._below(end, high) - self._below(end, low) - self._below(start, high) + self._below(start, low)

    def _below(self, end: int, high: int) -> int:
        n, step = self.pieces, self.step
        return _floor_sum(end, n, step, 0) - _floor_sum(end, n, step, n - high) + end

    def whereabouts(self) -> Iterator[tuple[str, list[_Span]]]:
        """The accounts that hold pieces, each with free numbers: those nearest to use come first."""
        holders = [holder for holder in self.batch.at if not isinstance(holder, _Use)]
        spans = list(self.free)
        for holder in sorted(holders, key=lambda h: (-h.rank[0], h.rank)):
            pieces, own = self.batch.at[holder], []
            while pieces:
                start, end = spans[0]
                n = min(end - start, pieces)
                own.append((start, start + n))
                spans[:1] = [(start + n, end)] if start + n < end else []
                pieces -= n
            yield holder.account if isinstance(holder, _Pool) else "exchange-purpose", own


class _Cover(NamedTuple):
    """A pseudo lot replaced by a real one in a use."""

    holder: _Holder
    pseudo: Lot
    lot: Lot
    minor: int


class Tracing:
    """The lots of one book at one size; grows record by record."""

    def __init__(self) -> None:
        self.size = 0
        self._lots: list[Lot] = []
        self._made: dict[int, list[Lot]] = {}
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._uses: dict[int, dict[int, _Use]] = {}
        self._moves: dict[int, dict[int, Parcels]] = {}
        self._covers: dict[tuple[int, int], list[_Cover]] = {}
        self._backward: dict[int, int] = {}
        """Reversal → what it undoes, for reversals that walk their postings from the last to the first."""
        self._undone: dict[int, int] = {}
        self._through: Parcels = []
        self._index = 0
        self._day = self._newest_day = FIRST_DAY

    def apply(self, index: int, entry: EntryBase | None, postings: Sequence[Posting]) -> None:
        """One record's postings. Without an entry (a kind not known here) the newest day so far is its day."""
        self._index = index
        self.size = index + 1
        if not postings:
            return
        self._day = (None if entry is None else entry.money_day()) or self._newest_day
        self._newest_day = max(self._newest_day, self._day)
        order: Iterable[tuple[int, Posting]] = enumerate(postings)
        undone: int | None = None
        if isinstance(entry, Reversed):
            undone = self._undone[index] = entry.reversed
            if undone not in self._backward:
                # Undoing goes backwards: a fee returns to its gift before the gift leaves.
                self._backward[index] = undone
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

    def _moved(self, index: int, number: int) -> Sequence[tuple[Lot, int]]:
        """What a posting moved, or brought in."""
        moved = self._moves.get(index, {}).get(number)
        if moved is not None:
            return moved
        return [(lot, lot.minor) for lot in self._made.get(index, ()) if lot.number == number]

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
                lots = self._made.get(entry.gift, [])
            return self._recalled(pool, lots, minor)
        if not before:
            return self._taken(pool, minor)
        if destination is _Role.EXCHANGE:
            return self._recalled(pool, [lot for lot, _ in before], minor)
        out = self._uncovered(entry, number, pool, minor)
        minor -= sum(n for _, n in out)
        for lot, n in before:
            n = min(n, pool.lots.get(lot, 0), minor)
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
        if isinstance(entry, GatewaySettled):
            items = [(len(made), minor, day)]
        elif isinstance(entry, CashSheetReceived):
            items = [(part, envelope.minor, day) for part, envelope in enumerate(entry.envelopes)]
        elif isinstance(entry, BalanceBrought) and entry.gifts:
            items = [(part, gift.minor, gift.received_on) for part, gift in enumerate(entry.gifts)]
        if sum(n for _, n, _ in items) != minor:  # a damaged record: the posting counts, not the parts
            items = [(None, minor, day)]
        source = _SOURCES.get(root(posting.source), "other")
        lots = [self._lot(source, part, unit, n, on, posting.destination) for part, n, on in items]
        for lot in lots:
            lot.number = number
        made += lots
        return [(lot, lot.minor) for lot in lots]

    def _given_again(self, before: Sequence[tuple[Lot, int]], minor: int) -> Parcels:
        """A refund or reversal that is itself undone: the lots that had left come back."""
        if sum(n for _, n in before) != minor or any(lot.gone < n for lot, n in before):
            return []
        for lot, n in before:
            lot.gone -= n
        return list(before)

    def _exchanged(self, unit: str, minor: int) -> Parcels:
        """Money on its way back, or goods that the money on its way becomes."""
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
        batch = self._lot(BATCH, None, unit, minor, self._day, "exchange-purpose")
        batch.backing = _Backing(batch, through)
        self._through = []
        return [(batch, minor)]

    def _returned(self, entry: EntryBase | None, number: int, minor: int) -> Parcels:
        """A use undone: what it holds now."""
        use = self._uses.get(entry.reversed, {}).get(number) if isinstance(entry, Reversed) else None
        if use is None or sum(use.lots.values()) != minor:
            return []
        parcels = list(use.lots.items())
        for lot, n in parcels:
            use.remove(lot, n)
        return parcels

    def _taken(self, pool: _Pool, minor: int) -> Parcels:
        """First in, first out; what is not there is owed, as a pseudo lot of this record."""
        parcels = pool.take(minor)
        missing = minor - sum(n for _, n in parcels)
        if missing:
            pseudo = self._lot(SHORTFALL, None, pool.unit, missing, self._day, pool.account)
            pool.owed[pseudo] = missing
            parcels.append((pseudo, missing))
        return parcels

    def _recalled(self, pool: _Pool, lots: Sequence[Lot], minor: int) -> Parcels:
        """These lots, out of `pool` first, then from elsewhere, where the pool's next lots take their place."""
        out: Parcels = []
        for lot in lots:
            n = min(pool.lots.get(lot, 0), minor)
            if n:
                pool.remove(lot, n)
                out.append((lot, n))
                minor -= n
        for lot in lots:
            for holder in sorted(lot.at, key=lambda h: h.rank):
                n = min(lot.at[holder], minor)
                if n and holder is not pool:
                    holder.replace(lot, n, self._taken(pool, n))
                    out.append((lot, n))
                    minor -= n
        return _added(out + self._taken(pool, minor))

    def _uncovered(self, entry: EntryBase | None, number: int, pool: _Pool, minor: int) -> Parcels:
        """A cover undone: the uses it had covered are short again."""
        out: Parcels = []
        covers = self._covers.get((entry.reversed, number), ()) if isinstance(entry, Reversed) else ()
        for cover in covers:
            # Its own lot first; if that was replaced meanwhile, what stands there now.
            for lot in [cover.lot, *cover.holder.lots]:
                n = min(cover.minor, cover.holder.lots.get(lot, 0), minor)
                if not n or lot.source == SHORTFALL:
                    continue
                cover.holder.replace(lot, n, [(cover.pseudo, n)])
                pool.owed[cover.pseudo] = pool.owed.get(cover.pseudo, 0) + n
                cover.pseudo.minor += n
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
            for lot, minor in parcels:
                rest = self._settled(pool, lot, minor, number) if pool.owed else minor
                if rest:
                    pool.put(lot, rest)
        elif destination is _Role.SINK:
            facts = self._facts(entry, number)
            use = _Use(facts, self._index, posting.destination, posting.amount.unit)
            self._uses.setdefault(self._index, {})[number] = use
            for lot, minor in parcels:
                use.put(lot, minor)
        else:
            for lot, minor in parcels:
                lot.gone += minor

    def _into_exchange(self, entry: EntryBase | None, parcels: Parcels) -> None:
        """Money on its way into goods; a batch that goes back gives its money free."""
        for lot, minor in parcels:
            backing = lot.backing
            if backing is None or not isinstance(entry, Reversed) or minor != lot.minor or lot.at:
                self._through.append((lot, minor))
                continue
            lot.gone += minor
            for backer, n in list(backing.lots.items()):
                backing.remove(backer, n)
            self._through += backing.seats
            backing.seats = []

    def _settled(self, pool: _Pool, lot: Lot, minor: int, number: int) -> int:
        """A lot that enters an account which owes: it replaces pseudo lots. Returns what is left of it."""
        own = min(minor, pool.owed.get(lot, 0))
        if own:
            self._forgiven(pool, lot, own)
        minor -= own
        while minor and pool.owed:
            pseudo = min(pool.owed, key=lambda p: p.key)
            n = min(minor, pool.owed[pseudo])
            self._forgiven(pool, pseudo, n)
            minor -= n
            for holder in sorted(pseudo.at, key=lambda h: h.rank):
                part = min(n, pseudo.at[holder])
                if part:
                    holder.replace(pseudo, part, [(lot, part)])
                    self._covers.setdefault((self._index, number), []).append(_Cover(holder, pseudo, lot, part))
                    n -= part
            if n:  # it was taken back as if it were a gift: only a damaged book has this
                pseudo.gone -= n
                lot.gone += n
        return minor

    @staticmethod
    def _forgiven(pool: _Pool, pseudo: Lot, minor: int) -> None:
        pseudo.minor -= minor
        pool.owed[pseudo] -= minor
        if not pool.owed[pseudo]:
            del pool.owed[pseudo]

    def _facts(self, entry: EntryBase | None, number: int) -> _Facts:
        if isinstance(entry, Reversed):
            # A reversal undone is the first use again, with its place and day.
            again = self._uses.get(self._undone.get(entry.reversed, -1), {}).get(number)
            if again is not None:
                return msgspec.structs.replace(again.facts, index=self._index)
        kind, day = ("unknown", None) if entry is None else (entry.kind, entry.money_day())
        scope = entry.scope if isinstance(entry, Delivered) else None
        hidden = entry.hidden if isinstance(entry, Delivered) else None
        return _Facts(
            self._index,
            kind,
            day,
            None if scope is None else scope.activity,
            None if scope is None else scope.commune,
            None if hidden is None else hidden.province,
        )

    def _pool(self, account: str, unit: str) -> _Pool:
        pool = self._pools.get((account, unit))
        if pool is None:
            pool = self._pools[account, unit] = _Pool(account, unit)
        return pool

    def _lot(self, source: str, part: int | None, unit: str, minor: int, day: date, account: str) -> Lot:
        # The running number tells apart the batches of one invoice, and a batch from a gift.
        key = (day, self._index, -1 if part is None else part, len(self._lots))
        lot = Lot(key, source, self._index, part, unit, minor, account)
        self._lots.append(lot)
        return lot

    # Questions.

    def gift_lots(self, gift: int, part: int | None = None) -> tuple[Lot, ...]:
        """The lots that a record brought in, or one part of them; empty when it brought none."""
        return tuple(lot for lot in self._made.get(gift, ()) if part is None or lot.part == part)

    def uses_of(self, gift: int, part: int | None = None) -> tuple[Used, ...]:
        """What a gift was used for, by record."""
        rows: list[Used] = []
        for lot in self.gift_lots(gift, part):
            for holder, minor in lot.at.items():
                if isinstance(holder, _Use):
                    goods = {} if _is_money(lot) else {lot.unit: minor}
                    rows.append(_used(holder, minor, lot.unit, goods))
                elif isinstance(holder, _Backing):
                    for use, spans in holder.taken.items():
                        for _, n, pieces in holder.shares(spans, lot):
                            rows.append(_used(use, n, lot.unit, {holder.batch.unit: pieces}))
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
            for holder, minor in lot.at.items():
                if isinstance(holder, _Pool):
                    add(holder.account, lot.unit, minor, None if _is_money(lot) else lot.unit, minor)
                elif isinstance(holder, _Backing):
                    for account, spans in holder.whereabouts():
                        for _, n, pieces in holder.shares(spans, lot):
                            add(account, lot.unit, n, holder.batch.unit, pieces)
        return tuple(
            Held(account, minor, unit, goods)
            for (account, unit), (minor, goods) in sorted(sums.items())
            if minor or goods
        )

    def refunded(self, gift: int, part: int | None = None) -> int:
        """How much of a gift went back: refunded, or reversed (`minor`)."""
        return sum(lot.gone for lot in self.gift_lots(gift, part))

    def made_of(self, index: int) -> tuple[Part, ...]:
        """The sources of what a record moved. A use and a purchase answer with what stands for them now;
        any other record with what it moved then."""
        rows: list[tuple[Lot, int, str | None, int]] = []
        uses = self._uses.get(index, {})
        for number, parcels in self._moves.get(index, {}).items():
            use = uses.get(number)
            for lot, n in parcels if use is None else use.lots.items():
                if lot.backing is None:
                    if lot.index != index or lot.source == SHORTFALL:
                        rows.append((lot, n, None if _is_money(lot) else lot.unit, n))
                elif use is not None:
                    for backer, minor, pieces in lot.backing.shares(lot.backing.taken.get(use, ())):
                        rows.append((backer, minor, lot.unit, pieces))
                else:
                    rows += [(b, minor, lot.unit, pieces) for b, minor, pieces in _pro_rata(lot.backing, n)]
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


def check_exact(tracing: Tracing, balances: Mapping[tuple[str, str], int]) -> tuple[Inexact, ...]:
    """Wherever what is traced differs from the balances, or a lot from the sum of its places.

    It walks over all lots: for tests, and once at the end of an audit.
    """
    traced: dict[tuple[str, str], int] = {key: pool.total() for key, pool in tracing._pools.items()}
    for uses in tracing._uses.values():
        for use in uses.values():
            key = (use.account, use.unit)
            traced[key] = traced.get(key, 0) + sum(use.lots.values())
    held = (_Role.POOL, _Role.SINK)
    expected = {key: minor for key, minor in balances.items() if _ROLES.get(root(key[0])) in held}
    found = [
        Inexact(*key, traced.get(key, 0), expected.get(key, 0))
        for key in sorted(traced.keys() | expected.keys())
        if traced.get(key, 0) != expected.get(key, 0)
    ]
    for lot in tracing._lots:
        somewhere = sum(lot.at.values()) + lot.gone
        if somewhere != lot.minor:
            found.append(Inexact(f"lot:{lot.source}-{lot.index}", lot.unit, somewhere, lot.minor))
        backing = lot.backing
        if backing is not None and not lot.gone:
            free = sum(end - start for start, end in backing.free)
            pieces = sum(n for holder, n in lot.at.items() if not isinstance(holder, _Use))
            if free != pieces:
                found.append(Inexact(f"pieces:{lot.index}", lot.unit, free, pieces))
            seats = sum(minor for _, minor in backing.seats)
            if seats != sum(backing.lots.values()):
                found.append(Inexact(f"seats:{lot.index}", lot.unit, seats, sum(backing.lots.values())))
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
    allocation = code(use.account) if root(use.account) == "used" else None
    return Used(
        facts.index,
        facts.kind,
        facts.day,
        use.account,
        allocation,
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


def _pro_rata(backing: _Backing, pieces: int) -> Iterator[tuple[Lot, int, int]]:
    """(lot, minor, pieces) of so many pieces of a batch while their numbers are still open."""
    total, before = sum(backing.lots.values()), 0
    for lot, t in backing.seats:
        after = before + t
        minor = after * pieces // backing.pieces - before * pieces // backing.pieces
        yield lot, minor, after * pieces // total - before * pieces // total
        before = after


def _joined(spans: list[_Span]) -> list[_Span]:
    joined: list[_Span] = []
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
