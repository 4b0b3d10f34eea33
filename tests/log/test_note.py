"""Signed notes: what may be believed, and what must not."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.note import (
    MAX_NOTE_BYTES,
    NoteRejected,
    Signature,
    SigningKey,
    VerifierKey,
    add_signatures,
    open_note,
    parse_signature_line,
    sign_note,
    split_note,
)
from tests.shared import shared

KEY = SigningKey.from_seed("example.com/book", bytes(range(32)))
OTHER = SigningKey.from_seed("example.com/book", bytes(range(1, 33)))
NOTE = sign_note("first\n\nthird\n", KEY)


def _vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("vectors/signed-notes/notes.json").read_text())
    return found


def _reason(data: bytes, *keys: VerifierKey) -> str:
    with pytest.raises(NoteRejected) as rejected:
        open_note(data, keys)
    return rejected.value.reason


def test_published_notes() -> None:
    """The C2SP example, Go's own notes and a real note of sum.golang.org; a changed one is rejected."""
    outcomes = {}
    for case in _vectors():
        if "note" not in case:
            continue
        keys = [VerifierKey.parse(vkey) for vkey in case.get("vkeys", [case.get("vkey")])]
        assert [key.vkey for key in keys] == case.get("vkeys", [case.get("vkey")])
        try:
            note = open_note(case["note"].encode(), keys)
            assert len(note.signatures) == len(keys)
            assert case["note"].startswith(note.text + "\n")
            outcomes[case["name"]] = "ok"
        except NoteRejected as rejected:
            outcomes[case["name"]] = rejected.reason
    assert outcomes == {
        "C2SP signed-note example": "ok",
        "real sum.golang.org tree note (origin != key name)": "ok",
        "two signers": "ok",
        "known key, bad signature: reject whole note": "signature_invalid",
    }


def test_signing_as_go_does() -> None:
    """Our signature line and keys are those of Go, byte for byte."""
    case = next(case for case in _vectors() if "skey" in case)
    key = SigningKey.parse(case["skey"])
    assert key.skey == case["skey"]
    assert key.vkey == case["vkey"] == VerifierKey.parse(case["vkey"]).vkey
    assert sign_note(case["text"], key).decode() == case["text"] + "\n" + case["signature_line"]
    assert key.seed.hex() not in repr(key)
    assert str(key.seed) not in repr(key)


def test_wycheproof_ed25519() -> None:
    """151 edge cases of Ed25519: malleable, truncated, with garbage; every verdict as it should be."""
    groups = json.loads(shared("vectors/wycheproof/testvectors_v1/ed25519_test.json").read_text())["testGroups"]
    wrong, seen = [], 0
    for group in groups:
        key = VerifierKey("wycheproof.test", bytes.fromhex(group["publicKey"]["pk"]))
        for test in group["tests"]:
            seen += 1
            try:
                key.verify(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
                verdict = "valid"
            except NoteRejected as rejected:
                verdict = "invalid" if rejected.reason == "signature_invalid" else rejected.reason
            if verdict != test["result"]:
                wrong.append((test["tcId"], verdict))
    assert (wrong, seen) == ([], 151)


def test_text_may_hold_empty_lines() -> None:
    """The last empty line parts text and signatures, not the first."""
    note = open_note(NOTE, [KEY.verifier])
    assert note.text == "first\n\nthird\n"
    assert note.signature_by(KEY.verifier) == note.signatures[0]
    assert note.signature_by(OTHER.verifier) is None


def test_unknown_signatures_say_nothing() -> None:
    """Same name and other key, or another name: neither believed nor held against the note."""
    stranger = SigningKey.from_seed("stranger.test", KEY.seed)
    note = sign_note("text\n", OTHER, stranger, KEY)
    opened = open_note(note, [KEY.verifier])
    assert [line.name for line in opened.signatures] == ["example.com/book"]
    assert len(opened.unverified) == 2
    assert _reason(sign_note("text\n", OTHER, stranger), KEY.verifier) == "no_known_signature"


def test_two_signatures_of_one_key() -> None:
    """They count once, and the second must be right as well."""
    line = Signature(KEY.name, KEY.key_hash, KEY.sign(b"text\n"))
    note = add_signatures(sign_note("text\n", KEY), line)
    assert open_note(note, [KEY.verifier]).signatures == (line,)
    bad = Signature(KEY.name, KEY.key_hash, bytes(64))
    assert _reason(add_signatures(note, bad), KEY.verifier) == "signature_invalid"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no_final_newline"),
        (NOTE[:-1], "no_final_newline"),
        (NOTE.replace(b"\n\n", b"\n"), "no_blank_line"),
        (b"text\n\n", "no_signature_lines"),
        (NOTE + b"\n", "no_signature_lines"),
        (NOTE + b"x\n", "signature_line"),
        (NOTE.replace(b"third", b"thi\trd"), "control_character"),
        (NOTE.replace(b"\n", b"\r\n"), "control_character"),
        (NOTE + b"\xff\n", "not_utf8"),
        (b"x" * MAX_NOTE_BYTES + b"\n" + NOTE, "too_large"),
        (NOTE + NOTE.rpartition(b"\n\n")[2] * 100, "too_many_signatures"),
        (NOTE.replace("\u2014".encode(), b"-"), "signature_line"),
        (NOTE.replace(b" example", b"  example"), "signature_line"),
        (NOTE.replace(b"com/book ", b"com/b\xc2\xa0ok "), "signature_line"),
        (NOTE.replace(b"com/book ", b"com/b+ok "), "signature_line"),
        (NOTE[:-2] + b"\n", "signature_line"),
        (NOTE.replace(b"third", b"thirb"), "signature_invalid"),
    ],
)
def test_malformed_notes(data: bytes, reason: str) -> None:
    """Each way of not being a note has its own name."""
    assert _reason(data, KEY.verifier) == reason


