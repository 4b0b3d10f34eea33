"""Completeness. Lost without these: a bank line nobody explains, money in the book that the bank never saw, days that
no statement shows, a dispute that is forgotten; or a clean month in which the auditor cries wolf."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.checks_complete import NAMED_A_DAY
from audit.database import verify_home
from audit.findings import FindingKind, Report
from audit.queries import write_tiles
from audit.saved import read_saved
from audit.verify import verify_tiles
from ledger.entries.control import line_back
from ledger.intake import Intake, waiting
from ledger.record import decode, leaf_of
from ledger.refusals import Rejected
from ledger.statements.matching import make_code
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.statement_files import AUGUST, Booked, write
from tests.worlds import SHA, World

K = FindingKind
DAY = timedelta(days=1)
PLACE = "bank:AGR"


def on(day: int) -> date:
    """A day of August."""
    return date(2026, 8, day)


def line(day: int, minor: int, number: int) -> Booked:
    return Booked(on(day), minor, "ung ho", f"FT26{number:08}")


def take(world: World, path: Path, lines: list[Booked], *, opening: int = 0, place: str = PLACE, **more: Any) -> int:
    """Imports a file; returns the statement's index."""
    statement = Intake(world.open).run(write(path, lines, opening=opening), place, by="ke-toan", **more).statement
    assert statement is not None
    return statement


def gift(world: World, minor: int, day: date, place: str = PLACE, **fields: Any) -> int:
    return world.gift(minor, place=place, received_on=day.isoformat(), **fields).index


def explain_all(world: World, place: str = PLACE) -> None:
    """Every line that waits is a gift, or a fee."""
    for row in waiting(world.open):
        if row["place"] != place:
            continue
        parts = [{"line": row["line"], "minor": abs(row["minor"])}]
        amount = {"minor": abs(row["minor"]), "unit": row["unit"]}
        day = "2026-08-20"
        if row["minor"] > 0:
            world.gift(place=place, amount=amount, parts=parts, received_on=day)
        else:
            world.say("bank_fee_charged", place=place, amount=amount, parts=parts, fund="sua", charged_on=day)


def reverse(world: World, index: int, day: str = "2026-08-31") -> int:
    """Undoes a record."""
    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    undone = decode(body)
    fields: dict[str, Any] = {
        "leaf": leaf_of(body).hex(),
        "reversed": index,
        "reversed_on": day,
        "undone_postings": msgspec.to_builtins(undone.postings),
        "why": "nhầm",
    }
    if (back := line_back(undone.entry)) is not None:
        fields["line_back"] = msgspec.to_builtins(back)
    return world.say("reversed", **fields).index


def brought(world: World, minor: int, day: date, place: str = PLACE, unit: str = "VND") -> int:
    return world.say(
        "balance_brought",
        place=place,
        fund="sua",
        amount={"minor": minor, "unit": unit},
        gifts=[],
        minutes_sha256=SHA,
        brought_on=day.isoformat(),
    ).index


def complete(world: World, at: datetime | None = None) -> Report:
    """The audit asked for completeness, by the database and by the published log: both must say the same."""
    if at is not None:
        world.clock.moment = at
    world.open.checkpointer.run()
    report = verify_home(world.open, database=False, complete=True)
    folder = world.home.path / "tiles"
    write_tiles(world.open, folder)
    public = verify_tiles(folder, world.open.vkey, complete=True, at=world.clock())
    assert public.completeness == report.completeness
    assert said(public) == said(report)
    return report


COMPLETENESS = {
    K.LINES_IN_SUSPENSE,
    K.NOT_ON_STATEMENT,
    K.STATEMENT_BALANCE_DIFFERS,
    K.PLACE_UNCOVERED,
    K.DISPUTE_OPEN,
    K.DISPUTE_OVERDUE,
    K.DAYS_UNCOVERED,
    K.STATEMENTS_DO_NOT_CHAIN,
    K.IMPORT_INCOMPLETE,
}


def said(report: Report) -> list[tuple[str, int | None, str | None, str]]:
    """The findings of completeness."""
    return [(f.kind.value, f.index, f.account, f.detail) for f in report.findings if f.kind in COMPLETENESS]


def kinds(report: Report) -> list[str]:
    return [kind for kind, *_ in said(report)]


def place_of(report: Report, place: str = PLACE) -> dict[str, Any]:
    assert report.completeness is not None
    found = next(each for each in report.completeness["places"] if each["place"] == place)
    return dict(found)


