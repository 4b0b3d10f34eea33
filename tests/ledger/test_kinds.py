"""What each kind moves, and what each kind refuses, by its exact reason.

Without these a rule of money could change and only a fund's accountant would notice, a year later.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.trace import trace_stored
from ledger.book import Draft, Recorded
from ledger.entries.book import CLOSED, KEY, WITNESSES
from ledger.entries.certificates import CertificateIssued
from ledger.home import Home
from ledger.log import canonical
from ledger.log.cosignature import COSIGNATURE_MLDSA44, CosigningKey
from ledger.log.note import SigningKey
from ledger.money import MAX_MINOR, dong
from ledger.record import decode, encode, leaf_of
from ledger.refusals import Reason
from ledger.registers import Key, decode_value
from ledger.replay import step
from ledger.store import read
from ledger.store.engine import reading
from tests.conftest import fresh_database
from tests.ledger.refusing import refused
from tests.ledger.replayed import check_book, check_stored, replayed
from tests.ledger.saying import (
    DAY,
    HOLDER,
    MILK,
    PLEDGE,
    POLICY,
    SUPPLIER,
    bodies,
    cartons,
    key_replaced,
    leaf_at,
    line,
    next_key,
    parts,
    person,
    posted,
    record_at,
    request,
    reversal,
    reverse,
    say,
    size,
    witness,
)
from tests.worlds import LAI_XUAN, MINH_TAN, OPEN_TO_ALL, SHA, World, vnd

L1, L2 = f"suspense:{line(1)}", f"suspense:{line(2)}"
BUYER = {"holder": SUPPLIER, "payee_kind": "supplier"}


def statement(world: World, lines: int = 3, sha: str = SHA) -> int:
    return say(world, "statement_imported", lines=lines, new_lines=lines, sha256=sha).index


# --- what each kind moves -------------------------------------------------------------------------------

Before = Callable[[World], dict[str, Any] | None]
EXPECTED: dict[str, tuple[Before, list[str], dict[str, int]]] = {}
"""kind → (what must be there before; it may give fields, the postings, balances after)."""


def good(kind: str, postings: list[str], after: dict[str, int]) -> Callable[[Before], Before]:
    def keep(before: Before) -> Before:
        EXPECTED[kind] = (before, postings, after)
        return before

    return keep


NOTHING_BEFORE = {
    "place_opened": [],
    "programme_opened": [],
    "communes_listed": [],
    "goods_listed": [],
    "fund_opened": [],
    "donor_registered": [],
    "statement_imported": [],
    "pledge_made": ["500000 VND promised → pledge:K7M4X2PQ"],
    "balance_brought": ["1000000 VND brought → fund:chung", "1000000 VND outside → bank:VCB"],
    "gift_received": ["500000 VND donors → fund:sua", "500000 VND outside → bank:VCB"],
    "cash_sheet_received": ["150000 VND donors → fund:chung", "150000 VND outside → cash:TM"],
    "gateway_settled": [
        "120000 VND donors → fund:sua",
        "80000 VND donors → fund:chung",
        "2000 VND fund:chung → costs:chung",
        "198000 VND outside → bank:VCB",
    ],
    "mistaken_money_held": ["100000 VND senders → mistaken:nham-1", "100000 VND outside → bank:VCB"],
    "interest_received": ["3210 VND interest → fund:chung", "3210 VND outside → bank:VCB"],
    "disputed": [],
    "grant_received": ["250000 VND donors → fund:sua", "250000 VND outside → bank:VCB"],
    "external_contributed": [],
    "children_reported": [],
    "witnesses_set": [],
    "restored": [],
    "book_closed": [],
}
for _kind, _postings in NOTHING_BEFORE.items():
    EXPECTED[_kind] = (lambda world: None, _postings, {})


@good(
    "suspense_received",
    [f"300000 VND senders → {L2}", "300000 VND outside → bank:VCB"],
    {L2: 300_000, "bank:VCB": 300_000},
)
def _(world: World) -> dict[str, Any]:
    return {"statement": statement(world)}


@good(
    "suspense_paid",
    [f"11000 VND suspense:{line(3)} → senders", "11000 VND bank:VCB → outside"],
    {f"suspense:{line(3)}": -11_000, "bank:VCB": -11_000},
)
def _(world: World) -> dict[str, Any]:
    return {"statement": statement(world)}


@good(
    "mistaken_money_returned",
    ["100000 VND mistaken:nham-1 → senders", "100000 VND bank:VCB → outside"],
    {"mistaken:nham-1": 0, "bank:VCB": 0},
)
def _(world: World) -> None:
    say(world, "mistaken_money_held")


@good(
    "gift_refunded",
    ["50000 VND fund:sua → donors", "50000 VND bank:VCB → outside"],
    {"fund:sua": 450_000, "bank:VCB": 450_000, "donors": -450_000},
)
def _(world: World) -> dict[str, Any]:
    return {"gift": world.gift().index}


@good(
    "bank_fee_charged",
    ["11000 VND fund:chung → costs:chung", "11000 VND bank:VCB → outside"],
    {"fund:chung": 489_000, "costs:chung": 11_000, "bank:VCB": 489_000},
)
def _(world: World) -> None:
    world.gift(fund="chung")


@good("transfer_sent", ["400000 VND bank:VCB → transit:ct-1"], {"bank:VCB": 100_000, "transit:ct-1": 400_000})
def _(world: World) -> None:
    world.gift()


@good(
    "transfer_arrived",
    ["400000 VND transit:ct-1 → bank:AGR"],
    {"bank:VCB": 100_000, "transit:ct-1": 0, "bank:AGR": 400_000, "fund:sua": 500_000},
)
def _(world: World) -> None:
    world.gift()
    say(world, "transfer_sent")


@good("cash_paid_in", ["100000 VND cash:TM → bank:AGR"], {"cash:TM": 50_000, "bank:AGR": 100_000})
def _(world: World) -> None:
    say(world, "cash_sheet_received")


@good("cash_withdrawn", ["30000 VND bank:AGR → cash:TM"], {"cash:TM": 30_000, "bank:AGR": 470_000})
def _(world: World) -> None:
    world.gift(place="bank:AGR")


@good(
    "allocated",
    ["600000 VND fund:sua → allocated:pb-1"],
    {"fund:sua": 400_000, "allocated:pb-1": 600_000},
)
def _(world: World) -> None:
    world.gift(1_000_000)


def allocated(world: World) -> None:
    world.gift(1_000_000)
    say(world, "allocated")


@good(
    "payment_ordered",
    ["350000 VND allocated:pb-1 → ordered:lc-1"],
    {"allocated:pb-1": 250_000, "ordered:lc-1": 350_000, "bank:VCB": 1_000_000},
)
def _(world: World) -> None:
    allocated(world)


def ordered(world: World) -> None:
    allocated(world)
    say(world, "payment_ordered")


@good(
    "money_advanced",
    ["350000 VND ordered:lc-1 → handed:lc-1", f"350000 VND bank:VCB → advance:{HOLDER}"],
    {"ordered:lc-1": 0, "handed:lc-1": 350_000, f"advance:{HOLDER}": 350_000, "bank:VCB": 650_000},
)
def _(world: World) -> None:
    ordered(world)


def paid(world: World) -> None:
    ordered(world)
    say(world, "money_advanced")


@good(
    "payment_bounced",
    ["350000 VND handed:lc-1 → ordered:lc-1", f"350000 VND advance:{HOLDER} → bank:VCB"],
    {"ordered:lc-1": 350_000, "handed:lc-1": 0, f"advance:{HOLDER}": 0, "bank:VCB": 1_000_000},
)
def _(world: World) -> None:
    paid(world)


@good(
    "money_returned",
    ["50000 VND handed:lc-1 → allocated:pb-1", f"50000 VND advance:{HOLDER} → bank:VCB"],
    {"allocated:pb-1": 300_000, "handed:lc-1": 300_000, f"advance:{HOLDER}": 300_000, "bank:VCB": 700_000},
)
def _(world: World) -> None:
    paid(world)


def buyer_paid(world: World) -> None:
    allocated(world)
    say(world, "payment_ordered", order="lc-2", amount=vnd(200_000), payee=BUYER)
    say(world, "money_advanced", order="lc-2", amount=vnd(200_000), holder=SUPPLIER)


@good(
    "purchased",
    [
        "200000 VND handed:lc-2 → exchange-purpose",
        f"40 {MILK} exchange-purpose → allocated:pb-1",
        f"200000 VND advance:{SUPPLIER} → exchange-place",
        f"40 {MILK} exchange-place → stock:KHO",
    ],
    {"handed:lc-2": 0, f"advance:{SUPPLIER}": 0, "exchange-place": 200_000},
)
def _(world: World) -> None:
    buyer_paid(world)


def bought(world: World) -> None:
    buyer_paid(world)
    say(world, "purchased")


@good(
    "goods_issued",
    [f"30 {MILK} allocated:pb-1 → handed:px-1", f"30 {MILK} stock:KHO → advance:{HOLDER}"],
    {"fund:sua": 400_000},
)
def _(world: World) -> None:
    bought(world)


def issued(world: World) -> None:
    bought(world)
    say(world, "goods_issued")


@good("delivered", [f"25 {MILK} handed:px-1 → used:pb-1", f"25 {MILK} advance:{HOLDER} → outside"], {})
def _(world: World) -> None:
    issued(world)


@good("goods_returned", [f"5 {MILK} handed:px-1 → allocated:pb-1", f"5 {MILK} advance:{HOLDER} → stock:KHO"], {})
def _(world: World) -> None:
    issued(world)


@good(
    "management_spent",
    ["20000 VND fund:chung → costs:chung", "20000 VND cash:TM → outside"],
    {"fund:chung": 130_000, "cash:TM": 130_000, "costs:chung": 20_000},
)
def _(world: World) -> None:
    say(world, "cash_sheet_received")


@good(
    "shortfall_covered",
    ["11000 VND fund:chung → shortfall:thieu"],
    {"fund:chung": 489_000, "shortfall:thieu": 0, "costs:thieu": 11_000},
)
def _(world: World) -> None:
    say(world, "fund_opened")
    world.gift(fund="chung")
    say(world, "bank_fee_charged", fund="thieu")


@good("certificate_issued", [], {})
def _(world: World) -> dict[str, Any]:
    gift = world.gift()
    return {"gift": gift.index, "gift_leaf": gift.leaf_hash.hex()}


@good("certificate_revoked", [], {})
def _(world: World) -> None:
    paper(world, world.gift())


@good(
    "reversed",
    ["500000 VND fund:sua → donors", "500000 VND bank:VCB → outside"],
    {"fund:sua": 0, "donors": 0, "bank:VCB": 0},
)
def _(world: World) -> dict[str, Any]:
    return {**reversal(world, world.gift().index), "kind": None}


@good("dispute_answered", [], {"donors": 0})
def _(world: World) -> dict[str, Any]:
    missed = say(world, "disputed")
    return {"dispute": missed.index, "dispute_leaf": missed.leaf_hash.hex()}


@good(
    "grant_sent",
    ["150000 VND allocated:pb-1 → used:pb-1", "150000 VND bank:VCB → outside"],
    {"allocated:pb-1": 450_000, "used:pb-1": 150_000, "bank:VCB": 850_000},
)
def _(world: World) -> None:
    allocated(world)


def paper(world: World, gift: Recorded, **changed: Any) -> Recorded:
    return say(world, "certificate_issued", gift=gift.index, gift_leaf=gift.leaf_hash.hex(), **changed)


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_a_kind_moves_exactly_this(sqlite_world: World, kind: str) -> None:
    """Postings to the đồng, from where to where, and what the accounts hold after it.

    On SQLite; that PostgreSQL gives the same bytes for every kind, test_golden holds.
    """
    world = sqlite_world
    before, postings, after = EXPECTED[kind]
    fields = before(world) or {}
    whole = {**fields, "kind": kind} if kind == "reversed" else request(kind, **fields)
    recorded = world.say(**whole)
    assert posted(world, recorded) == postings
    assert {account: world.balance(account) for account in after} == after
    assert record_at(world, recorded.index).entry.kind == kind


def test_the_goods_after_buying_issuing_delivering_and_returning(world: World) -> None:
    """Goods are counted apart from money, in both views."""
    issued(world)
    say(world, "delivered")
    say(world, "goods_returned")
    held = {
        account: world.balance(account, MILK)
        for account in ("allocated:pb-1", "handed:px-1", "used:pb-1", "stock:KHO", f"advance:{HOLDER}")
    }
    assert held == {
        "allocated:pb-1": 15,
        "handed:px-1": 0,
        "used:pb-1": 25,
        "stock:KHO": 15,
        f"advance:{HOLDER}": 0,
    }


# --- what each kind refuses -----------------------------------------------------------------------------


class Stage:
    """A fund in the middle of its year, with something of everything, on which refusals are tried."""

    def __init__(self, world: World) -> None:
        self.world = world
        say(world, "fund_opened")
        say(world, "place_opened", place="bank:USD", name="Vietcombank USD", currency="USD")
        bound = {"fund": "rieng", "name": "Nguồn riêng", "places": ["bank:AGR"]}
        say(world, "fund_opened", **bound)
        window = {**OPEN_TO_ALL, "from_on": "2026-08-01", "to_on": "2026-08-31"}
        say(world, "fund_opened", fund="thang8", name="Nguồn tháng tám", restriction=window)
        say(world, "pledge_made")
        self.gift = world.gift(1_000_000)
        self.used = world.gift(300_000, fund="chung")
        world.gift(100_000, fund="thang8")
        world.gift(100_000, fund="rieng", place="bank:AGR")
        self.statement = statement(world)
        self.line_gift = say(
            world, "gift_received", line=line(1), statement=self.statement, amount=vnd(40_000), fund="chung"
        )
        say(world, "suspense_received", statement=self.statement)
        say(world, "suspense_paid", statement=self.statement)
        self.agr = statement_at(world, "bank:AGR", lines=1, sha="a9" * 32)
        say(world, "allocated")
        say(world, "allocated", allocation="pb-2", fund="chung", amount=vnd(250_000), communes=[])
        say(world, "allocated", allocation="pb-8", fund="thang8", amount=vnd(50_000), allocated_on="2026-08-09")
        say(world, "allocated", allocation="pb-r", fund="rieng", amount=vnd(50_000), communes=[])
        say(world, "payment_ordered")
        say(world, "money_advanced")
        say(world, "payment_ordered", order="lc-2", amount=vnd(200_000), payee=BUYER)
        say(world, "money_advanced", order="lc-2", amount=vnd(200_000), holder=SUPPLIER)
        say(world, "payment_ordered", order="lc-8", allocation="pb-8", amount=vnd(50_000))
        say(world, "money_advanced", order="lc-8", amount=vnd(50_000))
        say(world, "purchased", items=[{"cost_minor": 150_000, "goods": MILK, "quantity": 40}])
        say(world, "goods_issued")
        say(world, "transfer_sent", amount=vnd(10_000))
        say(world, "mistaken_money_held")
        self.refunded = world.gift(90_000)
        self.refund = say(world, "gift_refunded", gift=self.refunded.index)
        self.reversed = world.gift(80_000)
        self.reversal = reverse(world, self.reversed.index)
        self.paper = paper(world, self.gift)
        self.sheet = say(world, "cash_sheet_received")
        self.fee = say(world, "bank_fee_charged", fund="thieu")
        self.donor = say(world, "donor_registered")
        self.dispute = say(world, "disputed")
        self.answered = say(world, "disputed")
        say(world, "dispute_answered", dispute=self.answered.index, dispute_leaf=self.answered.leaf_hash.hex())
        self.at = record_at(world, self.donor.index).at
        self.size = size(world)

    def reversal_of(self, index: int, **changed: Any) -> dict[str, Any]:
        return reversal(self.world, index, **changed)


def statement_at(world: World, place: str, *, lines: int, sha: str) -> int:
    return say(world, "statement_imported", place=place, lines=lines, new_lines=lines, sha256=sha).index


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all refusals of a database: a refusal leaves nothing, and the last audit says so."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql")
    database = None if server is None else fresh_database(server)
    world = World.create(tmp_path_factory.mktemp("stage") / "home", database)
    made = Stage(world)
    yield made
    assert size(world) == made.size
    check_book(world)
    world.home.close()


R = Reason
OUT = {"line": None, "statement": None}
Case = tuple[Reason, str | None, Callable[[Stage], dict[str, Any]]]


def case(reason: Reason, field: str | None, kind: str, **fields: Any) -> Case:
    return (reason, field, lambda s: request(kind, **fields))


def on(reason: Reason, field: str | None, make: Callable[[Stage], dict[str, Any]]) -> Case:
    return (reason, field, make)


def gift_line(**fields: Any) -> Callable[[Stage], dict[str, Any]]:
    return lambda s: request("gift_received", **{"line": line(9), "statement": s.statement, **fields})


def of(name: str, **changed: Any) -> Callable[[Stage], dict[str, Any]]:
    return lambda s: s.reversal_of(getattr(s, name).index, **changed)


def paper_for(name: str, **fields: Any) -> Callable[[Stage], dict[str, Any]]:
    def make(s: Stage) -> dict[str, Any]:
        gift = getattr(s, name)
        return request("certificate_issued", **{"gift": gift.index, "gift_leaf": gift.leaf_hash.hex(), **fields})

    return make


def refund_of(name: str, **fields: Any) -> Callable[[Stage], dict[str, Any]]:
    return lambda s: request("gift_refunded", gift=getattr(s, name).index, **fields)


def answer_to(name: str, **fields: Any) -> Callable[[Stage], dict[str, Any]]:
    """The answer to a dispute; a field that is a function is asked of the stage."""

    def make(s: Stage) -> dict[str, Any]:
        dispute = getattr(s, name)
        asked = {"dispute": dispute.index, "dispute_leaf": leaf_at(s.world, dispute.index), **fields}
        return request("dispute_answered", **{k: v(s) if callable(v) else v for k, v in asked.items()})

    return make


def found(index: Callable[[Stage], int]) -> dict[str, Any]:
    return {"outcome": "found", "found": index}


def replaces(number: int = 1, **changed: Any) -> Callable[[Stage], dict[str, Any]]:
    return lambda s: key_replaced(s.world.open.signer.key(), next_key(s.world, number), **changed)


def replaces_for(name: str) -> Callable[[Stage], dict[str, Any]]:
    """A new key that carries another name than the book's origin."""
    return lambda s: key_replaced(s.world.open.signer.key(), SigningKey.from_seed(name, bytes(32)))


