"""Goods given and bought, lots, a store counted, works under contract, clothes by age; and short ways to say them."""

from typing import Any

from ledger.book import Recorded
from tests.ledger.saying import DAY, HOLDER, SUPPLIER, person
from tests.worlds import MINH_TAN, SHA, World, vnd

FRESH = "sua-chua-100g"
"""Goods that expire and must be inspected."""
COAT = "ao-am-nam-6-8t"
STORE = "stock:KHO"
BUILDER = "cty-xay-dung"

DEFAULTS: dict[str, dict[str, Any]] = {
    "goods_received": {
        "donor": person("Công ty Sữa"),
        "fund": "sua",
        "items": [{"goods": FRESH, "quantity": 100, "lot": "l-1", "expires_on": "2026-12-31", "value_minor": 700_001}],
        "received_on": DAY,
        "store": STORE,
        "valuation_sha256": SHA,
    },
    "goods_inspected": {"inspected_on": DAY, "lot": "l-1", "minutes_sha256": SHA, "passed": True},
    "goods_given_directly": {
        "allocation": "tt-1",
        "donor": person("Hội đồng hương"),
        "evidence_sha256": SHA,
        "fund": "chung",
        "given_on": DAY,
        "items": [{"goods": COAT, "quantity": 30}],
        "scope": {"activity": "DOAM", "commune": MINH_TAN, "heads": 30},
    },
    "stock_counted": {
        "counted_on": DAY,
        "items": [{"goods": COAT, "counted": 18}],
        "minutes_sha256": SHA,
        "store": STORE,
    },
    "stock_written_off": {
        "amount": {"minor": 2, "unit": COAT},
        "fund": "chung",
        "minutes_sha256": SHA,
        "store": STORE,
        "why": "lost",
        "written_off_on": DAY,
    },
    "stock_found": {
        "amount": {"minor": 3, "unit": COAT},
        "found_on": DAY,
        "fund": "chung",
        "minutes_sha256": SHA,
        "store": STORE,
    },
    "demand_listed": {
        "activity": "DOAM",
        "cells": {"private": {"cells": "6-8 boy - 14; 6-8 girl - 11; 9-11 boy 130 6"}},
        "demand": "ao-2026",
        "list_sha256": SHA,
        "listed_on": DAY,
        "programme": "HP256",
        "total": 31,
    },
    "contract_signed": {
        "advance_minor": 100_000,
        "allocation": "pb-ct",
        "amount": vnd(500_000),
        "contract": "hd-1",
        "contract_kind": "works",
        "contract_sha256": SHA,
        "quotations": [SHA, "a1" * 32, "b2" * 32],
        "signed_on": DAY,
        "stages": [{"minor": 300_000, "stage": 1}, {"minor": 200_000, "stage": 2}],
        "supplier": BUILDER,
    },
    "stage_accepted": {
        "accepted_on": DAY,
        "amount": vnd(300_000),
        "contract": "hd-1",
        "minutes_sha256": SHA,
        "stage": 1,
    },
    "works_checked": {"checked_on": DAY, "contract": "hd-1", "report_sha256": SHA, "result": "good"},
}


def asked(kind: str, **changed: Any) -> dict[str, Any]:
    """The usual request of a kind of this family; a field set to None is left out."""
    fields = {**DEFAULTS[kind], **changed}
    return {"kind": kind, **{name: value for name, value in fields.items() if value is not None}}


def say(world: World, kind: str, **changed: Any) -> Recorded:
    """Records it."""
    return world.say(**asked(kind, **changed))


def two(world: World, kind: str, **changed: Any) -> Recorded:
    """Two persons decide it: ke-toan proposes, chu-tk approves."""
    return decided(world, asked(kind, **changed))


def decided(world: World, draft: dict[str, Any]) -> Recorded:
    """The same of any entry."""
    proposal = world.say("proposed", draft=draft, proposed_on=DAY)
    leaf = proposal.leaf_hash.hex()
    approval = {"kind": "approved", "approved_on": DAY, "proposed": proposal.index, "proposed_leaf": leaf}
    world.open.requests.submit([{"entry": approval}], "chu-tk")
    return world.say(**draft, proposal=leaf)


def list_goods(world: World) -> None:
    """Yoghurt, kept by lot and inspected; coats for boys of six to eight."""
    world.say(
        "goods_listed",
        goods=FRESH,
        name="Sữa chua 100 g",
        counted_in="hộp",
        expires=True,
        inspected=True,
        norm="QCVN 5-5:2010/BYT",
        unit_price_minor=7_000,
    )
    fits = {"from_age": 6, "to_age": 8, "gender": "boy"}
    world.say("goods_listed", goods=COAT, name="Áo ấm bé trai 6-8 tuổi", counted_in="chiếc", fits=fits)


