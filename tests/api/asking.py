"""Short ways to ask, shared by the tests of the API."""

from typing import Any

from starlette.testclient import TestClient

from tests.audits import check_book
from tests.worlds import TODAY, World, vnd


def gift(minor: int = 500_000, name: str = "Nguyễn Thị Hoà", **fields: Any) -> dict[str, Any]:
    """A gift's entry in its request form."""
    entry = {
        "kind": "gift_received",
        "place": "bank:VCB",
        "amount": vnd(minor),
        "fund": "sua",
        "received_on": TODAY.isoformat(),
        "donor": {"private": {"name": name}},
        "parts": [],
    }
    return {**entry, **fields}


def size(client: TestClient) -> int:
    """How many records there are."""
    return int(client.get("/api/v1/entries").json()["size"])


def assert_whole(world: World) -> None:
    """The full audit of what the test has made."""
    check_book(world)
