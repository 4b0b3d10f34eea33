"""The witness protocol: a log shows a witness that it only grew, and the witness signs what it saw.

C2SP tlog-witness (https://c2sp.org/tlog-witness). The log sends `POST <address of the witness>/add-checkpoint`:

    old <size>               of the last checkpoint this witness cosigned, 0 for none; decimal
    <base64>                 one line for each hash of the consistency proof (merkle.py) from that size
                             an empty line
    <checkpoint>             the signed note (checkpoint.py)

    old 15
    9NCvjbzPNZ0BTzC0R0NwcU4qdq8y0lcdKlYkBTNRvLs=

    example.com/log/testdata
    16
    ...

The answer is the witness's signature lines (cosignature.py), status 200, or one of these, tested in this order:

    400  not such a request (also: more than 63 hashes, base64 or a number in another spelling)
    404  the witness does not know this origin
    403  no key that the witness trusts for the origin has signed, or a line said to be by one is not
    400  the old size is larger than the checkpoint's
    409  the old size is not that of the last checkpoint cosigned; the body is that size in decimal and a line end,
         Content-Type text/x.tlog.size: the log proves from there and asks again
    422  the proof does not hold; also: equal sizes with different roots, which is the log's crime, and a proof
         where there is nothing to prove (from size 0, or between equal sizes)

Of equal sizes and roots the witness signs again, with the time of now. Version 1.0.0 answers different roots with
409 and no size; later text, and we, with 422, so that a log which only looks at the number does not ask for ever.

A request is at most 64 kB. Pure: the state is handed in, and kept by whoever calls (audit/witness).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import HASH_LENGTH, MAX_SIZE, ProofFailed, verify_consistency
from ledger.log.note import NoteRejected, VerifierKey, decode_base64, encode_base64, open_note, split_note

MAX_REQUEST_BYTES = 65_536
MAX_PROOF_LINES = 63
SIZE_CONTENT_TYPE = "text/x.tlog.size"

WitnessReason = Literal[
    "malformed",  # 400
    "origin_unknown",  # 404
    "signature_missing",  # 403: of a key trusted for the origin
    "signature_invalid",  # 403
    "old_size_too_large",  # 400
    "old_size_differs",  # 409
    "root_differs",  # 422: the same size with another root: the log has forked
    "proof_failed",  # 422
]

STATUS: dict[WitnessReason, int] = {
    "malformed": 400,
    "origin_unknown": 404,
    "signature_missing": 403,
    "signature_invalid": 403,
    "old_size_too_large": 400,
    "old_size_differs": 409,
    "root_differs": 422,
    "proof_failed": 422,
}


class WitnessRefused(ValueError):
    """The witness does not sign. `status` and `reason` are stable; `size` is that of the last checkpoint, for a 409."""

    def __init__(self, reason: WitnessReason, message: str = "", *, size: int | None = None) -> None:
        self.reason: WitnessReason = reason
        self.status = STATUS[reason]
        self.size = size
        super().__init__(f"{reason}: {message}" if message else reason)


@dataclass(frozen=True)
class AddCheckpoint:
    """A request to cosign. Well formed once made, or WitnessRefused("malformed"); nothing in it is believed yet."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes
    checkpoint: Checkpoint = field(init=False)
    """What the note says; whether anybody signed it is `judge`'s to find out."""

    def __post_init__(self) -> None:
        if not 0 <= self.old <= MAX_SIZE:
            raise WitnessRefused("malformed", f"old size {self.old}")
        if len(self.proof) > MAX_PROOF_LINES:
            raise WitnessRefused("malformed", f"{len(self.proof)} hashes")
        if any(len(value) != HASH_LENGTH for value in self.proof):
            raise WitnessRefused("malformed", "a hash is not 32 bytes")
        try:
            text, _ = split_note(self.note)
            checkpoint = parse_checkpoint(text)
        except NoteRejected as error:
            raise WitnessRefused("malformed", str(error)) from error
        object.__setattr__(self, "checkpoint", checkpoint)

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(encode_base64(value) for value in self.proof)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of a request. Raises WitnessRefused("malformed")."""
    if len(body) > MAX_REQUEST_BYTES:
        raise WitnessRefused("malformed", f"{len(body)} bytes")
    # The lines above are never empty, so the first empty line is the one that ends them.
    above, blank, note = body.partition(b"\n\n")
    if not blank:
        raise WitnessRefused("malformed", "no empty line before the checkpoint")
    try:
        first, *lines = above.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise WitnessRefused("malformed", f"byte {error.start} is not ASCII") from error
    keyword, _, old = first.partition(" ")
    if keyword != "old" or not old.isdecimal() or (old[0] == "0" and old != "0") or len(old) > len(str(MAX_SIZE)):
        raise WitnessRefused("malformed", f"{first[:40]!a} is not 'old <size>'")
    if len(lines) > MAX_PROOF_LINES:
        raise WitnessRefused("malformed", f"{len(lines)} hashes")
    return AddCheckpoint(int(old), tuple(_hash(line) for line in lines), note)


def judge(request: AddCheckpoint, keys: Sequence[VerifierKey], latest: Checkpoint | None) -> Checkpoint:
    """The checkpoint to cosign, or WitnessRefused.

    `keys` are those trusted for the origin that the request names (none: unknown), `latest` is the last
    checkpoint cosigned for it. The order of the steps is part of the protocol.
    """
    checkpoint = request.checkpoint
    # 404
    trusted = [key for key in keys if key.name == checkpoint.origin]
    if not trusted:
        raise WitnessRefused("origin_unknown")
    # 403
    try:
        open_note(request.note, trusted)
    except NoteRejected as error:
        reason: WitnessReason = "signature_invalid" if error.reason == "signature_invalid" else "signature_missing"
        raise WitnessRefused(reason) from error
    # 400
    if request.old > checkpoint.size:
        raise WitnessRefused("old_size_too_large", f"from {request.old} to {checkpoint.size}")
    # 409
    latest_size = 0 if latest is None else latest.size
    if request.old != latest_size:
        raise WitnessRefused("old_size_differs", f"the last one has size {latest_size}", size=latest_size)
    # 422
    if latest is not None and checkpoint.size == latest.size and checkpoint.root != latest.root:
        raise WitnessRefused("root_differs", f"size {latest.size} was cosigned with another root")
    if latest is None or latest.size == 0:
        # Every tree continues the empty one.
        if request.proof:
            raise WitnessRefused("proof_failed", "from size 0 there is nothing to prove")
        return checkpoint
    try:
        verify_consistency(
            old_size=latest.size,
            new_size=checkpoint.size,
            old_root=latest.root,
            new_root=checkpoint.root,
            proof=request.proof,
        )
    except ProofFailed as error:
        raise WitnessRefused("proof_failed", str(error)) from error
    return checkpoint


def _hash(line: str) -> bytes:
    value = decode_base64(line)
    if value is None or len(value) != HASH_LENGTH:
        raise WitnessRefused("malformed", f"{line[:60]!a} is not a hash in canonical base64")
    return value