@pytest.fixture
def book(sqlite_world: World) -> Iterator[World]:
    """A world whose test ends in its own audit; what completeness finds is open, never broken."""
    yield sqlite_world
    check_book(sqlite_world, allow=COMPLETENESS | {K.SHORTFALL_OPEN, K.PLACE_NEGATIVE})


def test_a_clean_month_is_silent(world: World, tmp_path: Path) -> None:
    """An auditor who cries wolf every month is not read in the month that matters. On both databases."""
    brought(world, 1000, on(1))
    cash = {"place": PLACE, "amount": {"minor": 30_000, "unit": "VND"}, "cash": "cash:TM", "parts": []}
    gift(world, 70_000, on(2), place="cash:TM")
    take(world, tmp_path / "a.csv", [line(2, 500_000, 1), line(9, -11_000, 2)], opening=1000)
    take(world, tmp_path / "b.csv", [line(10, 30_000, 3), line(20, 200_000, 4)], opening=490_000)
    row = next(row for row in waiting(world.open) if row["minor"] == 30_000)
    parts = [{"line": row["line"], "minor": 30_000}]
    world.say("cash_paid_in", **{**cash, "parts": parts}, paid_in_on="2026-08-10")
    explain_all(world)
    report = complete(world)
    assert said(report) == []
    assert report.ok
    assert place_of(report) == {
        "place": PLACE,
        "unit": "VND",
        "statements": 2,
        "lines": 4,
        "matched": 0,
        "explained": 4,
        "in_suspense": {"lines": 0, "in_minor": 0, "out_minor": 0},
        "missing": 0,
        "covered_days": 19,
        "uncovered": [],
        "moved_uncovered_days": 0,
        "balance_checks": {"made": 4, "differ": 0},
    }
    assert report.completeness is not None
    assert report.completeness["without_statements"] == ["cash:TM", "stock:KHO"]
    assert report.completeness["as_of"] == "2026-09-01"
    check_book(world)


def test_lines_in_suspense_are_counted_and_told(book: World, tmp_path: Path) -> None:
    """Money that nobody explains is where a theft begins."""
    take(book, tmp_path / "a.csv", [line(2, 500_000, 1), line(3, -11_000, 2), line(4, 7, 3)])
    row = next(row for row in waiting(book.open) if row["minor"] == 7)
    gift(book, 7, on(4), parts=[{"line": row["line"], "minor": 7}])
    report = complete(book)
    assert said(report) == [
        ("LINES_IN_SUSPENSE", None, PLACE, "2 lines: 500000 VND in, 11000 VND out"),
    ]
    place = place_of(report)
    assert (place["explained"], place["in_suspense"]["lines"], place["lines"]) == (1, 2, 3)


def test_a_line_taken_directly_is_matched(book: World, tmp_path: Path) -> None:
    """A line that waited and one that never did are told apart, also once the direct entry is reversed."""
    code = make_code(bytes(range(8)))
    book.say(
        "pledge_made",
        pledge=code,
        fund="sua",
        amount={"minor": 900, "unit": "VND"},
        donor={"private": {"name": "Trần Văn Bình"}},
        firm=True,
        pledged_on="2026-08-01",
    )
    statement = take(book, tmp_path / "a.csv", [Booked(on(3), 900, f"SV{code} ung ho", "FT2600000001")])
    assert place_of(complete(book))["matched"] == 1
    reverse(book, statement + 1)
    report = complete(book)
    assert kinds(report) == ["LINES_IN_SUSPENSE"]  # the balance by days is as the bank has it: its word stays
    explain_all(book)
    report = complete(book)
    assert said(report) == []
    assert (place_of(report)["matched"], place_of(report)["explained"]) == (0, 1)


def test_an_opening_balance_not_brought_over_is_called_that(book: World, tmp_path: Path) -> None:
    """The commonest mistake of a first month must not look like a theft on every day."""
    first = take(book, tmp_path / "a.csv", [line(2, 500, 1)], opening=1000)
    take(book, tmp_path / "b.csv", [line(3, 700, 2)], opening=1500)
    explain_all(book)
    report = complete(book)
    assert kinds(report) == ["STATEMENT_BALANCE_DIFFERS"]
    _, index, account, detail = said(report)[0]
    assert (index, account) == (first, PLACE)
    assert detail.startswith("2026-08-02 opens with 1000 VND, the account has 0; 1000 at each of 4 balances")
    assert "not brought over" in detail
    assert place_of(report)["balance_checks"] == {"made": 4, "differ": 4}
    brought(book, 1000, on(2))
    assert said(complete(book)) == []


