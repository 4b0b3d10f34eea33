"""Every đồng of every gift can be followed: worked examples by hand, then random books, exact at every index."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.accounts import Posting, is_held, root
from ledger.entries.aid import (
    Allocated,
    Delivered,
    HiddenScope,
    MoneyAdvanced,
    MoneyReturned,
    OpenScope,
    Payee,
    PaymentBounced,
    PaymentOrdered,
)
from ledger.entries.bank import BankFeeCharged, CurrencyExchanged, InterestReceived
from ledger.entries.base import EntryBase, Person, Shortfall
from ledger.entries.book import BalanceBrought, OpenGift, TracingSet
from ledger.entries.control import Reversed
from ledger.entries.costs import ManagementSpent
from ledger.entries.goods import (
    Bought,
    Given,
    GoodsGivenDirectly,
    GoodsIssued,
    GoodsReceived,
    GoodsReturned,
    Purchased,
    StockFound,
    StockWrittenOff,
)
from ledger.entries.receipts import (
    CashSheetReceived,
    Envelope,
    GatewayGift,
    GatewaySettled,
    GiftReceived,
    GiftRefunded,
)
from ledger.entries.restrictions import RestrictionVaried, ShortfallCovered
from ledger.money import Amount, dong
from ledger.replay import may_not_be_negative
from ledger.tracing import RULE, Held, Part, Tracing, Used, check_exact

DAY = date(2026, 9, 1)
SHA = "5e" * 32
TAG = "0f" * 16
NOBODY = Person(seals=(), tag=TAG)
BANK = "bank:VCB"
MILK = "sua-hop-180ml"
COAT = "ao-am-6-8t"


def on(day: int) -> date:
    """The day so many days after the first."""
    return DAY + timedelta(days=day)


@dataclass
class Ledger:
    """A plain dictionary of balances beside the fold under test."""

    tracing: Tracing = field(default_factory=Tracing)
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    entries: list[EntryBase] = field(default_factory=list)

    def say(self, entry: EntryBase) -> int:
        """Folds one entry and holds every account and lot against the dictionary; its index."""
        postings = entry.postings()
        for posting in postings:
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                self.balances[key] = self.balances.get(key, 0) + sign * posting.amount.minor
        index = len(self.entries)
        self.entries.append(entry)
        self.tracing.apply(index, entry, postings)
        assert check_exact(self.tracing, self.balances) == ()
        for gift in range(index + 1):
            self.check_gift(gift)
        return index

    def check_gift(self, gift: int) -> None:
        """Σ uses + held + refunded = amount."""
        lots = self.tracing.gift_lots(gift)
        uses = sum(use.amount_minor for use in self.tracing.uses_of(gift))
        held = sum(place.minor for place in self.tracing.where_is(gift))
        assert uses + held + self.tracing.refunded(gift) == sum(lot.minor for lot in lots)

    def may(self, entry: EntryBase) -> bool:
        """Whether a decision leaves every held account whole (as `replay.refuse_overdraft` asks)."""
        moved: dict[tuple[str, str], int] = {}
        for posting in entry.postings():
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                moved[key] = moved.get(key, self.balances.get(key, 0)) + sign * posting.amount.minor
        return all(
            after >= 0 or not may_not_be_negative(key[0]) or after >= self.balances.get(key, 0)
            for key, after in moved.items()
        )

    def uses(self, gift: int, part: int | None = None) -> list[tuple[int, int]]:
        """(record, minor) of a gift's uses."""
        return [(use.index, use.amount_minor) for use in self.tracing.uses_of(gift, part)]

    def held(self, gift: int, part: int | None = None) -> dict[str, int]:
        """account → minor of what is left of a gift."""
        return {place.account: place.minor for place in self.tracing.where_is(gift, part)}

    def made_of(self, index: int) -> list[tuple[int, int]]:
        """(gift, minor) of what a record is made of."""
        return [(part.index, part.minor) for part in self.tracing.made_of(index)]

    # Short ways to say things.

    def gift(self, minor: int, day: int = 0, fund: str = "sua") -> int:
        return self.say(
            GiftReceived(place=BANK, parts=(), amount=dong(minor), donor=NOBODY, fund=fund, received_on=on(day))
        )

    def allocate(self, minor: int, allocation: str = "PB1", fund: str = "sua", unit: str = "VND") -> int:
        return self.say(
            Allocated(
                activity="SUA",
                allocated_on=DAY,
                allocation=allocation,
                amount=Amount(minor, unit),
                communes=(),
                decision_sha256=SHA,
                fund=fund,
            )
        )

    def order(self, minor: int, order: str = "LC1", allocation: str = "PB1") -> int:
        payee = Payee(holder="XA", payee_kind="supplier")
        return self.say(
            PaymentOrdered(
                allocation=allocation,
                amount=dong(minor),
                order=order,
                ordered_on=DAY,
                payee=payee,
                place=BANK,
            )
        )

    def advance(self, minor: int, order: str = "LC1") -> int:
        return self.say(MoneyAdvanced(place=BANK, parts=(), amount=dong(minor), holder="XA", order=order, paid_on=DAY))

    def hand(self, minor: int, order: str = "LC1", allocation: str = "PB1") -> int:
        """Ordered and paid."""
        self.order(minor, order, allocation)
        return self.advance(minor, order)

    def buy(self, *items: tuple[int, str, int], order: str = "LC1", allocation: str = "PB1") -> int:
        bought = tuple(Bought(cost_minor=cost, goods=goods, quantity=n) for cost, goods, n in items)
        return self.say(
            Purchased(
                allocation=allocation,
                currency="VND",
                holder="XA",
                invoice_sha256=SHA,
                items=bought,
                order=order,
                purchased_on=DAY,
                store="stock:KHO",
            )
        )

    def issue(self, pieces: int, issue: str = "XK1", goods: str = MILK, allocation: str = "PB1") -> int:
        return self.say(
            GoodsIssued(
                allocation=allocation,
                amount=Amount(pieces, goods),
                holder="XA",
                issue=issue,
                issued_on=DAY,
                store="stock:KHO",
            )
        )

    def deliver(
        self, minor: int, handed: str = "LC1", unit: str = "VND", allocation: str = "PB1", short: int = 0
    ) -> int:
        return self.say(
            Delivered(
                allocation=allocation,
                amount=Amount(minor, unit),
                delivered_on=DAY,
                fund="sua",
                handed=handed,
                holder="XA",
                scope=OpenScope(activity="SUA", commune="11500@2019-01-01", heads=20),
                shortfall=Shortfall("sua", short) if short else None,
            )
        )

    def give_back(self, minor: int, order: str = "LC1") -> int:
        return self.say(
            MoneyReturned(
                place=BANK,
                parts=(),
                allocation="PB1",
                amount=dong(minor),
                holder="XA",
                order=order,
                returned_on=DAY,
            )
        )

    def spend(self, minor: int, fund: str = "sua") -> int:
        return self.say(ManagementSpent(place=BANK, parts=(), amount=dong(minor), fund=fund, spent_on=DAY, what="Giấy"))

    def fee(self, minor: int, short: int = 0, fund: str = "sua") -> int:
        missing = Shortfall(fund, short) if short else None
        return self.say(
            BankFeeCharged(place=BANK, parts=(), amount=dong(minor), charged_on=DAY, fund=fund, shortfall=missing)
        )

    def cover(self, minor: int, from_fund: str = "sua") -> int:
        return self.say(ShortfallCovered(fund="sua", amount=dong(minor), from_fund=from_fund))

    def refund(self, gift: int, minor: int, fund: str = "sua") -> int:
        return self.say(GiftRefunded(place=BANK, parts=(), amount=dong(minor), fund=fund, gift=gift, refunded_on=DAY))

    def reversal(self, index: int) -> Reversed:
        return Reversed(
            leaf=SHA,
            reversed=index,
            reversed_on=DAY,
            undone_postings=self.entries[index].postings(),
            why="Nhập nhầm",
        )

    def reverse(self, index: int) -> int:
        entry = self.reversal(index)
        assert self.may(entry), "a book would refuse this reversal"
        return self.say(entry)


