"""Goods: what lies in each store and what it is worth, works under contract, clothes against those who wait for them.

Quantities and values come from one fold over the records booked up to a day (ledger/worth.py): they add up by
themselves. The cells of a demand lie in the vault: without the right to open it (`--names`) only its total is shown.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from audit.reports.source import Source
from audit.reports.table import Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import root
from ledger.entries.aid import Delivered, MoneyAdvanced, MoneyReturned, PaymentBounced, PaymentOrdered
from ledger.entries.catalogue import GoodsListed
from ledger.entries.contracts import ContractSigned, StageAccepted, WorksChecked
from ledger.entries.goods import DemandListed
from ledger.entries.lots import is_fit
from ledger.money import is_currency
from ledger.worth import Span, Worth

NOT_VALUED = "chưa định giá — not valued"


@dataclass(slots=True)
class _Stock:
    """The goods of a book at the end of a day."""

    worth: Worth = field(default_factory=Worth)
    records: dict[str, set[int]] = field(default_factory=dict)
    """goods → the records that moved them."""

    def sums(self) -> dict[tuple[str, str, str], list[int]]:
        """(goods, currency, `kept`, `used` or `lost`) → pieces, value (`minor`), pieces without a value."""
        sums: dict[tuple[str, str, str], list[int]] = {}
        for spot, goods, spans in self.worth.spots():
            for span in spans:
                into = sums.setdefault((goods, span.batch.unit, _sort_of(spot)), [0, 0, 0])
                into[0] += span.pieces
                into[1] += span.minor
                into[2] += span.pieces if span.batch.minor is None else 0
        return sums


def _sort_of(spot: str) -> str:
    return {"used": "used", "lost": "lost"}.get(root(spot), "kept")


def _stock_on(source: Source, day: date | None, before: bool = False) -> _Stock:
    """The goods after all records booked up to a day, or before it."""
    stock = _Stock()
    for told in source.records:
        if day is not None and (told.booked_on >= day if before else told.booked_on > day):
            continue
        stock.worth.apply(told.index, told.entry, told.postings)
        for posting in told.postings:
            if not is_currency(posting.amount.unit):
                stock.records.setdefault(posting.amount.unit, set()).add(told.index)
    return stock


def _listed(source: Source) -> dict[str, GoodsListed]:
    return {told.entry.goods: told.entry for told in source.records if isinstance(told.entry, GoodsListed)}


GOODS = (
    Column("goods", "Mã hàng", "Goods"),
    Column("name", "Tên hàng", "Name"),
    Column("counted_in", "Đơn vị tính", "Counted in"),
)


@report("stock", "Hàng tồn theo kho, lô, hạn dùng", "Stock by store, lot and expiry")
def stock(source: Source, period: Period, *, store: str = "") -> Report:
    """What lies in each store at the period's end, and whether it may be handed out on that day."""
    columns = (
        Column("store", "Kho", "Store"),
        *GOODS,
        Column("lot", "Lô", "Lot"),
        Column("expires_on", "Hạn dùng", "Expires", "day"),
        Column("state", "Tình trạng", "State"),
        Column("quantity", "Số lượng", "Quantity", "count"),
        Column("not_valued", "Trong đó chưa định giá", "Of these not valued", "count"),
        Column("value", "Giá trị", "Value", "money", total=True),
        Column("unit", "Loại tiền", "Currency"),
    )
    at, listed, lots = _stock_on(source, period.to_on), _listed(source), source.rows("lot")
    rows: list[Row] = []
    for spot, goods, spans in at.worth.spots():
        if root(spot) != "stock" or store not in ("", spot):
            continue
        parts: dict[tuple[str, str], list[Span]] = {}
        for span in spans:
            parts.setdefault((span.batch.lot or "", span.batch.unit), []).append(span)
        for (lot, unit), of_lot in sorted(parts.items(), key=lambda item: (_expiry(lots, item[0][0]), item[0])):
            row = lots.get(lot)
            said = listed.get(goods)
            cells = (
                spot,
                goods,
                "" if said is None else said.name,
                "" if said is None else said.counted_in,
                lot,
                date.fromisoformat(row["expires_on"]) if row and "expires_on" in row else None,
                "" if row is None else _state(row, period.to_on),
                sum(span.pieces for span in of_lot),
                sum(span.pieces for span in of_lot if span.batch.minor is None),
                sum(span.minor for span in of_lot),
                unit,
            )
            rows.append(Row(cells, tuple(sorted({span.batch.index for span in of_lot}))))
    return finished("stock", source, period, columns, rows, totals_of(columns, rows))


def _expiry(lots: Mapping[str, Mapping[str, Any]], lot: str) -> str:
    return str(lots.get(lot, {}).get("expires_on", "9999"))


