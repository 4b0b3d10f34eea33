"""An entry with its place in the log, and the bytes that are the leaf.

    {"at":"2026-09-05T03:04:05.000006Z","book":"hp","by":"ke-toan","entry":{"kind":"gift_received",…},
     "index":41,"postings":[…],"previous":"<leaf hash of record 40, hex>","reference":"ke-toan/7f3a","v":1}

Canonical JSON (ledger/log/canonical.py), at most 65,535 bytes. `previous` is 64 zeros in record 0: the hash
chain lies inside the leaves, so one Merkle root binds both. A record is encoded once, kept as those bytes
and hashed from them.
"""

import re
from typing import Annotated, Literal

import msgspec

from ledger.accounts import CODE, Code, Posting
from ledger.days import Instant
from ledger.entries.base import EntryBase, Index, Sha256
from ledger.entries.union import KINDS, Entry
from ledger.log import canonical
from ledger.log.merkle import leaf_hash
from ledger.refusals import Reason, Rejected

MAX_BYTES = 65_535  # tlog-tiles: an entry's length is two bytes in its bundle
NO_PREVIOUS = "0" * 64

Actor = Code
Reference = Annotated[str, msgspec.Meta(pattern=f"^{CODE}/[!-~]{{1,120}}$(?!\n)")]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One record; `v` is the version of this layout."""

    at: Instant
    book: Code
    by: Actor
    entry: Entry
    index: Index
    postings: tuple[Posting, ...]
    previous: Sha256
    reference: Reference
    v: Literal[1] = 1


class BareRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A record whose kind this program does not know: the entry stays bytes, the postings are folded all the same."""

    at: Instant
    book: Code
    by: Actor
    entry: msgspec.Raw
    index: Index
    postings: tuple[Posting, ...]
    previous: Sha256
    reference: Reference
    v: Literal[1] = 1


class _Tagged(msgspec.Struct, frozen=True):
    kind: str


class _Peek(msgspec.Struct, frozen=True):
    entry: _Tagged


_records = msgspec.json.Decoder(Record)
_bare = msgspec.json.Decoder(BareRecord)
_peek = msgspec.json.Decoder(_Peek)
_entries = msgspec.json.Decoder(Entry)

# What msgspec raises for bytes that it cannot read; the last for brackets nested a thousand deep.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class RecordMalformed(ValueError):
    """Bytes that are no record of ours, or not in canonical form. `reason` is stable."""

    def __init__(self, reason: Literal["MALFORMED", "NOT_CANONICAL", "UNKNOWN_KIND"], message: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {message}")


def encode(record: Record) -> bytes:
    """The record's canonical bytes: the leaf. Its entry has been read (`checked_entry`), its frame checked.

    Raises Rejected(TOO_LARGE) or Rejected(MALFORMED).
    """
    try:
        body = canonical.encode_typed(record)
    except canonical.NotCanonical as error:
        raise Rejected(Reason.MALFORMED, str(error), field="entry") from error
    if len(body) > MAX_BYTES:
        raise Rejected(Reason.TOO_LARGE, "a record has at most 65,535 bytes", field="entry", bytes=len(body))
    return body


def decode(body: bytes) -> Record:
    """The record of canonical bytes; raises RecordMalformed naming what is wrong.

    Requires that encoding the result gives the same bytes: what is hashed is what was read.
    """
    try:
        record = _records.decode(body)
    except _UNREADABLE as error:
        raise RecordMalformed(_why(body), str(error)) from error
    _require_same(body, record)
    return record


def decode_bare(body: bytes) -> BareRecord:
    """The frame and postings of a record of whatever kind; raises RecordMalformed."""
    try:
        record = _bare.decode(body)
        # Raw keeps the entry's bytes as they stand; canonical.decode holds the whole to its canonical form.
        canonical.decode(body)
    except _UNREADABLE as error:
        raise RecordMalformed("MALFORMED", str(error)) from error
    except canonical.NotCanonical as error:
        raise RecordMalformed("NOT_CANONICAL", str(error)) from error
    return record


def decode_any(body: bytes) -> Record | BareRecord:
    """The record of canonical bytes, of a kind not known here only its frame and postings; raises RecordMalformed."""
    try:
        return decode(body)
    except RecordMalformed as error:
        if error.reason != "UNKNOWN_KIND":
            raise
        return decode_bare(body)


def _why(body: bytes) -> Literal["MALFORMED", "UNKNOWN_KIND"]:
    try:
        return "MALFORMED" if _peek.decode(body).entry.kind in KINDS else "UNKNOWN_KIND"
    except _UNREADABLE:
        return "MALFORMED"


def _require_same(body: bytes, record: msgspec.Struct) -> None:
    try:
        again = canonical.encode_typed(record)
    except canonical.NotCanonical as error:
        raise RecordMalformed("NOT_CANONICAL", str(error)) from error
    if again != body:
        raise RecordMalformed("NOT_CANONICAL", "encoding what was read gives other bytes")


def checked_entry(data: bytes) -> Entry:
    """An entry read from JSON, every field checked; raises Rejected(MALFORMED or UNKNOWN_KIND) naming the field."""
    try:
        entry: Entry = _entries.decode(data)
        return entry
    except msgspec.ValidationError as error:
        reason = Reason.UNKNOWN_KIND if "`$.kind`" in str(error) else Reason.MALFORMED
        raise Rejected(reason, _field_message(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(Reason.MALFORMED, str(error)) from error


def reread(entry: EntryBase) -> Entry:
    """An entry built in Python, as its typed reader reads it; raises Rejected(MALFORMED) for what does not read
    back as it was built."""
    try:
        read = checked_entry(canonical.encode_typed(entry))
    except canonical.NotCanonical as error:
        raise Rejected(Reason.MALFORMED, str(error), field="entry") from error
    if read != entry:
        raise Rejected(Reason.MALFORMED, "reads back as another entry", field="entry")
    return read


def check_actor(by: str) -> None:
    """Who records, as said from outside; raises Rejected(MALFORMED)."""
    if _ACTOR.fullmatch(by) is None:
        raise Rejected(Reason.MALFORMED, "an actor is letters, digits, dots and dashes", field="by")


def check_reference(reference: str) -> None:
    """A record's reference, as said from outside; raises Rejected(MALFORMED)."""
    if _REFERENCE.fullmatch(reference) is None:
        raise Rejected(Reason.MALFORMED, "<actor>/<1 to 120 ASCII characters without spaces>", field="reference")


_ACTOR = re.compile(CODE)
_REFERENCE = re.compile(f"{CODE}/[!-~]{{1,120}}")


def _field_message(message: str) -> str:
    return message.replace("$.", "").replace("`$`", "the entry")


def leaf_of(body: bytes) -> bytes:
    """RFC 6962 leaf hash of a record's bytes; also the link the next record carries."""
    return leaf_hash(body)
