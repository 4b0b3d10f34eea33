"""Every bank file of the shared material, imported. Lost without these: that a file is taken whole with its own
control figures or leaves nothing behind, and that importing it again changes nothing."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.findings import FindingKind
from ledger.intake import Intake
from ledger.refusals import Reason, Rejected
from ledger.statements import FORMATS
from tests.audits import check_book
from tests.ledger.statement_files import line_keys, size
from tests.shared import SHARED, shared
from tests.statements.samples import FOLDERS, ROWS
from tests.statements.test_statement_hostile import REFUSED, TAKEN
from tests.worlds import OPEN_TO_ALL, World

OPEN_MATTERS = (
    FindingKind.DAYS_UNCOVERED,
    FindingKind.STATEMENTS_DO_NOT_CHAIN,
    FindingKind.PLACE_NEGATIVE,
)


@pytest.fixture(scope="module")
def samples_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One book for all samples, each row with an account of its own."""
    world = World.create(tmp_path_factory.mktemp("samples") / "home", None)
    for number, (_, _, kwargs) in enumerate(ROWS):
        currency = kwargs.get("currency", "VND")
        world.say("place_opened", place=f"bank:S{number}", name=f"Tài khoản {number}", currency=currency)
    yield world
    check_book(world, allow=OPEN_MATTERS)
    world.home.close()


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda n: f"{n}-{ROWS[n][0].rpartition('/')[2]}")
def test_sample_is_imported_whole_or_refused(samples_world: World, number: int) -> None:
    path, expected, kwargs = ROWS[number]
    file, place = shared("samples") / path, f"bank:S{number}"
    intake, before = Intake(samples_world.open), size(samples_world)
    asked = {"format": kwargs.get("format"), "by": "ke-toan"}
    if isinstance(expected, Reason):
        with pytest.raises(Rejected) as refused:
            intake.run(file, place, **asked)
        assert refused.value.reason is expected
        assert "\n" not in str(refused.value)
        assert size(samples_world) == before
        return
    asked |= expected.declared
    result = intake.run(file, place, **asked)
    assert (result.lines, result.credit_total, result.debit_total, result.opening, result.closing, result.control) == (
        expected.lines,
        expected.credit,
        expected.debit,
        expected.opening,
        expected.closing,
        expected.basis,
    )
    assert (result.recorded, result.suspense, result.duplicates) == (expected.lines, expected.lines, 0)
    assert size(samples_world) == before + 1 + expected.lines
    assert samples_world.balance(place, kwargs.get("currency", "VND")) == expected.credit - expected.debit
    again = intake.run(file, place, **asked)
    assert (again.recorded, again.duplicates, again.statement) == (0, expected.lines, result.statement)
    assert size(samples_world) == before + 1 + expected.lines


def test_every_sample_has_its_row() -> None:
    root = shared("samples")
    files = {
        str(file.relative_to(root))
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if file.is_file() and file.name != "README.md"
    }
    assert files == {path for path, _, _ in ROWS}


RELIEF = "samples/vn-relief-bank-statement"


def part(path: Path, start: int, end: int, to: Path) -> tuple[int, int]:
    """Lines [start, end) of a relief file as a file of their own; the credits before and up to the end."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    credits = [int(row[7].replace(",", "")) for row in rows[1:]]
    with to.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([rows[0], *rows[1:][start:end]])
    return sum(credits[:start]), sum(credits[:end])


@pytest.mark.parametrize(("name", "declare"), [("agribank-2024-09.csv", False), ("vietinbank-2024-09.csv", True)])
@pytest.mark.parametrize("cuts", [(0, 1200, 600, 2000), (600, 2000, 0, 1200)], ids=["in-order", "later-first"])
def test_overlapping_halves_are_the_whole(
    name: str, declare: bool, cuts: tuple[int, int, int, int], tmp_path: Path
) -> None:
    file = shared(RELIEF) / name

    def take(world: World, path: Path, figures: tuple[int, int]) -> int:
        declared = {"opening": figures[0], "closing": figures[1]} if declare else {}
        return Intake(world.open).run(path, "bank:VCB", by="ke-toan", **declared).recorded

    whole = World.create(tmp_path / "whole", None)
    assert take(whole, file, part(file, 0, 2000, tmp_path / "whole.csv")) == 2000
    halves = World.create(tmp_path / "halves", None)
    recorded = [
        take(halves, tmp_path / f"{start}.csv", part(file, start, end, tmp_path / f"{start}.csv"))
        for start, end in ((cuts[0], cuts[1]), (cuts[2], cuts[3]))
    ]
    assert recorded == [cuts[1] - cuts[0], 2000 - (cuts[1] - cuts[0])]
    assert line_keys(halves) == line_keys(whole)
    assert halves.balance("bank:VCB") == whole.balance("bank:VCB")
    before = size(halves)
    assert take(halves, file, part(file, 0, 2000, tmp_path / "again.csv")) == 0
    assert size(halves) == before  # every day of the whole file was covered already
    for world in (whole, halves):
        check_book(world, allow=OPEN_MATTERS)
        world.home.close()


def cases() -> list[dict[str, Any]]:
    path = SHARED / "hostile/csv/manifest.jsonl"
    return [json.loads(line) for line in path.read_text("ascii").splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def hostile_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World.create(tmp_path_factory.mktemp("hostile") / "home", None)
    world.say("fund_opened", fund="QUY-01", name="Quỹ 01", source="gift", restriction=OPEN_TO_ALL, places=[])
    for case in cases():
        place = f"bank:H{case['id'][:2]}"
        world.say("place_opened", place=place, name=case["id"], currency="VND")
    yield world
    check_book(world, allow=OPEN_MATTERS)
    world.home.close()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_hostile_file(hostile_world: World, case: dict[str, Any]) -> None:
    path, place = shared("hostile/csv") / case["id"], f"bank:H{case['id'][:2]}"
    intake, before = Intake(hostile_world.open), size(hostile_world)
    if case["id"] in REFUSED:
        with pytest.raises(Rejected) as refused:
            intake.run(path, place, by="ke-toan", opening=0, closing=0)
        assert (refused.value.reason, refused.value.details.get("row")) == REFUSED[case["id"]]
        assert size(hostile_world) == before
        return
    amounts = TAKEN[path.stem]
    result = intake.run(path, place, by="ke-toan", opening=7, closing=7 + sum(amounts))
    assert (result.recorded, result.lines) == (len(amounts), len(amounts))
    assert result.equals == (2 if path.stem == "19-dup-rows" else 0)
    assert size(hostile_world) == before + 1 + len(amounts)
    assert hostile_world.balance(place) == sum(amounts)


def test_every_upload_that_is_no_statement_leaves_nothing(tmp_path: Path) -> None:
    world = World.create(tmp_path / "home", None)
    before = size(world)
    for file in sorted(shared("hostile/files").iterdir()):
        if file.suffix == ".jsonl":
            continue
        with pytest.raises(Rejected):
            Intake(world.open).run(file, "bank:VCB", by="ke-toan")
    assert size(world) == before
    check_book(world)
    world.home.close()


def test_the_formats_fit_a_record() -> None:
    """The name of a format is written into `statement_imported`."""
    assert all(len(f"csv.{name}") <= 40 for name in FORMATS)
