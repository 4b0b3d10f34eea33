"""The proof that a log has forked: two checkpoints under one key that cannot both be of one growing book.

Canonical JSON (ledger/log/canonical.py), file suffix `.sovang-fork`:

    {"format":"sovang-fork/1","newer":"<note>","older":"<note>","path":["<base64>",…]}

Both notes are signed by one key for one origin. Of equal sizes the roots differ and the path is empty. Else the
path is a consistency proof of the newer tree whose first hash is always of the old tree (merkle.prove_prefix): it
leads to the newer note's root, and to another root of the older size than the older note's. Whoever holds the public
key sees that its owner has signed two histories; nothing else is needed, and nobody but the owner could make it.
Pure.
"""

from dataclasses import dataclass

import msgspec

from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.merkle import ProofFailed, Reader, prefix_roots, prove_prefix
from ledger.log.note import MAX_NOTE_BYTES, Verifier, decode_base64, encode_base64

FORMAT = "sovang-fork/1"
MAX_FORK_BYTES = 3 * MAX_NOTE_BYTES


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    newer: str
    older: str
    path: list[str]


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoints of one key that no one book can have."""

    older: Checkpoint
    newer: Checkpoint


class NoFork(ValueError):
    """The checkpoints do not contradict each other."""


def make_fork(older_note: bytes, newer_note: bytes, read_newer_tree: Reader, key: Verifier) -> bytes:
    """The fork proof of two notes under `key`, the newer one's tree being readable. It is checked before it is given.

    Raises NoFork when the older is a prefix of the newer, NoteRejected when a note is not this key's, ProofFailed
    when the tree that is read is not the newer note's.
    """
    older, newer = (open_checkpoint(note, key)[0] for note in (older_note, newer_note))
    if older.size > newer.size:
        raise ProofFailed("sizes_reversed", f"{older.size} and {newer.size}")
    path = () if older.size in (0, newer.size) else prove_prefix(older.size, newer.size, read_newer_tree)
    said = {
        "format": FORMAT,
        "newer": newer_note.decode(),
        "older": older_note.decode(),
        "path": [encode_base64(node) for node in path],
    }
    proof = canonical.encode(said)
    check_fork(proof, key)
    return proof


def check_fork(data: bytes, key: Verifier) -> Fork:
    """Raise unless `data` proves that the owner of `key` signed two histories.

    1. The bytes are canonical JSON of this format (ProofFailed).
    2. Both notes are signed by `key`, for its origin (NoteRejected).
    3. Equal sizes: the roots differ, the path is empty (NoFork, ProofFailed).
    4. Else the path leads to the newer root (ProofFailed), and not to the older one (NoFork).
    """
    # 1
    if len(data) > MAX_FORK_BYTES:
        raise ProofFailed("malformed", f"{len(data)} bytes")
    try:
        said = msgspec.json.decode(data, type=_File)
        same = canonical.encode(msgspec.to_builtins(said)) == data
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProofFailed("malformed", f"not a fork proof: {error}") from error
    if said.format != FORMAT or not same:
        raise ProofFailed("malformed", f"not canonical {FORMAT}")
    path = [_hash(node) for node in said.path]
    # 2
    older, newer = (open_checkpoint(note.encode(), key)[0] for note in (said.older, said.newer))
    # 3
    if older.size == newer.size:
        if path:
            raise ProofFailed("proof_too_long")
        if older.root == newer.root:
            raise NoFork("one and the same tree")
        return Fork(older, newer)
    if older.size == 0:
        raise NoFork("every tree continues the empty one")
    # 4
    old_root, new_root = prefix_roots(older.size, newer.size, path)
    if new_root != newer.root:
        raise ProofFailed("root_differs", "the path does not lead to the newer root")
    if old_root == older.root:
        raise NoFork("the newer tree begins with the older one")
    return Fork(older, newer)


def _hash(text: str) -> bytes:
    node = decode_base64(text)
    if node is None:
        raise ProofFailed("malformed", f"{text[:60]!a} is not canonical base64")
    return node


@dataclass(frozen=True, slots=True)
class Compared:
    """What two checkpoints of one key say of each other."""

    now: Checkpoint
    kept: Checkpoint
    fork: bytes | None
    """The fork proof, when they contradict each other."""

    @property
    def rolled_back(self) -> bool:
        """The log shows less now than its key has signed before.

        Of the two notes alone this proves no crime: an old checkpoint stays true, and anybody can show one. It proves
        that the key has signed the larger size; that the log itself answered with the smaller one later is what whoever
        compares has seen.
        """
        return self.fork is None and self.now.size < self.kept.size


def compare(kept_note: bytes, note_now: bytes, read_tree_now: Reader, key: Verifier) -> Compared:
    """Holds a checkpoint that somebody kept against the log as it stands now.

    Raises NoteRejected when either is not this key's, ProofFailed when the tree is not that of the checkpoint now.
    """
    kept, now = (open_checkpoint(note, key)[0] for note in (kept_note, note_now))
    if now.size < kept.size:
        return Compared(now, kept, None)
    try:
        return Compared(now, kept, make_fork(kept_note, note_now, read_tree_now, key))
    except NoFork:
        return Compared(now, kept, None)
