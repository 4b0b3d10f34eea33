"""«What did my gift do?», asked of the stored bytes of a book."""

import json
from typing import Any

import pytest

from audit.trace import Trace, trace, trace_stored
from ledger.record import decode, decode_bare
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading
from ledger.tracing import RULE, Tracing, check_exact
from tests.audits import check_book
from tests.ledger.make_golden import BOOKS
from tests.ledger.test_golden import golden_story
from tests.worlds import MINH_TAN, SHA, TODAY, World, vnd

DAY = TODAY.isoformat()
MILK = "sua-hop-180ml"


def asked(world: World, index: int, at: int | None = None, part: int | None = None) -> Trace:
    """The answer from the world's database; it must hold what it says of itself."""
    with reading(world.open.engine) as db:
        answer = trace_stored(db, world.open.code, index, at, part)
    if answer.amount is not None:
        uses, held = sum(use.amount_minor for use in answer.uses), sum(place.minor for place in answer.held)
        assert uses + held + answer.refunded == answer.amount.minor
    return answer


def check_traced(world: World) -> None:
    """At every index Σ lots = balance; then the whole audit."""
    balances: dict[tuple[str, str], int] = {}
    tracing = Tracing()
    with reading(world.open.engine) as db:
        bodies = [bytes(row.body) for row in read.record_rows(db, world.open.code)]
        stored = read.all_balances(db, world.open.code)
    for body in bodies:
        record = decode(body)
        for posting in record.postings:
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                balances[key] = balances.get(key, 0) + sign * posting.amount.minor
        tracing.apply(record.index, record.entry, record.postings)
        assert check_exact(tracing, balances) == ()
    assert check_exact(tracing, stored) == ()
    check_book(world)


def allocate(world: World, minor: int, allocation: str = "PB1", fund: str = "sua") -> int:
    return world.say(
        "allocated",
        activity="SUA",
        allocated_on=DAY,
        allocation=allocation,
        amount=vnd(minor),
        communes=[MINH_TAN],
        decision_sha256=SHA,
        fund=fund,
    ).index


def hand(world: World, minor: int, order: str = "LC1", allocation: str = "PB1") -> int:
    payee = {"holder": "NCC", "payee_kind": "supplier"}
    world.say(
        "payment_ordered",
        allocation=allocation,
        amount=vnd(minor),
        order=order,
        ordered_on=DAY,
        payee=payee,
        place="bank:VCB",
    )
    return world.say(
        "money_advanced",
        place="bank:VCB",
        parts=[],
        amount=vnd(minor),
        holder="NCC",
        order=order,
        paid_on=DAY,
    ).index


def deliver(world: World, minor: int, handed: str = "LC1", unit: str = "VND", holder: str = "NCC") -> int:
    return world.say(
        "delivered",
        allocation="PB1",
        amount={"minor": minor, "unit": unit},
        delivered_on=DAY,
        fund="sua",
        handed=handed,
        holder=holder,
        scope={"activity": "SUA", "commune": MINH_TAN, "heads": 20},
    ).index


def reverse(world: World, index: int) -> int:
    with reading(world.open.engine) as db:
        row = next(iter(read.record_rows(db, world.open.code, index, index + 1)))
    postings = json.loads(row.body)["postings"]
    return world.say(
        "reversed",
        leaf=bytes(row.leaf).hex(),
        reversed=index,
        reversed_on=DAY,
        undone_postings=postings,
        why="Nhập nhầm",
    ).index


