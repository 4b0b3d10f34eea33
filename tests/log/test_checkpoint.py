"""Checkpoints and cosignatures: which log, how large, which root, seen by whom."""

import base64
import contextlib
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.cosignature import (
    COSIGNATURE_MLDSA44,
    CosignerKey,
    CosigningKey,
    cosigned_at,
    ed25519_message,
    mldsa44_message,
)
from ledger.log.merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from ledger.log.note import NoteRejected, SigningKey, VerifierKey, add_signatures, open_note, split_note
from ledger.log.policy import parse_policy
from tests.shared import shared

KEY = SigningKey.from_seed("book.test/quy", bytes(range(32)))
WITNESS = CosigningKey.from_seed("witness.test/w1", bytes(range(7, 39)))
WITNESS_PQ = CosigningKey.from_seed("witness.test/pq", bytes(range(9, 41)), COSIGNATURE_MLDSA44)
CHECKPOINT = Checkpoint("book.test/quy", 3, leaf_hash(b"three"))
SIGNED = sign_checkpoint(CHECKPOINT, KEY)

# Every case of the hostile notes that must be refused, and why we say we refuse it.
REFUSALS = {
    "b00": "size_syntax",
    "b01": "size_syntax",
    "b02": "size_syntax",
    "b03": "size_syntax",
    "b04": "size_syntax",
    "b05": "size_syntax",
    "b06": "size_range",
    "b07": "size_syntax",
    "b08": "line_empty",
    "b09": "root_syntax",
    "b10": "root_syntax",
    "b11": "root_syntax",
    "b12": "root_syntax",
    "b13": "root_syntax",
    "b14": "root_syntax",
    "b15": "line_empty",
    "b16": "origin_differs",
    "b17": "origin_differs",
    "b18": "origin_differs",
    "b19": "checkpoint_lines",
    "b20": "checkpoint_lines",
    "b21": "control_character",
    "b22": "control_character",
    "b23": "line_empty",
    "b24": "root_of_empty_tree",
    "n00": "no_blank_line",
    "n01": "no_final_newline",
    "n02": "signature_line",
    "n03": "signature_line",
    "n04": "signature_line",
    "n05": "no_signature_lines",
    "n06": "no_signature_lines",
    "n07": "signature_line",
    "n08": "signature_invalid",
    "n09": "signature_invalid",
    "n10": "signature_invalid",
    "n11": "signature_invalid",
    "n12": "signature_invalid",
    "n13": "log_signature_missing",
    "n14": "signature_invalid",
    "n15": "not_utf8",
    "n16": "no_final_newline",
    "n17": "signature_invalid",
    "n18": "signature_invalid",
    "n19": "signature_invalid",
    "c00": "signature_invalid",
    "c01": "signature_invalid",
    "c02": "signature_invalid",
    "c03": "timestamp_range",
}


def _by_policies(note: bytes, log: VerifierKey, origin: str, witnesses: list[CosignerKey]) -> int:
    """How many witnesses a policy counts: the largest number it may ask for and still has its quorum."""
    named = "".join(f"witness w{number} {key.vkey}\n" for number, key in enumerate(witnesses))
    enough = 0
    for needed in range(1, len(witnesses) + 1):
        members = " ".join(f"w{number}" for number in range(len(witnesses)))
        policy = parse_policy(f"{named}group enough {needed} {members}\nquorum enough\n")
        judged = policy.judge(note, log, origin=origin)
        if judged.quorum:
            enough = needed
        assert judged.quorum == (len(judged.cosigned) >= needed)
    return enough


