"""A donor's bundle: made from a book, checked by a stranger; and every way it can be false."""

import json
import os
import random
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.bundle import Fold, make_bundle, make_qr
from audit.checks_bundle import MAX_BUNDLE_BYTES, BundleFalse, check_bundle, check_qr
from ledger.entries.aid import Delivered, HiddenScope
from ledger.entries.base import EntryBase
from ledger.entries.book import BookOpened, KeyReplaced
from ledger.log import canonical, replacement
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import node_hash, prove_inclusion, root_of
from ledger.log.note import SigningKey, VerifierKey, split_note
from ledger.log.policy import Policy, parse_policy
from ledger.money import Amount, dong
from ledger.record import NO_PREVIOUS, Record, encode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.append import keep_cosignature
from ledger.store.engine import reading
from ledger.tracing import Held
from tests.audit.test_trace import allocate, deliver, hand
from tests.audits import check_book
from tests.ledger.test_tracing import COAT, DAY, MILK, NOBODY, RandomBook, Step, steps
from tests.worlds import World

NEW_KEY = SigningKey.from_seed("quy.example/so-vang", bytes(range(64, 96)))
KEY = SigningKey.from_seed("quy.example/so-vang", bytes(range(32)))


class Log:
    """Entries as a log in memory: records, tree, one signed checkpoint."""

    def __init__(self, entries: Sequence[EntryBase], *, key: SigningKey = KEY) -> None:
        self.bodies: list[bytes] = []
        self.fold = Fold()
        previous = NO_PREVIOUS
        for index, entry in enumerate(entries):
            at = f"2026-09-20T01:00:00.{index:06}Z"
            record = Record(at, "hp", "ke-toan", entry, index, entry.postings(), previous, f"ke-toan/{index}")  # type: ignore[arg-type]
            self.bodies.append(encode(record))
            previous = leaf_of(self.bodies[-1]).hex()
            self.fold.apply(self.bodies[-1])
        self.levels = [[leaf_of(body) for body in self.bodies]]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
        size = len(self.bodies)
        self.note = sign_checkpoint(Checkpoint(key.name, size, root_of(self.levels[0])), key).decode()

    def path(self, index: int) -> tuple[bytes, ...]:
        return prove_inclusion(index, len(self.bodies), lambda level, i: self.levels[level][i])

    def bundle(self, gift: int, part: int | None = None) -> bytes:
        return self.fold.bundle(gift, part, note=self.note, body=lambda i: self.bodies[i], path=self.path, openings={})


def opened(key: SigningKey = KEY) -> BookOpened:
    return BookOpened(
        checkpoint_seconds=60,
        k=10,
        name="Quỹ thử",
        origin=key.name,
        public_key=key.vkey,
        random_id="0a" * 16,
        regime="SOCIAL",
        zone="Asia/Ho_Chi_Minh",
    )


def check_every_gift(log: Log) -> int:
    """Makes and checks the bundle of every gift and every part; how many uses they showed."""
    shown = 0
    for index in range(len(log.bodies)):
        lots = log.fold.tracing.gift_lots(index)
        if not lots:
            continue
        if len({(lot.account, lot.unit) for lot in lots}) == 1:
            shown += len(check_bundle(log.bundle(index), KEY.verifier).uses)
        for part in {lot.part for lot in lots} - {None}:
            shown += len(check_bundle(log.bundle(index, part), KEY.verifier).uses)
    return shown


LONG = bool(os.environ.get("SOVANG_LONG"))


@settings(max_examples=600 if LONG else 60, deadline=None)
@given(st.lists(steps, min_size=5, max_size=50))
def test_every_gift_of_a_random_book_has_a_bundle_that_passes(story: Sequence[Step]) -> None:
    """Sheets, gateways, old books, goods, shortfalls, refunds and reversals: no gift is left without its proof."""
    book = begun()
    for minor in (300, 200):
        book.gift(minor)
    for step in story:
        book.step(step)
    check_every_gift(Log(book.entries))


def begun() -> RandomBook:
    """A book with its record 0."""
    book = RandomBook()
    book.undone.add(book.say(opened()))
    return book


