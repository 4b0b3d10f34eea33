r"""Many organisations' books added up by a department (Sở): each verified, the transfers between them taken out.

A tlog-policy file pins the books: the key of a `log` line is believed for the origin it names, whatever a source says
of itself. Every source is verified by audit/verify.py, incrementally since the last visit. What the last visit left
of one book is one file:

    {"format":"sovang-visit/1","sha256":"77c0…"}
    {"checkpoint":"…","figures":{…}}
    <the saved audit, as audit/saved.py writes it>

The SHA-256 is of all that follows the first line. Audit and figures stand at the same checkpoint, since they lie in
one file; a visit that is cut off, or finds anything broken, leaves the file as it was. Of another version of the
program only the checkpoint is believed: the book is read anew and held against it.

`Figures` folds the records of one book. A reversal takes back what the record it names had added (that record is
fetched, and is the one whose leaf hash the reversal states), a refund is a negative gift. What is kept grows with
activities, communes and grants, not with records.

A grant is taken out of the totals, on both sides, when the receiver's record names origin, index and leaf hash of a
`grant_sent` in another consolidated book that was sent to the receiver, holds, and has the same amount. One that names
a consolidated book without such a record, or is the second to name one, is a finding, and nothing is taken out.

Child counts are what reports say. Added up they are no count of children: a child may be in two of them. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from audit.findings import FindingKind, Report
from audit.fork import compare
from audit.saved import StateRejected, read_saved
from audit.sources import SourceUnavailable, TilesSource
from audit.verify import verify_tiles
from ledger.accounts import root
from ledger.entries.aid import Delivered
from ledger.entries.beyond import ChildrenReported, ExternalContributed, GrantReceived, GrantSent
from ledger.entries.book import BookOpened
from ledger.entries.catalogue import CommunesListed, ProgrammeOpened
from ledger.entries.control import Reversed
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import ProofFailed
from ledger.log.note import NoteRejected, VerifierKey, open_note, split_note
from ledger.log.policy import Policy
from ledger.log.tiles import TileRejected
from ledger.record import BareRecord, Record, RecordMalformed, decode, leaf_of

FORMAT = "sovang-visit/1"
MAY_COUNT_TWICE = "có thể đếm trùng một trẻ — may count a child twice"

FetchBody = Callable[[int], bytes | None]


class Column(StrEnum):
    """What is added up."""

    GIFTS = "gifts"
    """Less refunds; grants are columns of their own."""
    GRANTS_RECEIVED = "grants_received"
    GRANTS_SENT = "grants_sent"
    USED = "used"
    """Delivered to those it is for."""
    COSTS = "costs"
    """Management, fees of banks and gateways."""
    EXTERNAL = "external"
    """Aid by others that never entered the accounts; never added to what was used."""
    CHILDREN = "children"
    """Heads by reports; not distinct children."""


class Cell(NamedTuple):
    """One figure's place; what does not apply is empty."""

    column: str
    unit: str
    activity: str = ""
    """Empty for a use: not shown, the group was smaller than k."""
    communes: str = ""
    """Codes apart by spaces; only aid by others may name several."""
    province: str = ""
    """Only where the commune is not shown."""
    organisation: str = ""
    """Whose work or aid it was, when not the book's own."""


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """A `grant_sent` of this book."""

    leaf: str
    minor: int
    unit: str
    to_origin: str
    holds: bool
    """It is not reversed."""


class Received(msgspec.Struct, forbid_unknown_fields=True):
    """A `grant_received` of this book."""

    minor: int
    unit: str
    from_origin: str
    from_index: int
    from_leaf: str
    holds: bool


class _Saved(msgspec.Struct, forbid_unknown_fields=True):
    book: str
    name: str
    cells: list[tuple[Cell, int]]
    sent: dict[int, Sent]
    received: dict[int, Received]
    activities: dict[str, str]
    communes: dict[str, str]
    unknown: int