def test_a_movement_that_the_bank_never_saw_is_named_and_its_day(book: World, tmp_path: Path) -> None:
    """A gift typed in for a day whose statement does not show it: either it is false, or it is elsewhere."""
    statement = take(book, tmp_path / "a.csv", [line(2, 500, 1), line(9, 600, 2)])
    explain_all(book)
    false = gift(book, 40, on(5))
    report = complete(book)
    assert sorted(said(report)) == [
        ("NOT_ON_STATEMENT", false, PLACE, "2026-08-05 is covered, and no line of it is this movement"),
        ("STATEMENT_BALANCE_DIFFERS", statement, PLACE, "2026-08-09 closes with 1100 VND, the account has 1140"),
    ]
    # Undone, on whatever day: the bank never saw either. Holding again, it is found again.
    undone = reverse(book, false, "2026-08-30")
    assert said(complete(book)) == []
    reverse(book, undone, "2026-08-31")
    assert [f[:2] for f in sorted(said(complete(book)))] == [
        ("NOT_ON_STATEMENT", false),
        ("STATEMENT_BALANCE_DIFFERS", statement),
    ]


def test_of_many_in_a_day_the_first_are_named_and_the_rest_counted(book: World, tmp_path: Path) -> None:
    """A day with thousands of movements must not be a report with thousands of lines, nor one that is silent."""
    take(book, tmp_path / "a.csv", [line(2, 500, 1)])
    explain_all(book)
    false = [gift(book, 1, on(2)) for _ in range(NAMED_A_DAY + 3)]
    found = [each for each in said(complete(book)) if each[0] == "NOT_ON_STATEMENT"]
    assert sorted(index for _, index, *_ in found if index is not None) == false[:NAMED_A_DAY]
    assert [detail for _, index, _, detail in found if index is None] == ["2026-08-02: 3 more records"]


def test_days_and_movements_without_a_statement(book: World, tmp_path: Path) -> None:
    """Between two statements, before the first and after the last, the bank's word is missing."""
    gift(book, 10, on(1))
    first = take(book, tmp_path / "a.csv", [line(3, 500, 1), line(5, 20, 2)], opening=10)
    second = take(book, tmp_path / "b.csv", [line(9, 700, 3)], opening=530)
    gift(book, 5, on(20))
    gift(book, 6, on(22))
    explain_all(book)
    report = complete(book)
    assert sorted(said(report)) == [
        ("DAYS_UNCOVERED", first, PLACE, "2026-08-01 to 2026-08-02"),
        ("DAYS_UNCOVERED", second, PLACE, "2026-08-06 to 2026-08-08"),
        ("PLACE_UNCOVERED", None, PLACE, "3 days: 2026-08-01 to 2026-08-22"),
    ]
    assert place_of(report)["uncovered"] == [["2026-08-01", "2026-08-02"], ["2026-08-06", "2026-08-08"]]
    assert place_of(report)["moved_uncovered_days"] == 3


def test_an_account_without_any_statement(book: World) -> None:
    """A bank account of which no statement ever came is the best place to hide one's own."""
    gift(book, 10, on(4))
    brought(book, 90, on(4), place="bank:VCB")
    report = complete(book)
    assert sorted(said(report)) == [
        ("PLACE_UNCOVERED", None, PLACE, "1 days: 2026-08-04 to 2026-08-04"),
        ("PLACE_UNCOVERED", None, "bank:VCB", "a balance was brought over, no statement shows it"),
    ]


def test_cash_and_stores_are_said_not_flagged(book: World) -> None:
    """A cash box has no bank's word: a finding about it would never go away."""
    gift(book, 10, on(4), place="cash:TM")
    report = complete(book)
    assert said(report) == []
    assert report.completeness is not None
    assert report.completeness["without_statements"] == ["cash:TM", "stock:KHO"]


