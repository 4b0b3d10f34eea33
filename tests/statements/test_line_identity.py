"""Identity of lines. Lost without these: a gift counted twice, or one of two equal gifts lost."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refusals import Rejected
from ledger.statements import (
    Line,
    Statement,
    StatementHead,
    class_key,
    day_evidence,
    keyed_lines,
    new_ordinals,
    partial_day,
)

DAY = date(2024, 9, 10)


def mac(data: bytes) -> bytes:
    return hashlib.blake2b(data, key=b"k").digest()


class Given(Statement):
    def __init__(self, lines: list[Line]) -> None:
        self.path, self.sha256, self.head = Path("x"), "", StatementHead("test")
        self._lines = lines
        self.days_in_order = all(a.booked_on <= b.booked_on for a, b in pairwise(lines))

    def lines(self) -> Iterator[Line]:
        return iter(self._lines)


def test_every_printed_field_counts_and_the_row_does_not() -> None:
    base = Line(5, DAY, 50_000, "ung ho", "R1", 70_000, "AN", "01:02:03", "F")
    others = [
        Line(5, date(2024, 9, 11), 50_000, "ung ho", "R1", 70_000, "AN", "01:02:03", "F"),
        Line(5, DAY, -50_000, "ung ho", "R1", 70_000, "AN", "01:02:03", "F"),
        Line(5, DAY, 50_000, "ung hộ", "R1", 70_000, "AN", "01:02:03", "F"),
        Line(5, DAY, 50_000, "ung ho", None, 70_000, "AN", "01:02:03", "F"),
        Line(5, DAY, 50_000, "ung ho", "R1", None, "AN", "01:02:03", "F"),
        Line(5, DAY, 50_000, "ung ho", "R1", 70_000, "BINH", "01:02:03", "F"),
        Line(5, DAY, 50_000, "ung ho", "R1", 70_000, "AN", None, "F"),
        Line(5, DAY, 50_000, "ung hoAN", "R1", 70_000, "", "01:02:03", "F"),
    ]
    keys = {class_key("a", line, mac) for line in (base, *others)} | {class_key("b", base, mac)}
    assert len(keys) == len(others) + 2
    moved = Line(9, DAY, 50_000, "ung ho", "R1", 70_000, "AN", "01:02:03", "F")
    assert class_key("a", moved, mac) == class_key("a", base, mac)


@pytest.mark.parametrize("back_and_forth", [False, True])
def test_ordinals_count_equals_of_the_day_in_this_file(back_and_forth: bool) -> None:
    other = date(2024, 9, 11)
    days = [DAY, other, DAY, other, DAY] if back_and_forth else [DAY, DAY, DAY, other, other]
    got = [n for _, _, n in keyed_lines(Given([Line(1, day, 5, "x") for day in days]), "a", mac)]
    assert got == ([0, 0, 1, 1, 2] if back_and_forth else [0, 1, 2, 0, 1])


counts = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4))


@given(counts, counts)
def test_after_both_files_the_larger_count_stands(recorded: dict[str, int], file: dict[str, int]) -> None:
    after = Counter(recorded)
    for key, ordinals in new_ordinals(recorded, file).items():
        assert ordinals.start == recorded.get(key, 0)
        after[key] += len(ordinals)
    assert after == Counter(recorded) | Counter(file)
    assert new_ordinals(after, file) == {}


@given(st.lists(st.sampled_from("ab"), max_size=8), st.data())
def test_whatever_is_not_stopped_is_right(day: list[str], data: st.DataObject) -> None:
    """Two cuts out of one true day: either the day is stopped, or one file was whole, or nothing is lost
    that the larger of the two had."""
    start, end = sorted(data.draw(st.tuples(st.integers(0, 8), st.integers(0, 8))))
    first, second = Counter(day[:end]), Counter(day[start:])
    try:
        partial_day(DAY, first, second, evidence="none")
    except Rejected:
        return
    merged = first | second
    assert merged in (first, second)


def test_partial_day_by_what_is_printed() -> None:
    morning, evening = {"A": 2}, {"A": 1, "B": 1}
    with pytest.raises(Rejected) as refused:
        partial_day(DAY, morning, evening, evidence="none")
    assert refused.value.details["day"] == "2024-09-10"
    partial_day(DAY, morning, evening, evidence="strong")
    partial_day(DAY, morning, {"A": 3, "B": 1}, evidence="none")
    partial_day(DAY, {}, evening, evidence="none")
    with pytest.raises(Rejected):
        partial_day(DAY, morning, evening, evidence="time", first="A", last="B")
    partial_day(DAY, {"A": 2, "C": 1}, {"A": 1, "B": 1, "C": 1}, evidence="time", first="C", last="B")
    with pytest.raises(Rejected):
        partial_day(DAY, {"A": 2, "Z": 1}, {"B": 1, "A": 1}, evidence="time", first="B", last="A")


def test_evidence_of_a_day() -> None:
    plain, timed = Line(1, DAY, 5, "x"), Line(1, DAY, 5, "x", time="01:00:00")
    strong = Line(1, DAY, 5, "x", balance_minor=5)
    assert day_evidence([strong, Line(1, DAY, 5, "x", reference="R")]) == "strong"
    assert day_evidence([strong, timed]) == "time"
    assert day_evidence([strong, timed, plain]) == "none"
