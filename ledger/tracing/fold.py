"""The fold itself: what each record's postings do to the lots (the rules are in ledger/tracing/__init__.py)."""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import Enum

import msgspec

from ledger.accounts import Posting, root
from ledger.entries.aid import Delivered
from ledger.entries.base import EntryBase
from ledger.entries.book import BalanceBrought, TracingSet
from ledger.entries.control import Reversed
from ledger.entries.goods import GoodsGivenDirectly, GoodsReceived
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftRefunded
from ledger.entries.restrictions import RestrictionVaried
from ledger.tracing.answers import Answers
from ledger.tracing.lots import BATCH, SHORTFALL, Backing, Facts, Holder, Lot, Parcels, Place, Pool, Use, added
from ledger.tracing.state import Cover


class Role(Enum):
    ORIGIN = "origin"
    POOL = "pool"
    SINK = "sink"
    EXCHANGE = "exchange"


ROLES = {
    **dict.fromkeys(("donors", "interest", "brought", "found", "senders", "suspense", "mistaken"), Role.ORIGIN),
    **dict.fromkeys(("fund", "allocated", "ordered", "handed", "shortfall"), Role.POOL),
    **dict.fromkeys(("used", "costs", "lost"), Role.SINK),
    "exchange-purpose": Role.EXCHANGE,
}
_SOURCES = {"donors": "gift", "interest": "interest", "brought": "brought", "found": "found"}


