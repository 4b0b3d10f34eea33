"""A sample drawn by money: fair to every đồng, nobody's choice, and the same for whoever draws it again."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256, sha512
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.reports import Period, make_report, open_source
from audit.reports.sampling import Sample, draw, draw_sample, evidence_files, start, working_papers
from ledger.refusals import Reason
from tests.audits import check_book
from tests.ledger.refusing import refused
from tests.ledger.saying import reverse
from tests.ledger.saying import say as usual
from tests.ledger.story3.clock import SEED, say
from tests.worlds import World

ROWS = st.lists(st.integers(1, 10**12), min_size=1, max_size=40).map(lambda minors: list(enumerate(minors)))


@pytest.fixture
def world(sqlite_world: World) -> Iterator[World]:
    """The invented fund, audited when the test is over."""
    yield sqlite_world
    check_book(sqlite_world)


@given(row=ROWS, hits=st.integers(1, 60), random=st.integers(0, 10**15))
@settings(max_examples=200, deadline=None)
def test_every_hit_lies_in_its_record(row: list[tuple[int, int]], hits: int, random: int) -> None:
    """Exactly n hits, evenly apart; a record as long as the interval is always in; counted again plainly."""
    total = sum(minor for _, minor in row)
    u = random % total
    items = list(draw(row, hits, u))
    ends = list(accumulate(minor for _, minor in row))
    plain = Counter(
        next(index for (index, _), end in zip(row, ends, strict=True) if (u + k * total) // hits < end)
        for k in range(hits)
    )
    assert {item.index: item.hits for item in items} == dict(plain)
    drawn = {item.index for item in items}
    assert {index for index, minor in row if minor * hits >= total} <= drawn


def test_every_dong_has_the_same_chance() -> None:
    """Over all starts, a record is hit in proportion to its amount: to the đồng."""
    row = [(0, 1), (1, 7), (2, 30), (3, 62)]
    counted: Counter[int] = Counter()
    for u in range(100):
        for item in draw(row, 3, u):
            counted[item.index] += item.hits
    assert counted == {index: minor * 3 for index, minor in row}


def test_the_start_comes_from_the_seed_and_the_whole_book() -> None:
    """SHA-512 over the seed and the leaf of the commitment; nobody holds both before."""
    seed, leaf = bytes.fromhex("5d" * 32), bytes(range(32))
    expected = int(sha512(b"sovang sample\n" + seed + leaf).hexdigest(), 16) % 1_000_003
    assert start(seed, leaf, 1_000_003) == expected
    assert start(seed, bytes(32), 1_000_003) != expected
    assert start(seed, leaf, 0) == 0


def drawn(world: World, code: str = "kt-2026", size: int | None = None) -> Sample:
    with open_source(world.open, size=size) as source:
        return draw_sample(source, code)


def test_the_population_is_what_stood_before_and_still_holds(world: World) -> None:
    """Later records, other periods and what was undone are out; a reversal undone puts its record back."""
    world.gift(100)
    wrong = world.gift(10_000)
    reverse(world, wrong.index)
    kept = world.gift(200)
    undone = reverse(world, kept.index)
    reverse(world, undone.index)
    world.gift(50_000, received_on="2025-12-31")
    usual(world, "interest_received", amount={"minor": 30, "unit": "VND"})
    say(world, "sample_committed")
    world.gift(999)
    say(world, "sample_drawn")
    sample = drawn(world)
    assert (sample.records, sample.total_minor) == (3, 330)
    assert sum(item.hits for item in sample.items) == 3
    assert kept.index in {item.index for item in sample.items}


def test_each_population_counts_its_own_money(world: World) -> None:
    """Received, paid, used: by the purpose view, so that suspense and own transfers count nowhere."""
    world.gift(1_000_000)
    usual(world, "allocated")
    usual(world, "payment_ordered")
    usual(world, "money_advanced")
    usual(world, "delivered", handed="lc-1", amount={"minor": 150_000, "unit": "VND"})
    usual(world, "transfer_sent")
    for population, total in (("received", 1_000_000), ("paid", 350_000), ("used", 150_000)):
        say(world, "sample_committed", sample=population, population=population)
        say(world, "sample_drawn", sample=population)
        assert drawn(world, population).total_minor == total


def test_anybody_draws_the_same_sample_whatever_came_after(world: World) -> None:
    """From the records alone, years later, and from the book as it stood."""
    for minor in (5_000, 70_000, 900_000, 1_000, 40_000):
        world.gift(minor)
    say(world, "sample_committed")
    refused(Reason.SEED_DIFFERS, lambda: drawn(world), "seed")
    refused(Reason.NO_SUCH_SAMPLE, lambda: drawn(world, "khong-co"), "sample")
    size = say(world, "sample_drawn").index + 1
    first = drawn(world)
    world.gift(123_456)
    assert drawn(world) == first == drawn(world, size=size)
    assert (first.seed, len({item.index for item in first.items})) == (SEED, len(first.items))


def test_an_empty_population_gives_an_empty_sample(world: World) -> None:
    """Nothing was paid yet: there is nothing to look at, and no division by it."""
    say(world, "sample_committed", population="paid")
    say(world, "sample_drawn")
    assert (drawn(world).items, drawn(world).total_minor) == ((), 0)


def test_working_papers_hold_record_proof_and_evidence_side_by_side(world: World, tmp_path: Path) -> None:
    """What the auditor takes home: each record's bytes with its proof, and the scans that it names."""
    minutes = b"%PDF-1.7 bien ban"
    digest = sha256(minutes).hexdigest()
    scans = tmp_path / "scans" / "thang-9"
    scans.mkdir(parents=True)
    (scans / "Biên bản.PDF").write_bytes(minutes)
    (scans / "khac.pdf").write_bytes(b"khac")
    sheet = usual(world, "cash_sheet_received", minutes_sha256=digest)
    world.gift(1)
    say(world, "sample_committed", hits=1)
    say(world, "sample_drawn")
    world.open.checkpointer.run()
    sample = drawn(world)
    assert [item.index for item in sample.items] == [sheet.index]
    files = evidence_files(tmp_path / "scans")
    packed, missing = working_papers(world.open, sample.items, files, {"mau.csv": b"x"})
    assert missing == []
    assert working_papers(world.open, sample.items, files, {"mau.csv": b"x"}) == (packed, [])
    with zipfile.ZipFile(io.BytesIO(packed)) as papers:
        folder = f"{sheet.index:07}"
        assert sorted(papers.namelist()) == sorted(
            ["mau.csv", f"{folder}/record.json", f"{folder}/{sheet.index}.tlog-proof", f"{folder}/minutes_sha256.pdf"]
        )
        body = papers.read(f"{folder}/record.json")
        assert papers.read(f"{folder}/minutes_sha256.pdf") == minutes
    assert json.loads(body)["index"] == sheet.index
    named = scans / "Biên bản.PDF"
    files[digest] = named.rename(scans / "danh sách.Nguyễn Thị Bí Mật")
    packed, _ = working_papers(world.open, sample.items, files, {})
    with zipfile.ZipFile(io.BytesIO(packed)) as papers:
        assert f"{folder}/minutes_sha256" in papers.namelist()
    _, missing = working_papers(world.open, sample.items, {}, {})
    assert missing == [digest]


