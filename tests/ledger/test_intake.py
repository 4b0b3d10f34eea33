"""Statement intake. Lost without these: a gift counted twice or not at all, a kill that leaves half a statement
unseen, a memo lying about in a file, money matched to a pledge it was not for."""

import hmac
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.findings import FindingKind
from ledger.book import Book, Draft, Recorded
from ledger.entries.receipts import GiftReceived, StatementImported, SuspensePaid, SuspenseReceived
from ledger.home import Home
from ledger.intake import Intake, same_account, suggestions, waiting
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.registers import decode_value
from ledger.requests import open_person
from ledger.spool import Spool, day_mark
from ledger.statements import open_statement
from ledger.statements.matching import make_code
from ledger.store import read
from ledger.store.engine import StoreUnavailable, reading
from ledger.store.locks import exclusive
from tests.audits import check_book
from tests.ledger.statement_files import (
    AUGUST,
    Booked,
    booked,
    entries,
    line_facts,
    line_keys,
    size,
    write,
)
from tests.worlds import START, Clock, World, vnd

CODE, OTHER = make_code(bytes(range(8))), make_code(bytes(range(1, 9)))
NEXT_DAY = timedelta(days=1)
SLOW = bool(os.environ.get("SOVANG_LONG"))


@pytest.fixture
def plain_world(tmp_path: Path) -> Iterator[World]:
    """A world whose test ends with its own audit."""
    made = World.create(tmp_path / "home", None)
    yield made
    made.home.close()


def take(world: World, path: Path, place: str = "bank:AGR", **options: Any) -> Any:
    return Intake(world.open, **({"batch": options.pop("batch")} if "batch" in options else {})).run(
        path, place, by="ke-toan", **options
    )


def promise(world: World, minor: int, code: str = CODE, **fields: Any) -> Recorded:
    asked = {
        "pledge": code,
        "fund": "sua",
        "amount": vnd(minor),
        "donor": {"private": {"name": "Trần Văn Bình", "phone": "0904 000 000"}},
        "firm": True,
        "pledged_on": "2026-08-01",
    }
    return world.say("pledge_made", **{**asked, **fields})


def private(world: World, index: int) -> tuple[str, dict[str, str]]:
    """The subject and private values of the person in a record."""
    code = world.open.code
    with reading(world.open.engine) as db:
        body = read.body(db, code, index)
        assert body is not None
        opened = open_person(db, code, world.open.vault, index, next(decode(body).entry.persons()))
    assert opened is not None
    return opened[0].subject, opened[1]


# Once, and whole


def test_a_file_becomes_its_lines_and_again_nothing(world: World, tmp_path: Path) -> None:
    lines = [*booked(7), Booked(AUGUST + 10 * NEXT_DAY, -33_000, "Phi quan ly tai khoan", "FEE1")]
    file = write(tmp_path / "a.csv", lines)
    told: list[tuple[int, int]] = []
    before = size(world)
    result = take(world, file, batch=3, progress=lambda *at: told.append(at))
    assert (result.lines, result.recorded, result.suspense, result.matched, result.duplicates) == (8, 8, 8, 0, 0)
    assert (result.opening, result.control, result.rejected, result.statement) == (1000, "running", 0, before)
    assert told == [(3, 8), (6, 8), (8, 8)]
    statement, *facts = entries(world, before)
    assert isinstance(statement, StatementImported)
    assert (statement.from_on, statement.to_on, statement.new_lines) == (AUGUST, AUGUST + 10 * NEXT_DAY, 8)
    assert [type(fact) for fact in facts] == [SuspenseReceived] * 7 + [SuspensePaid]
    assert [fact.money_day() for fact in facts] == [line.on for line in lines]
    assert world.balance("bank:AGR") == sum(line.minor for line in lines)
    assert private(world, before + 1)[1] == {"memo": lines[0].memo, "reference": lines[0].reference}
    again = take(world, file)
    assert (again.recorded, again.duplicates, again.statement) == (0, 8, before)
    assert size(world) == before + 9
    assert len(waiting(world.open)) == 8


