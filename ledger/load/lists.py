"""Lists that an accountant has in a table: opening balances, donors, pledges, needs, past gifts.

`LOADERS` holds them all; a new one is one entry of it. `load` reads a CSV or XLSX file whole, looks at every row, lets
the book rehearse every entry, and records all of them in one transaction or none.

The same row of the same list is recorded once, whoever loads it and however often: its reference is a keyed hash of
what it says, and of how many rows above say the same (two equal rows are two gifts). Changed rows are new entries.
What is personal goes to the vault and into no message.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ledger.book import Draft, Recorded
from ledger.home import OpenBook
from ledger.load.columns import Column, Fault, Line, read_lines
from ledger.log import canonical
from ledger.refusals import Reason, Rejected
from ledger.requests import IMPORTER
from ledger.statements.sheet import sheet_rows

MAX_OPEN_GIFTS: Final = 400
"""Open gifts in one `balance_brought`: a record has at most 65,535 bytes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An entry in its request form, and the rows it was made from."""

    entry: dict[str, Any]
    rows: tuple[int, ...]
    file: str = ""
    """Of several files, the one with these rows."""
    apart: str = ""
    """What tells it from an entry that says the same: the number of its paper."""


@dataclass(frozen=True, slots=True)
class Loader:
    """One list: its columns, and how its lines become entries."""

    title: tuple[str, str]
    columns: tuple[Column, ...]
    entries: Callable[[Sequence[Line], int], Iterable[Asked | Fault]]
    """From the lines and the book's k, the smallest group of children that may stand open."""


@dataclass(slots=True)
class Loaded:
    """What became of a file. When there are faults nothing was recorded."""

    lines: int = 0
    recorded: int = 0
    repeated: int = 0
    faults: list[Fault] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)


def load(book: OpenBook, what: str, path: Path, *, by: str, check: bool = False) -> Loaded:
    """Records a list, or with `check` only says what would be refused.

    Raises Rejected for a file that cannot be read as that list.
    """
    loader = LOADERS[what]
    lines, faults = read_lines(sheet_rows(path), loader.columns)
    rows = {fault.row for fault in faults}
    # A balance is made of several rows: with one of them wrong the others would not be what is meant.
    made = list(loader.entries([line for line in lines if line.row not in rows], book.opened.k))
    faults += [one for one in made if isinstance(one, Fault)]
    asked = [one for one in made if isinstance(one, Asked)]
    loaded = record_all(book, what, asked, by=by, check=check or bool(faults))
    loaded.lines = len(lines) + len(rows - {line.row for line in lines})
    headings = {column.name: column.heading for column in loader.columns}
    named = [replace(fault, column=headings.get(fault.column, fault.column)) for fault in (*faults, *loaded.faults)]
    loaded.faults = sorted(named, key=lambda fault: (fault.row, fault.column))
    return loaded


def record_all(book: OpenBook, what: str, asked: Sequence[Asked], *, by: str, check: bool = False) -> Loaded:
    """Records all of these entries that are not there yet, in one transaction; none when one would be refused."""
    if by == IMPORTER:
        raise Rejected(Reason.MALFORMED, "this name is kept for what is imported", field="by")
    loaded = Loaded()
    keyed = list(_keyed(book, what, asked))
    known = book.book.find(reference for reference, _, _ in keyed)
    loaded.repeated = len(known)
    drafts: list[Draft] = []
    of: list[Asked] = []
    for reference, said, one in keyed:
        if reference in known:
            continue
        try:
            drafts.append(book.requests.draft(one.entry, reference, said))
            of.append(one)
        except Rejected as refused:
            loaded.faults.append(_fault(one, refused))
    answers = book.book.rehearse([[draft] for draft in drafts], by)
    for one, answer in zip(of, answers, strict=True):
        if isinstance(answer, Rejected):
            loaded.faults.append(_fault(one, answer))
    if check or loaded.faults or not drafts:
        return loaded
    recorded: tuple[Recorded, ...] = book.book.record(drafts, by)
    loaded.recorded = sum(not place.repeated for place in recorded)
    loaded.indices = [place.index for place in recorded]
    return loaded


def index_of(book: OpenBook, what: str, asked: Sequence[Asked]) -> list[int | None]:
    """Where each of these entries stands in the book, if it does."""
    keyed = [reference for reference, _, _ in _keyed(book, what, asked)]
    known = book.book.find(keyed)
    return [known[reference][0] if reference in known else None for reference in keyed]