class Figures:
    """What the records of one book add up to; takes them in order."""

    def __init__(self) -> None:
        self.book = self.name = ""
        self.cells: Counter[Cell] = Counter()
        self.sent: dict[int, Sent] = {}
        self.received: dict[int, Received] = {}
        self.activities: dict[str, str] = {}
        """Code → name as it was first given."""
        self.communes: dict[str, str] = {}
        self.unknown = 0
        """Records of kinds that this version does not know: they are in no figure."""

    @classmethod
    def of_saved(cls, saved: _Saved) -> "Figures":
        """As they were kept."""
        figures = cls()
        figures.book, figures.name, figures.unknown = saved.book, saved.name, saved.unknown
        figures.cells.update(dict(saved.cells))
        figures.sent, figures.received = saved.sent, saved.received
        figures.activities, figures.communes = saved.activities, saved.communes
        return figures

    def to_saved(self) -> _Saved:
        """What is kept of them."""
        cells = [(cell, amount) for cell, amount in sorted(self.cells.items()) if amount]
        return _Saved(
            self.book, self.name, cells, self.sent, self.received, self.activities, self.communes, self.unknown
        )

    def take(self, index: int, leaf: bytes, record: Record | BareRecord | None, fetch_body: FetchBody) -> None:
        """Adds one record; `fetch_body` gives older ones."""
        if not isinstance(record, Record):
            self.unknown += 1
            return
        sign = 1
        # A reversal may be reversed, that one may not: the rules allow two steps.
        for _ in range(2):
            if not isinstance(record.entry, Reversed):
                break
            sign, index, stated = -sign, record.entry.reversed, record.entry.leaf
            body = fetch_body(index)
            if body is None or (leaf := leaf_of(body)).hex() != stated:
                return  # the audit says so
            try:
                record = decode(body)
            except RecordMalformed:
                return
        self._add(index, leaf, record, sign)

    def _add(self, index: int, leaf: bytes, record: Record, sign: int) -> None:
        entry = record.entry
        match entry:
            case BookOpened():
                self.book, self.name = record.book, entry.name
            case ProgrammeOpened():
                for activity in entry.activities:
                    self.activities.setdefault(activity.activity, activity.name)
            case CommunesListed():
                for commune in entry.communes:
                    self.communes.setdefault(commune.commune, commune.name)
            case GrantSent():
                unit, minor = entry.amount.unit, entry.amount.minor
                self.cells[Cell(Column.GRANTS_SENT, unit)] += sign * minor
                self.sent[index] = Sent(leaf.hex(), minor, unit, entry.to_origin, sign > 0)
            case GrantReceived():
                unit, minor = entry.amount.unit, entry.amount.minor
                self.cells[Cell(Column.GRANTS_RECEIVED, unit)] += sign * minor
                self.received[index] = Received(
                    minor, unit, entry.from_origin, entry.from_index, entry.from_leaf, sign > 0
                )
            case Delivered():
                self.cells[_place_of_use(entry)] += sign * entry.amount.minor
            case ExternalContributed():
                cell = Cell(
                    Column.EXTERNAL,
                    entry.amount.unit,
                    entry.activity,
                    " ".join(sorted(entry.communes)),
                    organisation=entry.organisation,
                )
                self.cells[cell] += entry.amount.minor
            case ChildrenReported():
                who = entry.organisation or ""
                cell = Cell(Column.CHILDREN, "", entry.activity, entry.commune or "", organisation=who)
                self.cells[cell] += entry.heads
            case _:
                self._postings(record, sign)

    def _postings(self, record: Record, sign: int) -> None:
        for posting in record.postings:
            unit, minor = posting.amount.unit, sign * posting.amount.minor
            for account, moved in ((posting.source, -minor), (posting.destination, minor)):
                name = root(account)
                if name == "donors":
                    self.cells[Cell(Column.GIFTS, unit)] -= moved
                elif name == "costs":
                    self.cells[Cell(Column.COSTS, unit)] += moved


def _place_of_use(entry: Delivered) -> Cell:
    unit = entry.amount.unit
    if entry.scope is not None:
        return Cell(Column.USED, unit, entry.scope.activity, entry.scope.commune)
    province = "" if entry.hidden is None else entry.hidden.province
    return Cell(Column.USED, unit, province=province)


# One visit


class LeftOut(StrEnum):
    """Why a source is left out."""

    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    """It could not be read."""
    NOTE_REJECTED = "NOTE_REJECTED"
    """Its `checkpoint` is none."""
    NOT_PINNED = "NOT_PINNED"
    """No `log` line of the policy names its origin."""
    ORIGIN_TWICE = "ORIGIN_TWICE"
    """Another source says that it is the same book."""
    STATE_REJECTED = "STATE_REJECTED"
    """What the last visit left is damaged."""
    FORKED = "FORKED"
    """Its key has signed another history than at the last visit."""
    ROLLED_BACK = "ROLLED_BACK"
    """It shows less than at the last visit."""
    BROKEN = "BROKEN"
    """The audit found something broken."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of one source."""

    address: str
    origin: str | None = None
    left_out: LeftOut | None = None
    detail: str = ""
    report: Report | None = None
    figures: Figures = field(default_factory=Figures)
    since: int = 0
    """The size at the last visit."""
    kept: bytes | None = None
    """What the next visit goes on from; None when this one changes nothing."""
    fork: bytes | None = None
    """The proof of a fork (audit/fork.py), where one could be made."""


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    sha256: str


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    checkpoint: str
    figures: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Before:
    """The last visit, as far as this version can go on from it."""

    checkpoint: bytes | None = None
    state: bytes | None = None
    figures: Figures = field(default_factory=Figures)
    size: int = 0