def test_hostile_notes() -> None:
    """Every line of the hostile set: the right ones open with the witnesses it says, others not."""
    lines = [json.loads(line) for line in shared("hostile/notes.jsonl").read_text().splitlines()]
    keys = lines[0]
    log = VerifierKey.parse(keys["log_vkey"])
    witnesses = [CosignerKey.parse(keys["witness_vkey"]), CosignerKey.parse(keys["witness_pq_vkey"])]
    wrong = {}
    for case in lines[1:]:
        try:
            _, note = open_checkpoint(base64.b64decode(case["b64"]), log, origin=keys["origin"], witnesses=witnesses)
            count = sum(note.signature_by(witness) is not None for witness in witnesses)
            assert _by_policies(base64.b64decode(case["b64"]), log, keys["origin"], witnesses) == count, case["id"]
            found = f"valid+{count}"
        except NoteRejected as rejected:
            found = rejected.reason
        expect = case["expect"].partition(";")[0]
        if expect.startswith("valid+"):
            expect = expect.partition(" ")[0]
        if expect == "valid":
            expect = "valid+1" if case["id"].startswith("c") else "valid+0"
        if not expect.startswith("valid"):
            expect = REFUSALS[case["id"]]
        if found != expect:
            wrong[case["id"]] = (found, expect, case["why"])
    assert wrong == {}
    assert len(lines) == 62
    assert {case["id"] for case in lines if case.get("expect", "valid")[:5] != "valid"} == set(REFUSALS)


def test_sigstore_rekor() -> None:
    """A checkpoint and inclusion proof of a real log that is not ours hold for us."""
    folder = shared("vectors/sigstore-rekor-v2")
    bundle = json.loads((folder / "staging-rekor-v2.txt.sigstore.json").read_text())
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    logs = json.loads((folder / "staging-trusted_root.json").read_text())["tlogs"]
    public = next(log["publicKey"] for log in logs if log["logId"]["keyId"] == entry["logId"]["keyId"])
    # A SubjectPublicKeyInfo of Ed25519 ends in the 32 bytes of the key.
    key = VerifierKey("log2025-alpha1.rekor.sigstage.dev", base64.b64decode(public["rawBytes"])[-32:])
    proof = entry["inclusionProof"]
    checkpoint, _ = open_checkpoint(proof["checkpoint"]["envelope"].encode(), key)
    assert (checkpoint.size, checkpoint.root) == (646, base64.b64decode(proof["rootHash"]))
    verify_inclusion(
        leaf_hash(base64.b64decode(entry["canonicalizedBody"])),
        index=int(proof["logIndex"]),
        size=checkpoint.size,
        root=checkpoint.root,
        proof=[base64.b64decode(value) for value in proof["hashes"]],
    )


def test_origin_that_is_not_the_key_name() -> None:
    """A log like Go's is opened only when its origin is named; by default a key speaks for its own name."""
    notes: list[dict[str, Any]] = json.loads(shared("vectors/signed-notes/notes.json").read_text())
    case = next(case for case in notes if "sum.golang.org" in case["name"])
    key = VerifierKey.parse(case["vkey"])
    checkpoint, _ = open_checkpoint(case["note"].encode(), key, origin="go.sum database tree")
    assert checkpoint.size == 6476701
    with pytest.raises(NoteRejected, match="origin_differs"):
        open_checkpoint(case["note"].encode(), key)


def test_checkpoint_text_round_trip() -> None:
    """What is signed is what is read."""
    assert parse_checkpoint(CHECKPOINT.text()) == CHECKPOINT
    assert open_checkpoint(SIGNED, KEY.verifier)[0] == CHECKPOINT
    long = Checkpoint("o", 2**63 - 1, leaf_hash(b""), ("one extension", "two"))
    assert parse_checkpoint(long.text()) == long
    assert parse_checkpoint(Checkpoint("o", 0, EMPTY_ROOT).text()).size == 0


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions", "reason"),
    [
        ("", 0, EMPTY_ROOT, (), "line_empty"),
        ("a\nb", 0, EMPTY_ROOT, (), "control_character"),
        ("a", 0, EMPTY_ROOT, ("",), "line_empty"),
        ("a", 0, EMPTY_ROOT, ("a\nb",), "control_character"),
        ("a", -1, EMPTY_ROOT, (), "size_range"),
        ("a", 2**63, EMPTY_ROOT, (), "size_range"),
        ("a", 1, b"short", (), "root_syntax"),
        ("a", 0, bytes(32), (), "root_of_empty_tree"),
    ],
)
def test_impossible_checkpoints(origin: str, size: int, root: bytes, extensions: tuple[str, ...], reason: str) -> None:
    """A checkpoint that could not be read back cannot be made."""
    with pytest.raises(NoteRejected) as rejected:
        Checkpoint(origin, size, root, extensions)
    assert rejected.value.reason == reason


