"""What is due is a function of the book and the day; what is overdue stays until it is done; a phone can read it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest

from audit.ics import OCTETS, calendar, uid
from audit.occasions import occasion_day, occasion_of, occasions
from audit.reports import Period, make_report, open_source
from audit.reports.deadlines import Due, deadlines
from ledger.clocks import Rule, due_after, due_of, occurrences, rules, shipped
from ledger.refusals import Reason, Rejected
from tests.audits import check_book
from tests.ledger.saying import HOLDER, SUPPLIER, person
from tests.ledger.saying import say as usual
from tests.ledger.story3.clock import say
from tests.shared import shared
from tests.worlds import OPEN_TO_ALL, SHA, World, vnd

TODAY = date(2026, 9, 1)
STAMP = datetime(2026, 9, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def world(sqlite_world: World) -> Iterator[World]:
    """The invented fund, audited when the test is over."""
    yield sqlite_world
    check_book(sqlite_world)


def due(world: World, sort: str, *, today: date = TODAY, days: int = 60) -> list[tuple[Any, ...]]:
    """(due day, code, period, days left) of one sort."""
    found = deadlines(world.open, today=today, until=today + timedelta(days=days))
    return [(str(one.due_on), one.code, one.period, one.days_left) for one in found if one.sort == sort]


# --- rules ----------------------------------------------------------------------------------------------


def rule(when: str, about: str = "year", **changed: Any) -> Rule:
    """A rule of an invented office."""
    fields: dict[str, Any] = {
        "code": "r", "name": ("r", "r"), "sender": "Quỹ", "recipient": "Sở", "level": "province", "when": when,
        "about": about, "valid_from": date(2020, 1, 1), "valid_to": None, "source": "x", "verified": True,
    }  # fmt: skip
    return Rule(**{**fields, **changed})


@pytest.mark.parametrize(
    ("when", "about", "expected"),
    [
        ("yearly before 06-15", "half", [("2026-H1", date(2026, 6, 14))]),
        ("yearly before 12-15", "year", [("2026", date(2026, 12, 14))]),
        ("yearly before 12-01", "year", [("2026", date(2026, 11, 30))]),
        ("yearly before 12-31", "year", [("2026", date(2026, 12, 30))]),
        ("yearly before 03-31", "year-before", [("2025", date(2026, 3, 30))]),
        ("yearly by 02-29", "year", []),
        ("once 2026-10-05", "event", [("2026-10-05", date(2026, 10, 5))]),
        ("unscheduled", "event", []),
        ("within 15 after reception-end", "campaign", []),
        (
            "quarterly within 30",
            "quarter",
            [
                ("2025-Q4", date(2026, 1, 30)),
                ("2026-Q1", date(2026, 4, 30)),
                ("2026-Q2", date(2026, 7, 30)),
                ("2026-Q3", date(2026, 10, 30)),
            ],
        ),
    ],
)
def test_a_rule_falls_due_on_its_days(when: str, about: str, expected: list[tuple[str, date]]) -> None:
    """«Trước ngày 15/6» ends with the 14th; a report before 31 March is of the year before."""
    asked = rule(when, about)
    assert list(occurrences(asked, date(2026, 1, 1), date(2026, 12, 31))) == expected
    for period, due_on in expected:
        assert due_of(asked, period) == due_on
    assert due_of(asked, "khong-co") is None


def test_a_month_has_its_last_day() -> None:
    """Also February, also of a leap year."""
    found = dict(occurrences(rule("monthly end", "month"), date(2028, 1, 1), date(2028, 12, 31)))
    assert (len(found), found["2028-02"], found["2028-04"]) == (12, date(2028, 2, 29), date(2028, 4, 30))
    assert due_of(rule("monthly by 05", "month"), "2026-09") == date(2026, 9, 5)


def test_days_after_an_event_do_not_count_its_own_day() -> None:
    """Bộ luật Dân sự 2015 Đ.147 k.2."""
    assert due_after(rule("within 15 after reception-end"), date(2026, 9, 1)) == date(2026, 9, 16)
    assert due_after(rule("1 before reception-start"), date(2026, 9, 1)) == date(2026, 8, 31)


def test_the_shipped_rules_are_those_of_the_laws_and_plans_read() -> None:
    """Every deadline of the list read from the sources stands in the file with its figure, none is made up silently."""
    read = shared("data/targets_and_deadlines.csv").read_text(encoding="utf-8")
    assert {r.code for r in rules() if r.code[0] in "LD"} >= {
        line.split(",")[0] for line in read.splitlines() if line.startswith("D-")
    } | {"L-1", "L-2", "L-3", "L-4", "L-5", "L-6", "L-7", "L-8", "L-10", "L-11"}
    said = {rule.code: rule.when for rule in rules() if rule.holds(date(2026, 9, 1))}
    assert said["L-10"] == "within 90 after reception-start"
    assert said["L-11"] == "within 20 after reception-end"
    assert (said["L-5"], said["L-6"]) == ("within 15 after reception-end", "within 30 after distribution-end")
    assert (said["L-1"], said["L-3"]) == ("yearly before 03-31", "yearly before 12-31")
    assert {said[c] for c in ("D-HUE-1", "D-HUE-2", "D-QN-1")} == {
        "yearly before 06-15", "yearly before 12-15", "yearly before 12-01",
    }  # fmt: skip
    # What the sources call not verified says so; what names no day in them does too.
    assert {rule.code for rule in rules() if not rule.verified} >= {"L-1", "L-4", "D-HUE-4", "N-1"}


def test_no_two_versions_of_a_rule_hold_on_one_day() -> None:
    """One report would be asked for twice."""
    for one in rules():
        for day in (date(2020, 2, 1), date(2026, 2, 28), date(2026, 3, 1), date(2030, 1, 1)):
            assert len([other for other in rules() if other.code == one.code and other.holds(day)]) <= 1
    assert shipped("L-2", date(2026, 3, 1)) is None
    assert shipped("L-1", date(2026, 2, 28)) is None


# --- occasions ------------------------------------------------------------------------------------------

# Known answers from outside: where Vietnam's Tết is another day than China's (Hồ Ngọc Đức, «Thuật toán tính âm lịch»),
# and Tết and Mid-Autumn of the years around now; all of them, and every year from 1968 to 2099, were computed once more
# from the new moons and the sun's longitude of the ephemeris `ephem` 4.2.
TET = {
    1968: "1968-01-29", 1985: "1985-01-21", 2007: "2007-02-17", 2023: "2023-01-22", 2024: "2024-02-10",
    2025: "2025-01-29", 2026: "2026-02-17", 2027: "2027-02-06", 2030: "2030-02-02",
}  # fmt: skip
MID_AUTUMN = {2023: "2023-09-29", 2024: "2024-09-17", 2025: "2025-10-06", 2026: "2026-09-25"}


def test_tet_and_mid_autumn_are_vietnams() -> None:
    """In 1968, 2007 and 2030 a day before China's, in 1985 a month."""
    assert {year: str(occasion_day(f"tet-{year}")) for year in TET} == TET
    assert {year: str(occasion_day(f"trung-thu-{year}")) for year in MID_AUTUMN} == MID_AUTUMN
    assert occasion_day("1-6-2026") == date(2026, 6, 1)
    assert [occasion_day(said) for said in ("tet-1967", "tet-2100", "giang-sinh-2026", "tet-26")] == [None] * 4


