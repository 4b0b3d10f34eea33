"""Signed notes: a text and under it the signatures of those who stand by it.

C2SP signed-note v1 (https://c2sp.org/signed-note), known from Go's checksum database. A note is UTF-8:

    the text, every line ending in U+000A
    an empty line
    one or more signature lines:  — <key name> <base64 of key hash || signature>

`—` is U+2014, fields are parted by one space, every line ends in U+000A. What is signed is the text with
its last line end, without the empty line. The text may itself hold empty lines: the last empty line of the
note parts text and signatures. No code point below U+0020 other than U+000A may occur. Base64 is RFC 4648
section 4 with padding; unused bits are zero. A key name is not empty and has no plus and no Unicode space.

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

Key hash: the first 4 bytes of SHA-256(key name || 0x0A || algorithm byte || public key). Algorithm 0x01 is
Ed25519 (RFC 8032; public key 32 bytes, signature 64 bytes). Algorithms 0x04 and 0x06 are in cosignature.py.

A verifier key is written `<name>+<key hash>+<base64 of algorithm byte || public key>`, the key hash as 8
lower-case hex digits:

    example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k

and a signing key, as Go writes it, `PRIVATE+KEY+<name>+<key hash>+<base64 of algorithm byte || seed>`, the
seed being the 32 bytes of RFC 8032.

Limits of this reader: 1,000,000 bytes, 100 signature lines. Pure: keys and randomness are handed in.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
ED25519 = 0x01

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")

NoteReason = Literal[
    # the note
    "too_large",
    "not_utf8",
    "control_character",
    "no_final_newline",
    "no_blank_line",
    "no_signature_lines",
    "too_many_signatures",
    "signature_line",  # a line under the text is not a signature line
    "signature_invalid",  # a known key's signature is wrong
    "no_known_signature",  # none of the keys asked for has signed
    # the keys
    "key_syntax",
    "key_name",
    "key_hash",
    "key_algorithm",
    "key_length",
    "keys_ambiguous",  # two of the keys share name and hash
    # the checkpoint in the note
    "checkpoint_lines",
    "line_empty",
    "size_syntax",
    "size_range",
    "root_syntax",
    "root_of_empty_tree",
    "origin_differs",
    "origin_too_long",
    "log_signature_missing",
    # the cosignature
    "timestamp_range",
]


class NoteRejected(ValueError):
    """A note, key or checkpoint is not to be believed. `reason` is stable, the message is for people."""

    def __init__(self, reason: NoteReason, message: str = "") -> None:
        self.reason: NoteReason = reason
        super().__init__(f"{reason}: {message}" if message else reason)


class Verifier(Protocol):
    """A key that can tell whether a text was signed by it."""

    @property
    def name(self) -> str: ...
    @property
    def key_hash(self) -> bytes: ...
    def verify(self, text: bytes, signature: bytes) -> None:
        """Raise NoteRejected("signature_invalid") unless this key signed `text`."""


class Signer(Protocol):
    """A key that can sign a text."""

    @property
    def name(self) -> str: ...
    @property
    def key_hash(self) -> bytes: ...
    def sign(self, text: bytes) -> bytes:
        """The signature over `text`, without the key hash."""


@dataclass(frozen=True)
class Signature:
    """One signature line: who says they signed, and the bytes. Verified or not depends on where it stands."""

    name: str
    key_hash: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.key_hash) != 4 or not self.signature:
            raise NoteRejected("signature_line", "a signature is a 4-byte key hash and at least one byte more")

    def line(self) -> str:
        """The line as it stands in a note, with its line end."""
        return f"\u2014 {self.name} {encode_base64(self.key_hash + self.signature)}\n"


@dataclass(frozen=True)
class Note:
    """A note that at least one of the asked keys has signed."""

    text: str
    signatures: tuple[Signature, ...]  # verified; one for each key that signed, in the order of the note
    unverified: tuple[Signature, ...]  # by keys that were not asked for; says nothing

    def signature_by(self, key: Verifier) -> Signature | None:
        """The verified signature of this key, if it signed."""
        for signature in self.signatures:
            if (signature.name, signature.key_hash) == (key.name, key.key_hash):
                return signature
        return None


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 public key (algorithm 0x01) and the name it signs under."""

    name: str
    public_key: bytes
    algorithm: int = field(default=ED25519, init=False)
    key_hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != 32:
            raise NoteRejected("key_length", f"an Ed25519 public key has 32 bytes, this {len(self.public_key)}")
        object.__setattr__(self, "key_hash", hash_key(self.name, self.algorithm, self.public_key))

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Read `<name>+<key hash>+<base64>`."""
        name, algorithm, public_key = parse_vkey(vkey)
        if algorithm != ED25519:
            raise NoteRejected("key_algorithm", f"{name}: 0x{algorithm:02x} is not Ed25519 (0x01)")
        return cls(name, public_key)

    @property
    def vkey(self) -> str:
        """The key as text, for people to publish and pin."""
        return format_vkey(self.name, self.algorithm, self.public_key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Raise unless `signature` is this key's over `text`."""
        verify_ed25519(self.public_key, text, signature, self.name)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key and the name it signs under. Its repr does not show the seed."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.seed) != 32:
            raise NoteRejected("key_length", "an Ed25519 seed has 32 bytes")

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "SigningKey":
        """The key of a 32-byte seed, which the caller has drawn at random and keeps."""
        return cls(name, seed)

    @classmethod
    def parse(cls, skey: str) -> "SigningKey":
        """Read `PRIVATE+KEY+<name>+<key hash>+<base64>`."""
        if not skey.startswith("PRIVATE+KEY+"):
            raise NoteRejected("key_syntax", "a signing key starts with PRIVATE+KEY+")
        name, given_hash, algorithm, seed = _parse_key(skey.removeprefix("PRIVATE+KEY+"))
        if algorithm != ED25519:
            raise NoteRejected("key_algorithm", f"{name}: 0x{algorithm:02x} is not Ed25519 (0x01)")
        key = cls(name, seed)
        if key.key_hash != given_hash:
            raise NoteRejected("key_hash", f"{name}: key hash does not belong to this key")
        return key

    @property
    def skey(self) -> str:
        """The private key as text. Whoever has it can sign."""
        return f"PRIVATE+KEY+{self.name}+{self.key_hash.hex()}+{encode_base64(bytes([ED25519]) + self.seed)}"

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        """The public half as text."""
        return self.verifier.vkey

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of the hash of name, algorithm and public key."""
        return self.verifier.key_hash

    def sign(self, text: bytes) -> bytes:
        """The 64-byte signature over `text`; the same text gives the same bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


