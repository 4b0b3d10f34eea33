"""The questions: what a gift did, where the rest of it is, what a record's money was made of."""

from datetime import date

import msgspec

from ledger.accounts import code, root
from ledger.entries.book import PRO_RATA
from ledger.tracing.lots import SHORTFALL, Backing, Lot, Pool, Use
from ledger.tracing.state import State

RULE = "Phân bổ theo quy tắc R (FIFO theo ngày), không phải quyền sở hữu — attribution by rule R, not legal title"

_PRO_RATA_RULE = (
    "Phân bổ theo quy tắc R (FIFO theo ngày; năm {years}: theo tỷ lệ), không phải quyền sở hữu — "
    "attribution by rule R (first in first out; pro rata in {years}), not legal title"
)


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


class Answers(State):
    """A state that can be asked."""

    def uses_of(self, gift: int, part: int | None = None) -> tuple[Used, ...]:
        """What a gift was used for, by record."""
        rows: list[Used] = []
        for lot in self.gift_lots(gift, part):
            seen: set[Backing] = set()
            for place in self.places(lot):
                if isinstance(place.holder, Use):
                    goods = {} if lot.is_money else {lot.unit: place.minor}
                    rows.append(_used(place.holder, place.minor, lot.unit, goods))
                elif isinstance(place.holder, Backing):
                    for holder, backing, spans in place.holder.reached(seen):
                        if isinstance(holder, Use):
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
            seen: set[Backing] = set()
            for place in self.places(lot):
                if isinstance(place.holder, Pool):
                    add(place.holder.account, lot.unit, place.minor, None if lot.is_money else lot.unit, place.minor)
                elif isinstance(place.holder, Backing):
                    for holder, backing, spans in place.holder.reached(seen):
                        if isinstance(holder, Pool):
                            for _, n, pieces in backing.shares(spans, lot):
                                add(holder.account, lot.unit, n, backing.batch.unit, pieces)
        return tuple(
            Held(account, minor, unit, goods)
            for (account, unit), (minor, goods) in sorted(sums.items())
            if minor or goods
        )

    def refunded(self, gift: int, part: int | None = None) -> int:
        """How much of a gift went back: refunded, or reversed (`minor`)."""
        return sum(self.gone.amount(lot) for lot in self.gift_lots(gift, part))

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
                        rows.append((lot, n, None if lot.is_money else lot.unit, n))
                elif use is not None:
                    rows += [(b, minor, lot.unit, pieces) for b, minor, pieces in lot.backing.shares(spans)]
                else:
                    rows += [(b, minor, lot.unit, pieces) for b, minor, pieces in lot.backing.shares_of_any(n)]
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


def _used(use: Use, minor: int, unit: str, goods: dict[str, int]) -> Used:
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
