"""Reports of goods and works: every figure from the records, every column adds up, sealed cells stay sealed."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.reports import Period, Report, make_report, open_source
from audit.reports.goods import Cell, fits, matched, read_cells
from ledger.entries.catalogue import Fits, GoodsListed
from tests.audits import check_book
from tests.ledger.saying import DAY, HOLDER, reverse
from tests.ledger.story3 import goods
from tests.ledger.story3.goods import COAT, FRESH, STORE
from tests.worlds import MINH_TAN, World

YEAR = Period.year(2026)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The family's story, and yoghurt delivered, issued and reversed after it."""
    world = World.create(tmp_path_factory.mktemp("goods") / "home", None)
    goods.tell(world)
    scope = {"activity": "SUA", "commune": MINH_TAN, "heads": 20}
    delivered = {"allocation": "pb-h", "delivered_on": DAY, "fund": "sua", "handed": "px-h1", "holder": HOLDER}
    world.say("delivered", amount=goods.yoghurt(20), scope=scope, **delivered)
    again = goods.issue(world, "px-h9", 4)
    reverse(world, again.index)
    yield world
    check_book(world)
    world.home.close()


def made(world: World, kind: str, *, private: bool = False, period: Period = YEAR, **options: str) -> Report:
    with open_source(world.open, private=private) as source:
        return make_report(source, kind, period, options)


def cells(report: Report) -> list[dict[str, Any]]:
    names = [column.name for column in report.columns]
    return [dict(zip(names, row.cells, strict=True)) for row in report.rows]


def test_stock_says_lot_expiry_and_value(told: World) -> None:
    """What was bought soonest to expire stands first; a lot that waits for its inspection says so."""
    rows = cells(made(told, "stock"))
    of_lots = {row["lot"]: row for row in rows if row["goods"] == FRESH}
    assert list(of_lots) == ["l-3", "l-1"]
    assert (of_lots["l-3"]["quantity"], of_lots["l-3"]["value"]) == (30, 210_000)
    assert of_lots["l-3"]["state"].startswith("chờ kiểm nhận")
    assert of_lots["l-1"]["quantity"] == told.balance("lot:l-1", FRESH) == 88
    late = {row["lot"]: row["state"] for row in cells(made(told, "stock", period=Period.year(2027))) if row["lot"]}
    assert late["l-1"].startswith("quá hạn")
    assert cells(made(told, "stock", store="stock:KHONG")) == []
    coats = next(row for row in rows if row["goods"] == COAT)
    assert (coats["quantity"], coats["not_valued"], coats["value"]) == (told.balance(STORE, COAT), 21, 0)


def test_goods_and_their_value_add_up(told: World) -> None:
    """Opening + in = delivered + lost + closing, in pieces and in đồng, of a whole year and of an empty one after."""
    report = made(told, "stock-value")
    rows = {row["goods"]: row for row in cells(report)}
    for row in rows.values():
        for suffix in ("_pieces", ""):
            opening, came, used, lost, closing = (
                row[f"{name}{suffix}"] for name in ("opening", "in", "used", "lost", "closing")
            )
            assert opening + came == used + lost + closing
    fresh = rows[FRESH]
    assert (fresh["in_pieces"], fresh["in"], fresh["used_pieces"]) == (170, 700_001 + 210_000, 20)
    assert (rows[COAT]["used_pieces"], rows[COAT]["lost_pieces"], rows[COAT]["not_valued"]) == (60, 2, 21)
    after = {row["goods"]: row for row in cells(made(told, "stock-value", period=Period.year(2027)))}[FRESH]
    assert (after["opening"], after["in"], after["closing"]) == (fresh["closing"], 0, fresh["closing"])
    assert report.totals[0].cells[4] == 0


def test_works_page(told: World) -> None:
    """Agreed, accepted, ordered; paid and handed over follow the orders of the contract."""
    paid = {"place": "bank:VCB", "paid_on": DAY, "parts": [], "holder": goods.BUILDER}
    told.say("money_advanced", order="lc-h2", amount={"minor": 300_000, "unit": "VND"}, **paid)
    scope = {"activity": "TRUYENTHONG", "commune": MINH_TAN, "heads": 200}
    told.say(
        "delivered",
        allocation="pb-ct",
        amount={"minor": 300_000, "unit": "VND"},
        delivered_on=DAY,
        fund="chung",
        handed="lc-h2",
        holder=goods.BUILDER,
        scope=scope,
    )
    (row,) = cells(made(told, "works"))
    assert (row["contract"], row["stages"], row["amount"], row["advance"]) == ("hd-1", "2/2", 500_000, 100_000)
    assert (row["accepted"], row["ordered"], row["paid"], row["handed_over"]) == (500_000, 500_000, 300_000, 300_000)
    assert (row["checks"], row["result"]) == (1, "tốt, đang sử dụng — good, in use")
    assert [row["contract"] for row in cells(made(told, "works", contract_kind=""))] == ["hd-1", "hd-2"]
    assert cells(made(told, "works", contract="hd-2")) == []


