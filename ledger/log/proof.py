"""A proof to take home: one text that shows that a record is in the log, without asking anybody.

C2SP tlog-proof v1 (https://c2sp.org/tlog-proof), stored as `*.tlog-proof`, UTF-8:

    c2sp.org/tlog-proof@v1
    extra <base64>           only if there is extra data; it is not authenticated
    index <index>            of the record, from 0, decimal without leading zero
    <base64>                 one line for each hash of the inclusion proof (merkle.py), leaf's sibling first
                             an empty line
    <checkpoint>             the signed note (checkpoint.py), as it is

For example, without the checkpoint's lines:

    c2sp.org/tlog-proof@v1
    index 10
    rzFuy5Go7nrpkhBwKy1HWPMM3eO/YePY54fXRoH5Cm4=

    example.com/log/testdata
    ...

Base64 and numbers have one way to be written, so a proof read and written again is the same bytes. The
reader takes at most 63 hashes and 64 kB of extra data. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.merkle import HASH_LENGTH, MAX_SIZE, ProofFailed, verify_inclusion
from ledger.log.note import MAX_NOTE_BYTES, Verifier, decode_base64, encode_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
MAX_EXTRA_BYTES = 65_536


@dataclass(frozen=True)
class TlogProof:
    """The record at `index` is in the tree of `checkpoint`; `path` shows it. Not verified by being read."""

    index: int
    path: tuple[bytes, ...]
    extra: bytes | None
    checkpoint: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise ProofFailed("malformed", f"index {self.index}")
        if len(self.path) > MAX_HASHES:
            raise ProofFailed("malformed", f"{len(self.path)} hashes")
        if any(len(value) != HASH_LENGTH for value in self.path):
            raise ProofFailed("hash_length")
        if self.extra is not None and not 1 <= len(self.extra) <= MAX_EXTRA_BYTES:
            raise ProofFailed("malformed", "extra data is left out or 1 to 65,536 bytes")
        if not 1 <= len(self.checkpoint) <= MAX_NOTE_BYTES:
            raise ProofFailed("malformed", "no checkpoint, or one beyond 1 MB")

    def encode(self) -> bytes:
        """The text of the proof."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(encode_base64(value) for value in self.path)
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint


def parse_proof(data: bytes) -> TlogProof:
    """Read a proof. What it says is verified by `verify_proof`."""
    # The first empty line ends the proof's own lines: those are never empty, the checkpoint's may be.
    above, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise ProofFailed("malformed", "no empty line before the checkpoint")
    if len(above) > 2 * MAX_EXTRA_BYTES + 64 * MAX_HASHES:
        raise ProofFailed("malformed", "too long")
    try:
        lines = above.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofFailed("malformed", f"byte {error.start} is not ASCII") from error
    if lines.pop(0) != HEADER:
        raise ProofFailed("malformed", f"does not start with {HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if extra is None:
            raise ProofFailed("malformed", "extra data is not canonical base64")
    if not lines or not lines[0].startswith("index "):
        raise ProofFailed("malformed", "no index line")
    index = lines.pop(0).removeprefix("index ")
    if not index.isdecimal() or (index[0] == "0" and index != "0") or len(index) > len(str(MAX_SIZE)):
        raise ProofFailed("malformed", f"index {index[:30]!a}")
    path = tuple(_hash(line) for line in lines)
    return TlogProof(int(index), path, extra, checkpoint)


def make_proof(index: int, path: Sequence[bytes], checkpoint: bytes, extra: bytes | None = None) -> bytes:
    """The text of the proof for the record at `index`, `path` from `merkle.prove_inclusion`."""
    return TlogProof(index, tuple(path), extra, checkpoint).encode()


def verify_proof(
    proof: bytes, leaf: bytes, key: Verifier, *, origin: str | None = None, witnesses: Sequence[Verifier] = ()
) -> Checkpoint:
    """Raise unless `proof` shows the leaf hash `leaf` in the log of `key`; the checkpoint it was shown in.

    1. The text is a tlog-proof (ProofFailed).
    2. Its checkpoint is signed by `key` and of this origin, by default the key's name (NoteRejected).
    3. The leaf is at the index it says, in the tree of that checkpoint (ProofFailed).
    """
    # 1
    read = parse_proof(proof)
    # 2
    checkpoint, _ = open_checkpoint(read.checkpoint, key, origin=origin, witnesses=witnesses)
    # 3
    verify_inclusion(leaf, index=read.index, size=checkpoint.size, root=checkpoint.root, proof=read.path)
    return checkpoint


def _hash(line: str) -> bytes:
    value = decode_base64(line)
    if value is None:
        raise ProofFailed("malformed", f"{line[:60]!a} is not canonical base64")
    if len(value) != HASH_LENGTH:
        raise ProofFailed("hash_length", f"{len(value)} bytes")
    return value
