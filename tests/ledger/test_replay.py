"""`step` judges a record alone: what no writer of ours would write, a hostile book may still hold.

The writer never makes such records, so only these tests show that the rule stands.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from ledger.accounts import Posting
from ledger.log.merkle import leaf_hash
from ledger.money import MAX_MINOR, Amount
from ledger.record import Record, decode, encode
from ledger.refusals import Reason, Rejected
from ledger.replay import State, fold_only, folded, refuse_overdraft, step
from tests.ledger.replayed import check_book, replayed
from tests.ledger.saying import bodies, say
from tests.worlds import World, vnd

R = Reason


def refusal(call: Callable[[], object]) -> Rejected:
    with pytest.raises(Rejected) as caught:
        call()
    return caught.value


class Last(msgspec.Struct):
    """A book's last record, and the state just before it."""

    before: State
    record: Record

    def refused(self, **changed: Any) -> Rejected:
        """Why the record may not stand with these fields changed; the state stays as it was."""
        record = msgspec.structs.replace(self.record, **changed)
        kept = (self.before.size, self.before.leaf, dict(self.before.balances), dict(self.before.touched))
        refused = refusal(lambda: step(self.before, record, leaf_hash(encode(record))))
        assert kept == (self.before.size, self.before.leaf, self.before.balances, self.before.touched)
        return refused


@pytest.fixture
def fee(sqlite_world: World) -> Iterator[Last]:
    """A bank fee of 11,000 đồng on a fund that has 10,000: a fact with its shortfall."""
    sqlite_world.gift(10_000, fund="chung")
    say(sqlite_world, "bank_fee_charged", fund="chung", amount=vnd(11_000), parts=[])
    stored = bodies(sqlite_world)
    yield Last(replayed(stored[:-1]), decode(stored[-1]))
    check_book(sqlite_world)


def test_a_record_follows_the_head(fee: Last) -> None:
    """Index, link and time."""
    before = fee.before
    assert fee.refused(index=before.size + 1).reason is R.NOT_THE_RECORD
    assert fee.refused(index=before.size - 1).reason is R.NOT_THE_RECORD
    assert fee.refused(previous="ab" * 32).message == "previous"
    assert fee.refused(at="2020-01-01T00:00:00.000000Z").message == "time goes backwards"
    assert fee.refused(at="2026-13-01T00:00:00.000000Z").reason is R.MALFORMED
    # Two records may share an instant.
    same_instant = msgspec.structs.replace(fee.record, at=before.at)
    step(before, same_instant, leaf_hash(encode(same_instant)))
    assert before.size == same_instant.index + 1


def test_a_fact_names_exactly_its_shortfall(fee: Last) -> None:
    """A missing or other shortfall would hide that a fund owes, or invent a debt."""
    entry = fee.record.entry
    for shortfall in (None, msgspec.structs.replace(entry.shortfall, minor=999)):  # type: ignore[union-attr]
        false = msgspec.structs.replace(entry, shortfall=shortfall)
        refused = fee.refused(entry=false, postings=false.postings())
        assert (refused.reason, refused.message) == (
            R.NOT_THE_RECORD,
            "the entry was completed against another state",
        )


def test_the_postings_are_those_of_the_entry(fee: Last) -> None:
    refused = fee.refused(postings=fee.record.postings[:-1])
    assert refused.message == "the postings are not those of the entry"


def posting(source: str, destination: str, minor: int = 1, unit: str = "VND") -> Posting:
    return Posting(amount=Amount(minor, unit), destination=destination, source=source)


def test_a_posting_stays_in_one_view_between_known_accounts() -> None:
    """Money in a bank can never turn into money of a fund by one posting. An unjudged record is folded all the same."""
    for wrong in (posting("donors", "bank:VCB"), posting("nowhere", "fund:sua"), posting("donors", "funds:sua")):
        assert refusal(lambda: folded(State(), (wrong,))).reason is R.MALFORMED  # noqa: B023
        assert folded(State(), (wrong,), bounded=False) == {(wrong.source, "VND"): -1, (wrong.destination, "VND"): 1}