@pytest.fixture
def book() -> Ledger:
    return Ledger()


def test_a_gift_is_followed_to_the_commune(book: Ledger) -> None:
    """Lost without it: the one sentence a donor wants."""
    gift = book.gift(1_000_000)
    book.allocate(900_000)
    book.hand(600_000)
    bought = book.buy((600_000, MILK, 100))
    book.issue(40)
    delivery = book.deliver(30, "XK1", MILK)
    # 100 cartons for 600,000 ₫: 30 delivered stand for 180,000 ₫; 10 issued 60,000 ₫; 60 in store 360,000 ₫.
    assert book.tracing.uses_of(gift) == (
        Used(
            index=delivery,
            kind="delivered",
            day=DAY,
            account="used:PB1",
            allocation="PB1",
            activity="SUA",
            commune="11500@2019-01-01",
            province=None,
            amount_minor=180_000,
            unit="VND",
            goods={MILK: 30},
        ),
    )
    # allocated:PB1 holds 300,000 ₫ of money beside the 60 cartons.
    assert book.tracing.where_is(gift) == (
        Held("allocated:PB1", 660_000, "VND", {MILK: 60}),
        Held("fund:sua", 100_000, "VND", {}),
        Held("handed:XK1", 60_000, "VND", {MILK: 10}),
    )
    assert book.tracing.made_of(delivery) == (Part("gift", gift, None, 180_000, "VND", {MILK: 30}),)
    assert book.tracing.made_of(bought) == (Part("gift", gift, None, 600_000, "VND", {MILK: 100}),)


def test_two_gifts_in_one_pool_are_used_by_day_then_index(book: Ledger) -> None:
    late = book.gift(100, day=5)
    early = book.gift(60, day=2)
    same = book.gift(70, day=2)
    # By day: 60 of `early`, then 70 of `same` (same day, later index), then `late`.
    allocated = book.allocate(150)
    assert book.made_of(allocated) == [(early, 60), (same, 70), (late, 20)]
    book.hand(100)
    delivery = book.deliver(80)
    assert book.made_of(delivery) == [(early, 60), (same, 20)]
    assert book.held(late) == {"fund:sua": 80, "allocated:PB1": 20}
    assert book.held(same) == {"allocated:PB1": 30, "handed:LC1": 20}


def test_three_cartons_for_100_000_dong(book: Ledger) -> None:
    """⌊100000·1/3⌋ = 33,333; ⌊100000·2/3⌋ = 66,666; so 33,333 + 33,333 + 33,334."""
    gift = book.gift(100_000)
    book.allocate(100_000)
    book.hand(100_000)
    book.buy((100_000, MILK, 3))
    book.issue(3)
    assert book.held(gift) == {"handed:XK1": 100_000}
    uses = [book.deliver(1, "XK1", MILK) for _ in range(3)]
    assert book.uses(gift) == list(zip(uses, (33_333, 33_333, 33_334), strict=True))
    assert book.held(gift) == {}


def test_rounding_after_a_reversed_use(book: Ledger) -> None:
    """Carton numbers are fixed: the freed first carton is used again for what it stood for."""
    gift = book.gift(100_000)
    book.allocate(100_000)
    book.hand(100_000)
    book.buy((100_000, MILK, 3))
    book.issue(3)
    first, second = book.deliver(1, "XK1", MILK), book.deliver(1, "XK1", MILK)
    book.reverse(first)
    assert book.uses(gift) == [(second, 33_333)]
    # Cartons 0 and 2 are free: ⌊100000/3⌋ + (100000 − 66666) = 33,333 + 33,334.
    last = book.deliver(2, "XK1", MILK)
    assert book.uses(gift) == [(second, 33_333), (last, 66_667)]


def test_goods_of_many_gifts_share_money_and_whole_pieces(book: Ledger) -> None:
    """No piece is counted twice and none is lost, in each delivery and over all of them."""
    gifts = [book.gift(minor) for minor in (50_000, 20_000, 30_000)]
    book.allocate(100_000)
    book.hand(100_000)
    book.buy((100_000, MILK, 10))
    book.issue(10)
    for pieces in (3, 1, 4, 2):
        delivery = book.deliver(pieces, "XK1", MILK)
        assert sum(part.goods.get(MILK, 0) for part in book.tracing.made_of(delivery)) == pieces
    # 10 cartons of 10,000 ₫: five for 50,000 ₫, two for 20,000 ₫, three for 30,000 ₫.
    counted = [sum(use.goods.get(MILK, 0) for use in book.tracing.uses_of(gift)) for gift in gifts]
    assert counted == [5, 2, 3]
    # First delivery, cartons 0-2: ⌊50000·3/10⌋, ⌊20000·3/10⌋, ⌊30000·3/10⌋.
    assert [book.tracing.uses_of(gift)[0].amount_minor for gift in gifts] == [15_000, 6_000, 9_000]


