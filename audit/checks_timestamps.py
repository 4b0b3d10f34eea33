"""Timestamps: what authorities have said of the checkpoints, held against these and against the records.

For every stored timestamp:

1. There is a checkpoint of its size, and the authority is one of those that the operator keeps outside the database.
2. It is of that checkpoint's text, and its signature leads to that authority's root (TIMESTAMP_INVALID).
3. The last record that the checkpoint covers is not later than the authority's time by more than TOLERANCE_SECONDS
   (RECORD_AFTER_WITNESS): what was stamped was written before.

Without authorities (an audit with nothing but the public key) only the form can be judged; the report says so.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from audit.checks_witness import TOLERANCE_SECONDS
from audit.findings import FindingKind, Findings
from ledger.days import from_instant, to_instant
from ledger.log.note import NoteRejected, split_note
from ledger.timestamps import Authority, TimestampInvalid, check_form, check_timestamp


class TimestampCheck:
    """Takes stored timestamps, each with its checkpoint."""

    def __init__(
        self, authorities: Mapping[str, Authority] | None, last_at: Callable[[int], str | None], found: Findings
    ) -> None:
        """`last_at` gives the instant of the last record of a tree of that size; None when there is no such record."""
        self._authorities = authorities
        self._last_at = last_at
        self._found = found

    def take(self, size: int, authority: str, token: bytes, note: bytes) -> None:
        """One timestamp of the checkpoint `note`, which is kept under `size`."""
        try:
            if self._authorities is None:
                check_form(token)
                return
            trusted = self._authorities.get(authority)
            if trusted is None:
                raise TimestampInvalid("authority_unknown", "its root is not kept beside the signing key")
            at = check_timestamp(token, split_note(note)[0].encode(), trusted.roots)
        except NoteRejected:
            return  # the checkpoint is a finding of its own
        except TimestampInvalid as error:
            self.invalid(size, authority, str(error))
            return
        last = self._last_at(size)
        try:
            late = last is not None and from_instant(last) > at + timedelta(seconds=TOLERANCE_SECONDS)
        except (ValueError, OverflowError):
            return  # an instant that is none is a finding of its own
        if late:
            detail = f"recorded at {last}, covered by {authority} at {to_instant(at)}"
            self._found.add(FindingKind.RECORD_AFTER_WITNESS, detail, index=size - 1, key=authority)

    def invalid(self, size: int, authority: str, detail: str) -> None:
        """A timestamp that says nothing."""
        shown = authority.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._found.add(FindingKind.TIMESTAMP_INVALID, detail, index=size, table="timestamps", key=shown)
