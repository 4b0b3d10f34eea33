"""All that is known of one book's lots: at hand, or read from what an earlier fold has kept; and what is to be kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec

from ledger.accounts import Posting, code, root
from ledger.days import FIRST_DAY
from ledger.entries.book import PRO_RATA
from ledger.tracing.kept import PER_RECORD, Changes, Kept, LotRow, PlaceRow
from ledger.tracing.lots import (
    BATCH,
    SHORTFALL,
    Aside,
    Backing,
    Facts,
    Holder,
    Key,
    Lot,
    Parcels,
    Place,
    Pool,
    Use,
    by_arrival,
)
from ledger.tracing.pieces import Span

_T = TypeVar("_T")


class Cover(NamedTuple):
    """A pseudo lot replaced by a real one in a use."""

    holder: Holder
    pseudo: Lot
    lot: Lot
    minor: int


class State:
    """The lots of one book at one size.

    With `kept` it goes on from an earlier fold, of which it reads what it needs and no more. With `journal` it says
    after each record what that changed (`changes`), which is what a later fold can go on from.
    """

    def __init__(self, kept: Kept | None = None, *, journal: bool = False) -> None:
        self.size = 0 if kept is None else kept.size
        self.newest_day = FIRST_DAY if kept is None else kept.newest_day
        self._kept = kept
        self.known: dict[int, Lot] = {}
        """The lots at hand, by number."""
        self._made: dict[int, list[Lot]] = {}
        self.pools: dict[tuple[str, str], Pool] = {}
        self.uses: dict[int, dict[int, Use]] = {}
        self._moves: dict[int, dict[int, Parcels]] = {}
        self._covers: dict[int, dict[int, list[Cover]]] = {}
        self._undone: dict[int, tuple[int, bool] | None] = {}
        """Reversal → what it undoes, and whether it walks the postings from the last to the first."""
        self._reversed_by: dict[int, int | None] = {}
        self._rules: dict[str, dict[str, str]] = {}
        """Fund → year → rule, where one was set."""
        self._fund_of: dict[str, str] = {}
        """Account → the fund whose rule it follows; only of funds for which one was set."""
        self._ruled = kept is not None and kept.value("ruled", "") is not None
        self.gone = Aside(self, "gone", (9, 0, ""), whole=kept is None)
        self._through: Parcels = []
        self._index = self._new_lots = self._arrivals = 0
        self._day = self.newest_day
        # What the record being folded has changed; None where nobody keeps it.
        self._touched: list[Place] | None = [] if journal else None
        self._values: list[tuple[str, str, bytes]] = []
        self._batches: dict[tuple[str, Backing], None] = {}

    def _pool(self, account: str, unit: str) -> Pool:
        pool = self.pools.get((account, unit))
        if pool is None:
            pool = self.pools[account, unit] = Pool(self, account, unit, whole=self._kept is None)
        return pool

    def _lot(self, source: str, part: int | None, unit: str, minor: int, day: date, account: str, number: int) -> Lot:
        # The running number tells apart the batches of one invoice, and a batch from a gift.
        lot = Lot(self._index << PER_RECORD | self._new_lots, day, part, number, source, unit, minor, account)
        self._new_lots += 1
        self.known[lot.id] = lot
        return lot

    # By which rule.

    def is_pro_rata(self, account: str) -> bool:
        """Whether what leaves an account now is taken of all lots in proportion."""
        if not self._ruled:
            return False
        fund = self._followed(account)
        return fund is not None and self._rules_of(fund).get(str(self._day.year)) == PRO_RATA

    def _followed(self, account: str) -> str | None:
        if root(account) == "fund":
            return code(account)
        if account not in self._fund_of and (kept := self._value("fund", account, str)) is not None:
            self._fund_of[account] = kept
        return self._fund_of.get(account)

    def _set_rule(self, fund: str, year: int, rule: str) -> None:
        self._rules[fund] = {**self._rules_of(fund), str(year): rule}
        self._say("rule", fund, self._rules[fund])
        if not self._ruled:
            self._ruled = True
            self._say("ruled", "", True)

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
            self._rules[fund] = self._value("rule", fund, dict[str, str]) or {}
        return self._rules[fund]

    # What was kept.

    def lots(self, ids: Iterable[int]) -> list[Lot]:
        """These lots, by number as given."""
        ids = list(ids)
        missing = [lot for lot in ids if lot not in self.known]
        if missing and self._kept is not None:
            for row in self._kept.lots(missing):
                self._read(row)
        return [self.known[lot] for lot in ids]

    def _read(self, row: LotRow) -> Lot:
        lot = self.known.get(row.lot)
        if lot is None:
            lot = self.known[row.lot] = Lot(*row, whole=False)
            if lot.source == BATCH:
                lot.backing = Backing(self, lot, None)
        return lot

    def _made_by(self, index: int) -> Sequence[Lot]:
        """The lots that a record brought in."""
        if index not in self._made and self._kept is not None and index < self._kept.size:
            lots = [self._read(row) for row in self._kept.lots_of(index)]
            self._made[index] = [lot for lot in lots if lot.source not in (BATCH, SHORTFALL)]
        return self._made.get(index, ())

    def places(self, lot: Lot) -> list[Place]:
        """Where a lot is, in the order it came there."""
        if not lot.whole and self._kept is not None:
            for row in self._kept.places(lot.id):
                holder = self._holder(row.holder)
                if holder not in lot.at and not holder.whole:
                    holder.remember(lot, row)
            lot.whole = True
            for place in list(lot.at.values()):
                if not place.minor:
                    del lot.at[place.holder], place.holder.lots[lot]
        return sorted((place for place in lot.at.values() if place.minor and place.holder.counted), key=by_arrival)

    def _holder(self, name: str) -> Holder:
        what, _, rest = name.partition(" ")
        if what == "use":
            index, _, number = rest.partition("/")
            return self._uses_of(int(index))[int(number)]
        if what == "batch":
            backing = self.lots([int(rest)])[0].backing
            assert backing is not None
            return backing
        if what == "gone":
            return self.gone
        account, _, unit = rest.partition(" ")
        pool = self._pool(account, unit)
        return pool if what == "at" else pool.debts

    def kept_place(self, lot: Lot, holder: Holder) -> PlaceRow | None:
        return None if self._kept is None else self._kept.place(lot.id, holder.name)

    def kept_at(self, holder: Holder) -> Iterable[PlaceRow]:
        return () if self._kept is None else self._kept.held(holder.name)

    def kept_oldest(self, holder: Holder, after: Key | None, most: int) -> Sequence[PlaceRow]:
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

    def _uses_of(self, index: int) -> Mapping[int, Use]:
        if index not in self.uses and self._kept is not None:
            kept = self._value("uses", str(index), dict[int, Facts]) or {}
            self.uses[index] = {number: Use(self, index, number, facts, whole=False) for number, facts in kept.items()}
        return self.uses.get(index, {})

    def _covers_of(self, index: int) -> Mapping[int, Sequence[Cover]]:
        if index not in self._covers and self._kept is not None:
            kept = self._value("covers", str(index), dict[int, list[tuple[str, int, int, int]]]) or {}
            self._covers[index] = {number: [self._cover(*cover) for cover in said] for number, said in kept.items()}
        return self._covers.get(index, {})

    def _cover(self, holder: str, pseudo: int, lot: int, minor: int) -> Cover:
        first, second = self.lots((pseudo, lot))
        return Cover(self._holder(holder), first, second, minor)

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

    def touch(self, place: Place) -> None:
        """A place is about to change."""
        if self._touched is not None and place.was is None:
            place.was = place.said()
            self._touched.append(place)

    def touch_batch(self, what: str, backing: Backing) -> None:
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
        lots = [self.known[first + number] for number in range(self._new_lots)]
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
        if self.uses.get(index):
            self._say("uses", str(index), {n: use.facts for n, use in self.uses[index].items()})
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

    def gift_lots(self, gift: int, part: int | None = None) -> tuple[Lot, ...]:
        """The lots that a record brought in, or one part of them; empty when it brought none."""
        return tuple(lot for lot in self._made_by(gift) if part is None or lot.part == part)