def sign_note(text: str, *keys: Signer) -> bytes:
    """The note of `text` with one signature line for each key, in their order."""
    message = _check_note_text(text)
    signatures = [Signature(key.name, key.key_hash, key.sign(message)) for key in keys]
    note = (text + "\n" + "".join(signature.line() for signature in signatures)).encode()
    split_note(note)  # what we sign, others can read: the limits hold for us too
    return note


def add_signatures(note: bytes, *signatures: Signature) -> bytes:
    """The note with more signature lines at its end, as when witnesses have answered."""
    split_note(note)
    longer = note + "".join(signature.line() for signature in signatures).encode()
    split_note(longer)
    return longer


def open_note(data: bytes, keys: Sequence[Verifier]) -> Note:
    """Read a note and believe it only if one of `keys` signed it.

    1. The bytes have the form of a note, within its limits.
    2. A line whose name and key hash are those of a key is that key's: its signature must be right, a
       wrong one rejects the note. Every such line is verified; of several by one key the first is kept.
    3. Lines that share only name or only hash with a key, or neither, are unknown and say nothing.
    4. At least one key has signed.
    """
    known = {(key.name, key.key_hash): key for key in keys}
    if len(known) != len(keys):
        raise NoteRejected("keys_ambiguous", "two keys share name and hash")
    # 1
    text, lines = split_note(data)
    message = text.encode()
    verified: dict[tuple[str, bytes], Signature] = {}
    unverified: list[Signature] = []
    for line in lines:
        key = known.get((line.name, line.key_hash))
        if key is None:  # 3
            unverified.append(line)
            continue
        key.verify(message, line.signature)  # 2
        verified.setdefault((line.name, line.key_hash), line)
    # 4
    if not verified:
        raise NoteRejected("no_known_signature", "not signed by any of the keys asked for")
    return Note(text, tuple(verified.values()), tuple(unverified))