def test_the_references_come_from_the_content(sqlite_world: World, tmp_path: Path) -> None:
    take(sqlite_world, write(tmp_path / "a.csv", booked(3)))
    with reading(sqlite_world.open.engine) as db:
        rows = list(read.record_rows(db, sqlite_world.open.code))
    (statement,) = [row for row in rows if row.reference.startswith("import/bank:AGR/")]
    lines = {row.reference for row in rows if row.index > statement.index}
    assert lines == {f"import/{key}" for key in line_keys(sqlite_world)}


def test_the_identity_of_a_line_is_frozen(tmp_path: Path) -> None:
    """Another key for the same line would record it a second time after an upgrade."""

    def mac(data: bytes) -> bytes:
        return hmac.digest(b"k" * 32, data, "sha256")

    file = write(tmp_path / "a.csv", [Booked(AUGUST, 5000, "ung ho", "R1"), Booked(AUGUST, -700, "phí", "R2")])
    with Spool.of(open_statement(file), tmp_path, "bank:AGR", mac, lambda count, line: None) as spool:
        keys = [each.key for each in spool.spooled()]
    assert keys[0].startswith(day_mark("bank:AGR", AUGUST, mac))
    # Computed once by other code from the rule in docs/decisions/0003.
    assert keys == ["aae28c47afc2132bdcb3f189d1e48d61-0", "aae28c47afc2b366cbc7b1cff0f99855-0"]


def test_true_duplicates_are_kept_and_told(sqlite_world: World, tmp_path: Path) -> None:
    twin = Booked(AUGUST, 50_000, "ung ho", "FT1")
    rows: list[dict[str, Any]] = []
    file = write(tmp_path / "a.csv", [twin] * 5, balances=False)
    result = take(sqlite_world, file, opening=0, closing=250_000, verdict=rows.append)
    assert (result.recorded, result.equals) == (5, 4)
    assert [row.get("equals_before", 0) for row in rows] == [0, 1, 2, 3, 4]
    more = take(sqlite_world, write(tmp_path / "b.csv", [twin] * 7, balances=False), opening=0, closing=350_000)
    assert (more.recorded, more.duplicates) == (2, 5)
    assert {key[-2:] for key in line_keys(sqlite_world)} == {f"-{n}" for n in range(7)}


def test_a_day_cut_in_two_without_anything_printed_stops(sqlite_world: World, tmp_path: Path) -> None:
    a, b = Booked(AUGUST, 50_000, "ung ho"), Booked(AUGUST, 20_000, "ung ho")
    take(sqlite_world, write(tmp_path / "m.csv", [a, a], balances=False), opening=0, closing=100_000)
    before = size(sqlite_world)
    evening = write(tmp_path / "e.csv", [a, b], balances=False)
    with pytest.raises(Rejected) as refused:
        take(sqlite_world, evening, opening=100_000, closing=170_000)
    assert refused.value.reason is Reason.PARTIAL_DAY
    assert refused.value.details["day"] == AUGUST.isoformat()
    assert size(sqlite_world) == before
    whole = write(tmp_path / "w.csv", [a, a, a, b], balances=False)
    assert take(sqlite_world, whole, opening=0, closing=170_000).recorded == 2


def test_two_statements_of_the_same_days_that_contradict_each_other(sqlite_world: World, tmp_path: Path) -> None:
    """One đồng more in the last line, or two lines exchanged: each file ties by itself, together they would make
    money out of nothing. Refused with both figures, nothing recorded."""
    a, b, c = Booked(AUGUST, 500, "a"), Booked(AUGUST, 300, "b"), Booked(AUGUST + timedelta(days=1), 200, "c")
    take(sqlite_world, write(tmp_path / "first.csv", [a, b, c]))
    before = size(sqlite_world)
    for name, lines in {"more": [a, b, replace(c, minor=201)], "exchanged": [b, a, c]}.items():
        with pytest.raises(Rejected) as refused:
            take(sqlite_world, write(tmp_path / f"{name}.csv", lines))
        assert refused.value.reason is Reason.CONTROL_DIFFERS
        assert {"closing_minor", "earlier_closing_minor", "new_lines_minor"} <= set(refused.value.details)
        assert size(sqlite_world) == before
    check_book(sqlite_world)


