"""Registers: what the book knows by key. One generic table serves every kind of entry.

A register row is (register, key) → value, where the value is a JSON object kept as canonical bytes. An
entry names the keys it must see in `reads()` and the rows it sets in `changes()`; a new kind of entry
needs no new table.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


class Key(NamedTuple):
    """The name of one register row."""

    register: str
    key: str


class Change(NamedTuple):
    """One register row set to a value. Rows are never removed: what ended says so in its value."""

    register: str
    key: str
    value: dict[str, Any]


def encode_value(value: dict[str, Any]) -> bytes:
    """Canonical bytes of a register value (our own values: strings, integers, booleans, arrays, objects)."""
    return _encoder.encode(value)


@lru_cache(maxsize=8_192)
def decode_value(data: bytes) -> dict[str, Any]:
    """The value of a register row. Shared: who changes it builds a new one."""
    return msgspec.json.decode(data, type=dict[str, Any])