def test_the_rest_that_is_returned_keeps_its_lots(book: Ledger) -> None:
    one, two = book.gift(50), book.gift(50)
    book.allocate(100)
    book.hand(100)
    delivery = book.deliver(70)
    book.give_back(30)
    assert book.made_of(delivery) == [(one, 50), (two, 20)]
    assert book.held(two) == {"allocated:PB1": 30}


def test_a_bounced_payment_goes_back_to_its_order(book: Ledger) -> None:
    gift = book.gift(100)
    book.allocate(100)
    book.hand(60)
    book.say(PaymentBounced(place=BANK, parts=(), amount=dong(60), bounced_on=DAY, holder="XA", order="LC1"))
    assert book.held(gift) == {"allocated:PB1": 40, "ordered:LC1": 60}


def test_a_reversed_delivery_gives_its_lots_back(book: Ledger) -> None:
    one, two = book.gift(50), book.gift(50)
    book.allocate(100)
    book.hand(100)
    delivery = book.deliver(30)
    second = book.deliver(40)  # 20 of one, 20 of two
    undone = book.reverse(delivery)
    assert book.uses(one) == [(second, 20)]
    assert book.held(one) == {"handed:LC1": 30}
    assert book.made_of(delivery) == []
    assert book.made_of(undone) == [(one, 30)]
    # The reversal was itself a mistake: the delivery stands again, with its place and day.
    again = book.reverse(undone)
    assert book.uses(one) == [(second, 20), (again, 30)]
    assert [use.commune for use in book.tracing.uses_of(one)] == ["11500@2019-01-01"] * 2
    assert book.tracing.uses_of(one)[1].kind == "delivered"
    assert book.uses(two) == [(second, 20)]


def test_a_reversed_gift_that_was_used_shifts_to_the_next_lots(book: Ledger) -> None:
    """Lost without it: a use that no gift answers for, or a gift that was never there and did good."""
    wrong, next_, last = book.gift(100), book.gift(70), book.gift(200)
    book.allocate(90)
    book.hand(60)
    delivery = book.deliver(40)
    # `wrong`: 40 used, 20 handed, 30 allocated, 10 in the fund.
    assert book.uses(wrong) == [(delivery, 40)]
    book.reverse(wrong)
    # The fund's next 90 stand in: 30 allocated, then 20 handed, then 20 + 20 used: next_ gives 70, last 20.
    assert book.held(next_) == {"allocated:PB1": 30, "handed:LC1": 20}
    assert book.uses(next_) == [(delivery, 20)]
    assert book.uses(last) == [(delivery, 20)]
    assert book.held(last) == {"fund:sua": 180}
    assert (book.uses(wrong), book.held(wrong), book.tracing.refunded(wrong)) == ([], {}, 100)


def test_a_reversed_gift_whose_goods_were_delivered(book: Ledger) -> None:
    """Newcomers sit in the gift's seat: what the other gift did stays as it was."""
    wrong, other = book.gift(60), book.gift(40)
    book.allocate(100)
    book.hand(100)
    book.buy((100, MILK, 10))
    book.issue(10)
    delivery = book.deliver(5, "XK1", MILK)
    before = book.tracing.uses_of(other)
    later = book.gift(500)
    book.reverse(wrong)
    # 60 ₫ of ten cartons, five delivered: 30 ₫ used and 30 ₫ still with the holder.
    assert book.uses(later) == [(delivery, 30)]
    assert book.held(later) == {"fund:sua": 440, "handed:XK1": 30}
    assert book.tracing.uses_of(other) == before
    assert book.uses(wrong) == []


def test_a_refund_takes_the_gift_itself_first(book: Ledger) -> None:
    gift, other = book.gift(100), book.gift(100)
    book.allocate(60)
    book.hand(60)
    delivery = book.deliver(50)  # the gift: 50 used, 10 handed, 40 in the fund
    refund = book.refund(gift, 45)
    # 40 out of the fund, then 5 that were handed; 5 of the other gift stand in there.
    assert book.made_of(refund) == [(gift, 45)]
    assert book.held(gift) == {"handed:LC1": 5}
    assert book.held(other) == {"fund:sua": 95, "handed:LC1": 5}
    assert book.uses(gift) == [(delivery, 50)]
    book.refund(gift, 15)  # 5 handed, 10 used
    assert book.uses(gift) == [(delivery, 40)]
    assert book.uses(other) == [(delivery, 10)]
    assert book.tracing.refunded(gift) == 60
    book.reverse(refund)
    assert book.tracing.refunded(gift) == 15
    assert book.held(gift) == {"fund:sua": 45}


def test_a_gateway_batch_and_its_fee(book: Ledger) -> None:
    settled = GatewaySettled(
        place=BANK,
        parts=(),
        credited=dong(145),
        fee_minor=5,
        fee_fund="sua",
        gateway="MOMO",
        gifts=(GatewayGift(NOBODY, "sua", 100), GatewayGift(NOBODY, "chung", 30), GatewayGift(NOBODY, "sua", 20)),
        list_sha256=SHA,
        received_on=DAY,
    )
    batch = book.say(settled)
    # The fee falls on the first gift of the fund that bears it.
    assert book.uses(batch, 0) == [(batch, 5)]
    assert [book.held(batch, part) for part in range(3)] == [{"fund:sua": 95}, {"fund:chung": 30}, {"fund:sua": 20}]
    assert book.tracing.uses_of(batch, 0)[0].account == "costs:sua"
    book.reverse(batch)
    assert (book.uses(batch), book.held(batch), book.tracing.refunded(batch)) == ([], {}, 150)


def test_envelopes_are_lots_of_their_own(book: Ledger) -> None:
    sheet = book.say(
        CashSheetReceived(
            place="cash:TM",
            fund="sua",
            amount=dong(60),
            envelopes=tuple(Envelope(NOBODY, minor) for minor in (10, 20, 30)),
            minutes_sha256=SHA,
            received_on=DAY,
        )
    )
    spent = book.spend(25)
    assert [book.uses(sheet, part) for part in range(3)] == [[(spent, 10)], [(spent, 15)], []]
    assert [(p.part, p.minor) for p in book.tracing.made_of(spent)] == [(0, 10), (1, 15)]