def _keyed(book: OpenBook, what: str, asked: Iterable[Asked]) -> Iterable[tuple[str, bytes, Asked]]:
    """(reference, what it is a reference to, entry). The hash is keyed: references stand in the open."""
    seen: Counter[bytes] = Counter()
    for one in asked:
        body = canonical.encode({"apart": one.apart, "entry": one.entry})
        said = canonical.encode({"load": what, "entry": one.entry, "apart": one.apart, "again": seen[body]})
        seen[body] += 1
        mac = book.keys.request_mac(book.code, said).hex()
        yield f"{IMPORTER}/load-{what}-{mac}", said, one


def _fault(one: Asked, refused: Rejected) -> Fault:
    field = str(refused.details.get("field", ""))
    column = f"{one.file}: {field}" if one.file else field
    return Fault(one.rows[0], column, refused.reason, refused.message)


# --- the lists ------------------------------------------------------------------------------------------

_DONOR_KINDS: Final = {
    "cá nhân": "person",
    "tổ chức": "organisation",
    "nước ngoài": "foreign",
    "ẩn danh": "anonymous",
}
_NAME = Column("name", "Họ tên, tên tổ chức", "Name")
_PRIVATE: Final = (
    Column("phone", "Điện thoại", "Phone"),
    Column("email", "Email", "E-mail"),
    Column("address", "Địa chỉ", "Address"),
    Column("tax_code", "Mã số thuế", "Tax code"),
)
_FUND = Column("fund", "Mã nguồn", "Fund", "code", needed=True)
_PLACE = Column("place", "Nơi giữ", "Place", "place", needed=True)
_AMOUNT = Column("amount", "Số tiền", "Amount", "amount", needed=True)
_UNIT = Column("unit", "Đơn vị", "Unit", "unit")