def _state(lot: dict[str, Any], on: date) -> str:
    if lot["state"] == "waiting":
        return "chờ kiểm nhận — to be inspected"
    if lot["state"] == "failed":
        return "không đạt — failed"
    return "được xuất — fit" if is_fit(lot, on) else "quá hạn — expired"


@report("stock-value", "Nhập, xuất, tồn hiện vật: số lượng và giá trị", "Goods in, out and kept: quantity and value")
def stock_value(source: Source, period: Period) -> Report:
    """Of each kind of goods: kept before, came in, reached those it was for, lost, kept after.

    Kept is what lies in stores and in the hands of holders. Opening + in = used + lost + closing, in pieces and in
    money; goods handed straight to a school are in and used at once.
    """
    columns = (
        *GOODS,
        Column("opening_pieces", "Tồn đầu kỳ", "Opening", "count"),
        Column("opening", "Giá trị đầu kỳ", "Opening value", "money", total=True),
        Column("in_pieces", "Nhập", "In", "count"),
        Column("in", "Giá trị nhập", "Value in", "money", total=True),
        Column("used_pieces", "Đã trao", "Delivered", "count"),
        Column("used", "Giá trị đã trao", "Value delivered", "money", total=True),
        Column("lost_pieces", "Hao hụt, hủy", "Written off", "count"),
        Column("lost", "Giá trị hao hụt", "Value written off", "money", total=True),
        Column("closing_pieces", "Tồn cuối kỳ", "Closing", "count"),
        Column("closing", "Giá trị cuối kỳ", "Closing value", "money", total=True),
        Column("not_valued", "Tồn chưa định giá", "Closing, not valued", "count"),
        Column("unit", "Loại tiền", "Currency"),
    )
    first, last, listed = (
        _stock_on(source, period.from_on, before=True),
        _stock_on(source, period.to_on),
        _listed(source),
    )
    before, after = first.sums(), last.sums()
    nothing = [0, 0, 0]
    rows: list[Row] = []
    for goods, unit in sorted({(goods, unit) for goods, unit, _ in [*before, *after]}):
        old = {sort: before.get((goods, unit, sort), nothing) for sort in ("kept", "used", "lost")}
        new = {sort: after.get((goods, unit, sort), nothing) for sort in ("kept", "used", "lost")}
        pieces, value = ({sort: new[sort][n] - old[sort][n] for sort in new} for n in (0, 1))
        said = listed.get(goods)
        cells = (
            goods,
            "" if said is None else said.name,
            "" if said is None else said.counted_in,
            old["kept"][0],
            old["kept"][1],
            sum(pieces.values()),
            sum(value.values()),
            pieces["used"],
            value["used"],
            pieces["lost"],
            value["lost"],
            new["kept"][0],
            new["kept"][1],
            new["kept"][2],
            unit,
        )
        rows.append(Row(cells, tuple(sorted(last.records.get(goods, set())))))
    notes = [NOT_VALUED] if any(row.cells[-2] for row in rows) else []
    return finished("stock-value", source, period, columns, rows, totals_of(columns, rows), notes)


@dataclass(slots=True)
class _Contract:
    """A contract with what became of it."""

    signed: ContractSigned
    records: list[int]
    accepted: dict[int, int] = field(default_factory=dict)
    ordered: int = 0
    paid: int = 0
    handed_over: int = 0
    checks: list[WorksChecked] = field(default_factory=list)


@report("works", "Công trình, hợp đồng: nghiệm thu, thanh toán, bàn giao, kiểm tra", "Works and contracts by stage")
def works(source: Source, period: Period, *, contract_kind: str = "works", contract: str = "") -> Report:
    """Of each contract: what was agreed, accepted, ordered, paid and handed over, and every check after that (R34).

    `contract_kind` is `works`, `goods`, `service` or empty for all; `contract` names one.
    """
    columns = (
        Column("contract", "Hợp đồng", "Contract"),
        Column("contract_kind", "Loại", "Kind"),
        Column("supplier", "Nhà thầu, nhà cung cấp", "Supplier"),
        Column("allocation", "Phân bổ", "Allocation"),
        Column("signed_on", "Ngày ký", "Signed", "day"),
        Column("amount", "Giá trị hợp đồng", "Amount", "money", total=True),
        Column("advance", "Được tạm ứng", "Advance allowed", "money", total=True),
        Column("stages", "Giai đoạn đã nghiệm thu", "Stages accepted"),
        Column("accepted", "Giá trị nghiệm thu", "Accepted", "money", total=True),
        Column("ordered", "Đã lập lệnh chi", "Ordered", "money", total=True),
        Column("paid", "Đã chi", "Paid", "money", total=True),
        Column("handed_over", "Đã bàn giao", "Handed over", "money", total=True),
        Column("checks", "Số lần kiểm tra sau bàn giao", "Checks after hand-over", "count"),
        Column("checked_on", "Lần kiểm tra cuối", "Last check", "day"),
        Column("result", "Kết quả", "Result"),
        Column("unit", "Loại tiền", "Currency"),
    )
    found = _contracts(source, period.to_on)
    rows: list[Row] = []
    for code, one in sorted(found.items()):
        signed = one.signed
        if contract_kind not in ("", signed.contract_kind) or contract not in ("", code):
            continue
        last = max(one.checks, key=lambda check: check.checked_on, default=None)
        cells = (
            code,
            _CONTRACTS[signed.contract_kind],
            signed.supplier,
            signed.allocation,
            signed.signed_on,
            signed.amount.minor,
            signed.advance_minor,
            f"{len(one.accepted)}/{len(signed.stages)}",
            sum(one.accepted.values()),
            one.ordered,
            one.paid,
            one.handed_over,
            len(one.checks),
            None if last is None else last.checked_on,
            "" if last is None else _RESULTS[last.result],
            signed.amount.unit,
        )
        rows.append(Row(cells, tuple(one.records)))
    return finished("works", source, period, columns, rows, totals_of(columns, rows))