def test_open_gifts_of_old_books_come_first_by_their_own_day(book: Ledger) -> None:
    new = book.gift(100, day=0)
    brought = book.say(
        BalanceBrought(
            place=BANK,
            fund="sua",
            amount=dong(50),
            gifts=(OpenGift(30, "PT-9", on(-10)), OpenGift(20, "PT-3", on(-300))),
            minutes_sha256=SHA,
            brought_on=on(1),
        )
    )
    rest = book.say(
        BalanceBrought(place=BANK, fund="sua", amount=dong(10), gifts=(), minutes_sha256=SHA, brought_on=on(1))
    )
    interest = book.say(InterestReceived(place=BANK, parts=(), amount=dong(5), fund="sua", received_on=on(3)))
    spent = book.spend(155)
    # Days: PT-3 (−300), PT-9 (−10), the new gift (0), the balance without gifts (1); interest (3) is left.
    assert [(p.source, p.index, p.part, p.minor) for p in book.tracing.made_of(spent)] == [
        ("brought", brought, 1, 20),
        ("brought", brought, 0, 30),
        ("gift", new, None, 100),
        ("brought", rest, None, 5),
    ]
    assert book.held(interest) == {"fund:sua": 5}


def test_goods_brought_over_carry_quantity_only(book: Ledger) -> None:
    brought = book.say(
        BalanceBrought(
            place="stock:KHO",
            fund="sua",
            amount=Amount(10, MILK),
            gifts=(),
            minutes_sha256=SHA,
            brought_on=DAY,
        )
    )
    book.allocate(10, unit=MILK)
    book.issue(6)
    delivery = book.deliver(4, "XK1", MILK)
    assert [(u.index, u.amount_minor, u.unit, u.goods) for u in book.tracing.uses_of(brought)] == [
        (delivery, 4, MILK, {MILK: 4})
    ]


def test_a_shortfall_is_named_until_a_gift_covers_it(book: Ledger) -> None:
    first = book.gift(10)
    fee = book.fee(25, short=15)
    assert book.tracing.made_of(fee) == (
        Part("gift", first, None, 10, "VND", {}),
        Part("shortfall", fee, None, 15, "VND", {}),
    )
    later = book.gift(100)
    cover = book.cover(9)
    assert book.made_of(fee) == [(first, 10), (fee, 6), (later, 9)]
    assert book.uses(later) == [(fee, 9)]
    assert book.made_of(cover) == [(later, 9)]
    book.reverse(cover)
    assert book.made_of(fee) == [(first, 10), (fee, 15)]
    assert book.held(later) == {"fund:sua": 100}


def test_a_covered_use_is_reversed(book: Ledger) -> None:
    """The real lots go back to `shortfall:sua`, which then holds them, and cover what is short next."""
    fee = book.fee(15, short=15)
    gift = book.gift(100)
    book.cover(15)
    book.reverse(fee)
    assert book.held(gift) == {"fund:sua": 85, "shortfall:sua": 15}
    assert book.balances["shortfall:sua", "VND"] == 15


def test_a_reversed_purchase_frees_its_money(book: Ledger) -> None:
    one, two = book.gift(60), book.gift(40)
    book.allocate(100)
    book.hand(100)
    bought = book.buy((70, MILK, 7), (30, COAT, 2))
    undone = book.reverse(bought)
    assert book.held(one) == {"handed:LC1": 60}
    assert book.held(two) == {"handed:LC1": 40}
    again = book.reverse(undone)
    assert book.made_of(again) == [(one, 60), (two, 40)]
    assert book.tracing.where_is(two) == (Held("allocated:PB1", 40, "VND", {MILK: 1, COAT: 2}),)


def test_a_reversed_purchase_whose_goods_were_delivered_shifts_the_delivery(book: Ledger) -> None:
    one, two = book.gift(100), book.gift(100)
    book.allocate(200)
    book.hand(200)
    wrong = book.buy((100, MILK, 10))
    book.issue(5)
    delivery = book.deliver(4, "XK1", MILK)
    book.buy((100, MILK, 20))
    assert book.uses(one) == [(delivery, 40)]
    book.reverse(wrong)  # ten of the 25 cartons left in the store; the four delivered are now of the second invoice
    assert book.uses(one) == []
    assert book.uses(two) == [(delivery, 20)]  # 100 ₫ for 20 cartons: 5 ₫ each
    assert book.held(one) == {"handed:LC1": 100}


def test_a_hidden_delivery_names_its_province_only(book: Ledger) -> None:
    gift = book.gift(100)
    book.allocate(100)
    book.hand(100)
    book.say(
        Delivered(
            allocation="PB1",
            amount=dong(40),
            delivered_on=DAY,
            fund="sua",
            handed="LC1",
            holder="XA",
            hidden=HiddenScope(detail=NOBODY, province="31"),
        )
    )
    use = book.tracing.uses_of(gift)[0]
    assert (use.activity, use.commune, use.province) == (None, None, "31")


def test_a_kind_not_known_is_folded_all_the_same(book: Ledger) -> None:
    gift = book.gift(100)
    tracing = book.tracing
    tracing.apply(1, None, (Posting(dong(30), destination="fund:sua", source="donors"),))
    tracing.apply(2, None, (Posting(dong(120), destination="used:PB1", source="fund:sua"),))
    tracing.apply(3, None, (Posting(dong(50), destination="used:PB1", source="fund:sua"),))
    assert check_exact(tracing, {("fund:sua", "VND"): -40, ("used:PB1", "VND"): 170}) == ()
    assert [use.kind for use in tracing.uses_of(gift)] == ["unknown"]
    assert [(p.source, p.minor) for p in tracing.made_of(3)] == [("gift", 10), ("shortfall", 40)]


def test_a_sheet_whose_envelopes_do_not_add_up_is_one_lot(book: Ledger) -> None:
    """A damaged record is a finding of the audit; the fold goes on with what was posted."""
    sheet = book.say(
        CashSheetReceived(
            place="cash:TM", fund="sua", amount=dong(60), envelopes=(), minutes_sha256=SHA, received_on=DAY
        )
    )
    assert book.held(sheet) == {"fund:sua": 60}


def test_check_exact_names_what_differs(book: Ledger) -> None:
    book.gift(100)
    wrong = {**book.balances, ("fund:sua", "VND"): 99, ("used:PB1", "VND"): 1}
    assert [(f.account, f.traced, f.balance) for f in check_exact(book.tracing, wrong)] == [
        ("fund:sua", 100, 99),
        ("used:PB1", 0, 1),
    ]


