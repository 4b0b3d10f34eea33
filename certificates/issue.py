"""From a recorded gift to the donor's paper.

The order is what makes the paper worth something: `certificate_issued` is recorded (number, gift; never the
PDF's hash), a checkpoint covers it, and only then is the paper made, with the records and their proofs
inside. Made again from the same records, checkpoint, vault name and template it has the same bytes.

Attached, uncompressed:
    book.record, gift.record, paper.record              canonical bytes of the three records
    book.tlog-proof, gift.tlog-proof, paper.tlog-proof  their proofs under one checkpoint (c2sp.org/tlog-proof)
    paper.json                                          template version, and the opening of the name's commitment
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from certificates.attach import attach
from certificates.layout import Check, Decision, Document, Donor, Issuer, render, spelled_out
from ledger.accounts import code
from ledger.book import Recorded
from ledger.entries.base import Person
from ledger.entries.book import BookOpened, PlaceOpened
from ledger.entries.catalogue import GoodsListed
from ledger.entries.certificates import CertificateIssued, Paper
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftReceived
from ledger.entries.restrictions import FundOpened
from ledger.home import OpenBook
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import prove_inclusion
from ledger.log.note import NoteRejected, split_note
from ledger.log.proof import make_proof
from ledger.record import Record, decode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.rotation import signer_of
from ledger.signing import SignerRefused
from ledger.store import read
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import reading

TEMPLATE = 1
"""Raised whenever the page changes: a paper names the template it was made with."""

SERIES = {"certificate": "TLV", "receipt": "XNUH"}
"""What stands behind number and year: «12/2026/TLV»."""

State = Literal["valid", "revoked", "cancelled"]
"""`revoked`: taken back by an entry of its own; `cancelled`: its gift was reversed, or some of it given back."""

SIGNER = "TM. HỘI ĐỒNG BẢO TRỢ"
"""Who signs where the record does not say."""

Gift = GiftReceived | CashSheetReceived | GatewaySettled


@dataclass(frozen=True, slots=True)
class GiftPart:
    """What one paper thanks for: who, how much, which fund, when, where."""

    person: Person
    minor: int
    unit: str
    fund: str
    received_on: date
    place: str


class PaperNotes(msgspec.Struct, frozen=True):
    """`paper.json`: what is not in the records. `openings` maps a field to {r: hex, value} (ledger/vault/seal.py)."""

    openings: dict[str, dict[str, str]]
    template: int


def issue(
    opened: OpenBook,
    gift: int,
    paper: Paper,
    *,
    by: str,
    issued_on: date,
    part: int | None = None,
    decision: str | None = None,
    decided_on: date | None = None,
    signer: str | None = None,
) -> Recorded:
    """Records that a paper is given for a gift. Only for a received, checkpointed gift.

    Raises Rejected, ALREADY_EXISTS when the gift has its paper (`live_paper` tells which).
    """
    with reading(opened.engine) as db:
        if read.checkpoint_covering(db, opened.code, gift) is None:
            raise Rejected(Reason.NOT_CHECKPOINTED, field="gift", index=gift)
        body = read.body(db, opened.code, gift)
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, field="gift", index=gift)
    entry: dict[str, Any] = {
        "kind": "certificate_issued",
        "gift": gift,
        "gift_leaf": leaf_of(body).hex(),
        "issued_on": issued_on.isoformat(),
        "paper": paper,
    }
    optional = {"decision": decision, "decided_on": decided_on and decided_on.isoformat(), "part": part}
    optional |= {"signer": signer}
    entry |= {name: value for name, value in optional.items() if value is not None}
    return opened.requests.submit([{"entry": entry}], by)[0]


def live_paper(opened: OpenBook, gift: int, paper: Paper, part: int | None = None) -> int | None:
    """Index of the paper that holds for a gift now, or None."""
    key = Key("certificate-of", f"{paper}/{gift}" if part is None else f"{paper}/{gift}/{part}")
    with reading(opened.engine) as db:
        row = read.registers(db, opened.code, [key]).get(key)
    value = None if row is None else decode_value(row)
    return value["index"] if value is not None and value["live"] else None


def render_paper(opened: OpenBook, index: int) -> bytes:
    """The PDF of the paper recorded at `index`, its proofs inside.

    Raises Rejected(NO_SUCH_RECORD, NOT_CHECKPOINTED, GIFT_TAKEN_BACK when it was revoked, UNIT_DIFFERS).
    """
    with reading(opened.engine) as db:
        return _Paper(opened, db, index).pdf()


class _Paper:
    """One paper in the making, from one snapshot of the book."""

    def __init__(self, opened: OpenBook, db: Connection, index: int) -> None:
        self._opened = opened
        self._db = db
        self._index = index
        self._bodies: dict[str, tuple[int, bytes]] = {}

    def pdf(self) -> bytes:
        book = self._record("book", 0).entry
        paper = self._record("paper", self._index).entry
        if not isinstance(book, BookOpened) or not isinstance(paper, CertificateIssued):
            raise Rejected(Reason.NO_SUCH_RECORD, "this record issues no paper", index=self._index)
        if not _is_live(self._db, self._opened.code, paper):
            raise Rejected(Reason.GIFT_TAKEN_BACK, "the paper was revoked", index=self._index)
        gift = gift_part(self._record("gift", paper.gift).entry, paper.part)
        note = read.checkpoint_covering(self._db, self._opened.code, self._index)
        if note is None:
            raise Rejected(Reason.NOT_CHECKPOINTED, index=self._index)
        size = parse_checkpoint(split_note(note.encode())[0]).size
        try:
            vkey = signer_of(self._db, self._opened.code, note).vkey
        except NoteRejected as error:
            raise SignerRefused("FOREIGN_NOTE", "the checkpoint kept is not signed by this book") from error
        known = openings(self._opened, self._db, paper.gift, gift.person)
        pdf = render(self._document(book, paper, gift, size, vkey, known))
        notes = PaperNotes({field: opening for field, opening in known.items() if field == "name"}, TEMPLATE)
        files = {"paper.json": msgspec.json.encode(notes, order="sorted")}
        tree = read.tree_reader(self._db, self._opened.code)
        for name, (index, body) in self._bodies.items():
            files[f"{name}.record"] = body
            files[f"{name}.tlog-proof"] = make_proof(index, prove_inclusion(index, size, tree), note.encode())
        return attach(pdf, files)

    def _document(
        self,
        book: BookOpened,
        paper: CertificateIssued,
        gift: GiftPart,
        size: int,
        vkey: str,
        known: dict[str, dict[str, str]],
    ) -> Document:
        if gift.unit != "VND":
            raise Rejected(Reason.UNIT_DIFFERS, "papers are made in đồng", unit=gift.unit)
        leaf = leaf_of(self._bodies["paper"][1])
        name = known.get("name")
        sent = known.get("counterparty")
        donor = Donor(None)
        if name or sent:
            donor = Donor(spelled_out((name or sent or {})["value"]), as_sent=not name)
        decision = None
        if paper.decision is not None and paper.decided_on is not None:
            decision = Decision(paper.decision, paper.decided_on)
        return Document(
            kind=paper.paper,
            issuer=Issuer(book.name),
            number=shown_number(paper),
            donor=donor,
            purpose=name_of(self._opened, self._db, "fund", gift.fund),
            received_on=gift.received_on,
            received_at=name_of(self._opened, self._db, "place", gift.place),
            issued_on=paper.issued_on,
            issued_at=book.seat,
            check=Check(
                qr=f"sovang:{book.origin}/{self._index}/{leaf.hex()}",
                short_code=short_code(leaf),
                index=self._index,
                checkpoint_size=size,
                vkey=vkey,
            ),
            amount_minor=gift.minor,
            decision=decision,
            signer=SIGNER if paper.signer is None else spelled_out(paper.signer),
        )

    def _record(self, name: str, index: int) -> Record:
        body = read.body(self._db, self._opened.code, index)
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        self._bodies[name] = (index, body)
        return decode(body)


def openings(opened: OpenBook, db: Connection, index: int, person: Person) -> dict[str, dict[str, str]]:
    """What the vault holds of a person of record `index`: field → {r, value}."""
    found = {}
    for field, (subject_id, sealed) in read.vault_values(db, opened.code, index, person.tag).items():
        wrapped = read.subject(db, opened.code, subject_id)
        if wrapped is None:
            continue
        row = SealedRow(person.tag, field, subject_id, sealed)
        value = opened.vault.open(row, SubjectRow(subject_id, *wrapped))
        found[field] = {"r": value.r.hex(), "value": value.value}
    return found


def name_of(opened: OpenBook, db: Connection, register: str, name: str) -> str:
    """The title that the opening entry gave to a fund, a place or goods; its code when there is none."""
    key = Key(register, name)
    row = read.registers(db, opened.code, [key]).get(key)
    body = None if row is None else read.body(db, opened.code, decode_value(row)["index"])
    entry = None if body is None else decode(body).entry
    if isinstance(entry, FundOpened | PlaceOpened | GoodsListed):
        return spelled_out(entry.name)
    return code(name) or name


def gift_part(entry: object, part: int | None) -> GiftPart:
    """The gift, or the part of a sheet or batch, that a paper is for; raises Rejected(NOT_A_GIFT)."""
    if isinstance(entry, GiftReceived) and part is None:
        return GiftPart(entry.donor, entry.amount.minor, entry.amount.unit, entry.fund, entry.received_on, entry.place)
    if isinstance(entry, CashSheetReceived) and part is not None and part < len(entry.envelopes):
        envelope = entry.envelopes[part]
        return GiftPart(envelope.donor, envelope.minor, entry.amount.unit, entry.fund, entry.received_on, entry.place)
    if isinstance(entry, GatewaySettled) and part is not None and part < len(entry.gifts):
        gift = entry.gifts[part]
        return GiftPart(gift.donor, gift.minor, entry.credited.unit, gift.fund, entry.received_on, entry.place)
    raise Rejected(Reason.NOT_A_GIFT, field="gift")


def short_code(leaf: bytes) -> str:
    """Eight characters a person can read over the telephone, from a record's leaf hash: `K7QM-2XWD`."""
    text = base64.b32encode(leaf[:5]).decode()
    return f"{text[:4]}-{text[4:]}"