class _Noted(msgspec.Struct):
    checkpoint: str
    """The one field of a saved audit (audit/saved.py) that is needed here; the others are passed over."""


def _encode(figures: Figures, state: bytes) -> bytes:
    checkpoint = msgspec.json.decode(state.split(b"\n", 2)[1], type=_Noted).checkpoint
    said = {"checkpoint": checkpoint, "figures": figures.to_saved()}
    rest = msgspec.json.encode(said) + b"\n" + state
    return msgspec.json.encode(_Head(FORMAT, sha256(rest).hexdigest())) + b"\n" + rest


def _read_before(data: bytes | None, origin: str) -> _Before:
    """Raises StateRejected when the file is damaged."""
    if data is None:
        return _Before()
    head, _, rest = data.partition(b"\n")
    said, _, state = rest.partition(b"\n")
    try:
        stated = msgspec.json.decode(head, type=_Head)
        if stated.sha256 != sha256(rest).hexdigest():
            raise StateRejected("what the last visit left is damaged: delete it and read the book from the beginning")
        kept = msgspec.json.decode(said, type=_Kept)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StateRejected(f"what the last visit left is damaged: {error}") from error
    checkpoint = kept.checkpoint.encode()
    if parse_checkpoint(split_note(checkpoint)[0]).origin != origin:
        raise StateRejected("what the last visit left is of another book")
    try:
        saved = read_saved(state, origin=origin)
        if stated.format != FORMAT:
            raise StateRejected("another version")
        figures = Figures.of_saved(msgspec.json.decode(kept.figures, type=_Saved))
    except (StateRejected, msgspec.MsgspecError):
        return _Before(checkpoint)
    return _Before(checkpoint, state, figures, saved.audit.size)


def visit(
    addresses: Sequence[str | Path], policy: Policy, load: Callable[[str], bytes | None], at: datetime | None
) -> Iterator[Visit]:
    """Visits every source; `load` gives what the last visit left of an origin, `at` is the present.

    What a visit leaves (`kept`) may be stored at once: it holds by itself.
    """
    opened = [_open(address) for address in addresses]
    origins = Counter(found.origin for found, *_ in opened if found.origin is not None)
    for found, source, note in opened:
        origin = found.origin
        if source is None or origin is None or found.left_out is not None:
            yield found
        elif origins[origin] > 1:
            yield Visit(found.address, origin, LeftOut.ORIGIN_TWICE, "several sources say that they are this book")
        elif not policy.log_key(origin):
            yield Visit(found.address, origin, LeftOut.NOT_PINNED, "no log line of the policy names this origin")
        else:
            yield _visit(found.address, source, note, _key(policy, origin, note), policy, load(origin), at)


def _open(address: str | Path) -> tuple[Visit, TilesSource | None, bytes]:
    name = str(address)
    try:
        source = TilesSource(address)
        _, note, _ = next(source.checkpoints())
        return Visit(name, parse_checkpoint(split_note(note)[0]).origin), source, note
    except SourceUnavailable as error:
        return Visit(name, None, LeftOut.SOURCE_UNAVAILABLE, str(error)), None, b""
    except NoteRejected as error:
        return Visit(name, None, LeftOut.NOTE_REJECTED, str(error)), None, b""


def _key(policy: Policy, origin: str, note: bytes) -> VerifierKey:
    """Of several keys pinned for one book the one that signs now, else the last: the audit follows the others."""
    keys = policy.log_key(origin)
    for key in keys:
        try:
            open_note(note, [key])
        except NoteRejected:
            continue
        return key
    return keys[-1]