# Rules of a fund, other currencies, gifts in kind, what was lost and found.


def pro_rata(book: Ledger, fund: str = "sua") -> int:
    return book.say(TracingSet(fund=fund, rule="pro_rata", year=DAY.year))


def test_pro_rata_takes_of_every_gift(book: Ledger) -> None:
    """⌊50·100/170⌋ = 29, ⌊50·160/170⌋ − 29 = 18, ⌊50·170/170⌋ − 47 = 3: in order of day, exact to the đồng."""
    pro_rata(book)
    big, small, middle = book.gift(100), book.gift(10, day=1), book.gift(60)
    assert book.made_of(book.allocate(50)) == [(big, 29), (middle, 18), (small, 3)]
    book.hand(50)
    # 71, 42 and 7 are left of 120 in the fund; the allocation follows its fund's rule: of 29, 18 and 3 take 20.
    first = book.deliver(20)
    assert book.made_of(first) == [(big, 11), (middle, 7), (small, 2)]
    rest = book.deliver(30)
    assert book.made_of(rest) == [(big, 18), (middle, 11), (small, 1)]
    assert [book.held(gift) for gift in (big, middle, small)] == [{"fund:sua": n} for n in (71, 42, 7)]
    # Nothing is lost when all is taken.
    assert book.made_of(book.allocate(120, "PB2")) == [(big, 71), (middle, 42), (small, 7)]


def test_a_rule_is_of_one_fund_and_of_one_year(book: Ledger) -> None:
    """What another fund or another year does stays first in, first out; so does an allocation from before."""
    one, two = book.gift(50), book.gift(50)
    before = book.allocate(60)
    other = [book.gift(50, fund="chung"), book.gift(50, fund="chung")]
    book.say(TracingSet(fund="sua", rule="pro_rata", year=DAY.year + 1))
    assert book.made_of(before) == [(one, 50), (two, 10)]
    assert book.made_of(book.allocate(10, "PB2")) == [(two, 10)]
    pro_rata(book)
    last = book.gift(30)
    assert book.made_of(book.allocate(30, "PB3")) == [(two, 15), (last, 15)]
    assert book.made_of(book.allocate(60, "PB4", fund="chung")) == [(other[0], 50), (other[1], 10)]
    book.hand(20)
    assert book.made_of(book.deliver(20)) == [(one, 20)]
    assert book.tracing.rule(last) != book.tracing.rule(other[0]) == RULE
    assert "pro rata in 2026, 2027" in book.tracing.rule(last)


def exchange(book: Ledger, sold: Amount, bought: Amount) -> int:
    return book.say(
        CurrencyExchanged(
            place=BANK,
            parts=(),
            amount=sold,
            bought=bought,
            bought_parts=(),
            exchanged_on=DAY,
            fund="sua",
            rate_source="VCB",
            to_place=BANK,
        )
    )


def dollars(book: Ledger, cents: int) -> int:
    return book.say(
        GiftReceived(place=BANK, parts=(), amount=Amount(cents, "USD"), donor=NOBODY, fund="sua", received_on=DAY)
    )


def test_dollars_become_dong_become_milk(book: Ledger) -> None:
    """A gift in another currency is followed to the cartons, in its own cents."""
    one, two = dollars(book, 60_00), dollars(book, 40_00)
    exchanged = exchange(book, Amount(100_00, "USD"), dong(2_500_000))
    assert book.tracing.made_of(exchanged) == (
        Part("gift", one, None, 60_00, "USD", {"VND": 1_500_000}),
        Part("gift", two, None, 40_00, "USD", {"VND": 1_000_000}),
    )
    book.allocate(2_000_000)
    book.hand(2_000_000)
    bought = book.buy((1_000_000, MILK, 100))
    issued = book.issue(40)
    delivery = book.deliver(30, "XK1", MILK)
    in_money = book.deliver(500_000)
    # 25,000 ₫ a dollar: a carton of 10,000 ₫ is 40 cents, of which 24 are the first gift's; 500,000 ₫ are 20 $.
    uses = {gift: book.tracing.uses_of(gift) for gift in (one, two)}
    assert [[(u.index, u.amount_minor, u.unit) for u in uses[gift]] for gift in (one, two)] == [
        [(delivery, 7_20, "USD"), (in_money, 12_00, "USD")],
        [(delivery, 4_80, "USD"), (in_money, 8_00, "USD")],
    ]
    assert sum(u.goods.get(MILK, 0) for gift in (one, two) for u in uses[gift]) == 30
    parts = book.tracing.made_of(delivery)
    assert (sum(p.minor for p in parts), {p.unit for p in parts}) == (12_00, {"USD"})
    assert sum(p.minor for p in book.tracing.made_of(bought)) == 40_00
    held = [place for gift in (one, two) for place in book.tracing.where_is(gift)]
    assert sum(p.minor for p in held) == 68_00
    assert sum(p.goods.get(MILK, 0) for p in held) == 70
    assert sum(p.goods.get("VND", 0) for p in held) == 500_000 + 500_000
    # The purchase was a mistake: the money it took is money again.
    book.reverse(delivery)
    book.reverse(issued)
    book.reverse(bought)
    assert sum(p.goods.get("VND", 0) for gift in (one, two) for p in book.tracing.where_is(gift)) == 2_000_000


def test_an_exchange_that_is_reversed_gives_the_dollars_back(book: Ledger) -> None:
    one = dollars(book, 60_00)
    book.reverse(exchange(book, Amount(50_00, "USD"), dong(1_250_000)))
    assert book.tracing.where_is(one) == (Held("fund:sua", 60_00, "USD", {}),)


def test_gifts_in_kind_by_item(book: Ledger) -> None:
    """Each item of a gift in kind is a part of it, allocated and handed out like what was bought."""
    items = (Given(goods=MILK, quantity=30), Given(goods=COAT, quantity=5))
    gift = book.say(GoodsReceived(donor=NOBODY, fund="sua", items=items, received_on=DAY, store="stock:KHO"))
    book.allocate(20, unit=MILK)
    book.issue(15)
    delivery = book.deliver(10, "XK1", MILK)
    assert book.held(gift, 1) == {"fund:sua": 5}
    assert book.held(gift, 0) == {"fund:sua": 10, "allocated:PB1": 5, "handed:XK1": 5}
    assert book.tracing.uses_of(gift, 0)[0].goods == {MILK: 10}
    assert book.tracing.made_of(delivery) == (Part("gift", gift, 0, 10, MILK, {MILK: 10}),)