class Tracing(Answers):
    """The lots of one book; grows record by record."""

    def apply(self, index: int, entry: EntryBase | None, postings: Sequence[Posting]) -> None:
        """One record's postings. Without an entry (a kind not known here) the newest day so far is its day."""
        self._index = index
        self.size = index + 1
        self._new_lots = self._arrivals = 0
        if isinstance(entry, Reversed):
            self._reversed_by[entry.reversed] = index
            self._say("reversed", str(entry.reversed), index)
        elif isinstance(entry, TracingSet):
            self._set_rule(entry.fund, entry.year, entry.rule)
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
            source, destination = ROLES.get(root(posting.source)), ROLES.get(root(posting.destination))
            if source is None or destination is None:
                continue
            if source is Role.ORIGIN and destination is Role.ORIGIN:
                continue
            before = () if undone is None else self._moved(undone, number)
            parcels = self._leave(source, destination, entry, number, posting, before)
            self._arrive(destination, entry, number, posting, parcels)
            # What a gift's posting moved is known from its lots: one object less for most records of a book.
            new = source is Role.ORIGIN and parcels[0][0].index == index
            if destination is not Role.EXCHANGE and not new:
                self._moves.setdefault(index, {})[number] = parcels
        for lot, minor in self._through:
            self._pool("exchange-purpose", lot.unit).put(lot, minor)
        self._through = []

    def _moved(self, index: int, number: int) -> Sequence[tuple[Lot, int]]:
        """What a posting moved, or brought in."""
        moved = self._moves_of(index).get(number)
        if moved is not None:
            return moved
        return [(lot, lot.minor) for lot in self._made_by(index) if lot.number == number]

    # What leaves a source.

    def _leave(
        self,
        source: Role,
        destination: Role,
        entry: EntryBase | None,
        number: int,
        posting: Posting,
        before: Sequence[tuple[Lot, int]],
    ) -> Parcels:
        unit, minor = posting.amount.unit, posting.amount.minor
        if source is Role.ORIGIN:
            return self._given_again(before, minor) or self._given(entry, number, posting)
        if source is Role.EXCHANGE:
            return self._exchanged(unit, minor)
        pool = self._pool(posting.source, unit)
        if source is Role.SINK:
            return self._returned(entry, number, minor) or self._taken(pool, minor)
        if destination is Role.ORIGIN:
            lots = [lot for lot, _ in before]
            if isinstance(entry, GiftRefunded):
                lots = list(self.gift_lots(entry.gift, entry.part))
            return self._recalled(pool, lots, minor)
        if isinstance(entry, RestrictionVaried) and entry.gift is not None:
            # One donor's consent moves that donor's gift, not whatever came first.
            own, missing = self._own(pool, [(lot, minor) for lot in self._made_by(entry.gift)], minor)
            return own + self._taken(pool, missing)
        if not before:
            return self._taken(pool, minor)
        if destination is Role.EXCHANGE:
            return self._recalled(pool, [lot for lot, _ in before], minor)
        out = self._uncovered(entry, number, pool, minor)
        own, missing = self._own(pool, before, minor - sum(n for _, n in out))
        return out + own + self._taken(pool, missing)

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
        if sum(n for _, n in before) != minor or any(self.gone.amount(lot) < n for lot, n in before):
            return []
        for lot, n in before:
            self.gone.remove(lot, n)
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
        batch.backing = Backing(self, batch, through)
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

    def _taken(self, pool: Pool, minor: int, to: Holder | None = None) -> Parcels:
        """By the fund's rule, for whoever it goes `to`; what is not there is owed, as a pseudo lot of this record."""
        parcels = pool.take(minor, to if isinstance(to, Backing) else None)
        missing = minor - sum(n for _, n in parcels)
        if missing:
            pseudo = self._lot(SHORTFALL, None, pool.unit, missing, self._day, pool.account, 0)
            pool.debts.put(pseudo, missing)
            parcels.append((pseudo, missing))
        return parcels

    def _own(self, pool: Pool, lots: Iterable[tuple[Lot, int]], minor: int) -> tuple[Parcels, int]:
        """Up to `minor`: so much of each of these lots, as far as the pool has it; and what is missing then."""
        out: Parcels = []
        for lot, most in lots:
            n = min(most, pool.amount(lot), minor)
            if n:
                pool.remove(lot, n)
                out.append((lot, n))
                minor -= n
        return out, minor

    def _recalled(self, pool: Pool, lots: Sequence[Lot], minor: int) -> Parcels:
        """These lots, out of `pool` first, then from elsewhere, where the pool's next lots take their place."""
        out, minor = self._own(pool, [(lot, minor) for lot in lots], minor)
        for lot in lots if minor else ():
            for place in self._by_rank(lot):
                n = min(place.minor, minor)
                if n and place.holder is not pool:
                    place.holder.replace(lot, n, self._taken(pool, n, place.holder))
                    out.append((lot, n))
                    minor -= n
        return added(out + self._taken(pool, minor))

    def _by_rank(self, lot: Lot) -> list[Place]:
        return sorted(self.places(lot), key=lambda place: (place.holder.rank, place.order))

    def _uncovered(self, entry: EntryBase | None, number: int, pool: Pool, minor: int) -> Parcels:
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
        self, destination: Role, entry: EntryBase | None, number: int, posting: Posting, parcels: Parcels
    ) -> None:
        if destination is Role.EXCHANGE:
            self._into_exchange(entry, parcels)
            return
        if destination is Role.POOL:
            pool = self._pool(posting.destination, posting.amount.unit)
            self._follow_rule(posting)
            for lot, minor in parcels:
                rest = self._settled(pool, lot, minor, number)
                if rest:
                    pool.put(lot, rest)
        elif destination is Role.SINK:
            facts = self._facts(entry, number, posting)
            use = Use(self, self._index, number, facts, whole=True)
            self.uses.setdefault(self._index, {})[number] = use
            for lot, minor in parcels:
                use.put(lot, minor)
        else:
            for lot, minor in parcels:
                self.gone.put(lot, minor)

    def _into_exchange(self, entry: EntryBase | None, parcels: Parcels) -> None:
        """Money on its way into goods; a batch that goes back gives its money free."""
        for lot, minor in parcels:
            backing = lot.backing
            whole = backing is not None and isinstance(entry, Reversed) and minor == lot.minor
            if backing is None or not whole or self.places(lot):
                self._through.append((lot, minor))
                continue
            self.gone.put(lot, minor)
            seats = backing.seats
            for backer, n in added(seats):
                backing.remove(backer, n)
            self._through += seats
            backing.seats = []

    def _settled(self, pool: Pool, lot: Lot, minor: int, number: int) -> int:
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
                if part and not (isinstance(place.holder, Backing) and place.holder.is_in(lot)):
                    debts.remove(pseudo, part)
                    place.holder.replace(pseudo, part, [(lot, part)])
                    covers = self._covers.setdefault(self._index, {}).setdefault(number, [])
                    covers.append(Cover(place.holder, pseudo, lot, part))
                    minor -= part
            # It was taken back as if it were a gift: only a damaged book has this.
            gone = min(minor, owed.minor, max(self.gone.amount(pseudo), 0))
            if gone:
                debts.remove(pseudo, gone)
                self.gone.remove(pseudo, gone)
                self.gone.put(lot, gone)
                minor -= gone
        return minor

    def _facts(self, entry: EntryBase | None, number: int, posting: Posting) -> Facts:
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
        return Facts(
            kind,
            day,
            account,
            unit,
            None if scope is None else scope.activity,
            None if scope is None else scope.commune,
            None if hidden is None else hidden.province,
        )
