"""R10: warm clothes by age and gender: who waits for what, what of it is in stock, what is missing."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import MINH_TAN, SHA


def matrix(walk: Walk, *words: str) -> list[tuple[Any, ...]]:
    made = walk.sovang("report", "demand", "--year", "2026", *words)
    names = ("ages", "gender", "size", "wanted", "in_stock", "missing", "goods")
    return [tuple(row["cells"][name] for name in names) for row in made["rows"]]


def test_r10_warm_clothes(walk: Walk) -> None:
    """Coats are listed with whom they fit: boys of six to eight, girls of six to eight, and a size for either.
    They come as a gift without an invoice and without a value: quantity only.
    The communes' demand is a matrix of ages, gender and size; no record names an age, its cells lie in the vault.
    The report sets each cell against the coats that fit it, so that as few children as possible go without.
    Who may not open the vault sees the total alone.
    Coats are issued and handed over; what is missing grows by as many until new ones come.
    """
    coats: dict[str, dict[str, Any]] = {
        "ao-am-nam": {"from_age": 6, "to_age": 8, "gender": "boy"},
        "ao-am-nu": {"from_age": 6, "to_age": 8, "gender": "girl"},
        "ao-am-130": {"from_age": 6, "to_age": 10, "size": "130"},
    }
    for code, fits in coats.items():
        walk.say("goods_listed", goods=code, name=f"Áo ấm {code}", counted_in="chiếc", fits=fits)
    quantities = {"ao-am-nam": 30, "ao-am-nu": 10, "ao-am-130": 12}
    walk.say(
        "goods_received",
        donor={"private": {"name": "Công ty May"}},
        fund="chung",
        items=[{"goods": code, "quantity": n} for code, n in quantities.items()],
        received_on=walk.today,
        store="stock:KHO",
    )
    listed = walk.say(
        "demand_listed",
        demand="ao-2026",
        programme="HP256",
        activity="DOAM",
        cells={"private": {"cells": "6-8 boy 120 25; 6-8 girl 130 18; 9-10 girl 130 7"}},
        list_sha256=SHA,
        listed_on=walk.today,
        total=50,
    )
    assert "6-8" not in str(walk.get(f"/api/v1/entries/{listed.index}"))
    assert matrix(walk) == [("", "", "", 50, None, None, "")]
    assert matrix(walk, "--names") == [
        ("6–8", "bé trai — boy", "120", 25, 25, 0, "ao-am-nam: 25"),
        ("6–8", "bé gái — girl", "130", 18, 18, 0, "ao-am-130: 8, ao-am-nu: 10"),
        ("9–10", "bé gái — girl", "130", 7, 4, 3, "ao-am-130: 4"),
    ]
    amount = {"minor": 10, "unit": "ao-am-nam"}
    walk.say(
        "allocated",
        allocation="pb-ao",
        fund="chung",
        activity="DOAM",
        communes=[MINH_TAN],
        amount=amount,
        decision_sha256=SHA,
        allocated_on=walk.today,
    )
    hands = {"allocation": "pb-ao", "amount": amount, "holder": "xa-minh-tan"}
    walk.say("goods_issued", issue="px-ao", store="stock:KHO", issued_on=walk.today, **hands)
    walk.say(
        "delivered",
        delivered_on=walk.today,
        fund="chung",
        handed="px-ao",
        list_sha256=SHA,
        scope={"activity": "DOAM", "commune": MINH_TAN, "heads": 10},
        **hands,
    )
    assert matrix(walk, "--names")[0][3:6] == (25, 20, 5)