WITNESS_KEY = witness("bao", 1).split()[2]
NO_KEY, NO_SIGNATURE = "sovang/hp+00000000+AAAA", "A" * 86 + "=="
HIDDEN = {"province": "31", "detail": {"private": {"heads": "3"}}}
NO_FUND, NO_PLACE = "khong-co", "bank:KHONG"

REFUSED: list[Case] = [
    # book
    case(R.ALREADY_EXISTS, "place", "place_opened", place="bank:VCB"),
    case(R.TOO_ALIKE, "place", "place_opened", place="bank:V.C-B"),
    case(R.TOO_ALIKE, "place", "place_opened", place="bank:vcb"),
    case(R.TOO_ALIKE, "place", "place_opened", place="stock:KH0", currency=None),
    case(R.MALFORMED, "currency", "place_opened", currency=None),
    case(R.MALFORMED, "currency", "place_opened", place="stock:X", currency="VND"),
    case(R.NO_SUCH_PLACE, "place", "balance_brought", place=NO_PLACE),
    case(R.UNIT_DIFFERS, "amount", "balance_brought", place="bank:USD"),
    case(R.UNIT_DIFFERS, "amount", "balance_brought", place="stock:KHO"),
    case(R.NO_SUCH_GOODS, "amount", "balance_brought", place="stock:KHO", amount={"minor": 5, "unit": "gao-5kg"}),
    case(R.NO_SUCH_FUND, "fund", "balance_brought", fund=NO_FUND),
    case(R.PARTS_DIFFER, "gifts", "balance_brought", amount=vnd(999_999)),
    case(R.DAY_IN_FUTURE, "brought_on", "balance_brought", brought_on="2026-09-02"),
    # catalogue and donors
    case(R.ALREADY_EXISTS, "programme", "programme_opened", programme="HP256"),
    case(R.MALFORMED, "to_on", "programme_opened", to_on="2025-12-31"),
    case(R.NO_SUCH_PROGRAMME, "programme", "communes_listed", programme="HP999"),
    case(
        R.MALFORMED,
        "communes",
        "communes_listed",
        communes=[{"commune": MINH_TAN, "name": "Minh Tân", "province": "31"}] * 2,
    ),
    case(R.ALREADY_EXISTS, "goods", "goods_listed", goods=MILK),
    case(R.MALFORMED, "seals, tag", "donor_registered", donor={"tag": "5e" * 16, "seals": []}),
    on(R.MALFORMED, "kind", lambda s: {"kind": "clock_clamped", "clock_at": s.at, "head_at": s.at}),
    # funds
    case(R.ALREADY_EXISTS, "fund", "fund_opened", fund="sua"),
    case(R.TOO_ALIKE, "fund", "fund_opened", fund="SUA"),
    case(R.TOO_ALIKE, "fund", "fund_opened", fund="th1eu"),
    case(R.NO_SUCH_PLACE, "places", "fund_opened", fund="moi", places=[NO_PLACE]),
    case(
        R.MALFORMED,
        "restriction.to_on",
        "fund_opened",
        fund="moi",
        restriction={**OPEN_TO_ALL, "from_on": "2026-02-01", "to_on": "2026-01-01"},
    ),
    case(R.NO_SUCH_FUND, "fund", "shortfall_covered", fund=NO_FUND),
    case(R.NO_SUCH_FUND, "from_fund", "shortfall_covered", from_fund=NO_FUND),
    case(R.OUTSIDE_RESTRICTION, "from_fund", "shortfall_covered", from_fund="sua"),
    case(R.PARTS_DIFFER, "amount", "shortfall_covered", amount=vnd(11_001)),
    case(R.WOULD_BE_OVERDRAWN, None, "shortfall_covered", from_fund="thieu"),
    case(R.SHORTFALL_OPEN, "fund", "shortfall_covered", fund="chung", from_fund="thieu"),
    # pledges
    case(R.ALREADY_EXISTS, "pledge", "pledge_made"),
    case(R.NO_SUCH_FUND, "fund", "pledge_made", pledge="A2345678", fund=NO_FUND),
    case(R.MALFORMED, "due_on", "pledge_made", pledge="A2345678", due_on="2026-08-31"),
    case(R.DAY_IN_FUTURE, "pledged_on", "pledge_made", pledge="A2345678", pledged_on="2026-09-02"),
    # statements
    case(R.NO_SUCH_PLACE, "place", "statement_imported", place=NO_PLACE, sha256="aa" * 32),
    case(R.UNIT_DIFFERS, "amount", "statement_imported", place="bank:USD", sha256="aa" * 32),
    case(R.STATEMENT_ALREADY_IMPORTED, "sha256", "statement_imported"),
    case(R.CONTROL_DIFFERS, "closing_minor", "statement_imported", sha256="aa" * 32, closing_minor=1),
    case(R.MALFORMED, "to_on", "statement_imported", sha256="aa" * 32, from_on="2026-09-01"),
    case(R.DAY_IN_FUTURE, "to_on", "statement_imported", sha256="aa" * 32, to_on="2026-09-02"),
    case(R.MALFORMED, "new_lines", "statement_imported", sha256="aa" * 32, new_lines=4),
    # lines
    on(R.STATEMENT_ALREADY_WHOLE, "statement", gift_line()),
    on(R.LINE_ALREADY_RECORDED, "line", gift_line(line=line(1))),
    on(R.NO_SUCH_STATEMENT, "statement", gift_line(statement=0)),
    on(R.NO_SUCH_STATEMENT, "statement", lambda s: gift_line(statement=s.agr)(s)),
    on(R.MALFORMED, "line", gift_line(statement=None)),
    on(R.MALFORMED, "line", gift_line(line=None)),
    on(R.MALFORMED, "parts", gift_line(parts=parts((2, 500_000)))),
    on(R.STATEMENT_ALREADY_WHOLE, None, lambda s: request("suspense_received", line=line(8), statement=s.statement)),
    on(R.LINE_ALREADY_RECORDED, None, lambda s: request("suspense_paid", statement=s.statement)),
    # gifts
    case(R.NO_SUCH_FUND, "fund", "gift_received", fund=NO_FUND),
    case(R.NO_SUCH_PLACE, "place", "gift_received", place=NO_PLACE),
    case(R.PLACE_NOT_OF_FUND, "place", "gift_received", fund="rieng"),
    case(R.UNIT_DIFFERS, "amount", "gift_received", amount={"minor": 100, "unit": "USD"}),
    case(R.DAY_IN_FUTURE, "received_on", "gift_received", received_on="2026-09-02"),
    case(R.MALFORMED, "received_on", "gift_received", received_on="1989-12-31"),
    case(R.NO_SUCH_PLEDGE, "pledge", "gift_received", pledge={"pledge": "A2345678", "minor": 1}),
    case(
        R.PARTS_DIFFER,
        "pledge.minor",
        "gift_received",
        amount=vnd(400_000),
        pledge={"pledge": PLEDGE, "minor": 400_001},
    ),
    case(
        R.PARTS_DIFFER,
        "pledge.minor",
        "gift_received",
        amount=vnd(900_000),
        pledge={"pledge": PLEDGE, "minor": 500_001},
    ),
    case(R.OUTSIDE_RESTRICTION, "fund", "gift_received", fund="chung", pledge={"pledge": PLEDGE, "minor": 1}),
    case(R.NO_SUCH_LINE, "parts[0]", "gift_received", parts=parts((7, 500_000))),
    case(R.NO_SUCH_LINE, "parts[0]", "gift_received", place="bank:AGR", parts=parts((2, 500_000))),
    case(R.PARTS_DIFFER, "parts", "gift_received", parts=parts((2, 300_000))),
    case(R.PARTS_DIFFER, "parts[0]", "gift_received", amount=vnd(300_001), parts=parts((2, 300_001))),
    case(R.PARTS_DIFFER, "parts[0]", "gift_received", amount=vnd(11_000), parts=parts((3, 11_000))),
    case(R.MALFORMED, "parts", "gift_received", amount=vnd(2), parts=parts((2, 1), (2, 1))),
    # sheets, gateways, mistaken money
    case(R.PARTS_DIFFER, "envelopes", "cash_sheet_received", amount=vnd(150_001)),
    case(R.NO_SUCH_FUND, "fund", "cash_sheet_received", fund=NO_FUND),
    case(R.NO_SUCH_PLACE, "place", "cash_sheet_received", place="cash:KHONG"),
    case(R.PLACE_NOT_OF_FUND, "place", "cash_sheet_received", fund="rieng"),
    case(R.PARTS_DIFFER, "gifts", "gateway_settled", fee_minor=2_001),
    case(R.NO_SUCH_FUND, "fee_fund", "gateway_settled", fee_fund=NO_FUND),
    case(
        R.NO_SUCH_FUND,
        "gifts",
        "gateway_settled",
        gifts=[{"donor": person("x"), "fund": NO_FUND, "minor": 200_000}],
    ),
    case(
        R.PLACE_NOT_OF_FUND,
        "place",
        "gateway_settled",
        gifts=[{"donor": person("x"), "fund": "rieng", "minor": 200_000}],
    ),
    case(R.ALREADY_EXISTS, "case", "mistaken_money_held"),
    case(R.NO_SUCH_RECORD, "case", "mistaken_money_returned", case="nham-9"),
    case(R.WOULD_BE_OVERDRAWN, None, "mistaken_money_returned", amount=vnd(100_001)),
    # refunds
    on(R.NOT_A_GIFT, "gift", refund_of("donor")),
    on(R.NOT_A_GIFT, "gift", refund_of("gift", fund="chung")),
    on(R.NOT_A_GIFT, "gift", refund_of("gift", amount={"minor": 1, "unit": "USD"}, place="bank:USD")),
    case(R.NO_SUCH_RECORD, None, "gift_refunded", gift=9_999),
    on(R.ALREADY_REVERSED, "gift", refund_of("reversed")),
    on(R.PARTS_DIFFER, "amount", refund_of("refunded", amount=vnd(40_001))),
    on(R.WOULD_BE_OVERDRAWN, None, refund_of("gift", amount=vnd(1_000_000))),
    # bank life
    case(R.NO_SUCH_FUND, "fund", "bank_fee_charged", fund=NO_FUND),
    case(R.NO_SUCH_PLACE, "place", "bank_fee_charged", place=NO_PLACE),
    case(R.NO_SUCH_FUND, "fund", "interest_received", fund=NO_FUND),
    case(R.PLACE_NOT_OF_FUND, "place", "interest_received", fund="rieng"),
    case(R.ALREADY_EXISTS, "transfer", "transfer_sent"),
    case(R.WOULD_BE_OVERDRAWN, None, "transfer_sent", transfer="ct-2", amount=vnd(99_000_000)),
    case(R.NO_SUCH_TRANSFER, "transfer", "transfer_arrived", transfer="ct-9"),
    case(R.WOULD_BE_OVERDRAWN, None, "transfer_arrived", amount=vnd(10_001)),
    case(R.UNIT_DIFFERS, "amount", "transfer_arrived", place="bank:USD"),
    case(R.NO_SUCH_PLACE, "place", "cash_paid_in", cash="cash:KHONG"),
    case(R.WOULD_BE_OVERDRAWN, None, "cash_paid_in", amount=vnd(150_001)),
    case(R.NO_SUCH_PLACE, "place", "cash_withdrawn", cash="cash:KHONG"),
    case(R.WOULD_BE_OVERDRAWN, None, "cash_withdrawn", amount=vnd(110_001)),
    # aid
    case(R.ALREADY_EXISTS, "allocation", "allocated"),
    case(R.NO_SUCH_FUND, "fund", "allocated", allocation="pb-9", fund=NO_FUND),
    case(R.NO_SUCH_ACTIVITY, "activity", "allocated", allocation="pb-9", activity="KHONG"),
    case(R.NO_SUCH_COMMUNE, "communes", "allocated", allocation="pb-9", communes=["00001@2019-01-01"]),
    case(R.WOULD_BE_OVERDRAWN, None, "allocated", allocation="pb-9", amount=vnd(440_001)),
    case(R.SHORTFALL_OPEN, "fund", "allocated", allocation="pb-9", fund="thieu", communes=[]),
    case(R.OUTSIDE_RESTRICTION, "activity", "allocated", allocation="pb-9", activity="DOAM"),
    case(R.OUTSIDE_RESTRICTION, "communes", "allocated", allocation="pb-9", communes=[]),
    case(R.OUTSIDE_RESTRICTION, "day", "allocated", allocation="pb-9", fund="thang8", amount=vnd(1)),
    case(
        R.OUTSIDE_RESTRICTION,
        "day",
        "allocated",
        allocation="pb-9",
        fund="thang8",
        amount=vnd(1),
        allocated_on="2026-07-31",
    ),
    case(R.DAY_IN_FUTURE, "allocated_on", "allocated", allocation="pb-9", allocated_on="2026-09-02"),
    case(R.ALREADY_EXISTS, "order", "payment_ordered", amount=vnd(1)),
    case(R.NO_SUCH_ALLOCATION, "allocation", "payment_ordered", order="lc-9", allocation="pb-0"),
    case(R.WOULD_BE_OVERDRAWN, None, "payment_ordered", order="lc-9", amount=vnd(50_001)),
    case(R.UNIT_DIFFERS, "amount", "payment_ordered", order="lc-9", amount=cartons(1)),
    case(R.UNIT_DIFFERS, "amount", "payment_ordered", order="lc-9", place="bank:USD"),
    case(R.PLACE_NOT_OF_FUND, "place", "payment_ordered", order="lc-9", allocation="pb-r", amount=vnd(1)),
    case(R.NO_SUCH_ORDER, "order", "money_advanced", order="lc-0"),
    case(R.HOLDER_DIFFERS, "holder", "money_advanced", holder=SUPPLIER),
    case(R.WOULD_BE_OVERDRAWN, None, "money_advanced", amount=vnd(1)),
    case(R.NO_SUCH_ORDER, "order", "payment_bounced", order="lc-0"),
    case(R.HOLDER_DIFFERS, "holder", "payment_bounced", holder=SUPPLIER),
    case(R.WOULD_BE_OVERDRAWN, None, "payment_bounced", amount=vnd(350_001)),
    case(R.NO_SUCH_ORDER, "order", "money_returned", order="lc-0"),
    case(R.HOLDER_DIFFERS, "holder", "money_returned", holder=SUPPLIER),
    case(R.OUTSIDE_RESTRICTION, "allocation", "money_returned", allocation="pb-2"),
    case(R.WOULD_BE_OVERDRAWN, None, "money_returned", amount=vnd(350_001)),
    # delivered
    case(R.NO_SUCH_ORDER, "handed", "delivered", handed="px-0"),
    case(R.HOLDER_DIFFERS, "holder", "delivered", holder=SUPPLIER),
    case(R.OUTSIDE_RESTRICTION, "allocation", "delivered", allocation="pb-2"),
    case(R.OUTSIDE_RESTRICTION, "fund", "delivered", fund="chung"),
    case(R.MALFORMED, "scope", "delivered", scope=None),
    case(R.MALFORMED, "scope", "delivered", hidden=HIDDEN),
    case(R.SMALL_GROUP_OPEN, "scope.heads", "delivered", scope={"activity": "SUA", "commune": MINH_TAN, "heads": 9}),
    case(R.SMALL_GROUP_OPEN, "delivered_on", "delivered", scope=None, hidden=HIDDEN, delivered_on="2026-08-31"),
    case(
        R.NO_SUCH_COMMUNE,
        "scope.commune",
        "delivered",
        scope={"activity": "SUA", "commune": "00001@2019-01-01", "heads": 10},
    ),
    case(
        R.OUTSIDE_RESTRICTION,
        "scope.activity",
        "delivered",
        scope={"activity": "DOAM", "commune": MINH_TAN, "heads": 10},
    ),
    case(
        R.OUTSIDE_RESTRICTION,
        "scope.commune",
        "delivered",
        scope={"activity": "SUA", "commune": LAI_XUAN, "heads": 10},
    ),
    case(
        R.OUTSIDE_RESTRICTION,
        "day",
        "delivered",
        allocation="pb-8",
        fund="thang8",
        handed="lc-8",
        amount=vnd(1),
    ),
    # goods
    case(R.NO_SUCH_ORDER, "order", "purchased", order="lc-0"),
    case(R.HOLDER_DIFFERS, "holder", "purchased", holder=HOLDER),
    case(R.OUTSIDE_RESTRICTION, "allocation", "purchased", allocation="pb-2"),
    case(R.MALFORMED, "items", "purchased", items=[]),
    case(R.NO_SUCH_PLACE, "place", "purchased", store="stock:KHONG"),
    case(
        R.NO_SUCH_GOODS,
        "items",
        "purchased",
        items=[{"cost_minor": 1, "goods": "gao-5kg", "quantity": 1}],
    ),
    case(R.WOULD_BE_OVERDRAWN, None, "purchased"),
    case(R.ALREADY_EXISTS, "issue", "goods_issued", amount=cartons(1)),
    case(R.NO_SUCH_ALLOCATION, "allocation", "goods_issued", issue="px-9", allocation="pb-0"),
    case(R.NO_SUCH_PLACE, "place", "goods_issued", issue="px-9", store="stock:KHONG"),
    case(R.UNIT_DIFFERS, "amount", "goods_issued", issue="px-9", amount=vnd(1)),
    case(R.WOULD_BE_OVERDRAWN, None, "goods_issued", issue="px-9", amount=cartons(11)),
    case(R.NO_SUCH_ORDER, "issue", "goods_returned", issue="px-0"),
    case(R.HOLDER_DIFFERS, "holder", "goods_returned", holder=SUPPLIER),
    case(R.OUTSIDE_RESTRICTION, "allocation", "goods_returned", allocation="pb-2"),
    case(R.WOULD_BE_OVERDRAWN, None, "goods_returned", amount=cartons(31)),
    # costs
    case(R.NO_SUCH_FUND, "fund", "management_spent", fund=NO_FUND),
    case(R.SHORTFALL_OPEN, "fund", "management_spent", fund="thieu"),
    case(R.WOULD_BE_OVERDRAWN, None, "management_spent", amount=vnd(150_001)),
    # reversals
    on(R.NO_SUCH_RECORD, None, of("gift", reversed=9_999)),
    on(R.NOT_THE_RECORD, "reversed", of("gift", leaf="00" * 32)),
    on(R.NOT_THE_RECORD, "reversed", of("gift", undone_postings=[])),
    on(R.NOT_THE_RECORD, "line_back", of("line_gift", line_back=None)),
    on(
        R.NOT_THE_RECORD,
        "line_back",
        of(
            "refund",
            line_back={"amount": vnd(50_000), "incoming": False, "line": line(1), "place": "bank:VCB"},
        ),
    ),
    on(R.NOT_REVERSIBLE, "reversed", of("donor")),
    on(R.NOT_REVERSIBLE, "reversed", lambda s: s.reversal_of(s.line_gift.index + 1)),
    on(R.NOT_REVERSIBLE, "reversed", lambda s: s.reversal_of(s.line_gift.index + 2)),
    on(R.NOT_REVERSIBLE, "reversed", of("refunded")),
    on(R.ALREADY_REVERSED, "reversed", of("reversed")),
    on(R.WOULD_BE_OVERDRAWN, None, of("used")),
    on(R.DAY_IN_FUTURE, "reversed_on", of("refund", reversed_on="2026-09-02")),
    # papers
    on(R.NOT_THE_RECORD, "gift_leaf", paper_for("gift", gift_leaf="00" * 32)),
    on(R.NOT_A_GIFT, "gift", paper_for("donor")),
    on(R.NOT_A_GIFT, "gift", paper_for("line_gift", part=0)),
    on(R.NOT_A_GIFT, "gift", paper_for("sheet")),
    on(R.NOT_A_GIFT, "gift", paper_for("sheet", part=2)),
    on(R.GIFT_TAKEN_BACK, "gift", paper_for("reversed")),
    on(R.GIFT_TAKEN_BACK, "gift", paper_for("refunded")),
    on(R.ALREADY_EXISTS, "gift", paper_for("gift")),
    on(R.MALFORMED, "decision", paper_for("line_gift", decision=None)),
    on(R.MALFORMED, "decision", paper_for("line_gift", decided_on=None)),
    case(R.NO_SUCH_RECORD, "number", "certificate_revoked", number=2),
    case(R.NO_SUCH_RECORD, "number", "certificate_revoked", year=2025),
    case(R.NO_SUCH_RECORD, "number", "certificate_revoked", paper="receipt"),
    # disputes
    case(R.UNIT_DIFFERS, "amount", "disputed", amount=cartons(1)),
    case(R.UNIT_DIFFERS, "amount", "disputed", place="bank:USD"),
    case(R.NO_SUCH_PLACE, "place", "disputed", place=NO_PLACE),
    case(R.MALFORMED, "transferred_on", "disputed", transferred_on="2026-09-02"),
    case(R.MALFORMED, "answer_by_on", "disputed", answer_by_on="2026-08-31"),
    case(R.MALFORMED, "answer_by_on", "disputed", answer_by_on="2026-10-02"),
    case(R.DAY_IN_FUTURE, "raised_on", "disputed", raised_on="2026-09-02"),
    case(R.MALFORMED, "seals, tag", "disputed", sender={"tag": "5e" * 16, "seals": []}),
    on(R.NO_SUCH_DISPUTE, "dispute", answer_to("gift")),
    on(R.NOT_THE_RECORD, "dispute_leaf", answer_to("dispute", dispute_leaf="00" * 32)),
    on(R.ALREADY_ANSWERED, "dispute", answer_to("answered")),
    on(R.MALFORMED, "found", answer_to("dispute", outcome="found")),
    on(R.MALFORMED, "found", answer_to("dispute", found=lambda s: s.gift.index)),
    on(R.NO_SUCH_RECORD, None, answer_to("dispute", **found(lambda s: 9_999))),
    on(R.NOT_THE_RECORD, "found", answer_to("dispute", **found(lambda s: s.fee.index))),
    on(R.NOT_THE_RECORD, "found", answer_to("dispute", **found(lambda s: s.reversal.index))),
    on(R.ALREADY_REVERSED, "found", answer_to("dispute", **found(lambda s: s.reversed.index))),
    on(R.DAY_IN_FUTURE, "answered_on", answer_to("dispute", answered_on="2026-09-02")),
    # beyond this book
    case(R.NO_SUCH_ALLOCATION, "allocation", "grant_sent", allocation="pb-0"),
    case(R.PLACE_NOT_OF_FUND, "place", "grant_sent", allocation="pb-r", amount=vnd(1)),
    case(R.UNIT_DIFFERS, "amount", "grant_sent", place="bank:USD"),
    case(R.OUTSIDE_RESTRICTION, "day", "grant_sent", allocation="pb-8", amount=vnd(1)),
    case(R.WOULD_BE_OVERDRAWN, None, "grant_sent", amount=vnd(600_001)),
    case(R.DAY_IN_FUTURE, "sent_on", "grant_sent", sent_on="2026-09-02"),
    case(R.MALFORMED, None, "grant_sent", to_origin="có dấu"),
    case(R.NO_SUCH_FUND, "fund", "grant_received", fund=NO_FUND),
    case(R.PLACE_NOT_OF_FUND, "place", "grant_received", fund="rieng"),
    case(R.NO_SUCH_PLACE, "place", "grant_received", place=NO_PLACE),
    case(R.NO_SUCH_LINE, "parts[0]", "grant_received", parts=parts((7, 250_000))),
    case(R.NO_SUCH_PROGRAMME, "programme", "external_contributed", programme="HP999"),
    case(R.NO_SUCH_ACTIVITY, "activity", "external_contributed", activity="KHONG"),
    case(R.NO_SUCH_COMMUNE, "communes", "external_contributed", communes=["00001@2019-01-01"]),
    case(R.NO_SUCH_GOODS, "amount", "external_contributed", amount={"minor": 5, "unit": "gao-5kg"}),
    case(R.NO_SUCH_PROGRAMME, "programme", "children_reported", programme="HP999"),
    case(R.NO_SUCH_ACTIVITY, "activity", "children_reported", activity="KHONG"),
    case(R.NO_SUCH_COMMUNE, "commune", "children_reported", commune="00001@2019-01-01"),
    case(R.SMALL_GROUP_OPEN, "heads", "children_reported", heads=9),
    case(R.MALFORMED, "to_on", "children_reported", from_on="2026-09-01"),
    case(R.MALFORMED, "reported_on", "children_reported", to_on="2026-09-02"),
    # witnesses and keys
    case(R.POLICY_INVALID, "policy", "witnesses_set", policy=POLICY[:-1]),
    case(R.POLICY_INVALID, "policy", "witnesses_set", policy=["quorum ai-do"]),
    case(R.POLICY_INVALID, "policy", "witnesses_set", policy=[*POLICY[:1], witness("khac", 1), *POLICY[1:]]),
    case(R.POLICY_INVALID, "policy", "witnesses_set", policy=["# ai", *POLICY]),
    on(
        R.POLICY_INVALID,
        "policy",
        lambda s: request("witnesses_set", policy=[f"log {s.world.open.signer.verifier.vkey}", *POLICY]),
    ),
    case(R.MALFORMED, None, "witnesses_set", policy=["quorum none\n"]),
    case(R.MALFORMED, None, "witnesses_set", policy=["quorum none" + " " * 2_300]),
    case(R.POLICY_INVALID, "policy", "witnesses_set", policy=["quorum none", *[" "] * 50]),
    on(R.KEY_DIFFERS, "old_key", lambda s: key_replaced(next_key(s.world, 3), next_key(s.world))),
    on(R.ALREADY_EXISTS, "new_key", lambda s: key_replaced(s.world.open.signer.key(), s.world.open.signer.key())),
    on(R.MALFORMED, "new_key", replaces(new_key=NO_KEY)),
    on(R.MALFORMED, "new_key", replaces(new_key=WITNESS_KEY)),
    on(R.MALFORMED, "new_key", replaces_for("sovang/khac/1")),
    on(R.SIGNATURE_INVALID, "new_signature", replaces(new_signature=NO_SIGNATURE)),
    on(R.SIGNATURE_INVALID, "new_signature", replaces(compromised=True, new_signature="A" * 85 + "B==")),
    on(R.SIGNATURE_INVALID, "old_signature", replaces(old_signature=NO_SIGNATURE)),
    on(R.SIGNATURE_INVALID, "old_signature", replaces(old_signature=None)),
    on(R.SIGNATURE_INVALID, "old_signature", replaces(compromised=True, old_signature=NO_SIGNATURE)),
    on(R.SIGNATURE_INVALID, "new_signature", replaces(origin="sovang/khac/1")),
    on(R.SIGNATURE_INVALID, "new_signature", lambda s: {**replaces(compromised=True)(s), "compromised": False}),
    # restored, closed
    case(R.NEEDS_TWO_OFFICERS, "officers", "restored", officers=["giam-doc"]),
    case(R.NEEDS_TWO_OFFICERS, "officers", "restored", officers=["giam-doc", "giam-doc"]),
    case(R.NEEDS_TWO_OFFICERS, "officers", "restored", officers=["giam-doc", "Giam-Doc"]),
    case(R.NEEDS_TWO_OFFICERS, "officers", "restored", officers=["a", "b", "c"]),
    case(R.MALFORMED, "signed_size", "restored", backup_size=5),
    on(R.MALFORMED, "signed_size", lambda s: request("restored", signed_size=s.size + 1)),
    case(R.DAY_IN_FUTURE, "restored_on", "restored", restored_on="2026-09-02"),
    case(R.NEEDS_TWO_OFFICERS, "officers", "book_closed", officers=["giam-doc", "giam-doc"]),
    case(R.DAY_IN_FUTURE, "closed_on", "book_closed", closed_on="2026-09-02"),
    # the request itself
    on(R.UNKNOWN_KIND, None, lambda s: {"kind": "gift_promised"}),
    case(R.MALFORMED, None, "gift_received", fund="có dấu"),
    case(R.MALFORMED, None, "gift_received", amount=vnd(0)),
    case(R.MALFORMED, None, "gift_received", amount=vnd(-5)),
    case(R.MALFORMED, None, "gift_received", amount=vnd(MAX_MINOR + 1)),
    case(R.MALFORMED, None, "gift_received", amount={"minor": 1.5, "unit": "VND"}),
    case(R.MALFORMED, None, "gift_received", donor={"private": {"name": "Hoà\u202e"}}),
    case(R.AMOUNT_TOO_LARGE, "amount", "gift_received", amount=vnd(MAX_MINOR)),
]


