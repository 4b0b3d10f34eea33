"""Approving a proposal: the approval is recorded, and with the last one needed the entry itself, in one transaction."""

from typing import Any, Protocol

import msgspec

from ledger.book import Book, Draft, Recorded
from ledger.days import day_of, to_instant
from ledger.entries.approvals import Approved, Declined, Proposed
from ledger.entries.base import EntryBase
from ledger.log import canonical
from ledger.record import checked_entry, decode, leaf_of, reread
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.append import SealedRow
from ledger.store.engine import reading


class AnyOpenBook(Protocol):
    """What approving needs of an open book (ledger.home.OpenBook)."""

    @property
    def book(self) -> Book: ...
    @property
    def opened(self) -> Any: ...


class Approval(msgspec.Struct, frozen=True):
    """What an approval led to."""

    approval: Recorded
    entry: Recorded | None
    """The entry, when this was the last approval it needed."""


def approve(opened: AnyOpenBook, proposed: int, by: str) -> Approval:
    """Approves as `by`; records the entry too when the policy asks for no more.

    Raises Rejected: NO_SUCH_PROPOSAL, ALREADY_APPROVED, NOT_AN_APPROVER, PROPOSAL_SETTLED, and whatever the entry is
    refused for under the rules of this moment; then nothing is recorded.
    """
    book = opened.book
    proposal, leaf, sealed = _proposal(book, proposed)
    today = day_of(to_instant(book.clock()), opened.opened.zone)
    approved = Approved(approved_on=today, proposed=proposed, proposed_leaf=leaf)
    first = _draft(book, approved, f"{by}/approves-{leaf}")
    said = checked_entry(canonical.encode({**proposal.draft, "proposal": leaf}))
    second = _draft(book, said, f"{by}/approved-{leaf}", sealed)
    try:
        approval, entry = book.record([first, second], by)
    except Rejected as refused:
        # Not enough yet: this approval counts, others follow.
        if refused.reason is not Reason.NEEDS_APPROVAL or refused.details.get("number") != 1:
            raise
        return Approval(book.record([first], by)[0], None)
    return Approval(approval, entry)


def decline(opened: AnyOpenBook, proposed: int, why: str, by: str) -> Recorded:
    """Turns a proposal down; raises Rejected(NO_SUCH_PROPOSAL or PROPOSAL_SETTLED)."""
    book = opened.book
    _, leaf, _ = _proposal(book, proposed)
    today = day_of(to_instant(book.clock()), opened.opened.zone)
    declined = Declined(declined_on=today, proposed=proposed, proposed_leaf=leaf, why=why)
    return book.record([_draft(book, declined, f"{by}/declines-{leaf}")], by)[0]


def _proposal(book: Book, index: int) -> tuple[Proposed, str, tuple[SealedRow, ...]]:
    """The proposal, its leaf hash, and what the vault keeps of the people it speaks of."""
    with reading(book.engine) as db:
        body = read.body(db, book.code, index) if index >= 0 else None
        entry: EntryBase | None = None if body is None else decode(body).entry
        if body is None or not isinstance(entry, Proposed):
            raise Rejected(Reason.NO_SUCH_PROPOSAL, field="proposed", index=index)
        sealed = tuple(
            SealedRow(person.tag, field, subject, value)
            for person in entry.persons()
            for field, (subject, value) in read.vault_values(db, book.code, index, person.tag).items()
        )
    return entry, leaf_of(body).hex(), sealed


def _draft(book: Book, entry: EntryBase, reference: str, sealed: tuple[SealedRow, ...] = ()) -> Draft:
    # What is asked follows from the reference: who, what, and which proposal.
    request = book.keys.request_mac(book.code, reference.encode())
    return Draft(reread(entry), reference, request, sealed)
