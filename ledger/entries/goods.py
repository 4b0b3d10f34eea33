"""Goods: given or bought with a fund's money, kept in a store, inspected, issued, returned, counted, written off.

Goods that expire or must be inspected are kept by lot (ledger/entries/lots.py); the fields about lots are for them
alone. The value of goods is what they were bought for, or what the council's minutes say (đồng, for all pieces of an
item); it moves nothing: ledger/worth.py follows it piece by piece (docs/decisions/0019-value-of-goods.md).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar, Literal, Self

import msgspec

from ledger.accounts import Code, Posting, StockPlace, move
from ledger.entries.aid import check_handed, hand
from ledger.entries.base import EntryBase, Person, Sha256, Title, View, check_place, needed
from ledger.entries.contracts import check_bought
from ledger.entries.groups import (
    Heads,
    HiddenScope,
    OpenScope,
    check_activity,
    check_heads,
    check_hidden_use,
    check_month,
    check_one_scope,
)
from ledger.entries.lots import (
    LotPart,
    check_issue,
    check_lot,
    check_parts,
    first_expired,
    is_tracked,
    lot_keys,
    lots_back,
    lots_in,
    lots_out,
    open_lots,
    relisted,
    whole,
)
from ledger.entries.restrictions import check_use, refuse_shortfall, swapped, tallied
from ledger.money import Amount, Currency, GoodsUnit, Minor, PositiveMinor, SignedMinor, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class Bought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One line of an invoice."""

    cost_minor: PositiveMinor
    goods: GoodsUnit
    quantity: PositiveMinor
    expires_on: date | None = None
    """The last day on which it may be handed out."""
    lot: Code | None = None


class Purchased(EntryBase, frozen=True, kw_only=True):
    """Money paid to a supplier became goods of the same allocation, in a store.

    The money passes out through `exchange-…` and the goods come in through it, in each view, in the order
    of the invoice lines: money of a line, then goods of that line.
    """

    title: ClassVar = ("Mua hàng, nhập kho", "Purchased")
    # The order that paid for it was approved; the goods are those of the same allocation.
    asks_approval: ClassVar = False
    day_field: ClassVar = "purchased_on"

    allocation: Code
    currency: Currency
    holder: Code
    invoice_sha256: Sha256
    items: tuple[Bought, ...]
    order: Code
    purchased_on: date
    store: StockPlace
    contract: Code | None = None
    """The contract of the order that paid for it."""

    def postings(self) -> tuple[Posting, ...]:
        moves: list[Posting] = []
        for item in self.items:
            cost, goods = Amount(item.cost_minor, self.currency), Amount(item.quantity, item.goods)
            moves += (
                move(cost, f"handed:{self.order}", "exchange-purpose"),
                move(goods, "exchange-purpose", f"allocated:{self.allocation}"),
                move(cost, f"advance:{self.holder}", "exchange-place"),
                move(goods, "exchange-place", self.store),
            )
        return (*moves, *lots_in(self.items))

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("handed", self.order),
            Key("place", self.store),
            *(Key("goods", item.goods) for item in self.items),
            *lot_keys(self.store, self.items),
            *(() if self.contract is None else (Key("contract", self.contract),)),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        order = check_handed(view, self.order, holder=self.holder, allocation=self.allocation, field="order")
        check_bought(view, order, self.contract)
        if not self.items:
            raise Rejected(Reason.MALFORMED, "nothing was bought", field="items")
        for item in self.items:
            check_place(view, self.store, item.goods)
            needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field="items")
        return (*open_lots(view, self.store, self.items, field="items"), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return (*_listed_again(view, self.store, self.items), *tallied(view, self.postings()))


def _listed_again(view: View, store: str, items: "tuple[Bought, ...] | tuple[Given, ...]") -> tuple[Change, ...]:
    return tuple(
        change
        for goods, parts in whole(items).items()
        for change in relisted(view, store, goods, (part.lot for part in parts))
    )


class GoodsIssued(EntryBase, frozen=True, kw_only=True):
    """Goods of an allocation left a store into a holder's hands: of fit lots, first expired first.

    `lots` is filled in by the book; whoever names others than the first expired says why.
    """

    title: ClassVar = ("Xuất kho", "Goods issued")
    day_field: ClassVar = "issued_on"

    allocation: Code
    amount: Amount
    holder: Code
    issue: Code
    issued_on: date
    store: StockPlace
    lots: tuple[LotPart, ...] | None = None
    """The lots it leaves, for goods kept by lot; filled in by the book when not said."""
    lots_why: Title | None = None
    """Why not the lots that expire first."""

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, f"allocated:{self.allocation}", f"handed:{self.issue}"),
            move(self.amount, self.store, f"advance:{self.holder}"),
            *lots_out(self.amount.unit, self.lots),
        )

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("allocation", self.allocation),
            Key("handed", self.issue),
            Key("place", self.store),
            Key("goods", self.amount.unit),
            Key("lots", f"{self.store}/{self.amount.unit}"),
            *(Key("lot", part.lot) for part in self.lots or ()),
        )

    def completed(self, view: View) -> Self:
        if self.lots is not None or not is_tracked(view, self.amount.unit):
            return self
        lots = first_expired(view, self.store, self.amount, on=self.issued_on)
        enough = sum(part.minor for part in lots) == self.amount.minor
        return msgspec.structs.replace(self, lots=lots) if enough else self

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.store, self.amount.unit)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        check_issue(view, self.store, self.amount, self.lots, on=self.issued_on, why=self.lots_why)
        lots = None if self.lots is None else {part.lot: part.minor for part in self.lots}
        more = {"lots": lots}
        return hand(view, self.issue, allocation=self.allocation, holder=self.holder, field="issue", more=more)

    def undone(self, view: View) -> tuple[Change, ...]:
        if self.lots is None:
            return ()
        return relisted(view, self.store, self.amount.unit, (part.lot for part in self.lots))