def test_from_the_bank_to_the_commune(world: World) -> None:
    """Lost without it: the donor's question has no answer from the log itself."""
    one, two = world.gift(300_000).index, world.gift(200_000).index
    allocation = allocate(world, 400_000)
    hand(world, 400_000)
    bought = world.say(
        "purchased",
        allocation="PB1",
        currency="VND",
        holder="NCC",
        invoice_sha256=SHA,
        items=[{"cost_minor": 400_000, "goods": MILK, "quantity": 100}],
        order="LC1",
        purchased_on=DAY,
        store="stock:KHO",
    ).index
    issued = world.say(
        "goods_issued",
        allocation="PB1",
        amount={"minor": 60, "unit": MILK},
        holder="XA",
        issue="XK1",
        issued_on=DAY,
        store="stock:KHO",
    ).index
    delivery = deliver(world, 50, "XK1", MILK, "XA")
    # 100 cartons for 400,000 ₫, of which 300,000 ₫ of `one` and 100,000 ₫ of `two`.
    # 50 delivered: 150,000 and 50,000. 10 with the commune: 30,000 and 10,000. 40 in store: 120,000 and 40,000.
    answer = asked(world, one)
    pieces = answer.uses[0].goods[MILK]
    assert pieces in (37, 38)  # three quarters of 50, in whole cartons
    assert answer.to_json() == {
        "index": one,
        "kind": "gift_received",
        "size": delivery + 1,
        "rule": RULE,
        "on": DAY,
        "gift": one,
        "part": None,
        "source": "gift",
        "amount": vnd(300_000),
        "fund": "sua",
        "parts": 0,
        "uses": [
            {
                "index": delivery,
                "kind": "delivered",
                "day": DAY,
                "account": "used:PB1",
                "allocation": "PB1",
                "activity": "SUA",
                "commune": MINH_TAN,
                "province": None,
                "amount_minor": 150_000,
                "unit": "VND",
                "goods": {MILK: pieces},
            }
        ],
        "held": [
            {"account": "allocated:PB1", "minor": 120_000, "unit": "VND", "goods": {MILK: 30}},
            {"account": "handed:XK1", "minor": 30_000, "unit": "VND", "goods": {MILK: 75 - 30 - pieces}},
        ],
        "refunded": 0,
        "reversed_by": None,
        "made_of": [],
    }
    other = asked(world, two)
    assert other.uses[0].amount_minor == 50_000
    assert answer.uses[0].goods[MILK] + other.uses[0].goods[MILK] == 50
    assert [(place.account, place.minor) for place in other.held] == [
        ("allocated:PB1", 40_000),
        ("fund:sua", 100_000),
        ("handed:XK1", 10_000),
    ]

    # The other way round.
    def parts(index: int) -> list[tuple[int, int, int]]:
        return [(part.index, part.minor, part.goods.get(MILK, 0)) for part in asked(world, index).made_of]

    assert parts(allocation) == [(one, 300_000, 0), (two, 100_000, 0)]
    assert parts(bought) == [(one, 300_000, 75), (two, 100_000, 25)]
    assert parts(issued) == [(one, 180_000, 45), (two, 60_000, 15)]
    assert [(index, minor) for index, minor, _ in parts(delivery)] == [(one, 150_000), (two, 50_000)]
    assert asked(world, delivery).gift is None
    check_traced(world)


def test_an_older_statement_stays_true(sqlite_world: World) -> None:
    """Lost without it: what a donor was told and proved against a checkpoint becomes a lie afterwards."""
    world = sqlite_world
    wrong, other = world.gift(100_000).index, world.gift(100_000).index
    allocate(world, 80_000)
    hand(world, 80_000)
    delivery = deliver(world, 80_000)
    then = asked(world, wrong)
    assert [(use.index, use.amount_minor) for use in then.uses] == [(delivery, 80_000)]
    reversal = reverse(world, wrong)
    now = asked(world, wrong)
    assert (now.uses, now.held, now.refunded, now.reversed_by) == ((), (), 100_000, reversal)
    assert [(use.index, use.amount_minor) for use in asked(world, other).uses] == [(delivery, 80_000)]
    assert [(part.index, part.minor) for part in asked(world, delivery).made_of] == [(other, 80_000)]
    assert asked(world, wrong, at=delivery + 1) == then
    check_traced(world)


def test_a_fee_beyond_the_fund_then_a_refund(sqlite_world: World) -> None:
    world = sqlite_world
    first = world.gift(10_000).index
    fee = world.say(
        "bank_fee_charged", place="bank:VCB", parts=[], amount=vnd(11_000), charged_on=DAY, fund="sua"
    ).index
    assert [(p.source, p.index, p.minor) for p in asked(world, fee).made_of] == [
        ("gift", first, 10_000),
        ("shortfall", fee, 1_000),
    ]
    later = world.gift(50_000).index
    world.say("shortfall_covered", fund="sua", amount=vnd(1_000), from_fund="sua")
    assert [(p.source, p.index, p.minor) for p in asked(world, fee).made_of] == [
        ("gift", first, 10_000),
        ("gift", later, 1_000),
    ]
    refund = world.say(
        "gift_refunded",
        place="bank:VCB",
        parts=[],
        amount=vnd(49_000),
        fund="sua",
        gift=later,
        refunded_on=DAY,
    ).index
    answer = asked(world, later)
    assert (answer.refunded, answer.held, len(answer.uses)) == (49_000, (), 1)
    assert [(p.index, p.minor) for p in asked(world, refund).made_of] == [(later, 49_000)]
    check_traced(world)