def test_a_gap_in_the_chain_of_balances(book: World, tmp_path: Path) -> None:
    """Money that left on a day whose statement is held back shows in the next opening balance."""
    take(book, tmp_path / "a.csv", [line(3, 500, 1)])
    second = take(book, tmp_path / "b.csv", [line(4, 700, 2)], opening=400)
    third = take(book, tmp_path / "c.csv", [line(5, 1, 3)], opening=1000)
    explain_all(book)
    report = complete(book)
    assert sorted(said(report)) == [
        ("STATEMENTS_DO_NOT_CHAIN", second, PLACE, "opens with 400, the one before closed with 500"),
        ("STATEMENTS_DO_NOT_CHAIN", third, PLACE, "opens with 1000, the one before closed with 1100"),
        ("STATEMENT_BALANCE_DIFFERS", second, PLACE, "2026-08-04 opens with 400 VND, the account has 500"),
        (
            "STATEMENT_BALANCE_DIFFERS",
            third,
            PLACE,
            "2026-08-05 opens with 1000 VND, the account has 1200; before that 100 more",
        ),
    ]


def test_days_that_are_wrong_and_make_up_for_each_other_are_seen(book: World, tmp_path: Path) -> None:
    """A sum that is right at the end of the month hides what was taken and put back within it."""
    first = take(book, tmp_path / "a.csv", [line(3, 500, 1)])
    take(book, tmp_path / "b.csv", [line(4, 700, 2)], opening=500)
    explain_all(book)
    wrong = gift(book, 30, on(3))
    other = book.say(
        "bank_fee_charged",
        place=PLACE,
        amount={"minor": 30, "unit": "VND"},
        parts=[],
        fund="sua",
        charged_on="2026-08-04",
    ).index
    found = sorted(said(complete(book)))
    assert [each[:2] for each in found] == [
        ("NOT_ON_STATEMENT", wrong),
        ("NOT_ON_STATEMENT", other),
        ("STATEMENT_BALANCE_DIFFERS", first),
    ]
    assert found[-1][3] == "2026-08-03 closes with 500 VND, the account has 530"


def test_statements_cut_inside_a_day_and_overlapping(book: World, tmp_path: Path) -> None:
    """Exports made at noon and in the evening, and ones that repeat days, are how people really work."""
    noon, evening, last = line(3, 500, 1), line(3, 50, 2), line(7, 9, 3)
    take(book, tmp_path / "noon.csv", [noon])
    take(book, tmp_path / "evening.csv", [evening], opening=500)
    take(book, tmp_path / "whole.csv", [noon, evening, last])
    explain_all(book)
    report = complete(book)
    assert said(report) == []
    place = place_of(report)
    assert (place["statements"], place["lines"], place["covered_days"]) == (3, 3, 5)
    assert place["balance_checks"]["differ"] == 0


def test_a_statement_that_goes_on_where_another_was_cut_inside_a_day(book: World, tmp_path: Path) -> None:
    """The noon balance is the bank's, and no day of the book ends with it: that is nobody's fault."""
    take(book, tmp_path / "noon.csv", [line(2, 1, 1), line(3, 500, 2)])
    take(book, tmp_path / "rest.csv", [line(3, 50, 3), line(7, 9, 4)], opening=501)
    explain_all(book)
    report = complete(book)
    assert said(report) == []
    assert place_of(report)["balance_checks"] == {"made": 2, "differ": 0}


def test_statements_typed_from_paper_count_as_any_other(book: World, tmp_path: Path) -> None:
    """A bank that gives only paper must not leave its days uncovered for ever."""
    take(book, tmp_path / "paper.csv", [line(3, 500, 1)], taken="paper")
    explain_all(book)
    assert said(complete(book)) == []


def test_an_account_in_dollars_is_held_in_cents(book: World, tmp_path: Path) -> None:
    """A balance compared across currencies would be right by accident only."""
    book.say("place_opened", place="bank:USD", name="Vietcombank USD", currency="USD")
    path = tmp_path / "usd.csv"
    path.write_text(
        "Date,ReferenceNumber,TransactionDetails,DebitAmount,CreditAmount,Balance\n"
        "03/08/2026,FT2600000001,gift,,12.50,12.50\n",
        encoding="utf-8",
    )
    Intake(book.open).run(path, "bank:USD", by="ke-toan")
    explain_all(book, "bank:USD")
    report = complete(book)
    assert said(report) == []
    assert place_of(report, "bank:USD")["unit"] == "USD"
    false = book.gift(place="bank:USD", amount={"minor": 5, "unit": "USD"}, received_on="2026-08-03").index
    found = sorted(said(complete(book)))
    assert found[0][:3] == ("NOT_ON_STATEMENT", false, "bank:USD")
    assert found[1][3] == "2026-08-03 closes with 1250 USD, the account has 1255"