def milk_story() -> RandomBook:
    """Record 1 gives 299 and record 2 gives 1; 300 buy 100 cartons, of which 50 are delivered."""
    book = begun()
    book.gift(299)
    book.gift(1)
    book.allocate(300)  # 3
    book.order(300)  # 4
    book.advance(300)  # 5
    book.buy((300, MILK, 100))  # 6
    book.issue(60)  # 7
    book.deliver(50, "XK1", MILK)  # 8
    return book


def reasons(data: bytes, key: VerifierKey | None = None, policy: Policy | None = None) -> str:
    with pytest.raises(BundleFalse) as caught:
        check_bundle(data, key or KEY.verifier, policy)
    return caught.value.reason


def test_the_way_of_goods_is_inside_and_nothing_else() -> None:
    """Lost without it: a bundle that holds half the book, or misses a step."""
    log = Log(milk_story().entries)
    checked = check_bundle(log.bundle(1), KEY.verifier)
    assert checked.records == (0, 1, 3, 4, 5, 6, 7, 8)
    (use,) = checked.uses
    assert (use.index, use.kind, use.minor, use.unit) == (8, "delivered", 149, "VND")
    assert (use.activity, use.commune, use.province) == ("SUA", "11500@2019-01-01", None)
    assert [place.account for place in checked.held] == ["allocated:PB1", "handed:XK1"]
    assert (checked.issuer, checked.fund, checked.amount) == ("Quỹ thử", "sua", dong(299))
    assert (checked.received_on, checked.name, checked.judged.cosigned) == (date(2026, 9, 1), None, {})


def test_a_use_of_less_than_one_piece_names_its_goods() -> None:
    """One đồng of three hundred: no whole carton is this gift's, yet the record that used it holds cartons only."""
    book = begun()
    book.gift(299)
    tiny = book.gift(1)
    book.allocate(300)
    book.order(300)
    book.advance(300)
    book.buy((300, MILK, 2))
    book.issue(2)
    book.deliver(1, "XK1", MILK)
    used = book.deliver(1, "XK1", MILK)
    log = Log(book.entries)
    (use,) = check_bundle(log.bundle(tiny), KEY.verifier).uses
    assert (use.index, use.minor, use.goods) == (used, 1, {MILK: 0})


def test_a_gift_taken_back_and_the_one_that_took_its_place() -> None:
    """The donor whose gift came back is told so, with the reversal; the next gift has the use, and a way to it."""
    book = begun()
    wrong, next_ = book.gift(100), book.gift(170)
    book.allocate(90)
    book.hand(60)
    delivery = book.deliver(40)
    reversal = book.reverse(wrong)
    refund = book.refund(next_, 30)
    log = Log(book.entries)
    gone = check_bundle(log.bundle(wrong), KEY.verifier)
    assert (gone.uses, gone.held, gone.refunded_minor) == ((), (), 100)
    assert reversal in gone.records
    stays = check_bundle(log.bundle(next_), KEY.verifier)
    assert [(use.index, use.minor) for use in stays.uses] == [(delivery, 40)]
    assert stays.refunded_minor == 30
    assert {refund, delivery} <= set(stays.records)


def test_a_hidden_delivery_stays_hidden() -> None:
    """A small group has a province and a month, in a bundle too."""
    book = begun()
    gift = book.gift(100)
    book.allocate(100)
    book.hand(100)
    hidden = HiddenScope(detail=NOBODY, province="31")
    book.say(
        Delivered(
            allocation="PB1",
            amount=dong(40),
            delivered_on=DAY,
            fund="sua",
            handed="LC1",
            hidden=hidden,
            holder="XA",
        )
    )
    (use,) = check_bundle(Log(book.entries).bundle(gift), KEY.verifier).uses
    assert (use.activity, use.commune, use.province) == (None, None, "31")


def test_a_shortfall_that_another_fund_covered() -> None:
    """The cover comes after the use, and is on its way all the same."""
    book = begun()
    helper = book.gift(80, fund="chung")
    book.gift(10)
    fee = book.fee(30, short=20)
    cover = book.cover(20, from_fund="chung")
    checked = check_bundle(Log(book.entries).bundle(helper), KEY.verifier)
    assert [(use.index, use.minor) for use in checked.uses] == [(fee, 20)]
    assert checked.records == (0, helper, fee, cover)


