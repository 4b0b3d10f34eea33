"""From a record to the accountant's paper: which forms it can be printed on, and what stands in them.

What a form says is read from the record's postings wherever they tell it: cash that came in makes a phiếu thu, goods
that left a store a phiếu xuất kho, so that a new kind of entry has its paper by itself. Names come out of the vault and
go onto the page only. A printing is an entry of its own (`voucher_printed`), so that the second copy says it is one;
made again from the same records, vault and forms a paper has the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from certificates.forms import Account, Filled, form_named, render_form
from certificates.issue import name_of, openings, render_paper, short_code
from certificates.layout import long_day
from certificates.typeset import spelled_out
from certificates.words import amount_in_words, amount_line, format_number
from ledger.accounts import code, root
from ledger.book import Recorded
from ledger.days import day_of
from ledger.entries.base import EntryBase, Person, Voucher
from ledger.entries.book import BookOpened, PlaceOpened
from ledger.entries.catalogue import GoodsListed
from ledger.entries.control import Reversed
from ledger.entries.periods import CashCounted
from ledger.entries.vouchers import VoucherPrinted
from ledger.home import OpenBook
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import split_note
from ledger.money import is_currency, minor_digits
from ledger.record import Record, decode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.store import read, read_lines
from ledger.store.engine import reading

PARTIES = ("donor", "sender", "payee")
"""Fields of an entry that name who gave or took."""

Accounts = Callable[[int], tuple[Account, ...]]
"""Numbers of the regime's chart of accounts for the record of an index: «Nợ …, Có …»."""

ACCOUNT_WORDS = {
    "donors": "Nhà tài trợ",
    "senders": "Người chuyển tiền",
    "interest": "Lãi tiền gửi",
    "brought": "Sổ cũ chuyển sang",
    "suspense": "Tiền chờ xác định",
    "mistaken": "Tiền chuyển nhầm",
    "fund": "Nguồn",
    "allocated": "Đã phân bổ",
    "ordered": "Lệnh chi",
    "handed": "Đã chi, đã giao",
    "shortfall": "Thiếu nguồn",
    "used": "Đã sử dụng",
    "costs": "Chi phí",
    "exchange-purpose": "Đổi tiền, hàng (nguồn)",
    "exchange-place": "Đổi tiền, hàng (nơi giữ)",
    "outside": "Bên ngoài",
    "bank": "Tiền gửi",
    "cash": "Tiền mặt",
    "stock": "Kho",
    "transit": "Tiền đang chuyển",
    "advance": "Tạm ứng",
    "promised": "Đã hứa",
    "pledge": "Cam kết",
    "lost": "Mất, hủy",
    "found": "Thừa khi kiểm kê",
}
"""Roots of accounts (ledger/accounts.py) as people call them; one that is not here is printed as it is."""


def forms_of(record: Record) -> tuple[str, ...]:
    """The forms that a record can be printed on, the usual one first."""
    if isinstance(record.entry, Reversed):
        return ("chung-tu-dieu-chinh",)
    into = {root(p.destination) for p in record.postings}
    out_of = {root(p.source) for p in record.postings}
    goods = any(not is_currency(p.amount.unit) for p in record.postings)
    settles = any(root(p.source) == "handed" and is_currency(p.amount.unit) for p in record.postings)
    fits = {
        "kiem-ke-quy": isinstance(record.entry, CashCounted),
        "phieu-thu": "cash" in into - out_of,
        "bien-lai": "cash" in into and "donors" in out_of,
        "phieu-chi": "cash" in out_of - into,
        "phieu-nhap-kho": "stock" in into - out_of,
        "phieu-xuat-kho": "stock" in out_of - into,
        "giao-nhan": goods and bool({"stock", "donors", "used"} & (into | out_of)),
        "xac-nhan-tai-tro": "donors" in out_of,
        "thanh-toan-tam-ung": settles,
        "danh-sach-ky-nhan": "used" in into,
    }
    return tuple(form for form, fit in fits.items() if fit)