def test_a_file_that_adds_only_days_is_recorded_one_that_adds_nothing_is_not(
    sqlite_world: World, tmp_path: Path
) -> None:
    """docs/decisions/0003: coverage of days is what the finding «uncovered days» is judged by."""
    lines = booked(6, days=3)
    take(sqlite_world, write(tmp_path / "a.csv", lines))
    before = size(sqlite_world)
    fewer = write(tmp_path / "b.csv", lines[2:], opening=1000 + sum(line.minor for line in lines[:2]))
    nothing = take(sqlite_world, fewer)
    assert (nothing.recorded, nothing.duplicates, nothing.statement, size(sqlite_world)) == (0, 4, None, before)
    longer = tmp_path / "c.csv"
    longer.write_text(f"Từ ngày: 03/08/2026\nĐến ngày: 09/08/2026\n{fewer.read_text('utf-8')}", "utf-8")
    added = take(sqlite_world, longer)
    assert (added.recorded, added.statement, size(sqlite_world)) == (0, before, before + 1)
    (entry,) = entries(sqlite_world, before)
    assert isinstance(entry, StatementImported)
    assert (entry.to_on, entry.new_lines) == (date(2026, 8, 9), 0)
    assert take(sqlite_world, longer).statement == before
    assert size(sqlite_world) == before + 1


def test_random_overlaps_make_the_whole(plain_world: World, tmp_path: Path) -> None:
    """Whatever the cuts and their order, each line is recorded once, equal lines as often as the bank has them."""
    draw = random.Random(7)
    print("seed 7")
    lines: list[Booked] = []
    for line in booked(120, days=6):
        lines += [replace(line, reference="")] * draw.choice((1, 1, 1, 3))
    before_of = [1000 + sum(line.minor for line in lines[:start]) for start in range(len(lines))]
    for number in range(15):
        start, end = sorted(draw.sample(range(len(lines) + 1), 2))
        take(plain_world, write(tmp_path / f"{number}.csv", lines[start:end], opening=before_of[start]), batch=10)
    take(plain_world, write(tmp_path / "all.csv", lines))
    assert sorted(fact.postings()[0].amount.minor for fact in line_facts(plain_world)) == sorted(
        line.minor for line in lines
    )
    assert len(line_keys(plain_world)) == len(lines)
    check_book(plain_world, allow=(FindingKind.STATEMENTS_DO_NOT_CHAIN, FindingKind.DAYS_UNCOVERED))


# Refused, with nothing left behind


def refused_by(world: World, file: Path, place: str = "bank:AGR", **options: Any) -> Rejected:
    before = size(world)
    with pytest.raises(Rejected) as refused:
        take(world, file, place, **options)
    assert size(world) == before
    return refused.value


def test_refusals_leave_nothing(sqlite_world: World, tmp_path: Path) -> None:
    good = booked(3)
    file = write(tmp_path / "a.csv", good)
    assert refused_by(sqlite_world, file, "bank:NONE").reason is Reason.NO_SUCH_PLACE
    assert refused_by(sqlite_world, file, "cash:TM").reason is Reason.NO_SUCH_PLACE
    wrong = refused_by(sqlite_world, file, opening=1000, closing=5)
    assert wrong.reason is Reason.CONTROL_DIFFERS
    assert {"computed_minor", "running_minor"} <= set(wrong.details)
    ahead = write(tmp_path / "b.csv", [*good, Booked(date(2026, 9, 2), 1, "mai")])
    future = refused_by(sqlite_world, ahead)
    assert (future.reason, future.details["row"]) == (Reason.DAY_IN_FUTURE, 5)
    bare = write(tmp_path / "c.csv", good, balances=False)
    assert refused_by(sqlite_world, bare).reason is Reason.CONTROL_MISSING
    most = write(tmp_path / "d.csv", [Booked(AUGUST, 2**52, "nhiều", "1")] * 2, balances=False)
    assert refused_by(sqlite_world, most, opening=0, closing=2**53).reason is Reason.AMOUNT_TOO_LARGE


def test_another_account_or_currency(sqlite_world: World, tmp_path: Path) -> None:
    body = write(tmp_path / "a.csv", booked(2)).read_text("utf-8")
    file = tmp_path / "b.csv"
    file.write_text(f"Số tài khoản: 0031000999999\n{body}", "utf-8")
    differs = refused_by(sqlite_world, file, "bank:VCB")
    assert (differs.reason, differs.details["account_ends_in"]) == (Reason.ACCOUNT_DIFFERS, "3456")
    file.write_text(f"Số tài khoản: 0031 000 123 456\n{body}", "utf-8")
    assert take(sqlite_world, file, "bank:VCB").recorded == 2
    sqlite_world.say("place_opened", place="bank:USD", name="Ngoại tệ", currency="USD")
    file.write_text(f"Loại tiền: VND\n{body}", "utf-8")
    assert refused_by(sqlite_world, file, "bank:USD").reason is Reason.CURRENCY_DIFFERS


