"""Campaigns keep their clocks; the calendar of reports is set, kept and corrected by entries alone."""

from typing import Any

import pytest

from ledger.clocks import rules
from ledger.record import KINDS
from ledger.refusals import Reason
from ledger.registers import Key, decode_value
from ledger.store import read
from ledger.store.engine import reading
from tests.ledger.refusing import refused
from tests.ledger.saying import record_at, size
from tests.ledger.story3.clock import DEFAULTS, request, say, tell
from tests.worlds import World

R = Reason
CAMPAIGN = Key("campaign", "bao-so-3")


def row_of(world: World, key: Key) -> dict[str, Any] | None:
    """A register row as stored."""
    with reading(world.open.engine) as db:
        value = read.registers(db, world.open.code, [key]).get(key)
    return None if value is None else decode_value(value)


def test_the_story_says_every_kind_of_the_family(sqlite_world: World) -> None:
    """The golden book is made of it."""
    tell(sqlite_world)
    family = {
        name
        for name, kind in KINDS.items()
        if kind.__module__ in ("ledger.entries.campaigns", "ledger.entries.auditing")
    }
    assert set(DEFAULTS) == family
    assert len(family) == 10


def test_a_disaster_campaign_has_the_limits_of_its_day(sqlite_world: World) -> None:
    """NĐ 93/2021 Đ.8: 90 days of reception, 20 of distribution; they stand in the record whatever is shipped later."""
    entry = record_at(sqlite_world, say(sqlite_world, "campaign_opened").index).entry
    assert (entry.receive_days, entry.distribute_days) == (90, 20)
    assert row_of(sqlite_world, CAMPAIGN) == {
        "distribute_by_on": "2026-11-19",
        "distribute_days": 20,
        "from_on": "2026-08-01",
        "fund": "sua",
        "index": size(sqlite_world) - 1,
        "to_on": "2026-10-30",
    }


def test_other_campaigns_have_no_limit(sqlite_world: World) -> None:
    """The decree sets none for critical illness, nor for a fund's own drive."""
    say(sqlite_world, "campaign_opened", sort="illness", to_on="2027-08-01")
    row = row_of(sqlite_world, CAMPAIGN)
    assert row is not None
    assert "distribute_by_on" not in row
    refused(
        R.MALFORMED,
        lambda: say(sqlite_world, "campaign_opened", campaign="khac", fund="chung", sort="other", receive_days=400),
        "receive_days",
    )


def test_a_reception_longer_than_the_rule_needs_evidence(sqlite_world: World) -> None:
    """The 90th day after the first is the last one; one day more is a document's business."""
    refusal = refused(R.RECEPTION_TOO_LONG, lambda: say(sqlite_world, "campaign_opened", to_on="2026-10-31"), "to_on")
    assert str(refusal.details["last"]) == "2026-10-30"
    say(sqlite_world, "campaign_opened")
    longer = {"stage": "reception", "to_on": "2026-11-30", "why": "Bão số 4"}
    refused(R.MALFORMED, lambda: say(sqlite_world, "campaign_extended", **{**longer, "to_on": "2026-10-30"}), "to_on")
    say(sqlite_world, "campaign_extended", **longer)
    row = row_of(sqlite_world, CAMPAIGN)
    assert row is not None
    assert (row["to_on"], row["distribute_by_on"]) == ("2026-11-30", "2026-12-20")


def test_a_campaign_ends_stage_by_stage(sqlite_world: World) -> None:
    """Distribution counts from the day reception really ended; each stage ends once."""
    refused(R.NO_SUCH_CAMPAIGN, lambda: say(sqlite_world, "campaign_closed"), "campaign")
    say(sqlite_world, "campaign_opened")
    refused(R.MALFORMED, lambda: say(sqlite_world, "campaign_closed", stage="distribution"), "stage")
    refused(R.MALFORMED, lambda: say(sqlite_world, "campaign_closed", closed_on="2026-07-31"), "closed_on")
    say(sqlite_world, "campaign_closed", closed_on="2026-08-20")
    row = row_of(sqlite_world, CAMPAIGN)
    assert row is not None
    assert row["distribute_by_on"] == "2026-09-09"
    refused(R.ALREADY_CLOSED, lambda: say(sqlite_world, "campaign_closed"), "stage")
    refused(R.ALREADY_CLOSED, lambda: say(sqlite_world, "campaign_extended", stage="reception"), "stage")
    say(sqlite_world, "campaign_extended")
    say(sqlite_world, "campaign_closed", stage="distribution")
    row = row_of(sqlite_world, CAMPAIGN)
    assert row is not None
    assert (row["distribute_by_on"], row["distribution_closed_on"]) == ("2026-12-31", "2026-08-31")


def test_a_fund_has_one_campaign(sqlite_world: World) -> None:
    """Two in one pool could not be accounted for apart."""
    say(sqlite_world, "campaign_opened")
    refused(R.ALREADY_EXISTS, lambda: say(sqlite_world, "campaign_opened"), "campaign")
    refused(R.ALREADY_EXISTS, lambda: say(sqlite_world, "campaign_opened", campaign="khac"), "fund")
    refused(R.NO_SUCH_FUND, lambda: say(sqlite_world, "campaign_opened", campaign="khac", fund="khong-co"), "fund")
    refused(
        R.MALFORMED,
        lambda: say(sqlite_world, "campaign_opened", campaign="khac", fund="chung", to_on="2026-07-31"),
        "to_on",
    )