@pytest.mark.parametrize(
    "number", range(len(REFUSED)), ids=lambda n: f"{n}-{REFUSED[n][0].lower()}-{REFUSED[n][1] or ''}"
)
def test_refused_by_name_and_nothing_is_kept(stage: Stage, number: int) -> None:
    """The reason is part of the public API; a refused request leaves no record behind."""
    reason, field, make = REFUSED[number]
    refused(reason, lambda: stage.world.say(**make(stage)), field)
    assert size(stage.world) == stage.size


def test_a_tag_is_never_given_twice(world: World) -> None:
    """A source of randomness that repeats itself would link two people in public; the register notices."""
    entry = request("donor_registered")
    drawn = world.home._random.drawn
    world.open.requests.submit([{"entry": entry, "reference": "a"}], "may")
    world.home._random.drawn = drawn
    refused(R.ALREADY_EXISTS, lambda: world.open.requests.submit([{"entry": entry, "reference": "b"}], "may"), "donor")


# --- refusals that need a book of their own -------------------------------------------------------------


def test_money_out_in_suspense_is_not_explained_as_money_in(world: World) -> None:
    """A debit line explained as a gift would invent a donor, a credit line explained as a fee would hide one."""
    number = statement(world)
    say(world, "suspense_received", statement=number)
    say(world, "suspense_paid", statement=number)
    refused(
        R.PARTS_DIFFER,
        lambda: say(world, "gift_received", amount=vnd(11_000), parts=parts((3, 11_000))),
        "parts[0]",
    )
    refused(
        R.PARTS_DIFFER,
        lambda: say(world, "bank_fee_charged", amount=vnd(11_000), parts=parts((2, 11_000))),
        "parts[0]",
    )
    say(world, "bank_fee_charged", parts=parts((3, 11_000)))
    assert world.balance(f"suspense:{line(3)}") == 0


