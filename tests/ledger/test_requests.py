"""What a request may say, and what the vault is given of it.

Without these a caller could act under the importer's name, or an old name win over the one just told.
"""

from typing import Any

import pytest

from ledger.refusals import Reason, Rejected
from ledger.requests import IMPORTER, open_person
from ledger.store.engine import reading
from tests.audits import check_book
from tests.ledger.saying import record_at, request, size
from tests.worlds import World


def refusal(world: World, requests: list[Any], by: str = "ke-toan") -> Rejected:
    before = size(world)
    with pytest.raises(Rejected) as caught:
        world.open.requests.submit(requests, by)
    assert size(world) == before
    return caught.value


def donor_of(world: World, index: int) -> dict[str, str]:
    """What the vault holds of the donor of a gift."""
    person = next(record_at(world, index).entry.persons())
    with reading(world.open.engine) as db:
        opened = open_person(db, "hp", world.open.vault, index, person)
    assert opened is not None
    return opened[1]


def test_nobody_acts_under_the_importers_name(sqlite_world: World) -> None:
    """Its references name statement lines: one taken by a person would keep that line out for ever."""
    refused = refusal(sqlite_world, [{"entry": request("gift_received")}], by=IMPORTER)
    assert (refused.reason, refused.details["field"]) == (Reason.MALFORMED, "by")
    check_book(sqlite_world)


def test_the_same_person_with_news_of_them(sqlite_world: World) -> None:
    """What is said now wins over what the earlier record knew; what is not said stays."""
    first = sqlite_world.gift(donor={"private": {"name": "Trần Thị Bình", "phone": "0912345678"}}).index
    news = {"same_as": first, "private": {"phone": "0987654321"}}
    second = sqlite_world.gift(donor=news).index
    assert donor_of(sqlite_world, second) == {"name": "Trần Thị Bình", "phone": "0987654321"}
    assert donor_of(sqlite_world, first)["phone"] == "0912345678"
    check_book(sqlite_world)