@pytest.mark.parametrize(
    ("printed", "number", "same"),
    [
        ("0031000123456", "0031000123456", True),
        ("31000123456", "0031000123456", True),
        ("0031.000.123456", "0031000123456", True),
        ("97004360/0031000123456", "0031000123456", True),
        ("97004360/0031000123456VND", "0031000123456", True),
        ("0031******456", "0031000123456", True),
        ("XXXXXXXXX3456", "0031000123456", True),
        ("NL91ABNA0417164300", "0417164300", True),
        ("NL91ABNA0417164300", "NL91ABNA0417164300", True),
        ("0031000123457", "0031000123456", False),
        ("3456", "0031000123456", False),
        ("10031000123456", "0031000123456", False),
        ("0031******457", "0031000123456", False),
        ("NL91ABNA0417164301", "0417164300", False),
        ("VND", "0031000123456", False),
    ],
)
def test_account_numbers_as_banks_print_them(printed: str, number: str, same: bool) -> None:
    assert same_account(printed, number, "VND") is same


def test_the_same_file_with_another_declared_balance(sqlite_world: World, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [Booked(AUGUST, 500, "x", "1")], balances=False)
    assert take(sqlite_world, file, opening=0, closing=500).recorded == 1
    differs = refused_by(sqlite_world, file, opening=7, closing=507)
    assert differs.reason is Reason.CONTROL_DIFFERS
    assert (differs.details["declared_minor"], differs.details["recorded_minor"]) == (7, 0)


def test_a_fund_that_the_book_does_not_have(sqlite_world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    head = "ngày,người ủng hộ,số tiền,quỹ,nội dung\n2026-08-03,An,50000,sua,x\n"
    file.write_text(f"{head}2026-08-03,An,50000,KHONG-CO,x\n", "utf-8")
    unknown = refused_by(sqlite_world, file, opening=0, closing=100_000)
    assert (unknown.reason, unknown.details["row"]) == (Reason.NO_SUCH_FUND, 3)
    file.write_text(head, "utf-8")
    assert take(sqlite_world, file, opening=0, closing=50_000).suspense == 1


def test_a_strangers_odd_memo_does_not_block_a_statement(sqlite_world: World, tmp_path: Path) -> None:
    odd = ["Z\u0301\u0301\u0301\u0301\u0301\u0301\u0301algo", "an\u202eho", "\U000f0000 ung ho", "á" * 1900]
    file = write(tmp_path / "a.csv", [Booked(AUGUST, 1000 + n, memo, str(n)) for n, memo in enumerate(odd)])
    assert take(sqlite_world, file).recorded == len(odd)


def test_no_memo_is_left_on_disk(sqlite_world: World, tmp_path: Path) -> None:
    """The spool has no name, so nothing of it remains, not even after a kill."""
    folder = sqlite_world.home.path
    seen: list[set[str]] = []
    file = write(tmp_path / "a.csv", booked(40))
    take(sqlite_world, file, batch=10, progress=lambda *_: seen.append({f.name for f in folder.iterdir()}))
    assert refused_by(sqlite_world, file, opening=5).reason is Reason.CONTROL_DIFFERS
    allowed = {"keys", "tiles", "sovang.db", "sovang.db-wal", "sovang.db-shm", "sovang.db.import-hp-bank-AGR.lock"}
    assert set().union(*seen, {f.name for f in folder.iterdir()}) <= allowed
    assert (folder / "sovang.db.import-hp-bank-AGR.lock").stat().st_size == 0


def test_a_file_that_changes_while_it_is_read(sqlite_world: World, tmp_path: Path, monkeypatch: Any) -> None:
    file = write(tmp_path / "a.csv", booked(3))
    real = open_statement

    def opened(path: Path, **options: Any) -> Any:
        statement = real(path, **options)
        write(path, booked(3, seed=9))
        return statement

    monkeypatch.setattr("ledger.intake.open_statement", opened)
    assert refused_by(sqlite_world, file).reason is Reason.FILE_UNREADABLE


def test_a_full_disk_leaves_nothing(sqlite_world: World, tmp_path: Path, monkeypatch: Any) -> None:
    file = write(tmp_path / "a.csv", booked(3))
    before = size(sqlite_world)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Path("/dev/full").open("wb"))  # noqa: SIM115
    with pytest.raises(StoreUnavailable, match="No space left"):
        take(sqlite_world, file)
    assert size(sqlite_world) == before


