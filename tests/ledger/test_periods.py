"""Vouchers, counts and closed periods.

Without these a number could be skipped, or a month change after it was reported.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.findings import FindingKind
from ledger.approving import approve
from ledger.closing import close, closing_list, record_bound
from ledger.refusals import Reason
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.refusing import refusal
from tests.ledger.saying import leaf_at, record_at, reversal
from tests.worlds import SHA, TODAY, World, vnd

DAY = TODAY.isoformat()
SERIES: list[dict[str, Any]] = [
    {"kind": "phieu-thu", "moves": ["cash_in"], "series": "PT", "typed": False, "leaves": 2},
    {"kind": "bao-co", "moves": ["bank_in"], "series": "BC", "typed": False},
    {"kind": "nghiep-vu-khac", "moves": ["other"], "series": "NVK", "typed": False},
    {"kind": "bien-lai", "moves": [], "series": "BL", "typed": True},
]


def go_to(world: World, year: int, month: int, day: int) -> None:
    world.clock.moment = datetime(year, month, day, 2, tzinfo=UTC)


@pytest.fixture
def numbered(world: World) -> World:
    world.say("vouchers_set", series=SERIES, set_on=DAY)
    return world


def test_numbers_have_no_gap_and_begin_anew_each_year(numbered: World) -> None:
    numbers = [record_at(numbered, numbered.gift(place="cash:TM").index).entry.voucher for _ in range(3)]
    assert [(v.series, v.kind, v.number, v.book) for v in numbers] == [
        ("PT", "phieu-thu", 1, "1"),
        ("PT", "phieu-thu", 2, "1"),
        ("PT", "phieu-thu", 3, "2"),
    ]
    # A refused entry takes no number.
    assert refusal(lambda: numbered.gift(place="cash:TM", fund="khong-co")) is Reason.NO_SUCH_FUND
    assert record_at(numbered, numbered.gift().index).entry.voucher.series == "BC"
    go_to(numbered, 2027, 1, 5)
    later = numbered.gift(place="cash:TM", received_on="2027-01-05")
    assert record_at(numbered, later.index).entry.voucher.number == 1
    check_book(numbered)


def test_nobody_chooses_a_number_of_the_books_own(numbered: World) -> None:
    asked = {"series": "PT", "voucher_on": DAY, "number": 77}
    assert record_at(numbered, numbered.gift(place="cash:TM", voucher=asked).index).entry.voucher.number == 1
    no = {"series": "XX", "voucher_on": DAY}
    assert refusal(lambda: numbered.gift(voucher=no)) is Reason.NO_SUCH_SERIES
    check_book(numbered)


def test_printed_numbers_are_typed_and_the_missing_ones_listed(numbered: World) -> None:
    def receipt(number: int | None) -> dict[str, Any]:
        return {"series": "BL", "voucher_on": DAY, "book": "Q12", **({} if number is None else {"number": number})}

    assert refusal(lambda: numbered.gift(voucher=receipt(None))) is Reason.MALFORMED
    numbered.gift(voucher=receipt(101))
    numbered.gift(voucher=receipt(105))
    assert refusal(lambda: numbered.gift(voucher=receipt(105))) is Reason.NUMBER_TAKEN
    numbered.say("voucher_spoilt", number=103, series="BL", spoilt_on=DAY, why="viết nhầm", year=TODAY.year)
    assert refusal(lambda: numbered.gift(voucher=receipt(103))) is Reason.NUMBER_TAKEN
    report = check_book(numbered, allow={FindingKind.VOUCHERS_MISSING})
    assert [(f.key, f.detail) for f in report.findings] == [("BL/2026", "102, 104")]
    numbered.gift(voucher=receipt(102))
    numbered.gift(voucher=receipt(104))
    check_book(numbered)


def test_a_series_is_numbered_one_way_for_ever(numbered: World) -> None:
    """Typed and then given by the book, a number would stand on two papers."""
    numbered.gift(voucher={"series": "BL", "voucher_on": DAY, "book": "Q12", "number": 1})
    for series, typed in (("BL", False), ("bl", True)):
        asked = [{"kind": "bien-lai", "moves": [], "series": series, "typed": typed}]
        assert refusal(lambda asked=asked: numbered.say("vouchers_set", series=asked, set_on=DAY)) is Reason.MALFORMED
    check_book(numbered)


def test_a_number_is_of_a_day_that_can_be(numbered: World) -> None:
    """Neither tomorrow nor before any fund; and the book gives no number of a month that is closed."""
    go_to(numbered, 2026, 10, 2)
    close(numbered.open, closing_list(numbered.open, "2026-09"), "ke-toan")
    for day, reason in (
        ("2026-10-03", Reason.DAY_IN_FUTURE),
        ("0001-01-01", Reason.MALFORMED),
        ("2026-09-30", Reason.PERIOD_CLOSED),
    ):
        voucher = {"series": "PT", "voucher_on": day}
        said = {"place": "cash:TM", "received_on": "2026-10-02", "voucher": voucher}
        assert refusal(lambda said=said: numbered.gift(**said)) is reason
    bank = {"series": "BC", "voucher_on": "2026-10-02", "bank_on": "2026-10-03"}
    assert refusal(lambda: numbered.gift(voucher=bank)) is Reason.DAY_IN_FUTURE
    # A receipt that was printed and written then may come late.
    numbered.gift(voucher={"series": "BL", "voucher_on": "2026-09-30", "number": 1})
    check_book(numbered)


def counted(world: World, minor: int, on: str) -> int:
    notes = [{"pieces": minor // 1000, "value_minor": 1000}]
    return world.say(
        "cash_counted",
        counted_minor=minor,
        counted_on=on,
        currency="VND",
        minutes_sha256=SHA,
        notes=notes,
        place="cash:TM",
    ).index


def test_a_month_is_closed_in_order_and_takes_nothing_more(world: World) -> None:
    world.gift(500_000, place="cash:TM")
    assert refusal(lambda: close(world.open, closing_list(world.open, "2026-09"), "kt", anyway="x")) is (
        Reason.NOT_IN_ORDER
    )
    go_to(world, 2026, 10, 2)
    left = closing_list(world.open, "2026-09")
    assert [item.code for item in left.open] == ["NOT_COUNTED"]
    assert refusal(lambda: close(world.open, left, "ke-toan")) is Reason.NOT_IN_ORDER
    counted(world, 500_000, "2026-10-01")
    ready = closing_list(world.open, "2026-09")
    assert not ready.open
    close(world.open, ready, "ke-toan")
    # A decision says when it is booked; a fact is booked today and keeps its day.
    spent = {"amount": vnd(1000), "fund": "chung", "place": "cash:TM", "parts": [], "what": "mua sổ"}
    assert refusal(lambda: world.say("management_spent", spent_on="2026-09-10", **spent)) is Reason.PERIOD_CLOSED
    late = record_at(world, world.gift(70_000, received_on="2026-09-20").index).entry
    assert (late.received_on.isoformat(), late.booked_on.isoformat()) == ("2026-09-20", "2026-10-02")
    assert refusal(lambda: world.gift(received_on="2026-09-20", booked_on="2026-09-21")) is Reason.PERIOD_CLOSED
    assert refusal(lambda: world.gift(received_on="2026-10-02", booked_on="2026-10-01")) is Reason.MALFORMED
    go_to(world, 2026, 12, 3)
    assert refusal(lambda: close(world.open, closing_list(world.open, "2026-11"), "kt", anyway="x")) is (
        Reason.NOT_IN_ORDER
    )
    check_book(world)


def test_a_closed_month_is_reopened_by_two_and_stays_visible(world: World) -> None:
    go_to(world, 2026, 10, 2)
    close(world.open, closing_list(world.open, "2026-09"), "ke-toan")
    draft = {
        "kind": "period_reopened",
        "minutes_sha256": SHA,
        "month": "2026-09",
        "reopened_on": "2026-10-02",
        "why": "sót chứng từ",
    }
    assert refusal(lambda: world.say(**draft)) is Reason.NEEDS_APPROVAL
    asked = {"kind": "proposed", "draft": draft, "proposed_on": "2026-10-02"}
    proposed = world.open.requests.submit([{"entry": asked}], "ke-toan")[0]
    assert approve(world.open, proposed.index, "chu-tk").entry is not None
    assert record_at(world, world.gift(received_on="2026-09-20").index).entry.booked_on is None
    close(world.open, closing_list(world.open, "2026-09"), "ke-toan")
    with reading(world.open.engine) as db:
        rows = dict(read.register_rows(db, world.open.code, "closing"))
    assert set(rows) == {"2026-09"}
    check_book(world)


def test_a_wrong_trial_balance_or_an_old_book_is_refused(world: World) -> None:
    go_to(world, 2026, 10, 2)
    entry = {
        "kind": "period_closed",
        "closed_on": "2026-10-02",
        "counts": [],
        "left_open": [],
        "month": "2026-09",
        "trial_balance_sha256": SHA,
    }
    assert refusal(lambda: record_bound(world.open, entry, "ke-toan")) is Reason.PARTS_DIFFER
    stale = {**entry, "bound": {"root": "0" * 64, "size": 3}}
    assert refusal(lambda: world.say(**stale)) is Reason.NOT_THE_HEAD
    check_book(world)


def test_a_difference_of_the_cash_box_is_booked_by_two(world: World) -> None:
    world.gift(500_000, place="cash:TM", fund="chung")
    count = counted(world, 480_000, DAY)
    check_book(world, allow={FindingKind.COUNT_DIFFERS})
    draft = {
        "kind": "cash_lost",
        "amount": vnd(20_000),
        "count": count,
        "fund": "chung",
        "lost_on": DAY,
        "minutes_sha256": SHA,
        "place": "cash:TM",
    }
    assert refusal(lambda: world.say(**{**draft, "amount": vnd(20_001)})) is Reason.PARTS_DIFFER
    other = {name: value for name, value in draft.items() if name != "lost_on"}
    assert refusal(lambda: world.say(**{**other, "kind": "cash_found", "found_on": DAY})) is Reason.NOT_THE_RECORD
    asked = {"kind": "proposed", "draft": draft, "proposed_on": DAY}
    proposed = world.open.requests.submit([{"entry": asked}], "ke-toan")[0]
    assert approve(world.open, proposed.index, "chu-tk").entry is not None
    assert (world.balance("cash:TM"), world.balance("lost:chung")) == (480_000, 20_000)
    check_book(world)


def test_a_surplus_is_booked_once(world: World) -> None:
    """Taken back, counted anew and booked again, the first booking does not come back beside the second."""
    world.gift(500_000, place="cash:TM", fund="chung")

    def decided(draft: dict[str, Any]) -> int:
        done = approve(world.open, world.say("proposed", draft=draft, proposed_on=DAY).index, "chu-tk").entry
        assert done is not None
        return done.index

    found = {"kind": "cash_found", "amount": vnd(20_000), "found_on": DAY, "fund": "chung", "place": "cash:TM"}
    found["minutes_sha256"] = SHA
    first = decided({**found, "count": counted(world, 520_000, DAY)})
    undone = decided(reversal(world, first))
    decided({**found, "count": counted(world, 520_000, DAY)})
    again = reversal(world, undone)
    assert refusal(lambda: decided(again)) is Reason.NOT_THE_RECORD
    assert world.balance("cash:TM") == 520_000
    check_book(world, allow={FindingKind.PROPOSAL_OPEN})


def test_an_office_is_handed_over_and_a_year_opened_with_the_book_as_it_stands(world: World) -> None:
    record_bound(
        world.open,
        {
            "kind": "handed_over",
            "from_actor": "ke-toan",
            "handed_on": DAY,
            "minutes_sha256": SHA,
            "office": "ke-toan",
            "to_actor": "ke-toan-moi",
        },
        "ke-toan",
    )
    go_to(world, 2027, 1, 4)
    for month in ("2026-09", "2026-10", "2026-11", "2026-12"):
        closed = close(world.open, closing_list(world.open, month), "ke-toan")
    year = {
        "kind": "year_opened",
        "closing": closed.index,
        "closing_leaf": closed.leaf_hash.hex(),
        "opened_on": "2027-01-04",
        "year": 2027,
    }
    # The books begin once; afterwards a year begins with the December before it, as long as that is closed.
    anew = {**year, "closing": 0, "closing_leaf": leaf_at(world, 0)}
    assert refusal(lambda: record_bound(world.open, anew, "ke-toan")) is Reason.NOT_IN_ORDER
    reopened = {"kind": "period_reopened", "minutes_sha256": SHA, "month": "2026-12", "why": "sót"}
    draft = {**reopened, "reopened_on": "2027-01-04"}
    proposed = world.say("proposed", draft=draft, proposed_on="2027-01-04")
    approve(world.open, proposed.index, "chu-tk")
    assert refusal(lambda: record_bound(world.open, year, "ke-toan")) is Reason.NOT_IN_ORDER
    closed = close(world.open, closing_list(world.open, "2026-12"), "ke-toan")
    year |= {"closing": closed.index, "closing_leaf": closed.leaf_hash.hex()}
    record_bound(world.open, year, "ke-toan")
    assert refusal(lambda: record_bound(world.open, year, "ke-toan")) is Reason.ALREADY_EXISTS
    merged = {
        "kind": "book_merged",
        "merged_on": "2027-01-04",
        "minutes_sha256": SHA,
        "origin": "sovang/other/1",
        "other": {"root": "0" * 64, "size": 12},
    }
    record_bound(world.open, merged, "ke-toan")
    check_book(world)


def test_evidence_comes_later_and_reprints_are_counted(world: World) -> None:
    gift = world.gift()
    asked = {"added_on": DAY, "leaf": gift.leaf_hash.hex(), "record": gift.index, "sha256": SHA, "what": "giấy báo có"}
    world.say("evidence_added", **asked)
    assert refusal(lambda: world.say("evidence_added", **asked)) is Reason.ALREADY_EXISTS
    assert refusal(lambda: world.say("evidence_added", **{**asked, "leaf": SHA})) is Reason.NOT_THE_RECORD
    printed = {"form": "phieu-thu", "leaf": gift.leaf_hash.hex(), "printed_on": DAY, "record": gift.index}
    copies = [record_at(world, world.say("voucher_printed", **printed).index).entry.copy for _ in range(2)]
    assert copies == [1, 2]
    check_book(world)
