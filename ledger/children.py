"""The children's register: who they are, version by version. It lies in the vault; records hold commitments only.

A child is known by its number (mã trẻ). What is sealed of one, by field:

| field | heading in a file | written as |
|---|---|---|
| `number` | mã trẻ | the number, unique |
| `name` | họ tên | text |
| `born_on` | ngày sinh | `2019-03-31`; a file may say 31/03/2019 |
| `gender` | giới | `nam` or `nữ`; never guessed |
| `classes` | nhóm | `HN-01 2026-01-01..2026-12-31; KK-01 2026-01-01..`: codes with the days they are valid |
| `commune` `school` `circumstance` `need` `guardian` | xã, trường, hoàn cảnh, nhu cầu, người giám hộ | text |

`load` takes a CSV or XLSX file whole or not at all; an empty cell leaves what is known. Opening the register is for
officers, as search is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from ledger.entries.base import Person
from ledger.entries.children import ChildRegistered
from ledger.home import OpenBook
from ledger.record import decode
from ledger.refusals import Reason, Rejected
from ledger.requests import MAX_GROUP, open_person
from ledger.statements.grid import Row
from ledger.statements.sheet import sheet_rows
from ledger.store import read
from ledger.store.engine import reading
from ledger.text import clean, fold

FIELDS: Final = {
    "number": "mã trẻ",
    "name": "họ tên",
    "born_on": "ngày sinh",
    "gender": "giới",
    "classes": "nhóm",
    "commune": "xã",
    "school": "trường",
    "circumstance": "hoàn cảnh",
    "need": "nhu cầu",
    "guardian": "người giám hộ",
}
"""Field → its heading in a file."""
GENDERS: Final = ("nam", "nữ")


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
    """SHA-256 of the list or paper it was taken from."""
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
    return None if number is None else Child(number, index, entry.registered_on, entry.source, values)


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


@dataclass(slots=True)
class Loaded:
    """What a file holds, row by row. Nothing of it was recorded when `refused` is not empty."""

    new: int = 0
    changed: int = 0
    same: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    """(row, heading, why); never what the cell says."""
    indices: list[int] = field(default_factory=list)


def load(book: OpenBook, path: Path, *, by: str, on: date, dry_run: bool = False) -> Loaded:
    """Registers what a file says that the register does not; whole or not at all.

    Raises Rejected(HEADER_UNKNOWN and what reading a table raises).
    """
    source = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = iter(sheet_rows(path))
    columns = _columns(rows)
    known = registered(book)
    loaded = Loaded()
    requests: list[dict[str, object]] = []
    seen: set[str] = set()
    for row in rows:
        if not row.filled:
            continue
        try:
            values = _values(row, columns)
            if values["number"] in seen:
                raise _Refused("number", "đã có ở dòng trên — twice in the file")
            seen.add(values["number"])
        except _Refused as refused:
            loaded.refused.append((row.number, FIELDS[refused.field], refused.why))
            continue
        version = known.get(values["number"], [None])[-1]
        changed = values if version is None else {k: v for k, v in values.items() if version.values.get(k) != v}
        if not changed:
            loaded.same += 1
            continue
        child: dict[str, object] = {"private": changed}
        if version is None:
            loaded.new += 1
        else:
            child["same_as"] = version.index
            loaded.changed += 1
        entry = {
            "kind": "child_registered",
            "child": child,
            "registered_on": on.isoformat(),
            "source": source,
        }
        requests.append({"entry": entry, "reference": f"children-{source[:32]}-{row.number}"})
    if loaded.refused or dry_run:
        return loaded
    for start in range(0, len(requests), MAX_GROUP):
        recorded = book.requests.submit(requests[start : start + MAX_GROUP], by)
        loaded.indices += [one.index for one in recorded]
    return loaded


class _Refused(Exception):
    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field, self.why = field, why


def _columns(rows: Iterable[Row]) -> dict[str, int]:
    """Field → its column, from the first row that has the number's heading."""
    headings = {fold(name): key for key, title in FIELDS.items() for name in (key, title)}
    for row in rows:
        found = {headings[name]: at for at in row.filled if (name := fold(row.text(at))) in headings}
        if "number" in found:
            unknown = [at for at in row.filled if fold(row.text(at)) not in headings]
            if unknown:
                raise Rejected(Reason.HEADER_UNKNOWN, "a column that the register does not have", column=unknown[0] + 1)
            return found
    raise Rejected(Reason.HEADER_UNKNOWN, "no row has the heading «mã trẻ»")


def _values(row: Row, columns: Mapping[str, int]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, at in columns.items():
        cell = row.cells[at] if at < len(row.cells) else ""
        text = (
            (cell.date() if isinstance(cell, datetime) else cell).isoformat() if isinstance(cell, date) else str(cell)
        )
        try:
            text = clean(text, field=name).strip()
        except Rejected as refused:
            raise _Refused(name, refused.message) from None
        if not text:
            continue
        if name == "born_on":
            born = _day(text)
            if born is None:
                raise _Refused(name, "không phải ngày — not a day")
            text = born.isoformat()
        elif name == "gender" and text.casefold() not in GENDERS:
            raise _Refused(name, "nam hoặc nữ — nam or nữ")
        elif name == "classes":
            try:
                spans(text)
            except ValueError:
                raise _Refused(name, "MÃ TỪ-NGÀY..ĐẾN-NGÀY; … — CODE FROM..TO; …") from None
        values[name] = text.casefold() if name == "gender" else text
    if "number" not in values or any(mark in values["number"] for mark in " ,;"):
        raise _Refused("number", "thiếu, hoặc có dấu cách — missing, or with a space")
    return values


def _day(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    return None