def money(minor: int, unit: str) -> str:
    """An amount in figures: `1.500.000 ₫`, `1.200,50 USD`."""
    if unit == "VND":
        return f"{format_number(minor)} ₫"
    whole, part = divmod(minor, 10 ** minor_digits(unit))
    decimals = f",{part:0{minor_digits(unit)}d}" if minor_digits(unit) else ""
    return f"{format_number(whole)}{decimals} {unit}"


def money_words(minor: int, unit: str) -> str:
    """The same in words; decimals of a foreign currency digit by digit: «… phẩy năm không USD»."""
    if unit == "VND":
        return amount_line(minor)
    whole, part = divmod(minor, 10 ** minor_digits(unit))
    said = amount_in_words(whole)
    digits = f"{part:0{minor_digits(unit)}d}" if part else ""
    after = " phẩy " + " ".join(amount_in_words(int(digit)) for digit in digits) if digits else ""
    return f"{said[0].upper()}{said[1:]}{after} {unit}"


def fill(
    opened: OpenBook, index: int, form: str | None = None, *, copy: int = 1, accounts: Accounts | None = None
) -> Filled:
    """What stands on the paper of record `index`; `form` None takes the usual one.

    Raises Rejected: NO_SUCH_RECORD, NO_SUCH_FORM when this record is not printed on it.
    """
    with reading(opened.engine) as db:
        return _Filling(opened, db, index).filled(form, copy, accounts)


def render_voucher(
    opened: OpenBook, index: int, form: str | None = None, *, copy: int = 1, accounts: Accounts | None = None
) -> bytes:
    """The PDF of a record on one of its forms; raises what `fill` and `render_form` raise."""
    return render_form(fill(opened, index, form, copy=copy, accounts=accounts))


def print_voucher(opened: OpenBook, index: int, form: str | None = None, *, by: str, printed_on: date) -> Recorded:
    """Records that a record goes to paper; `render_printed` makes the PDF. Raises what `fill` raises."""
    chosen = fill(opened, index, form).form
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index)
    assert body is not None  # `fill` has read it
    entry = {
        "kind": "voucher_printed",
        "form": chosen,
        "leaf": leaf_of(body).hex(),
        "printed_on": printed_on.isoformat(),
        "record": index,
    }
    return opened.requests.submit([{"entry": entry}], by)[0]


def render_printed(opened: OpenBook, index: int, *, accounts: Accounts | None = None) -> bytes:
    """The PDF that the record at `index` put on paper: a voucher (`voucher_printed`), or a donor's paper.

    Raises what `render_voucher` and `certificates.issue.render_paper` raise.
    """
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index)
    entry = None if body is None else decode(body).entry
    if not isinstance(entry, VoucherPrinted):
        return render_paper(opened, index)
    return render_voucher(opened, entry.record, entry.form, copy=entry.copy or 1, accounts=accounts)


def blank(opened: OpenBook, form: str, *, on: date, rows: int | None = None, place: str | None = None) -> Filled:
    """An empty form with the unit's name, for counts, confirmations and lists.

    Of a `place` (`cash:TM`, `bank:VCB`) its name and its balance by the book as recorded now are filled in; a
    hand-over (`ban-giao`) lists every place, at the newest checkpoint. Raises Rejected: NO_SUCH_FORM, NO_SUCH_PLACE,
    MALFORMED for a number of rows that is none.
    """
    known = form_named(form)
    if rows is not None and rows < 1:
        raise Rejected(Reason.MALFORMED, "at least one row", field="rows")
    empty = Filled(form, opened.opened.name, on, blank_rows=rows)
    with reading(opened.engine) as db:
        if place is not None:
            return _of_place(opened, db, empty, place, known.rows)
        return _handover(opened, db, empty) if form == "ban-giao" else empty


