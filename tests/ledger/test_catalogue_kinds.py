"""Catalogues and targets: what holds on which day, and what is refused.

Without these an old price, an old list of communes or a share of nothing could pass for today's.
"""

from datetime import date
from typing import Any

import pytest

from ledger.catalogue_data import units_on
from ledger.entries.catalogue import (
    check_package,
    class_on,
    commune_has_flag,
    commune_listed,
    package_on,
)
from ledger.money import Amount, dong
from ledger.refusals import Reason, Rejected
from ledger.replay import view_at
from tests.audits import check_book
from tests.ledger.replayed import replayed
from tests.ledger.saying import DAY, MILK, bodies
from tests.ledger.story3.catalogue import (
    BACH_DANG,
    CLASS,
    LUU_KIEM,
    NEW,
    OLD,
    PACKAGE,
    STATISTIC,
    TARGET,
    tell,
)
from tests.worlds import LAI_XUAN, MINH_TAN, SHA, World, vnd


@pytest.fixture
def world(sqlite_world: World) -> World:
    """Rules alone are tested here; what databases do with them is tested elsewhere."""
    return sqlite_world


def view(world: World) -> Any:
    """What the next entry of the book may see."""
    state = replayed(bodies(world))
    return view_at(state, state.at, "ke-toan")


def refused(reason: Reason, world: World, entry: dict[str, Any], field: str | None = None) -> None:
    with pytest.raises(Rejected) as caught:
        world.say(**entry)
    assert caught.value.reason is reason
    assert field is None or caught.value.details["field"] == field