def test_one_line_split_over_many_entries_and_many_lines_in_one(world: World) -> None:
    """Σ parts = Σ lines: what is explained is neither more nor less than what the bank booked."""
    number = statement(world, lines=3)
    for n, minor in ((1, 100), (2, 250), (3, 650)):
        say(world, "suspense_received", statement=number, line=line(n), amount=vnd(minor))
    say(world, "gift_received", amount=vnd(40), parts=parts((1, 40)))
    say(world, "mistaken_money_held", amount=vnd(10), parts=parts((1, 10)))
    mixed = say(world, "gift_received", amount=vnd(850), parts=parts((1, 50), (2, 250), (3, 550)))
    assert posted(world, mixed) == [
        f"50 VND suspense:{line(1)} → senders",
        f"250 VND suspense:{line(2)} → senders",
        f"550 VND suspense:{line(3)} → senders",
        "850 VND donors → fund:sua",
    ]
    assert [world.balance(f"suspense:{line(n)}") for n in (1, 2, 3)] == [0, 0, 100]
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_received", amount=vnd(101), parts=parts((3, 101))), "parts[0]")
    say(world, "interest_received", amount=vnd(100), parts=parts((3, 100)))
    explained = {a: world.balance(a) for a in ("fund:sua", "fund:chung", "mistaken:nham-1", "bank:VCB")}
    assert explained == {"fund:sua": 890, "fund:chung": 100, "mistaken:nham-1": 10, "bank:VCB": 1_000}
    assert world.balance("senders") == -10


