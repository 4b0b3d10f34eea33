"""What an audit says: findings, and the report they stand in.

An audit never stops at the first fault; it collects, so that a reader sees the whole damage at once. A finding
is **broken** when what is stored is not what was recorded, signed or allowed, and **open** when nothing is
wrong with the book but something waits to be done by people. No finding holds personal data: tags, codes and
hashes at most. The names of the kinds are part of the public API; a released one is never renamed.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ledger.refusals import Reason

Severity = Literal["broken", "open"]

MOST_OF_A_KIND = 500
"""Findings kept of one kind; beyond that they are counted."""


class FindingKind(StrEnum):
    """What is wrong, or open. In brackets: what `index`, `table`, `account` and `key` say beside it."""

    # The bytes of the log
    RECORD_MISSING = "RECORD_MISSING"
    """No record at this index (the first of a gap; the detail says how many)."""
    OUT_OF_SEQUENCE = "OUT_OF_SEQUENCE"
    """A record stands at another place than its own index says, or twice."""
    BROKEN_LINK = "BROKEN_LINK"
    """`previous` is not the leaf hash of the record before."""
    TIME_BACKWARDS = "TIME_BACKWARDS"
    """A record is earlier than the one before it."""
    OTHER_BOOK = "OTHER_BOOK"
    """A record names another book."""
    MALFORMED = "MALFORMED"
    """The bytes are no record."""
    NOT_CANONICAL = "NOT_CANONICAL"
    """The bytes are a record, but encoding what they say gives other bytes."""

    # Checkpoints and what is signed
    ROOT_DIFFERS = "ROOT_DIFFERS"
    """A signed root is not that of the records (index: its size)."""
    CHECKPOINT_INVALID = "CHECKPOINT_INVALID"
    """A checkpoint is not signed by the pinned key, is of another origin or malformed."""
    CHECKPOINT_ORDER = "CHECKPOINT_ORDER"
    """A checkpoint is kept under another size than it signs."""
    CHECKPOINT_MISSING = "CHECKPOINT_MISSING"
    """The key has signed a size for which no checkpoint is kept. Sign again."""
    KEY_DIFFERS = "KEY_DIFFERS"
    """Record 0 names another origin, or the pinned key is none of this book's keys."""
    ROLLED_BACK = "ROLLED_BACK"
    """Something signed covers more records than there are."""
    FORKED = "FORKED"
    """The records are not those of a checkpoint saved elsewhere, or of the signer's memory."""
    SIGNER_BEHIND = "SIGNER_BEHIND"
    """A checkpoint is newer than the signer's memory: that memory was set back."""
    SIGNER_UNREADABLE = "SIGNER_UNREADABLE"
    """The signer's memory is missing or damaged."""

    # Keys, witnesses, time
    KEY_CLOSED = "KEY_CLOSED"
    """A checkpoint is signed by a key of the book that was not in force at its size (index: its size)."""
    KEY_COMPROMISED = "KEY_COMPROMISED"
    """The pinned key was declared compromised (index: the record that says so); pin the one printed anew."""
    COSIGNATURE_INVALID = "COSIGNATURE_INVALID"
    """A witness's line on a checkpoint is not that witness's (index: the size; key: the witness)."""
    NOT_WITNESSED = "NOT_WITNESSED"
    """No checkpoint has the quorum that the auditor's policy asks for."""
    RECORD_AFTER_WITNESS = "RECORD_AFTER_WITNESS"
    """A record is later than a witness or timestamp that covers it (index: the record)."""
    TIMESTAMP_INVALID = "TIMESTAMP_INVALID"
    """A timestamp is not of this checkpoint, or not by a trusted authority (index: the size; key: authority)."""

    # The rules
    UNKNOWN_KIND = "UNKNOWN_KIND"
    """Cannot be checked by this version; the postings are folded all the same."""
    POSTINGS_DIFFER = "POSTINGS_DIFFER"
    """The postings written are not those of the entry."""
    REFUSED = "REFUSED"
    """A record that the rules refuse; `reason` says which."""
    VIEWS_DIFFER = "VIEWS_DIFFER"
    """From this record on, what the purpose view holds is not what the place view holds (account: the unit)."""

    # Stored rows (all name their table)
    LEAF_DIFFERS = "LEAF_DIFFERS"
    """The stored leaf hash is not that of the bytes."""
    REFERENCE_DIFFERS = "REFERENCE_DIFFERS"
    """The stored reference is not the record's."""
    ROW_MAC_DIFFERS = "ROW_MAC_DIFFERS"
    """The row was not written by this application, or its request was changed."""
    HEAD_DIFFERS = "HEAD_DIFFERS"
    """The head row does not fit the records."""
    BALANCE_DIFFERS = "BALANCE_DIFFERS"
    """A stored balance or its index is not that of the replay (account)."""
    REGISTER_DIFFERS = "REGISTER_DIFFERS"
    """A stored register row or its index is not that of the replay (key)."""
    POSTING_ROW_DIFFERS = "POSTING_ROW_DIFFERS"
    """The posting rows of a record are not its postings."""
    SUBTREE_DIFFERS = "SUBTREE_DIFFERS"
    """A stored subtree hash is wrong, missing or too many (key: level/position; index: its first record)."""
    LOT_DIFFERS = "LOT_DIFFERS"
    """What is kept of lots, for tracing, is not what the records say (key: the row; index: its record)."""
    MARK_DIFFERS = "MARK_DIFFERS"
    """A balance kept for questions about an older size is not what the records say (account; index: that size)."""
    VAULT_ROW_MISSING = "VAULT_ROW_MISSING"
    """A record's private value, or the key of its subject, is not in the vault."""
    VAULT_ROW_UNEXPECTED = "VAULT_ROW_UNEXPECTED"
    """A private value that no record speaks of."""
    VAULT_DAMAGED = "VAULT_DAMAGED"
    """A private value or a subject's key does not open."""
    COMMITMENT_DIFFERS = "COMMITMENT_DIFFERS"
    """A private value opens, but is not what the record commits to."""
    SUBJECT_UNEXPECTED = "SUBJECT_UNEXPECTED"
    """A subject's key without any value."""
    ROW_UNEXPECTED = "ROW_UNEXPECTED"
    """Rows of a book that is not kept here."""
    ROW_MALFORMED = "ROW_MALFORMED"
    """A row holds values of the wrong type."""
    SCHEMA_DIFFERS = "SCHEMA_DIFFERS"
    """A table, index, trigger or function is not what the program made (key: its name)."""
    DATABASE_DAMAGED = "DATABASE_DAMAGED"
    """The database itself says that it is damaged, or a table cannot be read."""
    TILE_DIFFERS = "TILE_DIFFERS"
    """A tile or bundle is malformed or not that of the records (key: its path)."""

    # Open matters
    TAIL_NOT_WITNESSED = "TAIL_NOT_WITNESSED"
    """Records after the newest checkpoint with a quorum (index: the first of them)."""
    COSIGNATURES_OLD = "COSIGNATURES_OLD"
    """The newest cosignature is older than two checkpoint intervals, or than the age allowed."""
    VAULT_LOST = "VAULT_LOST"
    """Private values lost with a database that was restored, as a `restored` record says (index: it)."""
    TAIL_UNSIGNED = "TAIL_UNSIGNED"
    """Records after the newest checkpoint (index: the first of them); with a clock at hand, only when they have
    waited for longer than two checkpoint intervals."""
    IMPORT_INCOMPLETE = "IMPORT_INCOMPLETE"
    """Lines of a statement are not recorded yet (index: the statement)."""
    DAYS_UNCOVERED = "DAYS_UNCOVERED"
    """Days of a place between two statements are in neither (index: the later statement); asked for completeness, also
    those between its first movement and its first statement."""
    STATEMENTS_DO_NOT_CHAIN = "STATEMENTS_DO_NOT_CHAIN"
    """A statement does not open with what the one before closed with (index: the later one)."""
    SHORTFALL_OPEN = "SHORTFALL_OPEN"
    """Facts took money that a fund did not have (account)."""
    ADMIN_CAP_EXCEEDED = "ADMIN_CAP_EXCEEDED"
    """Facts took more of a fund for management than its cap allows (account)."""
    PROPOSAL_OPEN = "PROPOSAL_OPEN"
    """A proposal waits for approval, or was approved and not carried out (index)."""
    SPLIT_UNDER_THRESHOLD = "SPLIT_UNDER_THRESHOLD"
    """Decisions within a week for one holder or fund, each below the threshold of approval, are above it together
    (index: the one that took them over)."""
    COUNT_DIFFERS = "COUNT_DIFFERS"
    """A count found more or less than the book says, and the difference is not booked (account, index: the count)."""
    VOUCHERS_MISSING = "VOUCHERS_MISSING"
    """Numbers of pre-printed vouchers that are neither used nor spoilt (key: series/year)."""
    PLACE_NEGATIVE = "PLACE_NEGATIVE"
    """A place or a holder has less than nothing (account)."""
    ACCOUNT_NEGATIVE = "ACCOUNT_NEGATIVE"
    """A fund, allocation, order or pledge stands below zero (account)."""

    # Open matters of completeness (`verify --complete`)
    LINES_IN_SUSPENSE = "LINES_IN_SUSPENSE"
    """Statement lines that nobody has explained yet (account: the place)."""
    NOT_ON_STATEMENT = "NOT_ON_STATEMENT"
    """A record moves a bank account on a covered day, and no statement line shows it (index)."""
    STATEMENT_BALANCE_DIFFERS = "STATEMENT_BALANCE_DIFFERS"
    """By the day money moved, the place account is not what the bank's statement opens or closes with (account, index:
    the statement); told where a difference begins, and where it becomes another."""
    PLACE_UNCOVERED = "PLACE_UNCOVERED"
    """A bank account moved on days that no statement covers, or holds a balance brought over and has no statement
    (account)."""
    DISPUTE_OPEN = "DISPUTE_OPEN"
    """A dispute waits for its answer, still in time (index)."""
    DISPUTE_OVERDUE = "DISPUTE_OVERDUE"
    """A dispute was not answered by its day (index)."""


