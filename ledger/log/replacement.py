"""Key replacements: the statement by which one log key takes the place of another, and its signatures.

The statement is this text in UTF-8, each line with its line end:

    sovang key replacement v1
    <origin>
    <old vkey>
    <new vkey>
    rotation                 or `compromise`, when the old key is no longer to be believed

A signature is Ed25519 (RFC 8032) over it, written in base64 (RFC 4648 section 4, with padding). The first line
holds spaces and an origin of ours never does, so no statement is a checkpoint and no checkpoint a statement.
Pure.
"""

from ledger.log.note import NoteRejected, SigningKey, VerifierKey, decode_base64, encode_base64


def statement(origin: str, old_vkey: str, new_vkey: str, *, compromised: bool) -> bytes:
    """The bytes that are signed; `compromised` says that the old key may be in other hands."""
    why = "compromise" if compromised else "rotation"
    return f"sovang key replacement v1\n{origin}\n{old_vkey}\n{new_vkey}\n{why}\n".encode()


def sign(key: SigningKey, statement: bytes) -> str:
    """The signature of `key` over a statement, in base64."""
    return encode_base64(key.sign(statement))


def verify(key: VerifierKey, statement: bytes, signature: str) -> None:
    """Raise NoteRejected("signature_invalid") unless `signature` is what `key` signs for the statement."""
    data = decode_base64(signature)
    if data is None:
        raise NoteRejected("signature_invalid", "not canonical base64")
    key.verify(statement, data)