def test_a_gateways_batch_out_of_suspense(world: World) -> None:
    """One credit on the statement is many gifts less the gateway's fee."""
    number = statement(world)
    say(world, "suspense_received", statement=number, line=line(1), amount=vnd(198_000))
    settled = say(world, "gateway_settled", parts=parts((1, 198_000)))
    assert posted(world, settled) == [
        f"198000 VND {L1} → senders",
        "120000 VND donors → fund:sua",
        "80000 VND donors → fund:chung",
        "2000 VND fund:chung → costs:chung",
    ]
    assert world.balance("donors") == -200_000


def test_a_gateways_fee_that_its_fund_does_not_have(world: World) -> None:
    """The fee was taken whether the fund had it or not."""
    settled = say(
        world,
        "gateway_settled",
        gifts=[{"donor": person("Ví 1"), "fund": "sua", "minor": 200_000}],
        credited=vnd(198_000),
    )
    assert posted(world, settled)[1] == "2000 VND shortfall:chung → costs:chung"
    assert world.balance("shortfall:chung") == -2_000


def test_an_own_transfer_by_statement_lines_of_both_banks(world: World) -> None:
    """Money between own accounts is never a gift and never a payment; on the way it is in transit."""
    world.gift(500_000)
    out = statement(world)
    into = statement_at(world, "bank:AGR", lines=1, sha="a9" * 32)
    say(world, "suspense_paid", statement=out, amount=vnd(400_000))
    arrived = say(world, "suspense_received", place="bank:AGR", statement=into, amount=vnd(400_000), line=line(5))
    sent = say(world, "transfer_sent", parts=parts((3, 400_000)))
    assert posted(world, sent) == [
        f"400000 VND senders → suspense:{line(3)}",
        "400000 VND outside → transit:ct-1",
    ]
    ended = say(world, "transfer_arrived", parts=parts((5, 400_000)))
    assert posted(world, ended) == [
        f"400000 VND suspense:{line(5)} → senders",
        "400000 VND transit:ct-1 → outside",
    ]
    assert (world.balance("bank:AGR"), world.balance("transit:ct-1"), world.balance("senders")) == (400_000, 0, 0)
    refused(R.WOULD_BE_OVERDRAWN, lambda: reverse(world, sent.index))
    reverse(world, ended.index)
    reverse(world, sent.index)
    assert world.balance("transit:ct-1") == 0
    assert world.balance(f"suspense:{line(5)}") == 400_000
    assert arrived.index < sent.index


