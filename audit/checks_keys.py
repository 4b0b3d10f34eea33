"""The keys of a book: whose signature stands under a checkpoint, and which key was in force at its size.

A book begins under the key that record 0 names. A record of kind `key_replaced` at index i closes that key and opens
the next: the old key signs sizes up to i + 1, the new one sizes from i + 1, and the checkpoint of exactly i + 1 may
carry both signatures. Whoever audits has pinned one key, from outside. It may be any of the chain:

1. The pinned key is one of the book's keys, and record 0 names its origin (else KEY_DIFFERS).
2. A checkpoint is signed by a key in force at its size. Signed by an earlier key of the book: KEY_CLOSED. By none,
   or with a wrong signature under the name of one in force: CHECKPOINT_INVALID. At the size i + 1 where the pinned key
   takes over its own line is needed: a replacement is public, and whoever stole the old key can put a copy of it
   at the end of a book that he made up.
3. Who must sign a replacement is a rule of its kind; one that the rules refuse is not followed. A compromise after the
   pinned key: KEY_COMPROMISED, since nothing that the pinned key signed vouches for the new one.

The keys are those of the records, and the records are those that the pinned key, or one it handed over to, has signed;
so all of it holds together or none does. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.findings import FindingKind, Findings
from ledger.entries.book import CLOSED_KEY, KEY, KeyReplaced
from ledger.log.note import NoteRejected, VerifierKey, open_note
from ledger.registers import Key, decode_value


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint to hold the records against; `kept_by` says who keeps it when it is not the log itself.

    Not believed by being read: `note` is judged once its size is reached. Without a note it is believed as it is.
    """

    size: int
    root: bytes
    kept_by: str = ""
    note: bytes | None = None
    cosignatures: str = ""
    """Signature lines of witnesses that are kept beside the note."""
    row: bool = False
    """The note is a row of a table: it holds nothing but the log's own signatures."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A key, and the first size that it signs; the next term's first size is its last."""

    key: VerifierKey
    since: int


class KeyCheck:
    """Follows the keys of a book through its records, and judges checkpoints by those in force."""

    def __init__(self, pinned: VerifierKey, origin: str, found: Findings) -> None:
        self._pinned = pinned
        self._origin = origin
        self._found = found
        self._terms: list[_Term] = []
        self._vouched = False
        """The pinned key has been met in the chain."""
        self._unvouched: list[int] = []
        """Sizes of checkpoints taken before that."""

    def opened(self, public_key: str, origin: str) -> None:
        """Record 0 names the first key."""
        if origin != self._origin:
            self._found.add(FindingKind.KEY_DIFFERS, "the book was opened under another origin", index=0)
        try:
            self._begin(VerifierKey.parse(public_key), 0)
        except NoteRejected as error:
            self._found.add(FindingKind.KEY_DIFFERS, f"record 0 names no key: {error.reason}", index=0)

    def replaced(self, index: int, entry: KeyReplaced) -> None:
        """A replacement that the rules allow, at its index."""
        if entry.compromised and self._vouched:
            detail = "pin the key that the organisation prints anew"
            self._found.add(FindingKind.KEY_COMPROMISED, detail, index=index)
        self._begin(VerifierKey.parse(entry.new_key), index + 1)

    def _begin(self, key: VerifierKey, since: int) -> None:
        self._terms.append(_Term(key, since))
        self._vouched = self._vouched or key == self._pinned

    def resume(self, public_key: str, registers: Mapping[Key, bytes | None]) -> None:
        """Takes up the chain where an earlier audit stood: record 0's key, and what the registers say came after."""
        closed = sorted(
            (decode_value(value)["index"], key.key)
            for key, value in registers.items()
            if key.register == CLOSED_KEY and value is not None
        )
        since = 0
        for index, vkey in closed:
            self._begin(VerifierKey.parse(vkey), since)
            since = index + 1
        current = registers.get(KEY)
        vkey = public_key if current is None else decode_value(current)["vkey"]
        self._begin(VerifierKey.parse(vkey), since)

    def _in_force(self, size: int) -> list[VerifierKey]:
        if not self._terms:
            return [self._pinned]
        ends = [*(term.since for term in self._terms[1:]), None]
        keys = [
            term.key
            for term, end in zip(self._terms, ends, strict=True)
            if term.since <= size and (end is None or size <= end)
        ]
        return list(dict.fromkeys(keys))

    def judge(self, signed: Signed) -> str | None:
        """Why a checkpoint is not to be believed at its size; None when it is. Adds no finding.

        `KEY_CLOSED` for a signature by an earlier key of the book. What a person has kept may also be signed by
        the key that person pinned.
        """
        if signed.note is None:
            return None
        keys = self._in_force(signed.size)
        needed = keys[keys.index(self._pinned) :] if self._pinned in keys else []
        if signed.kept_by and self._pinned not in keys:
            keys.append(self._pinned)
        try:
            opened = open_note(signed.note, keys)
        except NoteRejected as error:
            return self._closed(signed, keys) if error.reason == "no_known_signature" else error.reason
        if signed.row and opened.unverified:
            return "a line that is no signature of the log in force"
        if needed and all(opened.signature_by(key) is None for key in needed):
            return FindingKind.KEY_CLOSED
        if not self._vouched and not signed.kept_by:
            self._unvouched.append(signed.size)
        return None

    def _closed(self, signed: Signed, keys: list[VerifierKey]) -> str:
        assert signed.note is not None
        for term in self._terms:
            if term.since > signed.size or term.key in keys:
                continue
            try:
                open_note(signed.note, [term.key])
            except NoteRejected:
                continue
            return FindingKind.KEY_CLOSED
        return "no_known_signature"

    def key_of(self, note: bytes, size: int) -> VerifierKey | None:
        """The key in force at this size that has signed the note."""
        for key in self._in_force(size):
            try:
                open_note(note, [key])
            except NoteRejected:
                continue
            return key
        return None

    def finish(self, table: str | None = None) -> bool:
        """After the last record: whether the pinned key is one of the book's.

        If it is not, no checkpoint counts that the others have signed.
        """
        if self._vouched or not self._terms:
            return True
        self._found.add(FindingKind.KEY_DIFFERS, "the pinned key is none of this book's", index=0)
        for size in self._unvouched:
            detail = "signed by a key that the pinned one does not vouch for"
            self._found.add(FindingKind.CHECKPOINT_INVALID, detail, index=size, table=table, key=str(size))
        return False
