"""A sample is promised before it is drawn; a finding stays until the money is back or a document says why not."""

from typing import Any

from ledger.book import Recorded
from ledger.refusals import Reason
from ledger.registers import Key
from tests.ledger.refusing import refused
from tests.ledger.saying import reverse
from tests.ledger.story3.clock import SEED, SEED_SHA256, say
from tests.ledger.test_campaigns import row_of
from tests.worlds import World, vnd

R = Reason


def test_only_the_committed_seed_opens_a_sample(sqlite_world: World) -> None:
    """Another seed would be a sample chosen afterwards."""
    refused(R.NO_SUCH_SAMPLE, lambda: say(sqlite_world, "sample_drawn"), "sample")
    refused(R.MALFORMED, lambda: say(sqlite_world, "sample_committed", to_on="2025-12-31"), "to_on")
    committed = say(sqlite_world, "sample_committed")
    refused(R.ALREADY_EXISTS, lambda: say(sqlite_world, "sample_committed"), "sample")
    refused(R.SEED_DIFFERS, lambda: say(sqlite_world, "sample_drawn", seed="5e" * 32), "seed")
    drawn = say(sqlite_world, "sample_drawn")
    refused(R.ALREADY_CLOSED, lambda: say(sqlite_world, "sample_drawn"), "sample")
    row = {"drawn": drawn.index, "index": committed.index, "seed": SEED, "seed_sha256": SEED_SHA256}
    assert row_of(sqlite_world, Key("sample", "kt-2026")) == row


def raised(world: World, **changed: Any) -> Recorded:
    gift = world.gift(900_000, fund="chung")
    named = {"about": gift.index, "about_leaf": gift.leaf_hash.hex(), "sample": None}
    return say(world, "finding_raised", **{**named, **changed})


def test_a_finding_names_its_record_and_its_amount(sqlite_world: World) -> None:
    """A finding about money without a sum could be closed with nothing."""
    refused(R.NOT_THE_RECORD, lambda: raised(sqlite_world, about_leaf="00" * 32), "about_leaf")
    refused(R.MALFORMED, lambda: raised(sqlite_world, amount=None), "amount")
    refused(R.MALFORMED, lambda: raised(sqlite_world, answer_by_on="2026-08-31"), "answer_by_on")
    refused(R.NO_SUCH_SAMPLE, lambda: raised(sqlite_world, sample="khong-co"), "sample")
    raised(sqlite_world, sort="other", amount=None)
    refused(R.ALREADY_EXISTS, lambda: raised(sqlite_world), "finding")
    say(sqlite_world, "finding_followed", answer="Đã bổ sung hồ sơ")
    refused(R.ALREADY_CLOSED, lambda: say(sqlite_world, "finding_followed"), "finding")


def test_a_recovery_is_closed_by_money_or_by_a_document(sqlite_world: World) -> None:
    """Money counts once, for one finding, and only what came in from outside."""
    refused(R.NO_SUCH_FINDING, lambda: say(sqlite_world, "finding_followed"), "finding")
    before = sqlite_world.gift(50_000, fund="chung")
    raised(sqlite_world)
    follow = {"closed": False}
    refusal = refused(R.PARTS_DIFFER, lambda: say(sqlite_world, "finding_followed"), "closed")
    assert refusal.details["missing_minor"] == 50_000
    refused(
        R.NOT_THE_RECORD,
        lambda: say(sqlite_world, "finding_followed", **follow, recovered=before.index),
        "recovered",
    )
    sent = sqlite_world.say(
        "transfer_sent", transfer="ct-9", place="bank:VCB", amount=vnd(50_000), sent_on="2026-09-01", parts=[]
    )
    refused(
        R.NOT_THE_RECORD, lambda: say(sqlite_world, "finding_followed", **follow, recovered=sent.index), "recovered"
    )
    arrived = sqlite_world.say(
        "transfer_arrived", transfer="ct-9", place="bank:AGR", amount=vnd(50_000), arrived_on="2026-09-01", parts=[]
    )
    refused(
        R.NOT_THE_RECORD,
        lambda: say(sqlite_world, "finding_followed", **follow, recovered=arrived.index),
        "recovered",
    )
    mistaken = sqlite_world.gift(20_000, fund="chung")
    reverse(sqlite_world, mistaken.index)
    refused(
        R.ALREADY_REVERSED,
        lambda: say(sqlite_world, "finding_followed", **follow, recovered=mistaken.index),
        "recovered",
    )
    part = sqlite_world.gift(30_000, fund="chung")
    say(sqlite_world, "finding_followed", **follow, recovered=part.index)
    refused(
        R.NOT_THE_RECORD, lambda: say(sqlite_world, "finding_followed", **follow, recovered=part.index), "recovered"
    )
    row = row_of(sqlite_world, Key("finding", "ph-1"))
    assert row is not None
    assert (row["recovered_minor"], row["closed"]) == (30_000, False)
    refused(R.PARTS_DIFFER, lambda: say(sqlite_world, "finding_followed"), "closed")
    say(sqlite_world, "finding_followed", evidence_sha256="ab" * 32, answer="Phần còn lại không thu hồi được")
    row = row_of(sqlite_world, Key("finding", "ph-1"))
    assert row is not None
    assert row["closed"]
