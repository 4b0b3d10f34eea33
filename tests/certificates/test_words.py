"""Amounts in words: a wrong word on a receipt is a wrong sum of money."""

import csv
import random

import pytest

from certificates.words import (
    LARGEST,
    amount_in_words,
    amount_line,
    format_number,
    format_quantity,
    format_vnd,
)
from ledger.refusals import Reason, Rejected
from tests.shared import shared

_UNITS = {"không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5,
          "sáu": 6, "bảy": 7, "tám": 8, "chín": 9}  # fmt: skip


def read_number(words: str) -> int:
    """The other way round, written apart: one pass from left to right, as a listener adds it up."""
    total = below_billion = group = digit = 0
    for word in words.split():
        if word in _UNITS:
            group, digit = group + _UNITS[word], _UNITS[word]
        elif word == "mười":
            group += 10
        elif word == "mươi":
            group += 9 * digit
        elif word == "trăm":
            group += 99 * digit
        elif word in ("nghìn", "triệu"):
            below_billion += group * {"nghìn": 1_000, "triệu": 1_000_000}[word]
            group = 0
        elif word == "tỷ":
            total, below_billion, group = (total + below_billion + group) * 1_000_000_000, 0, 0
        else:
            assert word == "linh", word
    return total + below_billion + group


def test_every_vector_is_written_as_given() -> None:
    """The vectors are the customary wording; an accountant would send anything else back."""
    with shared("data/vnd_words_vectors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 70
    for row in rows:
        amount = int(row["amount"])
        assert format_number(amount) == row["formatted"]
        assert amount_in_words(amount) == row["words"]
        assert amount_in_words(amount, tu=True) == row["words_with_tu"]
        assert amount_line(amount) == row["certificate_line"]


def _amounts() -> list[int]:
    chance = random.Random(20260905)
    edges = [10**n + d for n in range(16) for d in (-1, 0, 1, 4, 5, 15, 21, 24)]
    spread = [chance.randrange(10 ** chance.randrange(1, 17)) for _ in range(20_000)]
    sparse = [
        int("".join(chance.choice(["000", "001", "010", "024", "105", "400", "999"]) for _ in range(5)))
        for _ in range(5_000)
    ]
    return [n for n in (*range(2_100), *edges, *spread, *sparse, LARGEST) if 0 <= n <= LARGEST]


@pytest.mark.parametrize("tu", [False, True])
def test_words_read_back_give_the_same_number(tu: bool) -> None:
    """No amount may share its words with another."""
    for amount in _amounts():
        assert read_number(amount_in_words(amount, tu=tu)) == amount


def test_figures_read_back_give_the_same_number() -> None:
    for amount in _amounts():
        assert int(format_vnd(amount).removesuffix(" ₫").replace(".", "")) == amount


def test_line_says_chan_only_after_whole_thousands() -> None:
    """«chẵn» closes the line against additions; after odd đồng it would be untrue."""
    assert amount_line(1_000_000) == "Một triệu đồng chẵn"
    assert amount_line(1_000_500) == "Một triệu năm trăm đồng"
    assert amount_line(0) == "Không đồng"
    assert amount_line(24_000, tu=True) == "Hai mươi tư nghìn đồng chẵn"


def test_goods_have_a_number_and_a_unit() -> None:
    assert format_quantity(1_200, "hộp") == "1.200 hộp"
    assert format_quantity(125, "kg", decimals=1) == "12,5 kg"
    assert format_quantity(1_200_050, "kg", decimals=2) == "12.000,5 kg"
    assert format_quantity(1_200_000, "kg", decimals=3) == "1.200 kg"
    assert format_vnd(1_500_000) == "1.500.000 ₫"


@pytest.mark.parametrize("wrong", [-1, LARGEST + 1, 1.0, True, "5", None])
def test_only_whole_amounts_in_range_have_words(wrong: object) -> None:
    """A float or a negative sum on a certificate means a bug upstream; it must not reach paper."""
    for write in (amount_in_words, amount_line, format_number, format_vnd):
        with pytest.raises(Rejected) as refused:
            write(wrong)  # type: ignore[operator]
        assert refused.value.reason is Reason.MALFORMED
