"""Four eyes, from two sides: what a policy asks for, and what nobody can get around.

Without these one person could pay a fund out alone.
"""

from datetime import timedelta
from typing import Any

import pytest

from audit.findings import FindingKind
from ledger.approving import approve, decline
from ledger.closing import record_bound
from ledger.entries.union import KINDS
from ledger.refusals import Reason
from tests.audits import check_book
from tests.ledger.refusing import refusal
from tests.ledger.saying import leaf_at, reversal, reverse
from tests.worlds import MINH_TAN, SHA, TODAY, World, vnd

DAY = TODAY.isoformat()
ABOVE = {"approvals": 1, "approvers": [], "kinds": [], "above": vnd(1_000_000)}


def policy(world: World, *rules: dict[str, Any], by: str = "ke-toan") -> None:
    asked = {"kind": "four_eyes_set", "rules": list(rules), "decision_sha256": SHA, "set_on": DAY}
    world.open.requests.submit([{"entry": asked}], by)


def allocated(code: str = "A1", minor: int = 2_000_000) -> dict[str, Any]:
    return {
        "kind": "allocated",
        "activity": "SUA",
        "allocated_on": DAY,
        "allocation": code,
        "amount": vnd(minor),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
    }


def propose(world: World, draft: dict[str, Any], by: str = "ke-toan") -> int:
    asked = {"kind": "proposed", "draft": draft, "proposed_on": DAY}
    return world.open.requests.submit([{"entry": asked}], by)[0].index


@pytest.fixture
def funded(world: World) -> World:
    world.gift(10_000_000)
    policy(world, ABOVE)
    return world


def test_a_second_person_lets_it_through(funded: World) -> None:
    entry = allocated()
    assert refusal(lambda: funded.say(**entry)) is Reason.NEEDS_APPROVAL
    index = propose(funded, entry)
    assert funded.balance("allocated:A1") == 0
    done = approve(funded.open, index, "chu-tk")
    assert done.entry is not None
    assert done.entry.index == done.approval.index + 1
    assert funded.balance("allocated:A1") == 2_000_000
    # Sent again, it is the same record.
    assert approve(funded.open, index, "chu-tk").entry == funded_again(done)
    check_book(funded)


