"""The Merkle tree: from leaf hashes to one root, and short proofs about it.

RFC 6962 section 2.1 (the same tree as RFC 9162 section 2.1), SHA-256 throughout, hashes are 32 bytes:

    leaf hash              SHA-256(0x00 || data)
    node hash              SHA-256(0x01 || left || right)
    root of no leaves      SHA-256() = e3b0c442...7852b855
    root of one leaf       its leaf hash
    root of n > 1 leaves   node(root of the first k, root of the rest), k the largest power of two below n

Example: the leaves "" and 0x00 hash to 6e340b9c...afa01d and 96a296d2...a09cfc7; their tree of size 2 has
the root fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125.

An inclusion proof is the list of sibling hashes from the leaf up to the root's child (RFC 6962 2.1.1). A
consistency proof is the list of node hashes by which the old and the new root can both be computed (2.1.2).

A perfect subtree is named (level, index): it covers the leaves index << level up to, not including,
(index + 1) << level. Proving is given a `Reader` of such subtrees and reads O(log size) of them. Verifying
is given nothing but hashes and raises `ProofFailed`. Two paths to one truth: the writer grows a `Frontier`,
the auditor computes `root_of` level by level.

Pure. Wherever a parameter is called `leaf` it is a leaf hash, not the leaf's data.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

MAX_SIZE = 2**63 - 1
HASH_LENGTH = 32
EMPTY_ROOT = sha256().digest()

Reader = Callable[[int, int], bytes]
"""(level, index) -> hash of the perfect subtree over leaves [index << level, (index + 1) << level)."""

ProofReason = Literal[
    "size_out_of_range",  # a size or index is negative or too large
    "index_beyond_size",  # the tree has no leaf of that index
    "sizes_reversed",  # the old tree is larger than the new one
    "old_size_zero",  # every tree continues the empty one; there is nothing to prove
    "hash_length",  # a hash is not 32 bytes
    "proof_too_short",
    "proof_too_long",
    "root_differs",  # the (new) root does not follow from the proof
    "old_root_differs",  # the old root does not follow from the proof
    "malformed",  # the text of a tlog-proof cannot be read
]


class ProofFailed(ValueError):
    """A proof does not hold. `reason` is stable, the message is for people."""

    def __init__(self, reason: ProofReason, message: str = "") -> None:
        self.reason: ProofReason = reason
        super().__init__(f"{reason}: {message}" if message else reason)


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """All that is needed to grow a tree: the roots of its perfect subtrees, largest (leftmost) first.

    A tree of 6 leaves has two: the one over leaves 0..3 and the one over leaves 4..5.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise ProofFailed("size_out_of_range", f"size {self.size}")
        if len(self.nodes) != self.size.bit_count():
            raise ProofFailed("malformed", f"{len(self.nodes)} subtrees do not make a tree of {self.size}")
        _check_hashes(self.nodes)

    def append(self, leaf: bytes) -> "Frontier":
        """The tree with one more leaf."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        """The tree with these leaves after its own."""
        nodes = list(self.nodes)
        push, pop, digest = nodes.append, nodes.pop, sha256
        size = self.size
        for leaf in leaves:
            if len(leaf) != HASH_LENGTH:
                raise ProofFailed("hash_length", f"leaf {size} is {len(leaf)} bytes")
            # Each trailing one bit of the size is a perfect subtree that the new leaf completes to a
            # larger one, as in adding 1 with carry.
            node, carry = leaf, size
            while carry & 1:
                node = digest(b"\x01" + pop() + node).digest()
                carry >>= 1
            push(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self.nodes:
            return EMPTY_ROOT
        *larger, node = self.nodes
        for left in reversed(larger):
            node = node_hash(left, node)
        return node


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, computed level by level; shares nothing with `Frontier`.

    A last hash without a partner rises to the next level as it is, which gives the tree of RFC 6962.
    """
    _check_hashes(leaves)
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def prove_inclusion(index: int, size: int, read: Reader) -> tuple[bytes, ...]:
    """The proof that the leaf at `index` is in the tree of `size` leaves (RFC 6962 2.1.1)."""
    _check_index(index, size)
    start, end = 0, size
    siblings: list[tuple[int, int]] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return tuple(_range_hash(low, high, read) for low, high in reversed(siblings))