def test_a_dry_run_tells_each_row_and_records_nothing(sqlite_world: World, tmp_path: Path) -> None:
    promise(sqlite_world, 300_000)
    lines = booked(4)
    take(sqlite_world, write(tmp_path / "a.csv", lines[:2]))
    credit = Booked(AUGUST + 10 * NEXT_DAY, 300_000, f"chuyen tien sv{CODE.lower()}", "P1")
    file = write(tmp_path / "b.csv", [*lines, credit, replace(credit, reference="P2")])
    before = size(sqlite_world)
    for dry_run in (True, False):
        rows: list[dict[str, Any]] = []
        result = take(sqlite_world, file, dry_run=dry_run, batch=1, verdict=rows.append)
        assert [row["verdict"] for row in rows] == [*["duplicate"] * 2, *["suspense"] * 2, "gift", "suspense"]
        assert (result.recorded, result.matched, result.suspense, result.duplicates) == (4, 1, 3, 2)
        assert rows[4]["pledge"] == CODE
        assert [row["row"] for row in rows] == [2, 3, 4, 5, 6, 7]
        assert (size(sqlite_world) == before) is dry_run
        assert (result.statement is None) is dry_run


# Pledges


@pytest.mark.parametrize(
    "memo",
    [
        f"SV{CODE} ung ho",
        f"MBVCB.3912345678.054321.SV{CODE}.CT tu 0011 toi 0031",
        f"ct den:412345 sv{CODE.lower()} trẻ em",
        f"NGUYEN VAN A CHUYEN TIEN UNG HO SV{CODE[:3]}\n{CODE[3:]} QUY BAO TRO TRE EM",
        f"IBFT SV {CODE[:4]} {CODE[4:]}",
    ],
)
def test_a_code_posts_by_itself_when_the_amount_fits(sqlite_world: World, tmp_path: Path, memo: str) -> None:
    pledge = promise(sqlite_world, 500_000)
    result = take(sqlite_world, write(tmp_path / "a.csv", [Booked(AUGUST, 500_000, memo, "R")]))
    assert (result.matched, result.suspense) == (1, 0)
    (gift,) = entries(sqlite_world, result.statement + 1)
    assert isinstance(gift, GiftReceived)
    assert (gift.fund, gift.received_on, gift.statement) == ("sua", AUGUST, result.statement)
    assert sqlite_world.balance("fund:sua") == 500_000
    assert sqlite_world.balance(f"pledge:{CODE}") == 0
    donor, known = private(sqlite_world, pledge.index)
    same, values = private(sqlite_world, result.statement + 1)
    assert same == donor
    assert values == {**known, "memo": memo, "reference": "R"}


@pytest.mark.parametrize(
    ("minor", "memo"),
    [
        (499_999, f"SV{CODE}"),
        (500_001, f"SV{CODE}"),
        (500_000, CODE),
        (500_000, f"SV{CODE} SV{OTHER}"),
        (500_000, f"SV{OTHER[:-1]}2"),
        (-500_000, f"hoan tien SV{CODE}"),
    ],
    ids=["less", "more", "no-prefix", "two-pledges", "mistyped", "money-out"],
)
def test_everything_else_waits(plain_world: World, tmp_path: Path, minor: int, memo: str) -> None:
    promise(plain_world, 500_000)
    promise(plain_world, 500_000, OTHER)
    result = take(plain_world, write(tmp_path / "a.csv", [Booked(AUGUST, minor, memo, "R")]))
    assert (result.matched, result.suspense) == (0, 1)
    assert plain_world.balance(f"pledge:{CODE}") == 500_000
    check_book(plain_world, allow=(FindingKind.PLACE_NEGATIVE,))


