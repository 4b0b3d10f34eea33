"""Goods: bought with a fund's money, kept in a store, issued and returned."""

from datetime import date
from typing import ClassVar

import msgspec

from ledger.accounts import Code, Posting, StockPlace, move
from ledger.entries.aid import check_handed, hand
from ledger.entries.base import EntryBase, Sha256, View, check_place, needed
from ledger.entries.restrictions import refuse_shortfall
from ledger.money import Amount, Currency, GoodsUnit, PositiveMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class Bought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One line of an invoice."""

    cost_minor: PositiveMinor
    goods: GoodsUnit
    quantity: PositiveMinor


class Purchased(EntryBase, frozen=True, kw_only=True):
    """Money paid to a supplier became goods of the same allocation, in a store.

    The money passes out through `exchange-…` and the goods come in through it, in each view, in the order
    of the invoice lines: money of a line, then goods of that line.
    """

    title: ClassVar = ("Mua hàng, nhập kho", "Purchased")
    day_field: ClassVar = "purchased_on"

    allocation: Code
    currency: Currency
    holder: Code
    invoice_sha256: Sha256
    items: tuple[Bought, ...]
    order: Code
    purchased_on: date
    store: StockPlace

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
        return tuple(moves)

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("handed", self.order),
            Key("place", self.store),
            *(Key("goods", item.goods) for item in self.items),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        check_handed(view, self.order, holder=self.holder, allocation=self.allocation, field="order")
        if not self.items:
            raise Rejected(Reason.MALFORMED, "nothing was bought", field="items")
        for item in self.items:
            check_place(view, self.store, item.goods)
            needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field="items")
        return ()


class GoodsIssued(EntryBase, frozen=True, kw_only=True):
    """Goods of an allocation left a store into a holder's hands."""

    title: ClassVar = ("Xuất kho", "Goods issued")
    day_field: ClassVar = "issued_on"

    allocation: Code
    amount: Amount
    holder: Code
    issue: Code
    issued_on: date
    store: StockPlace

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, f"allocated:{self.allocation}", f"handed:{self.issue}"),
            move(self.amount, self.store, f"advance:{self.holder}"),
        )

    def reads(self) -> tuple[Key, ...]:
        return (Key("allocation", self.allocation), Key("handed", self.issue), Key("place", self.store))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.store, self.amount.unit)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        return hand(view, self.issue, allocation=self.allocation, holder=self.holder, field="issue")


class GoodsReturned(EntryBase, frozen=True, kw_only=True):
    """A holder brought goods back to a store; they belong to the allocation again."""

    title: ClassVar = ("Nhập lại kho", "Goods returned")
    day_field: ClassVar = "returned_on"

    allocation: Code
    amount: Amount
    holder: Code
    issue: Code
    returned_on: date
    store: StockPlace

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, f"handed:{self.issue}", f"allocated:{self.allocation}"),
            move(self.amount, f"advance:{self.holder}", self.store),
        )

    def reads(self) -> tuple[Key, ...]:
        return (Key("handed", self.issue), Key("place", self.store))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.store, self.amount.unit)
        check_handed(view, self.issue, holder=self.holder, allocation=self.allocation, field="issue")
        return ()