class GoodsReturned(EntryBase, frozen=True, kw_only=True):
    """A holder brought goods back to a store; they belong to the allocation again.

    Goods kept by lot come back as the lots they were issued of, into the store of those lots.
    """

    title: ClassVar = ("Nhập lại kho", "Goods returned")
    # Goods came back to the allocation that they left; to hand them out again takes a new issue.
    asks_approval: ClassVar = False
    day_field: ClassVar = "returned_on"

    allocation: Code
    amount: Amount
    holder: Code
    issue: Code
    returned_on: date
    store: StockPlace
    lots: tuple[LotPart, ...] | None = None
    """The lots that came back; exactly for goods issued by lot."""

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, f"handed:{self.issue}", f"allocated:{self.allocation}"),
            move(self.amount, f"advance:{self.holder}", self.store),
            *lots_back(self.amount.unit, self.lots),
        )

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("handed", self.issue),
            Key("place", self.store),
            Key("goods", self.amount.unit),
            *(Key("lot", part.lot) for part in self.lots or ()),
            *(() if self.lots is None else (Key("lots", f"{self.store}/{self.amount.unit}"),)),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.store, self.amount.unit)
        issue = check_handed(view, self.issue, holder=self.holder, allocation=self.allocation, field="issue")
        # What was in hands before these goods were first kept by lot comes back without one.
        if "lots" not in issue:
            if self.lots is not None:
                raise Rejected(Reason.MALFORMED, "this issue names no lots", field="lots")
            return ()
        check_parts(view, self.store, self.amount, self.lots, field="lots")
        return (
            *self._out(issue, -1),
            *relisted(view, self.store, self.amount.unit, (part.lot for part in self.lots or ())),
        )

    def undone(self, view: View) -> tuple[Change, ...]:
        if self.lots is None:
            return ()
        return self._out(needed(view, "handed", self.issue, Reason.NO_SUCH_ORDER, field="issue"), 1)

    def redone(self, view: View) -> tuple[Change, ...]:
        if self.lots is None:
            return ()
        issue = needed(view, "handed", self.issue, Reason.NO_SUCH_ORDER, field="issue")
        return (
            *self._out(issue, -1),
            *relisted(view, self.store, self.amount.unit, (part.lot for part in self.lots)),
        )

    def _out(self, issue: dict[str, Any], sign: int) -> tuple[Change, ...]:
        """What is out of each lot under this issue, after these parts came back (−1) or went out again (1).

        Raises Rejected(PARTS_DIFFER) for more of a lot than is out.
        """
        out = dict(issue["lots"])
        for number, part in enumerate(self.lots or ()):
            out[part.lot] = out.get(part.lot, 0) + sign * part.minor
            if out[part.lot] < 0:
                raise Rejected(Reason.PARTS_DIFFER, "more than was issued of it", field=f"lots[{number}].minor")
        return (Change("handed", self.issue, {**issue, "lots": out}),)