def test_size_of_many_digits() -> None:
    """Python's limit on digits is not the error a reader gets."""
    with pytest.raises(NoteRejected, match="size_range"):
        parse_checkpoint(f"a\n{'9' * 5000}\n{base64.b64encode(bytes(32)).decode()}\n")


def test_cosigning() -> None:
    """A witness's line is added, verified and dated; another checkpoint's line is refused."""
    text = CHECKPOINT.text().encode()
    lines = [WITNESS.cosign(text, 1767139200), WITNESS_PQ.cosign(text, 1767139201)]
    note = add_signatures(SIGNED, *lines)
    witnesses = [WITNESS.verifier, WITNESS_PQ.verifier]
    checkpoint, opened = open_checkpoint(note, KEY.verifier, witnesses=witnesses)
    assert checkpoint == CHECKPOINT
    assert [cosigned_at(line.signature) for line in opened.signatures[1:]] == [1767139200, 1767139201]
    assert CosignerKey.parse(WITNESS_PQ.vkey) == WITNESS_PQ.verifier
    # Without the witnesses in the policy their lines are unknown, which is no fault of the checkpoint.
    assert len(open_checkpoint(note, KEY.verifier)[1].unverified) == 2
    elsewhere = sign_checkpoint(Checkpoint("book.test/quy", 4, leaf_hash(b"four")), KEY)
    for line, witness in zip(lines, witnesses, strict=True):
        with pytest.raises(NoteRejected, match="signature_invalid"):
            open_checkpoint(add_signatures(elsewhere, line), KEY.verifier, witnesses=[witness])


@pytest.mark.parametrize("witness", [WITNESS, WITNESS_PQ], ids=["ed25519", "ml-dsa-44"])
def test_cosignature_limits(witness: CosigningKey) -> None:
    """Times beyond 63 bits, cut signatures and texts that are no checkpoint are refused by name."""
    text = CHECKPOINT.text().encode()
    good = witness.cosign(text, 0).signature
    witness.verifier.verify(text, good)
    for changed, reason in [
        (b"", "signature_invalid"),
        (good[:7], "signature_invalid"),
        (good[:-1], "signature_invalid"),
        (good + b"\0", "signature_invalid"),
        (b"\x80" + good[1:], "timestamp_range"),
        (good[:7] + b"\1" + good[8:], "signature_invalid"),
        (good[:8] + bytes([good[8] ^ 1]) + good[9:], "signature_invalid"),
    ]:
        with pytest.raises(NoteRejected) as rejected:
            witness.verifier.verify(text, changed)
        assert rejected.value.reason == reason
    with pytest.raises(NoteRejected, match="timestamp_range"):
        witness.cosign(text, 2**63)
    with pytest.raises(NoteRejected, match="timestamp_range"):
        witness.cosign(text, -1)
    with pytest.raises(NoteRejected, match="checkpoint_lines"):
        witness.cosign(b"text\n", 1)
    with pytest.raises(NoteRejected, match="not_utf8"):
        witness.cosign(b"\xff\n", 1)
    assert witness.seed.hex() not in repr(witness)


