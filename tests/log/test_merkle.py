"""The tree and its proofs, held to the vectors of those who run such logs."""

import base64
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofFailed,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.log.tiles import reader_of
from tests.shared import shared

VECTORS = "vectors/transparency-dev-merkle/testdata"
LEAVES = [leaf_hash(str(i).encode()) for i in range(600)]


def _hashes(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


def _reason(case: dict[str, Any]) -> str:
    """What a proof of the shared vectors ends in: "ok", or the reason of the refusal."""
    try:
        if "leafIdx" in case:
            verify_inclusion(
                base64.b64decode(case["leafHash"] or ""),
                index=case["leafIdx"],
                size=case["treeSize"],
                root=base64.b64decode(case["root"] or ""),
                proof=_hashes(case["proof"]),
            )
        else:
            verify_consistency(
                old_size=case["size1"],
                new_size=case["size2"],
                old_root=base64.b64decode(case["root1"]),
                new_root=base64.b64decode(case["root2"]),
                proof=_hashes(case["proof"]),
            )
    except ProofFailed as failed:
        return failed.reason
    return "ok"


WRONG_ROOT = {"root_differs"}
WRONG_SHAPE = {"proof_too_short", "proof_too_long", "index_beyond_size", "size_out_of_range", "root_differs"}

# By the start of the file's name; the first that fits. Several reasons where trees differ in shape.
INCLUSION_REASONS = [
    ("happy-path", {"ok"}),
    ("matching-root-and-leaf", {"ok"}),
    ("leafIdx-", WRONG_SHAPE),
    ("treeSize-", WRONG_SHAPE),
    ("wrong-leaf", {"root_differs", "hash_length"}),
    ("random-root", WRONG_ROOT),
    ("modified-proof", WRONG_ROOT),
    ("trailing-", {"proof_too_long", "hash_length"}),
    ("preceding-", {"proof_too_long", "hash_length"}),
    ("inserted-component", {"proof_too_long", "hash_length"}),
    ("removed-component", {"proof_too_short"}),
    ("empty-leaf", {"hash_length"}),
    ("empty-root", {"root_differs", "hash_length", "index_beyond_size"}),
    ("random-leaf", {"root_differs", "index_beyond_size"}),
]
CONSISTENCY_REASONS = [
    ("happy-path", {"ok"}),
    ("sizes-are-equal-one-and-proof-is-empty", {"ok"}),
    ("size1-is-greater", {"sizes_reversed"}),
    ("size1-is-zero", {"old_size_zero"}),
    ("consistency-check-on-empty-tree", {"old_size_zero"}),
    ("sizes-are-equal-zero", {"old_size_zero"}),
    ("sizes-match-but-proof-is-not-empty-and-sizes-are-zero", {"old_size_zero"}),
    ("sizes-match-but-proof-is-not-empty-and-sizes-are-one", {"proof_too_long"}),
    ("roots-do-not-match-and-sizes-are-zero", {"old_size_zero"}),
    ("roots-do-not-not-match-and-sizes-are-one", WRONG_ROOT),
    ("sizes-are-equal-one-but-roots-are-not", WRONG_ROOT),
    ("sizes-do-not-watch", {"proof_too_short"}),
    ("swapped-roots", {"root_differs", "old_root_differs"}),
    ("wrong-root1", {"root_differs", "old_root_differs"}),
    ("wrong-root2", WRONG_ROOT),
    ("modified-proof", {"root_differs", "old_root_differs"}),
    (
        "size1-",
        {
            "sizes_reversed",
            "old_size_zero",
            "root_differs",
            "old_root_differs",
            "proof_too_short",
            "proof_too_long",
        },
    ),
    ("size2-", {"sizes_reversed", "root_differs", "old_root_differs", "proof_too_short", "proof_too_long"}),
    ("empty-proof", {"proof_too_short", "root_differs"}),
    ("truncated-proof", {"proof_too_short"}),
    ("trailing-", {"proof_too_long", "hash_length"}),
    ("preceding-", {"proof_too_long", "hash_length"}),
]


@pytest.mark.parametrize(("kind", "reasons"), [("inclusion", INCLUSION_REASONS), ("consistency", CONSISTENCY_REASONS)])
def test_transparency_dev_vectors(kind: str, reasons: list[tuple[str, set[str]]]) -> None:
    """All 196 proofs of the reference implementation: right ones hold, wrong ones fail for their reason."""
    files: list[Path] = sorted(shared(f"{VECTORS}/{kind}").rglob("*.json"))
    assert len(files) == 98
    wrong = {}
    for file in files:
        case = json.loads(file.read_text())
        expected = next(allowed for name, allowed in reasons if file.name.startswith(name))
        if (found := _reason(case)) not in expected or (found == "ok") == case["wantErr"]:
            wrong[f"{file.parent.name}/{file.name}"] = (found, sorted(expected))
    assert wrong == {}


def test_rfc6962_eight_leaves() -> None:
    """The tree of the RFC's reference tests: every node and every root, by both ways to compute them."""
    case = json.loads(shared("vectors/rfc6962-8leaf/vectors.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(data)) for data in case["leaf_inputs_hex"]]
    levels = [[bytes.fromhex(value) for value in level] for level in case["node_hashes_by_level_hex"]]
    assert leaves == levels[0] == [bytes.fromhex(value) for value in case["leaf_hashes_hex"]]
    for below, above in itertools.pairwise(levels):
        assert above == [node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=True)]
    for size, root in enumerate(case["root_hash_by_tree_size_hex"]):
        assert Frontier().extend(leaves[:size]).root() == root_of(leaves[:size]) == bytes.fromhex(root)


MUTATIONS = {
    "valid": {"ok"},
    "index+1": {"index_beyond_size", "root_differs", "proof_too_short", "proof_too_long"},
    "wrong-leaf": WRONG_ROOT,
    "extra-node": {"proof_too_long"},
    "size-0": {"index_beyond_size"},
    "index=size": {"index_beyond_size"},
    "short": {"proof_too_short"},
    "bit": WRONG_ROOT,
    "swapped": WRONG_ROOT,
    "other-old-root": {"old_root_differs", "root_differs"},
    "other-new-root": WRONG_ROOT,
    "empty-proof": {"proof_too_short"},
    "reversed-sizes": {"sizes_reversed"},
    "fork": {"old_root_differs", "root_differs"},
}


def test_hostile_trees() -> None:
    """Every line of the hostile set: roots agree, right proofs hold, wrong ones fail for their reason."""
    lines = [json.loads(line) for line in shared("hostile/merkle.jsonl").read_text().splitlines()]
    leaves = [leaf_hash(bytes.fromhex(data)) for data in lines[0]["hex"]]
    wrong, seen = {}, 0
    for case in lines[1:]:
        kind = case["kind"]
        seen += 1
        if kind == "root":
            if root_of(leaves[: case["size"]]).hex() != case["root"]:
                wrong[case["id"]] = "root"
            assert Frontier().extend(leaves[: case["size"]]).root().hex() == case["root"]
        elif kind == "second-preimage":
            found = leaf_hash(bytes.fromhex(case["leaf_data"])).hex()
            if found != case["leaf_hash"] or found == case["must_differ_from"]:
                wrong[case["id"]] = found
        else:
            found = _hostile_reason(case)
            if found not in MUTATIONS[case["mut"]] or (found == "ok") != case["valid"]:
                wrong[case["id"]] = found
    assert wrong == {}
    assert seen == 378


def _hostile_reason(case: dict[str, Any]) -> str:
    proof = [bytes.fromhex(value) for value in case["proof"]]
    try:
        if case["kind"] == "inclusion":
            leaf, root = bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
            verify_inclusion(leaf, index=case["index"], size=case["size"], root=root, proof=proof)
        else:
            verify_consistency(
                old_size=case["old"],
                new_size=case["new"],
                old_root=bytes.fromhex(case["old_root"]),
                new_root=bytes.fromhex(case["new_root"]),
                proof=proof,
            )
    except ProofFailed as failed:
        return failed.reason
    return "ok"


def test_sizes_to_70_whole() -> None:
    """Every leaf of every small tree, and every pair of small trees: no shape of tree was forgotten."""
    roots = [root_of(LEAVES[:size]) for size in range(71)]
    frontier = Frontier()
    for size in range(1, 71):
        frontier = frontier.append(LEAVES[size - 1])
        assert frontier.root() == roots[size]
        read = reader_of(LEAVES[:size])
        for index in range(size):
            proof = prove_inclusion(index, size, read)
            verify_inclusion(LEAVES[index], index=index, size=size, root=roots[size], proof=proof)
        for old in range(1, size + 1):
            proof = prove_consistency(old, size, read)
            verify_consistency(old_size=old, new_size=size, old_root=roots[old], new_root=roots[size], proof=proof)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_changed_proofs_fail(data: st.DataObject) -> None:
    """A bit in the proof, leaf or root, another index or size, a hash more or less: it does not hold."""
    size = data.draw(st.integers(2, 600))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    read, root, old_root = reader_of(LEAVES[:size]), root_of(LEAVES[:size]), root_of(LEAVES[:old])
    inclusion, consistency = prove_inclusion(index, size, read), prove_consistency(old, size, read)
    verify_inclusion(LEAVES[index], index=index, size=size, root=root, proof=inclusion)
    verify_consistency(old_size=old, new_size=size, old_root=old_root, new_root=root, proof=consistency)

    def changed(proof: tuple[bytes, ...]) -> list[bytes]:
        new = list(proof)
        place = data.draw(st.integers(0, len(new) - 1))
        how = data.draw(st.sampled_from(["bit", "drop", "twice", "cut"]))
        if how == "bit":
            bit = data.draw(st.integers(0, 255))
            new[place] = (int.from_bytes(new[place], "big") ^ 1 << bit).to_bytes(32, "big")
        elif how == "drop":
            del new[place]
        elif how == "twice":
            new.insert(place, new[place])
        else:
            new[place] = new[place][:-1]
        return new

    with pytest.raises(ProofFailed):
        verify_inclusion(LEAVES[index], index=index, size=size, root=root, proof=changed(inclusion))
    with pytest.raises(ProofFailed):
        verify_consistency(old_size=old, new_size=size, old_root=old_root, new_root=root, proof=changed(consistency))
    other = data.draw(st.integers(0, 700).filter(lambda i: i != index))
    with pytest.raises(ProofFailed):
        verify_inclusion(LEAVES[index], index=other, size=size, root=root, proof=inclusion)
    with pytest.raises(ProofFailed):
        verify_inclusion(LEAVES[index], index=index, size=size, root=old_root, proof=inclusion)


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(0, 600))
def test_growing_in_parts_is_growing_at_once(first: int, second: int) -> None:
    """The writer resumes from a stored frontier; the auditor computes the whole. They agree."""
    first, second = sorted((first, second))
    grown = Frontier().extend(LEAVES[:first]).extend(LEAVES[first:second])
    assert grown == Frontier().extend(LEAVES[:second])
    assert grown.root() == root_of(LEAVES[:second])


class Perfect:
    """Subtrees of a tree of equal leaves, of any size; counts how often it is asked."""

    def __init__(self) -> None:
        self.levels = [leaf_hash(b"")]
        for _ in range(63):
            self.levels.append(node_hash(self.levels[-1], self.levels[-1]))
        self.asked = 0

    def __call__(self, level: int, index: int) -> bytes:
        self.asked += 1
        return self.levels[level]


@settings(deadline=None)
@given(st.integers(2, 2**63 - 1), st.data())
def test_sizes_up_to_2_63(size: int, data: st.DataObject) -> None:
    """No size is too large to prove in, and a proof reads a few subtrees, not the log."""
    read = Perfect()
    nodes = tuple(read.levels[bit] for bit in range(62, -1, -1) if size >> bit & 1)
    root = Frontier(size, nodes).root()
    index = data.draw(st.integers(0, size - 1))
    proof = prove_inclusion(index, size, read)
    verify_inclusion(read.levels[0], index=index, size=size, root=root, proof=proof)
    old = data.draw(st.integers(1, size - 1))
    old_root = Frontier(old, tuple(read.levels[bit] for bit in range(62, -1, -1) if old >> bit & 1)).root()
    proof = prove_consistency(old, size, read)
    verify_consistency(old_size=old, new_size=size, old_root=old_root, new_root=root, proof=proof)
    assert read.asked <= 4 * 63


def test_frontier_is_checked() -> None:
    """A frontier read back from a damaged store does not become a root."""
    assert Frontier().root() == EMPTY_ROOT == hashlib.sha256().digest()
    for size, nodes, reason in [
        (3, (LEAVES[0],), "malformed"),
        (1, (), "malformed"),
        (-1, (), "size_out_of_range"),
        (2**63, (LEAVES[0],), "size_out_of_range"),
        (1, (b"short",), "hash_length"),
    ]:
        with pytest.raises(ProofFailed) as failed:
            Frontier(size, nodes)
        assert failed.value.reason == reason
    with pytest.raises(ProofFailed):
        Frontier().append(b"short")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(0, 5, "old_size_zero"), (6, 5, "sizes_reversed"), (-1, 5, "size_out_of_range")],
)
def test_prover_refuses_what_the_verifier_refuses(old: int, new: int, reason: str) -> None:
    """A proof that cannot hold is not made."""
    with pytest.raises(ProofFailed) as failed:
        prove_consistency(old, new, reader_of(LEAVES))
    assert failed.value.reason == reason
    with pytest.raises(ProofFailed) as failed:
        prove_inclusion(5, 5, reader_of(LEAVES))
    assert failed.value.reason == "index_beyond_size"