def verify_inclusion(leaf: bytes, *, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raise unless `proof` shows `leaf` at `index` of the tree of this size and root (RFC 9162 2.1.3.2)."""
    _check_index(index, size)
    _check_hashes((leaf, *proof))
    node, place, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise ProofFailed("proof_too_long")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        place >>= 1
        last >>= 1
    if last != 0:
        raise ProofFailed("proof_too_short")
    if node != root:
        raise ProofFailed("root_differs", f"leaf {index} of {size} leads to another root")


def prove_consistency(old_size: int, new_size: int, read: Reader) -> tuple[bytes, ...]:
    """The proof that the tree of `new_size` begins with the tree of `old_size` (RFC 6962 2.1.2)."""
    _check_sizes(old_size, new_size)
    start, end = 0, new_size
    ranges: list[tuple[int, int]] = []
    while old_size < end:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    # The old tree itself need not be told: its root is what the verifier holds.
    if start > 0:
        ranges.append((start, end))
    return tuple(_range_hash(low, high, read) for low, high in reversed(ranges))


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise unless `proof` shows that the new tree begins with the old one (RFC 9162 2.1.4.2)."""
    _check_sizes(old_size, new_size)
    _check_hashes(proof)
    if old_size == new_size:
        if proof:
            raise ProofFailed("proof_too_long")
        if old_root != new_root:
            raise ProofFailed("root_differs", f"two roots for one size {old_size}")
        return
    # If the old tree is perfect, its root is the first node and the proof does not repeat it.
    path = (old_root, *proof) if old_size & (old_size - 1) == 0 else proof
    if not proof:
        raise ProofFailed("proof_too_short")
    old_node, new_node = _roots(old_size, new_size, path)
    if old_node != old_root:
        raise ProofFailed("old_root_differs", f"size {old_size}")
    if new_node != new_root:
        raise ProofFailed("root_differs", f"size {new_size}")


def prove_prefix(old_size: int, new_size: int, read: Reader) -> tuple[bytes, ...]:
    """A consistency proof whose first hash is always of the old tree: also when that tree is perfect, where
    RFC 6962 leaves its root out. So both roots follow from it. `old_size` is below `new_size`."""
    proof = prove_consistency(old_size, new_size, read)
    if old_size & (old_size - 1) == 0:
        return (read(old_size.bit_length() - 1, 0), *proof)
    return proof


def prefix_roots(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots (of the first `old_size` leaves, of all `new_size`) that follow from such a path.

    Raises ProofFailed when it is not as long as these sizes demand (RFC 9162 2.1.4.2, with the roots told
    instead of compared).
    """
    _check_sizes(old_size, new_size)
    _check_hashes(path)
    if not path or old_size == new_size:
        raise ProofFailed("proof_too_long" if path else "proof_too_short")
    return _roots(old_size, new_size, path)


def _roots(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old_node = new_node = path[0]
    for node in path[1:]:
        if last == 0:
            raise ProofFailed("proof_too_long")
        if place & 1 or place == last:
            old_node = node_hash(node, old_node)
            new_node = node_hash(node, new_node)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, node)
        place >>= 1
        last >>= 1
    if last != 0:
        raise ProofFailed("proof_too_short")
    return old_node, new_node


def _split(size: int) -> int:
    """The largest power of two below `size`, where RFC 6962 divides a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(start: int, end: int, read: Reader) -> bytes:
    """The hash over leaves [start, end), of which `start` is a multiple of a power of two >= end - start."""
    node: bytes | None = None
    # From the right: the smallest perfect subtree first, as the lowest one bit of what is left.
    while end > start:
        level = ((end - start) & -(end - start)).bit_length() - 1
        end -= 1 << level
        left = read(level, end >> level)
        node = left if node is None else node_hash(left, node)
    assert node is not None
    return node


def _check_index(index: int, size: int) -> None:
    if index < 0 or not 0 <= size <= MAX_SIZE:
        raise ProofFailed("size_out_of_range", f"index {index}, size {size}")
    if index >= size:
        raise ProofFailed("index_beyond_size", f"index {index}, size {size}")


def _check_sizes(old_size: int, new_size: int) -> None:
    if not (0 <= old_size <= MAX_SIZE and 0 <= new_size <= MAX_SIZE):
        raise ProofFailed("size_out_of_range", f"sizes {old_size} and {new_size}")
    if old_size > new_size:
        raise ProofFailed("sizes_reversed", f"old {old_size}, new {new_size}")
    if old_size == 0:
        raise ProofFailed("old_size_zero")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for place, value in enumerate(hashes):
        if len(value) != HASH_LENGTH:
            raise ProofFailed("hash_length", f"hash {place} is {len(value)} bytes")
