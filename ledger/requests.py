"""What people and programs ask for, as JSON, turned into drafts for the book.

A request is `{"entry": {"kind": …}, "reference": "key"}`. Wherever an entry speaks of a person, the request says
`{"private": {"name": "…", "phone": "…"}}`, or `{"same_as": 12}` for the person of record 12, with or without
`private`. The private values go to the vault; the record gets a fresh tag and commitments.

`reference` makes a request safe to repeat: the same key with the same request gives the record that is
there, with another request it is refused. Without one a random key is drawn, and sending twice records twice.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import msgspec

from ledger.book import Book, Draft, Recorded, same_request
from ledger.clocks import campaign_limits
from ledger.entries.base import Person, kind_of
from ledger.entries.book import ClockClamped, KeyReplaced, Restored
from ledger.entries.campaigns import CampaignOpened
from ledger.entries.pledges import PledgeMade
from ledger.log import canonical
from ledger.record import checked_entry, decode
from ledger.refusals import Reason, Rejected
from ledger.statements.matching import RANDOM_BYTES, make_code
from ledger.store import read
from ledger.store.append import SealedRow, SubjectRow
from ledger.store.engine import reading
from ledger.vault.seal import RandomBytes, Vault

MAX_GROUP = 1000
_DONE_NOT_SAID = frozenset(kind_of(kind.__name__) for kind in (KeyReplaced, Restored))
IMPORTER = "import"
"""Whose references name statement files and lines by their content; nobody else may act under this name."""


Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request looked at: its entry, its full reference, its canonical bytes and their keyed hash."""

    entry: dict[str, Any]
    reference: str
    asked: bytes
    mac: bytes

    def there(self, known: Mapping[str, tuple[int, bytes, bytes]]) -> Recorded | None:
        """The record that this reference has; raises Rejected(REFERENCE_REUSED) for another request."""
        return same_request(known, self.reference, self.mac)


class Requests:
    """Takes requests for one book."""

    def __init__(self, book: Book, vault: Vault, random_bytes: RandomBytes) -> None:
        self._book = book
        self._vault = vault
        self._random = random_bytes

    def submit(self, requests: Sequence[object], by: str) -> tuple[Recorded, ...]:
        """Records all or none; raises Rejected (details: `number` of the request) and what `Book.record` raises."""
        answer = self.submit_each([requests], by)[0]
        if isinstance(answer, Rejected):
            raise answer
        return answer

    def submit_each(self, groups: Sequence[Sequence[object]], by: str) -> list[tuple[Recorded, ...] | Rejected]:
        """Each group wholly or not at all; all of them in one transaction.

        References are looked up before any randomness is drawn: a request that is there already costs one read.
        The answer under the head's lock is the one that counts.
        """
        if by == IMPORTER:
            raise Rejected(Reason.MALFORMED, "this name is kept for statement lines", field="by")
        answers: list[tuple[Recorded, ...] | Rejected] = []
        asked: list[list[_Asked]] = []
        for group in groups:
            try:
                asked.append(self._asked(group, by))
            except Rejected as refused:
                asked.append([])
                answers.append(refused)
                continue
            answers.append(())
        known = self._book.find(request.reference for group in asked for request in group)
        drafts: dict[int, list[Draft]] = {}
        for number, group in enumerate(asked):
            if isinstance(answers[number], Rejected):
                continue
            try:
                there = [request.there(known) for request in group]
                if all(place is not None for place in there):
                    answers[number] = tuple(place for place in there if place is not None)
                else:
                    drafts[number] = _numbered(group, lambda one: self.draft(one.entry, one.reference, one.asked))
            except Rejected as refused:
                answers[number] = refused
        for number, answer in zip(drafts, self._book.record_each(list(drafts.values()), by), strict=True):
            answers[number] = answer
        return answers

    def draft(self, entry: Mapping[str, Any], reference: str, asked: bytes) -> Draft:
        """A draft of one entry in its request form; `asked` is what makes a repetition the same."""
        sealed: list[SealedRow] = []
        subjects: list[SubjectRow] = []
        public = self._without_private(entry, sealed, subjects)
        if entry.get("kind") == kind_of(ClockClamped.__name__):
            raise Rejected(Reason.MALFORMED, "the book says this by itself", field="kind")
        if isinstance(public, dict) and entry.get("kind") == kind_of(PledgeMade.__name__) and "pledge" not in entry:
            public["pledge"] = make_code(self._random(RANDOM_BYTES))
        if isinstance(public, dict) and entry.get("kind") == kind_of(CampaignOpened.__name__):
            public = {**_limits(public), **public}
        return Draft(
            entry=checked_entry(msgspec.json.encode(public)),
            reference=reference,
            request=self._book.keys.request_mac(self._book.code, asked),
            sealed=tuple(sealed),
            subjects=tuple(subjects),
        )

    def _asked(self, group: Sequence[object], by: str) -> list["_Asked"]:
        if len(group) > MAX_GROUP:
            raise Rejected(Reason.TOO_LARGE, f"at most {MAX_GROUP} entries at once", field="entries")
        return _numbered(group, lambda request: self._one(request, by))

    def _one(self, request: object, by: str) -> "_Asked":
        if not isinstance(request, dict) or not isinstance(request.get("entry"), dict):
            raise Rejected(Reason.MALFORMED, "a request is an object with an entry", field="entry")
        if unknown := set(request) - {"entry", "reference"}:
            raise Rejected(Reason.MALFORMED, "unknown field", field=", ".join(sorted(map(str, unknown))))
        key = request.get("reference")
        if key is None:
            key = self._random(16).hex()
        # Looked up in the database before the record is made, so checked before that.
        if not isinstance(key, str) or re.fullmatch("[!-~]{1,120}", key) is None:
            raise Rejected(Reason.MALFORMED, "1 to 120 ASCII characters without spaces", field="reference")
        normal = _normal(request)
        try:
            asked = canonical.encode(normal)
        except canonical.NotCanonical as error:
            raise Rejected(Reason.MALFORMED, str(error)) from error
        mac = self._book.keys.request_mac(self._book.code, asked)
        return _Asked(normal["entry"], f"{by}/{key}", asked, mac)

    def _without_private(self, value: object, sealed: list[SealedRow], subjects: list[SubjectRow]) -> object:
        if isinstance(value, dict):
            if "private" in value or "same_as" in value:
                return self._sealed(value, sealed, subjects)
            if foreign := {"seals", "tag"} & set(value):
                # Nobody could ever open a commitment that the vault did not make.
                field = ", ".join(sorted(foreign))
                raise Rejected(Reason.MALFORMED, "a person is given as private or same_as", field=field)
            return {name: self._without_private(item, sealed, subjects) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._without_private(item, sealed, subjects) for item in value]
        return value

    def _sealed(self, asked: Mapping[str, Any], sealed: list[SealedRow], subjects: list[SubjectRow]) -> object:
        private, same_as = asked.get("private"), asked.get("same_as")
        if unknown := set(asked) - {"private", "same_as"}:
            raise Rejected(Reason.MALFORMED, "unknown field beside private", field=", ".join(sorted(unknown)))
        known: SubjectRow | None = None
        values: dict[str, str] = {}
        if same_as is not None:
            if not isinstance(same_as, int) or isinstance(same_as, bool):
                raise Rejected(Reason.MALFORMED, "the index of a record", field="same_as")
            known, values = self._person_of(same_as)
        if private is not None:
            if not isinstance(private, dict) or not all(isinstance(text, str) for text in private.values()):
                raise Rejected(Reason.MALFORMED, "an object of texts", field="private")
            values |= private
        person = self._vault.person(values, known)
        sealed += person.rows
        if person.rows:  # a key that guards nothing is not kept
            subjects.append(person.subject)
        return msgspec.to_builtins(person.person)

    def _person_of(self, index: int) -> tuple[SubjectRow, dict[str, str]]:
        """The first person a record speaks of, with what the vault holds of them there."""
        with reading(self._book.engine) as db:
            body = read.body(db, self._book.code, index)
            person = None if body is None else next(decode(body).entry.persons(), None)
            opened = None if person is None else open_person(db, self._book.code, self._vault, index, person)
        if opened is None:
            raise Rejected(Reason.NOT_IN_VAULT, field="same_as", index=index)
        return opened


