"""Checking a donor's bundle, or the QR code of a proof, offline: with the bytes, the pinned key and a policy.

The layout and every name of a failure are in docs/format.md, "Donor's bundle" and "QR code of a proof". In order:

1. The bytes are canonical JSON of the layout, within its limits.
2. The checkpoint opens under the pinned key, or under one that the bundle's `key_replaced` records hand over to.
3. With a policy: enough witnesses have signed.
4. Every record is proven at its own index; the first opens the book of that origin.
5. The gift's record brings in what the trace says.
6. Uses, what is held and what was given back add up to the gift.
7. Each use is a record of the bundle that used at least so much.
8. From the gift's fund a way leads along postings of the bundle to each use; goods given straight are there already.
9. The opening of the name gives the commitment in the gift's record.

It shows that money of the gift's fund went to these uses. That rule R gives just these to this gift is shown
by a fold of the whole book only. `held`, `refunded_minor` and the money of a use of goods are the issuer's word:
they add up, and nothing inside proves them; whoever shows them says so. Pure.
"""

import hmac
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from ledger.accounts import CODE, Posting, root
from ledger.entries.aid import Delivered
from ledger.entries.base import Person
from ledger.entries.book import BalanceBrought, BookOpened, KeyReplaced
from ledger.entries.goods import GoodsGivenDirectly, GoodsReceived
from ledger.entries.receipts import CashSheetReceived, GatewaySettled
from ledger.log import canonical, replacement
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import HASH_LENGTH, ProofFailed, verify_inclusion
from ledger.log.note import NoteRejected, VerifierKey, decode_base64, open_note
from ledger.log.policy import NONE, Judged, Policy
from ledger.log.proof import MAX_HASHES
from ledger.log.qr import read_qr
from ledger.money import Amount, Unit
from ledger.record import BareRecord, Record, RecordMalformed, decode_any, leaf_of
from ledger.tracing import Held

FORMAT = "sovang-bundle/1"
MAX_BUNDLE_BYTES = 16_000_000
MAX_RECORDS = 20_000

Natural = Annotated[int, msgspec.Meta(ge=0)]
_WAYS = ("fund", "allocated", "ordered", "handed", "shortfall")
HeldAccount = Annotated[str, msgspec.Meta(pattern=f"^(?:{'|'.join(_WAYS)}):{CODE}$(?!\n)")]
_EXCHANGE = "exchange-purpose"
_GIVERS = ("donors", "interest", "brought", "found")
_NO_POLICY = Policy((), (), (), NONE)

BundleReason = Literal[
    "TOO_LARGE",
    "NOT_CANONICAL",
    "MALFORMED",
    "NOTE_REJECTED",
    "KEY_COMPROMISED",
    "KEY_CHAIN_BROKEN",
    "KEY_CLOSED",
    "NOT_WITNESSED",
    "RECORD_MALFORMED",
    "PROOF_FAILED",
    "NOT_THE_BOOK",
    "NOT_THE_GIFT",
    "SUM_DIFFERS",
    "USE_NOT_SHOWN",
    "NO_PATH",
    "NAME_DIFFERS",
]


class BundleFalse(ValueError):
    """It does not prove what it says; `reason` is stable."""

    def __init__(self, reason: BundleReason, message: str) -> None:
        self.reason: BundleReason = reason
        super().__init__(f"{reason}: {message}")


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class GiftName(_Struct, frozen=True):
    """Which gift: the index of its record, and which part of it, from 0."""

    index: Natural
    part: Natural | msgspec.UnsetType = msgspec.UNSET


class Opening(_Struct, frozen=True):
    """What opens a commitment (ledger/vault/seal.py)."""

    r: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$(?!\n)")]
    value: str


class Openings(_Struct, frozen=True):
    """The openings a bundle may hold: the donor's own name, or nothing."""

    name: Opening | msgspec.UnsetType = msgspec.UNSET


class Proven(_Struct, frozen=True):
    """A record's bytes as text, and its inclusion proof."""

    path: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_HASHES)]
    record: str


