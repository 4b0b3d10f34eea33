"""Balances through the API are the book's."""

from starlette.testclient import TestClient

from tests.api.asking import assert_whole, gift
from tests.worlds import World


def test_balances_now_then_and_by_day(client: TestClient, world: World) -> None:
    """Three questions with three answers; mixing them up misstates a report."""
    first = world.gift(500, received_on="2026-08-01").index
    client.post("/api/v1/entries", json={"entry": gift(70, received_on="2026-08-30")})

    def fund(query: str) -> int:
        answer = client.get(f"/api/v1/balances{query}")
        assert answer.status_code == 200, answer.text
        found = {row["account"]: row["minor"] for row in answer.json()["balances"]}
        return int(found.get("fund:sua", 0))

    assert fund("") == 570
    assert fund(f"?at={first}") == 500
    assert fund(f"?at={first - 1}") == 0
    assert fund("?on=2026-08-15") == 500
    assert fund("?on=2026-08-30&book=hp") == 570
    assert fund(f"?at={first}&account=fund:sua") == 500
    assert fund(f"?at={first}&account=fund:chung") == 0
    one = client.get("/api/v1/balances?account=fund:sua").json()["balances"]
    assert one == [{"account": "fund:sua", "unit": "VND", "minor": 570}]
    beyond = client.get("/api/v1/balances?at=9999")
    assert (beyond.status_code, beyond.json()["reason"]) == (404, "NO_SUCH_RECORD")
    assert_whole(world)