def test_an_import_cut_off_says_how_many_lines_are_missing(book: World, tmp_path: Path) -> None:
    """Half a statement is not a statement."""
    path = write(tmp_path / "a.csv", [line(2, 500 + n, n) for n in range(5)], opening=0)

    class Cut(Exception):
        pass

    calls = 0

    def cut(done: int, of: int) -> None:
        nonlocal calls
        calls += done > 0
        if calls > 1:
            raise Cut

    with pytest.raises(Cut):
        Intake(book.open, batch=2).run(path, PLACE, by="ke-toan", progress=cut)
    report = complete(book)
    place = place_of(report)
    recorded = place["matched"] + place["explained"] + place["in_suspense"]["lines"]
    assert 0 < recorded < 5
    assert place["missing"] == 5 - recorded
    assert "IMPORT_INCOMPLETE" in kinds(report)
    assert "STATEMENT_BALANCE_DIFFERS" in kinds(report)
    Intake(book.open).run(path, PLACE, by="ke-toan")
    explain_all(book)
    assert said(complete(book)) == []


def test_a_file_refused_by_name_leaves_its_days_uncovered(book: World, tmp_path: Path) -> None:
    """No line of a refused file is in the book: its days must not look as if the bank had spoken."""
    take(book, tmp_path / "a.csv", [line(2, 500, 1)])
    bad = write(tmp_path / "b.csv", [line(3, 2, 2), line(3, 3, 3)], opening=500)
    bad.write_text(bad.read_text(encoding="utf-8").replace("505", "506"), encoding="utf-8")
    with pytest.raises(Rejected):
        Intake(book.open).run(bad, PLACE, by="ke-toan")
    take(book, tmp_path / "c.csv", [line(4, 7, 3)], opening=505)
    explain_all(book)
    assert sorted(kinds(complete(book))) == ["DAYS_UNCOVERED", "STATEMENTS_DO_NOT_CHAIN", "STATEMENT_BALANCE_DIFFERS"]


def test_disputes_are_open_overdue_or_answered_by_the_auditors_day(book: World) -> None:
    """«My transfer is not there» may not be left lying; by whose calendar it is late must be the auditor's."""
    dispute = book.say(
        "disputed",
        amount={"minor": 500, "unit": "VND"},
        answer_by_on="2026-09-11",
        raised_on="2026-09-01",
        sender={"private": {"name": "Nguyễn Thị Hoà", "reference": "FT26242000012345"}},
        transferred_on="2026-08-30",
    )
    leaf = dispute.leaf_hash.hex()
    assert said(complete(book)) == [("DISPUTE_OPEN", dispute.index, None, "to be answered by 2026-09-11")]
    # The whole of the last day is still in time; in Viet Nam it ends at 17:00 UTC.
    last = datetime.fromisoformat("2026-09-11T16:59:00+00:00")
    assert kinds(complete(book, last)) == ["DISPUTE_OPEN"]
    report = complete(book, last + timedelta(minutes=2))
    assert said(report) == [("DISPUTE_OVERDUE", dispute.index, None, "to be answered by 2026-09-11")]
    assert report.completeness is not None
    assert report.completeness["disputes"] == {"open": 0, "overdue": 1, "answered": 0}
    book.say(
        "dispute_answered",
        answered_on="2026-09-12",
        dispute=dispute.index,
        dispute_leaf=leaf,
        outcome="not_received",
        why="ngân hàng không có dòng này",
    )
    report = complete(book)
    assert said(report) == []
    assert report.completeness is not None
    assert report.completeness["disputes"] == {"open": 0, "overdue": 0, "answered": 1}


def test_without_a_clock_no_dispute_is_overdue(book: World) -> None:
    """Who does not know the day cannot say that it has passed."""
    book.say(
        "disputed",
        amount={"minor": 500, "unit": "VND"},
        answer_by_on="2026-09-02",
        raised_on="2026-09-01",
        sender={"private": {"name": "A"}},
        transferred_on="2026-08-30",
    )
    book.clock.moment += 90 * DAY
    book.open.checkpointer.run()
    folder = book.home.path / "tiles"
    write_tiles(book.open, folder)
    report = verify_tiles(folder, book.open.vkey, complete=True)
    assert kinds(report) == ["DISPUTE_OPEN"]
    assert report.completeness is not None
    assert report.completeness["as_of"] is None