def changed(entry: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The entry with other fields; one set to None is left out."""
    return {name: value for name, value in {**entry, **fields}.items() if value is not None}


def test_what_holds_is_asked_by_day(world: World) -> None:
    tell(world)
    seen = view(world)
    assert class_on(seen, "HCN-01", date(2025, 12, 31), field="c")["legal_basis"] == "Kế hoạch 256/KH-UBND"
    assert class_on(seen, "HCN-01", date(2026, 1, 1), field="c")["legal_basis"] == "Kế hoạch 215/KH-UBND"
    assert package_on(seen, "GOI-SUA", date(2026, 8, 31))["unit_price"]["minor"] == 240_000
    assert package_on(seen, "GOI-SUA", date(2026, 9, 1))["unit_price"]["minor"] == 250_000
    before, after = date(2025, 6, 30), date(2025, 7, 1)
    assert [commune_listed(seen, "XA-MN", MINH_TAN, day) for day in (before, after)] == [True, False]
    assert [commune_listed(seen, "XA-MN", BACH_DANG, day) for day in (before, after)] == [False, True]
    assert not commune_listed(seen, "XA-MN", MINH_TAN, date(2020, 12, 31))  # before the first list
    assert commune_listed(seen, "HP256", MINH_TAN, after)  # no list by days binds nobody
    flagged = [commune_has_flag(seen, "mien-nui", LUU_KIEM, day) for day in (before, after, date(2026, 7, 1))]
    assert flagged == [False, True, False]
    with pytest.raises(Rejected, match="NO_SUCH_CLASS"):
        class_on(seen, "HCN-01", date(2020, 12, 31), field="c")
    with pytest.raises(Rejected, match="NO_SUCH_PACKAGE"):
        package_on(seen, "GOI-SUA", date(2025, 12, 31))
    check_book(world)


def test_a_version_begins_after_the_one_in_force(world: World) -> None:
    world.say("classes_listed", classes=[CLASS])
    earlier = changed(CLASS, valid_from="2020-12-31")
    refused(Reason.MALFORMED, world, {"kind": "classes_listed", "classes": [earlier]}, "classes")
    world.say("classes_listed", classes=[changed(CLASS, name="Trẻ em hộ cận nghèo")])  # the same day again: put right
    versions = view(world).register("class", "HCN-01")["versions"]
    assert [version["name"] for version in versions] == ["Trẻ em hộ cận nghèo"]
    world.say(**PACKAGE)
    refused(Reason.MALFORMED, world, changed(PACKAGE, valid_from="2025-12-31"), "valid_from")
    world.say("communes_listed", programme="HP256", communes=NEW, listed_on="2025-07-01")
    listed = {"kind": "communes_listed", "programme": "HP256", "communes": OLD, "listed_on": "2021-01-01"}
    refused(Reason.MALFORMED, world, listed, "listed_on")
    check_book(world)


def test_a_class_once_sensitive_stays_so(world: World) -> None:
    world.say("classes_listed", classes=[changed(CLASS, sensitive=True)])
    world.say("classes_listed", classes=[changed(CLASS, valid_from="2026-01-01")])
    seen = view(world)
    assert seen.register("class", "HCN-01")["sensitive"]
    assert class_on(seen, "HCN-01", date(2026, 9, 1), field="c")["sensitive"]
    check_book(world)


def test_activities_keep_who_first_named_them(world: World) -> None:
    first = view(world).register("activity", "SUA")
    said = {"activity": "SUA", "general": "HOTRO", "name": "Sữa", "sensitive": False}
    refused(Reason.NO_SUCH_ACTIVITY, world, {"kind": "activities_listed", "activities": [said]}, "activities")
    general = {"activity": "HOTRO", "general": "HOTRO", "name": "Hỗ trợ trẻ em", "sensitive": False}
    world.say("activities_listed", activities=[said, general])
    row = view(world).register("activity", "SUA")
    assert (row["index"], row["general"], row["sensitive"]) == (first["index"], "HOTRO", False)
    refused(Reason.MALFORMED, world, {"kind": "activities_listed", "activities": []}, "activities")
    refused(Reason.MALFORMED, world, {"kind": "activities_listed", "activities": [general, general]}, "activities")
    check_book(world)


CASES = {
    "a class twice": (Reason.MALFORMED, {"kind": "classes_listed", "classes": [CLASS, CLASS]}, "classes"),
    "ages backwards": (
        Reason.MALFORMED,
        {"kind": "classes_listed", "classes": [changed(CLASS, from_age=16)]},
        "classes",
    ),
    "a package of no programme": (Reason.NO_SUCH_PROGRAMME, changed(PACKAGE, programme="HP1"), "programme"),
    "a package of no activity": (Reason.NO_SUCH_ACTIVITY, changed(PACKAGE, activity="X"), "activity"),
    "a package of no goods": (
        Reason.NO_SUCH_GOODS,
        changed(PACKAGE, items=[{"goods": "khong-co", "quantity": 1}]),
        "items",
    ),
    "a package twice the same goods": (Reason.MALFORMED, changed(PACKAGE, items=PACKAGE["items"] * 2), "items"),
    "a price in milk": (Reason.UNIT_DIFFERS, changed(PACKAGE, unit_price={"minor": 1, "unit": MILK}), "unit_price"),
    "a flag on no commune": (
        Reason.NO_SUCH_COMMUNE,
        {"kind": "commune_flagged", "commune": BACH_DANG, "decision": "1", "flag": "f", "from_on": "2026-01-01"},
        "commune",
    ),
    "a flag that ends first": (
        Reason.MALFORMED,
        {
            "kind": "commune_flagged",
            "commune": MINH_TAN,
            "decision": "1",
            "flag": "f",
            "from_on": "2026-01-02",
            "to_on": "2026-01-01",
        },
        "to_on",
    ),
    "mapped to itself": (
        Reason.MALFORMED,
        {
            "kind": "commune_mapped",
            "commune": MINH_TAN,
            "counted_in": MINH_TAN,
            "decided_on": DAY,
            "decision_sha256": SHA,
        },
        "counted_in",
    ),
    "mapped for a record to come": (
        Reason.NO_SUCH_RECORD,
        {
            "kind": "commune_mapped",
            "commune": MINH_TAN,
            "counted_in": LAI_XUAN,
            "decided_on": DAY,
            "decision_sha256": SHA,
            "of_record": 999,
        },
        "of_record",
    ),
    "a share of nothing": (Reason.NO_DENOMINATOR, changed(TARGET, denominator=None), "denominator"),
    "a rate of nothing": (
        Reason.NO_DENOMINATOR,
        changed(TARGET, denominator=None, unit="per_100000", value=200),
        "denominator",
    ),
    "a denominator of no day": (
        Reason.MALFORMED,
        changed(TARGET, denominator={"name": "Trẻ em"}),
        None,
    ),
    "more than the whole": (Reason.MALFORMED, changed(TARGET, value=101), "value"),
    "no value": (Reason.MALFORMED, changed(TARGET, value=None), "value"),
    "a value that only falls": (Reason.MALFORMED, changed(TARGET, sense="falls"), "value"),
    "a target of no programme": (Reason.NO_SUCH_PROGRAMME, changed(TARGET, programme="HP1"), "programme"),
    "a result of no target": (Reason.NO_SUCH_TARGET, STATISTIC, "target"),
}


def test_what_makes_no_sense_is_refused(world: World) -> None:
    for reason, entry, field in CASES.values():
        refused(reason, world, entry, field)
    check_book(world)


def test_a_result_says_what_it_is_a_share_of_and_what_is_unpublished_stays_sealed(world: World) -> None:
    world.say(**TARGET)
    world.say(**changed(TARGET, target="CT-XH", sensitive=True))
    world.say(**changed(TARGET, target="CT-DEM", unit="count", denominator=None, value=14))
    refused(Reason.NO_DENOMINATOR, world, changed(STATISTIC, denominator=None), "denominator")
    refused(Reason.MALFORMED, world, changed(STATISTIC, numerator=None), "numerator")
    refused(Reason.MALFORMED, world, changed(STATISTIC, numerator=1_235), "numerator")
    refused(Reason.MALFORMED, world, changed(STATISTIC, as_of="2026-09-02"), "as_of")
    refused(Reason.UNPUBLISHED_FIGURE, world, changed(STATISTIC, target="CT-XH"), "numerator")
    figures = {"private": {"numerator": "3", "denominator": "3"}}
    both = changed(STATISTIC, target="CT-XH", figures=figures)
    refused(Reason.UNPUBLISHED_FIGURE, world, both, "figures")
    world.say(**changed(STATISTIC, target="CT-XH", figures=figures, numerator=None, denominator=None))
    world.say(**changed(STATISTIC, target="CT-DEM", numerator=9, denominator=None))
    assert not any(b'"numerator":3' in body for body in bodies(world))
    check_book(world)


def test_a_decision_keeps_to_the_price_of_its_day(world: World) -> None:
    tell(world)
    seen = view(world)
    may = {"activity": "SUA", "count": 10, "on": date(2026, 8, 31)}
    check_package(seen, "GOI-SUA", amount=dong(2_400_000), **may)
    check_package(seen, "GOI-SUA", amount=dong(2_500_000), **{**may, "on": date(2026, 9, 1)})
    check_package(seen, "GOI-SUA", amount=Amount(400, MILK), **may)
    for amount, reason, more in (
        (dong(2_400_001), Reason.ABOVE_CATALOGUE, {}),
        (Amount(401, MILK), Reason.ABOVE_CATALOGUE, {}),
        (Amount(1, "ao-am"), Reason.ABOVE_CATALOGUE, {}),
        (Amount(1, "USD"), Reason.UNIT_DIFFERS, {}),
        (dong(1), Reason.OUTSIDE_RESTRICTION, {"activity": "DOAM"}),
    ):
        with pytest.raises(Rejected) as caught:
            check_package(seen, "GOI-SUA", amount=amount, **{**may, **more})
        assert caught.value.reason is reason
    asked = {
        "activity": "SUA",
        "allocated_on": DAY,
        "allocation": "pb-1",
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
        "packages": {"count": 2, "package": "GOI-SUA"},
    }
    world.gift(1_000_000)
    refused(Reason.ABOVE_CATALOGUE, world, {"kind": "allocated", **asked, "amount": vnd(500_001)}, "amount")
    world.say("allocated", **asked, amount=vnd(500_000))
    check_book(world)


def test_a_unit_that_was_split_waits_for_a_person(world: World) -> None:
    """Xã Lại Xuân was joined to Liên Xuân, and that was split between Lưu Kiếm and Việt Khê."""
    day = date(2026, 9, 1)
    assert units_on(LAI_XUAN, date(2024, 12, 31)) == (LAI_XUAN,)
    assert units_on(LAI_XUAN, date(2025, 1, 1)) == ("11485@2025-01-01",)
    assert units_on(LAI_XUAN, day) == (LUU_KIEM, "11503@2025-07-01")
    assert units_on(LAI_XUAN, day, {"11485@2025-01-01": LUU_KIEM}.get) == (LUU_KIEM,)
    assert units_on(LAI_XUAN, day, {LAI_XUAN: LUU_KIEM}.get) == (LUU_KIEM,)
    assert units_on(LAI_XUAN, date(2025, 2, 1), {LAI_XUAN: LUU_KIEM}.get) == ("11485@2025-01-01",)
    assert units_on(BACH_DANG, day, {BACH_DANG: MINH_TAN}.get) == (BACH_DANG,)  # never backwards
    tell(world)
    seen = view(world)
    assert seen.register("commune-map", LAI_XUAN)["counted_in"] == LUU_KIEM
    assert seen.register("commune-map", f"{LAI_XUAN}/1")["counted_in"] == LUU_KIEM
    check_book(world)
