"""Pledge codes that survive a bank memo, and suggestions where there is no code.

A code is eight characters out of 32 (digits 2-9, letters without I and O), printed as `SV` + code:

    SVK7M4X2PX         a letter, a digit, five free characters, a check character

The first two places keep ordinary words and plain numbers from ever being codes. The check is linear
over GF(32), x⁵+x²+1: the places, read as field elements and weighted with 1, α, … α⁷, sum to zero. One
wrong character changes the sum by αⁱ·d, never zero; two exchanged ones (adjacent or not) by
(αⁱ+αʲ)·d, never zero as α has order 31. So every single substitution and every exchange of two places
is found; any other damage passes one time in 32.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from ledger.text import fold

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH: Final = 8
PREFIX: Final = "SV"
RANDOM_BYTES: Final = 8

_VALUE: Final = {char: value for value, char in enumerate(ALPHABET)}
_DIGITS, _LETTERS = ALPHABET[:8], ALPHABET[8:]


def _double(value: int) -> int:
    """Times α."""
    value <<= 1
    return value ^ 0b100101 if value & 32 else value


def _syndrome(code: str) -> int:
    """Σ αⁱ·cᵢ by Horner from the last place; zero for a code."""
    total = 0
    for char in reversed(code):
        total = _double(total) ^ _VALUE[char]
    return total


def make_code(rng_bytes: bytes) -> str:
    """A code from 8 random bytes (6·10⁹ codes; the caller draws again if one is taken)."""
    if len(rng_bytes) < RANDOM_BYTES:
        raise ValueError(f"{RANDOM_BYTES} random bytes are needed")
    number = int.from_bytes(rng_bytes[:RANDOM_BYTES])
    number, letter = divmod(number, len(_LETTERS))
    number, digit = divmod(number, len(_DIGITS))
    body = _LETTERS[letter] + _DIGITS[digit]
    for _ in range(CODE_LENGTH - 3):
        number, place = divmod(number, len(ALPHABET))
        body += ALPHABET[place]
    return next(body + check for check in ALPHABET if _syndrome(body + check) == 0)


def valid_code(code: str) -> bool:
    """Exactly as `make_code` makes them: capitals, no prefix."""
    return (
        len(code) == CODE_LENGTH
        and all(char in _VALUE for char in code)
        and code[0] in _LETTERS
        and code[1] in _DIGITS
        and _syndrome(code) == 0
    )


# A memo is wrapped at 35 or 65 characters; donors put spaces. At most two such breaks lie in a code.
_MAX_BREAKS = 2
_BREAK = r"(?:[ \t]*\n[ \t]*|[ \t])"
_SUBFIELD = re.compile(r"\?[0-9]{2}")
_PLACE = f"[{ALPHABET}]"
_START = re.compile("(?<![0-9A-Z])S(?=" + _BREAK + "?V)")
_BARE = re.compile(f"(?<![0-9A-Z]){_PLACE}{{8}}(?![0-9A-Z])")
_BREAK_HERE = re.compile(_BREAK)


def find_codes(memo: str, *, bare: bool = False) -> tuple[str, ...]:
    """The codes in a memo, in order, each once. Case, marks and bank prefixes do not matter.

    The prefix SV is asked for, and a code may be broken twice, by the bank's wrapping or a donor's space.
    `bare` also takes an unbroken code that lost its prefix; use it for suggestions only.
    """
    text = unicodedata.normalize("NFD", memo.replace("đ", "d").replace("Đ", "D"))
    text = "".join(char for char in text if not unicodedata.combining(char)).upper()
    text = _SUBFIELD.sub("\n", text)  # German subfields of MT940 (?20…?29) break words like a line end
    found: list[str] = []
    for start in _START.finditer(text):
        code = _collect(text, start.start())
        if code and code not in found:
            found.append(code)
    if bare:
        found.extend(each[0] for each in _BARE.finditer(text) if valid_code(each[0]) and each[0] not in found)
    return tuple(found)


def _collect(text: str, at: int) -> str | None:
    taken = ""
    breaks = 0
    wanted = len(PREFIX) + CODE_LENGTH
    while len(taken) < wanted:
        if at < len(text) and (text[at] in _VALUE or (len(taken) < len(PREFIX) and text[at] in PREFIX)):
            taken += text[at]
            at += 1
        elif breaks < _MAX_BREAKS and taken and (gap := _BREAK_HERE.match(text, at)):
            breaks += 1
            at = gap.end()
        else:
            return None
    if at < len(text) and text[at].isascii() and text[at].isalnum():
        return None
    code = taken[len(PREFIX) :]
    return code if taken.startswith(PREFIX) and valid_code(code) else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open pledge or known donor that a line might belong to."""

    key: str
    name: str
    amount_minor: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    key: str
    score: int
    """0…200: 100 for its code, up to 70 for the name, 30 for the same amount."""
    by_code: bool


def suggest(
    line_memo: str, amount_minor: int, candidates: Iterable[Candidate], *, least: int = 60, limit: int = 10
) -> list[Suggestion]:
    """Candidates a person may choose from, best first; equal scores by key. Never a decision."""
    codes = set(find_codes(line_memo, bare=True))
    memo = fold(line_memo)
    ranked: list[Suggestion] = []
    for each in candidates:
        by_code = each.code is not None and each.code in codes
        score = 100 * by_code + 30 * (each.amount_minor == amount_minor)
        if name := fold(each.name):
            # Whole words of the name, in any order, somewhere in the memo.
            score += round(0.7 * fuzz.token_set_ratio(name, memo)) if len(name) > 3 else 0
        if by_code or score >= least:
            ranked.append(Suggestion(each.key, score, by_code))
    return sorted(ranked, key=lambda each: (-each.score, each.key))[:limit]
