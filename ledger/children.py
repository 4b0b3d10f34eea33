"""The children's register: who they are, version by version. It lies in the vault; records hold commitments only.

A child is known by its number (mã trẻ). `COLUMNS` are the fields sealed of one and the headings of a list. Classes
stand with the days they are valid: `HN-01 2026-01-01..2026-12-31; KK-01 2026-01-01..`. Gender is never guessed.

`load` takes a CSV or XLSX list whole or not at all; an empty cell leaves what is known. Opening the register is for
officers, as search is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ledger.entries.base import Person
from ledger.entries.children import ChildRegistered
from ledger.home import OpenBook
from ledger.load.columns import Column, Fault, Line, read_lines
from ledger.load.lists import Asked, record_all
from ledger.record import decode
from ledger.refusals import Reason
from ledger.requests import open_person
from ledger.statements.csv_banks import file_sha256
from ledger.statements.sheet import sheet_rows
from ledger.store import read
from ledger.store.engine import reading

COLUMNS: Final = (
    Column("number", "Mã trẻ", "Number", needed=True),
    Column("name", "Họ tên", "Name"),
    Column("born_on", "Ngày sinh", "Born on", "day"),
    Column("gender", "Giới", "Gender", "choice", words={"nam": "nam", "nữ": "nữ"}),
    Column("classes", "Nhóm", "Classes"),
    Column("commune", "Xã", "Commune"),
    Column("school", "Trường", "School"),
    Column("circumstance", "Hoàn cảnh", "Circumstance"),
    Column("need", "Nhu cầu", "Need"),
    Column("guardian", "Người giám hộ", "Guardian"),
)


@dataclass(frozen=True, slots=True)
class ClassSpan:
    """A beneficiary class and the days it is valid for a child."""

    code: str
    from_on: date
    to_on: date | None

    def __contains__(self, day: date) -> bool:
        return self.from_on <= day and (self.to_on is None or day <= self.to_on)


@dataclass(frozen=True, slots=True)
class Child:
    """One version of what is known of a child."""

    number: str
    index: int
    """The record of this version."""
    registered_on: date
    source: str
    """SHA-256 of the list it was taken from, where the vault has it; else what the record says."""
    values: Mapping[str, str]
    """Everything sealed, by field."""

    @property
    def born_on(self) -> date | None:
        """Date of birth, if it is known and is a day."""
        return _day(self.values.get("born_on", ""))

    @property
    def classes(self) -> tuple[ClassSpan, ...]:
        """Its classes; none where the text is not of the form."""
        try:
            return spans(self.values.get("classes", ""))
        except ValueError:
            return ()


def age_on(born_on: date, day: date) -> int:
    """Whole years of age on a day; a child of 29 February has its birthday on 1 March."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def spans(text: str) -> tuple[ClassSpan, ...]:
    """`HN-01 2026-01-01..2026-12-31; KK-01 2026-01-01..` taken apart; raises ValueError."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        code, _, days = part.partition(" ")
        start, dots, end = days.strip().partition("..")
        from_on, to_on = _day(start), _day(end)
        if not dots or from_on is None or (end and to_on is None) or (to_on is not None and to_on < from_on):
            raise ValueError(part)
        found.append(ClassSpan(code, from_on, to_on))
    return tuple(found)


def children_of(texts: Mapping[str, str] | None) -> tuple[str, ...]:
    """The numbers of a roll: every private field `children…`, numbers apart by spaces or commas."""
    rolls = [text for name, text in sorted((texts or {}).items()) if name.startswith("children")]
    return tuple(number for text in rolls for number in text.replace(",", " ").split())


def child_of(entry: ChildRegistered, index: int, values: Mapping[str, str]) -> Child | None:
    """A version from a record's opened values; None once they are erased."""
    number = values.get("number")
    if number is None:
        return None
    return Child(number, index, entry.registered_on, values.get("source", entry.source), values)


def registered(book: OpenBook) -> dict[str, list[Child]]:
    """Number → its versions, oldest first. Opens the vault."""
    found: dict[str, list[Child]] = {}
    with reading(book.engine) as db:
        for index in sorted(int(key) for key, _ in read.register_rows(db, book.code, "child")):
            body = read.body(db, book.code, index)
            entry = None if body is None else decode(body).entry
            if not isinstance(entry, ChildRegistered):
                continue
            person: Person = entry.child
            opened = open_person(db, book.code, book.vault, index, person)
            child = None if opened is None else child_of(entry, index, opened[1])
            if child is not None:
                found.setdefault(child.number, []).append(child)
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What a list says of the register. Nothing of it was recorded when there are faults."""

    new: int
    changed: int
    same: int
    indices: tuple[int, ...]
    faults: tuple[Fault, ...]
    """By row and column; never what stands in the cell."""


def load(book: OpenBook, path: Path, *, by: str, on: date, check: bool = False) -> Change:
    """Registers what a list says that the register does not; whole or not at all, nothing with `check`.

    Raises Rejected for a file that cannot be read as such a list.
    """
    lines, faults = read_lines(sheet_rows(path), COLUMNS)
    known = {number: versions[-1] for number, versions in registered(book).items()}
    source = file_sha256(path)
    # A plain hash of a short list could be guessed from; the record's is keyed, the plain one lies in the vault.
    keyed = book.keys.request_mac(book.code, bytes.fromhex(source)).hex()
    asked: list[Asked] = []
    seen: set[str] = set()
    new = 0
    for line in lines:
        number = str(line.values["number"])
        faults += _faults(line, repeated=number in seen)
        seen.add(number)
        before = known.get(number)
        said = {} if before is None else before.values
        changed = {name: value for name, value in line.values.items() if said.get(name) != value}
        if not changed:
            continue
        new += before is None
        child = {"private": {**changed, "source": source}} | ({} if before is None else {"same_as": before.index})
        entry = {"kind": "child_registered", "child": child, "registered_on": on.isoformat(), "source": keyed}
        asked.append(Asked(entry, (line.row,)))
    loaded = record_all(book, "children", asked, by=by, check=check or bool(faults))
    same = len(lines) - len(asked)
    return Change(new, len(asked) - new, same, tuple(loaded.indices), (*faults, *loaded.faults))


def _faults(line: Line, *, repeated: bool) -> Iterator[Fault]:
    if repeated:
        yield Fault(line.row, COLUMNS[0].heading, Reason.ROW_MALFORMED, "stands in a row above already")
    if any(mark in line.values["number"] for mark in " ,;"):
        yield Fault(line.row, COLUMNS[0].heading, Reason.ROW_MALFORMED, "a number has no space, comma or semicolon")
    try:
        spans(line.values.get("classes", ""))
    except ValueError:
        column = next(column for column in COLUMNS if column.name == "classes")
        yield Fault(line.row, column.heading, Reason.ROW_MALFORMED, "CODE FROM..TO; CODE FROM..")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