def test_a_delivery_is_for_the_nearest_occasion() -> None:
    """Presents are given in the weeks before; Tết lies at the turn of the year."""
    assert occasion_of("tet", date(2026, 1, 20)) == "tet-2026"
    assert occasion_of("tet", date(2026, 12, 28)) == "tet-2027"
    assert occasion_of("trung-thu", date(2026, 9, 20)) == "trung-thu-2026"
    assert occasion_of("tet-2025", date(2026, 1, 1)) == "tet-2025"
    assert occasion_of("khac", TODAY) == "khac"
    assert [one.code for one in occasions(date(2026, 1, 1), date(2026, 12, 31))] == [
        "tet-2026", "1-6-2026", "trung-thu-2026",
    ]  # fmt: skip


# --- what is due ----------------------------------------------------------------------------------------


def test_laws_of_the_regime_hold_from_the_day_the_book_opened(world: World) -> None:
    """A new book is not blamed for the years before it; what it then misses is shown until it is sent."""
    assert due(world, "report", days=121) == [
        ("2026-10-30", "L-4", "2026-Q3", 59),
        ("2026-12-30", "L-3", "2026", 120),
    ]
    assert due(world, "report", today=date(2026, 11, 5), days=0) == [("2026-10-30", "L-4", "2026-Q3", -6)]
    world.clock.moment = datetime(2026, 11, 6, 2, tzinfo=UTC)
    say(world, "report_submitted", report="L-4", period="2026-Q3", submitted_on="2026-11-06")
    assert due(world, "report", today=date(2026, 11, 6), days=0) == []