class _Filling:
    """One paper in the making, from one snapshot of the book."""

    def __init__(self, opened: OpenBook, db: Connection, index: int) -> None:
        self._opened, self._db, self._index = opened, db, index
        body = read.body(db, opened.code, index)
        first = read.body(db, opened.code, 0)
        book = None if first is None else decode(first).entry
        if body is None or not isinstance(book, BookOpened):
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        self._book = book
        self._record = decode(body)
        self._leaf = leaf_of(body)

    def filled(self, form: str | None, copy: int, accounts: Accounts | None) -> Filled:
        usual = forms_of(self._record)
        if not usual or (form is not None and form not in usual):
            raise Rejected(
                Reason.NO_SUCH_FORM,
                field="form",
                index=self._index,
                form=form or "none",
                forms=" ".join(usual) or "none",
            )
        chosen = form or usual[0]
        entry: EntryBase = self._record.entry
        voucher = entry.voucher
        recorded_on = day_of(self._record.at, self._book.zone)
        filled = Filled(
            form=chosen,
            unit=spelled_out(self._book.name),
            made_on=recorded_on,
            day=voucher.voucher_on if voucher else entry.money_day() or recorded_on,
            number=self._number(voucher),
            book=(voucher.book or "") if voucher else "",
            accounts=() if accounts is None else accounts(self._index),
            values=self._values(entry),
            foot=self._foot(entry, voucher, recorded_on),
            copy=copy,
        )
        match chosen:
            case "kiem-ke-quy":
                return self._with_count(filled)
            case "phieu-nhap-kho" | "phieu-xuat-kho" | "giao-nhan":
                return self._with_goods(filled)
            case "chung-tu-dieu-chinh":
                return self._with_reversal(filled)
            case "thanh-toan-tam-ung":
                return self._with_settlement(filled)
            case "danh-sach-ky-nhan":
                # Children are written in by hand: a list with their names is the vault's, not the printer's.
                return replace(filled, values={**filled.values, "where": "", "sum": ""}, number="")
        return self._with_money(filled)

    def _number(self, voucher: Voucher | None) -> str:
        if voucher is None or voucher.number is None:
            return ""
        return f"{voucher.series}-{voucher.number:04}"

    def _foot(self, entry: EntryBase, voucher: Voucher | None, recorded_on: date) -> str:
        booked = entry.booked_on or recorded_on
        said = [f"Bản ghi số {self._index} · {short_code(self._leaf)} · ngày ghi sổ {booked:%d/%m/%Y}"]
        if voucher is not None and voucher.bank_on is not None:
            said.append(f"ngày ngân hàng {voucher.bank_on:%d/%m/%Y}")
        return " · ".join(said)

    # --------------------------------------------------------------------------------- what all say

    def _values(self, entry: EntryBase) -> dict[str, str]:
        values = {"reason": self._reason(entry), **self._party(entry)}
        day = entry.money_day()
        if day is not None:
            values |= {"received_on": long_day(day), "given_on": f"{day:%d/%m/%Y}"}
        funds = [p.destination for p in self._record.postings if root(p.destination) == "fund"]
        if funds:
            values["fund"] = ", ".join(dict.fromkeys(self._name("fund", code(fund)) for fund in funds))
        for posting in self._record.postings:
            for account in (posting.source, posting.destination):
                if root(account) in ("bank", "cash", "stock"):
                    values["store" if root(account) == "stock" else "place"] = self._name("place", account)
        if self._book.seat:
            values["where"] = spelled_out(self._book.seat)
        return values

    def _name(self, register: str, key: str) -> str:
        return name_of(self._opened, self._db, register, key)

    def _reason(self, entry: EntryBase) -> str:
        said = [entry.title[0]]
        said += [text for name in ("what", "why") if isinstance(text := getattr(entry, name, None), str)]
        fund = getattr(entry, "fund", None)
        where = f" ({self._name('fund', fund)})" if isinstance(fund, str) else ""
        return spelled_out(": ".join(said)) + where

    def _party(self, entry: EntryBase) -> dict[str, str]:
        """Name and address of who gave or took, out of the vault; else the office that has it in hand.

        Only of fields that name such a one: whom the aid is for stands on no voucher.
        """
        if several := getattr(entry, "envelopes", None) or getattr(entry, "gifts", None):
            return {"party": f"{len(several)} người ủng hộ, theo bảng kê kèm theo"}
        person = next((one for name in PARTIES if isinstance(one := getattr(entry, name, None), Person)), None)
        found = {} if person is None else self._person(person)
        ours, holder = spelled_out(self._book.name), getattr(entry, "holder", None)
        if "party" in found and any(root(p.source) == "donors" for p in self._record.postings):
            found |= {"giver": found["party"], "taker": ours}
        if not found and isinstance(holder, str):
            came_back = any(root(p.source) == "advance" for p in self._record.postings)
            sides = (spelled_out(holder), ours) if came_back else (ours, spelled_out(holder))
            found = {"address": spelled_out(holder), "giver": sides[0], "taker": sides[1]}
        return found

    def _person(self, person: Person) -> dict[str, str]:
        known = openings(self._opened, self._db, self._index, person)
        if "name" not in known and "counterparty" in known:
            known["name"] = known["counterparty"]
        fields = {"party": "name", "address": "address", "tax_code": "tax_code", "phone": "phone"}
        return {
            value: spelled_out(" ".join(known[name]["value"].split()))
            for value, name in fields.items()
            if name in known
        }

    # ------------------------------------------------------------------------------------- by form

    def _moved(self, *roots: str) -> tuple[int, str]:
        """How much one currency entered or left the places of these roots, and its unit."""
        sums: dict[str, int] = {}
        for posting in self._record.postings:
            if is_currency(posting.amount.unit):
                sign = (root(posting.destination) in roots) - (root(posting.source) in roots)
                sums[posting.amount.unit] = sums.get(posting.amount.unit, 0) + sign * posting.amount.minor
        moved = [(abs(minor), unit) for unit, minor in sums.items() if minor]
        return moved[0] if moved else (0, "VND")

    def _with_money(self, filled: Filled) -> Filled:
        roots = ("donors",) if filled.form == "xac-nhan-tai-tro" else ("cash",)
        minor, unit = self._moved(*roots)
        values = dict(filled.values)
        if minor:
            values |= {"amount": money(minor, unit), "words": money_words(minor, unit)}
        goods = [f"{row['quantity']} {row.get('unit', '')} {row['goods']}" for row, _ in self._goods(out_of="donors")]
        if goods:
            values["goods"] = "; ".join(goods)
        return replace(filled, values=values)

    def _goods(self, *, into: str = "", out_of: str = "") -> Iterator[tuple[dict[str, str], int | None]]:
        """Rows of goods that entered or left accounts of a root, each with its cost or agreed value, if it has one."""
        items = iter(getattr(self._record.entry, "items", ()))
        for posting in self._record.postings:
            minor, unit = posting.amount.minor, posting.amount.unit
            if is_currency(unit) or (into != root(posting.destination) and out_of != root(posting.source)):
                continue
            row = {"goods": unit, "quantity": format_number(minor)}
            listed = goods_listed(self._opened, self._db, unit)
            if listed is not None:
                row |= {"goods": spelled_out(listed.name), "unit": spelled_out(listed.counted_in)}
            item = next(items, None)
            value = getattr(item, "cost_minor", None) or getattr(item, "value_minor", None)
            if value is not None:
                row["value"] = money(value, self._currency())
                if value % minor == 0:
                    row["price"] = money(value // minor, self._currency())
            elif hasattr(item, "value_minor"):
                row["value"] = "chưa định giá"
            yield row, value

    def _currency(self) -> str:
        return str(getattr(self._record.entry, "currency", "VND"))

    def _with_goods(self, filled: Filled) -> Filled:
        ways: tuple[dict[str, str], ...] = (
            {"into": "stock"},
            {"out_of": "stock"},
            {"out_of": "donors"},
            {"into": "used"},
        )
        told = next((rows for way in ways if (rows := list(self._goods(**way)))), [])
        values = dict(filled.values)
        total: Mapping[str, str] = {}
        known = [value for _, value in told if value is not None]
        if told and len(known) == len(told):
            values["words"] = money_words(sum(known), self._currency())
            total = {"goods": "Cộng", "value": money(sum(known), self._currency())}
        return replace(filled, values=values, rows=tuple(row for row, _ in told), total=total)

    def _with_count(self, filled: Filled) -> Filled:
        entry = self._record.entry
        assert isinstance(entry, CashCounted)  # `forms_of` has seen to it
        unit, ours = entry.currency, entry.book_minor or 0
        rows = tuple(
            {
                "denomination": money(note.value_minor, unit),
                "sheets": format_number(note.pieces),
                "value": money(note.pieces * note.value_minor, unit),
            }
            for note in entry.notes
        )
        more = entry.counted_minor - ours
        values = {
            **filled.values,
            "place": self._name("place", entry.place),
            "balance": money(ours, unit) if ours >= 0 else f"-{money(-ours, unit)}",
            "words": money_words(entry.counted_minor, unit),
            "over": money(max(more, 0), unit),
            "short": money(max(-more, 0), unit),
        }
        return replace(filled, values=values, rows=rows, total={"value": money(entry.counted_minor, unit)})

    def _with_reversal(self, filled: Filled) -> Filled:
        entry = self._record.entry
        assert isinstance(entry, Reversed)  # `forms_of` has seen to it
        body = read.body(self._db, self._opened.code, entry.reversed)
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=entry.reversed)
        original = decode(body).entry
        voucher = original.voucher
        day = voucher.voucher_on if voucher else original.money_day()
        values = {
            "original_number": self._number(voucher),
            "original_day": "" if day is None else long_day(day),
            "original_index": str(entry.reversed),
            "original_kind": original.title[0],
            "original_leaf": short_code(bytes.fromhex(entry.leaf)),
            "why": spelled_out(entry.why),
        }
        rows = []
        for posting in entry.undone_postings:
            minor, unit = posting.amount.minor, posting.amount.unit
            listed = None if is_currency(unit) else goods_listed(self._opened, self._db, unit)
            figures = money(minor, unit).rpartition(" ")[0] if is_currency(unit) else format_number(minor)
            rows.append(
                {
                    "source": self._account(posting.source),
                    "destination": self._account(posting.destination),
                    "unit": unit if listed is None else spelled_out(listed.counted_in),
                    "value": f"-{figures}",
                }
            )
        return replace(filled, values=values, rows=tuple(rows))

    def _account(self, account: str) -> str:
        said = ACCOUNT_WORDS.get(root(account), root(account))
        if not code(account):
            return said
        if root(account) in ("bank", "cash", "stock"):
            return f"{said}: {self._name('place', account)}"
        if root(account) in ("fund", "costs", "shortfall"):
            return f"{said}: {self._name('fund', code(account))}"
        return f"{said}: {code(account)}"

    def _with_settlement(self, filled: Filled) -> Filled:
        """What was advanced, spent and given back under one order, as of this record."""
        account = next(p.source for p in self._record.postings if root(p.source) == "handed")
        unit = next(p.amount.unit for p in self._record.postings if p.source == account)
        key = Key("handed", code(account))
        row = read.registers(self._db, self._opened.code, [key]).get(key)
        first = 0 if row is None else decode_value(row)["index"]
        advanced = spent = returned = 0
        for index in read_lines.touching(self._db, self._opened.code, account, first, self._index):
            body = read.body(self._db, self._opened.code, index)
            assert body is not None  # its postings are stored
            for posting in decode(body).postings:
                if posting.amount.unit != unit:
                    continue
                ends = (root(posting.source), root(posting.destination))
                for end, sign in ((ends[1], 1), (ends[0], -1)):
                    if end in ("used", "exchange-purpose"):
                        spent += sign * posting.amount.minor
                    elif account not in (posting.source, posting.destination):
                        continue
                    elif end == "allocated":
                        returned += sign * posting.amount.minor
                    elif end == "ordered":
                        advanced -= sign * posting.amount.minor
        rest = advanced - spent - returned
        amounts = (advanced, spent, returned, max(rest, 0), max(-rest, 0))
        rows = tuple(
            {**told, "value": money(minor, unit)}
            for told, minor in zip(form_named(filled.form).rows, amounts, strict=True)
        )
        words = money_words(spent, unit) if spent >= 0 else ""
        holder = None if row is None else decode_value(row).get("holder")
        values = {**filled.values, "handed": code(account), "words": words, "holder": spelled_out(holder or "")}
        return replace(filled, values=values, rows=rows)


