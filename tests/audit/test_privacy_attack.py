"""An attacker has the published tiles and nothing else, and looks for children.

Whatever is published stays published: one school, one diagnosis, one group of three in the leaves could never be
taken back. Told is everything the product can say, and the invented payments of ../shared/hostile/privacy with k = 5.
"""

import csv
import importlib
import json
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.queries import write_tiles
from audit.reports import Period, make_report, open_source
from ledger.book import Recorded
from ledger.log.tiles import bundles_for_size, decode_bundle
from tests.audits import check_book
from tests.ledger import story3
from tests.ledger.story3.aid import ACTIVITIES, SUPPORT, sealed
from tests.privacy import is_said, said_in
from tests.shared import shared
from tests.worlds import OPEN_TO_ALL, SHA, World, vnd

WORDS = {"programme_opened", "communes_listed", "activities_listed", "classes_listed", "goods_listed", "package_listed"}
"""Kinds that list the words themselves: the names of all communes, activities and classes, not of anybody's."""
COUNTS = ("heads", "pupils", "children", "distinct_children")


class Overheard(World):
    """Remembers every private text that was said."""

    def say(self, kind: str, **fields: Any) -> Recorded:
        if not hasattr(self, "private"):
            self.private: set[str] = set()
        self.private |= set(_private(fields))
        return super().say(kind, **fields)


def _private(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value.get("private", {}).values()
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _private(item)


def published(world: World, folder: Path) -> list[dict[str, Any]]:
    """The records as anybody reads them: from the tiles."""
    world.open.checkpointer.run()
    size = write_tiles(world.open, folder)
    bundles = [(folder / tile.path).read_bytes() for tile in bundles_for_size(0, size)]
    records = [msgspec.json.decode(body) for bundle in bundles for body in decode_bundle(bundle)]
    assert [record["index"] for record in records] == list(range(size))
    return records


def open_words(records: list[dict[str, Any]]) -> str:
    """Every text of the records but those that only list words."""
    return said_in(msgspec.json.encode(record) for record in records if record["entry"]["kind"] not in WORDS)


def counts(value: Any) -> Iterator[int]:
    """Every number of children that stands in a record."""
    if isinstance(value, dict):
        yield from (number for name, number in value.items() if name in COUNTS and isinstance(number, int))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from counts(item)


def listed_words(records: list[dict[str, Any]]) -> set[str]:
    """Codes that lists name: of a sealed one nobody can tell that it was meant. Sensitive ones are looked for apart."""
    return {
        code
        for record in records
        if record["entry"]["kind"] in WORDS
        for one in [record["entry"], *_items(record["entry"])]
        for name in ("activity", "commune", "code", "programme")
        if isinstance(code := one.get(name), str)
    }


def _items(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in entry.values():
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))


def tells_where(records: list[dict[str, Any]], delivered: dict[str, Any]) -> bool:
    """Whether a hidden delivery is of an allocation that names communes."""
    said = [r["entry"] for r in records if r["entry"].get("allocation") == delivered["allocation"]]
    return "hidden" in delivered and any(entry.get("communes") for entry in said)


def attack(world: Overheard, records: list[dict[str, Any]], *, k: int) -> None:
    """Nothing private is readable, no group is smaller than k, no sensitive word stands open, no two tags are alike."""
    read_out = open_words(records)
    # A plain number says nothing alone, the first of a month is what stands for the month.
    dull = re.compile(r"\d+|\d{4}-\d{2}-01")
    texts = {text for text in world.private if not dull.fullmatch(text)} - listed_words(records)
    assert sorted(text for text in texts if is_said(text, read_out)) == []
    assert [number for record in records for number in counts(record["entry"]) if number < k] == []
    listed = [(record["entry"]["kind"], record["entry"]) for record in records]
    classes = [one for kind, entry in listed if kind == "classes_listed" for one in entry["classes"]]
    activities = [one for kind, entry in listed if kind == "activities_listed" for one in entry["activities"]]
    sensitive = {one["code"] for one in classes if one["sensitive"]}
    sensitive |= {one["activity"] for one in activities if one["sensitive"]}
    assert sorted(word for word in sensitive if is_said(word, read_out)) == []
    assert [r["index"] for r in records if r["entry"]["kind"] == "delivered" and tells_where(records, r["entry"])] == []
    tags = [text for record in records for text in _tags(record["entry"])]
    assert len(tags) == len(set(tags))