def test_it_is_only_said_when_asked(book: World) -> None:
    """Lines in suspense are every fund's day: a plain audit of a young book must be able to say «nothing found»."""
    gift(book, 10, on(4))
    book.open.checkpointer.run()
    report = verify_home(book.open)
    assert report.completeness is None
    assert "completeness" not in report.to_json()
    assert report.ok
    assert complete(book).to_json()["completeness"]["places"]


@dataclass
class Month:
    """A month from a seed, and a plain reckoning of what must be found."""

    seed: int
    world: World
    folder: Path
    expected: set[tuple[str, int | None]] = field(default_factory=set)

    def tell(self, between: Callable[[], None] = lambda: None) -> None:
        """Statements of a few days each, some days left out, lines explained or not, false entries, reversals."""
        rng = random.Random(self.seed)
        balance, day, number, told = 0, 1, 0, 0
        gap = False
        strays: list[tuple[int, int]] = []
        statements: list[tuple[int, int, int]] = []
        while day < 26:
            if statements and rng.random() < 0.25:
                day += rng.randint(1, 2)
                gap = True
            length = rng.randint(1, 3)
            lines = []
            for each in range(day, day + length):
                for _ in range(rng.randint(1, 3)):
                    number += 1
                    lines.append(line(each, rng.choice([500, 700, 900]), number))
            index = take(self.world, self.folder / f"{day}.csv", lines, opening=balance)
            balance += sum(each.minor for each in lines)
            statements.append((day, day + length - 1, index))
            if gap:
                self.expected.add((K.DAYS_UNCOVERED, index))
                gap = False
            if rng.random() < 0.7:
                explain_all(self.world)
            if rng.random() < 0.4:
                stray_day, minor = rng.randint(day, day + length - 1), rng.choice([3, 5])
                at = gift(self.world, minor, on(stray_day))
                if rng.random() < 0.5:
                    reverse(self.world, at)
                else:
                    strays.append((stray_day, minor))
                    self.expected.add((K.NOT_ON_STATEMENT, at))
            day += length
            between()
        if waiting(self.world.open):
            self.expected.add((K.LINES_IN_SUSPENSE, None))
        for begin, end, index in statements:
            for at, boundary in ((begin, False), (end, True)):
                offset = sum(minor for d, minor in strays if (d <= at if boundary else d < at))
                if offset != told:
                    self.expected.add((K.STATEMENT_BALANCE_DIFFERS, index))
                told = offset


@pytest.mark.parametrize("seed", range(8))
def test_a_month_from_a_seed_against_a_plain_reckoning(book: World, tmp_path: Path, seed: int) -> None:
    """What no single case was thought of for."""
    month = Month(seed, book, tmp_path)
    month.tell()
    report = complete(book)
    assert {(kind, index) for kind, index, *_ in said(report)} == month.expected
    place = place_of(report)
    assert place["matched"] + place["explained"] + place["in_suspense"]["lines"] + place["missing"] == place["lines"]


@pytest.mark.parametrize("seed", range(2))
def test_going_on_from_a_saved_audit_says_the_same(book: World, tmp_path: Path, seed: int) -> None:
    """The quick audit of every week and the full one of every year must not contradict each other."""
    states: list[bytes] = []

    def between() -> None:
        book.open.checkpointer.run()
        kept = states[-1] if states else None
        report = verify_home(book.open, state=kept, keep_state=True, complete=bool(len(states) % 2))
        assert report.state is not None
        states.append(report.state)

    Month(seed, book, tmp_path).tell(between)
    full = complete(book)
    later = verify_home(book.open, state=states[-1], keep_state=True, complete=True)
    assert (later.completeness, said(later)) == (full.completeness, said(full))
    kept = read_saved(later.state or b"", origin=book.open.vkey.name)
    again = verify_home(book.open, keep_state=True)
    assert kept.audit.size == later.size
    assert again.state == later.state


def test_no_finding_names_anybody(book: World, tmp_path: Path) -> None:
    """A report is passed around."""
    take(book, tmp_path / "a.csv", [Booked(AUGUST, 500, "NGUYEN THI HOA ung ho", "FT2600000001")])
    gift(book, 3, AUGUST, name="Trần Văn Bình")
    text = str(complete(book).to_json())
    assert "HOA" not in text
    assert "Bình" not in text
    assert "FT26" not in text