def test_cosigner_keys_are_checked() -> None:
    """A log's key is not a witness's, and the reverse; other algorithms are unknown."""
    with pytest.raises(NoteRejected, match="key_algorithm"):
        CosignerKey.parse(KEY.vkey)
    with pytest.raises(NoteRejected, match="key_algorithm"):
        CosigningKey("a", bytes(32), 0x05)
    with pytest.raises(NoteRejected, match="key_length"):
        CosignerKey("a", bytes(32), COSIGNATURE_MLDSA44)
    with pytest.raises(NoteRejected, match="key_length"):
        CosigningKey("a", bytes(31))
    with pytest.raises(NoteRejected, match="origin_too_long"):
        mldsa44_message(Checkpoint("o" * 256, 3, leaf_hash(b"")).text().encode(), 1, "w")


def test_mldsa44_vector() -> None:
    """A post-quantum cosignature made by another program: its exact message, and its signature holds."""
    case = json.loads(shared("vectors/cosignature-mldsa44/vector.json").read_text())
    key = CosignerKey.parse(case["vkey"])
    assert key.key_hash.hex() == case["key_id_hex"]
    signing = CosigningKey.from_seed(key.name, bytes.fromhex(case["seed_hex"]), COSIGNATURE_MLDSA44)
    assert signing.verifier == key
    text, _ = split_note(case["checkpoint"].encode())
    assert mldsa44_message(text.encode(), case["timestamp"], key.name).hex() == case["signed_message_hex"]
    note = open_note(case["checkpoint"].encode() + case["signature_line"].encode(), [key])
    assert cosigned_at(note.signatures[0].signature) == case["timestamp"]


def test_sunlight_witness_lines() -> None:
    """Checkpoints as a real witness and a real mirror publish them; one is reproduced byte for byte."""
    folder = shared("vectors/sunlight-mirror")
    reproduce = json.loads((folder / "reproduce.json").read_text())
    opened = {}
    for about in sorted(folder.rglob("*.v0.json")):
        key = CosignerKey.parse(json.loads(about.read_text())["verifier_keys"][0])
        for file in sorted(about.parent.glob("*/checkpoint")):
            origin = file.read_text().partition("\n")[0]
            checkpoint, note = open_checkpoint(file.read_bytes(), key, origin=origin)
            line = note.signature_by(key)
            assert line is not None
            assert cosigned_at(line.signature) == reproduce["timestamp"]
            opened[key.name] = (checkpoint.origin, checkpoint.size, len(note.unverified))
            seed = sha256(reproduce["seeds"][key.name].encode()).digest()
            signing = CosigningKey.from_seed(key.name, seed)
            assert signing.verifier == key
            assert signing.cosign(note.text.encode(), reproduce["timestamp"]) == line
    assert opened == {
        "mirror.example.org": ("rome2026h1.example.org", 300, 0),
        "witness.example.org": ("rome2026h1.example.org", 300, 1),
        "witness2.example.org": ("milan2026h1.example.org", 300, 0),
    }


def test_message_of_the_docstring() -> None:
    """The bytes a witness signs, spelled out."""
    assert ed25519_message(b"o\n0\nr\n", 1767139200) == b"cosignature/v1\ntime 1767139200\no\n0\nr\n"


@settings(deadline=None)
@given(st.data())
def test_any_change_rejects_the_checkpoint(data: st.DataObject) -> None:
    """One bit, or the end cut off: rejected, and by our error."""
    note = add_signatures(SIGNED, WITNESS.cosign(CHECKPOINT.text().encode(), 5))
    place = data.draw(st.integers(0, len(SIGNED) - 1))
    flipped = bytearray(note)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for changed in (bytes(flipped), note[:place]):
        with pytest.raises(NoteRejected):
            open_checkpoint(changed, KEY.verifier, witnesses=[WITNESS.verifier])


@settings(deadline=None)
@given(st.text(max_size=60))
def test_garbage_is_no_checkpoint(text: str) -> None:
    """Any text ends in a checkpoint that reads back the same, or in our error."""
    for tried in (text, f"o\n{text}\n", f"{text}\n0\n{base64.b64encode(EMPTY_ROOT).decode()}\n"):
        with contextlib.suppress(NoteRejected):
            assert parse_checkpoint(tried).text() == tried
