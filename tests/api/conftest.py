"""The application over an invented fund, with its signing threads running."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from tests.worlds import World

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    """On both databases."""
    with TestClient(create_app(world.home), base_url=ADDRESS) as made:
        yield made


@pytest.fixture
def sqlite_client(sqlite_world: World) -> Iterator[TestClient]:
    """On SQLite only."""
    with TestClient(create_app(sqlite_world.home), base_url=ADDRESS) as made:
        yield made