def test_goods_given_straight_are_used_at_once(book: Ledger) -> None:
    given = book.say(
        GoodsGivenDirectly(
            allocation="TT1",
            donor=NOBODY,
            evidence_sha256=SHA,
            fund="sua",
            given_on=DAY,
            items=(Given(goods=COAT, quantity=5),),
            scope=OpenScope(activity="SUA", commune="11500@2019-01-01", heads=20),
        )
    )
    (use,) = book.tracing.uses_of(given)
    assert (use.index, use.account, use.commune, use.goods) == (given, "used:TT1", "11500@2019-01-01", {COAT: 5})
    book.reverse(given)
    assert (book.uses(given), book.tracing.refunded(given)) == ([], 5)


def test_what_was_lost_is_the_gifts_loss(book: Ledger) -> None:
    """A donor is told of the cartons that spoilt, and what a count found is nobody's gift."""
    gift = book.gift(100)
    book.allocate(100)
    book.hand(100)
    book.buy((100, MILK, 10))
    lost = book.say(
        StockWrittenOff(
            amount=Amount(3, MILK),
            minutes_sha256=SHA,
            store="stock:KHO",
            why="broken",
            written_off_on=DAY,
            allocation="PB1",
        )
    )
    (use,) = book.tracing.uses_of(gift)
    assert (use.index, use.account, use.allocation, use.amount_minor, use.goods) == (
        lost,
        "lost:PB1",
        None,
        30,
        {MILK: 3},
    )
    found = book.say(
        StockFound(amount=Amount(2, MILK), found_on=DAY, fund="sua", minutes_sha256=SHA, store="stock:KHO")
    )
    assert book.tracing.gift_lots(found)[0].source == "found"


def test_a_gift_that_is_varied_moves_itself(book: Ledger) -> None:
    """The donor who consented is followed to the other fund, not whoever gave first."""
    first, consenting = book.gift(100), book.gift(100)
    book.allocate(120)  # all of the first, 20 of the one who consents
    varied = book.say(
        RestrictionVaried(
            amount=dong(60), consent_sha256=SHA, fund="sua", to_fund="chung", varied_on=DAY, gift=consenting
        )
    )
    assert book.made_of(varied) == [(consenting, 60)]
    assert book.held(consenting) == {"allocated:PB1": 20, "fund:chung": 60, "fund:sua": 20}
    assert book.held(first) == {"allocated:PB1": 100}
    book.reverse(varied)
    assert book.held(consenting) == {"allocated:PB1": 20, "fund:sua": 80}


# Random books.

FUNDS = ("sua", "chung")
Step = tuple[str, int, int, int]


