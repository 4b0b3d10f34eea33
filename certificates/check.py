"""Checking a paper offline: with the file and the log's public key, nothing else.

1. The attachments are there. 2. Each proof opens under the pinned key and all are of one checkpoint. 3. Each
record's bytes are the leaf of its proof. 4. The record issues a paper for exactly that gift record. 5. The
opening of the name gives the commitment in the gift's record.

What is printed comes from the RECORDS, never from the page: a page can be drawn by anybody. Whether the
paper was revoked since cannot be known offline, and the answer says so.
"""

from dataclasses import dataclass
from datetime import date

import msgspec

from certificates.attach import attached
from certificates.issue import PaperNotes, gift_part, short_code
from ledger.entries.book import BookOpened
from ledger.entries.certificates import CertificateIssued
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import ProofFailed
from ledger.log.note import NoteRejected, VerifierKey
from ledger.log.proof import parse_proof, verify_proof
from ledger.record import Record, RecordMalformed, decode, leaf_of
from ledger.refusals import Rejected
from ledger.vault.seal import commitment

NAMES = ("book", "gift", "paper")


class PaperFalse(ValueError):
    """The paper does not prove what it says; `reason` is stable."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {message}")


@dataclass(frozen=True, slots=True)
class CheckedPaper:
    """What the records say, proven under `checkpoint`. `name` is the donor's, opened against its commitment."""

    issuer: str
    paper: str
    number: int
    issued_on: date
    index: int
    gift: int
    minor: int
    unit: str
    fund: str
    received_on: date
    name: str | None
    short_code: str
    leaf: bytes
    """The leaf hash of the record that issued the paper."""
    checkpoint: Checkpoint


def check_paper(pdf: bytes, key: VerifierKey) -> CheckedPaper:
    """What a paper proves under the log's public key. Raises PaperFalse, or Rejected for a file that is no PDF."""
    files = attached(pdf)
    missing = [f"{n}.{ending}" for n in NAMES for ending in ("record", "tlog-proof") if f"{n}.{ending}" not in files]
    if missing:
        raise PaperFalse("NO_PROOF_INSIDE", f"attachment missing: {', '.join(missing)}")
    records: dict[str, Record] = {}
    checkpoints: set[Checkpoint] = set()
    for name in NAMES:
        record, checkpoint = _proven(name, files[f"{name}.record"], files[f"{name}.tlog-proof"], key)
        records[name] = record
        checkpoints.add(checkpoint)
    if len(checkpoints) != 1:
        raise PaperFalse("CHECKPOINTS_DIFFER", "the proofs are of different checkpoints")
    book, gift, paper = records["book"].entry, records["gift"], records["paper"]
    issued = paper.entry
    if not isinstance(book, BookOpened) or records["book"].index != 0:
        raise PaperFalse("NOT_THE_BOOK", "record 0 is not inside")
    if book.origin != next(iter(checkpoints)).origin:
        raise PaperFalse("NOT_THE_BOOK", "record 0 opens a book of another origin")
    if not isinstance(issued, CertificateIssued) or issued.number is None:
        raise PaperFalse("NOT_A_PAPER", "the record issues no paper")
    if issued.gift != gift.index or issued.gift_leaf != leaf_of(files["gift.record"]).hex():
        raise PaperFalse("NOT_THE_GIFT", "the record names another gift")
    try:
        part = gift_part(gift.entry, issued.part)
    except Rejected as error:
        raise PaperFalse("NOT_THE_GIFT", str(error)) from error
    seals = {seal.field: seal.commitment for seal in part.person.seals}
    return CheckedPaper(
        issuer=book.name,
        paper=issued.paper,
        number=issued.number,
        issued_on=issued.issued_on,
        index=paper.index,
        gift=gift.index,
        minor=part.minor,
        unit=part.unit,
        fund=part.fund,
        received_on=part.received_on,
        name=_opened_name(files.get("paper.json"), part.person.tag, seals),
        short_code=short_code(leaf_of(files["paper.record"])),
        leaf=leaf_of(files["paper.record"]),
        checkpoint=checkpoints.pop(),
    )


def _proven(name: str, body: bytes, proof: bytes, key: VerifierKey) -> tuple[Record, Checkpoint]:
    try:
        checkpoint = verify_proof(proof, leaf_of(body), key)
        record = decode(body)
        index = parse_proof(proof).index
    except (NoteRejected, ProofFailed) as error:
        raise PaperFalse("PROOF_FAILED", f"{name}: {error}") from error
    except RecordMalformed as error:
        raise PaperFalse("RECORD_MALFORMED", f"{name}: {error}") from error
    if record.index != index:
        raise PaperFalse("PROOF_FAILED", f"{name}: the record says another index than its proof")
    return record, checkpoint


def _opened_name(notes: bytes | None, tag: str, seals: dict[str, str]) -> str | None:
    if "name" not in seals:
        return None
    try:
        # Without its opening a page could show any name beside records that prove the rest.
        if notes is None or (opening := msgspec.json.decode(notes, type=PaperNotes).openings.get("name")) is None:
            raise PaperFalse("NAME_DIFFERS", "the gift's record commits to a name and its opening is missing")
        given = commitment(bytes.fromhex(opening["r"]), tag, "name", opening["value"])
    except PaperFalse:
        raise
    except (msgspec.MsgspecError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise PaperFalse("NAME_DIFFERS", "the opening of the name cannot be read") from error
    if given != seals["name"]:
        raise PaperFalse("NAME_DIFFERS", "the name is not the one committed to in the gift's record")
    return opening["value"]