def given(world: World, lot: str, quantity: int, expires_on: str, **changed: Any) -> Recorded:
    """A gift of yoghurt in one lot, inspected and passed."""
    items = [{"goods": FRESH, "quantity": quantity, "lot": lot, "expires_on": expires_on}]
    recorded = say(world, "goods_received", items=items, valuation_sha256=None, **changed)
    say(world, "goods_inspected", lot=lot)
    return recorded


def allocate(world: World, allocation: str, amount: dict[str, Any], **changed: Any) -> None:
    """Sets goods or money of a fund aside."""
    fields = {
        "activity": "SUA",
        "allocated_on": DAY,
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
        **changed,
    }
    world.say("allocated", allocation=allocation, amount=amount, **fields)


def yoghurt(minor: int) -> dict[str, Any]:
    """An amount of yoghurt."""
    return {"minor": minor, "unit": FRESH}


def issue(world: World, code: str, minor: int, allocation: str = "pb-h", **changed: Any) -> Recorded:
    """Hands yoghurt out of the store."""
    fields = {"holder": HOLDER, "issued_on": DAY, "store": STORE, **changed}
    return world.say("goods_issued", issue=code, allocation=allocation, amount=yoghurt(minor), **fields)


def order(world: World, code: str, minor: int, *, stage: int | None = None, **changed: Any) -> Recorded:
    """Orders a payment under the contract of works."""
    fields: dict[str, Any] = {
        "allocation": "pb-ct",
        "contract": "hd-1",
        "ordered_on": DAY,
        "payee": {"holder": BUILDER, "payee_kind": "supplier"},
        "place": "bank:VCB",
        **({} if stage is None else {"stage": stage}),
        **changed,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    return world.say("payment_ordered", order=code, amount=vnd(minor), **fields)


def tell(world: World) -> None:
    """Every kind of this family once, and the old ones with their new fields."""
    list_goods(world)
    say(world, "goods_received")
    say(world, "goods_inspected")
    given(world, "l-2", 40, "2026-10-31")
    say(world, "goods_received", fund="chung", items=[{"goods": COAT, "quantity": 20}], valuation_sha256=None)
    allocate(world, "pb-h", yoghurt(140))
    issue(world, "px-h1", 50)
    issue(world, "px-h2", 5, lots=[{"lot": "l-1", "minor": 5}], lots_why="Điểm xa, cần hạn dài")
    world.say(
        "goods_returned",
        allocation="pb-h",
        amount=yoghurt(3),
        holder=HOLDER,
        issue="px-h1",
        lots=[{"lot": "l-1", "minor": 3}],
        returned_on=DAY,
        store=STORE,
    )
    say(world, "goods_given_directly")
    hidden = {"province": "31", "detail": {"private": {"commune": MINH_TAN, "activity": "DOAM", "heads": "2"}}}
    say(world, "goods_given_directly", allocation="tt-2", scope=None, hidden=hidden)
    say(world, "stock_counted")
    two(world, "stock_written_off")
    say(world, "stock_counted", items=[{"goods": COAT, "counted": 21}])
    say(world, "stock_found")
    say(world, "demand_listed")
    works(world)
    bought_under_contract(world)


def works(world: World) -> None:
    """A contract of works: advance, two stages, the check a while later."""
    world.gift(1_000_000, fund="chung")
    allocate(world, "pb-ct", vnd(500_000), fund="chung", activity="TRUYENTHONG")
    say(world, "contract_signed")
    order(world, "lc-h1", 100_000)
    say(world, "stage_accepted")
    order(world, "lc-h2", 300_000, stage=1)
    say(world, "stage_accepted", stage=2, amount=vnd(200_000))
    order(world, "lc-h3", 100_000, stage=2)
    say(world, "works_checked")


def bought_under_contract(world: World) -> None:
    """Yoghurt bought under a contract of goods, as a lot."""
    world.gift(300_000)
    allocate(world, "pb-hh", vnd(300_000))
    stages = [{"minor": 210_000, "stage": 1}]
    say(
        world,
        "contract_signed",
        contract="hd-2",
        contract_kind="goods",
        allocation="pb-hh",
        amount=vnd(210_000),
        advance_minor=210_000,
        stages=stages,
        supplier=SUPPLIER,
    )
    payee = {"holder": SUPPLIER, "payee_kind": "supplier"}
    order(world, "lc-h4", 210_000, contract="hd-2", allocation="pb-hh", payee=payee)
    paid = {"place": "bank:VCB", "paid_on": DAY, "parts": []}
    world.say("money_advanced", order="lc-h4", amount=vnd(210_000), holder=SUPPLIER, **paid)
    world.say(
        "purchased",
        allocation="pb-hh",
        contract="hd-2",
        currency="VND",
        holder=SUPPLIER,
        invoice_sha256=SHA,
        items=[{"cost_minor": 210_000, "goods": FRESH, "quantity": 30, "lot": "l-3", "expires_on": "2026-09-30"}],
        order="lc-h4",
        purchased_on=DAY,
        store=STORE,
    )
