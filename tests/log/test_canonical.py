"""Canonical JSON: two people who encode the same value must get the same bytes."""

import contextlib
import json
import math
import unicodedata

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.canonical import MAX_INTEGER, NotCanonical, decode, encode, encode_typed, parse
from tests.shared import shared


def _ours(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


# With "\n" before a combining tilde the JSON text as a whole is not NFC, although the string is.
texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=12).filter(_ours),
    st.text(st.sampled_from('\n\t\x1fn"\\ửộđ\u0303\u0323\u0338é<🏠/\x7f:,[1.'), max_size=8).filter(_ours),
)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
keys = st.text(st.characters(max_codepoint=0x7F), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


class Text(str):
    """Equal to a string, and not one."""


class Inner(msgspec.Struct, frozen=True):
    minor: int
    currency: str


class Outer(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=False):
    note: str
    amount: Inner
    words: tuple[str, ...] = ()
    rest: dict[str, object] = {}
    closed: bool = False


@settings(deadline=None)
@given(values)
def test_same_bytes_as_the_oracle(value: object) -> None:
    """A second implementation of RFC 8785 gives the same bytes, and they read back as the same value."""
    data = encode(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert decode(data) == value


@settings(deadline=None)
@given(texts, integers, texts, st.lists(texts, max_size=3), st.dictionaries(keys, values, max_size=3))
def test_structs_encode_like_the_oracle(
    note: str, minor: int, currency: str, words: list[str], rest: dict[str, object]
) -> None:
    """A record has one encoding, whether it is made from a struct or from what is in it."""
    struct = Outer(note, Inner(minor, currency), tuple(words), rest)
    builtins = {
        "kind": "Outer",
        "note": note,
        "amount": {"minor": minor, "currency": currency},
        "words": words,
        "rest": rest,
        "closed": False,
    }
    assert encode_typed(struct) == encode(builtins) == rfc8785.dumps(builtins)  # type: ignore[arg-type]


def test_example_of_the_docstring() -> None:
    """A stranger's first test of their own encoder."""
    value = {"note": "Ủng hộ", "amount": {"minor": 500000, "currency": "VND"}}
    assert encode(value).decode() == '{"amount":{"currency":"VND","minor":500000},"note":"Ủng hộ"}'


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (1.0, "float"),
        (math.nan, "float"),
        (MAX_INTEGER + 1, "integer beyond"),
        (-MAX_INTEGER - 1, "integer beyond"),
        (b"a", "bytes"),
        (Text("a"), "Text"),
        ({1: "a"}, "key of type int"),
        ({"\u0111": 1}, "not ASCII"),
        ({"a": {"b": ["x", "e\u0301"]}}, r"\$\.a\.b\[1\].*NFC"),
        ("\ud800", "U\\+D800"),
        ("\ufdd0", "U\\+FDD0"),
        ("\U0010ffff", "U\\+10FFFF"),
        ("\u0378", "U\\+0378"),
    ],
)
def test_other_values_have_no_encoding(value: object, says: str) -> None:
    """What another language would read differently must not get into the book; the message says where."""
    with pytest.raises(NotCanonical, match=says):
        encode(value)


def test_levels_are_counted_alike_by_writer_and_reader() -> None:
    """What can be written can be read back, to the last level."""
    value: object = 0
    for _ in range(32):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(NotCanonical, match="32 levels"):
        encode([value])
    with pytest.raises(NotCanonical, match="32 levels"):
        parse(b"[" * 33 + b"]" * 33)


@pytest.mark.parametrize(
    "struct",
    [
        Outer("e\u0301", Inner(1, "VND")),
        Outer("\ufffe", Inner(1, "VND")),
        Outer("\u0378", Inner(1, "VND")),
        Outer("\ud800", Inner(1, "VND")),
        Outer("a", Inner(1, "VND"), rest={"đ": 1}),
        Outer("a", Inner(1, "VND"), rest={'đ"x': 1}),
        Outer("a", Inner(1, "VND"), rest={"a": object()}),
        Outer(Text("a"), Inner(1, "VND")),
        "not a struct",
    ],
)
def test_structs_are_checked_too(struct: object) -> None:
    """A struct can be built with any text; none gets into the book that `encode` refuses."""
    with pytest.raises(NotCanonical):
        encode_typed(struct)  # type: ignore[arg-type]