def test_a_pledge_is_met_once_and_by_what_is_left_of_it(sqlite_world: World, tmp_path: Path) -> None:
    promise(sqlite_world, 500_000)
    sqlite_world.gift(200_000, pledge={"minor": 200_000, "pledge": CODE})
    credit = Booked(AUGUST, 300_000, f"SV{CODE}", "1")
    lines = [replace(credit, minor=500_000), credit, replace(credit, reference="2")]
    result = take(sqlite_world, write(tmp_path / "a.csv", lines))
    assert (result.matched, result.suspense) == (1, 2)
    kinds = [type(entry) for entry in entries(sqlite_world, result.statement + 1)]
    assert kinds == [SuspenseReceived, GiftReceived, SuspenseReceived]


def test_a_pledge_of_a_fund_that_may_not_keep_money_here_waits(sqlite_world: World, tmp_path: Path) -> None:
    sqlite_world.say(
        "fund_opened",
        fund="rieng",
        name="Tài khoản riêng",
        source="gift",
        restriction={"activities": [], "classes": [], "communes": []},
        places=["bank:VCB"],
    )
    promise(sqlite_world, 500_000, fund="rieng")
    file = write(tmp_path / "a.csv", [Booked(AUGUST, 500_000, f"SV{CODE}", "R")])
    assert take(sqlite_world, file).matched == 0


class Interrupted:
    """Does something else just before the book records for the nth time."""

    def __init__(self, book: Book, monkeypatch: Any, nth: int, what: Callable[[], object]) -> None:
        self.calls = 0
        real = book.record

        def record(drafts: list[Draft], by: str) -> tuple[Recorded, ...]:
            self.calls += 1
            if self.calls == nth:
                what()
            return real(drafts, by)

        monkeypatch.setattr(book, "record", record)


def test_a_pledge_met_meanwhile_sends_its_line_to_suspense(
    sqlite_world: World, tmp_path: Path, monkeypatch: Any
) -> None:
    promise(sqlite_world, 500_000)
    elsewhere = Home(sqlite_world.home.path, clock=sqlite_world.clock).open_book()

    def meanwhile() -> None:
        entry = {
            "kind": "gift_received",
            "place": "bank:AGR",
            "amount": vnd(500_000),
            "fund": "sua",
            "received_on": "2026-09-01",
            "donor": {"same_as": size(sqlite_world) - 2},
            "parts": [],
            "pledge": {"minor": 500_000, "pledge": CODE},
        }
        elsewhere.requests.submit([{"entry": entry}], "thu-quy")

    Interrupted(sqlite_world.open.book, monkeypatch, 2, meanwhile)
    lines = [*booked(3), Booked(AUGUST + 10 * NEXT_DAY, 500_000, f"SV{CODE}", "R")]
    result = take(sqlite_world, write(tmp_path / "a.csv", lines))
    assert (result.matched, result.suspense) == (0, 4)
    elsewhere.home.close()


def test_a_line_taken_by_hand_meanwhile_is_left_out(sqlite_world: World, tmp_path: Path, monkeypatch: Any) -> None:
    """A person may record a fee straight from a line while the import runs; the statement is whole all the same."""
    lines = [*booked(3), Booked(AUGUST + 10 * NEXT_DAY, -11_000, "Phi SMS", "F")]
    file = write(tmp_path / "a.csv", lines)
    keys = Spool.of(
        open_statement(file), tmp_path, "bank:AGR", sqlite_world.open.keys.line_mac, lambda count, line: None
    )
    fee = [each.key for each in keys.spooled()][3]
    keys.close()
    elsewhere = Home(sqlite_world.home.path, clock=sqlite_world.clock).open_book()

    def meanwhile() -> None:
        entry = {
            "kind": "bank_fee_charged",
            "place": "bank:AGR",
            "amount": vnd(11_000),
            "charged_on": (AUGUST + 10 * NEXT_DAY).isoformat(),
            "fund": "sua",
            "line": fee,
            "statement": size(sqlite_world) - 1,
            "parts": [],
        }
        elsewhere.requests.submit([{"entry": entry}], "thu-quy")

    sqlite_world.gift(1_000_000)
    Interrupted(sqlite_world.open.book, monkeypatch, 2, meanwhile)
    result = take(sqlite_world, file)
    assert (result.recorded, result.duplicates) == (3, 1)
    assert len(line_keys(sqlite_world)) == 4
    elsewhere.home.close()


# Suggestions