def test_limits_hold_for_what_we_sign() -> None:
    """We never publish a note that our own reader refuses; 100 signatures and 16 foreign ones are read."""
    keys = [SigningKey.from_seed(f"k{i}.test", bytes([i]) * 32) for i in range(101)]
    assert len(open_note(sign_note("text\n", *keys[:100]), [keys[99].verifier]).unverified) == 99
    for text, signers, reason in [
        ("text\n", keys, "too_many_signatures"),
        ("text", [KEY], "no_final_newline"),
        ("te\0xt\n", [KEY], "control_character"),
        ("te\ud800xt\n", [KEY], "not_utf8"),
        ("text\n", [], "no_signature_lines"),
        ("x" * MAX_NOTE_BYTES + "\n", [KEY], "too_large"),
    ]:
        with pytest.raises(NoteRejected) as rejected:
            sign_note(text, *signers)
        assert rejected.value.reason == reason


def test_base64_has_one_spelling() -> None:
    """The last character's unused bits could otherwise carry a second form of the same note."""
    line = NOTE.rpartition(b"\n\n")[2].decode()
    encoded = line.split(" ")[2][:-1]
    assert encoded.endswith("=")
    position = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(encoded[-2])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = encoded[:-2] + alphabet[position ^ 1] + "="
    assert base64.b64decode(twin) == base64.b64decode(encoded)
    with pytest.raises(NoteRejected) as rejected:
        parse_signature_line(line.replace(encoded, twin))
    assert rejected.value.reason == "signature_line"


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("", "key_syntax"),
        ("a+b", "key_syntax"),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_name"),
        ("a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_name"),
        ("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_syntax"),
        ("example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_syntax"),
        ("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_hash"),
        ("example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key_hash"),
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=", "key_syntax"),
        ("example.com/foo+530d903a+", "key_syntax"),
        ("witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN", "key_algorithm"),
    ],
)
def test_malformed_keys(vkey: str, reason: str) -> None:
    """A mistyped key is noticed before anything is believed or refused because of it."""
    with pytest.raises(NoteRejected) as rejected:
        VerifierKey.parse(vkey)
    assert rejected.value.reason == reason


def test_keys_are_checked() -> None:
    """Wrong lengths, a key under another's hash, two keys that cannot be told apart."""
    with pytest.raises(NoteRejected, match="key_length"):
        VerifierKey("a", bytes(31))
    with pytest.raises(NoteRejected, match="key_length"):
        SigningKey.from_seed("a", bytes(33))
    with pytest.raises(NoteRejected, match="key_hash"):
        SigningKey.parse(KEY.skey.replace("example.com", "example.net"))
    with pytest.raises(NoteRejected, match="key_syntax"):
        SigningKey.parse(KEY.vkey)
    assert _reason(NOTE, KEY.verifier, KEY.verifier) == "keys_ambiguous"


@settings(deadline=None)
@given(st.data())
def test_any_change_rejects_the_note(data: st.DataObject) -> None:
    """Every bit of a note with one signature matters, and no cut or flip is an unexpected error."""
    place = data.draw(st.integers(0, len(NOTE) - 1))
    flipped = bytearray(NOTE)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for changed in (bytes(flipped), NOTE[:place]):
        with pytest.raises(NoteRejected):
            open_note(changed, [KEY.verifier])


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
def test_garbage_is_rejected(data: bytes) -> None:
    """Whatever is sent instead of a note ends in our error."""
    with pytest.raises(NoteRejected):
        open_note(data, [KEY.verifier])
    with contextlib.suppress(NoteRejected):
        split_note(data + b"\n\n\xe2\x80\x94 a " + base64.b64encode(data[:60]) + b"\n")
