"""From `--field value` words to the request form of an entry, made from the kind's own class.

| field | written as |
|---|---|
| amount | `500000` or `500.000` (đồng), `20 sua-hop-180ml`, `10050 USD` (minor units) |
| person | `"Nguyễn Văn An"` (the name goes to the vault), `same_as:12`, or JSON |
| day | `2026-09-05` |
| yes or no | `true`, `false` |
| list | JSON, or items apart by commas: `a,b`; left out means none |
| anything inside | `--restriction.activities SUA` |
| lines in suspense | `17,18` (records of `sovang suspense`: all of them), `17:300000` (so much of it), or JSON |
| SHA-256 of a paper | `@quyet-dinh.pdf`, or 64 hexadecimal digits |
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from msgspec import inspect as types

from api.cli.filled import leaf_fields
from ledger.entries.base import LinePart, Person
from ledger.entries.union import KINDS
from ledger.money import Amount
from ledger.refusals import Reason, Rejected

# Filled in by the book, never by a person.
BOOK_FILLS = {"left", "less", "more", "number", "shortfall"}
# Made by the book when it is left out.
BOOK_MAKES = {("pledge_made", "pledge")}
_MADE = "bỏ trống: sổ tự sinh / left out: the book makes it"
_FILLED = "bỏ trống: lệnh tự điền / left out: the command fills it in"
_SHA256 = "^[0-9a-f]{64}$(?!\n)"
# Lists that are refused, or pointless, when they are empty; every other list may be left out, which means none.
NEEDED_LISTS = {
    ("book_closed", "officers"),
    ("cash_sheet_received", "envelopes"),
    ("communes_listed", "communes"),
    ("gateway_settled", "gifts"),
    ("programme_opened", "activities"),
    ("purchased", "items"),
    ("restored", "officers"),
    ("reversed", "undone_postings"),
    ("support_scheduled", "instalments"),
    ("witnesses_set", "policy"),
}


def entry_of(kind: str, words: Sequence[str]) -> dict[str, Any]:
    """The entry said by `--field value …`; raises Rejected(UNKNOWN_KIND or MALFORMED) naming the field."""
    if kind not in KINDS:
        raise Rejected(Reason.UNKNOWN_KIND, field="kind", kind=kind)
    info = types.type_info(KINDS[kind])
    if not isinstance(info, types.StructType):
        raise Rejected(Reason.UNKNOWN_KIND, field="kind", kind=kind)
    given = _pairs(words)
    entry = _struct(info, given, path="", needed={field for of, field in NEEDED_LISTS if of == kind})
    return {"kind": kind, **entry}


def fields_of(kind: str) -> list[tuple[str, str, bool]]:
    """(field, how to write it with today as the day, needed) of a kind, for help texts."""
    from ledger.days import DEFAULT_ZONE, day_of, to_instant

    today = day_of(to_instant(datetime.now(UTC)), DEFAULT_ZONE)
    info = types.type_info(KINDS[kind])
    fields = info.fields if isinstance(info, types.StructType) else ()
    filled = {*leaf_fields(f.name for f in fields), "bound"}
    return [
        (f.name, _FILLED, False)
        if f.name in filled
        else (f.name, _MADE if (kind, f.name) in BOOK_MAKES else _described(f.type, today), _needed(kind, f))
        for f in fields
        if f.name not in BOOK_FILLS
    ]


def _needed(kind: str, field: types.Field) -> bool:
    if isinstance(field.type, types.VarTupleType):
        return (kind, field.name) in NEEDED_LISTS
    may_be_left_out = isinstance(field.type, types.StructType) and _all_lists(field.type)
    return field.required and not may_be_left_out and (kind, field.name) not in BOOK_MAKES


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    waiting: str | None = None
    for word in words:
        if waiting is not None:
            pairs[waiting] = word
            waiting = None
        elif word.startswith("--") and "=" in word:
            name, _, value = word[2:].partition("=")
            pairs[name.replace("-", "_")] = value
        elif word.startswith("--"):
            waiting = word[2:].replace("-", "_")
            if waiting in pairs:
                raise Rejected(Reason.MALFORMED, "said twice", field=waiting)
        else:
            raise Rejected(Reason.MALFORMED, "expected --field value", field=word)
    if waiting is not None:
        raise Rejected(Reason.MALFORMED, "a value is missing", field=waiting)
    return pairs


def _struct(info: types.StructType, given: dict[str, str], path: str, needed: Collection[str] = ()) -> dict[str, Any]:
    known = {f.name: f for f in info.fields}
    if unknown := {name.partition(".")[0] for name in given} - set(known):
        raise Rejected(Reason.MALFORMED, "no such field", field=path + sorted(unknown)[0], fields=", ".join(known))
    entry: dict[str, Any] = {}
    for name, spec in known.items():
        kind = _required_type(spec.type)
        inside = {k.removeprefix(f"{name}."): v for k, v in given.items() if k.startswith(f"{name}.")}
        if inside and isinstance(kind, types.StructType):
            if kind.cls is Person:
                entry[name] = {"private": {k.removeprefix("private."): v for k, v in inside.items()}}
            else:
                entry[name] = _struct(kind, inside, f"{path}{name}.")
        elif name in given:
            entry[name] = _value(kind, given[name], path + name)
        elif spec.required and isinstance(kind, types.VarTupleType):
            if name not in needed:
                entry[name] = []
        elif spec.required and isinstance(kind, types.StructType) and _all_lists(kind):
            entry[name] = {f.name: [] for f in kind.fields if f.required}
    return entry


def _all_lists(info: types.StructType) -> bool:
    return all(not f.required or isinstance(f.type, types.VarTupleType) for f in info.fields)


def _required_type(kind: types.Type) -> types.Type:
    if isinstance(kind, types.UnionType):
        return next(t for t in kind.types if not isinstance(t, types.NoneType))
    return kind


def _value(kind: types.Type, text: str, path: str) -> Any:
    if text[:1] in "{[" and not isinstance(kind, types.StrType):
        try:
            return json.loads(text)
        except ValueError as error:
            raise Rejected(Reason.MALFORMED, "not JSON", field=path) from error
    match kind:
        case types.StructType() if kind.cls is Amount:
            return amount_of(text, path)
        case types.StructType() if kind.cls is Person:
            same = re.fullmatch(r"same_as:(\d+)", text)
            return {"same_as": int(same[1])} if same else {"private": {"name": text}}
        case types.VarTupleType():
            return [_value(kind.item_type, item.strip(), path) for item in text.split(",") if item.strip()]
        case types.IntType():
            return _integer(text, path)
        case types.BoolType():
            if text not in ("true", "false"):
                raise Rejected(Reason.MALFORMED, "true or false", field=path)
            return text == "true"
        case types.StrType(pattern=pattern) if pattern == _SHA256 and text.startswith("@"):
            return sha256_of(text)
        case _:
            return text


def sha256_of(text: str) -> str:
    """`@FILE` as the file's SHA-256 in hex, anything else as it is; raises OSError."""
    return hashlib.sha256(Path(text[1:]).read_bytes()).hexdigest() if text.startswith("@") else text