def test_suggestions_are_ranked_when_looked_at(sqlite_world: World, tmp_path: Path) -> None:
    promise(sqlite_world, 500_000)
    promise(sqlite_world, 200_000, OTHER, donor={"private": {"name": "Lê Thị Mai"}})
    lines = [
        Booked(AUGUST, 400_000, f"SV{CODE} tra truoc mot phan", "1"),
        Booked(AUGUST, 200_000, "LE THI MAI ung ho quy", "2"),
        Booked(AUGUST, 70_000, "PHAM QUYNH SON chuyen tien ung ho", "3"),
        Booked(AUGUST + NEXT_DAY, 70_000, "PHAM QUYNH SON CT ung ho thang 9", "4"),
    ]
    result = take(sqlite_world, write(tmp_path / "a.csv", lines))
    first = result.statement + 1
    (code, *_) = suggestions(sqlite_world.open, first)
    assert (code["what"], code["pledge"], code["by_code"], code["fund"]) == ("pledge", CODE, True, "sua")
    (name, *_) = suggestions(sqlite_world.open, first + 1)
    assert (name["pledge"], name["name"], name["minor"]) == (OTHER, "Lê Thị Mai", 200_000)
    assert suggestions(sqlite_world.open, first + 3) == []
    key = next(row["line"] for row in waiting(sqlite_world.open) if row["index"] == first + 2)
    explained = sqlite_world.gift(
        70_000,
        place="bank:AGR",
        name="Phạm Quỳnh Sơn",
        parts=[{"line": key, "minor": 70_000}],
    )
    (same, *_) = suggestions(sqlite_world.open, first + 3)
    assert (same["what"], same["line"], same["same_as"], same["fund"]) == ("donor", key, explained.index, "sua")
    assert len(waiting(sqlite_world.open)) == 3
    with pytest.raises(Rejected) as refused:
        suggestions(sqlite_world.open, "0" * 32 + "-0")
    assert refused.value.reason is Reason.NO_SUCH_LINE


# Kills, races, memory


def test_another_file_waits_until_the_first_is_whole(plain_world: World, tmp_path: Path, monkeypatch: Any) -> None:
    lines = booked(30)
    file = write(tmp_path / "a.csv", lines)

    class Died(Exception):
        pass

    def die() -> None:
        raise Died

    with monkeypatch.context() as patch:
        Interrupted(plain_world.open.book, patch, 3, die)
        with pytest.raises(Died):
            take(plain_world, file, batch=10)
    report = check_book(plain_world, allow=(FindingKind.IMPORT_INCOMPLETE,))
    (finding,) = report.findings
    assert "20 of 30" in finding.detail
    other = write(tmp_path / "b.csv", lines[20:], opening=1000 + sum(line.minor for line in lines[:20]))
    refused = refused_by(plain_world, other)
    assert refused.reason is Reason.IMPORT_UNFINISHED
    assert refused.details["sha256"] == open_statement(file).sha256
    resumed = take(plain_world, file, batch=10)
    assert (resumed.recorded, resumed.duplicates, resumed.resumed) == (20, 10, True)
    assert take(plain_world, other).duplicates == 10
    assert check_book(plain_world).findings == ()


def incomplete(world: World) -> int:
    """Lines still missing from statements."""
    with reading(world.open.engine) as db:
        rows = [decode_value(value) for _, value in read.register_rows(db, world.open.code, "statement")]
    return sum(row["new_lines"] - row["recorded"] for row in rows)