def test_demand_against_stock(told: World) -> None:
    """Cells only for who may open the vault; boys of six to eight are served, the others wait."""
    closed = made(told, "demand")
    assert [row["wanted"] for row in cells(closed)] == [31]
    assert not any("6" in str(row["ages"]) for row in cells(closed))
    rows = cells(made(told, "demand", private=True))
    assert [(row["ages"], row["wanted"], row["in_stock"], row["missing"]) for row in rows] == [
        ("6–8", 14, 14, 0),
        ("6–8", 11, 0, 11),
        ("9–11", 6, 0, 6),
    ]
    assert rows[0]["goods"] == f"{COAT}: 14"
    assert cells(made(told, "demand", demand="khong")) == []


def test_cells_are_read_or_named() -> None:
    """A part that says no cell is shown, not dropped."""
    read, unread = read_cells("6-8 boy 120 14;  9  girl - 6; mười áo; ")
    assert read == [Cell(6, 8, "boy", "120", 14), Cell(9, 9, "girl", "-", 6)]
    assert unread == ["mười áo"]


def listed(**fits: Any) -> GoodsListed:
    return GoodsListed(goods="ao", name="Áo", counted_in="chiếc", fits=Fits(**fits) if fits else None)


@pytest.mark.parametrize(
    ("said", "cell", "answer"),
    [
        ({"from_age": 6, "to_age": 8, "gender": "boy"}, Cell(6, 8, "boy", "-", 1), True),
        ({"from_age": 6, "to_age": 8, "gender": "boy"}, Cell(6, 9, "boy", "-", 1), False),
        ({"from_age": 6, "to_age": 8, "gender": "boy"}, Cell(5, 8, "boy", "-", 1), False),
        ({"from_age": 6, "to_age": 8, "gender": "boy"}, Cell(7, 7, "girl", "-", 1), False),
        ({"from_age": 6, "to_age": 8, "gender": "boy"}, Cell(7, 7, "any", "-", 1), False),
        ({"size": "120"}, Cell(7, 7, "any", "120", 1), True),
        ({"size": "120"}, Cell(7, 7, "girl", "130", 1), False),
        ({"from_age": 6}, Cell(17, 17, "any", "130", 1), True),
        ({}, Cell(7, 7, "any", "-", 1), False),
    ],
)
def test_what_fits_whom(said: dict[str, Any], cell: Cell, answer: bool) -> None:
    """A coat for boys does not fit a cell that also holds girls; goods that fit nobody in particular are no clothes."""
    assert fits(listed(**said), cell) is answer


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_as_many_as_can_be_are_served(data: st.DataObject) -> None:
    """Compared with every way to give the pieces, on small matrices; nobody gets what does not fit or is not there."""
    wanted = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    there = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    fit = [data.draw(st.lists(st.sampled_from(range(len(there))), unique=True)) for _ in wanted]
    got = matched(wanted, there, fit)
    for number, row in enumerate(got):
        assert set(row) <= set(fit[number])
        assert sum(row.values()) <= wanted[number]
    for item, pieces in enumerate(there):
        assert sum(row.get(item, 0) for row in got) <= pieces
    children = [number for number, heads in enumerate(wanted) for _ in range(heads)]
    # Hall's theorem, deficiency version: the most who can be served.
    best = len(children)
    for cells_out in itertools.product((False, True), repeat=len(wanted)):
        chosen = [n for n, out in enumerate(cells_out) if out]
        reach = {item for n in chosen for item in fit[n]}
        best = min(best, len(children) - sum(wanted[n] for n in chosen) + sum(there[item] for item in reach))
    assert sum(sum(row.values()) for row in got) == best


def test_a_book_without_goods_has_empty_reports(tmp_path: Path) -> None:
    """Nothing to list is no error."""
    world = World.create(tmp_path / "home", None)
    for kind in ("stock", "stock-value", "works", "demand"):
        assert made(world, kind).rows == ()
    check_book(world)
    world.home.close()