_CONTRACTS = {"goods": "hàng hóa — goods", "service": "dịch vụ — service", "works": "công trình — works"}
_RESULTS = {
    "defects": "có hư hỏng — defects",
    "good": "tốt, đang sử dụng — good, in use",
    "unused": "không sử dụng — not in use",
}


def _contracts(source: Source, day: date) -> dict[str, _Contract]:
    found: dict[str, _Contract] = {}
    of_order: dict[str, _Contract] = {}
    for one in source.counted():
        entry, sign, index = one.entry, one.sign, one.told.index
        if one.told.day > day:
            continue
        if isinstance(entry, ContractSigned):
            found[entry.contract] = _Contract(entry, [index])
            continue
        contract = _contract_of(entry, found, of_order)
        if contract is None:
            continue
        contract.records.append(index)
        if isinstance(entry, StageAccepted):
            contract.accepted[entry.stage] = entry.amount.minor
        elif isinstance(entry, WorksChecked):
            contract.checks.append(entry)
        elif isinstance(entry, PaymentOrdered):
            contract.ordered += sign * entry.amount.minor
        elif isinstance(entry, MoneyAdvanced):
            contract.paid += sign * entry.amount.minor
        elif isinstance(entry, MoneyReturned | PaymentBounced):
            contract.paid -= sign * entry.amount.minor
        elif isinstance(entry, Delivered):
            contract.handed_over += sign * entry.amount.minor
    return found


def _contract_of(entry: object, found: dict[str, _Contract], of_order: dict[str, _Contract]) -> _Contract | None:
    """The contract that an entry is about; orders are remembered by their code."""
    if isinstance(entry, StageAccepted | WorksChecked):
        return found.get(entry.contract)
    if isinstance(entry, PaymentOrdered):
        contract = None if entry.contract is None else found.get(entry.contract)
        if contract is not None:
            of_order[entry.order] = contract
        return contract
    if isinstance(entry, MoneyAdvanced | MoneyReturned | PaymentBounced):
        return of_order.get(entry.order)
    return of_order.get(entry.handed) if isinstance(entry, Delivered) else None


@dataclass(frozen=True, slots=True)
class Cell:
    """So many children of an age, gender and size."""

    from_age: int
    to_age: int
    gender: str
    size: str
    heads: int


_CELL = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))? (boy|girl|any) ([A-Za-z0-9._-]{1,40}) ([0-9]{1,7})", re.ASCII)
_GENDERS = {"any": "chung — any", "boy": "bé trai — boy", "girl": "bé gái — girl"}


def read_cells(text: str) -> tuple[list[Cell], list[str]]:
    """The cells of a demand's text (`6-8 boy 120 14; 9 girl - 6`), and the parts that say none."""
    cells: list[Cell] = []
    unread: list[str] = []
    for part in text.split(";"):
        found = _CELL.fullmatch(" ".join(part.split()))
        if found is not None:
            first = int(found[1])
            cells.append(Cell(first, int(found[2] or first), found[3], found[4], int(found[5])))
        elif part.strip():
            unread.append(part.strip())
    return cells, unread


def fits(goods: GoodsListed, cell: Cell) -> bool:
    """Whether one piece fits every child of a cell; what either does not say fits."""
    said = goods.fits
    if said is None:
        return False
    ages = (said.from_age or 0) <= cell.from_age and cell.to_age <= (99 if said.to_age is None else said.to_age)
    gender = said.gender is None or said.gender == cell.gender
    return ages and gender and (said.size is None or cell.size in ("-", said.size))


