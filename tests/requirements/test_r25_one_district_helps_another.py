"""R25: a district without hard communes helps another in the province; both sides of each transfer are there."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from api.cli import build
from tests.audits import check_book
from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, World

SHA = "ab" * 32
ALLOCATED = {
    "allocation": "giup-ban",
    "fund": "sua",
    "activity": "SUA",
    "communes": [MINH_TAN],
    "amount": {"minor": 500_000, "unit": "VND"},
    "decision_sha256": SHA,
}


def ask(home: Path, *words: str) -> dict[str, Any]:
    """The document of a command over one home."""
    result = CliRunner().invoke(build(), [*words, "--home", str(home), "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def flows(home: Path) -> list[tuple[Any, ...]]:
    """(giver, receiver, sent, received, the other side) of each line of a book's flow report."""
    rows = [row["cells"] for row in ask(home, "report", "flow", "--year", "2026")["rows"]]
    return [tuple(row[name] for name in ("giver", "receiver", "sent", "received", "other")) for row in rows]


def test_r25_one_district_helps_another(walk: Walk, tmp_path: Path) -> None:
    """Two districts keep their own books; the one without hard communes allocates 500,000 and sends 300,000 đồng.
    The other records it as received, naming the sender's book, record number and leaf hash.
    The flow report of each book names giver and receiver, the same amount, and the record or book on the other side.
    A second transfer, sent by mistake, is undone: it stands there again, negative, and the flow adds up to 300,000.
    The department adds both published books up: the pair is found to be one transfer and is taken out of both totals.
    """
    home = tmp_path / "khac"
    other = World.create(home, None, seed="khac", code="ban")
    other.clock.moment = walk.clock.moment
    walk.gift(1_000_000)
    walk.say("allocated", **ALLOCATED, allocated_on=walk.today)
    grant = {
        "allocation": "giup-ban",
        "amount": {"minor": 300_000, "unit": "VND"},
        "parts": [],
        "place": "bank:VCB",
        "sent_on": walk.today,
        "to_name": "Quỹ huyện bạn",
        "to_origin": other.open.vkey.name,
    }
    sent = walk.say("grant_sent", **grant)
    received = other.say(
        "grant_received",
        amount=grant["amount"],
        from_index=sent.index,
        from_leaf=sent.leaf_hash.hex(),
        from_name="Quỹ huyện giúp",
        from_origin=walk.world.open.vkey.name,
        fund="sua",
        parts=[],
        place="bank:VCB",
        received_on=walk.today,
    )
    name = walk.world.open.opened.name
    assert flows(walk.path) == [(name, "Quỹ huyện bạn", 300_000, None, other.open.vkey.name)]
    side = f"{walk.world.open.vkey.name}, bản ghi / record {sent.index}"
    assert flows(home) == [("Quỹ huyện giúp", other.open.opened.name, None, 300_000, side)]
    mistaken = walk.say("grant_sent", **{**grant, "amount": {"minor": 100_000, "unit": "VND"}})
    walk.sovang("reverse", str(mistaken.index), "--why", "Chuyển nhầm", "--on", walk.today)
    (total,) = walk.sovang("report", "flow", "--year", "2026")["totals"]
    assert (total["cells"]["sent"], total["cells"]["received"]) == (300_000, 0)
    assert [row[2] for row in flows(walk.path)] == [300_000, 100_000, -100_000]
    policy = tmp_path / "hai-so.policy"
    keys = (world.open.opened.public_key for world in (walk.world, other))
    policy.write_text("".join(f"log {key}\n" for key in keys) + "quorum none\n")
    sources = []
    for world, folder in ((walk.world, tmp_path / "a"), (other, tmp_path / "b")):
        world.open.checkpointer.run()
        ask(world.home.path, "tiles", str(folder))
        sources.append(str(folder))
    added = ask(walk.path, "consolidate", *sources, "--policy", str(policy), "--state", str(tmp_path / "gop"))
    (pair,) = added["eliminated"]
    assert (pair["minor"], pair["from_index"], pair["to_index"]) == (300_000, sent.index, received.index)
    check_book(other)
    other.home.close()
