"""docs/format.md is written for a stranger; what it shows must be what the program does."""

from pathlib import Path

import pytest

from ledger.log.canonical import decode, encode
from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import (
    Frontier,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
)
from ledger.log.note import SigningKey, VerifierKey, add_signatures, encode_base64
from ledger.log.proof import make_proof, verify_proof
from ledger.log.replacement import sign, statement, verify
from ledger.log.tiles import decode_bundle, encode_bundle, reader_of, tile_bytes, tiles_for_size

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/format.md"
KEY = SigningKey.from_seed("quy.example/so-vang", bytes(range(32)))
NEXT_KEY = SigningKey.from_seed("quy.example/so-vang", bytes(range(64, 96)))
WITNESS = CosigningKey.from_seed("witness.example/w1", bytes(range(32, 64)))
RECORDS = [
    '{"index":0,"note":"Ủng hộ"}'.encode(),
    b'{"index":1,"note":"a\\nb"}',
    b'{"index":2,"minor":500000}',
]


def worked_example() -> dict[str, str]:
    """Every value that the document shows, by what it is."""
    leaves = [leaf_hash(record) for record in RECORDS]
    old, new = (Frontier().extend(leaves[:size]).root() for size in (2, 3))
    assert new == root_of(leaves) == node_hash(node_hash(leaves[0], leaves[1]), leaves[2])
    read = reader_of(leaves)
    consistency = prove_consistency(2, 3, read)
    verify_consistency(old_size=2, new_size=3, old_root=old, new_root=new, proof=consistency)
    checkpoint = Checkpoint(KEY.name, 3, new)
    note = sign_checkpoint(checkpoint, KEY)
    cosigned = add_signatures(note, WITNESS.cosign(checkpoint.text().encode(), 1767139200))
    witnesses = [WITNESS.verifier]
    assert open_checkpoint(cosigned, VerifierKey.parse(KEY.vkey), witnesses=witnesses)[0] == checkpoint
    proof = make_proof(1, prove_inclusion(1, 3, read), note)
    assert verify_proof(proof, leaves[1], KEY.verifier) == checkpoint
    replaced = statement(KEY.name, KEY.vkey, NEXT_KEY.vkey, compromised=False)
    for key in (KEY, NEXT_KEY):
        verify(key.verifier, replaced, sign(key, replaced))
    both = sign_checkpoint(checkpoint, KEY, NEXT_KEY)
    assert decode_bundle(encode_bundle(RECORDS)) == RECORDS
    (tile,) = tiles_for_size(0, 3)
    assert tile_bytes(tile, read) == b"".join(leaves)
    return {
        **{f"record {i}": encode(decode(record)).decode() for i, record in enumerate(RECORDS)},
        **{f"leaf hash {i}": leaf.hex() for i, leaf in enumerate(leaves)},
        "record 0 in bytes": RECORDS[0].hex(),
        "node hash": node_hash(leaves[0], leaves[1]).hex(),
        "root of 2": old.hex(),
        "root of 3": new.hex(),
        "consistency proof": encode_base64(consistency[0]),
        "verifier key": KEY.vkey,
        "key hash": KEY.key_hash.hex(),
        "checkpoint": note.decode(),
        "next verifier key": NEXT_KEY.vkey,
        "replacement": replaced.decode(),
        "replacement by the old key": sign(KEY, replaced),
        "replacement by the new key": sign(NEXT_KEY, replaced),
        "checkpoint with both keys": both.decode(),
        "witness key": WITNESS.vkey,
        "cosignature": cosigned.decode().splitlines()[-1],
        "tlog-proof": proof.decode(),
        "bundle": encode_bundle(RECORDS).hex(),
        "tile path": tile.path,
    }


def test_the_worked_example_is_true() -> None:
    """A stranger's verifier is tried on these values first; a wrong one would send them astray."""
    if not DOCUMENT.exists():
        pytest.skip(f"no document at {DOCUMENT}")
    # Indented as in Markdown, empty lines bare.
    shown = "\n".join(line.removeprefix("    ") for line in DOCUMENT.read_text(encoding="utf-8").splitlines())
    missing = {name: value for name, value in worked_example().items() if value.rstrip("\n") not in shown}
    assert missing == {}