def goods_listed(opened: OpenBook, db: Connection, goods: str) -> GoodsListed | None:
    """The entry that listed these goods, if there is one."""
    key = Key("goods", goods)
    row = read.registers(db, opened.code, [key]).get(key)
    body = None if row is None else read.body(db, opened.code, decode_value(row)["index"])
    entry = None if body is None else decode(body).entry
    return entry if isinstance(entry, GoodsListed) else None


# ------------------------------------------------------------------------- counts and confirmations


def _of_place(opened: OpenBook, db: Connection, empty: Filled, place: str, told: tuple[dict[str, str], ...]) -> Filled:
    opening, balances = _places(opened, db)
    if place not in opening:
        raise Rejected(Reason.NO_SUCH_PLACE, field="place", place=place)
    entry = opening[place]
    values = {"place": spelled_out(entry.name), "until": long_day(empty.made_on), "party": spelled_out(entry.name)}
    if root(place) == "cash":
        del values["party"]
    if entry.currency is None:
        return replace(empty, values=values)
    minor = balances.get((place, entry.currency), 0)
    said = money(minor, entry.currency) if minor >= 0 else f"-{money(-minor, entry.currency)}"
    values["balance"] = said
    if empty.form != "doi-chieu-so-du":
        return replace(empty, values=values)
    values["words"] = money_words(minor, entry.currency) if minor >= 0 else ""
    return replace(empty, values=values, rows=(*told[:-1], {**told[-1], "ours": said}))