def test_a_bounced_payment_is_paid_again(world: World) -> None:
    """The order stands after a bounce, and is paid once in the end."""
    paid(world)
    refused(R.WOULD_BE_OVERDRAWN, lambda: say(world, "money_advanced"))
    say(world, "payment_bounced")
    say(world, "money_advanced", place="bank:VCB")
    refused(R.WOULD_BE_OVERDRAWN, lambda: say(world, "money_advanced"))
    assert (world.balance("handed:lc-1"), world.balance("bank:VCB")) == (350_000, 650_000)


def test_mistaken_money_is_never_a_gift(world: World) -> None:
    """It cannot be allocated, gets no paper and no refund, and goes back to its sender."""
    held = say(world, "mistaken_money_held")
    assert (world.balance("donors"), world.balance("fund:sua"), world.balance("mistaken:nham-1")) == (0, 0, 100_000)
    refused(R.WOULD_BE_OVERDRAWN, lambda: say(world, "allocated", amount=vnd(1)))
    refused(R.NOT_A_GIFT, lambda: paper(world, held))
    refused(R.NOT_A_GIFT, lambda: say(world, "gift_refunded", gift=held.index))
    say(world, "mistaken_money_returned", amount=vnd(60_000))
    refused(R.WOULD_BE_OVERDRAWN, lambda: say(world, "mistaken_money_returned", amount=vnd(40_001)))
    say(world, "mistaken_money_returned", amount=vnd(40_000))
    assert world.balance("mistaken:nham-1") == 0


def test_a_gift_is_refunded_in_parts_up_to_its_amount(world: World) -> None:
    """Never more than was given, counted over all refunds; a reversed refund counts no more."""
    gift = world.gift(100_000)
    world.gift(100_000)
    first = say(world, "gift_refunded", gift=gift.index, amount=vnd(60_000))
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_refunded", gift=gift.index, amount=vnd(40_001)), "amount")
    second = say(world, "gift_refunded", gift=gift.index, amount=vnd(40_000))
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_refunded", gift=gift.index, amount=vnd(1)), "amount")
    undone = reverse(world, second.index)
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, gift.index))
    reverse(world, first.index)
    # Both refunds undone: the gift can be refunded whole, and then the undoing cannot itself be undone.
    say(world, "gift_refunded", gift=gift.index, amount=vnd(100_000))
    refused(R.PARTS_DIFFER, lambda: reverse(world, undone.index), "amount")
    assert world.balance("fund:sua") == 100_000


def test_a_refund_waits_until_a_shortfall_is_covered(world: World) -> None:
    """Money of a fund that owes does not leave by a decision."""
    say(world, "bank_fee_charged", fund="sua")
    gift = world.gift(100_000)
    refused(R.SHORTFALL_OPEN, lambda: say(world, "gift_refunded", gift=gift.index), "fund")
    say(world, "shortfall_covered", fund="sua", from_fund="sua")
    say(world, "gift_refunded", gift=gift.index)
    assert world.balance("fund:sua") == 39_000


def test_a_reversed_gift_of_a_line_waits_in_suspense_again(world: World) -> None:
    """The bank's word stays: the money is there, only what was said of it was wrong."""
    number = statement(world)
    wrong = say(world, "gift_received", line=line(1), statement=number)
    undone = reverse(world, wrong.index)
    assert posted(world, undone) == [
        "500000 VND fund:sua → donors",
        "500000 VND bank:VCB → outside",
        f"500000 VND senders → {L1}",
        "500000 VND outside → bank:VCB",
    ]
    assert (world.balance(L1), world.balance("bank:VCB"), world.balance("donors")) == (500_000, 500_000, 0)
    refused(
        R.LINE_ALREADY_RECORDED,
        lambda: say(world, "gift_received", line=line(1), statement=number),
        "line",
    )
    say(world, "gift_received", fund="chung", parts=parts((1, 500_000)))
    assert (world.balance(L1), world.balance("fund:chung")) == (0, 500_000)


def test_a_reversed_fee_of_a_line_waits_in_suspense_as_money_out(world: World) -> None:
    """The same for a debit: suspense holds it below zero until it is explained."""
    world.gift(100_000, fund="chung")
    number = statement(world)
    fee = say(world, "bank_fee_charged", line=line(3), statement=number)
    reverse(world, fee.index)
    assert (world.balance(f"suspense:{line(3)}"), world.balance("bank:VCB")) == (-11_000, 89_000)
    assert world.balance("fund:chung") == 100_000


def test_a_line_is_not_counted_twice_by_undoing_a_reversal(world: World) -> None:
    """Gift, reversed, explained as something else: the reversal cannot be undone, its money is spoken for."""
    number = statement(world)
    wrong = say(world, "gift_received", line=line(1), statement=number)
    undone = reverse(world, wrong.index)
    right = say(world, "gift_received", fund="chung", parts=parts((1, 500_000)))
    refused(R.PARTS_DIFFER, lambda: reverse(world, undone.index), "reversed")
    reverse(world, right.index)
    reverse(world, undone.index)
    assert (world.balance(L1), world.balance("fund:sua"), world.balance("fund:chung")) == (0, 500_000, 0)
    assert world.balance("bank:VCB") == 500_000


def test_a_gift_out_of_suspense_reversed_and_restored(world: World) -> None:
    """The parts go back to where they waited, and out again only while they wait there."""
    number = statement(world)
    say(world, "suspense_received", statement=number)
    gift = say(world, "gift_received", amount=vnd(300_000), parts=parts((2, 300_000)))
    undone = reverse(world, gift.index)
    assert world.balance(L2) == 300_000
    other = say(world, "gift_received", amount=vnd(1), fund="chung", parts=parts((2, 1)))
    refused(R.PARTS_DIFFER, lambda: reverse(world, undone.index), "reversed")
    reverse(world, other.index)
    reverse(world, undone.index)
    assert (world.balance(L2), world.balance("fund:sua")) == (0, 300_000)


def test_a_reversal_is_undone_once_and_the_gift_holds_again(world: World) -> None:
    """A mistaken reversal is itself a mistake to put right: paper and refund follow what holds now."""
    gift = world.gift()
    undone = reverse(world, gift.index)
    refused(R.ALREADY_REVERSED, lambda: reverse(world, gift.index))
    refused(R.GIFT_TAKEN_BACK, lambda: paper(world, gift))
    restored = reverse(world, undone.index)
    assert posted(world, restored) == ["500000 VND donors → fund:sua", "500000 VND outside → bank:VCB"]
    refused(R.ALREADY_REVERSED, lambda: reverse(world, undone.index))
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, restored.index))
    paper(world, gift)
    say(world, "gift_refunded", gift=gift.index, amount=vnd(1))
    refund = size(world) - 1
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, gift.index))
    reverse(world, refund)
    reverse(world, gift.index)
    assert (world.balance("fund:sua"), world.balance("bank:VCB")) == (0, 0)


def test_a_gift_already_allocated_is_not_reversed(world: World) -> None:
    """The aid would be paid from nothing; first the allocation is undone."""
    gift = world.gift(600_000)
    set_aside = say(world, "allocated")
    refused(R.WOULD_BE_OVERDRAWN, lambda: reverse(world, gift.index))
    reverse(world, set_aside.index)
    reverse(world, gift.index)
    assert (world.balance("fund:sua"), world.balance("allocated:pb-1")) == (0, 0)


