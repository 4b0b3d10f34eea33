"""Four eyes, vouchers, counts, closed months: every kind said once. Told last: its policies bind what comes after."""

from datetime import UTC, datetime
from typing import Any

from ledger.approving import approve, decline
from ledger.book import Recorded
from ledger.closing import close, closing_list, record_bound
from tests.ledger.saying import leaf_at
from tests.worlds import MINH_TAN, SHA, World, vnd


def tell(world: World) -> None:
    """Every kind of this family, in an order in which each may stand."""
    day = world.clock.moment.date().isoformat()
    # Not by the accountant: whom they gave their role cannot approve what they propose.
    granted = {"kind": "role_granted", "actor": "chu-tk", "granted_on": day, "role": "approver"}
    world.open.requests.submit([{"entry": granted, "reference": "chu-tk"}], "admin")
    world.say("role_granted", actor="thu-quy", granted_on=day, role="cashier")
    world.say("role_withdrawn", actor="thu-quy", role="cashier", withdrawn_on=day)
    rules = [{"above": vnd(1_000_000), "approvals": 1, "approvers": ["chu-tk"], "kinds": []}]
    world.say("four_eyes_set", decision_sha256=SHA, rules=rules, set_on=day)
    world.say(
        "vouchers_set",
        series=[
            {"kind": "phieu-thu", "leaves": 50, "moves": ["cash_in"], "series": "PT", "typed": False},
            {"kind": "bao-co", "moves": ["bank_in"], "series": "BC", "typed": False},
            {"kind": "bien-lai", "moves": [], "series": "BL", "typed": True},
        ],
        set_on=day,
    )
    typed = {"book": "Q1", "number": 12, "series": "BL", "voucher_on": day}
    gift = world.gift(5_000_000, received_on=day, voucher=typed)
    world.gift(700_000, place="cash:TM", fund="chung", received_on=day)
    world.say("voucher_spoilt", number=13, series="BL", spoilt_on=day, why="viết nhầm", year=int(day[:4]))
    leaf = gift.leaf_hash.hex()
    world.say("voucher_printed", form="bien-lai", leaf=leaf, printed_on=day, record=gift.index)
    world.say("evidence_added", added_on=day, leaf=leaf, record=gift.index, sha256=SHA, what="giấy báo có")
    allocated = {
        "kind": "allocated",
        "activity": "SUA",
        "allocated_on": day,
        "allocation": "PB-2nguoi",
        "amount": vnd(2_000_000),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
    }
    approve(world.open, _proposed(world, allocated).index, "chu-tk")
    decline(world.open, _proposed(world, {**allocated, "allocation": "PB-khong"}).index, "trùng", "chu-tk")
    held = world.balance("cash:TM")
    count = world.say(
        "cash_counted",
        counted_minor=held - 20_000,
        counted_on=day,
        currency="VND",
        minutes_sha256=SHA,
        notes=[{"pieces": (held - 20_000) // 10_000, "value_minor": 10_000}],
        place="cash:TM",
    )
    lost = {
        "kind": "cash_lost",
        "amount": vnd(20_000),
        "count": count.index,
        "fund": "chung",
        "lost_on": day,
        "minutes_sha256": SHA,
        "place": "cash:TM",
    }
    approve(world.open, _proposed(world, lost).index, "chu-tk")
    count = world.say(
        "cash_counted",
        counted_minor=held - 10_000,
        counted_on=day,
        currency="VND",
        minutes_sha256=SHA,
        notes=[{"pieces": (held - 10_000) // 10_000, "value_minor": 10_000}],
        place="cash:TM",
    )
    found = {**lost, "kind": "cash_found", "amount": vnd(10_000), "count": count.index, "found_on": day}
    del found["lost_on"]
    approve(world.open, _proposed(world, found).index, "chu-tk")
    handed = {"kind": "handed_over", "from_actor": "ke-toan", "minutes_sha256": SHA, "office": "ke-toan"}
    record_bound(world.open, {**handed, "handed_on": day, "to_actor": "ke-toan-moi"}, "ke-toan")
    merged = {"kind": "book_merged", "merged_on": day, "minutes_sha256": SHA, "origin": "sovang/cu/1"}
    record_bound(world.open, {**merged, "other": {"root": "0" * 64, "size": 9}}, "ke-toan")
    month = day[:7]
    year, number = int(month[:4]), int(month[5:])
    world.clock.moment = datetime(year + number // 12, number % 12 + 1, 2, 2, tzinfo=UTC)
    day = world.clock.moment.date().isoformat()
    close(world.open, closing_list(world.open, month), "ke-toan", anyway="sổ mẫu")
    reopened = {"kind": "period_reopened", "minutes_sha256": SHA, "month": month, "reopened_on": day, "why": "sót"}
    approve(world.open, _proposed(world, reopened).index, "chu-tk")
    close(world.open, closing_list(world.open, month), "ke-toan", anyway="sổ mẫu")
    opened = {"kind": "year_opened", "closing": 0, "closing_leaf": leaf_at(world, 0), "opened_on": day}
    record_bound(world.open, {**opened, "year": int(day[:4])}, "ke-toan")


def _proposed(world: World, draft: dict[str, Any]) -> Recorded:
    return world.say("proposed", draft=draft, proposed_on=world.clock.moment.date().isoformat())