def test_a_batch_for_several_funds_is_asked_by_part() -> None:
    """One number over two funds would mean nothing."""
    book = begun()
    book.do_gateway(0, 4, 1)
    log = Log(book.entries)
    with pytest.raises(Rejected) as caught:
        log.bundle(1)
    assert caught.value.reason is Reason.NOT_A_GIFT
    assert check_bundle(log.bundle(1, 0), KEY.verifier).fund == "sua"
    assert check_bundle(log.bundle(1, 1), KEY.verifier).fund == "chung"
    for index, part in ((1, 2), (0, None)):
        with pytest.raises(Rejected):
            log.bundle(index, part)


def test_goods_that_were_given_are_counted_in_pieces() -> None:
    """Item by item, by the way of the goods; those handed straight over are used where they came in."""
    book = begun()
    book.do_goods(0, 19, 5)  # 1: twenty cartons and six coats, for the fund of milk
    book.allocate(20, unit=MILK)  # 2
    book.issue(12)  # 3
    book.deliver(5, "XK1", MILK)  # 4
    book.do_straight(0, 6, 3)  # 5: seven cartons and four coats
    log = Log(book.entries)
    milk = check_bundle(log.bundle(1, 0), KEY.verifier)
    assert (milk.amount, milk.records) == (Amount(20, MILK), (0, 1, 2, 3, 4))
    assert [(use.index, use.minor, use.unit, use.goods) for use in milk.uses] == [(4, 5, MILK, {})]
    assert [(h.account, h.minor, h.goods) for h in milk.held] == [("allocated:PB1", 8, {}), ("handed:XK1", 7, {})]
    coats = check_bundle(log.bundle(1, 1), KEY.verifier)
    assert (coats.amount, coats.uses, [h.account for h in coats.held]) == (Amount(6, COAT), (), ["fund:sua"])
    straight = check_bundle(log.bundle(5, 1), KEY.verifier)
    assert (straight.amount, straight.fund, straight.records) == (Amount(4, COAT), "sua", (0, 5))
    assert [(use.index, use.minor, use.commune) for use in straight.uses] == [(5, 4, "11500@2019-01-01")]
    for index in (1, 5):
        with pytest.raises(Rejected, match="name the part"):
            log.bundle(index)


# What is false is found, and named.