def _visit(
    address: str,
    source: TilesSource,
    note: bytes,
    key: VerifierKey,
    policy: Policy,
    kept: bytes | None,
    at: datetime | None,
) -> Visit:
    origin = key.name
    try:
        before = _read_before(kept, origin)
        figures = before.figures
        report = verify_tiles(
            source,
            key,
            saved=before.checkpoint,
            policy=policy,
            at=at,
            state=before.state,
            keep_state=True,
            observe=lambda index, _, leaf, record: figures.take(index, leaf, record, source.body),
        )
    except SourceUnavailable as error:
        return Visit(address, origin, LeftOut.SOURCE_UNAVAILABLE, str(error))
    except (StateRejected, NoteRejected) as error:
        return Visit(address, origin, LeftOut.STATE_REJECTED, str(error))
    if report.whole and report.state is not None:
        left = _encode(figures, report.state)
        return Visit(address, origin, None, "", report, figures, before.size, left)
    fork = None if before.checkpoint is None else _fork(before.checkpoint, note, source, key)
    kinds = report.kinds()
    if fork is not None or FindingKind.FORKED in kinds:
        reason, detail = LeftOut.FORKED, "its key has signed another history than at the last visit"
    elif FindingKind.ROLLED_BACK in kinds:
        reason, detail = LeftOut.ROLLED_BACK, "it shows less than was signed before"
    else:
        reason, detail = LeftOut.BROKEN, "the audit found something broken"
    return Visit(address, origin, reason, detail, report, since=before.size, fork=fork)


def _fork(kept: bytes, note: bytes, source: TilesSource, key: VerifierKey) -> bytes | None:
    try:
        now = parse_checkpoint(split_note(note)[0])
        return compare(kept, note, source.reader(now.size), key).fork
    except (NoteRejected, ProofFailed, SourceUnavailable, TileRejected, FileNotFoundError):
        return None  # another key's, or not to be read: the findings must do


# All of them together


