"""Replacing a book's log key, because it is time or because the old key may be in other hands.

The steps, each durable before the next; a crash between any two is met by rotating again, which finishes this
rotation and begins no other:

1. The records so far are compared with what the key remembers: no key is replaced in a book put back or rewritten.
2. The new key is drawn and lies beside the old one as `log.key.next`.
3. `key_replaced` is recorded at some index i, signed by the old key and the new one.
4. The memory says that the new key goes on from size i+1: from here on the old one signs nothing more.
5. The checkpoint of exactly i+1 records is signed by both and kept.
6. The new key's file takes the place of the old one, which is overwritten and unlinked.

The signer's turn is held from 1 to 6, so no other process signs in between; after a crash it is refused with
KEY_CLOSED as soon as it sees the record of step 3. A key that can no longer be opened is replaced as a compromised one:
then only the new key signs. Overwriting is what a program can do; copies that an SSD, a file system with
snapshots or a backup made of the old key are beyond it.
"""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from ledger.book import Draft
from ledger.entries.book import CLOSED_KEY, KEY, BookOpened, KeyReplaced
from ledger.home import OpenBook
from ledger.log.note import SigningKey, VerifierKey, open_note
from ledger.log.replacement import sign, statement
from ledger.record import decode, reread
from ledger.registers import decode_value
from ledger.signing import SignerRefused
from ledger.store import read
from ledger.store.engine import StoreUnavailable, reading


@dataclass(frozen=True, slots=True)
class Rotated:
    """A replacement that is done: record `index` says it, the checkpoint of `index` + 1 records has both signatures."""

    index: int
    old: VerifierKey
    new: VerifierKey
    compromised: bool
    finished: bool
    """It was begun by an earlier run that was cut off."""


def log_keys(db: Connection, book: str) -> list[VerifierKey]:
    """The keys of a book as its records name them, oldest first; the last is in force. Raises StoreUnavailable."""
    body = read.body(db, book, 0)
    opened = None if body is None else decode(body).entry
    if not isinstance(opened, BookOpened):
        raise StoreUnavailable("record 0 does not open this book")
    closed = {vkey: decode_value(value)["index"] for vkey, value in read.register_rows(db, book, CLOSED_KEY)}
    newest = read.registers(db, book, [KEY]).get(KEY)
    vkeys = sorted(closed, key=closed.__getitem__)
    vkeys.append(opened.public_key if newest is None else decode_value(newest)["vkey"])
    return [VerifierKey.parse(vkey) for vkey in vkeys]


def signer_of(db: Connection, book: str, note: str) -> VerifierKey:
    """The key of the book that signed a checkpoint, the newer if two did. Raises NoteRejected."""
    keys = log_keys(db, book)
    signed = open_note(note.encode(), keys)
    return next(key for key in reversed(keys) if signed.signature_by(key) is not None)


def rotate(opened: OpenBook, by: str, *, compromised: bool = False, passphrase: str | None = None) -> Rotated:
    """Replaces the book's log key. The new one is sealed under `passphrase`; without one as the old key is.

    Raises SignerRefused: PASSPHRASE_WRONG or KEY_LOCKED when the old key does not open and is not `compromised`;
    KEY_DIFFERS when the key here is not the one in force; else as `Checkpointer.run`. Raises what `Book.record` does.
    """
    signer = opened.signer
    old = _old_key(opened, compromised, passphrase)
    cut_off = signer.swapped
    with signer.turn():
        with reading(opened.engine) as db:
            *closed, in_force = log_keys(db, opened.code)
        drawn = signer.next_verifier()
        if drawn is None and cut_off:
            return _said(opened, in_force, finished=True)
        if drawn is None or drawn != in_force:
            if old is not None and old.verifier != in_force:
                raise SignerRefused("KEY_DIFFERS", f"the key in force is {in_force.vkey}; put back its file")
            opened.checkpointer.check(signer.state_before())
            new = signer.successor(opened.random, passphrase)
            said = _record(opened, by, in_force, old, new, compromised)
        else:
            if old is not None and old.verifier != closed[-1]:
                old = None
            new = signer.successor(opened.random, passphrase)
            said = _said(opened, in_force, finished=True)
        opened.checkpointer.hand_over(signer, said.index, (new,) if old is None else (old, new))
        signer.put_in_force(new)
    return said


def _old_key(opened: OpenBook, compromised: bool, passphrase: str | None) -> SigningKey | None:
    try:
        return opened.signer.key()
    except SignerRefused:
        if not compromised:
            raise
        if passphrase is None and opened.signer.sealed:
            raise  # a passphrase that does not open the old key is not trusted with the new one
        return None


def _record(
    opened: OpenBook, by: str, in_force: VerifierKey, old: SigningKey | None, new: SigningKey, compromised: bool
) -> Rotated:
    text = statement(in_force.name, in_force.vkey, new.vkey, compromised=compromised)
    entry = KeyReplaced(
        compromised=compromised,
        new_key=new.vkey,
        new_signature=sign(new, text),
        old_key=in_force.vkey,
        old_signature=None if old is None else sign(old, text),
    )
    # The reference and what makes a repetition the same follow from the keys alone: however often this is
    # tried after a commit that nobody heard of, there is one record.
    asked = f"key replacement\n{in_force.vkey}\n{new.vkey}\n".encode()
    request = opened.keys.request_mac(opened.code, asked)
    reference = f"{by}/key-{sha256(new.vkey.encode()).hexdigest()[:32]}"
    recorded = opened.book.record([Draft(reread(entry), reference, request)], by)[0]
    return _said(opened, new.verifier, finished=recorded.repeated)


def _said(opened: OpenBook, new: VerifierKey, *, finished: bool) -> Rotated:
    """What the record says that put this key in force."""
    with reading(opened.engine) as db:
        row = read.registers(db, opened.code, [KEY]).get(KEY)
        index = -1 if row is None else int(decode_value(row)["index"])
        body = read.body(db, opened.code, index)
    entry = None if body is None else decode(body).entry
    if not isinstance(entry, KeyReplaced) or entry.new_key != new.vkey:
        raise StoreUnavailable("the register of keys does not fit the records; `sovang verify --database` says where")
    return Rotated(index, VerifierKey.parse(entry.old_key), new, entry.compromised, finished)