def test_a_fund_edits_its_calendar_by_an_entry(world: World) -> None:
    """The book's own rule takes the place of the shipped one; a rule that ended asks for nothing more."""
    say(world, "report_rule_set", rule="L-4", when="quarterly within 10", about="quarter", from_on="2026-07-01")
    assert due(world, "report") == [("2026-07-10", "L-4", "2026-Q2", -53), ("2026-10-10", "L-4", "2026-Q3", 39)]
    ended = {"rule": "L-4", "when": "quarterly within 10", "about": "quarter", "from_on": "2026-07-01"}
    say(world, "report_rule_set", **ended, to_on="2026-07-31")
    assert due(world, "report") == [("2026-07-10", "L-4", "2026-Q2", -53)]
    say(world, "report_rule_set", rule="hoi-gap", when="once 2026-09-20", about="event", from_on="2026-09-01")
    assert due(world, "report")[-1] == ("2026-09-20", "hoi-gap", "2026-09-20", 19)


def test_a_campaign_runs_by_its_clocks(world: World) -> None:
    """Reception, distribution, and what must be published after each."""
    say(world, "campaign_opened")
    assert due(world, "campaign", days=100) == [
        ("2026-10-30", "bao-so-3", "reception", 59),
        ("2026-11-19", "bao-so-3", "distribution", 79),
    ]
    published = [one for one in due(world, "report", days=120) if one[2] == "bao-so-3"]
    assert published == [
        ("2026-07-31", "L-7", "bao-so-3", -32),
        ("2026-11-14", "L-5", "bao-so-3", 74),
        ("2026-12-19", "L-6", "bao-so-3", 109),
    ]
    say(world, "report_submitted", report="L-7", period="bao-so-3")
    say(world, "campaign_closed")
    assert due(world, "campaign") == [("2026-09-20", "bao-so-3", "distribution", 19)]
    assert [one for one in due(world, "report") if one[2] == "bao-so-3"] == [
        ("2026-09-15", "L-5", "bao-so-3", 14),
        ("2026-10-20", "L-6", "bao-so-3", 49),
    ]
    say(world, "campaign_closed", stage="distribution")
    assert due(world, "campaign") == []


def test_a_pledge_is_due_by_its_instalments(world: World) -> None:
    """What came fulfils the oldest first; what is left of it is asked for on its day."""
    parts = [{"due_on": "2026-09-10", "minor": 200_000}, {"due_on": "2026-10-10", "minor": 300_000}]
    usual(world, "pledge_made", due_on=None, instalments=parts)
    assert due(world, "pledge") == [("2026-09-10", "K7M4X2PQ", "1/2", 9), ("2026-10-10", "K7M4X2PQ", "2/2", 39)]
    world.gift(250_000, pledge={"pledge": "K7M4X2PQ", "minor": 250_000})
    (left,) = [one for one in deadlines(world.open, today=TODAY) if one.sort == "pledge"]
    assert (left.period, left.minor, left.unit) == ("2/2", 250_000, "VND")
    world.gift(250_000, pledge={"pledge": "K7M4X2PQ", "minor": 250_000})
    assert due(world, "pledge") == []


def test_a_recurring_pledge_ends_within_the_calendar(world: World) -> None:
    """Its parts are counted from its first day; one beyond the year 9999 would leave the list told to nobody."""
    for due_on, times in (("9990-12-01", 10), ("9800-01-01", 200), ("9999-12-01", 2)):
        yearly = {"every": "year", "times": times}
        with pytest.raises(Rejected) as caught:
            usual(world, "pledge_made", amount=vnd(600_000), due_on=due_on, recurring=yearly)
        assert (caught.value.reason, caught.value.details["field"]) == (Reason.MALFORMED, "recurring.times")
    usual(world, "pledge_made", amount=vnd(600_000), due_on="2026-09-10", recurring={"every": "month", "times": 3})
    assert [one[0] for one in due(world, "pledge", days=90)] == ["2026-09-10", "2026-10-10", "2026-11-10"]