@pytest.mark.parametrize(("full", "sign"), [("fund:sua", 1), ("donors", -1)])
def test_no_balance_leaves_what_json_can_say(full: str, sign: int) -> None:
    """±(2^53−1) on either side; one less still fits."""
    state = State(balances={(full, "VND"): sign * (MAX_MINOR - 1)})
    assert folded(state, (posting("donors", "fund:sua"),))[full, "VND"] == sign * MAX_MINOR
    refused = refusal(lambda: folded(state, (posting("donors", "fund:sua", 2),)))
    assert refused.reason is R.AMOUNT_TOO_LARGE


def test_accounts_are_folded_posting_by_posting() -> None:
    """One account in two postings, and each unit by itself."""
    state = State(balances={("fund:sua", "VND"): 5})
    in_dollars = posting("donors", "fund:sua", 7, "USD")
    moved = folded(state, (posting("donors", "fund:sua", 3), posting("fund:sua", "costs:sua", 2), in_dollars))
    assert moved["fund:sua", "VND"] == 6
    assert moved["fund:sua", "USD"] == 7


def test_what_facts_brought_below_zero_may_rise_but_not_sink() -> None:
    """Otherwise nothing could be paid into an overdrawn account until it is whole again."""
    state = State(balances={("bank:VCB", "VND"): -100})
    refuse_overdraft(state, {("bank:VCB", "VND"): -50})
    refuse_overdraft(state, {("bank:VCB", "VND"): -100})
    refused = refusal(lambda: refuse_overdraft(state, {("bank:VCB", "VND"): -101}))
    assert (refused.reason, refused.details["short_by_minor"]) == (R.WOULD_BE_OVERDRAWN, 101)


@pytest.mark.parametrize("account", ["fund:x", "bank:X", "cash:X", "pledge:X", "handed:x", "advance:x", "mistaken:x"])
def test_held_accounts_and_pledges_stay_above_zero(account: str) -> None:
    refused = refusal(lambda: refuse_overdraft(State(), {(account, "VND"): -1}))
    assert refused.details["account"] == account


@pytest.mark.parametrize("account", ["shortfall:x", "suspense:x", "donors", "outside", "senders", "promised"])
def test_these_accounts_stand_below_zero_by_their_nature(account: str) -> None:
    refuse_overdraft(State(), {(account, "VND"): -1})


def test_an_overlay_is_kept_or_dropped_whole(fee: Last) -> None:
    """Dropped, nothing of it is left; merged, the parent is as if it had stepped itself."""
    leaf = leaf_hash(encode(fee.record))
    overlay = fee.before.child()
    step(overlay, fee.record, leaf)
    assert fee.before.size == fee.record.index
    assert fee.before.balance_of(("shortfall:chung", "VND")) == 0
    overlay.merge()
    assert fee.before.size == fee.record.index + 1
    assert (fee.before.leaf, fee.before.at) == (leaf.hex(), fee.record.at)
    assert fee.before.balance_of(("shortfall:chung", "VND")) == -1_000
    with pytest.raises(ValueError, match="without parent"):
        fee.before.merge()


def test_an_unjudged_record_moves_balances_and_sets_nothing(fee: Last) -> None:
    touched = dict(fee.before.touched)
    fold_only(fee.before, fee.record, leaf_hash(encode(fee.record)))
    assert fee.before.balance_of(("shortfall:chung", "VND")) == -1_000
    assert (fee.before.size, fee.before.touched) == (fee.record.index + 1, touched)


def test_a_record_to_come_cannot_be_read(fee: Last) -> None:
    for index in (-1, fee.before.size):
        assert refusal(lambda: fee.before.record_of(index)).reason is R.NO_SUCH_RECORD  # noqa: B023
    assert fee.before.record_of(fee.before.size - 1).entry.kind == "gift_received"
