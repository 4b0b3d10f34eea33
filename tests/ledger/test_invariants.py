"""Σ purpose held = Σ place held, per unit, at every index of random books.

Without it a kind could create money in one view that lies nowhere in the other.
"""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.accounts import AccountView, held_by_view, is_held, view_of
from ledger.log.merkle import leaf_hash
from ledger.record import decode
from ledger.refusals import Rejected
from ledger.replay import State, step
from tests.ledger.replayed import check_book
from tests.ledger.saying import (
    DEFAULTS,
    HOLDER,
    MILK,
    SUPPLIER,
    bodies,
    cartons,
    line,
    parts,
    request,
    reversal,
    say,
    size,
)
from tests.worlds import SHA, World, vnd

STEPS = 400 if os.environ.get("SOVANG_LONG") else 150


def random_request(world: World, dice: random.Random, number: int) -> dict[str, Any]:
    """Something that somebody might ask, allowed or not."""
    # A book that was closed takes nothing more, and would end the run there.
    kinds = sorted(DEFAULTS.keys() - {"book_closed"})
    kind = dice.choice([*kinds, "reversed", "reversed", "suspense_received", "suspense_paid"])
    if kind == "reversed":
        return reversal(world, dice.randrange(size(world)))
    minor = dice.choice([1, 999, 5_000, 40_000])
    changed: dict[str, Any] = {}
    fields = DEFAULTS[kind]
    if "amount" in fields:
        goods = fields["amount"]["unit"] != "VND"
        changed["amount"] = cartons(dice.randrange(1, 9)) if goods else vnd(minor)
    same = dice.randrange(6)
    for code, name in (("allocation", "pb"), ("order", "lc"), ("issue", "px"), ("transfer", "ct"), ("case", "n")):
        if code in fields:
            changed[code] = f"{name}-{same}"
    if kind in ("allocated", "payment_ordered", "goods_issued", "transfer_sent", "mistaken_money_held"):
        changed[{"a": "allocation", "p": "order", "g": "issue", "t": "transfer", "m": "case"}[kind[0]]] = f"x-{number}"
    if kind == "delivered":
        changed["handed"] = dice.choice([f"px-{same}", f"lc-{same}"])
    if "fund" in fields:
        changed["fund"] = dice.choice(["sua", "chung"])
    if kind in ("balance_brought", "gateway_settled"):
        changed.pop("amount", None)
    if kind == "balance_brought":
        changed["gifts"] = []
    if kind == "statement_imported":
        changed |= {"sha256": f"{number:064x}", "lines": 20, "new_lines": 20}
    if kind in ("suspense_received", "suspense_paid"):
        changed |= {"line": line(number), "statement": world.numbers}
    elif "parts" in fields and dice.random() < 0.5 and number > 5:
        waiting = dice.randrange(number)
        changed["parts"] = parts((waiting, changed.get("amount", {"minor": 198_000})["minor"]))
    if kind in ("gift_refunded", "certificate_issued"):
        gift = dice.randrange(size(world))
        changed["gift"] = gift
        if kind == "certificate_issued":
            changed["gift_leaf"] = leaf_hash(bodies(world)[gift]).hex()
    return request(kind, **changed)


def started(world: World) -> None:
    """Aid under way with every code the dice may name, so that what they say is often possible."""
    for n in range(6):
        holder = SUPPLIER if n % 2 else HOLDER
        payee = {"holder": holder, "payee_kind": "supplier" if n % 2 else "commune"}
        ours = {"allocation": f"pb-{n}"}
        say(world, "allocated", **ours, fund="chung" if n % 3 else "sua", amount=vnd(40_000))
        say(world, "payment_ordered", **ours, order=f"lc-{n}", amount=vnd(30_000), payee=payee)
        say(world, "money_advanced", order=f"lc-{n}", amount=vnd(25_000), holder=holder)
        if n % 2:
            milk = [{"cost_minor": 10_000, "goods": MILK, "quantity": 20}]
            say(world, "purchased", **ours, order=f"lc-{n}", items=milk)
            say(world, "goods_issued", **ours, issue=f"px-{n}", amount=cartons(10))


@pytest.mark.parametrize("seed", range(8 if os.environ.get("SOVANG_LONG") else 3))
def test_both_views_hold_the_same_at_every_index(world: World, seed: int) -> None:
    """A random book, replayed record by record; also no posting leaves its view."""
    dice = random.Random(f"invariants/{seed}")
    world.gift(300_000)
    world.gift(300_000, fund="chung")
    started(world)
    world.numbers = say(world, "statement_imported", lines=50, new_lines=50, sha256=SHA).index
    refused: Counter[str] = Counter()
    for number in range(STEPS):
        try:
            world.say(**random_request(world, dice, number))
        except Rejected as rejected:
            refused[rejected.reason] += 1
    story = bodies(world)
    assert len({decode(body).entry.kind for body in story}) > 20, refused
    assert len(refused) > 5, "a random book should meet rules"
    state = State(fetch_record=lambda index: earlier[index])
    earlier: list[Any] = []
    from ledger.book import StoredRecord

    for body in story:
        record, leaf = decode(body), leaf_hash(body)
        step(state, record, leaf)
        earlier.append(StoredRecord(record, leaf))
        for unit, (purpose, place) in held_by_view(state.balances).items():
            assert purpose == place, f"{unit} at index {record.index}: {record.entry.kind}"
        for posting in record.postings:
            assert view_of(posting.source) is view_of(posting.destination)
    sums: dict[tuple[AccountView, str], int] = {}
    for (account, unit), minor in state.balances.items():
        key = (view_of(account), unit)
        sums[key] = sums.get(key, 0) + minor
    assert set(sums.values()) == {0}, "double entry: every view adds up to nothing over all its accounts"
    assert any(is_held(account) and minor for (account, _), minor in state.balances.items())


def test_the_same_random_book_twice_is_the_same_book(tmp_path: Path) -> None:
    """The dice above are from a seed: what a failure prints can be run again."""
    told: list[list[bytes]] = []
    for name in ("a", "b"):
        world = World.create(tmp_path / name, None)
        dice = random.Random("again")
        world.gift(300_000)
        for number in range(30):
            try:
                world.say(**random_request(world, dice, number))
            except Rejected:
                continue
        told.append(bodies(world))
        check_book(world)
        world.home.close()
    assert told[0] == told[1]