def _limits(campaign: Mapping[str, Any]) -> dict[str, int]:
    """The limits of the day a disaster campaign opens on; the entry's own checks say what is wrong with it."""
    try:
        opens_on = date.fromisoformat(str(campaign.get("from_on")))
    except ValueError:
        return {}
    return campaign_limits(opens_on) if campaign.get("sort") == "disaster" else {}


_FILLED_IN = ("booked_on", "left", "less", "line", "more", "proposal", "shortfall", "statement", "voucher")
"""What belongs to the record that was wrong, or is given by the book: a replacement gets its own."""


def request_of(index: int, body: bytes) -> dict[str, Any]:
    """The entry of a record in its request form, to be edited and said again: persons are those of that record.

    Of several persons only the first can be named that way; the others are left to be filled in (`private`: {}).
    """
    entry = decode(body).entry
    seen = 0

    def form(value: Any) -> Any:
        nonlocal seen
        if isinstance(value, dict):
            if value.keys() == {"seals", "tag"}:
                seen += 1
                return {"same_as": index} if seen == 1 else {"private": {}}
            return {name: form(item) for name, item in value.items()}
        return [form(item) for item in value] if isinstance(value, list) else value

    plain = form(msgspec.json.decode(canonical.encode_typed(entry)))
    return {name: value for name, value in plain.items() if name not in _FILLED_IN}


def refuse_done(request: object) -> None:
    """Every door calls this: what a command does (`sovang key rotate`, `sovang restore`) is not said by asking.

    A stolen login could else put a thief's key in force. Raises Rejected(MALFORMED).
    """
    entry = request.get("entry") if isinstance(request, dict) else None
    if isinstance(entry, dict) and entry.get("kind") in _DONE_NOT_SAID:
        raise Rejected(Reason.MALFORMED, "a command of the operator says this", field="kind")


def _numbered(items: Sequence[Item], make: Callable[[Item], Made]) -> list[Made]:
    """`make` of each item; a refusal among several says which by `number`."""
    made = []
    for number, item in enumerate(items):
        try:
            made.append(make(item))
        except Rejected as refused:
            if len(items) > 1:
                refused.details.setdefault("number", number)
            raise
    return made


def _normal(value: Any) -> Any:
    """The same value with every text in NFC: two spellings of one text are one request."""
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    return value


def open_person(
    db: Any, book: str, vault: Vault, index: int, person: Person
) -> tuple[SubjectRow, dict[str, str]] | None:
    """The subject and private values of a person in a record; None when the vault holds nothing of them."""
    values: dict[str, str] = {}
    subject: SubjectRow | None = None
    for field, (subject_id, sealed) in read.vault_values(db, book, index, person.tag).items():
        if subject is None:
            wrapped = read.subject(db, book, subject_id)
            if wrapped is None:
                return None
            subject = SubjectRow(subject_id, *wrapped)
        values[field] = vault.open(SealedRow(person.tag, field, subject_id, sealed), subject).value
    return None if subject is None else (subject, values)