class GoodsInspected(EntryBase, frozen=True, kw_only=True):
    """A lot was inspected; from now on it may be issued, or may not. The last inspection counts."""

    title: ClassVar = ("Kiểm nhận lô hàng", "Goods inspected")
    day_field: ClassVar = "inspected_on"

    inspected_on: date
    lot: Code
    """The lot inspected."""
    minutes_sha256: Sha256
    """Of the minutes of the inspection (biên bản kiểm nhận)."""
    passed: bool
    """Whether it may be handed out."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("lot", self.lot),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "lot", self.lot, Reason.NO_SUCH_LOT, field="lot")
        return (Change("lot", self.lot, {**row, "state": "good" if self.passed else "failed"}),)


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One item of a gift in kind."""

    goods: GoodsUnit
    quantity: PositiveMinor
    expires_on: date | None = None
    """The last day on which it may be handed out."""
    lot: Code | None = None
    value_minor: PositiveMinor | None = None
    """What all of it is worth, by the council's minutes (đồng); absent: not valued («chưa định giá»)."""


def _check_given(view: View, items: tuple[Given, ...], valuation: str | None) -> None:
    if not items:
        raise Rejected(Reason.MALFORMED, "nothing was given", field="items")
    for number, item in enumerate(items):
        needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field=f"items[{number}].goods")
    if (valuation is None) != all(item.value_minor is None for item in items):
        raise Rejected(Reason.MALFORMED, "a value goes with the council's minutes", field="valuation_sha256")


class GoodsReceived(EntryBase, frozen=True, kw_only=True):
    """A gift in kind reached a store, without an invoice. It belongs to a fund and is allocated like money."""

    title: ClassVar = ("Tiếp nhận hiện vật", "Goods received")
    fact: ClassVar = True
    day_field: ClassVar = "received_on"

    donor: Person
    fund: Code
    items: tuple[Given, ...]
    received_on: date
    store: StockPlace
    valuation_sha256: Sha256 | None = None
    """Of the minutes of the council that valued them (biên bản định giá); exactly when an item has a value."""

    def postings(self) -> tuple[Posting, ...]:
        moves: list[Posting] = []
        for item in self.items:
            goods = Amount(item.quantity, item.goods)
            moves += (move(goods, "donors", f"fund:{self.fund}"), move(goods, "outside", self.store))
        return (*moves, *lots_in(self.items))

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("fund", self.fund),
            Key("place", self.store),
            *(Key("goods", item.goods) for item in self.items),
            *lot_keys(self.store, self.items),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        for item in self.items:
            check_place(view, self.store, item.goods)
        _check_given(view, self.items, self.valuation_sha256)
        return open_lots(view, self.store, self.items, field="items")

    def redone(self, view: View) -> tuple[Change, ...]:
        return _listed_again(view, self.store, self.items)