class Fuse:
    """Kills this very process at the nth sign of life."""

    def __init__(self, burns: int) -> None:
        self.burns = burns

    def __call__(self, *_: object) -> None:
        self.burns -= 1
        if self.burns == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def test_kill_9_in_the_middle_of_imports(plain_world: World, tmp_path: Path) -> None:
    """Whenever the process dies: what is recorded stays, the audit says what is missing, the same file again
    records just that."""
    seed = random.SystemRandom().randrange(2**32) if SLOW else 11
    print("seed", seed)
    draw = random.Random(seed)
    kills = partly = number = 0
    lines: list[Booked] = []
    path = plain_world.home.path
    moment = START

    def child(fuse: Fuse) -> None:
        clock = Clock(moment)

        def watched_clock() -> Any:
            fuse()
            return clock()

        def watched_random(length: int) -> bytes:
            fuse()
            return os.urandom(length)

        home = Home(path, clock=watched_clock, random_bytes=watched_random)
        Intake(home.open_book(), batch=40).run(tmp_path / f"{number}.csv", "bank:AGR", by="ke-toan", progress=fuse)

    def new_file() -> None:
        nonlocal number, moment
        number += 1
        moment += timedelta(days=1)  # a statement of tomorrow would be refused
        fresh = booked(400, seed=number, first=AUGUST + number * NEXT_DAY, days=1)
        lines.extend(fresh)
        write(tmp_path / f"{number}.csv", fresh, opening=1000 + sum(line.minor for line in lines[:-400]))

    new_file()
    while kills < (1000 if SLOW else 50):
        plain_world.home.close()
        moment += timedelta(seconds=20)
        by_fuse = draw.random() < 0.5
        fuse = Fuse(draw.randrange(1, 700) if by_fuse else 0)
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                child(fuse)
                os._exit(0)
            finally:
                os._exit(1)
        if not by_fuse:
            time.sleep(draw.random() * 0.2)
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        assert time.monotonic() - started < 60
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        kills += os.WIFSIGNALED(status)
        plain_world.open = Home(path, clock=plain_world.clock).open_book()
        plain_world.home = plain_world.open.home
        missing = incomplete(plain_world)
        partly += missing > 0
        if kills % 12 == 0 and missing:
            plain_world.clock.moment = moment
            report = check_book(plain_world, allow=(FindingKind.IMPORT_INCOMPLETE,))
            assert [found.kind for found in report.findings] == [FindingKind.IMPORT_INCOMPLETE]
        if os.WIFEXITED(status):
            assert missing == 0
            new_file()
    assert partly > kills // 5, "the kills came at the wrong times"
    plain_world.clock.moment = moment
    take(plain_world, tmp_path / f"{number}.csv")
    assert len(line_facts(plain_world)) == len(line_keys(plain_world)) == len(lines)
    assert plain_world.balance("bank:AGR") == sum(line.minor for line in lines)
    assert check_book(plain_world).findings == ()


def test_two_imports_of_overlapping_files_at_once(world: World, tmp_path: Path) -> None:
    lines = booked(240, days=5)
    files = [
        write(tmp_path / "a.csv", lines[:160]),
        write(tmp_path / "b.csv", lines[80:], opening=1000 + sum(line.minor for line in lines[:80])),
    ]
    elsewhere = Home(world.home.path, database_url=world.database, clock=world.clock)
    results: list[Any] = []

    def work(open_book: Any, file: Path) -> None:
        results.append(Intake(open_book, batch=10).run(file, "bank:AGR", by="ke-toan"))

    threads = [
        threading.Thread(target=work, args=(opened, file))
        for opened, file in zip((world.open, elsewhere.open_book()), files, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(result.recorded for result in results) == 240
    assert len(line_keys(world)) == 240
    assert incomplete(world) == 0
    elsewhere.close()


def test_the_lock_is_held_by_one_and_lost_with_its_holder(world: World) -> None:
    elsewhere = Home(world.home.path, database_url=world.database, clock=world.clock)
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(10)
        with exclusive(elsewhere.engine, "import-hp-x"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with exclusive(world.open.engine, "import-hp-x"):
        inside.set()
        with exclusive(world.open.engine, "import-hp-y"):
            time.sleep(0.1)
            order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    elsewhere.close()


MEMORY = """
import resource, sys
from pathlib import Path
from ledger.intake import Intake
from tests.worlds import World
folder, file = Path(sys.argv[1]), Path(sys.argv[2])
world = World.create(folder, None)
result = Intake(world.open).run(file, "bank:AGR", by="ke-toan", dry_run=sys.argv[3] == "dry")
assert result.recorded == result.lines
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("how", ["dry", "recorded"])
def test_memory_is_flat(tmp_path: Path, how: str) -> None:
    """Ten times the lines, hardly more memory: the file is never held whole."""
    peaks = []
    small = 6000 if how == "dry" or SLOW else 2000
    for count in (small, 10 * small):
        file = write(tmp_path / f"{count}.csv", booked(count, days=25))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path / f"home{count}"), str(file), how],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=Path(__file__).parents[2],
        )
        peaks.append(int(done.stdout))
    assert peaks[1] <= 1.3 * peaks[0], peaks
