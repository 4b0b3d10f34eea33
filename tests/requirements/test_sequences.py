"""Abuse of the flow of work: each case of hostile/sequences.jsonl is refused or flagged as it says.

Each case is told by the function of its number. A case that no function tells fails, unless it is about logins or
erasure, which this version does not have: those are skipped, by name.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from audit.findings import FindingKind
from tests.requirements.conftest import Walk
from tests.shared import shared
from tests.worlds import MINH_TAN, SHA, vnd

CASES = {
    case["id"]: case
    for line in shared("hostile/sequences.jsonl").read_text().splitlines()
    if (case := json.loads(line))
}
NO_LOGINS = "this version has no logins, passwords and sessions"
NO_ERASURE = "this version erases nobody yet"
NOT_YET = {
    **dict.fromkeys(("s19", "s20", "s25", "s26", "s27", "s28"), NO_LOGINS),
    **dict.fromkeys(("s21", "s22", "s23", "s24"), NO_ERASURE),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_an_abuse_is_refused_or_flagged(walk: Walk, case: str) -> None:
    """The case as the file tells it."""
    if case in NOT_YET:
        pytest.skip(f"{case} {CASES[case]['steps']}: {NOT_YET[case]}")
    TOLD[case](walk)


def post(walk: Walk, minor: int, key: str | None, by: str = "ke-toan") -> Any:
    entry = {
        "amount": vnd(minor),
        "donor": {"private": {"name": "Nguyễn Thị Hoà"}},
        "fund": "chung",
        "kind": "gift_received",
        "parts": [],
        "place": "bank:VCB",
        "received_on": walk.today,
    }
    headers = {"X-Sovang-Actor": by} | ({} if key is None else {"Idempotency-Key": key})
    return walk.client.post("/api/v1/entries", json={"entry": entry}, headers=headers)


def index_of(answer: Any) -> int:
    assert answer.status_code in (200, 201), answer.text
    return int(answer.json()["recorded"][0]["index"])


def allocated(walk: Walk, code: str, minor: int, fund: str = "chung", **more: Any) -> dict[str, Any]:
    return {
        "activity": "SUA",
        "allocated_on": walk.today,
        "allocation": code,
        "amount": vnd(minor),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": fund,
        **more,
    }


def four_eyes(walk: Walk, above: int = 1000) -> None:
    rules = [{"above": vnd(above), "approvals": 1, "approvers": [], "kinds": []}]
    walk.say("four_eyes_set", decision_sha256=SHA, rules=rules, set_on=walk.today)


def propose(walk: Walk, minor: int, by: str = "ke-toan") -> tuple[int, str]:
    draft = {"kind": "allocated", **allocated(walk, "PB", minor)}
    recorded = walk.say("proposed", by=by, draft=draft, proposed_on=walk.today)
    return recorded.index, recorded.leaf_hash.hex()


def s00(walk: Walk) -> None:
    assert index_of(post(walk, 50_000, "K")) == index_of(post(walk, 50_000, "K"))


def s01(walk: Walk) -> None:
    index_of(post(walk, 50_000, "K"))
    assert post(walk, 60_000, "K").status_code == 422


def s02(walk: Walk) -> None:
    assert index_of(post(walk, 50_000, "K", by="a")) != index_of(post(walk, 50_000, "K", by="b"))


def s03(walk: Walk) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: post(walk, 50_000, "K"), range(64)))
    assert len({index_of(answer) for answer in answers}) == 1


SERVER = """
import sys
from pathlib import Path
from api.serve import serve
from ledger.home import Home
serve(Home(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]))
"""


def s04(walk: Walk) -> None:
    """The process is killed while the answer is on its way, again and again at other moments."""
    entry = {**json.loads(CASH), "received_on": walk.today}
    before = walk.world.balance("cash:TM")
    for number, pause in enumerate((0.0, 0.01)):
        process, address = served(walk)
        asked = urllib.request.Request(
            f"{address}/api/v1/entries",
            data=json.dumps({"entry": entry}).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": f"K{number}"},
        )
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: urllib.request.urlopen(asked, timeout=10).read())  # noqa: B023
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            answer.exception(timeout=15)
        process, address = served(walk)
        again = urllib.request.Request(asked.full_url.replace(asked.host, address[7:]), asked.data, asked.headers)
        urllib.request.urlopen(again, timeout=10).close()
        process.kill()
        process.wait()
        assert walk.world.balance("cash:TM") == before + 700 * (number + 1)


CASH = json.dumps(
    {
        "amount": vnd(700),
        "donor": {"private": {"name": "Nguyễn Thị Hoà"}},
        "fund": "chung",
        "kind": "gift_received",
        "parts": [],
        "place": "cash:TM",
    }
)


def served(walk: Walk) -> tuple["subprocess.Popen[bytes]", str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(walk.path), str(port)],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
            return process, address
        except urllib.error.HTTPError as error:
            error.close()
            return process, address
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


def s05(walk: Walk) -> None:
    """Two entries: docs/accountant.md says that a request without a key is recorded each time."""
    assert index_of(post(walk, 50_000, None)) != index_of(post(walk, 50_000, None))


def s06(walk: Walk) -> None:
    before = walk.world.balance("fund:chung")
    index_of(post(walk, 100, "K"))
    assert before == 0
    with ThreadPoolExecutor(32) as pool:
        answers = list(
            pool.map(
                lambda n: walk.client.post(
                    "/api/v1/entries", json={"entry": {"kind": "allocated", **allocated(walk, f"PB{n}", 100)}}
                ),
                range(32),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 31
    assert walk.world.balance("fund:chung") == 0


def s07(walk: Walk) -> None:
    walk.gift(1_000_000, fund="sua")
    other = allocated(walk, "PB", 1000, fund="sua", activity="TRUYENTHONG")
    assert walk.refused("allocated", **other) == "OUTSIDE_RESTRICTION"


def s08(walk: Walk) -> None:
    gift = walk.gift(1_000_000, fund="sua")
    varied = {
        "amount": vnd(1_000_000),
        "consent_sha256": SHA,
        "fund": "sua",
        "gift": gift.index,
        "to_fund": "chung",
        "varied_on": walk.today,
    }
    assert walk.refused("restriction_varied", **varied) == "NEEDS_APPROVAL"
    walk.two("restriction_varied", **varied)
    assert walk.world.balance("fund:chung") == 1_000_000


def s09(walk: Walk) -> None:
    four_eyes(walk)
    walk.gift(1_000_000, fund="chung")
    index, _ = propose(walk, 5000)
    assert walk.fails("approve", str(index), "--as", "ke-toan")["reason"] == "NOT_AN_APPROVER"
    walk.open_findings = {FindingKind.PROPOSAL_OPEN}


def s10(walk: Walk) -> None:
    four_eyes(walk)
    walk.gift(1_000_000, fund="chung")
    index, leaf = propose(walk, 5000)
    walk.say("approved", by="chu-tk", approved_on=walk.today, proposed=index, proposed_leaf=leaf)
    changed = allocated(walk, "PB", 900_000, proposal=leaf)
    assert walk.refused("allocated", **changed) == "NOT_WHAT_WAS_APPROVED"
    walk.say("allocated", **allocated(walk, "PB", 5000, proposal=leaf))


def s11(walk: Walk) -> None:
    rules = [{"above": vnd(1000), "approvals": 2, "approvers": [], "kinds": []}]
    walk.say("four_eyes_set", decision_sha256=SHA, rules=rules, set_on=walk.today)
    walk.gift(1_000_000, fund="chung")
    index, leaf = propose(walk, 5000)
    approval = {"approved_on": walk.today, "proposed": index, "proposed_leaf": leaf}
    walk.say("approved", by="b", **approval)
    assert walk.refused("approved", by="b", **approval) == "ALREADY_APPROVED"
    assert walk.refused("allocated", **allocated(walk, "PB", 5000, proposal=leaf)) == "NEEDS_APPROVAL"
    walk.open_findings = {FindingKind.PROPOSAL_OPEN}


def s12(walk: Walk) -> None:
    four_eyes(walk)
    walk.gift(1_000_000, fund="chung")
    walk.say("role_granted", by="a", actor="b", granted_on=walk.today, role="approver")
    index, _ = propose(walk, 5000, by="a")
    assert walk.fails("approve", str(index), "--as", "b")["reason"] == "NOT_AN_APPROVER"
    walk.open_findings = {FindingKind.PROPOSAL_OPEN}


def s13(walk: Walk) -> None:
    gift = walk.gift(1000)
    walk.sovang("reverse", str(gift.index), "--why", "ghi nhầm")
    assert walk.fails("reverse", str(gift.index), "--why", "ghi nhầm")["reason"] == "ALREADY_REVERSED"


def s14(walk: Walk) -> None:
    gift = walk.gift(1000)
    first = walk.sovang("reverse", str(gift.index), "--why", "ghi nhầm")
    second = walk.sovang("reverse", str(first["index"]), "--why", "không nhầm")
    assert walk.fails("reverse", str(first["index"]), "--why", "x")["reason"] == "ALREADY_REVERSED"
    entry = walk.get(f"/api/v1/entries/{second['index']}")["entry"]
    assert entry["reversed"] == first["index"]
    assert walk.get(f"/api/v1/entries/{entry['reversed']}")["entry"]["reversed"] == gift.index


def s15(walk: Walk) -> None:
    gift = walk.gift(1000, fund="chung")
    walk.gift(5000, fund="chung")
    refund = {"fund": "chung", "gift": gift.index, "parts": [], "place": "bank:VCB", "refunded_on": walk.today}
    walk.say("gift_refunded", amount=vnd(400), **refund)
    assert walk.refused("gift_refunded", amount=vnd(601), **refund) == "PARTS_DIFFER"
    assert walk.fails("reverse", str(gift.index), "--why", "x")["reason"] == "NOT_REVERSIBLE"


def s16(walk: Walk) -> None:
    gift = walk.gift(1_000_000, fund="chung")
    issued = {"gift": gift.index, "gift_leaf": gift.leaf_hash.hex(), "issued_on": walk.today, "paper": "receipt"}
    walk.say("certificate_issued", **issued)
    public = f"/api/v1/certificates/receipt/{walk.today[:4]}/1"
    assert walk.get(public)["state"] == "valid"
    refund = {"fund": "chung", "gift": gift.index, "parts": [], "place": "bank:VCB", "refunded_on": walk.today}
    walk.say("gift_refunded", amount=vnd(1_000_000), **refund)
    assert walk.get(public)["state"] == "cancelled"


def s17(walk: Walk) -> None:
    walk.go_to("2026-10-02")
    walk.sovang("close-month", "2026-09")
    late = {"amount": vnd(1000), "fund": "chung", "parts": [], "place": "bank:VCB", "spent_on": "2026-09-09"}
    assert walk.refused("management_spent", **late, what="mua sổ") == "PERIOD_CLOSED"
    gift = walk.gift(1000, received_on="2026-09-09")
    assert walk.get(f"/api/v1/entries/{gift.index}")["entry"]["booked_on"] == "2026-10-02"


def s18(walk: Walk) -> None:
    tomorrow = "2026-09-02"
    assert walk.today == "2026-09-01"
    gift = {"amount": vnd(1000), "donor": {"private": {}}, "fund": "chung", "parts": [], "place": "bank:VCB"}
    assert walk.refused("gift_received", **gift, received_on=tomorrow) == "DAY_IN_FUTURE"


TOLD: dict[str, Callable[[Walk], None]] = {
    name: told for name, told in list(globals().items()) if name[:1] == "s" and name[1:].isdecimal() and callable(told)
}