def test_one_envelope_of_a_sheet(sqlite_world: World) -> None:
    world = sqlite_world
    envelopes = [{"donor": {"private": {"name": "A"}}, "minor": minor} for minor in (20_000, 50_000)]
    sheet = world.say(
        "cash_sheet_received",
        place="cash:TM",
        fund="sua",
        amount=vnd(70_000),
        envelopes=envelopes,
        minutes_sha256=SHA,
        received_on=DAY,
    ).index
    allocate(world, 30_000)
    first, second, whole = (asked(world, sheet, part=part) for part in (0, 1, None))
    assert [(p.account, p.minor) for p in first.held] == [("allocated:PB1", 20_000)]
    assert [(p.account, p.minor) for p in second.held] == [("allocated:PB1", 10_000), ("fund:sua", 40_000)]
    assert [(p.account, p.minor) for p in whole.held] == [("allocated:PB1", 30_000), ("fund:sua", 40_000)]
    assert (whole.parts, second.part) == (2, 1)
    with pytest.raises(Rejected) as refused:
        asked(world, sheet, part=2)
    assert refused.value.reason is Reason.NO_SUCH_RECORD
    check_traced(world)


@pytest.mark.parametrize(("index", "at"), [(10_000, None), (3, 3), (3, 0), (0, -1), (-1, None)])
def test_a_record_that_is_not_there(sqlite_world: World, index: int, at: int | None) -> None:
    with pytest.raises(Rejected) as refused:
        asked(sqlite_world, index, at)
    assert refused.value.reason is Reason.NO_SUCH_RECORD
    check_traced(sqlite_world)


def test_a_record_that_moved_nothing(sqlite_world: World) -> None:
    answer = asked(sqlite_world, 0)
    assert (answer.kind, answer.gift, answer.made_of, answer.amount) == ("book_opened", None, (), None)
    check_traced(sqlite_world)


def test_an_answer_names_nobody(sqlite_world: World) -> None:
    """Whatever of a person a record holds (tag, commitments) stays out of the answer."""
    world = sqlite_world
    gift = world.gift(100_000, name="Nguyễn Văn Riêng").index
    with reading(world.open.engine) as db:
        body = json.loads(read.body(db, world.open.code, gift) or b"")
    donor = body["entry"]["donor"]
    told = json.dumps(asked(world, gift).to_json(), ensure_ascii=False)
    private = [donor["tag"], "Riêng", *(seal["commitment"] for seal in donor["seals"])]
    assert not [secret for secret in private if secret in told]
    check_traced(world)


def test_a_kind_of_tomorrow(sqlite_world: World) -> None:
    """A record of a kind not known here still moves money."""
    world = sqlite_world
    gift = world.gift(100_000).index
    with reading(world.open.engine) as db:
        bodies = [bytes(row.body) for row in read.record_rows(db, world.open.code)]
    later: dict[str, Any] = json.loads(bodies[-1])
    later["index"] = len(bodies)
    later["entry"] = {"kind": "lottery_held"}
    later["postings"] = [
        {"amount": vnd(40_000), "destination": "costs:sua", "source": "fund:sua"},
    ]
    strange = json.dumps(later, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    answer = trace([*bodies, strange], gift)
    assert [(use.kind, use.amount_minor) for use in answer.uses] == [("unknown", 40_000)]
    assert trace([*bodies, strange], len(bodies)).kind == "unknown"
    check_traced(world)


@pytest.mark.parametrize("book", sorted(BOOKS))
def test_the_golden_book_is_exact(book: str) -> None:
    """The stories in which every kind is said."""
    bodies = golden_story(book)
    tracing, balances = Tracing(), dict[tuple[str, str], int]()
    for body in bodies:
        record = decode_bare(body)
        for posting in record.postings:
            for account, sign in ((posting.source, -1), (posting.destination, 1)):
                key = (account, posting.amount.unit)
                balances[key] = balances.get(key, 0) + sign * posting.amount.minor
        tracing.apply(record.index, decode(body).entry, record.postings)
        assert check_exact(tracing, balances) == ()
    for index in range(len(bodies)):
        answer = trace(bodies, index)
        json.dumps(answer.to_json())