class RandomBook(Ledger):
    """Turns numbers into entries that a book would take: decisions only where the money is there."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = 0
        self.allocations: dict[str, str] = {}
        self.handed: dict[str, str] = {}
        self.undone: set[int] = set()
        self.returned: dict[int, int] = {}

    def code(self, prefix: str) -> str:
        self.codes += 1
        return f"{prefix}{self.codes}"

    def of(self, name: str, a: int) -> tuple[str, str, int] | None:
        """A held account of that root with something in it, its unit and balance."""
        full = sorted(key for key, n in self.balances.items() if n > 0 and root(key[0]) == name)
        if not full:
            return None
        account, unit = full[a % len(full)]
        return account.partition(":")[2], unit, self.balances[account, unit]

    def step(self, step: Step) -> None:
        verb, a, b, c = step
        getattr(self, f"do_{verb}")(a, b, c)

    def do_gift(self, a: int, b: int, c: int) -> None:
        self.gift(1 + b, day=c % 9, fund=FUNDS[a % 2])

    def do_sheet(self, a: int, b: int, c: int) -> None:
        minors = (1 + a % 50, 1 + b % 50, 1 + c % 50)
        envelopes = tuple(Envelope(NOBODY, minor) for minor in minors)
        self.say(
            CashSheetReceived(
                place="cash:TM",
                fund=FUNDS[a % 2],
                amount=dong(sum(minors)),
                envelopes=envelopes,
                minutes_sha256=SHA,
                received_on=on(b % 9),
            )
        )

    def do_gateway(self, a: int, b: int, c: int) -> None:
        gifts = (GatewayGift(NOBODY, FUNDS[a % 2], 1 + b), GatewayGift(NOBODY, FUNDS[c % 2], 5 + c))
        fund = FUNDS[b % 2]
        given = sum(gift.minor for gift in gifts)
        fee = min(a % 40, given - 1)
        there = sum(g.minor for g in gifts if g.fund == fund) + max(self.balances.get((f"fund:{fund}", "VND"), 0), 0)
        self.say(
            GatewaySettled(
                place=BANK,
                parts=(),
                credited=dong(given - fee),
                fee_minor=fee,
                fee_fund=fund,
                gateway="MOMO",
                gifts=gifts,
                list_sha256=SHA,
                received_on=on(c % 9),
                shortfall=Shortfall(fund, fee - there) if fee > there else None,
            )
        )

    def do_interest(self, a: int, b: int, c: int) -> None:
        self.say(
            InterestReceived(place=BANK, parts=(), amount=dong(1 + b % 30), fund=FUNDS[a % 2], received_on=on(c % 9))
        )

    def do_brought(self, a: int, b: int, c: int) -> None:
        gifts = (OpenGift(1 + b, "P-1", on(-(c % 5))), OpenGift(2, "P-2", on(0))) if c % 3 else ()
        amount = Amount(b + 3, "VND") if gifts or a % 3 else Amount(b + 3, MILK)
        place = BANK if amount.unit == "VND" else "stock:KHO"
        self.say(
            BalanceBrought(
                place=place, fund=FUNDS[a % 2], amount=amount, gifts=gifts, minutes_sha256=SHA, brought_on=on(a % 9)
            )
        )

    def do_allocate(self, a: int, b: int, c: int) -> None:
        if found := self.of("fund", a):
            fund, unit, most = found
            allocation = self.code("PB")
            self.allocations[allocation] = fund
            self.allocate(1 + b % most, allocation, fund, unit)

    def do_order(self, a: int, b: int, c: int) -> None:
        found = self.of("allocated", a)
        if found and found[1] == "VND":
            order = self.code("LC")
            self.handed[order] = found[0]
            self.order(1 + b % found[2], order, found[0])

    def do_advance(self, a: int, b: int, c: int) -> None:
        if found := self.of("ordered", a):
            self.advance(found[2] if c % 2 else 1 + b % found[2], found[0])

    def do_bounce(self, a: int, b: int, c: int) -> None:
        found = self.of("handed", a)
        if found and found[1] == "VND":
            self.say(
                PaymentBounced(
                    place=BANK,
                    parts=(),
                    amount=dong(1 + b % found[2]),
                    bounced_on=DAY,
                    holder="XA",
                    order=found[0],
                )
            )

    def do_return(self, a: int, b: int, c: int) -> None:
        if found := self.of("handed", a):
            handed, unit, most = found
            amount = Amount(1 + b % most, unit)
            allocation = self.handed[handed]
            if unit == "VND":
                self.say(
                    MoneyReturned(
                        place=BANK,
                        parts=(),
                        allocation=allocation,
                        amount=amount,
                        holder="XA",
                        order=handed,
                        returned_on=DAY,
                    )
                )
            else:
                self.say(
                    GoodsReturned(
                        allocation=allocation,
                        amount=amount,
                        holder="XA",
                        issue=handed,
                        returned_on=DAY,
                        store="stock:KHO",
                    )
                )

    def do_buy(self, a: int, b: int, c: int) -> None:
        found = self.of("handed", a)
        if found and found[1] == "VND" and found[2] > 1:
            cost = 1 + b % (found[2] - 1)
            items = [(cost, MILK, 1 + c % 40)]
            if c % 2:
                items.append((1 + a % (found[2] - cost), (MILK, COAT)[b % 2], 1 + b % 7))
            self.buy(*items, order=found[0], allocation=self.handed[found[0]])

    def do_issue(self, a: int, b: int, c: int) -> None:
        goods = [key for key, n in sorted(self.balances.items()) if root(key[0]) == "allocated" and n > 0]
        goods = [key for key in goods if not key[1].isupper()]
        if goods:
            account, unit = goods[a % len(goods)]
            issue, allocation = self.code("XK"), account.partition(":")[2]
            self.handed[issue] = allocation
            self.issue(1 + b % self.balances[account, unit], issue, unit, allocation)

    def do_deliver(self, a: int, b: int, c: int) -> None:
        if found := self.of("handed", a):
            handed, unit, most = found
            more = 1 + b % 9 if c % 7 == 0 else 0  # sometimes more than the holder had
            minor = most + more if more else 1 + b % most
            self.deliver(minor, handed, unit, self.handed[handed], short=more)

    def do_spend(self, a: int, b: int, c: int) -> None:
        found = self.of("fund", a)
        if found and found[1] == "VND":
            self.spend(1 + b % found[2], found[0])

    def do_fee(self, a: int, b: int, c: int) -> None:
        fund, fee = FUNDS[a % 2], 1 + b % 60
        there = max(self.balances.get((f"fund:{fund}", "VND"), 0), 0)
        self.fee(fee, max(0, fee - there), fund)

    def do_cover(self, a: int, b: int, c: int) -> None:
        short = -self.balances.get(("shortfall:sua", "VND"), 0)
        found = self.of("fund", a)
        if short > 0 and found and found[1] == "VND":
            self.cover(min(short, 1 + b % found[2]), found[0])

    def do_refund(self, a: int, b: int, c: int) -> None:
        gifts = [(i, e) for i, e in enumerate(self.entries) if isinstance(e, GiftReceived) and i not in self.undone]
        if gifts:
            index, gift = gifts[a % len(gifts)]
            left = gift.amount.minor - self.returned.get(index, 0)
            most = min(left, self.balances[f"fund:{gift.fund}", "VND"])
            if most > 0:
                minor = most if c % 2 else 1 + b % most
                self.returned[index] = self.returned.get(index, 0) + minor
                self.refund(index, minor, gift.fund)

    def do_vary(self, a: int, b: int, c: int) -> None:
        """With or without a gift named."""
        found = self.of("fund", a)
        gifts = [i for i, e in enumerate(self.entries) if isinstance(e, GiftReceived)]
        if found and found[1] == "VND":
            fund, _, most = found
            self.say(
                RestrictionVaried(
                    amount=dong(1 + b % most),
                    consent_sha256=SHA,
                    fund=fund,
                    to_fund=FUNDS[fund == FUNDS[0]],
                    varied_on=DAY,
                    gift=gifts[b % len(gifts)] if c % 2 and gifts else None,
                )
            )

    def do_exchange(self, a: int, b: int, c: int) -> None:
        """Đồng for dollars and back."""
        found = self.of("fund", a)
        if found and found[1].isupper():
            fund, unit, most = found
            self.say(
                CurrencyExchanged(
                    place=BANK,
                    parts=(),
                    amount=Amount(1 + b % most, unit),
                    bought=Amount(1 + c, "USD" if unit == "VND" else "VND"),
                    bought_parts=(),
                    exchanged_on=DAY,
                    fund=fund,
                    rate_source="VCB",
                    to_place="bank:USD",
                )
            )

    def do_goods(self, a: int, b: int, c: int) -> None:
        items = (Given(goods=MILK, quantity=1 + b % 20), Given(goods=(MILK, COAT)[c % 2], quantity=1 + c % 9))
        self.say(GoodsReceived(donor=NOBODY, fund=FUNDS[a % 2], items=items, received_on=on(c % 9), store="stock:KHO"))

    def do_straight(self, a: int, b: int, c: int) -> None:
        items = (Given(goods=MILK, quantity=1 + b % 20), Given(goods=COAT, quantity=1 + c % 9))
        self.say(
            GoodsGivenDirectly(
                allocation=self.code("TT"),
                donor=NOBODY,
                evidence_sha256=SHA,
                fund=FUNDS[a % 2],
                given_on=on(c % 9),
                items=items,
                scope=OpenScope(activity="SUA", commune="11500@2019-01-01", heads=20),
            )
        )

    def do_lose(self, a: int, b: int, c: int) -> None:
        found = self.of(("fund", "allocated")[c % 2], a)
        if found and not found[1].isupper():
            code, unit, most = found
            self.say(
                StockWrittenOff(
                    amount=Amount(1 + b % most, unit),
                    minutes_sha256=SHA,
                    store="stock:KHO",
                    why="broken",
                    written_off_on=DAY,
                    allocation=code if c % 2 else None,
                    fund=None if c % 2 else code,
                )
            )

    def do_find(self, a: int, b: int, c: int) -> None:
        self.say(
            StockFound(
                amount=Amount(1 + b % 9, (MILK, COAT)[c % 2]),
                found_on=on(c % 9),
                fund=FUNDS[a % 2],
                minutes_sha256=SHA,
                store="stock:KHO",
            )
        )

    def do_rule(self, a: int, b: int, c: int) -> None:
        """A book would have this said before the year begins; the fold takes it from here on."""
        self.say(TracingSet(fund=FUNDS[a % 2], rule=("fifo", "pro_rata")[min(b % 4, 1)], year=DAY.year))

    def do_reverse(self, a: int, b: int, c: int) -> None:
        for n in range(len(self.entries)):
            index = (a + n) % len(self.entries)
            entry = self.entries[index]
            if index in self.undone or self.returned.get(index):
                continue
            if isinstance(entry, GiftRefunded) and entry.gift in self.undone:
                continue
            if isinstance(entry, Reversed) and isinstance(self.entries[entry.reversed], GiftRefunded | Reversed):
                continue  # one level of «undo the undo» is enough here
            reversal = self.reversal(index)
            if self.may(reversal):
                self.undone.add(index)
                if isinstance(entry, GiftRefunded):
                    self.returned[entry.gift] -= entry.amount.minor
                self.say(reversal)
                return


VERBS = [name[3:] for name in vars(RandomBook) if name.startswith("do_")]
LIKELY = ("gift", "allocate", "order", "advance", "buy", "issue", "deliver", "reverse")
numbers = st.integers(0, 400)
steps = st.tuples(st.sampled_from((*VERBS, *LIKELY, *LIKELY)), numbers, numbers, numbers)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=5, max_size=50))
def test_random_books_are_exact_at_every_index(story: Sequence[Step]) -> None:
    """Σ lots = balance in every account and unit, Σ traced = Σ used, and every gift adds up, at every index."""
    book = RandomBook()
    for minor in (300, 200):
        book.gift(minor)
    for step in story:
        book.step(step)
    check_uses(book)


def check_uses(book: Ledger) -> None:
    """What the gifts say they were used for is what the uses say they were made of; pieces add up too."""
    tracing = book.tracing
    by_gift: dict[tuple[int, str], int] = {}
    for gift in range(tracing.size):
        for use in tracing.uses_of(gift):
            key = (use.index, use.unit)
            by_gift[key] = by_gift.get(key, 0) + use.amount_minor
    for index, entry in enumerate(book.entries):
        if not isinstance(entry, Delivered | ManagementSpent | BankFeeCharged) or not tracing.made_of(index):
            continue
        parts = tracing.made_of(index)
        for unit in {part.unit for part in parts}:
            real = sum(p.minor for p in parts if p.unit == unit and p.source != "shortfall")
            assert real == by_gift.get((index, unit), 0)
        if isinstance(entry, Delivered) and entry.amount.unit != "VND":
            assert sum(part.goods.get(entry.amount.unit, 0) for part in parts) == entry.amount.minor
        elif not any(isinstance(other, CurrencyExchanged) for other in book.entries):
            # Money that was exchanged is counted in what was given for it.
            assert sum(part.minor for part in parts) == entry.postings()[0].amount.minor + sum(
                p.amount.minor for p in entry.postings()[1:] if root(p.source) == "shortfall"
            )


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=8),
    st.integers(1, 300),
    st.lists(st.integers(1, 40), max_size=8),
)
@settings(deadline=None)
def test_shares_of_a_batch_add_up_however_it_is_used(gifts: list[int], pieces: int, uses: list[int]) -> None:
    """Money is exact once all is used, pieces always; each gift's pieces are within one of its share."""
    book = Ledger()
    indices = [book.gift(minor) for minor in gifts]
    total = sum(gifts)
    book.allocate(total)
    book.hand(total)
    book.buy((total, MILK, pieces))
    book.issue(pieces)
    left = pieces
    for n in [*uses, pieces]:
        if n := min(n, left):
            delivery = book.deliver(n, "XK1", MILK)
            assert sum(part.goods.get(MILK, 0) for part in book.tracing.made_of(delivery)) == n
            left -= n
    for index, minor in zip(indices, gifts, strict=True):
        rows = book.tracing.uses_of(index)
        assert sum(row.amount_minor for row in rows) == minor
        assert abs(sum(row.goods.get(MILK, 0) for row in rows) * total - pieces * minor) <= total