def funded_again(done: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(done.entry, repeated=True)


def test_below_the_threshold_one_is_enough(funded: World) -> None:
    funded.say(**allocated(minor=1_000_000))
    check_book(funded)


def test_nobody_approves_their_own(funded: World) -> None:
    index = propose(funded, allocated())
    assert refusal(lambda: approve(funded.open, index, "ke-toan")) is Reason.NOT_AN_APPROVER
    assert refusal(lambda: approve(funded.open, index, "KE-TOAN")) is Reason.NOT_AN_APPROVER
    check_book(funded, allow={FindingKind.PROPOSAL_OPEN})


def test_nobody_approves_what_they_are_paid_by(funded: World) -> None:
    funded.say(**allocated(minor=1_000_000))
    policy_two = {"approvals": 1, "approvers": [], "kinds": ["payment_ordered"]}
    index = propose(
        funded,
        {"kind": "four_eyes_set", "rules": [policy_two], "decision_sha256": SHA, "set_on": DAY},
    )
    approve(funded.open, index, "chu-tk")
    order = {
        "kind": "payment_ordered",
        "allocation": "A1",
        "amount": vnd(10),
        "order": "L1",
        "ordered_on": DAY,
        "payee": {"holder": "can-bo-1", "payee_kind": "staff"},
        "place": "bank:VCB",
    }
    index = propose(funded, order)
    assert refusal(lambda: approve(funded.open, index, "can-bo-1")) is Reason.NOT_AN_APPROVER
    assert approve(funded.open, index, "chu-tk").entry is not None
    check_book(funded)


def test_an_approval_counts_once(world: World) -> None:
    world.gift(10_000_000)
    policy(world, {**ABOVE, "approvals": 2})
    index = propose(world, allocated())
    first = approve(world.open, index, "chu-tk")
    assert first.entry is None
    assert approve(world.open, index, "chu-tk").entry is None
    leaf = leaf_at(world, index)
    again = {"kind": "approved", "approved_on": DAY, "proposed": index, "proposed_leaf": leaf}
    assert refusal(lambda: world.open.requests.submit([{"entry": again}], "chu-tk")) is Reason.ALREADY_APPROVED
    assert approve(world.open, index, "ke-toan-truong").entry is not None
    check_book(world)


def test_only_those_named_count(world: World) -> None:
    world.gift(10_000_000)
    policy(world, {**ABOVE, "approvers": ["chu-tk"]})
    index = propose(world, allocated())
    assert approve(world.open, index, "thu-kho").entry is None
    assert approve(world.open, index, "chu-tk").entry is not None
    check_book(world)


def test_what_was_approved_is_what_is_recorded(funded: World) -> None:
    index = propose(funded, allocated())
    leaf = leaf_at(funded, index)
    approved = {"kind": "approved", "approved_on": DAY, "proposed": index, "proposed_leaf": leaf}
    more = {**allocated(minor=3_000_000), "proposal": leaf}

    def change() -> None:
        funded.open.requests.submit([{"entry": approved}, {"entry": more}], "chu-tk")

    assert refusal(change) is Reason.NOT_WHAT_WAS_APPROVED
    done = approve(funded.open, index, "chu-tk")
    assert done.entry is not None
    twice = {**allocated("A2"), "proposal": leaf}
    assert refusal(lambda: funded.say(**twice)) is Reason.PROPOSAL_SETTLED
    check_book(funded)


def test_only_a_proposal_is_approved(funded: World) -> None:
    assert refusal(lambda: approve(funded.open, 3, "chu-tk")) is Reason.NO_SUCH_PROPOSAL
    assert refusal(lambda: approve(funded.open, 9999, "chu-tk")) is Reason.NO_SUCH_PROPOSAL
    assert refusal(lambda: funded.say(**allocated(), proposal="ab" * 32)) is Reason.NO_SUCH_PROPOSAL
    check_book(funded)


def test_a_declined_proposal_is_over(funded: World) -> None:
    index = propose(funded, allocated())
    decline(funded.open, index, "không đúng kế hoạch", "chu-tk")
    assert refusal(lambda: approve(funded.open, index, "chu-tk")) is Reason.PROPOSAL_SETTLED
    check_book(funded)


def test_a_role_given_by_the_proposer_does_not_count(funded: World) -> None:
    funded.say("role_granted", actor="ban-moi", granted_on=DAY, role="approver")
    index = propose(funded, allocated())
    assert refusal(lambda: approve(funded.open, index, "ban-moi")) is Reason.NOT_AN_APPROVER
    # Somebody has the role now: whoever has not cannot approve enough.
    assert approve(funded.open, index, "thu-kho").entry is None
    check_book(funded, allow={FindingKind.PROPOSAL_OPEN})


def test_the_rules_of_approval_are_approved_too(funded: World) -> None:
    assert refusal(lambda: policy(funded)) is Reason.NEEDS_APPROVAL
    check_book(funded)


def test_a_policy_about_everything_locks_nobody_out(world: World) -> None:
    """Asking, approving and what is bound to the moment are not themselves asked about."""
    world.gift(10_000_000)
    every = {"approvals": 1, "approvers": [], "kinds": []}
    policy(world, every)
    assert refusal(lambda: world.say(**allocated())) is Reason.NEEDS_APPROVAL
    index = propose(world, allocated())
    assert approve(world.open, index, "chu-tk").entry is not None
    decline(world.open, propose(world, allocated("A2")), "trùng", "chu-tk")
    issued = {
        "kind": "report_issued",
        "from_on": DAY,
        "issued_on": DAY,
        "names": False,
        "options": [],
        "report": "use",
        "sha256": SHA,
        "size": 1,
        "to_on": DAY,
    }
    record_bound(world.open, issued, "ke-toan")
    world.clock.moment -= timedelta(hours=1)
    world.gift(1)
    world.clock.moment += timedelta(hours=2)
    back = {"kind": "four_eyes_set", "rules": [], "decision_sha256": SHA, "set_on": DAY}
    assert approve(world.open, propose(world, back), "chu-tk").entry is not None
    world.say(**allocated("A3"))
    check_book(world)


def test_what_was_approved_already_is_not_asked_again(funded: World) -> None:
    """The payment of an approved order, what comes back of it, money that arrives."""
    approve(funded.open, propose(funded, allocated()), "chu-tk")
    order = {
        "kind": "payment_ordered",
        "allocation": "A1",
        "amount": vnd(2_000_000),
        "order": "L1",
        "ordered_on": DAY,
        "payee": {"holder": "xa-1", "payee_kind": "commune"},
        "place": "bank:VCB",
    }
    assert refusal(lambda: funded.say(**order)) is Reason.NEEDS_APPROVAL
    approve(funded.open, propose(funded, order), "chu-tk")
    paid = {"amount": vnd(2_000_000), "holder": "xa-1", "order": "L1", "parts": [], "place": "bank:VCB"}
    funded.say("money_advanced", **paid, paid_on=DAY)
    # What would let the same order be paid once more is asked about.
    assert refusal(lambda: funded.say("payment_bounced", **paid, bounced_on=DAY)) is Reason.NEEDS_APPROVAL
    funded.say("money_returned", **paid, allocation="A1", returned_on=DAY)
    sent = {"kind": "transfer_sent", "amount": vnd(3_000_000), "parts": [], "place": "bank:VCB", "transfer": "T1"}
    assert refusal(lambda: funded.say(**sent, sent_on=DAY)) is Reason.NEEDS_APPROVAL
    approve(funded.open, propose(funded, {**sent, "sent_on": DAY}), "chu-tk")
    arrived = {"amount": vnd(3_000_000), "parts": [], "place": "bank:AGR", "transfer": "T1"}
    funded.say("transfer_arrived", **arrived, arrived_on=DAY)
    funded.gift(2_000_000, place="cash:TM")
    funded.say("cash_paid_in", amount=vnd(2_000_000), cash="cash:TM", paid_in_on=DAY, parts=[], place="bank:VCB")
    assert not any(KINDS[kind].asks_approval for kind in ("purchased", "goods_returned"))
    check_book(funded)


def test_a_rule_that_can_never_ask_is_refused(world: World) -> None:
    """A slip of the pen in a rule would leave a door open that everybody thinks is shut."""
    for kind in ("payment_order", "gift_received", "money_advanced"):
        rule = {"approvals": 1, "approvers": [], "kinds": [kind]}
        assert refusal(lambda rule=rule: policy(world, rule)) is Reason.MALFORMED
    policy(world, {**ABOVE, "kinds": ["contract_signed"]})
    world.gift(5_000_000)
    world.say(**allocated(minor=3_000_000))
    contract = {
        "kind": "contract_signed",
        "advance_minor": 0,
        "allocation": "A1",
        "amount": vnd(1_000_001),
        "contract": "H1",
        "contract_kind": "goods",
        "contract_sha256": SHA,
        "quotations": [],
        "signed_on": DAY,
        "stages": [{"minor": 1_000_001, "stage": 1}],
        "supplier": "cty-a",
    }
    assert refusal(lambda: world.say(**contract)) is Reason.NEEDS_APPROVAL
    approve(world.open, propose(world, contract), "chu-tk")
    # Another spelling of the supplier is the same supplier.
    order = {"allocation": "A1", "amount": vnd(10), "order": "L1", "ordered_on": DAY, "place": "bank:VCB"}
    payee = {"holder": "CTY-A", "payee_kind": "supplier"}
    assert refusal(lambda: world.say("payment_ordered", **order, payee=payee)) is Reason.NO_SUCH_CONTRACT
    check_book(world)


def test_the_rules_change_only_as_all_of_them_ask(world: World) -> None:
    """Two who are no approvers could otherwise write a policy that suits them."""
    policy(world, {**ABOVE, "approvers": ["chu-tk"]}, {**ABOVE, "approvals": 2, "kinds": ["grant_sent"]})
    index = propose(world, {"kind": "four_eyes_set", "rules": [], "decision_sha256": SHA, "set_on": DAY})
    assert approve(world.open, index, "thu-kho").entry is None
    assert approve(world.open, index, "chu-tk").entry is not None
    check_book(world)


def test_nobody_makes_or_unmakes_approvers_alone(funded: World) -> None:
    """A storekeeper who names himself, or an accountant who dismisses the chairman, would decide with one more."""
    grant = {"kind": "role_granted", "granted_on": DAY, "role": "approver"}
    funded.open.requests.submit([{"entry": {**grant, "actor": "chu-tk"}}], "admin")
    mine = {**grant, "actor": "thu-kho"}
    alone = [{"entry": mine}]
    assert refusal(lambda: funded.open.requests.submit(alone, "thu-kho")) is Reason.NEEDS_APPROVAL
    withdrawn = {"kind": "role_withdrawn", "actor": "chu-tk", "role": "approver", "withdrawn_on": DAY}
    assert refusal(lambda: funded.say(**withdrawn)) is Reason.NEEDS_APPROVAL
    assert approve(funded.open, propose(funded, mine), "chu-tk").entry is not None
    funded.say("role_granted", actor="thu-quy", granted_on=DAY, role="cashier")
    check_book(funded)


def test_a_reversal_needs_what_the_entry_needed(world: World) -> None:
    """A rule about one kind is also about undoing it."""
    world.gift(5_000_000)
    policy(world, {"approvals": 1, "approvers": [], "kinds": ["allocated"]})
    done = approve(world.open, propose(world, allocated()), "chu-tk")
    assert done.entry is not None
    assert refusal(lambda: reverse(world, done.entry.index)) is Reason.NEEDS_APPROVAL
    approve(world.open, propose(world, reversal(world, done.entry.index)), "chu-tk")
    assert world.balance("allocated:A1") == 0
    reverse(world, world.gift(7).index)
    check_book(world)


def test_a_proposal_keeps_the_secrets_that_its_entry_must_keep(world: World) -> None:
    """It stands in the log for ever, whether it is approved or not."""
    draft = {
        "kind": "need_surveyed",
        "items": [],
        "need": "N1",
        "programme": "HP256",
        "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 2},
        "survey": "2026",
        "surveyed_on": DAY,
        "wanted": vnd(5),
    }
    assert refusal(lambda: propose(world, draft)) is Reason.SMALL_GROUP_OPEN
    check_book(world)


def test_a_fact_carries_out_no_proposal(world: World) -> None:
    """It would look approved."""
    assert refusal(lambda: world.gift(proposal="ab" * 32)) is Reason.MALFORMED
    check_book(world)


def test_small_change_hides_no_split(funded: World) -> None:
    """Many tiny decisions between two large ones do not push the first out of sight."""
    funded.say(**allocated("A0", 900_000))
    order = {
        "kind": "payment_ordered",
        "allocation": "A0",
        "ordered_on": DAY,
        "place": "bank:VCB",
    }
    big = {"holder": "can-bo-1", "payee_kind": "staff"}
    funded.say(**order, payee=big, amount=vnd(600_000), order="L-a")
    for number in range(70):
        funded.say(**order, payee=big, amount=vnd(1), order=f"L{number}")
    check_book(funded)
    approve(funded.open, propose(funded, allocated("B1", 2_000_000)), "chu-tk")
    spelt = {"holder": "Can-Bo-1", "payee_kind": "staff"}
    funded.say(**{**order, "allocation": "B1"}, payee=spelt, amount=vnd(600_000), order="L-b")
    check_book(funded, allow={FindingKind.SPLIT_UNDER_THRESHOLD})
    report = check_book(funded, allow={FindingKind.SPLIT_UNDER_THRESHOLD})
    assert [f.kind for f in report.findings] == [FindingKind.SPLIT_UNDER_THRESHOLD]


def test_a_payment_cut_small_shows(funded: World) -> None:
    funded.say(**allocated("A1", 700_000))
    assert refusal(lambda: funded.say(**allocated("A2", 1_000_001))) is Reason.NEEDS_APPROVAL
    order = {
        "kind": "payment_ordered",
        "allocation": "A1",
        "ordered_on": DAY,
        "payee": {"holder": "can-bo-1", "payee_kind": "staff"},
        "place": "bank:VCB",
    }
    check_book(funded)
    for number in range(2):
        funded.say(**order, amount=vnd(300_000), order=f"L{number}")
    check_book(funded)
    funded.say(**allocated("A3", 900_000))
    funded.say(**{**order, "allocation": "A3"}, amount=vnd(600_000), order="L9")
    check_book(funded, allow={FindingKind.SPLIT_UNDER_THRESHOLD})
    report = check_book(funded, allow={FindingKind.SPLIT_UNDER_THRESHOLD})
    assert [f.kind for f in report.findings] == [FindingKind.SPLIT_UNDER_THRESHOLD]


def test_people_in_a_proposal_stay_with_the_entry(world: World) -> None:
    policy(world, {"approvals": 1, "approvers": [], "kinds": ["pledge_made"]})
    draft = {
        "kind": "pledge_made",
        "amount": vnd(5),
        "donor": {"private": {"name": "Nguyễn Thị Hoà"}},
        "firm": False,
        "fund": "sua",
        "pledge": "K7M4X2PQ",
        "pledged_on": DAY,
    }
    index = propose(world, draft)
    done = approve(world.open, index, "chu-tk")
    assert done.entry is not None
    found = world.open.requests.submit(
        [
            {
                "entry": {
                    "kind": "donor_registered",
                    "donor": {"same_as": done.entry.index},
                    "donor_kind": "person",
                    "may_publish_name": False,
                }
            }
        ],
        "ke-toan",
    )
    assert found[0].index > done.entry.index
    check_book(world)