OPEN_KINDS = frozenset(
    {
        FindingKind.UNKNOWN_KIND,
        FindingKind.CHECKPOINT_MISSING,
        FindingKind.SIGNER_UNREADABLE,
        FindingKind.TAIL_UNSIGNED,
        FindingKind.IMPORT_INCOMPLETE,
        FindingKind.DAYS_UNCOVERED,
        FindingKind.STATEMENTS_DO_NOT_CHAIN,
        FindingKind.SHORTFALL_OPEN,
        FindingKind.ADMIN_CAP_EXCEEDED,
        FindingKind.PROPOSAL_OPEN,
        FindingKind.SPLIT_UNDER_THRESHOLD,
        FindingKind.COUNT_DIFFERS,
        FindingKind.VOUCHERS_MISSING,
        FindingKind.PLACE_NEGATIVE,
        FindingKind.ACCOUNT_NEGATIVE,
        FindingKind.TAIL_NOT_WITNESSED,
        FindingKind.COSIGNATURES_OLD,
        FindingKind.VAULT_LOST,
        FindingKind.LINES_IN_SUSPENSE,
        FindingKind.NOT_ON_STATEMENT,
        FindingKind.STATEMENT_BALANCE_DIFFERS,
        FindingKind.PLACE_UNCOVERED,
        FindingKind.DISPUTE_OPEN,
        FindingKind.DISPUTE_OVERDUE,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, and where."""

    kind: FindingKind
    detail: str = ""
    index: int | None = None
    table: str | None = None
    account: str | None = None
    key: str | None = None
    reason: Reason | None = None

    @property
    def severity(self) -> Severity:
        """`broken`, or `open` for what waits to be done."""
        return "open" if self.kind in OPEN_KINDS else "broken"

    def __str__(self) -> str:
        places = [
            f"{name} {value}"
            for name, value in (("table", self.table), ("index", self.index), ("", self.account), ("", self.key))
            if value is not None
        ]
        where = ", ".join(place.strip() for place in places)
        reason = "" if self.reason is None else f" ({self.reason.value})"
        return (
            f"{self.kind.value}{reason}"
            + (f" [{where}]" if where else "")
            + (f": {self.detail}" if self.detail else "")
        )

    def to_json(self) -> dict[str, Any]:
        """All fields; absent ones are null."""
        return {
            "kind": self.kind.value,
            "severity": self.severity,
            "index": self.index,
            "table": self.table,
            "account": self.account,
            "key": self.key,
            "reason": None if self.reason is None else self.reason.value,
            "detail": self.detail,
        }


class Findings:
    """Collects findings. Of one kind in one table at most MOST_OF_A_KIND are kept, so that a book damaged
    everywhere still gives a report; the others are counted."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[FindingKind, str | None]] = Counter()

    def add(
        self,
        kind: FindingKind,
        detail: str = "",
        *,
        index: int | None = None,
        table: str | None = None,
        account: str | None = None,
        key: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        """Keeps one finding."""
        self._counts[kind, table] += 1
        if self._counts[kind, table] <= MOST_OF_A_KIND:
            self._kept.append(Finding(kind, detail, index, table, account, key, reason))

    def drop(self, kind: FindingKind) -> None:
        """Takes every finding of a kind back."""
        self._kept = [finding for finding in self._kept if finding.kind is not kind]
        self._counts = Counter({key: count for key, count in self._counts.items() if key[0] is not kind})

    def extend(self, others: "Findings") -> None:
        """Takes over what another collector has kept."""
        for finding in others._kept:
            self._counts[finding.kind, finding.table] += 1
        self._kept += others._kept

    def sorted(self) -> tuple[Finding, ...]:
        """Broken ones first, by index."""
        return tuple(sorted(self._kept, key=lambda f: (f.severity, f.index is not None, f.index or 0, f.kind)))

    def uncounted(self) -> dict[str, int]:
        """How many findings of each kind are not listed."""
        more: Counter[str] = Counter()
        for (kind, _), count in self._counts.items():
            if count > MOST_OF_A_KIND:
                more[kind.value] += count - MOST_OF_A_KIND
        return dict(more)


@dataclass(frozen=True, slots=True)
class States:
    """How many records are committed, covered by a checkpoint, and covered by witnesses."""

    recorded: int = 0
    checkpointed: int = 0
    witnessed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one audit. `root` is that of the first `size` records, hex."""

    size: int
    root: str
    findings: tuple[Finding, ...]
    cannot_exclude: tuple[str, ...]
    """What this audit could not have noticed; sentences for people."""
    states: States
    seconds: float
    origin: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    """Table → class, for every table that was looked at."""
    uncounted: dict[str, int] = field(default_factory=dict)
    witnessed_at: str | None = None
    """When enough witnesses had signed the newest checkpoint that has a quorum."""
    cosignature_age_seconds: int | None = None
    """How long ago that was; None also without a clock."""
    completeness: dict[str, Any] | None = None
    """Places, lines, days and disputes, when it was asked for (audit/checks_complete.py)."""
    state: bytes | None = field(default=None, repr=False)
    """What the next audit can go on from, if it was asked for (audit/saved.py); not part of the JSON."""

    @property
    def ok(self) -> bool:
        """Nothing was found, not even an open matter."""
        return not self.findings

    @property
    def whole(self) -> bool:
        """Nothing is broken; open matters may be left."""
        return all(finding.severity == "open" for finding in self.findings)

    def kinds(self) -> set[FindingKind]:
        """The kinds found."""
        return {finding.kind for finding in self.findings}

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values (DESIGN 9, `sovang verify`)."""
        return {
            "ok": self.ok,
            "whole": self.whole,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "findings": [finding.to_json() for finding in self.findings],
            "findings_not_listed": self.uncounted,
            "cannot_exclude": list(self.cannot_exclude),
            "tables": self.tables,
            "seconds": round(self.seconds, 3),
            "states": {
                "recorded": self.states.recorded,
                "checkpointed": self.states.checkpointed,
                "witnessed": self.states.witnessed,
            },
            "witnessed_at": self.witnessed_at,
            "cosignature_age_seconds": self.cosignature_age_seconds,
        } | ({} if self.completeness is None else {"completeness": self.completeness})
