"""From a gift to its paper: only for what is sealed, once, and not for what was taken back.

Without these a donor could hold a paper for money that went back, or be refused one that is due.
"""

from datetime import date

import pytest

from certificates.attach import attached
from certificates.issue import gifts, is_live, issue, live_paper, render_paper
from ledger.refusals import Reason, Rejected
from tests.audits import check_book
from tests.ledger.saying import reverse, say
from tests.worlds import TODAY, World, vnd


def refusal(call: object, *given: object, **options: object) -> Reason:
    with pytest.raises(Rejected) as caught:
        call(*given, **options)  # type: ignore[operator]
    return caught.value.reason


def receipt(world: World, gift: int) -> int:
    return issue(world.open, gift, "receipt", by="ke-toan", issued_on=TODAY).index


def sealed_gift(world: World) -> int:
    index = world.gift().index
    world.open.checkpointer.run()
    return index


def test_a_paper_waits_for_the_seal(sqlite_world: World) -> None:
    """Gift first, then its paper: neither before a checkpoint covers it."""
    world = sqlite_world
    gift = world.gift().index
    assert refusal(receipt, world, gift) is Reason.NOT_CHECKPOINTED
    world.open.checkpointer.run()
    paper = receipt(world, gift)
    assert refusal(render_paper, world.open, paper) is Reason.NOT_CHECKPOINTED
    world.open.checkpointer.run()
    assert render_paper(world.open, paper) == render_paper(world.open, paper)
    check_book(world)


def test_one_live_paper_for_a_gift(sqlite_world: World) -> None:
    """Revoked, it is not printed again and its number is not given again."""
    world = sqlite_world
    gift = sealed_gift(world)
    assert live_paper(world.open, gift, "receipt") is None
    first = receipt(world, gift)
    assert (live_paper(world.open, gift, "receipt"), is_live(world.open, first)) == (first, True)
    assert live_paper(world.open, gift, "certificate") is None
    assert refusal(receipt, world, gift) is Reason.ALREADY_EXISTS
    say(world, "certificate_revoked", paper="receipt", number=1, year=TODAY.year)
    world.open.checkpointer.run()
    assert (live_paper(world.open, gift, "receipt"), is_live(world.open, first)) == (None, False)
    assert refusal(render_paper, world.open, first) is Reason.GIFT_TAKEN_BACK
    second = receipt(world, gift)
    world.open.checkpointer.run()
    assert b'"number":2' in attached(render_paper(world.open, second))["paper.record"]
    check_book(world)


def test_a_gift_reversed_has_no_paper_until_it_holds_again(sqlite_world: World) -> None:
    """The paper follows the gift both ways: a reversal made by mistake is itself reversed."""
    world = sqlite_world
    gift = sealed_gift(world)
    paper = receipt(world, gift)
    mistake = reverse(world, gift).index
    world.open.checkpointer.run()
    assert not is_live(world.open, paper)
    assert refusal(render_paper, world.open, paper) is Reason.GIFT_TAKEN_BACK
    reverse(world, mistake)
    world.open.checkpointer.run()
    assert is_live(world.open, paper)
    assert attached(render_paper(world.open, paper))
    check_book(world)


def test_a_gift_refunded_has_no_paper(sqlite_world: World) -> None:
    """Not even one for the part that stayed: its sum would be wrong. A refund undone gives it back."""
    world = sqlite_world
    gift = sealed_gift(world)
    paper = receipt(world, gift)
    refund = say(world, "gift_refunded", gift=gift, fund="sua", amount=vnd(1)).index
    assert not is_live(world.open, paper)
    reverse(world, refund)
    assert is_live(world.open, paper)
    check_book(world)


def test_what_is_no_paper_and_what_is_no_gift(sqlite_world: World) -> None:
    world = sqlite_world
    gift = sealed_gift(world)
    for index in (0, gift, 9_999):
        assert refusal(is_live, world.open, index) is Reason.NO_SUCH_RECORD
        assert refusal(render_paper, world.open, index) is Reason.NO_SUCH_RECORD
    assert refusal(receipt, world, 0) is Reason.NOT_A_GIFT
    part = {"by": "ke-toan", "issued_on": TODAY, "part": 0}
    assert refusal(issue, world.open, gift, "receipt", **part) is Reason.NOT_A_GIFT
    check_book(world)


def test_a_certificate_needs_the_boards_decision(sqlite_world: World) -> None:
    world = sqlite_world
    gift = sealed_gift(world)
    asked = {"by": "ke-toan", "issued_on": TODAY}
    assert refusal(issue, world.open, gift, "certificate", **asked) is Reason.MALFORMED
    issue(world.open, gift, "certificate", decision="1/QĐ", decided_on=date(2026, 8, 31), **asked)
    check_book(world)


def test_every_gift_that_a_paper_can_be_for(sqlite_world: World) -> None:
    """Single gifts, each envelope, each gift of a batch."""
    world = sqlite_world
    gift = sealed_gift(world)
    sheet, batch = say(world, "cash_sheet_received").index, say(world, "gateway_settled").index
    assert list(gifts(world.open)) == [
        (gift, None, 500_000),
        (sheet, 0, 100_000),
        (sheet, 1, 50_000),
        (batch, 0, 120_000),
        (batch, 1, 80_000),
    ]
    check_book(world)