def test_line_end_before_a_combining_mark() -> None:
    r"""`\n` escaped and a combining tilde are not the letter n with a tilde."""
    assert encode_typed(Outer("\n\u0303", Inner(1, "VND"))) == encode(
        {
            "kind": "Outer",
            "note": "\n\u0303",
            "amount": {"minor": 1, "currency": "VND"},
            "words": [],
            "rest": {},
            "closed": False,
        }
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\xff"',
        b'"\xed\xa0\xbd\xed\xb8\x80"',
        b"{} x",
        b"{}{}",
        b"[1,]",
        b"// c\n1",
        b"{'a':1}",
        b'"a\tb"',
        b'"\\x41"',
        b'"\\ud83d"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b'"\\ufffe"',
        '"\ufdd0"'.encode(),
        b'{"a":1,"a":2}',
        b'{"amount":1,"\\u0061mount":2}',
        b'{"x":{"a":1,"a":2}}',
        b"NaN",
        b"-Infinity",
        b"1.0",
        b"1e5",
        b"1E400",
        b"-0",
        b"01",
        b"+1",
        "١٢".encode(),
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 5000,
        b"1e" + b"9" * 10000,
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1",
        b'"' + b'\\"' * 50_000 + b"[" * 40,
        b"\x00{}",
    ],
)
def test_ambiguous_requests_are_refused(data: bytes) -> None:
    """Two readers would see two values, or Python would raise an error of its own."""
    with pytest.raises(NotCanonical):
        parse(data)


def test_parse_takes_any_honest_spelling() -> None:
    """A request need not be canonical; what is kept of it is made so later."""
    assert parse(b' { "b" : [ 1 , true ] ,\n"a":"e\\u0301\\ud83c\\udfe0" } ') == {
        "b": [1, True],
        "a": "e\u0301🏠",
    }
    assert parse(b'"' + b"[" * 1000 + b'"') == "[" * 1000
    assert parse(b"[" + b"[]," * 1000 + b"[]]") == [[]] * 1001


@pytest.mark.parametrize(
    "data",
    [b'{"b":1,"a":2}', b'{"a": 1}', b'"\\u0041"', b'"\\/"', b'"\\u001F"', b"[1]\n", '"e\u0301"'.encode()],
)
def test_decode_takes_one_spelling_only(data: bytes) -> None:
    """Stored bytes that say the same in another way were not written by us."""
    parse(data)
    with pytest.raises(NotCanonical):
        decode(data)


@settings(deadline=None)
@given(values, st.data())
def test_any_change_raises_our_error_only(value: object, data: st.DataObject) -> None:
    """A flipped bit or a cut end never becomes an error that nobody expects."""
    encoded = encode(value)
    place = data.draw(st.integers(0, len(encoded) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(encoded)
    flipped[place] ^= 1 << bit
    for changed in (bytes(flipped), encoded[:place]):
        with contextlib.suppress(NotCanonical):
            assert encode(decode(changed)) == changed


# Every vector of the RFC's author: taken, or refused because of what our values do not have.
CYBERPHONE = {
    "arrays": "taken",
    "structures": "refused",  # a number 56.0
    "unicode": "refused",  # text that is not NFC
    "values": "refused",  # fractions and exponents
    "french": "refused",  # keys that are not ASCII
    "weird": "refused",  # keys that are not ASCII
}


def test_cyberphone_vectors() -> None:
    """The reference vectors of RFC 8785: byte for byte, or refused for a reason that is written down."""
    folder = shared("vectors/cyberphone-jcs/testdata")
    outcomes = {}
    for file in sorted((folder / "input").iterdir()):
        expected = (folder / "output" / file.name).read_bytes()
        assert expected == bytes.fromhex((folder / "outhex" / f"{file.stem}.txt").read_text())
        try:
            assert encode(parse(file.read_bytes())) == expected
            assert decode(expected) == json.loads(expected)
            outcomes[file.stem] = "taken"
        except NotCanonical:
            outcomes[file.stem] = "refused"
    assert outcomes == CYBERPHONE


def test_structures_vector_without_its_fraction() -> None:
    """The one number aside, its sorting is ours too."""
    folder = shared("vectors/cyberphone-jcs/testdata")
    given_bytes = (folder / "input/structures.json").read_bytes().replace(b"56.0", b"56")
    assert encode(parse(given_bytes)) == (folder / "output/structures.json").read_bytes()


def test_hostile_bodies() -> None:
    """Whole request bodies made to be read in two ways: every one that is not one JSON value is refused."""
    refused, taken = set(), set()
    for line in shared("hostile/bodies.jsonl").read_text().splitlines():
        case = json.loads(line)
        if "recipe" in case:
            recipe = case["recipe"]
            if recipe["times"] > 1_000_000:
                continue  # refused by its size before anybody parses it
            body = (recipe["prefix"] + recipe["unit"] * recipe["times"] + recipe.get("suffix", "")).encode()
        else:
            body = bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode("utf-8", "surrogatepass")
        try:
            parse(body.replace(b"@AMOUNT@", b"amount"))
            taken.add(case["id"])
        except NotCanonical:
            refused.add(case["id"])
    assert {"base"} <= taken
    # Left to others: what a form's fields tell (types, extra keys) and the HTTP layer (labels, size).
    syntax = tuple(f"syn-{number:02}" for number in (0, 1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 17))
    must = (
        *syntax,
        "dup-",
        "nan-",
        "enc-0",
        "enc-1",
        "enc-2",
        "enc-3",
        "deep-",
        "big-1",
        "big-2",
        "big-3",
        "gz-",
    )
    assert {case for case in taken if case.startswith(must)} == set()