# A second implementation, coin by coin.


class Coins:
    """Every đồng is an object in a list; no reversals, no goods."""

    def __init__(self) -> None:
        self.lists: dict[str, list[tuple[date, int]]] = {}

    def fold(self, index: int, entry: EntryBase) -> list[tuple[date, int]]:
        moved: list[tuple[date, int]] = []
        for posting in entry.postings():
            source, destination, n = posting.source, posting.destination, posting.amount.minor
            if source == "donors":
                moved = [(entry.money_day() or DAY, index)] * n
            elif root(source) in ("fund", "allocated", "ordered", "handed"):
                coins = sorted(self.lists[source])
                moved, self.lists[source] = coins[:n], coins[n:]
            else:
                continue
            self.lists[destination] = self.lists.get(destination, []) + moved
        return moved


COINS = ("gift", "allocate", "order", "advance", "return", "bounce", "deliver", "spend", "gift", "gift")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(COINS), numbers, numbers, st.integers(1, 6)), max_size=40))
def test_random_money_goes_as_the_coins_go(story: Sequence[Step]) -> None:
    """Lost without it: a fold that adds up and still says the wrong gift."""
    book, coins = RandomBook(), Coins()
    for step in story:
        book.step(step)
    for index, entry in enumerate(book.entries):
        moved = coins.fold(index, entry)
        if not isinstance(entry, GiftReceived):
            expected: dict[int, int] = {}
            for _, gift in moved:
                expected[gift] = expected.get(gift, 0) + 1
            assert dict(book.made_of(index)) == expected


def test_held_accounts_are_those_of_the_accounts_table() -> None:
    """A new held purpose account must be given a place in the tracing, or be left out on purpose."""
    from ledger.accounts import _ROOTS, AccountView
    from ledger.tracing.fold import ROLES

    purpose = {name for name, (view, _) in _ROOTS.items() if view is AccountView.PURPOSE}
    assert set(ROLES) == purpose
    assert all(is_held(name) for name, role in ROLES.items() if role.value == "pool")
