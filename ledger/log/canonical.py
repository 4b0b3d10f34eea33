r"""Canonical JSON: one value, one sequence of bytes, so that two people who hash it agree.

The bytes are RFC 8785 (JSON Canonicalization Scheme) for the values this ledger can say:

- object: keys ASCII, each once, in ascending order; `{"a":1,"b":[]}` with no space anywhere
- array: in the order given
- string: UTF-8 as it is, in Unicode normalisation form NFC, only code points that Unicode has assigned
  (so no noncharacters), no surrogates. Escaped are `"` and `\` with a backslash, U+0008 U+0009 U+000A
  U+000C U+000D as `\b \t \n \f \r`, the other code points below U+0020 as `\u001f` (lower-case hex).
  Nothing else is escaped: not `/`, not U+007F, no Vietnamese letter.
- integer: decimal, no leading zero, `-` only before a non-zero number, at most 2^53-1 either way
- `true`, `false`, `null`

There are no fractions and no exponents. Arrays and objects nest at most 32 deep. For example the value
{"note": "Ủng hộ", "amount": {"minor": 500000, "currency": "VND"}} is these bytes (UTF-8):

    {"amount":{"currency":"VND","minor":500000},"note":"Ủng hộ"}

With ASCII keys the order by UTF-16 unit (RFC 8785), by code point and by byte are one and the same.
Which code points are assigned depends on the Unicode version of the reader (Python 3.11: 14.0). Later
versions only add, and NFC of assigned text never changes, so a later reader takes all that an earlier
writer wrote.

`encode` and `encode_typed` write; `parse` reads anybody's request (I-JSON, RFC 7493); `decode` reads only
canonical bytes. Pure: bytes and values.
"""

import json
import re
import unicodedata
from typing import NoReturn

import msgspec

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

_ENCODER = msgspec.json.Encoder(order="sorted")

# Surrogates and Unicode's 66 noncharacters, which I-JSON bars from every string.
_NOT_TEXT = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(p + 0xFFFE)}{chr(p + 0xFFFF)}" for p in range(0, 0x110000, 0x10000))
    + "]"
)

# Strings (an unclosed one runs to the end), so that what is left are the brackets that nest. The
# possessive repeats keep it linear whatever is sent.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)

# Latin letters with all Vietnamese ones, dashes, quotes, the dong sign: blocks without a gap, so that most
# text needs no look at single characters.
_ASSIGNED = re.compile("[\x00-\u024f\u1e00-\u1eff\u2010-\u2027\u20ab]*+")


class NotCanonical(ValueError):
    """The value or the bytes are not canonical JSON; the message says what is wrong and where."""


def encode(value: object) -> bytes:
    """Return the canonical bytes of a value made of dict, list, tuple, str, int, bool and None only."""
    _check(value, "$", 1)
    return _ENCODER.encode(value)