def _person(values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", *(column.name for column in _PRIVATE))
    return {"private": {name: values[name] for name in names if name in values}}


def _money(values: Mapping[str, Any], name: str = "amount") -> dict[str, Any]:
    return {"minor": values[name], "unit": values.get("unit", "VND")}


def _opening(lines: Sequence[Line], k: int) -> Iterable[Asked]:
    """Rows of one fund at one place are one balance; those that name a paper are its open gifts."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        said = line.values
        key = (said["fund"], said["place"], said.get("unit", "VND"), said["brought_on"], said["minutes_sha256"])
        groups.setdefault((*key, "gifts" if "paper" in said else ""), []).append(line)
    for (fund, place, unit, brought_on, minutes, open_gifts), group in groups.items():
        size = MAX_OPEN_GIFTS if open_gifts else len(group)
        for start in range(0, len(group), size):
            part = group[start : start + size]
            gifts = [
                {
                    "minor": line.values["amount"],
                    "paper": line.values["paper"],
                    "received_on": line.values.get("received_on", brought_on),
                }
                for line in part
                if open_gifts
            ]
            entry = {
                "kind": "balance_brought",
                "amount": {"minor": sum(line.values["amount"] for line in part), "unit": unit},
                "brought_on": brought_on,
                "fund": fund,
                "gifts": gifts,
                "minutes_sha256": minutes,
                "place": place,
            }
            yield Asked(entry, tuple(line.row for line in part))


def _donors(lines: Sequence[Line], k: int) -> Iterable[Asked]:
    for line in lines:
        entry = {
            "kind": "donor_registered",
            "donor": _person(line.values),
            "donor_kind": line.values["donor_kind"],
            "may_publish_name": line.values["may_publish_name"],
        }
        if "country" in line.values:
            entry["country"] = line.values["country"]
        yield Asked(entry, (line.row,))


def _pledges(lines: Sequence[Line], k: int) -> Iterable[Asked | Fault]:
    """Rows of one paper are the instalments (đợt) of one pledge; a row without a paper is a pledge by itself."""
    groups: dict[object, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.values.get("paper", line.row), []).append(line)
    for group in groups.values():
        said, fault = _same(group, ("amount", "due_on"))
        parts = [line.values for line in group]
        if fault is None and len(parts) > 1 and any("due_on" not in part for part in parts):
            fault = Fault(group[0].row, "due_on", Reason.ROW_MALFORMED, "each instalment has its own day")
        if fault is not None:
            yield fault
            continue
        entry = {
            "kind": "pledge_made",
            "amount": {"minor": sum(part["amount"] for part in parts), "unit": said.get("unit", "VND")},
            "donor": _person(said),
            "firm": said["firm"],
            "fund": said["fund"],
            "pledged_on": said["pledged_on"],
        }
        if "pledge" in said:
            entry["pledge"] = said["pledge"]
        if len(parts) > 1:
            days = sorted(parts, key=lambda part: str(part["due_on"]))
            entry["instalments"] = [{"due_on": part["due_on"], "minor": part["amount"]} for part in days]
        elif "due_on" in parts[0]:
            entry["due_on"] = parts[0]["due_on"]
        yield Asked(entry, tuple(line.row for line in group), apart=said.get("paper", ""))


def _same(group: Sequence[Line], own: Sequence[str]) -> tuple[dict[str, Any], Fault | None]:
    """What all rows of a group say, but for the columns that are each row's own; a fault where they differ."""
    said = [{name: value for name, value in line.values.items() if name not in own} for line in group]
    differing = [line.row for line, one in zip(group, said, strict=True) if one != said[0]]
    message = "says otherwise than the first row that it belongs to"
    return said[0], Fault(differing[0], "", Reason.ROW_MALFORMED, message) if differing else None


_DETAIL: Final = ("school", "class", "ages", "gender")
_OF_ITEM: Final = ("goods", "quantity", "amount")


def _needs(lines: Sequence[Line], k: int) -> Iterable[Asked | Fault]:
    """Goods of one need stand in several rows of its code, and what is wanted is what they come to.

    A group of fewer than k children is recorded hidden: its place, activity and goods go to the vault.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.values["need"], []).append(line)
    for group in groups.values():
        said, fault = _same(group, _OF_ITEM)
        if fault is not None:
            yield fault
        elif said["heads"] < k and "province" not in said:
            yield Fault(group[0].row, "province", Reason.SMALL_GROUP_OPEN, "needed for so small a group")
        else:
            entry = _need(said, [line.values for line in group], k)
            yield Asked(entry, tuple(line.row for line in group))


def _need(said: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], k: int) -> dict[str, Any]:
    items = [
        {"goods": row["goods"], "quantity": row.get("quantity", 1), "unit_price_minor": row["amount"]}
        for row in rows
        if "goods" in row
    ]
    entry: dict[str, Any] = {
        "kind": "need_surveyed",
        "items": items,
        "need": said["need"],
        "programme": said["programme"],
        "survey": said["survey"],
        "surveyed_on": said["surveyed_on"],
        "wanted": {"minor": sum(row["amount"] * row.get("quantity", 1) for row in rows), "unit": "VND"},
    }
    private = {name: said[name] for name in _DETAIL if name in said}
    if said["heads"] < k:
        private |= {"activity": said["activity"], "commune": said["commune"], "heads": str(said["heads"])}
        if "beneficiary_class" in said:
            private["beneficiary_class"] = said["beneficiary_class"]
        if items:
            private["items"] = "; ".join(f"{i['goods']} {i['quantity']} x {i['unit_price_minor']}" for i in items)
        hidden = {"province": said["province"], "detail": {"private": private}}
        month = said["surveyed_on"][:8] + "01"
        return {**entry, "hidden": hidden, "items": [], "surveyed_on": month}
    entry["scope"] = {"activity": said["activity"], "commune": said["commune"], "heads": said["heads"]}
    if "beneficiary_class" in said:
        entry["beneficiary_class"] = said["beneficiary_class"]
    if private:
        entry["detail"] = {"private": private}
    return entry


def _gifts(lines: Sequence[Line], k: int) -> Iterable[Asked]:
    for line in lines:
        said = line.values
        entry = {
            "kind": "gift_received",
            "amount": _money(said),
            "donor": _person(said),
            "fund": said["fund"],
            "parts": [],
            "place": said["place"],
            "received_on": said["received_on"],
        }
        if "rate_vnd" in said:
            entry["rate"] = {
                "rate_on": said.get("rate_on", said["received_on"]),
                "source": said.get("rate_source", ""),
                "vnd_minor": said["rate_vnd"],
            }
        if "series" in said:
            voucher = {"series": said["series"], "voucher_on": said.get("voucher_on", said["received_on"])}
            voucher |= {name: said[name] for name in ("book", "number") if name in said}
            entry["voucher"] = voucher
        yield Asked(entry, (line.row,))


LOADERS: Final[dict[str, Loader]] = {
    "opening": Loader(
        ("Số dư đầu kỳ chuyển từ sổ cũ", "Opening balances"),
        (
            _FUND,
            _PLACE,
            _AMOUNT,
            _UNIT,
            Column("brought_on", "Ngày chuyển số dư", "Brought on", "day", needed=True),
            Column("minutes_sha256", "Mã băm biên bản", "Minutes SHA-256", "sha256", needed=True),
            Column("paper", "Số chứng từ khoản ủng hộ", "Gift's paper", "code"),
            Column("received_on", "Ngày nhận khoản ủng hộ", "Gift received on", "day"),
        ),
        _opening,
    ),
    "donors": Loader(
        ("Người ủng hộ, nhà tài trợ", "Donors"),
        (
            Column("donor_kind", "Loại", "Kind", "choice", needed=True, words=_DONOR_KINDS),
            _NAME,
            *_PRIVATE,
            Column("country", "Mã nước", "Country", "code"),
            Column("may_publish_name", "Được công khai tên", "May publish name", "yes", needed=True),
        ),
        _donors,
    ),
    "pledges": Loader(
        ("Cam kết, đăng ký ủng hộ", "Pledges"),
        (
            _FUND,
            _AMOUNT,
            _UNIT,
            _NAME,
            *_PRIVATE,
            Column("firm", "Có giấy cam kết", "Firm", "yes", needed=True),
            Column("pledged_on", "Ngày cam kết", "Pledged on", "day", needed=True),
            Column("due_on", "Hạn thực hiện", "Due on", "day"),
            Column("paper", "Số giấy cam kết", "Paper", "code"),
            Column("pledge", "Mã cam kết", "Pledge code", "code"),
        ),
        _pledges,
    ),
    "needs": Loader(
        ("Nhu cầu đã khảo sát", "Surveyed needs"),
        (
            Column("need", "Mã nhu cầu", "Need", "code", needed=True),
            Column("programme", "Mã chương trình", "Programme", "code", needed=True),
            Column("survey", "Đợt khảo sát", "Survey", "code", needed=True),
            Column("surveyed_on", "Ngày khảo sát", "Surveyed on", "day", needed=True),
            Column("activity", "Mã hoạt động", "Activity", "code", needed=True),
            Column("commune", "Mã xã kèm ngày hiệu lực", "Commune", needed=True),
            Column("province", "Mã tỉnh", "Province", "code"),
            Column("heads", "Số trẻ em", "Children", "count", needed=True),
            Column("beneficiary_class", "Mã nhóm trẻ em", "Beneficiary class", "code"),
            Column("goods", "Mã mặt hàng", "Goods", "unit"),
            Column("quantity", "Số lượng", "Quantity", "count"),
            Column("amount", "Số tiền hoặc đơn giá", "Amount or unit price", "amount", needed=True),
            Column("school", "Trường", "School"),
            Column("class", "Lớp", "School class"),
            Column("ages", "Độ tuổi", "Ages"),
            Column("gender", "Giới", "Gender"),
        ),
        _needs,
    ),
    "gifts": Loader(
        ("Khoản ủng hộ đã nhận, gõ từ chứng từ giấy", "Past gifts typed from paper"),
        (
            Column("received_on", "Ngày nhận", "Received on", "day", needed=True),
            _FUND,
            _PLACE,
            _AMOUNT,
            _UNIT,
            _NAME,
            *_PRIVATE,
            Column("rate_vnd", "Giá trị quy đổi ra đồng", "Worth in đồng", "count"),
            Column("rate_source", "Nguồn tỷ giá", "Source of the rate"),
            Column("rate_on", "Ngày tỷ giá", "Day of the rate", "day"),
            Column("series", "Ký hiệu chứng từ", "Voucher series", "code"),
            Column("number", "Số chứng từ", "Voucher number", "count"),
            Column("book", "Quyển số", "Receipt book", "code"),
            Column("voucher_on", "Ngày chứng từ", "Voucher day", "day"),
        ),
        _gifts,
    ),
}
