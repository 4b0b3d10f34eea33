"""What `sovang new` reads for the person who types: a line by its record, a leaf hash by its index, the book's head.

Nothing here decides anything: each value is one that the person would have copied from another answer of the program.
"""

import re
from collections.abc import Iterable
from typing import Any

from ledger.home import OpenBook
from ledger.intake import waiting
from ledger.record import leaf_of
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

_PARTS = ("parts", "bought_parts")


def leaf_fields(fields: Iterable[str]) -> dict[str, str]:
    """leaf field → the index field whose record it is the leaf hash of: `about_leaf` → `about`, `leaf` → `record`."""
    known = set(fields)
    of = {name: "record" if name == "leaf" else name.removesuffix("_leaf") for name in known if name.endswith("leaf")}
    return {leaf: index for leaf, index in of.items() if index in known}


def fill(opened: OpenBook, entry: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The entry with lines and leaf hashes that were named by record indices.

    Raises Rejected(NO_SUCH_LINE or NO_SUCH_RECORD) for an index that has none.
    """
    filled = dict(entry)
    for name in _PARTS:
        if any(isinstance(part, str) for part in entry.get(name, ())):
            filled[name] = _parts(opened, entry[name], name)
    for leaf, of in leaf_fields(fields).items():
        if leaf not in entry and isinstance(entry.get(of), int):
            filled[leaf] = _leaf(opened, entry[of], of)
    return filled


def _parts(opened: OpenBook, said: list[Any], field: str) -> list[Any]:
    """`17` is all that waits of the line of record 17, `17:300000` so much of it; JSON parts stay as they are."""
    lines = {row["index"]: row for row in waiting(opened)}
    made: list[Any] = []
    for part in said:
        if not isinstance(part, str):
            made.append(part)
            continue
        index, _, minor = part.partition(":")
        if not re.fullmatch(r"[0-9]{1,15}", index) or (minor and not re.fullmatch(r"[0-9]{1,16}", minor)):
            raise Rejected(Reason.MALFORMED, "a record of `sovang suspense`: 17, or 17:300000", field=field)
        row = lines.get(int(index))
        if row is None:
            raise Rejected(Reason.NO_SUCH_LINE, "no line of this record waits", field=field, index=int(index))
        made.append({"line": row["line"], "minor": int(minor) if minor else abs(row["minor"])})
    return made


def _leaf(opened: OpenBook, index: int, field: str) -> str:
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index)
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, field=field, index=index)
    return leaf_of(body).hex()
