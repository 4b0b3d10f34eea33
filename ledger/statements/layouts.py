"""Header rows understood by meaning: which column is what, and what a known bank's file does besides.

The words are data (`layouts.json`). Three layouts are not banks':
`simple`       a donation list with Vietnamese headings (ngày, người ủng hộ, số tiền, quỹ, nội dung): read
               strictly, gifts only, dot groups
`generic-vi`   any other table with a Vietnamese date heading: day before month, dot groups
`generic`      English headings: marks and day order need proof in the file; `generic-mdy` only if declared
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ledger.refusals import Reason, Rejected
from ledger.statements.amounts import Mark
from ledger.text import fold

BOOKED: Final = ("posted", "transacted", "date", "effective")
"""Which date is the booking day, where a file prints several: the first of these that it has."""


_MARKED: Final = {"no": "nợ", "co": "có"}
"""Words too short to be told without their marks: «STT/No» is a row number, not a debit."""


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    thousands: Mark | None = None
    order: str = "dmy"
    order_needs_proof: bool = False
    strict: bool = False
    """No trimming, no signs, gifts only."""
    date_carried: bool = False
    date_with_document: bool = False
    totals: bool = False
    totals_unlabelled: bool = False
    marks: tuple[str, ...] = ()
    columns: tuple[tuple[str, ...], ...] = ()


SIMPLE: Final = Layout("simple", thousands=".", strict=True)
GENERIC_VI: Final = Layout("generic-vi", thousands=".", totals=True)
GENERIC: Final = Layout("generic", order_needs_proof=True, totals=True)
GENERIC_MDY: Final = Layout("generic-mdy", order="mdy", totals=True)


@dataclass(frozen=True, slots=True)
class Columns:
    """A header row that was understood: role → column, and how wide the table is."""

    roles: dict[str, int]
    width: int
    texts: tuple[str, ...] = field(default=())

    @property
    def booked(self) -> int:
        return next(self.roles[role] for role in BOOKED if role in self.roles)


@cache
def table() -> tuple[dict[str, str], dict[str, str], tuple[Layout, ...]]:
    """Folded word → role, folded word → label, and the banks' layouts."""
    data: dict[str, Any] = json.loads(files("ledger.statements").joinpath("layouts.json").read_text("utf-8"))
    roles = {fold(word): role for role, words in data["roles"].items() for word in words}
    labels = {fold(word): label for label, words in data["labels"].items() for word in words}
    layouts = tuple(
        Layout(
            name=each["name"],
            thousands=each.get("thousands"),
            date_carried=each.get("date_carried", False),
            date_with_document=each.get("date_with_document", False),
            totals=each.get("totals", False),
            totals_unlabelled=each.get("totals_unlabelled", False),
            marks=tuple(fold(word) for word in each["marks"]),
            columns=tuple(tuple(fold(word) for word in words) for words in each["columns"]),
        )
        for each in data["layouts"]
    )
    return roles, labels, layouts


def named(name: str) -> Layout | None:
    return next((each for each in (*table()[2], SIMPLE, GENERIC_VI, GENERIC, GENERIC_MDY) if each.name == name), None)


def parts(text: str) -> tuple[str, ...]:
    """A heading and its halves: «Số tiền ghi nợ/Debit» says the same thing twice."""
    whole = fold(text).strip(" :*.")
    halves = (fold(half).strip(" :*.") for half in re.split(r"[/\n|()+]| - ", text))
    return (whole, *(half for half in halves if half and half != whole))


def roles_of(text: str) -> frozenset[str]:
    roles = table()[0]
    typed = unicodedata.normalize("NFC", text).lower()
    found = {roles[part] for part in parts(text) if part in roles and _MARKED.get(part, "") in typed}
    if len(found & set(BOOKED)) > 1:
        found.discard("date")  # «Ngày hiệu lực/Date»: the precise half counts
    if "document" in found and "reference" in found:
        found.discard("document")
    return frozenset(found)


def read_header(texts: Sequence[str], *, row: int) -> Columns | None:
    """The columns, if this row is a header; None if it is not; a refusal if it is an unclear one."""
    found = [roles_of(text) if len(text) <= 200 else frozenset[str]() for text in texts]
    every = frozenset[str]().union(*found)
    has_date = bool(every & set(BOOKED))
    has_amount = "amount" in every or bool(every & {"debit", "credit"})
    if not (has_date and has_amount):
        return None
    roles: dict[str, int] = {}
    for at, meanings in enumerate(found):
        if meanings & set(BOOKED) and meanings & {"document", "reference"}:
            meanings = meanings - {"document", "reference"}  # one cell holds both; the day is taken apart
        if len(meanings) > 1:
            raise Rejected(Reason.HEADER_UNKNOWN, "a heading with two meanings", row=row, column=at + 1)
        for role in meanings:
            if role in roles:
                raise Rejected(
                    Reason.HEADER_UNKNOWN,
                    f"two columns both mean «{role}»: which one counts cannot be guessed",
                    row=row,
                    columns=f"{roles[role] + 1} and {at + 1}",
                )
            roles[role] = at
    if "amount" in roles and ("debit" in roles or "credit" in roles):
        raise Rejected(Reason.HEADER_UNKNOWN, "both one amount column and debit/credit columns", row=row)
    if ("debit" in roles) != ("credit" in roles):
        raise Rejected(Reason.HEADER_UNKNOWN, "a debit column without a credit column, or none", row=row)
    if not {"memo", "reference", "document"} & set(roles):
        raise Rejected(Reason.HEADER_UNKNOWN, "no column says what a line is for", row=row)
    width = max(at for at, text in enumerate(texts) if text.strip()) + 1
    return Columns(roles, width, tuple(texts[:width]))


def choose(columns: Columns, above: Sequence[str]) -> Layout:
    """Which layout: a bank whose columns are all there (most columns wins), else its name above the table."""
    layouts = table()[2]
    vietnamese = any(part.startswith(fold("ngày")) for part in parts(columns.texts[columns.booked]))
    have = {part for text in columns.texts for part in parts(text)}
    whole = [each for each in layouts if all(have & set(column) for column in each.columns)]
    if whole:
        bank = max(whole, key=lambda each: len(each.columns))
        return replace(bank, thousands=bank.thousands or ("." if vietnamese else None))
    if columns.roles.keys() & {"donor", "fund"} and "amount" in columns.roles:
        return SIMPLE
    title = " ".join(fold(text) for text in above)
    marked = [each for each in layouts if any(word in title for word in each.marks)]
    if len(marked) == 1:
        # The bank's habits, but not its number style: this is not the layout that style was seen in.
        return replace(marked[0], thousands="." if vietnamese else None)
    return GENERIC_VI if vietnamese else GENERIC


def label_of(text: str) -> str | None:
    """opening, closing, account, … if the text (up to its colon) is such a label."""
    labels = table()[1]
    head = text.partition(":")[0]
    for part in parts(head):
        if part in labels:
            return labels[part]
    return None
