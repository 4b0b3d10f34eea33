"""One record and its proof as the text of a QR code, for paper.

    SV1:<base45 (RFC 9285) of raw DEFLATE (RFC 1951) of: record || 0x0A || .tlog-proof without extra data>

A record holds no byte 0x0A, so the first one parts the two. Base45 is made for the alphanumeric mode of QR
codes: eleven bits carry two characters. Known answers of RFC 9285: «AB» is `BB8`, «ietf!» is `QED8WEX0`.

Anybody may have made what is read here: it is bounded in length before and after it is unpacked. Pure.
"""

import re
import zlib
from dataclasses import dataclass

from ledger.log.merkle import ProofFailed
from ledger.log.proof import TlogProof, parse_proof

PREFIX = "SV1:"
MAX_TEXT = 4_296
"""Characters that the largest QR code (version 40, level L) holds in alphanumeric mode."""
MAX_UNPACKED = 200_000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_BASE45 = re.compile(r"[0-9A-Z $%*+\-./:]*")


@dataclass(frozen=True)
class QrProof:
    """A record and the proof that is to show it. Not verified by being read."""

    record: bytes
    proof: bytes
    parsed: TlogProof


def write_qr(record: bytes, proof: bytes) -> str:
    """The text; raises ProofFailed for a proof with extra data, or when it is too much for any QR code."""
    if parse_proof(proof).extra is not None:
        raise ProofFailed("malformed", "the proof has extra data")
    # -15: no header and no checksum, which the proof has no need of.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    text = PREFIX + encode_base45(packer.compress(record + b"\n" + proof) + packer.flush())
    if len(text) > MAX_TEXT:
        raise ProofFailed("malformed", f"{len(text)} characters, a QR code holds {MAX_TEXT}")
    return text


def read_qr(text: str) -> QrProof:
    """The record and its proof; raises ProofFailed."""
    if not text.startswith(PREFIX):
        raise ProofFailed("malformed", f"does not start with {PREFIX}")
    if len(text) > MAX_TEXT:
        raise ProofFailed("malformed", f"{len(text)} characters")
    unpacker = zlib.decompressobj(-15)
    try:
        data = unpacker.decompress(decode_base45(text.removeprefix(PREFIX)), MAX_UNPACKED + 1)
    except zlib.error as error:
        raise ProofFailed("malformed", f"not a deflate stream: {error}") from error
    if len(data) > MAX_UNPACKED:
        raise ProofFailed("malformed", f"unpacks to more than {MAX_UNPACKED} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise ProofFailed("malformed", "the deflate stream does not end with its last byte")
    record, parted, proof = data.partition(b"\n")
    if not parted:
        raise ProofFailed("malformed", "no line end between record and proof")
    parsed = parse_proof(proof)
    if parsed.extra is not None:
        raise ProofFailed("malformed", "the proof has extra data")
    return QrProof(record, proof, parsed)


def encode_base45(data: bytes) -> str:
    """RFC 9285 section 4: two bytes to three characters, a last single byte to two."""
    text = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)


def decode_base45(text: str) -> bytes:
    """The bytes; raises ProofFailed for anything that `encode_base45` does not write."""
    if _BASE45.fullmatch(text) is None or len(text) % 3 == 1:
        raise ProofFailed("malformed", "not base45")
    data = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        value = sum(_VALUES[character] * 45**place for place, character in enumerate(group))
        length = len(group) - 1
        if value >= 256**length:
            raise ProofFailed("malformed", f"not base45: {group!a}")
        data += value.to_bytes(length, "big")
    return bytes(data)