def trace_of(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda said: change(said["trace"])


def without(index: int) -> Callable[[dict[str, Any]], object]:
    return lambda said: said["records"].pop(index)


FALSE: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "another format": ("MALFORMED", lambda b: b.update(format="sovang-bundle/2")),
    "a field too many": ("MALFORMED", lambda b: b.update(note="")),
    "a field missing": ("MALFORMED", lambda b: b.pop("openings")),
    "no records": ("MALFORMED", lambda b: b.update(records=[])),
    "a path of other base64": ("MALFORMED", lambda b: b["records"][1]["path"].append("AA==")),
    "records out of order": ("MALFORMED", lambda b: b["records"].reverse()),
    "a record twice": ("MALFORMED", lambda b: b["records"].insert(1, b["records"][1])),
    "a negative use": ("MALFORMED", trace_of(lambda t: t["uses"][0].update(minor=-1))),
    "a use twice": ("MALFORMED", trace_of(lambda t: t["uses"].append(t["uses"][0]))),
    "places out of order": ("MALFORMED", trace_of(lambda t: t["held"].reverse())),
    "a place of words": ("MALFORMED", trace_of(lambda t: t["held"][0].update(account="đã giao đủ <b>x</b>"))),
    "a place that is a use": ("MALFORMED", trace_of(lambda t: t["held"][-1].update(account="used:PB1"))),
    "goods of words": ("MALFORMED", trace_of(lambda t: t["held"][0].update(goods={"Phan Qua": 1}))),
    "no gift of nothing": ("MALFORMED", trace_of(lambda t: t["amount"].update(minor=0))),
    "a record that is none": ("RECORD_MALFORMED", lambda b: b["records"][1].update(record="{}")),
    "a record with a space": (
        "RECORD_MALFORMED",
        lambda b: b["records"][1].update(record=b["records"][1]["record"] + " "),
    ),
    "no note": ("NOTE_REJECTED", lambda b: b.update(checkpoint="")),
    "a larger size": ("NOTE_REJECTED", lambda b: b.update(checkpoint=b["checkpoint"].replace("\n9\n", "\n10\n"))),
    "another amount in a record": (
        "PROOF_FAILED",
        lambda b: b["records"][1].update(record=b["records"][1]["record"].replace('"minor":299', '"minor":999')),
    ),
    "a longer path": ("PROOF_FAILED", lambda b: b["records"][1]["path"].append(b["records"][1]["path"][0])),
    "another's path": ("PROOF_FAILED", lambda b: b["records"][1].update(path=b["records"][2]["path"])),
    "without the book": ("NOT_THE_BOOK", without(0)),
    "without the gift": ("NOT_THE_GIFT", without(1)),
    "a gift that is none": ("NOT_THE_GIFT", lambda b: b["gift"].update(index=3)),
    "a gift far away": ("NOT_THE_GIFT", lambda b: b["gift"].update(index=2**53 - 1)),
    "a part of no sheet": ("NOT_THE_GIFT", lambda b: b["gift"].update(part=0)),
    "a larger gift": ("NOT_THE_GIFT", trace_of(lambda t: t["amount"].update(minor=300))),
    "another fund": ("NOT_THE_GIFT", trace_of(lambda t: t.update(fund="chung"))),
    "another unit": ("NOT_THE_GIFT", trace_of(lambda t: t["amount"].update(unit="USD"))),
    "a use left out": ("SUM_DIFFERS", trace_of(lambda t: t["uses"].clear())),
    "money given back that was not": ("SUM_DIFFERS", trace_of(lambda t: t.update(refunded_minor=1))),
    "a use in another unit": ("SUM_DIFFERS", trace_of(lambda t: t["uses"][0].update(unit="USD"))),
    "without the use": ("USE_NOT_SHOWN", without(-1)),
    "a use by what used nothing": ("USE_NOT_SHOWN", trace_of(lambda t: t["uses"][0].update(index=7))),
    "more pieces than there were": ("USE_NOT_SHOWN", trace_of(lambda t: t["uses"][0]["goods"].update({MILK: 51}))),
    "other goods": ("USE_NOT_SHOWN", trace_of(lambda t: t["uses"][0].update(goods={COAT: 0}))),
    "goods called money": ("USE_NOT_SHOWN", trace_of(lambda t: t["uses"][0].update(goods={}))),
    "without the allocation": ("NO_PATH", without(2)),
    "without the purchase": ("NO_PATH", without(5)),
    "without the issue": ("NO_PATH", without(6)),
    "a name where none is": ("NAME_DIFFERS", lambda b: b["openings"].update(name={"r": "00" * 32, "value": "An"})),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_false_bundle_is_refused_by_name(what: str) -> None:
    """Every verifier gives these names; a bundle that is only almost right is wrong."""
    reason, change = FALSE[what]
    said = json.loads(Log(milk_story().entries).bundle(1))
    change(said)
    assert reasons(canonical.encode(said)) == reason


def test_bytes_that_are_no_bundle_are_refused() -> None:
    """Anybody may send anything."""
    whole = Log(milk_story().entries).bundle(1)
    assert reasons(b"") == reasons(whole + b"\n") == reasons(whole[:-1]) == reasons(b"\xff") == "NOT_CANONICAL"
    assert reasons(b"[" * 100_000) == "NOT_CANONICAL"
    assert reasons(b"[]") == reasons(b"1") == "MALFORMED"
    assert reasons(b" " * (MAX_BUNDLE_BYTES + 1)) == "TOO_LARGE"
    said = json.loads(whole)
    said["records"] = said["records"][:1] * 20_001
    assert reasons(canonical.encode(said)) == "TOO_LARGE"


def test_no_byte_of_record_proof_or_checkpoint_can_change() -> None:
    """One bit anywhere before the trace makes it false; in the trace, only what no bundle can prove may differ."""
    whole = Log(milk_story().entries).bundle(1)
    true = check_bundle(whole, KEY.verifier)
    end = whole.index(b'"trace":')
    pick = random.Random(20261122)
    for at in [*pick.sample(range(end), 600), *range(end, len(whole))]:
        changed = bytearray(whole)
        changed[at] ^= 1 << pick.randrange(8)
        try:
            said = check_bundle(bytes(changed), KEY.verifier)
        except BundleFalse:
            continue
        assert at > end, whole[at - 20 : at + 20]
        assert (said.gift, said.amount, said.fund, said.records) == (true.gift, true.amount, true.fund, true.records)


# Keys and witnesses.


def replaced(old: SigningKey, new: SigningKey, *, compromised: bool = False, forged: bool = False) -> KeyReplaced:
    said = replacement.statement(KEY.name, old.vkey, new.vkey, compromised=compromised)
    return KeyReplaced(
        compromised=compromised,
        new_key=new.vkey,
        new_signature=replacement.sign(new, said),
        old_key=old.vkey,
        old_signature=replacement.sign(new if forged else old, said),
    )


def rotated(
    *,
    compromised: bool = False,
    forged: bool = False,
    to: SigningKey = NEW_KEY,
    by: SigningKey = NEW_KEY,
    after: bool = True,
) -> bytes:
    """The bundle of a book whose key was replaced behind its last use, and then one more gift."""
    book = milk_story()
    book.say(replaced(KEY, to, compromised=compromised, forged=forged))
    if after:
        book.gift(5)
    return Log(book.entries, key=by).bundle(1)


def test_a_replaced_key_is_followed_from_the_pinned_one() -> None:
    """A paper printed years ago names the old key: it is enough, but not for what the old key signs today."""
    assert 9 in check_bundle(rotated(), KEY.verifier).records
    assert check_bundle(rotated(), NEW_KEY.verifier).checkpoint.size == 11
    assert check_bundle(rotated(by=KEY, after=False), KEY.verifier).checkpoint.size == 10
    assert reasons(rotated(by=KEY)) == "KEY_CLOSED"
    assert reasons(rotated(compromised=True)) == "KEY_COMPROMISED"
    assert reasons(rotated(forged=True)) == "KEY_CHAIN_BROKEN"
    assert check_bundle(rotated(compromised=True), NEW_KEY.verifier)
    other = SigningKey.from_seed("quy.example/so-vang", bytes(32))
    assert reasons(rotated(), other.verifier) == "NOTE_REJECTED"


@pytest.mark.parametrize("after", [False, True])
def test_a_key_is_not_handed_over_to_another_log(after: bool) -> None:
    """A key of another origin, rightly signed by both, is no successor, even where the old key may still sign."""
    foreign = SigningKey.from_seed("khac.example/so-vang", bytes(range(64, 96)))
    assert reasons(rotated(to=foreign, by=foreign if after else KEY, after=after)) == "KEY_CHAIN_BROKEN"


def test_a_policy_is_held_against_the_checkpoint() -> None:
    """With a policy in hand, the log's own word is not enough."""
    witness = CosigningKey.from_seed("bao.example", bytes([1]) * 32)
    policy = parse_policy(f"witness bao {witness.vkey}\nquorum bao\n")
    log = Log(milk_story().entries)
    assert reasons(log.bundle(1), policy=policy) == "NOT_WITNESSED"
    line = witness.cosign(split_note(log.note.encode())[0].encode(), 1_790_000_000).line()
    log.note += line + "\n" if not line.endswith("\n") else line
    assert check_bundle(log.bundle(1), KEY.verifier, policy).judged.cosigned == {"bao": 1_790_000_000}
    name = split_note(log.note.encode())[1][-1].name
    assert name == "bao.example"


# From a stored book.


def test_a_bundle_of_a_stored_book(world: World) -> None:
    """With the name only when it is asked for, under the checkpoint that the book's own witnesses have seen."""
    gift = world.gift(300_000, name="Nguyễn Thị Hoà").index
    allocate(world, 300_000)
    hand(world, 300_000)
    delivery = deliver(world, 100_000)
    with pytest.raises(Rejected) as caught:
        make_bundle(world.open, gift)
    assert caught.value.reason is Reason.NOT_CHECKPOINTED
    world.open.checkpointer.run()
    key = world.open.vkey
    plain, named = make_bundle(world.open, gift), make_bundle(world.open, gift, name=True)
    assert check_bundle(plain, key).name is None
    assert check_bundle(named, key).name == "Nguyễn Thị Hoà"
    assert "Hoà" not in plain.decode()
    said = json.loads(named)
    said["openings"]["name"]["value"] = "Nguyễn Thị Hoa"
    assert reasons(canonical.encode(said), key) == "NAME_DIFFERS"
    checked = check_bundle(plain, key)
    assert [(use.index, use.minor) for use in checked.uses] == [(delivery, 100_000)]
    assert checked.held == (Held("handed:LC1", 200_000, "VND", {}),)
    with reading(world.open.engine) as db:
        funds = {
            index: json.loads(read.body(db, world.open.code, index) or b"{}")["entry"] for index in checked.records
        }
    assert [entry["kind"] for entry in funds.values()] == [
        *("book_opened", "fund_opened", "gift_received", "allocated", "payment_ordered", "money_advanced", "delivered"),
    ]
    for index in (10**6, -1):
        with pytest.raises(Rejected):
            make_bundle(world.open, index)
    for not_a_gift in (0, delivery):
        with pytest.raises(Rejected) as caught:
            make_bundle(world.open, not_a_gift)
        assert caught.value.reason is Reason.NOT_A_GIFT
    check_book(world)


def test_the_checkpoint_that_witnesses_have_seen_comes_first(world: World) -> None:
    """A donor with a policy needs the quorum; the trace is of that size, not of a later one."""
    witness = CosigningKey.from_seed("bao.example", bytes([1]) * 32)
    lines = [f"witness bao {witness.vkey}", "quorum bao"]
    gift = world.gift(300_000).index
    world.say("witnesses_set", policy=lines)
    first, note = world.open.checkpointer.run()
    with world.open.engine.begin() as db:
        line = witness.cosign(split_note(note)[0].encode(), int(world.clock().timestamp())).line()
        keep_cosignature(db, world.open.code, first.size, "bao", line)
    allocate(world, 300_000)
    later, _ = world.open.checkpointer.run()
    policy = parse_policy("".join(f"{line}\n" for line in lines))
    checked = check_bundle(make_bundle(world.open, gift), world.open.vkey, policy)
    assert checked.checkpoint.size == first.size
    assert [place.account for place in checked.held] == ["fund:sua"]
    newer = make_bundle(world.open, gift, size=later.size)
    assert reasons(newer, world.open.vkey, policy) == "NOT_WITNESSED"
    assert [place.account for place in check_bundle(newer, world.open.vkey).held] == ["allocated:PB1"]
    with pytest.raises(Rejected):
        make_bundle(world.open, gift, size=later.size + 1)
    # A gift that no witnessed checkpoint covers yet has its bundle under the newest.
    young = world.gift(1_000).index
    world.open.checkpointer.run()
    assert check_bundle(make_bundle(world.open, young), world.open.vkey).checkpoint.size == young + 1


def test_the_qr_code_of_a_record(world: World) -> None:
    """One record on paper: checked with the key alone; one changed character makes it false."""
    gift = world.gift(300_000).index
    world.open.checkpointer.run()
    text, key = make_qr(world.open, gift), world.open.vkey
    checked = check_qr(text, key)
    with reading(world.open.engine) as db:
        assert (checked.index, checked.body) == (gift, read.body(db, world.open.code, gift))
    pick = random.Random(7)
    for at in pick.sample(range(4, len(text)), 150):
        other = pick.choice([c for c in "0123456789ABCDEF $%*+-./:" if c != text[at]])
        with pytest.raises(BundleFalse):
            check_qr(text[:at] + other + text[at + 1 :], key)
    for false in ("", "SV1:", "SV2:" + text[4:], text + "0", text[:-1], text + "\n", text.lower()):
        with pytest.raises(BundleFalse):
            check_qr(false, key)
    with pytest.raises(BundleFalse) as caught:
        check_qr(text, SigningKey.from_seed(key.name, bytes(32)).verifier)
    assert caught.value.reason == "NOTE_REJECTED"
    with pytest.raises(Rejected):
        make_qr(world.open, 10**6)
    check_book(world)