class GoodsGivenDirectly(EntryBase, frozen=True, kw_only=True):
    """A donor's goods were handed straight to a school or hospital: received and delivered in one entry.

    They never lay in a store of ours. The entry is its own allocation, whose code nobody has used before. What a
    school is called stands nowhere: commune and heads are open for at least k children, else all but the province
    lies in the vault and the day is the first of its month.
    """

    title: ClassVar = ("Hiện vật trao thẳng", "Goods given directly")
    fact: ClassVar = True
    day_field: ClassVar = "given_on"

    allocation: Code
    donor: Person
    evidence_sha256: Sha256
    """Of the minutes of the handing over (biên bản giao nhận)."""
    fund: Code
    given_on: date
    items: tuple[Given, ...]
    hidden: HiddenScope | None = None
    inspection_sha256: Sha256 | None = None
    """Of the minutes of the inspection; needed for goods that must be inspected."""
    scope: OpenScope | None = None
    valuation_sha256: Sha256 | None = None
    """Of the minutes of the council that valued them; exactly when an item has a value."""

    def postings(self) -> tuple[Posting, ...]:
        return tuple(
            move(Amount(item.quantity, item.goods), "donors", f"used:{self.allocation}") for item in self.items
        )

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("allocation", self.allocation),
            Key("fund", self.fund),
            Key("book", "opened"),
            *(Key("goods", item.goods) for item in self.items),
        )
        if self.scope is None:
            return keys
        return (*keys, Key("commune", self.scope.commune), Key("activity", self.scope.activity))

    def persons(self) -> Iterator[Person]:
        yield self.donor
        if self.hidden is not None:
            yield self.hidden.detail

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("allocation", self.allocation) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="allocation", code=self.allocation)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_one_scope(self.scope, self.hidden)
        if self.scope is None:
            check_month(self.given_on, field="given_on")
            check_hidden_use(view, fund, on=self.given_on)
        else:
            check_heads(view, self.scope.heads, field="scope.heads")
            needed(view, "commune", self.scope.commune, Reason.NO_SUCH_COMMUNE, field="scope.commune")
            check_activity(view, self.scope.activity, field="scope.activity")
            check_use(fund, view, activity=self.scope.activity, communes=(self.scope.commune,), on=self.given_on)
        _check_given(view, self.items, self.valuation_sha256)
        for number, item in enumerate(self.items):
            self._check_fit(view, item, f"items[{number}]")
        value = {
            "activity": None if self.scope is None else self.scope.activity,
            "communes": [] if self.scope is None else [self.scope.commune],
            "fund": self.fund,
            "index": view.index,
        }
        if self.hidden is not None:
            value["hidden"] = True
        return (Change("allocation", self.allocation, value),)

    def _check_fit(self, view: View, item: Given, field: str) -> None:
        goods = needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field=field)
        if item.lot is not None:
            raise Rejected(Reason.MALFORMED, "it lay in no store, so it has no lot", field=f"{field}.lot")
        if goods.get("expires") and item.expires_on is None:
            raise Rejected(Reason.MALFORMED, "these goods expire: say when", field=f"{field}.expires_on")
        if item.expires_on is not None and item.expires_on < self.given_on:
            raise Rejected(Reason.LOT_NOT_FIT, "expired", field=f"{field}.expires_on")
        if goods.get("inspected") and self.inspection_sha256 is None:
            raise Rejected(Reason.LOT_NOT_FIT, "not inspected", field="inspection_sha256")


