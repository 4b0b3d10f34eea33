r"""Cosignatures: a witness says that it saw a checkpoint continue all earlier ones, and when.

C2SP tlog-cosignature v1 (https://c2sp.org/tlog-cosignature). A cosignature is a signature line of the
checkpoint's note (note.py). Its signature is an 8-byte big-endian POSIX time in seconds, at most 2^63-1,
followed by the signature proper. Two algorithms:

0x04, Ed25519, 64 bytes, over these bytes (the whole note text follows the two lines):

    cosignature/v1
    time 1767139200
    <text of the checkpoint>

0x06, ML-DSA-44 (FIPS 204, empty context, public key 1312 bytes), 2420 bytes, over

    "subtree/v1\n" 0x00 || length byte || cosigner name || 8-byte time || length byte || origin
    || 8-byte start, zero || 8-byte end, the checkpoint's size || 32-byte root

where name and origin are 1 to 255 bytes of UTF-8. It does not cover the checkpoint's extension lines.

Example of a verifier key (key hash as in note.py, with the algorithm byte 0x04):

    witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN

Verifying says when the witness claims to have signed; whether that is too old or in the future is for the
caller, who has a clock. Pure: time and seeds are handed in.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.note import (
    NoteRejected,
    Signature,
    check_key_name,
    format_vkey,
    hash_key,
    parse_vkey,
    verify_ed25519,
)

COSIGNATURE_ED25519 = 0x04
COSIGNATURE_MLDSA44 = 0x06
MAX_TIMESTAMP = 2**63 - 1

_PUBLIC_KEY_LENGTH = {COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}


@dataclass(frozen=True)
class CosignerKey:
    """A witness's public key, Ed25519 (0x04) or ML-DSA-44 (0x06), and the name it signs under."""

    name: str
    public_key: bytes
    algorithm: int = COSIGNATURE_ED25519
    key_hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.algorithm not in _PUBLIC_KEY_LENGTH:
            raise NoteRejected("key_algorithm", f"{self.name}: 0x{self.algorithm:02x} is not a cosignature")
        if len(self.public_key) != _PUBLIC_KEY_LENGTH[self.algorithm]:
            raise NoteRejected("key_length", f"{self.name}: public key of {len(self.public_key)} bytes")
        object.__setattr__(self, "key_hash", hash_key(self.name, self.algorithm, self.public_key))

    @classmethod
    def parse(cls, vkey: str) -> "CosignerKey":
        """Read `<name>+<key hash>+<base64>`. A policy may skip keys whose algorithm is refused."""
        name, algorithm, public_key = parse_vkey(vkey)
        return cls(name, public_key, algorithm)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return format_vkey(self.name, self.algorithm, self.public_key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Raise unless `signature` is this witness's, time included, on the checkpoint `text`."""
        timestamp = cosigned_at(signature)
        if self.algorithm == COSIGNATURE_ED25519:
            verify_ed25519(self.public_key, ed25519_message(text, timestamp), signature[8:], self.name)
            return
        message = mldsa44_message(text, timestamp, self.name)
        try:
            MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature[8:], message)
        except UnsupportedAlgorithm as error:
            raise NoteRejected("key_algorithm", "this build of cryptography has no ML-DSA-44") from error
        except (InvalidSignature, ValueError) as error:
            raise NoteRejected("signature_invalid", f"not the cosignature of {self.name}") from error


@dataclass(frozen=True)
class CosigningKey:
    """A witness's private key. Its repr does not show the seed."""

    name: str
    seed: bytes = field(repr=False)
    algorithm: int = COSIGNATURE_ED25519

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.algorithm not in _PUBLIC_KEY_LENGTH:
            raise NoteRejected("key_algorithm", f"{self.name}: 0x{self.algorithm:02x} is not a cosignature")
        if len(self.seed) != 32:
            raise NoteRejected("key_length", "a seed has 32 bytes")

    @classmethod
    def from_seed(cls, name: str, seed: bytes, algorithm: int = COSIGNATURE_ED25519) -> "CosigningKey":
        """The key of a 32-byte seed, which the caller has drawn at random and keeps."""
        return cls(name, seed, algorithm)

    @property
    def verifier(self) -> CosignerKey:
        """The public half."""
        return CosignerKey(self.name, self._private().public_key().public_bytes_raw(), self.algorithm)

    @property
    def vkey(self) -> str:
        """The public half as text."""
        return self.verifier.vkey

    def cosign(self, text: bytes, timestamp: int) -> Signature:
        """The signature line on the checkpoint `text`, seen at `timestamp` (POSIX seconds)."""
        _checkpoint(text)
        if self.algorithm == COSIGNATURE_ED25519:
            message = ed25519_message(text, timestamp)
        else:
            message = mldsa44_message(text, timestamp, self.name)
        signature = timestamp.to_bytes(8, "big") + self._private().sign(message)
        return Signature(self.name, self.verifier.key_hash, signature)

    def _private(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        if self.algorithm == COSIGNATURE_ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed)
        try:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed)
        except UnsupportedAlgorithm as error:
            raise NoteRejected("key_algorithm", "this build of cryptography has no ML-DSA-44") from error


def cosigned_at(signature: bytes) -> int:
    """When the witness says it signed, in POSIX seconds: the first 8 bytes. Verify before believing it."""
    if len(signature) < 8:
        raise NoteRejected("signature_invalid", "a cosignature starts with an 8-byte time")
    return int.from_bytes(signature[:8], "big")


def ed25519_message(text: bytes, timestamp: int) -> bytes:
    """The bytes that an Ed25519 witness signs."""
    _check_timestamp(timestamp)
    return f"cosignature/v1\ntime {timestamp}\n".encode() + text


def mldsa44_message(text: bytes, timestamp: int, name: str) -> bytes:
    """The bytes that an ML-DSA-44 witness called `name` signs."""
    _check_timestamp(timestamp)
    checkpoint = _checkpoint(text)
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(name.encode()),
            timestamp.to_bytes(8, "big"),
            _short(checkpoint.origin.encode()),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _checkpoint(text: bytes) -> Checkpoint:
    try:
        return parse_checkpoint(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NoteRejected("not_utf8", f"byte {error.start}") from error


def _short(text: bytes) -> bytes:
    if not 1 <= len(text) <= 255:
        raise NoteRejected("origin_too_long", f"{len(text)} bytes; ML-DSA-44 cosignatures take names up to 255")
    return bytes([len(text)]) + text


def _check_timestamp(timestamp: int) -> None:
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise NoteRejected("timestamp_range", f"time {timestamp}")
