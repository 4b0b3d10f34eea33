"""What a fold leaves behind, so that a later one can go on from it: rows of lots and of their places, and values."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from ledger.tracing.pieces import Span

# A lot's number is its record's index and its own number among those of the record.
PER_RECORD = 20
"""Bits of a lot's number that count within its record."""


class LotRow(NamedTuple):
    """A lot as it is kept; `lot` is index · 2^20 + its number among the lots of its record."""

    lot: int
    day: date
    part: int | None
    number: int
    source: str
    unit: str
    minor: int
    account: str


class PlaceRow(NamedTuple):
    """So much of a lot at one holder, as it is kept; 0 when it has left."""

    lot: int
    holder: str
    place: int
    """The order in which lots came to holders."""
    minor: int
    day: date
    """That of the lot."""
    spans: tuple[Span, ...]


class Changes(NamedTuple):
    """What one record changed of the fold."""

    lots: list[LotRow]
    places: list[PlaceRow]
    values: list[tuple[str, str, bytes]]
    """(what, key, JSON)."""


class Kept(Protocol):
    """What an earlier fold of the first `size` records has left, read piece by piece (ledger/store/folded.py)."""

    @property
    def size(self) -> int: ...
    @property
    def newest_day(self) -> date: ...
    def lots(self, lots: Sequence[int]) -> Iterable[LotRow]:
        """These lots."""

    def lots_of(self, index: int) -> Iterable[LotRow]:
        """The lots of a record."""

    def place(self, lot: int, holder: str) -> PlaceRow | None:
        """How much of a lot is there."""

    def places(self, lot: int) -> Iterable[PlaceRow]:
        """Where a lot is."""

    def held(self, holder: str) -> Iterable[PlaceRow]:
        """All that is there."""

    def oldest(self, holder: str, after: tuple[date, int] | None, most: int) -> Sequence[PlaceRow]:
        """The next lots there by (day, lot), after that one."""

    def value(self, what: str, key: str) -> bytes | None:
        """Anything else that the fold remembers."""