def test_an_advance_is_settled_within_the_units_rule(world: World) -> None:
    """Counted from the day it was last empty; the unit's own rule takes the place of the product's."""
    world.gift(1_000_000)
    usual(world, "allocated")
    usual(world, "payment_ordered")
    assert due(world, "advance") == []
    usual(world, "money_advanced")
    usual(world, "payment_bounced")
    world.clock.moment += timedelta(days=3)
    usual(world, "money_advanced", paid_on="2026-09-04")
    assert due(world, "advance", today=date(2026, 9, 4)) == [("2026-10-04", "lc-1", "", 30)]
    say(world, "report_rule_set", rule="N-1", when="within 10 after advance", about="advance", from_on="2026-01-01")
    (one,) = [d for d in deadlines(world.open, today=date(2026, 9, 20)) if d.sort == "advance"]
    assert (str(one.due_on), one.days_left, one.minor, HOLDER in one.vi) == ("2026-09-14", -6, 350_000, True)
    usual(world, "delivered", handed="lc-1", amount=vnd(350_000), delivered_on="2026-09-04")
    assert due(world, "advance", today=date(2026, 9, 20)) == []


def test_a_fund_past_its_time_with_money_left_waits_for_return_or_another_purpose(world: World) -> None:
    """Set aside and ordered is not used yet."""
    window = {**OPEN_TO_ALL, "from_on": "2026-08-01", "to_on": "2026-09-10"}
    world.say("fund_opened", fund="ngan", name="Nguồn ngắn hạn", source="gift", restriction=window, places=[])
    assert due(world, "fund") == []
    world.gift(500_000, fund="ngan")
    usual(world, "allocated", fund="ngan", amount=vnd(300_000))
    usual(world, "payment_ordered", amount=vnd(100_000))
    (one,) = [d for d in deadlines(world.open, today=date(2026, 9, 15)) if d.sort == "fund"]
    assert (one.code, one.minor, one.days_left) == ("ngan", 500_000, -5)
    assert "hoàn trả hoặc xin điều chỉnh" in one.vi


def test_disputes_and_findings_are_answered_in_time(world: World) -> None:
    """Both are promises with a day."""
    missed = usual(world, "disputed")
    gift = world.gift(900_000)
    named = {"about": gift.index, "about_leaf": gift.leaf_hash.hex(), "sample": None}
    say(world, "finding_raised", **named)
    assert due(world, "dispute") == [("2026-10-01", str(missed.index), "", 30)]
    assert due(world, "finding") == [("2026-09-30", "ph-1", "", 29)]
    say(world, "finding_followed", evidence_sha256=SHA)
    usual(world, "dispute_answered", dispute=missed.index, dispute_leaf=missed.leaf_hash.hex(), outcome="not_received")
    assert due(world, "finding") == due(world, "dispute") == []


def test_scheduled_support_is_missed_when_its_month_is_over(world: World) -> None:
    """Only the month stands open; the child lies in the vault."""
    world.say(
        "support_scheduled",
        schedule="hb-1",
        child=person("số 7"),
        province="31",
        scheduled_on="2026-08-01",
        unit="VND",
        instalments=[{"due_on": "2026-08-01", "minor": 500_000}, {"due_on": "2026-09-01", "minor": 500_000}],
    )
    assert due(world, "support") == [("2026-08-31", "hb-1", "1/2", -1), ("2026-09-30", "hb-1", "2/2", 29)]
    (missed, _) = [one for one in deadlines(world.open, today=TODAY) if one.sort == "support"]
    assert "chưa trao" in missed.vi


def test_goods_are_due_before_they_expire(world: World) -> None:
    """What is no longer on hand does not expire."""
    world.say("goods_listed", goods="sua-chua", name="Sữa chua", counted_in="hộp", expires=True)
    lot = {"goods": "sua-chua", "quantity": 10, "lot": "l-1", "expires_on": "2026-09-20", "value_minor": 70_000}
    usual_fields = {
        "donor": person(SUPPLIER), "fund": "sua", "received_on": "2026-09-01", "store": "stock:KHO",
        "valuation_sha256": SHA,
    }  # fmt: skip
    world.say("goods_received", items=[lot], **usual_fields)
    (one,) = [d for d in deadlines(world.open, today=TODAY) if d.sort == "goods"]
    assert (str(one.due_on), one.code, one.minor, one.unit) == ("2026-09-20", "l-1", 10, "sua-chua")
    assert due(world, "goods", days=10) == []