def split_note(data: bytes) -> tuple[str, tuple[Signature, ...]]:
    """The text and the signature lines of a note, nothing verified: for storing and forwarding only."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteRejected("too_large", f"{len(data)} bytes")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteRejected("not_utf8", f"byte {error.start}") from error
    _check_note_text(note)
    text, blank, below = note.rpartition("\n\n")
    if not blank:
        raise NoteRejected("no_blank_line")
    if not below:
        raise NoteRejected("no_signature_lines")
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRejected("too_many_signatures", f"{len(lines)} lines")
    return text + "\n", tuple(parse_signature_line(line + "\n") for line in lines)


def parse_signature_line(line: str) -> Signature:
    """Read one signature line with its line end."""
    parts = line.removesuffix("\n").split(" ")
    if not line.endswith("\n") or len(parts) != 3 or parts[0] != "\u2014":
        raise NoteRejected("signature_line", f"{line[:60]!a} is not '\u2014 <name> <base64>'")
    signature = decode_base64(parts[2])
    if signature is None:
        raise NoteRejected("signature_line", f"{parts[2][:60]!a} is not canonical base64")
    try:
        return Signature(parts[1], signature[:4], signature[4:])
    except NoteRejected as error:
        raise NoteRejected("signature_line", str(error)) from error


def check_key_name(name: str) -> None:
    """Raise unless `name` can name a key."""
    if not name or "+" in name or any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name):
        raise NoteRejected("key_name", f"{name[:60]!a} is empty or holds a plus, a space or a control character")


def hash_key(name: str, algorithm: int, public_key: bytes) -> bytes:
    """The key hash: which key a signature line claims to be from."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


def parse_vkey(vkey: str) -> tuple[str, int, bytes]:
    """The name, algorithm and public key of a verifier key of any algorithm; the key hash is checked."""
    name, given_hash, algorithm, public_key = _parse_key(vkey)
    if hash_key(name, algorithm, public_key) != given_hash:
        raise NoteRejected("key_hash", f"{name}: key hash does not belong to this key")
    return name, algorithm, public_key


def format_vkey(name: str, algorithm: int, public_key: bytes) -> str:
    """The text of a verifier key."""
    key_hash = hash_key(name, algorithm, public_key)
    return f"{name}+{key_hash.hex()}+{encode_base64(bytes([algorithm]) + public_key)}"


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes, name: str) -> None:
    """Raise unless the Ed25519 signature is right; `name` is for the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise NoteRejected("signature_invalid", f"not the signature of {name}") from error


def encode_base64(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """The bytes, or None if `text` is not the one way in which they are written."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if encode_base64(data) == text else None


def _parse_key(text: str) -> tuple[str, bytes, int, bytes]:
    parts = text.split("+", maxsplit=2)
    if len(parts) != 3:
        raise NoteRejected("key_syntax", "a key is <name>+<key hash>+<base64>")
    name, hash_hex, material = parts
    check_key_name(name)
    if len(hash_hex) != 8 or not set(hash_hex) <= set("0123456789abcdef"):
        raise NoteRejected("key_syntax", f"{name}: the key hash is not 8 lower-case hex digits")
    data = decode_base64(material)
    if not data:
        raise NoteRejected("key_syntax", f"{name}: the key is not canonical base64")
    return name, bytes.fromhex(hash_hex), data[0], data[1:]


def _check_note_text(text: str) -> bytes:
    if not text.endswith("\n"):
        raise NoteRejected("no_final_newline")
    if found := _CONTROL.search(text):
        raise NoteRejected("control_character", f"U+{ord(found.group()):04X} at character {found.start()}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NoteRejected("not_utf8", f"character {error.start} is a surrogate") from error