class GrantKind(StrEnum):
    """What is wrong with a grant between consolidated books."""

    GRANT_NOT_FOUND = "GRANT_NOT_FOUND"
    """The book named has no such `grant_sent`, or has reversed it."""
    GRANT_DIFFERS = "GRANT_DIFFERS"
    """It was sent to another book, or with another amount."""
    GRANT_CLAIMED_TWICE = "GRANT_CLAIMED_TWICE"
    """Several records say that they received it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Money between two books, as one or both of them say; `index` is None where no record says it."""

    from_origin: str
    from_index: int
    to_origin: str
    to_index: int | None
    minor: int
    unit: str
    wrong: GrantKind | None = None
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields; those of a finding only where there is one."""
        said = {name: getattr(self, name) for name in ("from_origin", "from_index", "to_origin", "to_index")}
        said |= {"minor": self.minor, "unit": self.unit}
        return said if self.wrong is None else {"kind": self.wrong.value, **said, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Consolidation:
    """The books that hold, added up."""

    visits: tuple[Visit, ...]
    total: Counter[Cell]
    eliminated: tuple[Grant, ...]
    in_transit: tuple[Grant, ...]
    """Sent to a consolidated book that has not received it yet."""
    not_compared: tuple[Grant, ...]
    """Between a consolidated book and one that was left out."""
    wrong: tuple[Grant, ...]
    named_differently: tuple[str, ...]
    """Activities that two books call by different names: their sums may add what does not belong together."""

    @property
    def good(self) -> tuple[Visit, ...]:
        """Those that are in the sums."""
        return tuple(seen for seen in self.visits if seen.left_out is None)

    @property
    def ok(self) -> bool:
        """Every source is in the sums, and every grant between them has its two sides."""
        return not self.wrong and len(self.good) == len(self.visits)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "ok": self.ok,
            "organisations": [
                {
                    "origin": seen.origin,
                    "book": seen.figures.book,
                    "name": seen.figures.name,
                    "source": seen.address,
                    **({} if seen.report is None else _of_report(seen.report)),
                    "new_records": 0 if seen.report is None else seen.report.size - seen.since,
                    "unknown_records": seen.figures.unknown,
                    **_columns(seen.figures.cells),
                }
                for seen in self.good
            ],
            "left_out": [
                {
                    "source": seen.address,
                    "origin": seen.origin,
                    "reason": seen.left_out.value,
                    "detail": seen.detail,
                    "findings": [] if seen.report is None else [f.to_json() for f in seen.report.findings],
                }
                for seen in self.visits
                if seen.left_out is not None
            ],
            "total": _columns(self.total),
            "eliminated": [grant.to_json() for grant in self.eliminated],
            "in_transit": [grant.to_json() for grant in self.in_transit],
            "not_compared": [grant.to_json() for grant in self.not_compared],
            "findings": [grant.to_json() for grant in self.wrong],
            "activities_named_differently": list(self.named_differently),
        }


def _of_report(report: Report) -> dict[str, Any]:
    return {
        "size": report.size,
        "root": report.root,
        "witnessed_at": report.witnessed_at,
        "open": [finding.to_json() for finding in report.findings],
    }


def _columns(cells: Counter[Cell]) -> dict[str, Any]:
    """Figures as JSON: sums by unit, and rows where there is more to say."""
    said: dict[str, Any] = {column.value: {} for column in Column}
    rows: dict[str, list[dict[str, Any]]] = {"used": [], "external": [], "children": []}
    for cell, amount in sorted(cells.items()):
        if cell.column not in rows:
            said[cell.column][cell.unit] = amount
            continue
        row: dict[str, Any] = {"activity": cell.activity or None}
        if cell.column == Column.EXTERNAL:
            row |= {"communes": cell.communes.split(), "organisation": cell.organisation}
        else:
            row["commune"] = cell.communes or None
        if cell.column == Column.USED:
            row["province"] = cell.province or None
        if cell.column == Column.CHILDREN:
            row |= {"organisation": cell.organisation or None, "heads": amount, "may_count_a_child_twice": True}
        else:
            row |= {"unit": cell.unit, "minor": amount}
        rows[cell.column].append(row)
    return said | rows


def consolidate(visits: Iterable[Visit]) -> Consolidation:
    """Adds up the books that hold."""
    seen = tuple(visits)
    books = {one.origin or "": one.figures for one in seen if one.left_out is None}
    left_out = {one.origin for one in seen if one.left_out is not None}
    total: Counter[Cell] = Counter()
    for figures in books.values():
        total.update(figures.cells)
    matched, wrong, not_compared, claimed = _received(books, left_out)
    for grant in matched:
        total[Cell(Column.GRANTS_SENT, grant.unit)] -= grant.minor
        total[Cell(Column.GRANTS_RECEIVED, grant.unit)] -= grant.minor
    in_transit: list[Grant] = []
    for origin, figures in books.items():
        for index, sent in sorted(figures.sent.items()):
            if not sent.holds or (origin, index) in claimed:
                continue
            grant = Grant(origin, index, sent.to_origin, None, sent.minor, sent.unit)
            if sent.to_origin in books:
                in_transit.append(grant)
            elif sent.to_origin in left_out:
                not_compared.append(grant)
    return Consolidation(
        seen, total, tuple(matched), tuple(in_transit), tuple(not_compared), tuple(wrong), _differing(books.values())
    )


def _received(
    books: dict[str, Figures], left_out: set[str | None]
) -> tuple[list[Grant], list[Grant], list[Grant], set[tuple[str, int]]]:
    """Grants received that were eliminated, those that are wrong, those not compared; and which were claimed."""
    fitting: dict[tuple[str, int], list[Grant]] = {}
    wrong: list[Grant] = []
    not_compared: list[Grant] = []
    claimed: set[tuple[str, int]] = set()
    for origin, figures in books.items():
        for index, got in sorted(figures.received.items()):
            if not got.holds:
                continue
            said = (got.from_origin, got.from_index, origin, index, got.minor, got.unit)
            if got.from_origin in left_out:
                not_compared.append(Grant(*said))
            if got.from_origin not in books:
                continue
            sent = books[got.from_origin].sent.get(got.from_index)
            if sent is None or sent.leaf != got.from_leaf:
                wrong.append(Grant(*said, GrantKind.GRANT_NOT_FOUND, "the book named has no such record"))
                continue
            if sent.to_origin == origin:
                claimed.add(said[:2])
            if not sent.holds:
                wrong.append(Grant(*said, GrantKind.GRANT_NOT_FOUND, "the sender has reversed that record"))
            elif sent.to_origin != origin:
                wrong.append(Grant(*said, GrantKind.GRANT_DIFFERS, f"it was sent to {sent.to_origin}"))
            elif (sent.minor, sent.unit) != (got.minor, got.unit):
                wrong.append(Grant(*said, GrantKind.GRANT_DIFFERS, f"{sent.minor} {sent.unit} were sent"))
            else:
                fitting.setdefault(said[:2], []).append(Grant(*said))
    matched = [claims[0] for claims in fitting.values() if len(claims) == 1]
    for claims in fitting.values():
        if len(claims) > 1:
            named = ", ".join(str(claim.to_index) for claim in claims)
            detail = f"received by records {named}"
            for claim in claims:
                fields = (claim.from_origin, claim.from_index, claim.to_origin, claim.to_index, claim.minor, claim.unit)
                wrong.append(Grant(*fields, GrantKind.GRANT_CLAIMED_TWICE, detail))
    return matched, wrong, not_compared, claimed


def _differing(books: Iterable[Figures]) -> tuple[str, ...]:
    names: dict[str, set[str]] = {}
    for figures in books:
        for code, name in figures.activities.items():
            names.setdefault(code, set()).add(name)
    return tuple(sorted(code for code, said in names.items() if len(said) > 1))