def amount_of(text: str, path: str) -> dict[str, Any]:
    """`500000`, `500.000` or `10050 USD` as an amount; raises Rejected(MALFORMED) naming the field."""
    number, _, unit = text.strip().partition(" ")
    return {"minor": _integer(number, path), "unit": unit.strip() or "VND"}


def _integer(text: str, path: str) -> int:
    """Digits, or groups of three apart by dots as Vietnamese papers write them."""
    if not re.fullmatch(r"-?[0-9]{1,16}|[0-9]{1,3}(?:\.[0-9]{3})+", text):
        raise Rejected(Reason.MALFORMED, "a whole number", field=path)
    return int(text.replace(".", ""))


def _described(kind: types.Type, today: date) -> str:
    kind = _required_type(kind)
    match kind:
        case types.StructType() if kind.cls is Amount:
            return "500000 | 20 sua-hop-180ml"
        case types.StructType() if kind.cls is Person:
            return '"Nguyễn Văn An" | same_as:12'
        case types.StructType():
            return "JSON {" + ", ".join(f.name for f in kind.fields) + "}"
        case types.VarTupleType() if isinstance(kind.item_type, types.StructType) and kind.item_type.cls is LinePart:
            return "17,18 | 17:300000 | JSON [{line, minor}, …]"
        case types.VarTupleType() if isinstance(kind.item_type, types.StructType):
            return "JSON [{" + ", ".join(f.name for f in kind.item_type.fields) + "}, …]"
        case types.VarTupleType():
            return "a,b | JSON […]"
        case types.DateType():
            return today.isoformat()
        case types.StrType(pattern=pattern) if pattern == _SHA256:
            return "@tệp / @file | SHA-256"
        case types.IntType():
            return "số / number"
        case types.BoolType():
            return "true | false"
        case types.LiteralType():
            return " | ".join(str(value) for value in kind.values)
        case _:
            return "chữ / text"
