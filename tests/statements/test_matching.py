"""Pledge codes. Lost without these: a gift booked to a stranger's pledge by one mistyped letter."""

import csv
import itertools
import random

import pytest

from ledger.statements.matching import (
    ALPHABET,
    CODE_LENGTH,
    Candidate,
    find_codes,
    make_code,
    suggest,
    valid_code,
)
from tests.shared import shared

SEED = 20261122
CODES = [make_code(random.Random(SEED + n).randbytes(8)) for n in range(60)]


def test_codes_are_well_made() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("01IO") & set(ALPHABET)
    assert all(valid_code(code) and len(code) == CODE_LENGTH for code in CODES)
    assert len(set(CODES)) == len(CODES)
    with pytest.raises(ValueError, match="random bytes"):
        make_code(b"short")


def test_every_single_substitution_is_found() -> None:
    for code in CODES:
        for at, char in itertools.product(range(CODE_LENGTH), ALPHABET):
            if code[at] != char:
                assert not valid_code(code[:at] + char + code[at + 1 :])


def test_every_exchange_of_two_places_is_found() -> None:
    for code in CODES:
        for a, b in itertools.combinations(range(CODE_LENGTH), 2):
            if code[a] != code[b]:
                swapped = list(code)
                swapped[a], swapped[b] = code[b], code[a]
                assert not valid_code("".join(swapped))


def test_all_differences_at_all_places_change_the_check() -> None:
    """The proof for every code at once: the sum is linear, so single differences and pairs suffice."""
    from ledger.statements.matching import _syndrome

    zero = ALPHABET[0]  # field element 0
    at_place = [
        [_syndrome(zero * place + char + zero * (CODE_LENGTH - 1 - place)) for char in ALPHABET]
        for place in range(CODE_LENGTH)
    ]
    for sums in at_place:
        assert sorted(sums) == list(range(32))
    for a, b in itertools.combinations(range(CODE_LENGTH), 2):
        assert all(at_place[a][d] ^ at_place[b][d] for d in range(1, 32))


@pytest.mark.parametrize("code", CODES[:10])
def test_codes_survive_the_bank(code: str) -> None:
    for memo in (
        f"CT DEN:123456 MBVCB.123.SV{code}.ung ho",
        f"SV{code}",
        f"sv {code.lower()} quỹ trẻ em",
        f"Nguyễn Văn An ủng hộ SV{code[:3]}\n{code[3:]} chuyen tien",
        f"166?00GUTSCHRIFT?20SV{code[:5]}?21{code[5:]}?30BIC",
        f"ung ho S\nV{code}",
        f"NGUYEN AN SV{code[:4]} {code[4:]}-IBFT",
    ):
        assert find_codes(memo) == (code,), memo
    wrong = code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 32]
    assert find_codes(f"SV{wrong}") == ()
    assert find_codes(f"XSV{code}") == find_codes(f"SV{code}9") == find_codes(code) == ()
    assert find_codes(code, bare=True) == (code,)


def test_no_code_in_four_thousand_real_memos() -> None:
    seen = 0
    for name in ("agribank-2024-09.csv", "vietinbank-2024-09.csv"):
        path = shared("samples/vn-relief-bank-statement") / name
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                seen += 1
                assert find_codes(row["TransactionDetails"], bare=True) == ()
    assert seen == 4000


def test_suggestions_are_ranked_and_stable() -> None:
    code = CODES[0]
    candidates = [
        Candidate("p3", "Trần Thị Bình", 500_000),
        Candidate("p1", "Nguyễn Văn An", 200_000, code),
        Candidate("p2", "Nguyễn Văn An", 500_000),
        Candidate("p0", "Nguyễn Văn An", 500_000),
    ]
    memo = f"NGUYEN VAN AN ung ho quy SV{code}"
    got = suggest(memo, 500_000, candidates)
    assert [each.key for each in got] == ["p1", "p0", "p2"]
    assert got[0].by_code
    assert got == suggest(memo, 500_000, reversed(candidates))
    assert suggest("", 1, candidates) == []