def is_live(opened: OpenBook, index: int) -> bool:
    """Whether the paper recorded at `index` still holds; raises Rejected(NO_SUCH_RECORD) when it is none."""
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index)
        paper = None if body is None else decode(body).entry
        if not isinstance(paper, CertificateIssued):
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        return _is_live(db, opened.code, paper)


def _is_live(db: Connection, book: str, paper: CertificateIssued) -> bool:
    return _state(db, book, paper)[0] == "valid"


def _state(db: Connection, book: str, paper: CertificateIssued) -> tuple[State, int | None]:
    """Whether the paper holds, and the record that ended it where there is one."""
    keys = [
        Key("certificate", f"{paper.paper}/{paper.issued_on.year}/{paper.number}"),
        Key("reversed", str(paper.gift)),
        Key("refunded", str(paper.gift)),
    ]
    rows = {key: decode_value(value) for key, value in read.registers(db, book, keys).items()}
    if not rows[keys[0]]["live"]:
        return "revoked", rows[keys[0]]["revoked"]
    if rows.get(keys[1], {}).get("live"):
        return "cancelled", rows[keys[1]]["by"]
    back = rows.get(keys[2], {})
    refunded = back.get("minor") if paper.part is None else back.get("parts", {}).get(str(paper.part))
    return ("cancelled" if refunded else "valid"), None


