"""Every test here that is given a world ends in the full audit of what it made of it."""

from collections.abc import Iterator

import pytest

from tests.ledger.replayed import check_book
from tests.worlds import World


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """The invented fund on both databases, audited when the test is over."""
    yield world
    check_book(world)


@pytest.fixture
def sqlite_world(sqlite_world: World) -> Iterator[World]:
    """The same on SQLite only."""
    yield sqlite_world
    check_book(sqlite_world)
