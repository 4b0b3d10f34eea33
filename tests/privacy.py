"""What an attacker reads out of records: every text in them, folded, so that no spelling hides what is there."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ledger.text import fold


def said_in(bodies: Iterable[bytes]) -> str:
    """Every text of these records but the names of their fields, folded, one a line."""
    return "\n".join(fold(text) for body in bodies for text in _texts(msgspec.json.decode(body)))


def is_said(text: str, read_out: str) -> bool:
    """Whether a text stands there as a whole word, or as whole words."""
    return re.search(rf"(?<![^\W_]){re.escape(fold(text))}(?![^\W_])", read_out) is not None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)