def encode_typed(value: msgspec.Struct) -> bytes:
    """Return the canonical bytes of one of our frozen structs: those of `encode` for its contents.

    Text is checked here. Numbers and keys are the business of the struct's types, which a typed reader
    enforces and construction does not: who encodes a struct that was built, not read, reads the bytes back
    and compares (ledger/record.py does).
    """
    if not isinstance(value, msgspec.Struct):
        raise NotCanonical(f"$: {type(value).__name__} is not a struct")
    try:
        data = _ENCODER.encode(value)
        if data.isascii():
            return data
        builtins = msgspec.to_builtins(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotCanonical(f"$: {error}") from error
    return encode(builtins)


def parse(data: bytes) -> object:
    """Read anybody's JSON strictly (I-JSON): what two readers could read differently is refused.

    Refused: bytes that are not UTF-8, a byte order mark, a key twice in one object, fractions, exponents,
    NaN, Infinity, -0, integers beyond ±(2^53-1), more than 32 levels, lone surrogates, noncharacters,
    anything after the value. White space, key order and NFC are not judged.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotCanonical(f"byte {error.start}: not UTF-8") from error
    if text.startswith("\ufeff"):
        raise NotCanonical("byte 0: byte order mark")
    _check_depth(text)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotCanonical(f"character {error.pos}: not JSON: {error.msg}") from error
    # A surrogate or noncharacter can stand in the text itself or come out of an escape.
    if "\\u" in text or _NOT_TEXT.search(text):
        _check_strings(value, "$")
    return value


def decode(data: bytes) -> object:
    """Read canonical bytes; any other bytes are refused, even if they say the same."""
    value = parse(data)
    exact = encode(value)
    if exact != data:
        raise NotCanonical(_first_difference(data, exact))
    return value


def _check(value: object, where: str, depth: int) -> None:
    # Exact types: a subclass (an enum, a bool for an int) may encode as something else than it equals.
    kind = type(value)
    if kind is str:
        _check_text(value, where)  # type: ignore[arg-type]
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
            raise NotCanonical(f"{where}: integer beyond ±(2^53-1)")
    elif kind is dict:
        _check_level(where, depth)
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise NotCanonical(f"{where}: key of type {type(key).__name__}")
            if not key.isascii():
                raise NotCanonical(f"{where}: key {key!a} is not ASCII")
            _check(item, f"{where}.{key if key.isidentifier() else ascii(key)}", depth + 1)
    elif kind is list or kind is tuple:
        _check_level(where, depth)
        for place, item in enumerate(value):  # type: ignore[arg-type]
            _check(item, f"{where}[{place}]", depth + 1)
    elif kind is not bool and value is not None:
        raise NotCanonical(f"{where}: {kind.__name__} has no canonical form here")


def _check_level(where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(f"{where}: more than {MAX_DEPTH} levels")


def _check_text(text: str, where: str) -> None:
    if text.isascii():
        return
    # Assigned first: what NFC does with an unassigned code point may change with the next Unicode.
    if character := _unassigned(text):
        raise NotCanonical(f"{where}: U+{ord(character):04X} is not an assigned character")
    if not unicodedata.is_normalized("NFC", text):
        raise NotCanonical(f"{where}: text is not in NFC")


def _unassigned(text: str) -> str | None:
    """The first character of `text` that is not assigned, or is a surrogate."""
    rest = text[end:] if (end := _ASSIGNED.match(text).end()) < len(text) else ""  # type: ignore[union-attr]
    return next((character for character in rest if unicodedata.category(character) in ("Cn", "Cs")), None)


def _check_depth(text: str) -> None:
    # Before parsing, because Python's own parser meets deep nesting with RecursionError.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        token = found.group()
        if token in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise NotCanonical(f"character {found.start()}: more than {MAX_DEPTH} levels")
        elif token in ("]", "}"):
            depth -= 1


def _check_strings(value: object, where: str) -> None:
    if isinstance(value, str):
        if found := _NOT_TEXT.search(value):
            raise NotCanonical(f"{where}: U+{ord(found.group()):04X} is not a character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key, f"{where}: key {key!a}")
            _check_strings(item, f"{where}.{key if key.isidentifier() else ascii(key)}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _check_strings(item, f"{where}[{place}]")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NotCanonical(f"key {twice[:40]!a} stands twice in one object")
    return value


def _integer(digits: str) -> int:
    # Length first: Python refuses to convert thousands of digits, with an error of its own.
    if len(digits) > 17 or abs(number := int(digits)) > MAX_INTEGER:
        raise NotCanonical(f"number {digits[:20]}: integer beyond ±(2^53-1)")
    if digits == "-0":
        raise NotCanonical("number -0: zero has no sign")
    return number


def _no_float(digits: str) -> NoReturn:
    raise NotCanonical(f"number {digits[:20]}: fractions and exponents are not taken")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)


def _first_difference(given: bytes, exact: bytes) -> str:
    shared = next(
        (i for i, (a, b) in enumerate(zip(given, exact, strict=False)) if a != b), min(len(given), len(exact))
    )
    found, wanted = given[shared : shared + 20], exact[shared : shared + 20]
    return f"byte {shared}: {found!r} is written {wanted!r} in canonical form"