def test_a_kept_pledge_is_open_again_when_its_gift_is_reversed(world: World) -> None:
    """A promise fulfilled by mistake is still a promise."""
    say(world, "pledge_made")
    gift = say(world, "gift_received", pledge={"pledge": PLEDGE, "minor": 500_000})
    assert world.balance(f"pledge:{PLEDGE}") == 0
    reverse(world, gift.index)
    assert world.balance(f"pledge:{PLEDGE}") == 500_000


def test_a_fact_beyond_its_funds_money_is_recorded_with_its_shortfall(world: World) -> None:
    """A fee was taken, like it or not. The fund then decides nothing new until somebody has covered it."""
    world.gift(10_000, fund="chung")
    fee = say(world, "bank_fee_charged")
    assert posted(world, fee) == [
        "10000 VND fund:chung → costs:chung",
        "1000 VND shortfall:chung → costs:chung",
        "11000 VND bank:VCB → outside",
    ]
    world.gift(50_000, fund="chung")
    allocation: dict[str, Any] = {"fund": "chung", "amount": vnd(1_000), "communes": []}
    refusal = refused(R.SHORTFALL_OPEN, lambda: say(world, "allocated", **allocation), "fund")
    assert refusal.details["short_by_minor"] == 1_000
    say(world, "shortfall_covered", fund="chung", from_fund="chung", amount=vnd(400))
    refused(R.SHORTFALL_OPEN, lambda: say(world, "allocated", **allocation), "fund")
    cover = say(world, "shortfall_covered", fund="chung", from_fund="chung", amount=vnd(600))
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, fee.index), "reversed")
    say(world, "allocated", **allocation)
    assert (world.balance("shortfall:chung"), world.balance("fund:chung")) == (0, 48_000)
    assert cover.index > fee.index


def test_a_delivery_beyond_what_was_handed_over_is_recorded_with_its_shortfall(world: World) -> None:
    """The children have it; that the papers say otherwise is for the auditor to see."""
    paid(world)
    given = say(world, "delivered", handed="lc-1", amount=vnd(400_000))
    assert posted(world, given) == [
        "350000 VND handed:lc-1 → used:pb-1",
        "50000 VND shortfall:sua → used:pb-1",
        f"400000 VND advance:{HOLDER} → outside",
    ]
    refused(R.SHORTFALL_OPEN, lambda: say(world, "payment_ordered", order="lc-3", amount=vnd(1)), "fund")
    reverse(world, given.index)
    say(world, "payment_ordered", order="lc-3", amount=vnd(1))
    assert (world.balance("shortfall:sua"), world.balance(f"advance:{HOLDER}")) == (0, 350_000)


def test_goods_issued_wait_for_a_shortfall_of_those_goods(world: World) -> None:
    """Decisions on goods are held back like decisions on money."""
    issued(world)
    given = say(world, "delivered", amount=cartons(31))
    refused(R.SHORTFALL_OPEN, lambda: say(world, "goods_issued", issue="px-2", amount=cartons(1)), "fund")
    reverse(world, given.index)
    say(world, "goods_issued", issue="px-2", amount=cartons(1))
    assert world.balance("stock:KHO", MILK) == 9


def test_numbers_of_papers_have_no_gap_in_a_register_and_year(world: World) -> None:
    """A missing number is a paper somebody hides; a revoked one is never given again."""
    gifts = [world.gift(1_000 + n) for n in range(5)]
    numbers = [entry_of(world, paper(world, gift)).number for gift in gifts[:3]]
    assert numbers == [1, 2, 3]
    assert entry_of(world, paper(world, gifts[0], paper="receipt", decision=None)).number == 1
    assert entry_of(world, paper(world, gifts[3], issued_on="2025-12-31")).number == 1
    say(world, "certificate_revoked", number=2)
    refused(R.ALREADY_REVERSED, lambda: say(world, "certificate_revoked", number=2), "number")
    assert entry_of(world, paper(world, gifts[1])).number == 4
    refused(R.ALREADY_EXISTS, lambda: paper(world, gifts[1]), "gift")
    asked = entry_of(world, paper(world, gifts[4], number=77))
    assert asked.number == 5


def test_every_envelope_of_a_sheet_has_its_own_paper(world: World) -> None:
    """Many donors stand in one record; each gets one paper."""
    sheet = say(world, "cash_sheet_received")
    assert [entry_of(world, paper(world, sheet, part=part)).number for part in (0, 1)] == [1, 2]
    refused(R.ALREADY_EXISTS, lambda: paper(world, sheet, part=0), "gift")
    batch = say(world, "gateway_settled")
    assert entry_of(world, paper(world, batch, part=1)).number == 3


def entry_of(world: World, recorded: Recorded) -> CertificateIssued:
    entry = record_at(world, recorded.index).entry
    assert isinstance(entry, CertificateIssued)
    return entry


def test_a_fund_is_used_for_what_its_donors_allowed(world: World) -> None:
    """Activity, commune and time window, when decided and when spent."""
    restriction = {"activities": ["SUA"], "classes": [], "communes": [MINH_TAN], "from_on": DAY, "to_on": DAY}
    say(world, "fund_opened", fund="hep", restriction=restriction)
    world.gift(fund="hep")
    world.clock.moment += timedelta(days=1)
    fields: dict[str, Any] = {"fund": "hep", "amount": vnd(100_000)}
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "allocated", **fields, activity="DOAM"), "activity")
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "allocated", **fields, communes=[LAI_XUAN]), "communes")
    refused(
        R.OUTSIDE_RESTRICTION,
        lambda: say(world, "allocated", **fields, communes=[MINH_TAN, LAI_XUAN]),
        "communes",
    )
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "allocated", **fields, allocated_on="2026-09-02"), "day")
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "allocated", **fields, allocated_on="2026-08-31"), "day")
    say(world, "allocated", **fields)
    say(world, "payment_ordered", amount=vnd(100_000))
    say(world, "money_advanced", amount=vnd(100_000))
    use: dict[str, Any] = {"fund": "hep", "handed": "lc-1", "amount": vnd(100_000)}
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "delivered", **use, delivered_on="2026-09-02"), "day")
    say(world, "delivered", **use)
    assert world.balance("used:pb-1") == 100_000


def test_a_small_group_stands_open_nowhere(world: World) -> None:
    """Nine children in a named commune could be told apart; ten may stand open, nine by province and month."""
    issued(world)
    scope = {"activity": "SUA", "commune": MINH_TAN, "heads": 9}
    refused(R.SMALL_GROUP_OPEN, lambda: say(world, "delivered", scope=scope), "scope.heads")
    say(world, "delivered", scope={**scope, "heads": 10}, amount=cartons(10))
    refused(
        R.SMALL_GROUP_OPEN,
        lambda: say(world, "delivered", scope=None, hidden=HIDDEN, delivered_on="2026-08-31"),
        "delivered_on",
    )
    hidden = say(world, "delivered", scope=None, hidden=HIDDEN, delivered_on="2026-08-01", amount=cartons(3))
    body = record_at(world, hidden.index)
    assert body.entry.scope is None
    assert body.entry.hidden.province == "31"


def test_a_dispute_is_answered_once_and_tells_nobodys_name(world: World) -> None:
    """Its deadline stands in the register for the audit; who asked lies in the vault."""
    missed = say(world, "disputed")
    entry = record_at(world, missed.index).entry
    assert {seal.field for person in entry.persons() for seal in person.seals} == {"name", "reference", "contact"}
    assert b"0900000001" not in canonical.encode_typed(entry)
    key = Key("dispute", str(missed.index))
    assert row_of(world, key) == {"answer_by_on": "2026-10-01", "answered": False}
    gift = world.gift(300_000)
    answer = {"dispute": missed.index, "dispute_leaf": missed.leaf_hash.hex(), "outcome": "found"}
    answered = say(world, "dispute_answered", **answer, found=gift.index)
    assert row_of(world, key) == {"answer_by_on": "2026-10-01", "answered": True, "by": answered.index}
    refused(R.ALREADY_ANSWERED, lambda: say(world, "dispute_answered", **answer, found=gift.index), "dispute")
    check_book(world)


def row_of(world: World, key: Key) -> dict[str, Any] | None:
    """A register row as stored."""
    with reading(world.open.engine) as db:
        value = read.registers(db, world.open.code, [key]).get(key)
    return None if value is None else decode_value(value)


def test_a_grant_waits_for_its_funds_shortfall_and_is_put_right_like_a_payment(world: World) -> None:
    """Money for another organisation leaves under the same rules as our own."""
    allocated(world)
    say(world, "bank_fee_charged", fund="sua", amount=vnd(400_001))
    refused(R.SHORTFALL_OPEN, lambda: say(world, "grant_sent"), "fund")
    world.gift(1)
    say(world, "shortfall_covered", fund="sua", from_fund="sua", amount=vnd(1))
    sent = say(world, "grant_sent")
    reverse(world, sent.index)
    assert (world.balance("allocated:pb-1"), world.balance("used:pb-1")) == (600_000, 0)
    check_book(world)


def test_a_grant_received_is_traced_like_a_gift(world: World) -> None:
    """Another organisation's donors ask through it: what it became must be told to the đồng."""
    received = say(world, "grant_received", amount=vnd(1_000_000))
    say(world, "allocated")
    sent = say(world, "grant_sent")
    with reading(world.open.engine) as db:
        answer = trace_stored(db, world.open.code, received.index)
        uses = trace_stored(db, world.open.code, sent.index).made_of
    assert (answer.source, answer.amount) == ("gift", dong(1_000_000))
    assert [(use.index, use.kind, use.amount_minor) for use in answer.uses] == [(sent.index, "grant_sent", 150_000)]
    assert {held.account: held.minor for held in answer.held} == {"fund:sua": 400_000, "allocated:pb-1": 450_000}
    assert [(part.source, part.index, part.minor) for part in uses] == [("gift", received.index, 150_000)]
    check_book(world)