class Counted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One kind of goods, or one lot of it, as counted in a store."""

    counted: Minor
    goods: GoodsUnit
    booked: SignedMinor | None = None
    """What the book says lies there; filled in by the book."""
    lot: Code | None = None


def count_key(store: str, goods: str, lot: str | None) -> str:
    """The register row `count` of goods, or of one lot of them, in a store."""
    return f"{store}/{goods}" if lot is None else f"{store}/{goods}/{lot}"


class StockCounted(EntryBase, frozen=True, kw_only=True):
    """A store was counted. A difference stays open until it is written off or taken in as found."""

    title: ClassVar = ("Kiểm kê kho", "Stock counted")
    fact: ClassVar = True
    day_field: ClassVar = "counted_on"

    counted_on: date
    items: tuple[Counted, ...]
    minutes_sha256: Sha256
    """Of the minutes of the count (biên bản kiểm kê)."""
    store: StockPlace

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("place", self.store),
            *(Key("goods", item.goods) for item in self.items),
            *(Key("lot", item.lot) for item in self.items if item.lot is not None),
        )

    def completed(self, view: View) -> Self:
        items = tuple(
            msgspec.structs.replace(
                item,
                booked=view.balance(self.store if item.lot is None else f"lot:{item.lot}", item.goods),
            )
            for item in self.items
        )
        return msgspec.structs.replace(self, items=items)

    def changes(self, view: View) -> tuple[Change, ...]:
        if not self.items:
            raise Rejected(Reason.MALFORMED, "nothing was counted", field="items")
        rows: dict[str, Change] = {}
        for number, item in enumerate(self.items):
            field = f"items[{number}]"
            check_place(view, self.store, item.goods)
            needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field=f"{field}.goods")
            if is_tracked(view, item.goods) != (item.lot is not None):
                raise Rejected(Reason.MALFORMED, "goods kept by lot are counted by lot", field=f"{field}.lot")
            if item.lot is not None:
                check_lot(view, item.lot, store=self.store, goods=item.goods, field=f"{field}.lot")
            key = count_key(self.store, item.goods, item.lot)
            if key in rows:
                raise Rejected(Reason.MALFORMED, "counted twice", field=field)
            difference = item.counted - (item.booked or 0)
            rows[key] = Change("count", key, {"difference": difference, "index": view.index})
        return tuple(rows.values())


def _counted(
    view: View, store: str, unit: str, parts: tuple[LotPart, ...] | None, minor: int, sign: int
) -> tuple[Change, ...]:
    """The differences of counts after the book has so much more (1) or less (−1) than when it was counted."""
    changes: list[Change] = []
    said = [(None, minor)] if parts is None else [(part.lot, part.minor) for part in parts]
    for lot, n in said:
        key = count_key(store, unit, lot)
        row = view.register("count", key)
        if row is not None:
            changes.append(Change("count", key, {**row, "difference": row["difference"] - sign * n}))
    return tuple(changes)


def _difference(view: View, store: str, unit: str, lot: str | None) -> int:
    row = view.register("count", count_key(store, unit, lot))
    return 0 if row is None else int(row["difference"])


class StockWrittenOff(EntryBase, frozen=True, kw_only=True):
    """Goods of a fund or allocation are no more. Two persons decide it.

    `lost` is what a count found missing, and no more than that; the other reasons need no count.
    """

    title: ClassVar = ("Xử lý hao hụt, hủy hàng", "Stock written off")
    two_persons: ClassVar = True
    day_field: ClassVar = "written_off_on"

    amount: Amount
    minutes_sha256: Sha256
    store: StockPlace
    why: Literal["broken", "expired", "lost", "stolen"]
    written_off_on: date
    allocation: Code | None = None
    fund: Code | None = None
    """Whose goods they were: either an allocation's, or a fund's that were not allocated yet."""
    lots: tuple[LotPart, ...] | None = None
    """The lots they were of, for goods kept by lot."""

    def postings(self) -> tuple[Posting, ...]:
        code = self.fund if self.allocation is None else self.allocation
        source = f"fund:{self.fund}" if self.allocation is None else f"allocated:{self.allocation}"
        return (
            move(self.amount, source, f"lost:{code}"),
            move(self.amount, self.store, "outside"),
            *lots_out(self.amount.unit, self.lots),
        )

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("place", self.store),
            Key("goods", self.amount.unit),
            *(Key("lot", part.lot) for part in self.lots or ()),
            *(Key("count", count_key(self.store, self.amount.unit, lot)) for lot, _ in self._lots()),
            *(() if self.allocation is None else (Key("allocation", self.allocation),)),
            *(() if self.fund is None else (Key("fund", self.fund),)),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        if (self.allocation is None) == (self.fund is None):
            raise Rejected(Reason.MALFORMED, "goods are of an allocation or of a fund", field="allocation")
        if self.allocation is not None:
            needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        if self.fund is not None:
            needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "only goods are written off", field="amount")
        check_place(view, self.store, self.amount.unit)
        check_parts(view, self.store, self.amount, self.lots, field="lots")
        for number, part in enumerate(self.lots or ()):
            row = needed(view, "lot", part.lot, Reason.NO_SUCH_LOT, field=f"lots[{number}].lot")
            day = row.get("expires_on")
            if self.why == "expired" and (day is None or day >= self.written_off_on.isoformat()):
                raise Rejected(Reason.MALFORMED, "this lot has not expired", field=f"lots[{number}].lot")
        if self.why == "lost":
            for lot, minor in self._lots():
                missing = max(-_difference(view, self.store, self.amount.unit, lot), 0)
                if minor > missing:
                    raise Rejected(
                        Reason.PARTS_DIFFER, "more than a count missed", field="amount", missing_minor=missing
                    )
        return self._missing(view, -1)

    def _lots(self) -> tuple[tuple[str | None, int], ...]:
        if self.lots is None:
            return ((None, self.amount.minor),)
        return tuple((part.lot, part.minor) for part in self.lots)

    def _missing(self, view: View, sign: int) -> tuple[Change, ...]:
        if self.why != "lost":
            return ()
        return _counted(view, self.store, self.amount.unit, self.lots, self.amount.minor, sign)

    def undone(self, view: View) -> tuple[Change, ...]:
        lots = (part.lot for part in self.lots or ())
        listed = () if self.lots is None else relisted(view, self.store, self.amount.unit, lots)
        return (*self._missing(view, 1), *listed)

    def redone(self, view: View) -> tuple[Change, ...]:
        return self._missing(view, -1)


class StockFound(EntryBase, frozen=True, kw_only=True):
    """What a count found beyond the book is taken into a fund; never more than the count's surplus."""

    title: ClassVar = ("Nhập hàng thừa khi kiểm kê", "Surplus of a count taken in")
    day_field: ClassVar = "found_on"

    amount: Amount
    found_on: date
    fund: Code
    minutes_sha256: Sha256
    store: StockPlace
    lot: Code | None = None
    """The lot they are of, for goods kept by lot."""

    def _parts(self) -> tuple[LotPart, ...] | None:
        return None if self.lot is None else (LotPart(self.lot, self.amount.minor),)

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, "found", f"fund:{self.fund}"),
            move(self.amount, "outside", self.store),
            *lots_back(self.amount.unit, self._parts()),
        )

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("place", self.store),
            Key("fund", self.fund),
            Key("goods", self.amount.unit),
            Key("count", count_key(self.store, self.amount.unit, self.lot)),
        )
        if self.lot is None:
            return keys
        return (*keys, Key("lot", self.lot), Key("lots", f"{self.store}/{self.amount.unit}"))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.store, self.amount.unit)
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_parts(view, self.store, self.amount, self._parts(), field="lot")
        surplus = max(_difference(view, self.store, self.amount.unit, self.lot), 0)
        if self.amount.minor > surplus:
            raise Rejected(Reason.PARTS_DIFFER, "more than a count found", field="amount", surplus_minor=surplus)
        return self._taken_in(view)

    def _taken_in(self, view: View) -> tuple[Change, ...]:
        listed = () if self.lot is None else relisted(view, self.store, self.amount.unit, (self.lot,))
        return (*_counted(view, self.store, self.amount.unit, self._parts(), self.amount.minor, 1), *listed)

    def undone(self, view: View) -> tuple[Change, ...]:
        return _counted(view, self.store, self.amount.unit, self._parts(), self.amount.minor, -1)

    def redone(self, view: View) -> tuple[Change, ...]:
        return self._taken_in(view)


class DemandListed(EntryBase, frozen=True, kw_only=True):
    """How many children wait for what size of something, by age and gender (R10).

    A record names no age: the cells lie in the vault as `cells`, one text of `ages gender size heads`, as in
    `6-8 boy 120 14; 9-11 girl - 6` (`boy`, `girl` or `any`; `-` where there is no size).
    """

    title: ClassVar = ("Nhu cầu theo tuổi, giới tính, cỡ", "Demand listed")
    day_field: ClassVar = "listed_on"

    activity: Code
    cells: Person
    """Not somebody but the cells of the matrix, sealed like somebody's particulars."""
    demand: Code
    """Code of the list."""
    list_sha256: Sha256
    """Of the list it was counted from."""
    listed_on: date
    programme: Code
    total: Heads
    """Children of all cells: at least k. Fewer are a need of their own (`need_surveyed`)."""

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("demand", self.demand),
            Key("programme", self.programme),
            Key("activity", self.activity),
            Key("book", "opened"),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("demand", self.demand) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="demand", code=self.demand)
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        check_activity(view, self.activity, field="activity")
        check_heads(view, self.total, field="total")
        return (Change("demand", self.demand, {"activity": self.activity, "index": view.index}),)