class HeldPart(_Struct, frozen=True):
    """What is not used yet, and where: the issuer's word."""

    account: HeldAccount
    goods: dict[Unit, Natural]
    minor: Natural
    unit: str


class UsePart(_Struct, frozen=True):
    """What one record used of the gift; of goods that money became only the pieces are held against that record."""

    goods: dict[Unit, Natural]
    index: Natural
    minor: Natural
    unit: str


class GiftTrace(_Struct, frozen=True):
    """What the gift did."""

    amount: Amount
    fund: str
    held: tuple[HeldPart, ...]
    refunded_minor: Natural
    uses: tuple[UsePart, ...]


class Bundle(_Struct, frozen=True):
    """A bundle as it was read; nothing in it is verified by that."""

    checkpoint: str
    format: Literal["sovang-bundle/1"]
    gift: GiftName
    openings: Openings
    records: Annotated[tuple[Proven, ...], msgspec.Meta(min_length=1)]
    trace: GiftTrace


@dataclass(frozen=True, slots=True)
class CheckedUse:
    """What one record used of the gift, and what that record says of itself.

    `kind` is `unknown` for a kind newer than this program. A hidden delivery has a province and no commune.
    """

    index: int
    kind: str
    day: date | None
    activity: str | None
    commune: str | None
    province: str | None
    minor: int
    unit: str
    goods: dict[str, int]


@dataclass(frozen=True, slots=True)
class CheckedBundle:
    """What a bundle shows, as of the book of `checkpoint.size` records. `name` is the donor's, opened.

    Not proven, only adding up with the rest: `held`, `refunded_minor`, and `minor` of a use with `goods`.
    """

    issuer: str
    gift: int
    part: int | None
    kind: str
    received_on: date | None
    fund: str
    amount: Amount
    uses: tuple[CheckedUse, ...]
    held: tuple[Held, ...]
    refunded_minor: int
    records: tuple[int, ...]
    """Indexes of the records inside, all proven."""
    name: str | None
    checkpoint: Checkpoint
    judged: Judged
    """Who of the policy has witnessed it; without a policy nobody was asked."""


@dataclass(frozen=True, slots=True)
class CheckedQr:
    """The record that a QR code carries, proven under `checkpoint`."""

    index: int
    body: bytes
    checkpoint: Checkpoint
    judged: Judged


AnyRecord = Record | BareRecord


def check_bundle(data: bytes, key: VerifierKey, policy: Policy | None = None) -> CheckedBundle:
    """What a bundle proves under the pinned key. Raises BundleFalse."""
    # 1
    bundle = read_bundle(data)
    paths = [[_hash(line) for line in proven.path] for proven in bundle.records]
    bodies = [proven.record.encode() for proven in bundle.records]
    records = [_record(body) for body in bodies]
    _check_order("records", [record.index for record in records])
    # 2, 3
    judged = _judged(bundle.checkpoint.encode(), _chain(key, records), policy)
    checkpoint = judged.checkpoint
    # 4
    for record, body, path in zip(records, bodies, paths, strict=True):
        _verify(record.index, body, path, checkpoint)
    book = _entry(records[0])
    if records[0].index != 0 or not isinstance(book, BookOpened) or book.origin != checkpoint.origin:
        raise BundleFalse("NOT_THE_BOOK", "the first record does not open the book of this origin")
    by_index = {record.index: record for record in records}
    # 5
    part = None if bundle.gift.part is msgspec.UNSET else bundle.gift.part
    gift = by_index.get(bundle.gift.index)
    if gift is None:
        raise BundleFalse("NOT_THE_GIFT", f"record {bundle.gift.index} is not inside")
    home = _home(_entry(gift), bundle.trace.fund)
    _check_gift(gift, part, bundle.trace, home)
    # 6
    _check_sum(bundle.trace)
    # 7, 8
    reached = _reached(f"{home} {bundle.trace.amount.unit}", records)
    for use in bundle.trace.uses:
        _check_use(use, by_index.get(use.index), home, reached)
    # 9
    entry = _entry(gift)
    name = _opened_name(bundle.openings.name, donor_of(entry, part))
    day = None if entry is None else entry.money_day()
    if isinstance(entry, BalanceBrought) and part is not None:
        day = entry.gifts[part].received_on
    return CheckedBundle(
        issuer=book.name,
        gift=gift.index,
        part=part,
        kind="unknown" if entry is None else entry.kind,
        received_on=day,
        fund=bundle.trace.fund,
        amount=bundle.trace.amount,
        uses=tuple(_told(use, by_index[use.index]) for use in bundle.trace.uses),
        held=tuple(Held(place.account, place.minor, place.unit, place.goods) for place in bundle.trace.held),
        refunded_minor=bundle.trace.refunded_minor,
        records=tuple(by_index),
        name=name,
        checkpoint=checkpoint,
        judged=judged,
    )


