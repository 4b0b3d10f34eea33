"""Checkpoints: what the log says of itself, signed: who it is, how many records, which root.

C2SP tlog-checkpoint v1 (https://c2sp.org/tlog-checkpoint): the text of a signed note (note.py) with at least
three lines, none empty:

    <origin>                 which log this is; any text, for us the name of its key
    <size>                   decimal, no leading zero, no sign, at most 2^63-1
    <root>                   base64 of the 32-byte Merkle root (merkle.py) of that many leaves
    <extension>              any further lines; we write none

    example.com/log/testdata
    15
    rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

    — example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=

C2SP says that the key's name SHOULD be the origin. We hold our own logs to it: a checkpoint is only opened
if its origin is the name of the key, unless the caller names another origin, as one must for logs like Go's
(`go.sum database tree` signed by `sum.golang.org`). So one log's key cannot speak for another log. A size of
0 goes with the root of the empty tree and no other.

Pure.
"""  # noqa: E501 - the example is a real signature, in one line

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.log.merkle import EMPTY_ROOT, HASH_LENGTH, MAX_SIZE
from ledger.log.note import (
    Note,
    NoteRejected,
    Signer,
    Verifier,
    decode_base64,
    encode_base64,
    open_note,
    sign_note,
)


@dataclass(frozen=True)
class Checkpoint:
    """The log `origin` has `size` records and this Merkle root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line:
                raise NoteRejected("line_empty")
            if any(character < " " for character in line):
                raise NoteRejected("control_character", f"in {line[:60]!a}")
        if not 0 <= self.size <= MAX_SIZE:
            raise NoteRejected("size_range", f"size {self.size}")
        if len(self.root) != HASH_LENGTH:
            raise NoteRejected("root_syntax", f"the root is {len(self.root)} bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise NoteRejected("root_of_empty_tree", "size 0 with the root of a tree that is not empty")

    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encode_base64(self.root), *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint; whoever signed it has been checked elsewhere, or does not matter."""
    if not text.endswith("\n"):
        raise NoteRejected("no_final_newline")
    lines = text[:-1].split("\n")
    if not all(lines):
        raise NoteRejected("line_empty", f"line {lines.index('') + 1}")
    if len(lines) < 3:
        raise NoteRejected("checkpoint_lines", "a checkpoint has origin, size and root")
    origin, size, root_text, *extensions = lines
    # isdecimal() alone also takes the digits of other scripts.
    if not (size.isascii() and size.isdecimal()) or (size[0] == "0" and size != "0"):
        raise NoteRejected("size_syntax", f"{size[:30]!a}")
    # Length first: Python refuses to convert thousands of digits, with an error of its own.
    if len(size) > len(str(MAX_SIZE)):
        raise NoteRejected("size_range", f"{size[:30]}")
    root = decode_base64(root_text)
    if root is None:
        raise NoteRejected("root_syntax", f"{root_text[:60]!a} is not canonical base64")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, *keys: Signer) -> bytes:
    """The signed note of a checkpoint. Sign only what continues the last one signed."""
    return sign_note(checkpoint.text(), *keys)


def open_checkpoint(
    note: bytes, key: Verifier, *, origin: str | None = None, witnesses: Sequence[Verifier] = ()
) -> tuple[Checkpoint, Note]:
    """Believe a checkpoint: signed by `key`, of the log `origin` (default: the key's name).

    Signatures of `witnesses` are verified where they stand and are then in the note's `signatures`; how many
    are needed is the caller's policy. A wrong one by a listed witness rejects the note.
    """
    opened = open_note(note, (key, *witnesses))
    if opened.signature_by(key) is None:
        raise NoteRejected("log_signature_missing", f"not signed by {key.name}")
    checkpoint = parse_checkpoint(opened.text)
    expected = key.name if origin is None else origin
    if checkpoint.origin != expected:
        raise NoteRejected("origin_differs", f"{checkpoint.origin[:60]!a}, not {expected!a}")
    return checkpoint, opened