def test_one_cannot_look_beyond_the_calendar(world: World) -> None:
    """Whoever asks for the year 9999 gets ten years; a day long past gives what was overdue then."""
    far = deadlines(world.open, today=TODAY, until=date.max)
    assert TODAY + timedelta(days=3_300) < far[-1].due_on <= TODAY + timedelta(days=3_660)
    assert deadlines(world.open, today=TODAY, until=date.min) == []


def test_a_gift_after_the_end_of_reception_is_shown_apart(world: World) -> None:
    """NĐ 93/2021 Đ.8: what came too late is not mixed with what came in time; used and left add up with both."""
    say(world, "campaign_opened", fund="chung")
    world.gift(700_000, fund="chung", received_on="2026-08-30")
    say(world, "campaign_closed", closed_on="2026-08-31")
    world.gift(300_000, fund="chung", received_on="2026-09-01")
    world.gift(999, fund="sua")
    usual(world, "bank_fee_charged", fund="chung", amount=vnd(11_000))
    with open_source(world.open, today=date(2026, 9, 30)) as source:
        made = make_report(source, "campaigns", Period.year(2026))
    (row,) = (one["cells"] for one in made.to_json()["rows"])
    figures = ("received", "late", "used", "left", "days_over")
    assert [row[name] for name in figures] == [700_000, 300_000, 11_000, 989_000, 10]
    assert (row["to_on"], row["distribute_by_on"]) == ("2026-08-31", "2026-09-20")


def test_the_same_book_and_day_give_the_same_list(world: World) -> None:
    """Order included; and occasions stand in it."""
    say(world, "campaign_opened")
    first = deadlines(world.open, today=TODAY)
    assert first == deadlines(world.open, today=TODAY)
    assert [one.due_on for one in first] == sorted(one.due_on for one in first)
    assert due(world, "occasion") == [("2026-09-25", "trung-thu-2026", "", 24)]


# --- the calendar file ----------------------------------------------------------------------------------

HARD = Due(
    date(2026, 12, 31),
    "report",
    "r-1",
    "2026",
    "Báo cáo; năm, «đặc biệt» \\ " + "ữ" * 60,
    "Report\nof the year",
    10,
    record=7,
    source="NĐ 93/2021/NĐ-CP",
    verified=False,
)


def test_another_program_reads_the_calendar_file() -> None:
    """All-day events, whole texts, one UID each (RFC 5545)."""
    file = calendar([HARD, Due(TODAY, "pledge", "K7M4X2PQ", "1/2", "Cam kết", "Pledge", 0)], **NAMED)
    read = icalendar.Calendar.from_ical(file)
    hard, pledge = read.walk("VEVENT")
    assert str(hard["SUMMARY"]) == HARD.vi
    assert str(hard["DESCRIPTION"]).splitlines() == [
        "Report",
        "of the year",
        "NĐ 93/2021/NĐ-CP (chưa kiểm chứng — not verified)",
        "bản ghi / record 7",
    ]
    assert (hard["DTSTART"].dt, hard["DTEND"].dt) == (date(2026, 12, 31), date(2027, 1, 1))
    assert (hard["DTSTAMP"].dt, str(hard["UID"])) == (STAMP, uid(HARD, "sovang/hp/1"))
    assert pledge["UID"] != hard["UID"]
    assert read["X-WR-CALNAME"] == "Sổ Vàng hp"


NAMED: dict[str, Any] = {"origin": "sovang/hp/1", "name": "Sổ Vàng hp", "stamp": STAMP}


def test_lines_end_and_fold_as_the_standard_says() -> None:
    """CRLF, at most 75 octets, and no character cut in two."""
    file = calendar([HARD], **NAMED)
    assert file.count(b"\n") == file.count(b"\r\n")
    lines = file.split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) == OCTETS
    for line in lines:
        line.decode()
    assert b"\\n" in file
    assert calendar([HARD], **NAMED) == file


def test_the_uid_stays_when_the_day_moves() -> None:
    """A campaign that was extended moves its event, and makes no second one."""
    moved = Due(date(2027, 1, 31), HARD.sort, HARD.code, HARD.period, HARD.vi, HARD.en, 41)
    assert uid(moved, "sovang/hp/1") == uid(HARD, "sovang/hp/1") != uid(HARD, "sovang/hp/2")
