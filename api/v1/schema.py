"""JSON Schema of all kinds, from the classes themselves, for OpenAPI and `/api/v1/kinds`."""

import re
from functools import cache
from typing import Any

import msgspec

from ledger.entries.union import KINDS, Entry

# In JSON Schema `$` stands at the very end only; Python's needs this to mean the same.
_ONLY_PYTHON = re.compile(r"\(\?!(?:\n|\\n)\)$")

# A person as a request gives one; in a record stand a tag and commitments instead, and no request may say those.
_PERSON: dict[str, Any] = {
    "title": "Person",
    "description": "What the vault is to keep of somebody, or the person of an earlier record, or both.",
    "type": "object",
    "properties": {
        "private": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 1000},
            "example": {"name": "Nguyễn Thị Hoà", "phone": "0912 345 678"},
        },
        "same_as": {"type": "integer", "minimum": 0, "description": "Index of a record that speaks of this person."},
    },
    "anyOf": [{"required": ["private"]}, {"required": ["same_as"]}],
    "additionalProperties": False,
}


@cache
def _schemas(prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (entry,), parts = msgspec.json.schema_components([Entry], ref_template=prefix + "{name}")
    parts["Person"] = _PERSON
    del parts["Seal"]
    for kind in KINDS.values():
        vietnamese, english = kind.title
        found = parts[kind.__name__]
        found["title"] = f"{vietnamese} — {english}"
    return _cleaned(entry), _cleaned(parts)


def entry_schemas(prefix: str = "#/components/schemas/") -> tuple[dict[str, Any], dict[str, Any]]:
    """(schema of any entry, named parts it refers to below `prefix`)."""
    return _schemas(prefix)


def kinds_document() -> dict[str, Any]:
    """Every kind with its title, whether it is a fact, and its schema."""
    _, parts = entry_schemas("#/$defs/")
    kinds = [
        {
            "kind": name,
            "title": {"vi": kind.title[0], "en": kind.title[1]},
            "fact": kind.fact,
            "day_field": kind.day_field,
            "schema": {"$ref": f"#/$defs/{kind.__name__}"},
        }
        for name, kind in sorted(KINDS.items())
    ]
    return {"kinds": kinds, "$defs": parts}


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _ONLY_PYTHON.sub("", item) if name == "pattern" and isinstance(item, str) else _cleaned(item)
            for name, item in value.items()
        }
    return [_cleaned(item) for item in value] if isinstance(value, list) else value