def matched(wanted: Sequence[int], there: Sequence[int], fit: Sequence[Sequence[int]]) -> list[dict[int, int]]:
    """Who gets what, so that as many as can be are served: for each cell, goods → pieces.

    `fit[cell]` lists the goods that fit it. A piece that fits several cells moves on to another one while that serves
    one child more (augmenting paths); cells and goods come in the order given, so the answer is always the same.
    """
    got: list[dict[int, int]] = [{} for _ in wanted]
    left = list(there)
    for cell, heads in enumerate(wanted):
        for _ in range(heads):
            path = _path(cell, left, fit, got)
            if not path:
                break
            left[path[-1][1]] -= 1
            for number, (at, goods) in enumerate(path):
                got[at][goods] = got[at].get(goods, 0) + 1
                if number + 1 < len(path):
                    taken_from = got[path[number + 1][0]]
                    taken_from[goods] -= 1
    return [{goods: n for goods, n in row.items() if n} for row in got]


def _path(
    cell: int, left: Sequence[int], fit: Sequence[Sequence[int]], got: Sequence[dict[int, int]]
) -> list[tuple[int, int]]:
    """(cell, goods it takes) …: each next cell gives up the piece before; the last goods are still there."""
    came: dict[int, tuple[int, int]] = {}
    queue, seen = deque([cell]), {cell}
    while queue:
        at = queue.popleft()
        for goods in fit[at]:
            if left[goods] > 0:
                path = [(at, goods)]
                while path[0][0] != cell:
                    path.insert(0, came[path[0][0]])
                return path
            for other, row in enumerate(got):
                if other not in seen and row.get(goods, 0) > 0:
                    seen.add(other)
                    came[other] = (at, goods)
                    queue.append(other)
    return []


@report("demand", "Nhu cầu quần áo theo tuổi, giới tính, cỡ so với tồn kho", "Clothes wanted against stock, by cell")
def demand(source: Source, period: Period, *, demand: str = "") -> Report:
    """Every cell of the demands listed in the period: wanted, what fits it in stock, what is missing (R10).

    `demand` names one list. Pieces that fit several cells are given so that the fewest children go without.
    """
    columns = (
        Column("demand", "Danh sách", "List"),
        Column("ages", "Tuổi", "Ages"),
        Column("gender", "Giới tính", "Gender"),
        Column("size", "Cỡ", "Size"),
        Column("wanted", "Cần", "Wanted", "count", total=True),
        Column("in_stock", "Tồn kho phù hợp", "Met from stock", "count", total=True),
        Column("missing", "Còn thiếu", "Missing", "count", total=True),
        Column("goods", "Mặt hàng phù hợp", "Goods that fit"),
    )
    listed = _listed(source)
    there = _in_stores(source.balances_on(period.to_on), listed)
    codes = sorted(there)
    cells: list[tuple[DemandListed, int, Cell]] = []
    rows: list[Row] = []
    notes: list[str] = []
    for told in source.records:
        entry = told.entry
        if not isinstance(entry, DemandListed) or told.day not in period or demand not in ("", entry.demand):
            continue
        opened = source.private(told.index, entry.cells.tag)
        if opened is None:
            rows.append(Row((entry.demand, "", "", "", entry.total, None, None, ""), (told.index,)))
            notes.append(f"{entry.demand}: chi tiết nằm trong két (--names) — its cells lie in the vault")
            continue
        read, unread = read_cells(";".join(opened[name] for name in sorted(opened)))
        cells += [(entry, told.index, cell) for cell in read]
        notes += [f"{entry.demand}: không đọc được — not read: {part}" for part in unread]
        counted = sum(cell.heads for cell in read)
        if entry.total != counted:
            notes.append(
                f"{entry.demand}: các ô cộng lại {counted}, danh sách ghi {entry.total} — cells and total differ"
            )
    fit = [[n for n, code in enumerate(codes) if fits(listed[code], cell)] for _, _, cell in cells]
    got = matched([cell.heads for _, _, cell in cells], [there[code] for code in codes], fit)
    for (entry, index, cell), row in zip(cells, got, strict=True):
        met = sum(row.values())
        named = ", ".join(f"{codes[n]}: {row[n]}" for n in sorted(row))
        ages = f"{cell.from_age}" if cell.from_age == cell.to_age else f"{cell.from_age}–{cell.to_age}"
        size = "" if cell.size == "-" else cell.size
        told_cells = (entry.demand, ages, _GENDERS[cell.gender], size, cell.heads, met, cell.heads - met, named)
        rows.append(Row(told_cells, (index,)))
    return finished("demand", source, period, columns, rows, totals_of(columns, rows), notes)


def _in_stores(balances: Mapping[tuple[str, str], int], listed: Iterable[str]) -> dict[str, int]:
    """goods → pieces in all stores."""
    sums = dict.fromkeys(listed, 0)
    for (account, unit), minor in balances.items():
        if root(account) == "stock" and unit in sums:
            sums[unit] += minor
    return {goods: minor for goods, minor in sums.items() if minor > 0}
