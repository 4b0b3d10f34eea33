"""Writes the generated parts of the documents: `.venv/bin/python docs/make_format.py`.

A generated part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; it comes from the classes, the
lists of reasons and findings, and the commands themselves. tests/test_docs.py fails when a document is stale.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import typer

from api.cli import build
from api.words import WORDS
from audit.findings import OPEN_KINDS, FindingKind
from ledger import accounts, days, money, places, record
from ledger.entries import base
from ledger.entries.union import KINDS
from ledger.refusals import Reason

DOCS = Path(__file__).resolve().parent

# What a field means wherever its class does not say it.
MEANINGS = {
    "gender": "for boys, girls or both",
    "from_age": "first year of age",
    "counted": "how many were counted",
    "lot": "code of the lot",
    "value_minor": "what they are worth",
    "pieces": "how many pieces",
    "size": "how many records; of clothes, their size",
    "root": "root of the tree (RFC 6962)",
    "beneficiary_class": "the class all of them belong to",
    "by": "what gives the points",
    "child": "the child, sealed",
    "code": "its code",
    "count": "how many",
    "days": "how many days",
    "instalment": "the instalment paid",
    "instalments": "what falls due, month by month",
    "meals": "the meals",
    "need": "code of the need",
    "package": "code of the package",
    "plan": "code of the meal plan",
    "points": "how many points",
    "pupils": "how many pupils",
    "report_sha256": "SHA-256 of the report",
    "roll": "who was on the list, sealed",
    "schedule": "code of the schedule",
    "signed": "what the signed list shows",
    "unit_price_minor": "price of one piece",
    "visitor": "who visited, sealed",
    "weights": "the points of the rule",
    "actor": "who acts",
    "bound": "the whole book before this record",
    "closing_leaf": "leaf hash of that record",
    "counted_minor": "what was counted",
    "form": "the paper's form",
    "from_actor": "who hands over",
    "to_actor": "who takes over",
    "month": "the month, as `2026-03`",
    "proposed": "index of the proposal's record",
    "proposed_leaf": "leaf hash of the proposal's record",
    "record": "index of the record",
    "role": "the role",
    "rules": "when a decision needs approvals, and whose",
    "series": "the series of voucher numbers",
    "voucher_on": "day on the paper",
    "activities": "what the programme does",
    "activity": "an activity of the programme, and of the allocation",
    "allocated_on": "day of the decision",
    "allocation": "code of the allocation",
    "amount": "how much",
    "case": "code under which the mistaken money is held",
    "cash": "the cash box on the other side",
    "clock_at": "what the clock said",
    "closing_minor": "closing balance printed or declared",
    "commune": "code and the day it is valid from",
    "communes": "communes, each with the day its code is valid from; none means no commune is named",
    "cost_minor": "price of the line, in `currency`",
    "credited": "what the gateway paid out",
    "currency": "currency",
    "decided_on": "day of the board's decision",
    "detail": "commitments to commune, activity and head count",
    "donor": "who gave, or promised",
    "donor_kind": "sort of donor",
    "destination": "account it moves to",
    "due_on": "when it is to be paid",
    "envelopes": "the envelopes, in order",
    "fee_minor": "the gateway's fee",
    "field": "name of the private field",
    "format": "bank and layout of the file",
    "from_on": "first day",
    "fund": "code of the fund",
    "gateway": "code of the gateway",
    "gift": "index of the gift's record",
    "gift_leaf": "leaf hash of the gift's record",
    "gifts": "the gifts, in order",
    "goods": "code of the goods, their unit",
    "head_at": "instant of the record before",
    "heads": "how many children",
    "hidden": "for a group smaller than k; exactly one of `hidden` and `scope`",
    "holder": "code of the office or firm that has it in hand",
    "in_minor": "sum of the lines in",
    "incoming": "whether the line brought money in",
    "invoice_sha256": "SHA-256 of the invoice",
    "issue": "code of the issue",
    "items": "the invoice lines, in order",
    "line": "key of the statement line that shows it",
    "lines": "lines in the file",
    "list_sha256": "SHA-256 of the list",
    "may_publish_name": "whether the name may be shown",
    "minor": "how much, in the unit of the entry",
    "minutes_sha256": "SHA-256 of the signed minutes",
    "name": "what people call it",
    "opening_minor": "opening balance printed or declared",
    "order": "code of the payment order",
    "out_minor": "sum of the lines out",
    "paper": "which register of papers",
    "parts": "lines in suspense, or parts of them, that this explains; empty when it explains none",
    "payee": "who is to be paid",
    "payee_kind": "sort of payee",
    "place": "the place concerned",
    "pledge": "code of the pledge",
    "programme": "code of the programme",
    "province": "code of the province",
    "quantity": "pieces",
    "received_on": "day it was received",
    "random_id": "drawn when the book was opened",
    "regime": "code of the regime",
    "restriction": "what its money may be used for",
    "scope": "open place, activity and head count; exactly one of `scope` and `hidden`",
    "seals": "commitments",
    "sender": "who sent it",
    "sha256": "SHA-256",
    "shortfall": "what the fund did not have; filled in by the book",
    "source": "where its money comes from; of a posting, the account it moves from",
    "statement": "index of the statement that has the line",
    "store": "the store",
    "tag": "drawn for this record",
    "taken": "how it was taken in",
    "to_on": "last day",
    "transfer": "code of the transfer",
    "undone_postings": "the postings of the record undone",
    "unit": "unit",
    "what": "for what",
    "voucher": "the paper behind it",
    "why": "reason",
    "year": "year of the number",
    "zone": "IANA time zone in which days are judged",
    "classes": "classes of beneficiaries",
    "reversed": "index of the record undone",
    "leaf": "leaf hash",
    "commitment": "see Persons",
    "from_fund": "the fund that pays",
    "number": "number",
    "control": "what the control figures rest on",
    "origin": "origin",
    "k": "k",
    "new_key": "verifier key that is in force from here on; never used in this book before",
    "officers": "actors who vouch for it",
    "old_key": "verifier key in force until here",
    "outcome": "what was found",
}
PLEDGE_IN_GIFT = "the part of a pledge that this fulfils"

# The postings, in order; the notation is explained in docs/format.md and read by tests/test_docs.py.
POSTINGS: dict[str, tuple[str, ...]] = {
    "cash_found": ("amount: found → fund:{fund}", "amount: outside → {place}"),
    "cash_lost": ("amount: fund:{fund} → lost:{fund}", "amount: {place} → outside"),
    "balance_brought": (
        "amount: brought → fund:{fund}",
        "amount: outside → {place}",
        "if lot, amount: lots → lot:{lot}",
    ),
    "shortfall_covered": ("amount: fund:{from_fund} → shortfall:{fund}",),
    "restriction_varied": ("amount: fund:{fund} → fund:{to_fund}",),
    "pledge_made": ("amount: promised → pledge:{pledge}",),
    "pledge_amended": (
        "if more, more: promised → pledge:{pledge}",
        "if less, less: pledge:{pledge} → promised",
    ),
    "pledge_lapsed": ("if left, left: pledge:{pledge} → promised",),
    "pledge_cancelled": ("if left, left: pledge:{pledge} → promised",),
    "pledge_written_off": ("if left, left: pledge:{pledge} → promised",),
    "gift_received": (
        "amount: donors → fund:{fund}",
        "in amount: outside",
        "if pledge, pledge.minor: pledge:{pledge.pledge} → promised",
    ),
    "cash_sheet_received": ("amount: donors → fund:{fund}", "amount: outside → {place}"),
    "gateway_settled": (
        "each gifts, minor: donors → fund:{fund}",
        "if fee_minor, short fee_minor: fund:{fee_fund} → costs:{fee_fund}",
        "in credited: outside",
    ),
    "suspense_received": ("amount: senders → suspense:{line}", "amount: outside → {place}"),
    "suspense_paid": ("amount: suspense:{line} → senders", "amount: {place} → outside"),
    "mistaken_money_held": ("amount: senders → mistaken:{case}", "in amount: outside"),
    "mistaken_money_returned": ("amount: mistaken:{case} → senders", "out amount: outside"),
    "gift_refunded": ("amount: fund:{fund} → donors", "out amount: outside"),
    "bank_fee_charged": ("short amount: fund:{fund} → costs:{fund}", "out amount: outside"),
    "interest_received": ("amount: interest → fund:{fund}", "in amount: outside"),
    "transfer_sent": ("out amount: transit:{transfer}",),
    "transfer_arrived": ("in amount: transit:{transfer}",),
    "cash_paid_in": ("in amount: {cash}",),
    "cash_withdrawn": ("out amount: {cash}",),
    "currency_exchanged": (
        "amount: fund:{fund} → exchange-purpose",
        "out amount: exchange-place",
        "each bought_parts, minor bought.unit: suspense:{line} → senders",
        "bought: exchange-purpose → fund:{fund}",
        "if bought_parts, bought: exchange-place → outside",
        "if not bought_parts, bought: exchange-place → {to_place}",
    ),
    "allocated": ("amount: fund:{fund} → allocated:{allocation}",),
    "payment_ordered": ("amount: allocated:{allocation} → ordered:{order}",),
    "money_advanced": ("amount: ordered:{order} → handed:{order}", "out amount: advance:{holder}"),
    "payment_bounced": ("amount: handed:{order} → ordered:{order}", "in amount: advance:{holder}"),
    "money_returned": ("amount: handed:{order} → allocated:{allocation}", "in amount: advance:{holder}"),
    "purchased": (
        "each items, cost_minor currency: handed:{order} → exchange-purpose; "
        "quantity goods: exchange-purpose → allocated:{allocation}; "
        "cost_minor currency: advance:{holder} → exchange-place; "
        "quantity goods: exchange-place → {store}",
        "each items with lot, quantity goods: lots → lot:{lot}",
    ),
    "goods_issued": (
        "amount: allocated:{allocation} → handed:{issue}",
        "amount: {store} → advance:{holder}",
        "each lots, minor: lot:{lot} → lots",
    ),
    "goods_received": (
        "each items, quantity goods: donors → fund:{fund}; quantity goods: outside → {store}",
        "each items with lot, quantity goods: lots → lot:{lot}",
    ),
    "goods_given_directly": ("each items, quantity goods: donors → used:{allocation}",),
    "stock_written_off": (
        "if allocation, amount: allocated:{allocation} → lost:{allocation}",
        "if fund, amount: fund:{fund} → lost:{fund}",
        "amount: {store} → outside",
        "each lots, minor: lot:{lot} → lots",
    ),
    "stock_found": (
        "amount: found → fund:{fund}",
        "amount: outside → {store}",
        "if lot, amount: lots → lot:{lot}",
    ),
    "delivered": (
        "short amount: handed:{handed} → used:{allocation}",
        "amount: advance:{holder} → outside",
    ),
    "goods_returned": (
        "amount: handed:{issue} → allocated:{allocation}",
        "amount: advance:{holder} → {store}",
        "each lots, minor: lots → lot:{lot}",
    ),
    "grant_sent": ("amount: allocated:{allocation} → used:{allocation}", "out amount: outside"),
    "grant_received": ("amount: donors → fund:{fund}", "in amount: outside"),
    "management_spent": ("amount: fund:{fund} → costs:{fund}", "out amount: outside"),
    "reversed": (
        "back undone_postings",
        "if line_back.incoming, line_back.amount: senders → suspense:{line_back.line}",
        "if line_back.incoming, line_back.amount: outside → {line_back.place}",
        "if not line_back.incoming, line_back.amount: suspense:{line_back.line} → senders",
        "if not line_back.incoming, line_back.amount: {line_back.place} → outside",
    ),
}


COMMON = base.EntryBase.__struct_fields__


@dataclass(frozen=True)
class Field:
    """One field as its class declares it."""

    name: str
    type: str
    needed: bool
    meaning: str


@cache
def _declared(cls: type) -> dict[str, tuple[str, str]]:
    """field → (annotation as written, the text below it) of a class and those it is made from."""
    found: dict[str, tuple[str, str]] = {}
    for one in reversed(cls.__mro__):
        if one.__module__.partition(".")[0] != "ledger":
            continue
        body = ast.parse(inspect.getsource(one)).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, after in zip(body.body, [*body.body[1:], ast.Pass()], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                said = ""
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    said = re.sub(r" \(DESIGN \d+\)", "", " ".join(str(after.value.value).split()))
                found[statement.target.id] = (ast.unparse(statement.annotation), said)
    return found


def fields(cls: type) -> list[Field]:
    """The fields of a struct in the order of their names, as they are written."""
    declared = _declared(cls)
    day = getattr(cls, "day_field", None)
    found = []
    for info in msgspec.structs.fields(cls):
        if cls is not base.EntryBase and issubclass(cls, base.EntryBase) and info.name in COMMON:
            continue  # told once, for every kind
        annotation, said = declared[info.name]
        optional = annotation.endswith(" | None")
        shown = _type(annotation.removesuffix(" | None"))
        meaning = said or ("day it happened: the money day" if info.name == day else MEANINGS[info.name])
        if info.name == "pledge" and shown == "PledgePart":
            meaning = PLEDGE_IN_GIFT
        found.append(Field(info.name, shown, not optional, meaning))
    return sorted(found, key=lambda one: one.name)


def _type(annotation: str) -> str:
    if annotation.startswith("Annotated["):
        return _range(annotation)
    if annotation.startswith("Literal["):
        return " or ".join(f'`"{value}"`' for value in ast.literal_eval(f"({annotation[8:-1]},)"))
    listed = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", annotation)
    if listed:
        return f"list of {listed[1]}"
    plain = {"date": "Day", "bool": "`true` or `false`", "str": "string", "dict[str, Any]": "object"}
    return plain.get(annotation, annotation)


def _range(annotation: str) -> str:
    pattern = re.search(r"pattern='(.*?)'[,)]", annotation)
    if pattern:
        most = re.search(r"max_length=(\d+)", annotation)
        limit = f", at most {most[1]} characters" if most else ""
        return f"string `{_portable(pattern[1].encode().decode('unicode_escape'))}`{limit}"
    low, high = re.search(r"ge=([\w-]+)", annotation), re.search(r"le=([\w*\- ]+)", annotation)
    if low and high:
        least = str(base_value(low[1]))
        return f"integer from {least} to {base_value(high[1])}"
    most = re.search(r"max_length=(\d+)", annotation)
    return f"string of at most {most[1]} characters" if most else "string"


def base_value(text: str) -> int:
    """A number as a class writes it: a figure or the name of a constant."""
    if re.fullmatch(r"-?[\d_]+", text.strip()):
        return int(text)
    from ledger.entries import book

    return int(getattr(book, text.strip(), 0) or getattr(money, text.strip()))


def _portable(pattern: str) -> str:
    """Python's way to say that nothing follows the end, left out; a bar would end a table's cell."""
    return pattern.replace("(?!\n)", "").replace("(?!\\n)", "").replace("|", "\\|").replace("\n", "\\n")


def _names_in(types: list[Field]) -> set[str]:
    return {name for one in types for name in re.findall(r"\b[A-Z]\w+", re.sub("`[^`]*`", "", one.type))}


def _found(name: str) -> Any:
    for cls in KINDS.values():
        module = sys.modules[cls.__module__]
        if hasattr(module, name):
            return getattr(module, name)
    for module in (base, accounts, money, days, places, record):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(name)


def _structs() -> dict[str, type]:
    """Every struct that stands in an entry or record, by name."""
    found: dict[str, type] = {}
    waiting = [one for cls in (base.EntryBase, *KINDS.values(), accounts.Posting) for one in fields(cls)]
    found["Posting"] = accounts.Posting
    while waiting:
        one = waiting.pop()
        for name in _names_in([one]) - found.keys() - {"Day", "Entry"}:
            what = _found(name)
            if inspect.isclass(what) and issubclass(what, msgspec.Struct):
                found[name] = what
                waiting += fields(what)
    return dict(sorted(found.items()))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _field_rows(cls: type) -> list[tuple[str, ...]]:
    return [(f"`{one.name}`", one.type, "needed" if one.needed else "optional", one.meaning) for one in fields(cls)]


def common() -> str:
    """The fields that an entry of any kind may have."""
    return "\n".join(_table(("field", "type", "", "meaning"), _field_rows(base.EntryBase)))


def record_fields() -> str:
    """The frame of a record."""
    said = {
        "at": "when it was recorded; never earlier than the record before",
        "book": "the book; the same in every record",
        "by": "who recorded it",
        "entry": "what is stated; `kind` names the table of its fields",
        "index": "the record's place, from 0",
        "postings": "what it moves, in order; follows from `entry`",
        "previous": "leaf hash of the record before; 64 zeros in record 0",
        "reference": "who asked, a slash, and the request's own key; unique in the book",
        "v": "the version of this layout",
    }
    declared = _declared(record.Record)
    rows = [(f"`{name}`", _type(declared[name][0]).replace('"', ""), said[name]) for name in sorted(said)]
    assert {name for name, *_ in declared.items()} == set(said)
    return "\n".join(_table(("field", "type", "meaning"), rows))


EXAMPLE = DOCS.parent / "tests/golden/records/gift_received.json"


def example() -> str:
    """The worked record: its bytes and its leaf hash."""
    body = EXAMPLE.read_bytes()
    lines = (
        f"The example, {len(body)} bytes (shown here in one line, without a line end):",
        f"    {body.decode()}",
        "Its leaf hash:",
        f"    {record.leaf_of(body).hex()}",
    )
    return "\n\n".join(lines)


def types() -> str:
    """Every named type of the tables."""
    names: set[str] = set()
    for cls in (base.EntryBase, *KINDS.values(), *_structs().values()):
        names |= _names_in(fields(cls))
    names |= {"Actor", "Instant", "Reference"}
    rows = []
    for name in sorted(names - {"Day", *_structs()}):
        found = _found(name)
        if get_origin(found) is Annotated:
            kind, *metas = get_args(found)
            meta = metas[0]
            said = []
            if meta.min_length:
                said.append(f"{meta.min_length} to {meta.max_length} characters")
            elif meta.max_length:
                said.append(f"at most {meta.max_length} characters")
            if meta.pattern:
                said.append(f"`{_portable(meta.pattern)}`")
            if meta.ge is not None:
                said.append(f"{meta.ge} to {meta.le}")
            rows.append((name, "integer" if kind is int else "string", ", ".join(said)))
        else:
            rows.append((name, "string", " or ".join(f'`"{value}"`' for value in get_args(found))))
    rows.append(("Day", "string", "a real day as `2026-09-05`"))
    return "\n".join(_table(("type", "JSON", "what it allows"), sorted(rows)))


def structs() -> str:
    """The objects inside entries."""
    lines: list[str] = []
    for name, cls in _structs().items():
        lines += ["", f"**{name}.** {(cls.__doc__ or '').splitlines()[0]}", ""]
        lines += _table(("field", "type", "", "meaning"), _field_rows(cls))
    return "\n".join(lines[1:])


def kinds() -> str:
    """Every kind with its fields and postings."""
    lines: list[str] = []
    for name, cls in KINDS.items():
        vietnamese, english = cls.title
        sort = "A fact" if cls.fact else "A decision" if name in POSTINGS else "It moves nothing"
        lines += ["", f"#### `{name}` — {vietnamese} ({english})", ""]
        lines += [f"{(cls.__doc__ or '').strip().splitlines()[0]} {sort}.", ""]
        lines += _table(("field", "type", "", "meaning"), _field_rows(cls))
        if name in POSTINGS:
            lines += ["", "Postings:", "", *(f"    {formula}" for formula in POSTINGS[name])]
    return "\n".join(lines[1:])


@cache
def _attribute_texts(cls: type) -> dict[str, str]:
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, after in zip(body.body, [*body.body[1:], ast.Pass()], strict=True):
        if isinstance(statement, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            target = statement.targets[0]
            assert isinstance(target, ast.Name)
            found[target.id] = " ".join(str(after.value.value).split())
    return found


def findings() -> str:
    """Every kind of finding; the words are those beside the list in the program."""
    texts = _attribute_texts(FindingKind)
    rows = [(f"`{kind}`", "open" if kind in OPEN_KINDS else "broken", texts[kind.name]) for kind in FindingKind]
    return "\n".join(_table(("finding", "severity", "meaning"), rows))


# What an accountant does next. A reason that is not here speaks of the request's form or of a code typed wrong.
NEXT = {
    "MORE_THAN_PLANNED": "Xem `sovang report needs`, `plan` hoặc `schedules`: chỉ còn lại bấy nhiêu.",
    "NO_SUCH_NEED": "Ghi nhu cầu (`need_surveyed`) trước, hoặc xem lại mã.",
    "NO_SUCH_PLAN": "Ghi kế hoạch (`meal_plan_set`) hoặc lịch (`support_scheduled`) trước, hoặc xem lại mã và đợt.",
    "NO_SUCH_CHILD": "Xem `sovang children list`.",
    "ACCOUNT_DIFFERS": "Xem số tài khoản in trên sao kê; nhập vào đúng tài khoản của nó.",
    "ALREADY_ANSWERED": "Không cần làm gì: đã trả lời rồi.",
    "ALREADY_EXISTS": "Chọn mã khác, hoặc bản ghi đó đã có: tìm bằng `sovang search`.",
    "ALREADY_REVERSED": "Không cần làm gì: đã đảo rồi.",
    "AMOUNT_TOO_LARGE": "Xem lại số chữ số.",
    "BOOK_CLOSED": "Sổ đã khóa vĩnh viễn: ghi vào sổ kế tiếp.",
    "BOOK_NOT_OPEN": "Thêm `--book MÃ`, hoặc xem lại `--home`.",
    "CONTROL_DIFFERS": "Sao kê thiếu trang hoặc số bị sửa: tải lại từ ngân hàng; nếu tự khai số dư thì xem lại.",
    "CONTROL_MISSING": "Tệp không in số dư: khai `--opening` và `--closing` theo sổ phụ.",
    "CURRENCY_DIFFERS": "Nhập vào tài khoản mở bằng loại tiền của sao kê.",
    "DAY_IN_FUTURE": "Sửa ngày.",
    "FILE_TOO_LARGE": "Xuất lại sao kê theo từng tháng.",
    "FILE_UNREADABLE": "Xem lại tên tệp; CSV phải là UTF-8; nếu tệp hỏng thì tải lại.",
    "FORMAT_UNKNOWN": "Chỉ nhận CSV, XLSX, MT940, camt.053; nói rõ bằng `--format`.",
    "GIFT_TAKEN_BACK": "Khoản đã hoàn trả hoặc đã đảo: không cấp giấy.",
    "HEADER_UNKNOWN": "Tệp không có dòng tiêu đề nhận ra được: xuất lại ở dạng khác của ngân hàng.",
    "HOLDER_DIFFERS": "Xem lại lệnh chi: người giữ ghi ở đó.",
    "IMPORT_UNFINISHED": "Nhập lại đúng tệp trước đó cho xong (mã SHA-256 có trong lời báo).",
    "LINE_ALREADY_RECORDED": "Dòng đã ghi: xem `sovang suspense`, giải thích bằng `--parts`.",
    "AID_NOT_APPROVED": "Để tiền ở chờ xác định; ghi khi có số và ngày văn bản phê duyệt (`foreign`).",
    "NEEDS_APPROVAL": "Số tiền vượt ngưỡng cần hai người; phiên bản này chưa có lệnh duyệt. Không chia nhỏ để lách.",
    "NEEDS_TWO_OFFICERS": "Ghi mã của đúng hai người khác nhau ở `officers`.",
    "NOT_A_GIFT": "Xem lại số bản ghi; với bảng kê nhiều phong bì, hiện vật nhiều mặt hàng thì thêm `--part`.",
    "NOT_A_STATEMENT": "Tệp là thông báo hoặc báo cáo giữa ngày: lấy sao kê cuối ngày.",
    "NOT_CHECKPOINTED": "Chạy `sovang checkpoint`, rồi làm lại.",
    "NOT_IN_VAULT": "Không có dữ liệu của người này để dùng lại: ghi tên mới.",
    "NOT_REVERSIBLE": "Đọc phần trong lời báo: đảo bản ghi đến sau trước đã, hoặc dùng nghiệp vụ hoàn trả.",
    "NO_LINES": "Tệp trống: chọn lại kỳ sao kê.",
    "NO_SUCH_COMMUNE": "Ghi danh sách xã của chương trình (`communes_listed`) trước; mã xã kèm ngày hiệu lực.",
    "RECEPTION_TOO_LONG": "Rút ngắn thời gian tiếp nhận; được phép kéo dài thì ghi `campaign_extended` kèm văn bản.",
    "SEED_DIFFERS": "Dùng đúng tệp hạt giống đã tạo khi cam kết mẫu.",
    "ALREADY_CLOSED": "Không cần làm gì: đã kết thúc hoặc đã xác nhận rồi.",
    "NO_SUCH_DISPUTE": "Xem lại số bản ghi của khiếu nại.",
    "NO_SUCH_FUND": "Mở nguồn (`fund_opened`) trước, hoặc xem lại mã.",
    "NO_SUCH_LINE": "Chép lại mã dòng từ `sovang suspense`; dòng phải của đúng tài khoản.",
    "NO_SUCH_PLACE": "Mở bằng `sovang account open`; viết cả loại: `bank:VCB`, `cash:KET`.",
    "OUTSIDE_RESTRICTION": "Không dùng nguồn này cho việc này. Chọn nguồn khác.",
    "PARTIAL_DAY": "Một trong hai tệp cắt giữa ngày: xuất lại sao kê trọn ngày đó.",
    "PARTS_DIFFER": "Cộng lại các phần; xem số còn chờ của dòng bằng `sovang suspense`.",
    "PLACE_NOT_OF_FUND": "Nguồn chỉ được giữ ở các tài khoản ghi khi mở nguồn.",
    "REFERENCE_REUSED": "Khóa này đã dùng cho việc khác: đặt khóa mới.",
    "ROW_AMBIGUOUS": "Xem dòng nêu trong lời báo: ngày hoặc số hiểu được hai cách; xuất lại ở dạng khác.",
    "ROW_MALFORMED": "Xem dòng nêu trong lời báo trong tệp; không sửa tay, tải lại.",
    "SHORTFALL_OPEN": "Bù phần thiếu bằng `shortfall_covered` trước khi quyết định tiếp trên nguồn này.",
    "SMALL_GROUP_OPEN": "Nhóm nhỏ: dùng `hidden` thay cho `scope`, ngày là mồng một của tháng.",
    "STATEMENT_ALREADY_IMPORTED": "Không cần làm gì.",
    "TOO_ALIKE": "Mã mới chỉ khác mã cũ ở chữ hoa, dấu nối hay O/0, I/l/1: chọn mã khác hẳn.",
    "UNIT_DIFFERS": "Xem loại tiền hoặc mặt hàng của tài khoản, của khoản gốc.",
    "UNKNOWN_KIND": "Xem `sovang new list`.",
    "WOULD_BE_OVERDRAWN": "Xem `sovang balances`; số thiếu ghi ở `short_by_minor`.",
}


def reasons() -> str:
    """Every reason for a refusal in the words the program uses, and what to do next."""
    assert {reason.value for reason in Reason} >= NEXT.keys()
    rows = [(f"`{reason}`", WORDS[reason][0], NEXT.get(reason.value, ""), WORDS[reason][1]) for reason in Reason]
    return "\n".join(_table(("mã", "nghĩa", "làm gì tiếp", "in English"), rows))


def all_commands() -> list[tuple[str, Any]]:
    """(name with its group, command)."""
    found = []
    root: Any = typer.main.get_command(build())
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found += [(name, command)] if inner is None else [(f"{name} {sub}", one) for sub, one in inner.items()]
    return found


SHARED = ("--home", "--book", "--as", "--json")


def commands() -> str:
    """Every command with its arguments and options, from the program's own help."""
    lines: list[str] = []
    for name, command in all_commands():
        own = [
            p for p in command.params if not (set(p.opts) & set(SHARED) and not (name == "init" and "--book" in p.opts))
        ]
        arguments = [p for p in own if p.param_type_name == "argument"]
        line = " ".join([f"sovang {name}", *(_argument(p) for p in arguments), "[OPTIONS]"])
        lines += ["", f"### `{line}`", "", " ".join((command.help or "").split()), ""]
        rows = [(_shown(p), _default(p), (p.help or "").replace("|", "\\|")) for p in own if p.name != "help"]
        if rows:
            lines += _table(("", "", ""), rows)
    return "\n".join(lines[1:]).replace("\n\n\n", "\n\n")


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    return name if parameter.required else f"[{name}]"


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    return ", ".join(f"`{option}`" for option in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "cần — needed"
    value = parameter.default
    return (
        "" if value is None or value is False or callable(value) or not isinstance(value, str | int) else f"`{value}`"
    )


def requirements() -> str:
    """What each requirement's test walks through, in its own words."""
    lines: list[str] = []
    for path in sorted((DOCS.parent / "tests/requirements").glob("test_r[0-9][0-9]_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        number = path.name[5:8].upper()
        walks = [
            one for one in module.body if isinstance(one, ast.FunctionDef) and one.name.lower().startswith("test_")
        ]
        title = (ast.get_docstring(module) or "").partition(": ")[2].splitlines()[0]
        lines += [f"## {number}: {title}", "", f"`tests/requirements/{path.name}`", ""]
        for walk in walks:
            steps = re.split(r"(?<=\.)\n", ast.get_docstring(walk) or "")
            lines += [f"- {' '.join(step.split())}" for step in steps if step.strip()]
        lines.append("")
    return "\n".join(lines)


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "record": ("format.md", record_fields),
    "example": ("format.md", example),
    "types": ("format.md", types),
    "structs": ("format.md", structs),
    "common": ("format.md", common),
    "kinds": ("format.md", kinds),
    "findings": ("auditor.md", findings),
    "reasons": ("accountant.md", reasons),
    "commands": ("commands.md", commands),
    "requirements": ("requirements.md", requirements),
}


def renewed(document: str, text: str) -> str:
    """A document with its generated parts made anew."""
    for name, (file, make) in PARTS.items():
        if file != document:
            continue
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{document} has no part {name}")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


def main() -> None:
    """Writes the documents that are stale."""
    for document in sorted({file for file, _ in PARTS.values()}):
        path = DOCS / document
        old = path.read_text(encoding="utf-8")
        new = renewed(document, old)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(document)


if __name__ == "__main__":
    main()