def check_qr(text: str, key: VerifierKey, policy: Policy | None = None) -> CheckedQr:
    """What the text of a QR code proves under the pinned key. Raises BundleFalse."""
    try:
        read = read_qr(text)
    except ProofFailed as error:
        raise BundleFalse("MALFORMED", str(error)) from error
    record = _record(read.record)
    judged = _judged(read.parsed.checkpoint, [_Term(key, 0, None)], policy)
    if record.index != read.parsed.index:
        raise BundleFalse("PROOF_FAILED", "the record says another index than its proof")
    _verify(record.index, read.record, read.parsed.path, judged.checkpoint)
    return CheckedQr(record.index, read.record, judged.checkpoint, judged)


def read_bundle(data: bytes) -> Bundle:
    """Step 1. Raises BundleFalse(TOO_LARGE, NOT_CANONICAL or MALFORMED)."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise BundleFalse("TOO_LARGE", f"{len(data)} bytes, at most {MAX_BUNDLE_BYTES}")
    try:
        value = canonical.decode(data)
    except canonical.NotCanonical as error:
        raise BundleFalse("NOT_CANONICAL", str(error)) from error
    try:
        bundle = msgspec.convert(value, Bundle)
    except msgspec.ValidationError as error:
        raise BundleFalse("MALFORMED", str(error)) from error
    if len(bundle.records) > MAX_RECORDS:
        raise BundleFalse("TOO_LARGE", f"{len(bundle.records)} records, at most {MAX_RECORDS}")
    _check_order("uses", [use.index for use in bundle.trace.uses])
    _check_order("held", [place.account for place in bundle.trace.held])
    return bundle


def _check_order(what: str, keys: Sequence[Any]) -> None:
    if keys != sorted(set(keys)):
        raise BundleFalse("MALFORMED", f"{what} stand in ascending order, each once")


def _hash(line: str) -> bytes:
    value = decode_base64(line)
    if value is None or len(value) != HASH_LENGTH:
        raise BundleFalse("MALFORMED", f"{line[:60]!a} is not canonical base64 of 32 bytes")
    return value


def ways(index: int, postings: Iterable[Posting]) -> Iterator[tuple[str, str]]:
    """The steps of a way that a record's postings are: (from, to)."""
    for posting in postings:
        source, destination = (stop_of(a, posting.amount.unit, index) for a in (posting.source, posting.destination))
        if source is not None and destination is not None:
            yield source, destination


def stop_of(account: str, unit: str, index: int) -> str | None:
    """An account and unit as a stop on a way; None when no way goes through it.

    The exchange is one stop in each record, whatever the unit: there, and only there, money becomes goods.
    """
    if account == _EXCHANGE:
        return f"{_EXCHANGE} {index}"
    return f"{account} {unit}" if root(account) in _WAYS else None


def sinks(postings: Iterable[Posting], units: Iterable[str]) -> list[Posting]:
    """The postings of these units that reach those they were for, pay costs, or were lost."""
    wanted = set(units)
    return [p for p in postings if root(p.destination) in ("used", "costs", "lost") and p.amount.unit in wanted]


def _record(body: bytes) -> AnyRecord:
    try:
        return decode_any(body)
    except RecordMalformed as error:
        raise BundleFalse("RECORD_MALFORMED", str(error)) from error