def _handover(opened: OpenBook, db: Connection, empty: Filled) -> Filled:
    """Every place with its balance now; the checkpoint that covers it, or a refusal while there is none."""
    note = read.newest_checkpoint(db, opened.code)
    head = read.head(db, opened.code)
    checkpoint = None if note is None else parse_checkpoint(split_note(note.encode())[0])
    if head is None or checkpoint is None or checkpoint.size != head.size:
        raise Rejected(Reason.NOT_CHECKPOINTED, index=0 if head is None else head.size - 1)
    opening, balances = _places(opened, db)
    rows = []
    for (account, unit), minor in sorted(balances.items()):
        if account in opening and minor:
            listed = None if is_currency(unit) else goods_listed(opened, db, unit)
            figures = money(abs(minor), unit).rpartition(" ")[0] if is_currency(unit) else format_number(abs(minor))
            said = f"-{figures}" if minor < 0 else figures
            place = spelled_out(opening[account].name)
            if listed is not None:
                place, unit = f"{place}: {spelled_out(listed.name)}", spelled_out(listed.counted_in)
            rows.append({"place": place, "unit": unit, "ours": said})
    values = {
        "book": spelled_out(opened.opened.name),
        "size": format_number(checkpoint.size),
        "root": checkpoint.root.hex(),
    }
    return replace(empty, values=values, rows=tuple(rows))


def _places(opened: OpenBook, db: Connection) -> tuple[dict[str, PlaceOpened], dict[tuple[str, str], int]]:
    found = {}
    for place, value in read.register_rows(db, opened.code, "place"):
        body = read.body(db, opened.code, decode_value(value)["index"])
        entry = None if body is None else decode(body).entry
        if isinstance(entry, PlaceOpened):
            found[place] = entry
    return found, read.all_balances(db, opened.code)