def test_witnesses_are_what_was_set_last(world: World) -> None:
    """No witnesses is also something a book says; ML-DSA keys fit in a line."""
    say(world, "witnesses_set")
    assert row_of(world, WITNESSES) == {"index": size(world) - 1, "policy": POLICY}
    quantum = CosigningKey.from_seed("pq.example.org", bytes(32), COSIGNATURE_MLDSA44)
    policy = [f"witness pq {quantum.vkey} https://pq.example.org/", "quorum pq"]
    say(world, "witnesses_set", policy=policy)
    assert row_of(world, WITNESSES) == {"index": size(world) - 1, "policy": policy}
    last = say(world, "witnesses_set", policy=[])
    assert row_of(world, WITNESSES) == {"index": last.index, "policy": []}
    check_book(world)


def test_keys_follow_one_another_and_none_comes_back(tmp_path: Path, database: str | None) -> None:
    """The row names the key in force; a closed key would let its finder sign again."""
    world = World.create(tmp_path / "home", database)
    first, second, third = world.open.signer.key(), next_key(world), next_key(world, 2)
    replaced = world.say(**key_replaced(first, second))
    assert row_of(world, KEY) == {"index": replaced.index, "vkey": second.vkey}
    refused(R.KEY_DIFFERS, lambda: world.say(**key_replaced(first, third)), "old_key")
    refused(R.ALREADY_EXISTS, lambda: world.say(**key_replaced(second, first)), "new_key")
    stolen = world.say(**key_replaced(second, third, compromised=True))
    assert row_of(world, KEY) == {"index": stolen.index, "vkey": third.vkey}
    refused(R.ALREADY_EXISTS, lambda: world.say(**key_replaced(third, second)), "new_key")
    assert posted(world, stolen) == []
    # The home has none of these keys and signs no more: the records alone are held against the database.
    check_stored(world)
    world.home.close()


def test_a_day_is_judged_in_the_books_zone_around_midnight(world: World) -> None:
    """At 17:00 UTC it is tomorrow in Hải Phòng: one minute before, tomorrow's gift is still refused."""
    world.clock.moment = datetime(2026, 9, 1, 16, 59, 59, tzinfo=UTC)
    refused(R.DAY_IN_FUTURE, lambda: world.gift(received_on="2026-09-02"), "received_on")
    world.clock.moment = datetime(2026, 9, 1, 17, 0, 0, tzinfo=UTC)
    first = world.gift(received_on="2026-09-02")
    refused(R.DAY_IN_FUTURE, lambda: world.gift(received_on="2026-09-03"), "received_on")
    assert record_at(world, first.index).at.startswith("2026-09-01T17:00:00")


def test_a_book_of_another_zone_has_its_own_midnight(tmp_path: Path) -> None:
    """Zones with half hours too: the day is computed, not assumed."""
    world = World.create(tmp_path / "home", None, zone="Asia/Kathmandu")
    world.clock.moment = datetime(2026, 9, 1, 18, 14, 59, tzinfo=UTC)
    refused(R.DAY_IN_FUTURE, lambda: world.gift(received_on="2026-09-02"), "received_on")
    world.clock.moment = datetime(2026, 9, 1, 18, 15, 0, tzinfo=UTC)
    assert world.gift(received_on="2026-09-02").index == size(world) - 1
    check_book(world)
    world.home.close()


def test_a_clock_set_back_is_recorded_and_time_never_runs_backwards(world: World) -> None:
    """The log says so itself; a small step back is only clamped."""
    before = world.gift()
    world.clock.moment -= timedelta(hours=1)
    after = world.gift()
    assert after.index == before.index + 2
    clamped = record_at(world, before.index + 1).entry
    assert clamped.kind == "clock_clamped"
    assert clamped.head_at == record_at(world, before.index).at > clamped.clock_at
    world.clock.moment = datetime.fromisoformat(clamped.head_at) - timedelta(milliseconds=900)
    last = world.gift()
    assert last.index == after.index + 1
    instants = [record_at(world, index).at for index in range(size(world))]
    assert instants == sorted(instants)


def test_nobody_takes_the_clocks_reference_before_it(world: World) -> None:
    """A caller who could would stop the book on the day the clock runs backwards."""
    for number in range(size(world), size(world) + 4):
        entry = request("interest_received", amount=vnd(number))
        world.open.requests.submit([{"entry": entry, "reference": f"clock-{number}"}], "ke-toan")
    world.clock.moment -= timedelta(hours=1)
    assert world.gift().index == size(world) - 1


# --- the book's own rules -------------------------------------------------------------------------------


def book_opens_once(path: Path) -> None:
    world = World.create(path / "home", None)
    opened = decode(first_body(world)).entry
    refused(R.BOOK_ALREADY_OPEN, lambda: world.open.book.record([Draft(opened, "a/again", bytes(32))], "a"))
    refused(R.ALREADY_EXISTS, lambda: world.home.create_book("hp", "Lại", by="a"), "book")
    check_book(world)
    world.home.close()


def first_body(world: World) -> bytes:
    return bodies(world)[0]


def book_must_be_open(path: Path) -> None:
    world = World.create(path / "home", None)
    gift = record_at(world, world.gift().index).entry
    from ledger.book import Book

    closed = Book(world.open.engine, "khac", world.open.keys, world.clock)
    refused(R.BOOK_NOT_OPEN, lambda: closed.record([Draft(gift, "a/1", bytes(32))], "a"))
    refused(R.BOOK_NOT_OPEN, lambda: world.home.open_book("khac"), "book")
    check_book(world)
    world.home.close()


def decisions_above_the_policy_need_approval(path: Path) -> None:
    world = World.create(path / "home", None, four_eyes_above=dong(600_000))
    world.gift(2_000_000)
    refusal = refused(R.NEEDS_APPROVAL, lambda: say(world, "allocated", amount=vnd(600_001)))
    assert (refusal.details["kind"], refusal.details["above_minor"]) == ("allocated", 600_000)
    say(world, "allocated")
    check_book(world)
    world.home.close()


def amounts_stay_exact(path: Path) -> None:
    world = World.create(path / "home", None)
    world.gift(MAX_MINOR)
    refused(R.AMOUNT_TOO_LARGE, lambda: world.gift(1), "amount")
    assert world.balance("fund:sua") == MAX_MINOR
    check_book(world)
    world.home.close()


def a_closed_book_takes_nothing_more(path: Path) -> None:
    world = World.create(path / "home", None)
    asked = {"entry": request("gift_received"), "reference": "a"}
    before = world.open.requests.submit([asked], "ke-toan")[0]
    closed = say(world, "book_closed", successor="sovang/tp/1")
    assert row_of(world, CLOSED) == {"index": closed.index, "successor": "sovang/tp/1"}
    for kind in ("gift_received", "book_closed", "donor_registered"):
        refused(R.BOOK_CLOSED, lambda: say(world, kind))  # noqa: B023
    refused(R.BOOK_CLOSED, lambda: reverse(world, before.index))
    # Another process, which has seen nothing yet, and a clock that ran backwards: the same answer.
    again = Home(path / "home", clock=world.clock)
    world.clock.moment -= timedelta(hours=1)
    other = World(again, again.open_book(), world.clock, None)
    refused(R.BOOK_CLOSED, lambda: say(other, "gift_received"))
    # What was recorded before is still found by its reference.
    assert world.open.requests.submit([asked], "ke-toan")[0].index == before.index
    last = record_at(world, closed.index)
    state = replayed(bodies(world))
    late = msgspec.structs.replace(last, index=closed.index + 1, previous=leaf_at(world, closed.index))
    refused(R.BOOK_CLOSED, lambda: step(state, late, leaf_of(encode(late))))
    again.close()
    check_book(world)
    world.home.close()


SPECIAL: list[tuple[Reason, Callable[[Path], None]]] = [
    (R.BOOK_ALREADY_OPEN, book_opens_once),
    (R.BOOK_NOT_OPEN, book_must_be_open),
    (R.NEEDS_APPROVAL, decisions_above_the_policy_need_approval),
    (R.AMOUNT_TOO_LARGE, amounts_stay_exact),
    (R.BOOK_CLOSED, a_closed_book_takes_nothing_more),
]


@pytest.mark.parametrize(("reason", "check"), SPECIAL, ids=[reason.lower() for reason, _ in SPECIAL])
def test_the_books_own_rules(tmp_path: Path, reason: Reason, check: Callable[[Path], None]) -> None:
    """Opened once and first; large decisions by two; every balance a number that any reader holds exactly."""
    assert reason in Reason
    check(tmp_path)


def test_every_reason_of_things_money_and_past_is_reached() -> None:
    """A reason that no test reaches may be one that no code raises."""
    source = Path(__import__("ledger.refusals", fromlist=["x"]).__file__).read_text()
    groups = {
        section.splitlines()[0].strip(): {
            Reason(row.split(" = ")[0].strip()) for row in section.splitlines()[1:] if " = " in row
        }
        for section in source.split("class Rejected")[0].split("    # ")[1:]
    }
    wanted = (
        groups["What the request builds on is not there, or is already"]
        | groups["The rules of money"]
        | groups["Keys, witnesses, the book's end"]
        | groups["What was done stays done"]
        | {R.SMALL_GROUP_OPEN, R.DAY_IN_FUTURE, R.UNKNOWN_KIND, R.MALFORMED}
    )
    # Whether a record is covered by a checkpoint is asked when a paper is printed: tests/certificates.
    wanted -= {R.NOT_CHECKPOINTED}
    # And these when a transfer is looked for (tests/audit/test_find.py), and over an old copy (test_restore.py).
    wanted -= {R.TRANSFER_NOT_FOUND, R.BOOK_SET_BACK}
    assert len(wanted) > 35
    reached = {reason for reason, *_ in REFUSED} | {reason for reason, _ in SPECIAL}
    # Of the families with tests of their own, what those assert by name.
    others = (path for path in Path(__file__).parents[1].rglob("test_*.py") if path != Path(__file__))
    named = set(re.findall(r"(?:\b(?:Reason|R)\.|\")([A-Z_]{5,})\b", "".join(path.read_text() for path in others)))
    reached |= {reason for reason in wanted if reason.name in named}
    assert wanted - reached == set()


def test_dates_of_the_tables_are_those_of_the_invented_day() -> None:
    """The tables above say «today» and «tomorrow» as dates; they must be those of the invented clock."""
    from tests.worlds import TODAY

    assert date.fromisoformat(DAY) == TODAY