def _entry(record: AnyRecord) -> Any:
    return record.entry if isinstance(record, Record) else None


@dataclass(frozen=True, slots=True)
class _Term:
    """A key, and the sizes it signs: from `since` to `until`, both counted."""

    key: VerifierKey
    since: int
    until: int | None


def _chain(pinned: VerifierKey, records: Sequence[AnyRecord]) -> list[_Term]:
    """The pinned key and those it was replaced by."""
    terms = [_Term(pinned, 0, None)]
    for record in records:
        entry, current = _entry(record), terms[-1]
        if not isinstance(entry, KeyReplaced) or entry.old_key != current.key.vkey:
            continue
        if entry.compromised:
            raise BundleFalse("KEY_COMPROMISED", "pin the key that the organisation prints anew")
        try:
            new = VerifierKey.parse(entry.new_key)
            if new.name != pinned.name:
                raise NoteRejected("key_name", "the new key has another name")
            said = replacement.statement(pinned.name, entry.old_key, entry.new_key, compromised=False)
            replacement.verify(current.key, said, entry.old_signature or "")
            replacement.verify(new, said, entry.new_signature)
        except NoteRejected as error:
            raise BundleFalse("KEY_CHAIN_BROKEN", f"record {record.index}: {error}") from error
        terms[-1] = _Term(current.key, current.since, record.index + 1)
        terms.append(_Term(new, record.index + 1, None))
    return terms


def _judged(note: bytes, terms: Sequence[_Term], policy: Policy | None) -> Judged:
    asked = policy or _NO_POLICY
    try:
        opened = open_note(note, [term.key for term in terms])
        signed = [term for term in terms if opened.signature_by(term.key) is not None]
        judged = asked.judge(note, signed[0].key)
    except NoteRejected as error:
        raise BundleFalse("NOTE_REJECTED", str(error)) from error
    size = judged.checkpoint.size
    if not any(term.since <= size and (term.until is None or size <= term.until) for term in signed):
        raise BundleFalse("KEY_CLOSED", f"no key that signed size {size} was in force there")
    if not judged.quorum:
        raise BundleFalse("NOT_WITNESSED", "not enough witnesses of the policy have signed")
    return judged


def _verify(index: int, body: bytes, path: Sequence[bytes], checkpoint: Checkpoint) -> None:
    try:
        verify_inclusion(leaf_of(body), index=index, size=checkpoint.size, root=checkpoint.root, proof=path)
    except ProofFailed as error:
        raise BundleFalse("PROOF_FAILED", f"record {index}: {error}") from error


def _home(gift: object, fund: str) -> str:
    """The account that a gift for a fund came into: the fund, or where it was used, when goods were given straight."""
    if isinstance(gift, GoodsGivenDirectly) and gift.fund == fund:
        return f"used:{gift.allocation}"
    return f"fund:{fund}"


def _is_given(posting: Posting, home: str) -> bool:
    return posting.source in _GIVERS and posting.destination == home


def _check_gift(gift: AnyRecord, part: int | None, trace: GiftTrace, home: str) -> None:
    amount = trace.amount
    given = [posting.amount for posting in gift.postings if _is_given(posting, home)]
    came_in = sum(one.minor for one in given if one.unit == amount.unit)
    if part is None:
        if came_in != amount.minor:
            raise BundleFalse("NOT_THE_GIFT", f"record {gift.index} brings in {came_in}, the trace says {amount.minor}")
    elif _part(_entry(gift), part) != (amount.minor, amount.unit, trace.fund) or came_in < amount.minor:
        raise BundleFalse("NOT_THE_GIFT", f"record {gift.index} has no such part")


def _part(entry: object, part: int) -> tuple[int, str, str] | None:
    """(minor, unit, fund) of one part of a sheet, batch, brought balance or gift of goods."""
    if isinstance(entry, CashSheetReceived) and part < len(entry.envelopes):
        return entry.envelopes[part].minor, entry.amount.unit, entry.fund
    if isinstance(entry, BalanceBrought) and part < len(entry.gifts):
        return entry.gifts[part].minor, entry.amount.unit, entry.fund
    if isinstance(entry, GatewaySettled) and part < len(entry.gifts):
        return entry.gifts[part].minor, entry.credited.unit, entry.gifts[part].fund
    if isinstance(entry, GoodsReceived | GoodsGivenDirectly) and part < len(entry.items):
        return entry.items[part].quantity, entry.items[part].goods, entry.fund
    return None