def report(world: World, kind: str, **options: str) -> list[dict[str, Any]]:
    """The rows of a report over 2026, by column name."""
    with open_source(world.open) as source:
        made = make_report(source, kind, Period.year(2026), options)
    return [row["cells"] for row in made.to_json()["rows"]]


def test_the_sample_stands_in_a_report_with_what_an_auditor_compares(world: World) -> None:
    """Voucher, postings, evidence and leaf hash in one line, and room for remarks."""
    gift = world.gift(500_000)
    say(world, "sample_committed", hits=2)
    say(world, "sample_drawn")
    (row,) = report(world, "sample", sample="kt-2026")
    assert (row["index"], row["minor"], row["hits"], row["leaf"]) == (gift.index, 500_000, 2, gift.leaf_hash.hex())
    assert row["postings"] == "500000 VND donors → fund:sua; 500000 VND outside → bank:VCB"


def test_findings_are_listed_until_they_are_closed(world: World) -> None:
    """Open first of all; money that came back counts."""
    gift = world.gift(900_000)
    named = {"about": gift.index, "about_leaf": gift.leaf_hash.hex(), "sample": None}
    say(world, "finding_raised", **named)
    say(world, "finding_raised", **named, finding="ph-2", sort="other", amount=None, answer_by_on=None)
    back = world.gift(20_000)
    say(world, "finding_followed", closed=False, recovered=back.index)
    say(world, "finding_followed", finding="ph-2", answer="Đã bổ sung")
    rows = {row["finding"]: row for row in report(world, "audit-findings")}
    assert (rows["ph-1"]["recovered"], rows["ph-1"]["left"], rows["ph-1"]["state"]) == (20_000, 30_000, "còn mở — open")
    assert (rows["ph-2"]["minor"], rows["ph-2"]["state"]) == (None, "đã đóng — closed")
    assert [row["finding"] for row in report(world, "audit-findings", open_only="yes")] == ["ph-1"]
