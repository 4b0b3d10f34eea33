"""The file a signing key lies in: in the clear, or sealed under a passphrase.

In the clear it is one line `PRIVATE+KEY+…`, as Go's signed-note tools write it (ledger/log/note.py). Sealed it is JSON:

    {"format":"sovang-key/1","vkey":"<verifier key>",
     "kdf":{"name":"argon2id","iterations":3,"lanes":4,"memory_kib":65536,"salt":"<base64, 16 bytes>"},
     "nonce":"<base64, 12 bytes>","sealed":"<base64>"}

`sealed` is AES-256-GCM over the 32-byte seed, under Argon2id (RFC 9106, its second recommended choice) of the
passphrase in NFC and UTF-8, bound to the associated data "sovang-key/1" 0x0A vkey. So the public key is read without a
passphrase, and another one put in its place does not open. Salt and nonce are fresh for every writing. Pure:
randomness is handed in.
"""

import unicodedata
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ledger.log.note import NoteRejected, SigningKey, VerifierKey
from ledger.vault.seal import RandomBytes

MAX_FILE_BYTES = 10_000


class KeyMalformed(ValueError):
    """The file holds no signing key."""


class PassphraseWrong(ValueError):
    """The sealed key does not open: another passphrase, or a damaged file; that cannot be told apart."""


# A file asks for memory and time before it is known to be ours: a quarter of a gigabyte and a second or two at most.
class _Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=64)]
    name: Literal["argon2id"] = "argon2id"
    iterations: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    memory_kib: Annotated[int, msgspec.Meta(ge=1024, le=2**18)] = 2**16


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vkey: str
    kdf: _Kdf
    nonce: Annotated[bytes, msgspec.Meta(min_length=12, max_length=12)]
    sealed: Annotated[bytes, msgspec.Meta(min_length=48, max_length=48)]
    format: Literal["sovang-key/1"] = "sovang-key/1"


def plain(key: SigningKey) -> bytes:
    """The file of a key in the clear: whoever reads it can sign."""
    return f"{key.skey}\n".encode()


def seal(key: SigningKey, passphrase: str, random_bytes: RandomBytes) -> bytes:
    """The file of a key under a passphrase, which is not empty."""
    if not passphrase:
        raise ValueError("an empty passphrase guards nothing")
    kdf, nonce = _Kdf(salt=random_bytes(16)), random_bytes(12)
    sealed = AESGCM(_derive(kdf, passphrase)).encrypt(nonce, key.seed, _bound(key.vkey))
    return msgspec.json.encode(_Sealed(vkey=key.vkey, kdf=kdf, nonce=nonce, sealed=sealed))


def is_sealed(data: bytes) -> bool:
    """Whether a file needs a passphrase."""
    return data.startswith(b"{")


def public_half(data: bytes) -> VerifierKey:
    """The verifier key of a file, without a passphrase; raises KeyMalformed."""
    try:
        return VerifierKey.parse(_sealed(data).vkey) if is_sealed(data) else _plain(data).verifier
    except NoteRejected as error:
        raise KeyMalformed(str(error)) from error


def unseal(data: bytes, passphrase: str) -> SigningKey:
    """The key of a sealed file, or of one in the clear; raises KeyMalformed or PassphraseWrong."""
    if not is_sealed(data):
        return _plain(data)
    kept, verifier = _sealed(data), public_half(data)
    try:
        seed = AESGCM(_derive(kept.kdf, passphrase)).decrypt(kept.nonce, kept.sealed, _bound(kept.vkey))
    except InvalidTag as error:
        raise PassphraseWrong("wrong passphrase, or the key file is damaged") from error
    key = SigningKey.from_seed(verifier.name, seed)
    if key.verifier != verifier:
        raise KeyMalformed("the sealed key is not that of its public half")
    return key


def _plain(data: bytes) -> SigningKey:
    try:
        return SigningKey.parse(data.decode("ascii").strip())
    except ValueError as error:
        raise KeyMalformed(str(error)) from error


def _sealed(data: bytes) -> _Sealed:
    try:
        return msgspec.json.decode(data, type=_Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeyMalformed(str(error)) from error


def _derive(kdf: _Kdf, passphrase: str) -> bytes:
    secret = unicodedata.normalize("NFC", passphrase).encode()
    try:
        derived = Argon2id(
            salt=kdf.salt, length=32, iterations=kdf.iterations, lanes=kdf.lanes, memory_cost=kdf.memory_kib
        )
        return derived.derive(secret)
    except (ValueError, MemoryError, UnsupportedAlgorithm) as error:
        raise KeyMalformed("Argon2id with these parameters is not possible here") from error


def _bound(vkey: str) -> bytes:
    return f"sovang-key/1\n{vkey}".encode()
