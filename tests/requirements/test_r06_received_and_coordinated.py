"""R06: resources are received and coordinated by activity; nothing spends more than its restricted fund has."""

import json
from typing import Any

from tests.requirements.conftest import Walk
from tests.shared import shared
from tests.worlds import MINH_TAN, SHA, vnd


def allocate(walk: Walk, minor: int, **changed: Any) -> dict[str, Any]:
    usual = {
        "activity": "SUA",
        "allocated_on": walk.today,
        "allocation": "pb-1",
        "amount": vnd(minor),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
    }
    return {**usual, **changed}


def test_r06_received_and_coordinated_by_activity(walk: Walk) -> None:
    """A donation for milk in two communes reaches the milk fund, another without conditions the general one.
    The abuse s07 of the shared set is refused: the milk fund does not pay for warm clothes, nor in a commune that its
    donors did not name.
    The whole milk fund is allocated to milk in one commune; one đồng more is refused, also when the general fund has
    enough.
    The general fund may serve any activity; what each fund and activity holds is read at the balances.
    """
    cases = [json.loads(line) for line in shared("hostile/sequences.jsonl").read_text().splitlines()]
    assert next(case for case in cases if case["id"] == "s07")["expect"] == "refused"
    walk.gift(1_000_000, fund="sua")
    walk.gift(500_000, fund="chung")
    assert walk.refused("allocated", **allocate(walk, 1, activity="DOAM")) == "OUTSIDE_RESTRICTION"
    assert walk.refused("allocated", **allocate(walk, 1, communes=["11500@2025-01-01"])) == "NO_SUCH_COMMUNE"
    assert walk.refused("allocated", **allocate(walk, 1, communes=[])) == "OUTSIDE_RESTRICTION"
    walk.say("allocated", **allocate(walk, 1_000_000))
    assert walk.refused("allocated", **allocate(walk, 1, allocation="pb-2")) == "WOULD_BE_OVERDRAWN"
    walk.say("allocated", **allocate(walk, 300_000, allocation="pb-3", fund="chung", activity="DOAM"))
    held = {row["account"]: row["minor"] for row in walk.sovang("balances")["balances"]}
    assert (held["allocated:pb-1"], held["allocated:pb-3"], held["fund:chung"]) == (1_000_000, 300_000, 200_000)
    assert held.get("fund:sua", 0) == 0
