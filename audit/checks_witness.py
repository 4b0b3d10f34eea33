"""Witnesses: which checkpoints were seen by others, by how many, and when.

Two policies (ledger/log/policy.py) may speak. The auditor's own, brought from outside, decides what is found. The
book's own, as its `witnesses_set` records say, is the choice of those who are audited: it only fills the state, and
the report says so. For every checkpoint that holds:

1. A line of a witness that either policy names, or that the book has ever named, is that witness's
   (COSIGNATURE_INVALID).
2. The last record it covers is not later than the line's time by more than TOLERANCE_SECONDS (RECORD_AFTER_WITNESS):
   what a witness has seen was written before. The tolerance is for two clocks that differ a little.
3. The largest size whose lines satisfy the policy is what is witnessed.

After the last record, under the auditor's policy: no quorum at all is NOT_WITNESSED, records after the quorum
TAIL_NOT_WITNESSED, a quorum older than the age allowed COSIGNATURES_OLD. The age is that of the quorum, not of the
newest line: the time by which enough had signed. So one witness that signs again whatever it is shown keeps
nothing young. Pure; the present is handed in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit.checks_keys import Signed
from audit.findings import FindingKind, Findings
from ledger.days import from_instant, to_instant
from ledger.entries.book import WitnessesSet
from ledger.log.cosignature import CosignerKey, cosigned_at
from ledger.log.note import NoteRejected, Signature, split_note
from ledger.log.policy import NONE, Policy, PolicyRejected, parse_policy

TOLERANCE_SECONDS = 10
"""How far a witness's clock may stand behind the book's."""
SLACK_SECONDS = 60
"""What a cosignature may take beyond two checkpoint intervals."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """The largest checkpoint that enough witnesses have signed."""

    size: int
    note: bytes
    """With the lines of the witnesses."""
    at: int
    """When enough had signed, POSIX seconds."""


class WitnessCheck:
    """Takes the checkpoints that hold, in order; afterwards `quorum` says how far the book is witnessed."""

    def __init__(self, policy: Policy | None, found: Findings, *, table: str | None = None) -> None:
        """`policy` is the auditor's own; `table` is named in findings about single lines."""
        self.policy = None if policy is None or policy.quorum == NONE else policy
        self.quorum: Quorum | None = None
        self.unknown: set[str] = set()
        """Names on lines by witnesses whose key nobody has told us."""
        self._own: Policy | None = None
        self._found = found
        self._table = table
        self._known: dict[tuple[str, bytes], CosignerKey] = {}
        self._names: set[str] = set()
        if self.policy is not None:
            self._learn(self.policy)

    def set_by_book(self, entry: WitnessesSet) -> None:
        """The book names its witnesses, from the next checkpoint on."""
        self.set_lines(entry.policy)

    def set_lines(self, lines: tuple[str, ...]) -> None:
        """The lines of the book's own policy in force."""
        self._own = None
        if lines:
            try:
                own = parse_policy("\n".join(lines) + "\n")
            except PolicyRejected:
                return  # the rules of the kind refuse it: a finding of its own
            self._learn(own)
            self._own = None if own.quorum == NONE else own

    @property
    def by_book_alone(self) -> bool:
        """What is witnessed is so by the book's own choice of witnesses only."""
        return self.policy is None and self._own is not None

    def _learn(self, policy: Policy) -> None:
        for witness in policy.witnesses:
            self._known[witness.key.name, witness.key.key_hash] = witness.key
            self._names.add(witness.key.name)

    def take(self, signed: Signed, last_at: str) -> None:
        """A checkpoint that holds; `last_at` is the instant of the last record it covers."""
        if signed.note is None:
            return
        try:
            text, lines = split_note(signed.note + signed.cosignatures.encode())
        except NoteRejected as error:
            self._line(FindingKind.COSIGNATURE_INVALID, signed.size, "", error.reason)
            return
        message = text.encode()
        times: dict[CosignerKey, int] = {}
        log = text.partition("\n")[0]
        for line in lines:
            key = self._known.get((line.name, line.key_hash))
            if key is None:
                if line.name != log:
                    self._stranger(signed.size, line)
                continue
            try:
                key.verify(message, line.signature)
            except NoteRejected as error:
                self._line(FindingKind.COSIGNATURE_INVALID, signed.size, line.name, error.reason)
                continue
            # A line without a time says nothing about when the checkpoint was seen, and does not count.
            if (at := cosigned_at(line.signature)) > 0:
                times[key] = at
                self._after(signed.size, last_at, key.name, at)
        policy = self._own if self.policy is None else self.policy
        if policy is None or (self.quorum is not None and signed.size < self.quorum.size):
            return
        for at in sorted(times.values()):
            if policy.satisfied_by(key for key, time in times.items() if time <= at):
                self.quorum = Quorum(signed.size, signed.note + signed.cosignatures.encode(), at)
                return

    def _stranger(self, size: int, line: Signature) -> None:
        # In a note such a line is another key's and says nothing (signed-note); a row that was kept was verified once.
        if self._table is not None and line.name in self._names:
            self._line(FindingKind.COSIGNATURE_INVALID, size, line.name, "not a key of this witness")
        else:
            self.unknown.add(line.name)

    def _after(self, size: int, last_at: str, name: str, at: int) -> None:
        try:
            recorded = from_instant(last_at)
            seen = datetime.fromtimestamp(at, UTC)
        except (ValueError, OverflowError, OSError):
            return  # an instant that is none is a finding of its own; a time beyond the calendar is late enough
        if recorded > seen + timedelta(seconds=TOLERANCE_SECONDS):
            detail = f"recorded at {last_at}, covered by {name} at {to_instant(seen)}"
            self._found.add(FindingKind.RECORD_AFTER_WITNESS, detail, index=size - 1, key=name)

    def _line(self, kind: FindingKind, size: int, name: str, detail: str) -> None:
        self._found.add(kind, detail, index=size, table=self._table, key=name)

    def finish(self, size: int) -> None:
        """After the last record: what the auditor's policy misses."""
        if self.policy is None:
            return
        if self.quorum is None:
            self._found.add(FindingKind.NOT_WITNESSED, "no checkpoint has the quorum of the policy given")
        elif self.quorum.size < size:
            detail = f"{size - self.quorum.size} records after the newest checkpoint with the quorum"
            self._found.add(FindingKind.TAIL_NOT_WITNESSED, detail, index=self.quorum.size)

    def check_age(self, at: datetime, allowed_seconds: int) -> None:
        """Whether the quorum is young enough at the instant `at`."""
        age = self.age_seconds(at)
        if self.policy is not None and self.quorum is not None and age is not None and age > allowed_seconds:
            detail = f"{age} seconds old, {allowed_seconds} are allowed"
            self._found.add(FindingKind.COSIGNATURES_OLD, detail, index=self.quorum.size)

    def age_seconds(self, at: datetime) -> int | None:
        """How long ago the quorum was complete; never negative."""
        return None if self.quorum is None else max(int(at.timestamp()) - self.quorum.at, 0)

    @property
    def witnessed_at(self) -> str | None:
        """When the quorum was complete, as an instant."""
        if self.quorum is None:
            return None
        try:
            return to_instant(datetime.fromtimestamp(self.quorum.at, UTC))
        except (ValueError, OverflowError, OSError):
            return None