def _tags(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.keys() == {"seals", "tag"}:
            yield value["tag"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _tags(item)


STORIES = sorted(module.name for module in pkgutil.iter_modules(story3.__path__))


@pytest.mark.parametrize("story", STORIES)
def test_nobody_is_found_in_what_a_family_says(story: str, tmp_path: Path) -> None:
    """Every kind of this release, told as its family tells it."""
    world = Overheard.create(tmp_path / "home", None)
    importlib.import_module(f"{story3.__name__}.{story}").tell(world)
    attack(world, published(world, tmp_path / "tiles"), k=10)
    assert story != "aid" or len(world.private) > 15
    world.home.close()


# --- the invented payments ------------------------------------------------------------------------------

EXPECT = json.loads(shared("hostile/privacy/expect.json").read_text(encoding="utf-8"))
K = int(EXPECT["k"])
PROVINCES = {"Nghệ An": "40", "Lai Châu": "12", "Cần Thơ": "92"}
HOLDER = "van-phong"


def rows() -> list[dict[str, str]]:
    with shared("hostile/privacy/disbursements.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def place_of(row: dict[str, str]) -> tuple[str, str]:
    return row["tỉnh"], row["xã"]


PLACES = sorted({place_of(row) for row in rows()})
CODES = {place: f"{10_000 + number}@2025-07-01" for number, place in enumerate(PLACES)}


def tell_payments(world: Overheard) -> None:
    """The payments as an accountant says them: each child's own, sealed; and one gift to all children of a commune."""
    world.clock.moment = world.clock.moment.replace(year=2027, month=1, day=20)
    plan = {"programme": "P", "name": "Vì trẻ em", "from_on": "2025-01-01", "to_on": "2030-12-31"}
    world.say("programme_opened", **plan, activities=[{"activity": "QUA16", "name": "Quà 1/6"}])
    communes = [
        {"commune": code, "name": commune, "province": PROVINCES[province]}
        for (province, commune), code in CODES.items()
    ]
    world.say("communes_listed", programme="P", communes=communes, listed_on="2025-07-01")
    world.say("activities_listed", activities=ACTIVITIES)
    world.say("fund_opened", fund="tre", name="Nguồn trẻ em", source="gift", restriction=OPEN_TO_ALL, places=[])
    world.gift(2_000_000_000, fund="tre", received_on="2026-01-02")
    children: dict[tuple[str, str], set[str]] = defaultdict(set)
    known: set[str] = set()
    for row in rows():
        place = place_of(row)
        children[place].add(row["mã trẻ"])
        if row["mã trẻ"] not in known:
            known.add(row["mã trẻ"])
            facts = {"number": row["mã trẻ"], "gender": row["giới"], "circumstance": row["lý do"], "commune": row["xã"]}
            world.say("child_registered", child=sealed(**facts), registered_on="2026-01-02", source=SHA)
    general = {"activity": SUPPORT, "communes": [], "allocated_on": "2026-01-01"}
    for province, number in PROVINCES.items():
        theirs = [row for row in rows() if row["tỉnh"] == province]
        total = sum(int(row["số tiền"]) for row in theirs)
        _pay(world, f"pb-{number}", total, **general, hidden={"province": number, "detail": sealed(form="theo hồ sơ")})
        for row in theirs:
            facts = {"commune": CODES[place_of(row)], "activity": row["lý do"], "day": row["ngày"], "age": row["tuổi"]}
            hidden = {"province": number, "detail": sealed(**facts)}
            on = f"{row['ngày'][:7]}-01"
            roll = sealed(children=row["mã trẻ"])
            _give(world, f"pb-{number}", int(row["số tiền"]), on, hidden=hidden, roll=roll)
    large = {place: numbers for place, numbers in sorted(children.items()) if len(numbers) >= K}
    june = {"activity": "QUA16", "communes": [CODES[place] for place in large], "allocated_on": "2026-06-01"}
    _pay(world, "pb-16", 100_000 * sum(map(len, large.values())), **june)
    for place, numbers in large.items():
        scope = {"activity": "QUA16", "commune": CODES[place], "heads": len(numbers)}
        roll = sealed(children=" ".join(sorted(numbers)))
        _give(world, "pb-16", 100_000 * len(numbers), "2026-06-01", scope=scope, roll=roll)
    serial = count(17)
    for place, numbers in sorted(children.items()):
        if place not in large:
            number = PROVINCES[place[0]]
            hidden = {"province": number, "detail": sealed(commune=CODES[place], activity="QUA16")}
            code, minor = f"pb-{next(serial)}", 100_000 * len(numbers)
            _pay(world, code, minor, **{**general, "allocated_on": "2026-06-01"}, hidden=hidden)
            roll = sealed(children=" ".join(sorted(numbers)))
            _give(world, code, minor, "2026-06-01", hidden=hidden, roll=roll)


def _pay(world: World, allocation: str, minor: int, **scope: Any) -> None:
    said = {"allocation": allocation, "amount": vnd(minor)}
    world.say("allocated", **said, **scope, programme="P", fund="tre", decision_sha256=SHA)
    order = {"order": f"lc-{allocation}", "amount": vnd(minor)}
    payee = {"holder": HOLDER, "payee_kind": "staff"}
    paid = "2026-01-03"
    world.say("payment_ordered", **order, allocation=allocation, ordered_on=paid, payee=payee, place="bank:VCB")
    world.say("money_advanced", **order, holder=HOLDER, paid_on=paid, place="bank:VCB", parts=[])


def _give(world: World, allocation: str, minor: int, on: str, **more: Any) -> None:
    said = {"allocation": allocation, "amount": vnd(minor), "delivered_on": on, "fund": "tre"}
    world.say("delivered", **said, handed=f"lc-{allocation}", holder=HOLDER, **more)


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overheard]:
    world = Overheard.create(tmp_path_factory.mktemp("payments") / "home", None, k=K)
    tell_payments(world)
    yield world
    check_book(world)
    world.home.close()


def test_no_child_is_found_in_the_invented_payments(payments: Overheard, tmp_path: Path) -> None:
    """Neither a number, nor a reason, nor a day, nor a commune of fewer than five; nor who was helped twice."""
    records = published(payments, tmp_path / "tiles")
    assert len({row["mã trẻ"] for row in rows()}) == EXPECT["total_children"]
    assert {row["lý do"] for row in rows()} | {row["mã trẻ"] for row in rows()} <= payments.private
    attack(payments, records, k=K)
    small = {(cell["group"][0], cell["group"][1]) for cell in EXPECT["small"]["tỉnh x xã"]}
    assert len(small) == 3
    entries = [record["entry"] for record in records if record["entry"]["kind"] not in WORDS]
    read_out = open_words(records)
    assert {place for place, code in CODES.items() if not is_said(code, read_out)} == small
    days = {entry["delivered_on"][8:] for entry in entries if "hidden" in entry and "delivered_on" in entry}
    assert days == {"01"}


def test_what_may_be_published_stands_every_difference(payments: Overheard) -> None:
    """A total less its published parts is nobody or at least five children, in every province and over all."""
    with open_source(payments.open, private=True) as source:
        made = make_report(source, "children-open", Period.year(2026))
    shown: dict[str, dict[str, int]] = defaultdict(dict)
    for row in made.rows:
        province, commune, number = row.cells
        shown[str(province)][str(commune)] = int(str(number))
    names = {code: place for place, code in CODES.items()}
    small = {tuple(cell["group"]) for cell in EXPECT["small"]["tỉnh x xã"]}
    told = {names[commune] for inside in shown.values() for commune in inside if commune}
    assert told
    assert not told & small
    for inside in shown.values():
        rest = inside[""] - sum(number for commune, number in inside.items() if commune)
        assert rest == 0 or rest >= K
        assert min(inside.values()) >= K
    assert sum(inside[""] for inside in shown.values()) == EXPECT["total_children"]
    for lone in EXPECT["needs_complementary"]:
        province = PROVINCES[lone["province"]]
        communes = [place for place in PLACES if place[0] == lone["province"]]
        assert len(communes) - (len(shown[province]) - 1) >= 2