@dataclass(frozen=True, slots=True)
class PaperState:
    """What anybody may know of a paper by its number; nobody is named. `ended_by` is the record that ended it."""

    paper: Paper
    year: int
    number: int
    shown: str
    """As printed: «12/2026/TLV»."""
    state: State
    index: int
    gift: int
    minor: int
    unit: str
    issued_on: date
    decision: str | None
    decided_on: date | None
    signer: str | None
    ended_by: int | None


def paper_state(opened: OpenBook, paper: Paper, year: int, number: int) -> PaperState:
    """The state of a numbered paper now; raises Rejected(NO_SUCH_RECORD)."""
    key = Key("certificate", f"{paper}/{year}/{number}")
    with reading(opened.engine) as db:
        row = read.registers(db, opened.code, [key]).get(key)
        body = None if row is None else read.body(db, opened.code, decode_value(row)["index"])
        record = None if body is None else decode(body)
        issued = None if record is None else record.entry
        given = read.body(db, opened.code, issued.gift) if isinstance(issued, CertificateIssued) else None
        if record is None or not isinstance(issued, CertificateIssued) or given is None:
            raise Rejected(Reason.NO_SUCH_RECORD, "no paper has this number", field="number", number=key.key)
        part = gift_part(decode(given).entry, issued.part)
        state, ended_by = _state(db, opened.code, issued)
    return PaperState(
        paper=paper,
        year=year,
        number=number,
        shown=shown_number(issued),
        state=state,
        index=record.index,
        gift=issued.gift,
        minor=part.minor,
        unit=part.unit,
        issued_on=issued.issued_on,
        decision=issued.decision,
        decided_on=issued.decided_on,
        signer=issued.signer,
        ended_by=ended_by,
    )


def shown_number(paper: CertificateIssued) -> str:
    """The number as printed: «12/2026/TLV»."""
    return f"{paper.number}/{paper.issued_on.year}/{SERIES[paper.paper]}"


def gifts(opened: OpenBook) -> Iterator[tuple[int, int | None, int]]:
    """(index, part, minor) of every gift in đồng that a paper can be given for."""
    with reading(opened.engine) as db:
        for row in read.record_rows(db, opened.code):
            entry = decode(bytes(row.body)).entry
            if isinstance(entry, GiftReceived) and entry.amount.unit == "VND":
                yield row.index, None, entry.amount.minor
            elif isinstance(entry, CashSheetReceived) and entry.amount.unit == "VND":
                yield from ((row.index, part, e.minor) for part, e in enumerate(entry.envelopes))
            elif isinstance(entry, GatewaySettled) and entry.credited.unit == "VND":
                yield from ((row.index, part, g.minor) for part, g in enumerate(entry.gifts))
