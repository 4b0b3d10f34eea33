"""The proof a donor takes home: it is checked without us, years later."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import ProofFailed, leaf_hash, prove_inclusion, root_of
from ledger.log.note import NoteRejected, SigningKey, add_signatures, split_note
from ledger.log.proof import TlogProof, make_proof, parse_proof, verify_proof
from ledger.log.tiles import reader_of
from tests.shared import shared

KEY = SigningKey.from_seed("book.test/proof", bytes(range(32)))
WITNESS = CosigningKey.from_seed("witness.test/w", bytes(range(5, 37)))
LEAVES = [leaf_hash(str(i).encode()) for i in range(300)]
SIGNED = sign_checkpoint(Checkpoint("book.test/proof", 300, root_of(LEAVES)), KEY)
PROOF = make_proof(77, prove_inclusion(77, 300, reader_of(LEAVES)), SIGNED)

# Why each malformed proof of the specification's authors is refused.
REASONS = {
    "missing header": ("malformed", "does not start with"),
    "extra not base64": ("malformed", "extra data"),
    "missing index": ("malformed", "no index line"),
    "index not a number": ("malformed", "index 'notanumber'"),
    "negative index": ("malformed", "index '-5'"),
    "hash not base64": ("malformed", "base64"),
    "hash length 64": ("hash_length", "64 bytes"),
}


def _vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared("vectors/tlog-proof/format.json").read_text())
    return found


def test_valid_format_vectors() -> None:
    """The reference implementation's proofs are read, and written again byte for byte."""
    for case in _vectors()["valid"]:
        extra = base64.b64decode(case["extra_b64"]) if case["extra_b64"] else None
        path = tuple(base64.b64decode(value) for value in case["hashes_b64"])
        proof = TlogProof(case["index"], path, extra, case["checkpoint"].encode())
        assert parse_proof(case["text"].encode()) == proof
        assert proof.encode() == case["text"].encode()


def test_invalid_format_vectors() -> None:
    """Each is refused for its own reason, not for another."""
    outcomes = {}
    for case in _vectors()["invalid"]:
        with pytest.raises(ProofFailed) as failed:
            parse_proof(case["text"].encode())
        reason, says = REASONS[case["why"]]
        assert says in str(failed.value)
        outcomes[case["why"]] = failed.value.reason == reason
    assert outcomes == dict.fromkeys(REASONS, True)


def test_a_proof_is_verified_with_the_key_alone() -> None:
    """Leaf, key and the file are all it takes; witnesses are verified where they are named."""
    assert verify_proof(PROOF, LEAVES[77], KEY.verifier) == Checkpoint("book.test/proof", 300, root_of(LEAVES))
    text, _ = split_note(SIGNED)
    cosigned = add_signatures(SIGNED, WITNESS.cosign(text.encode(), 1767139200))
    proof = make_proof(0, prove_inclusion(0, 300, reader_of(LEAVES)), cosigned, extra=b"voucher 7")
    verify_proof(proof, LEAVES[0], KEY.verifier, witnesses=[WITNESS.verifier])
    assert parse_proof(proof).extra == b"voucher 7"


def test_what_a_proof_does_not_show() -> None:
    """Another leaf, another key, another origin: refused, each by its reason."""
    with pytest.raises(ProofFailed, match="root_differs"):
        verify_proof(PROOF, LEAVES[78], KEY.verifier)
    with pytest.raises(NoteRejected, match="no_known_signature"):
        verify_proof(PROOF, LEAVES[77], SigningKey.from_seed("book.test/other", KEY.seed).verifier)
    with pytest.raises(NoteRejected, match="origin_differs"):
        verify_proof(PROOF, LEAVES[77], KEY.verifier, origin="book.test/other")
    with pytest.raises(ProofFailed, match="index_beyond_size"):
        verify_proof(PROOF.replace(b"index 77", b"index 300"), LEAVES[77], KEY.verifier)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\n\ncheckpoint\n",
        PROOF.replace(b"index 77", b"index 077"),
        PROOF.replace(b"index 77", b"index  77"),
        PROOF.replace(b"index 77", b"index +77"),
        PROOF.replace(b"index 77", b"index " + b"9" * 5000),
        PROOF.replace(b"index 77", b"index 9223372036854775808"),
        PROOF.replace(b"index 77", b"extra \nindex 77"),
        PROOF.replace(b"index 77", b"index 77\nextra YQ=="),
        PROOF.replace(b"index 77", b"extra YR==\nindex 77"),
        PROOF.replace(b"index 77", b"extra YQ==\nextra YQ==\nindex 77"),
        PROOF.replace(b"index 77", "index ٧٧".encode()),
        PROOF.replace(b"\n", b"\r\n"),
        PROOF.replace(b"@v1\n", b"@v1 \n"),
        b"\xef\xbb\xbf" + PROOF,
        PROOF.replace(b"=\n", b"\n", 1),
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\ncheckpoint\n",
        b"c2sp.org/tlog-proof@v1\nextra " + b"A" * 1_000_000 + b"\nindex 0\n\ncheckpoint\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\n",
    ],
)
def test_second_spellings_are_refused(data: bytes) -> None:
    """A proof has one spelling, so that two files with one meaning do not exist."""
    with pytest.raises(ProofFailed):
        parse_proof(data)


@settings(deadline=None)
@given(st.data())
def test_any_change_breaks_the_proof(data: st.DataObject) -> None:
    """Every bit matters: there is nothing in a proof that can be changed unnoticed."""
    place = data.draw(st.integers(0, len(PROOF) - 1))
    flipped = bytearray(PROOF)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for changed in (bytes(flipped), PROOF[:place]):
        with pytest.raises((ProofFailed, NoteRejected)):
            verify_proof(changed, LEAVES[77], KEY.verifier)


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_garbage_is_no_proof(data: bytes) -> None:
    """Any bytes are a proof that reads back the same, or end in our error."""
    for tried in (data, b"c2sp.org/tlog-proof@v1\n" + data, b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + data):
        with contextlib.suppress(ProofFailed):
            assert parse_proof(tried).encode() == tried