def donor_of(entry: Any, part: int | None) -> Person | None:
    """Who gave a gift, or a part of a sheet or batch; None where the record names nobody."""
    if isinstance(entry, CashSheetReceived) and part is not None and part < len(entry.envelopes):
        return entry.envelopes[part].donor
    if isinstance(entry, GatewaySettled) and part is not None and part < len(entry.gifts):
        return entry.gifts[part].donor
    donor = getattr(entry, "donor", None)
    whole = part is None or isinstance(entry, GoodsReceived | GoodsGivenDirectly)
    return donor if isinstance(donor, Person) and whole else None


def _check_sum(trace: GiftTrace) -> None:
    if not {use.unit for use in trace.uses} | {place.unit for place in trace.held} <= {trace.amount.unit}:
        raise BundleFalse("SUM_DIFFERS", "another unit than the gift's")
    total = sum(u.minor for u in trace.uses) + sum(h.minor for h in trace.held) + trace.refunded_minor
    if total != trace.amount.minor:
        raise BundleFalse("SUM_DIFFERS", f"{total} is accounted for of {trace.amount.minor}")


def _reached(start: str, records: Iterable[AnyRecord]) -> set[str]:
    """Every stop that a way from `start` leads to, itself too."""
    steps: dict[str, list[str]] = {}
    for record in records:
        for source, destination in ways(record.index, record.postings):
            steps.setdefault(source, []).append(destination)
    reached, waiting = {start}, [start]
    while waiting:
        for node in steps.pop(waiting.pop(), ()):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached


def _check_use(use: UsePart, record: AnyRecord | None, home: str, reached: set[str]) -> None:
    if record is None:
        raise BundleFalse("USE_NOT_SHOWN", f"record {use.index} is not inside")
    least = use.goods or {use.unit: use.minor}
    found = sinks(record.postings, least)
    for unit, minor in least.items():
        used = [posting.amount.minor for posting in found if posting.amount.unit == unit]
        if not used or sum(used) < minor:
            raise BundleFalse("USE_NOT_SHOWN", f"record {use.index} does not use {minor} {unit}")
    if not any(_is_given(p, home) or stop_of(p.source, p.amount.unit, use.index) in reached for p in found):
        raise BundleFalse("NO_PATH", f"no way leads from the gift's fund to record {use.index}")


def _opened_name(opening: Opening | msgspec.UnsetType, donor: Person | None) -> str | None:
    if opening is msgspec.UNSET:
        return None
    sealed = None if donor is None else {seal.field: seal.commitment for seal in donor.seals}.get("name")
    if donor is None or sealed is None:
        raise BundleFalse("NAME_DIFFERS", "the gift's record commits to no name")
    message = f"{donor.tag}\0name\0{unicodedata.normalize('NFC', opening.value)}".encode()
    if hmac.digest(bytes.fromhex(opening.r), message, "sha256").hex() != sealed:
        raise BundleFalse("NAME_DIFFERS", "the name is not the one committed to in the gift's record")
    return opening.value


def _told(use: UsePart, record: AnyRecord) -> CheckedUse:
    entry = _entry(record)
    handed = entry if isinstance(entry, Delivered | GoodsGivenDirectly) else None
    scope = None if handed is None else handed.scope
    hidden = None if handed is None else handed.hidden
    return CheckedUse(
        index=use.index,
        kind="unknown" if entry is None else entry.kind,
        day=None if entry is None else entry.money_day(),
        activity=None if scope is None else scope.activity,
        commune=None if scope is None else scope.commune,
        province=None if hidden is None else hidden.province,
        minor=use.minor,
        unit=use.unit,
        goods=use.goods,
    )