def versions(world: World) -> list[tuple[str, str | None]]:
    row = row_of(world, Key("report-rule", "bao-cao-15-12"))
    assert row is not None
    return [(version["from_on"], version.get("to_on")) for version in row["versions"]]


def test_a_rule_follows_another_and_the_old_one_stays_for_its_days(sqlite_world: World) -> None:
    """What was due by last year's rule is judged by it."""
    say(sqlite_world, "report_rule_set")
    refused(R.MALFORMED, lambda: say(sqlite_world, "report_rule_set", from_on="2024-12-31"), "from_on")
    refused(R.MALFORMED, lambda: say(sqlite_world, "report_rule_set", to_on="2024-01-01"), "to_on")
    say(sqlite_world, "report_rule_set", from_on="2026-01-01", when="yearly by 12-20")
    assert versions(sqlite_world) == [("2025-01-01", "2025-12-31"), ("2026-01-01", None)]
    say(sqlite_world, "report_rule_set", from_on="2026-01-01", to_on="2026-12-31")
    assert versions(sqlite_world) == [("2025-01-01", "2025-12-31"), ("2026-01-01", "2026-12-31")]


@pytest.mark.parametrize(
    "when", ["yearly before 13-01", "weekly", "monthly by 31", "once 2026-10-05\n", "within 15 after x"]
)
def test_a_rule_says_when_in_a_known_way(sqlite_world: World, when: str) -> None:
    """A rule nobody can compute would never fall due."""
    refused(R.MALFORMED, lambda: say(sqlite_world, "report_rule_set", when=when))


def test_every_shipped_rule_can_be_set_by_an_entry(sqlite_world: World) -> None:
    """The file and the entry speak one language."""
    for number, rule in enumerate(rules()):
        say(
            sqlite_world,
            "report_rule_set",
            rule=f"r-{number}",
            name=rule.name[0],
            sender=rule.sender,
            recipient=rule.recipient or "Quỹ",
            level=rule.level,
            when=rule.when,
            about=rule.about,
            source=rule.source,
        )


def test_a_report_is_sent_once_and_supplemented(sqlite_world: World) -> None:
    """The first sending counts; what follows is a supplement (Quảng Ninh: later figures)."""
    say(sqlite_world, "report_rule_set")
    refused(R.MALFORMED, lambda: say(sqlite_world, "report_submitted", due_on="2025-12-15"), "due_on")
    first = say(sqlite_world, "report_submitted", due_on="2025-12-14")
    second = say(sqlite_world, "report_submitted", submitted_on="2026-02-01")
    assert row_of(sqlite_world, Key("report-sent", "bao-cao-15-12/2025")) == {
        "due_on": "2025-12-14",
        "index": first.index,
        "submitted_on": "2026-01-05",
        "supplements": [second.index],
    }
    refused(R.NOT_THE_RECORD, lambda: say(sqlite_world, "report_submitted", issued=first.index), "issued")


def test_a_report_is_acknowledged_once(sqlite_world: World) -> None:
    """The stamped copy belongs to one sending."""
    sent = say(sqlite_world, "report_submitted")
    named: dict[str, Any] = {"submitted": sent.index, "submitted_leaf": sent.leaf_hash.hex()}
    refused(
        R.MALFORMED,
        lambda: say(sqlite_world, "report_acknowledged", **named, acknowledged_on="2026-01-04"),
        "acknowledged_on",
    )
    refused(
        R.NOT_THE_RECORD,
        lambda: say(sqlite_world, "report_acknowledged", submitted=sent.index, submitted_leaf="00" * 32),
        "submitted_leaf",
    )
    gift = sqlite_world.gift()
    refused(
        R.NOT_THE_RECORD,
        lambda: say(sqlite_world, "report_acknowledged", submitted=gift.index, submitted_leaf=gift.leaf_hash.hex()),
        "submitted",
    )
    say(sqlite_world, "report_acknowledged", **named)
    refused(R.ALREADY_CLOSED, lambda: say(sqlite_world, "report_acknowledged", **named), "submitted")


@pytest.mark.parametrize("day", ["0001-01-01", "1989-12-31", "3000-01-01", "9999-12-31"])
def test_days_at_the_ends_of_the_calendar_are_refused(sqlite_world: World, day: str) -> None:
    """A rule counted from them would fall off the calendar, and what is due could be told to nobody."""
    refused(R.MALFORMED, lambda: say(sqlite_world, "report_rule_set", from_on=day), "from_on")
    refused(R.MALFORMED, lambda: say(sqlite_world, "campaign_opened", sort="other", from_on=day, to_on=day), "from_on")
    say(sqlite_world, "campaign_opened")
    refused(R.MALFORMED, lambda: say(sqlite_world, "campaign_extended", to_on=day), "to_on")


def test_a_period_at_the_end_of_the_calendar_is_only_a_name(sqlite_world: World) -> None:
    """A report may name any period; a due day is looked for only where there can be one."""
    say(sqlite_world, "report_rule_set", when="quarterly within 999", about="quarter")
    say(sqlite_world, "report_submitted", period="9999-Q4", due_on="2026-01-01")
    say(sqlite_world, "report_submitted", period="9000-Q4", due_on="9003-09-26")


def test_a_request_may_leave_the_limits_out_but_not_break_on_nonsense(sqlite_world: World) -> None:
    """What is wrong with an entry is said by its own checks."""
    asked = request("campaign_opened", from_on="không phải ngày")
    refused(R.MALFORMED, lambda: sqlite_world.say(**asked))
