"""Funds, pledges and donors: what ran out of time, what is due, who gives, where money came from.

The reports about donors name people, and tell which records are of one person, only for who may open the vault
(`source.private`); else they show the record in which a donor is known, never a name.
Deadlines of pledges are made of `standings`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

from audit.reports.source import Source, Told
from audit.reports.table import Cell, Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import code, root
from ledger.entries.base import EntryBase, Person
from ledger.entries.beyond import ExternalContributed
from ledger.entries.donors import CreditsListed, DonorRegistered, kept_as
from ledger.entries.goods import GoodsGivenDirectly, GoodsReceived
from ledger.entries.pledges import (
    Instalment,
    PledgeAmended,
    PledgeMade,
    due_of_matching,
    schedule,
    standing,
)
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftReceived
from ledger.entries.restrictions import FundOpened, over_cap
from ledger.money import is_currency
from ledger.refusals import Reason, Rejected
from ledger.text import fold

_FUND = Column("fund", "nguồn", "fund")
_UNIT = Column("unit", "đơn vị tính", "unit")
_INDEX = Column("index", "bản ghi", "record", "index")


# --- funds ----------------------------------------------------------------------------------------------


@report("expired-funds", "Nguồn đã hết thời hạn còn tiền", "Funds past their time: return or vary")
def expired_funds(source: Source, period: Period) -> Report:
    """Every fund whose window ended by the last day of the period and that still holds something not handed over.

    What is left goes back to the donors (`gift_refunded`) or to another purpose with their consent
    (`restriction_varied`). Rows lead to the fund's opening and to the gifts that made it.
    """
    columns = (
        _FUND,
        Column("name", "tên", "name"),
        Column("to_on", "hết hạn", "ended on", "day"),
        Column("days", "quá hạn (ngày)", "days since", "count"),
        _UNIT,
        Column("fund_minor", "còn ở nguồn", "left in the fund", "money", total=True),
        Column("set_aside_minor", "đã phân bổ, chưa giao", "set aside, not handed over", "money", total=True),
    )
    asked_on = min(period.to_on, source.today)
    balances = source.balances_on(period.to_on)
    allocations, orders = source.rows("allocation"), source.rows("handed")
    given: dict[tuple[str, str], set[int]] = {}
    funds: dict[str, tuple[int, FundOpened]] = {}
    for told in source.records:
        if isinstance(told.entry, FundOpened):
            funds[told.entry.fund] = (told.index, told.entry)
        for posting in told.postings:
            if root(posting.destination) == "fund" and posting.source == "donors":
                given.setdefault((code(posting.destination), posting.amount.unit), set()).add(told.index)
    left: dict[tuple[str, str], list[int]] = {}
    for (account, unit), minor in balances.items():
        name = root(account)
        if name == "fund":
            left.setdefault((code(account), unit), [0, 0])[0] += minor
        elif name in ("allocated", "ordered"):
            allocation = code(account) if name == "allocated" else orders.get(code(account), {}).get("allocation")
            fund = allocations.get(allocation or "", {}).get("fund")
            if fund is not None:
                left.setdefault((fund, unit), [0, 0])[1] += minor
    rows = []
    for (fund, unit), (in_fund, aside) in sorted(left.items()):
        if fund not in funds or (in_fund, aside) == (0, 0):
            continue
        index, opened = funds[fund]
        to_on = opened.restriction.to_on
        if to_on is not None and to_on < asked_on:
            records = (index, *sorted(given.get((fund, unit), ())))
            cells = (fund, opened.name, to_on, (asked_on - to_on).days, unit, in_fund, aside)
            rows.append(Row(cells, records))
    rows.sort(key=lambda row: (str(row.cells[2]), str(row.cells[0])))
    notes = ("Hoàn trả người ủng hộ, hoặc điều chỉnh mục đích khi họ đồng ý — return it, or vary with consent",)
    return finished("expired-funds", source, period, columns, rows, totals_of(columns, rows), notes if rows else ())


@report("sources", "Tiếp nhận và sử dụng theo nguồn hình thành", "Received and used by source")
def sources(source: Source, period: Period) -> Report:
    """Per fund: what came in by origin, what aid and what management used in the period, the cap and what is over it.

    What others gave directly (`external_contributed`) stands in its own column and rows and is added to nothing.
    """
    columns = (
        Column("source", "nguồn hình thành", "source"),
        _FUND,
        _UNIT,
        Column("received_minor", "tiếp nhận", "received", "money", total=True),
        Column("interest_minor", "lãi tiền gửi", "interest", "money", total=True),
        Column("varied_minor", "điều chỉnh mục đích, đổi tiền", "varied or exchanged", "money", total=True),
        Column("aid_minor", "đã dùng hỗ trợ", "used for aid", "money", total=True),
        Column("management_minor", "chi quản lý", "management", "money", total=True),
        Column("cap", "trần chi quản lý", "cap on management"),
        Column("over_minor", "vượt trần", "over the cap", "money", total=True),
        Column("outside_minor", "ngoài quỹ, không cộng", "outside the fund, not added", "money"),
    )
    funds = {t.entry.fund: (t.index, t.entry) for t in source.records if isinstance(t.entry, FundOpened)}
    allocations, orders = source.rows("allocation"), source.rows("handed")
    sums: dict[tuple[str, str], _Used] = {}
    outside: dict[tuple[str, str], _Used] = {}
    for told in source.records:
        if told.booked_on not in period:
            continue
        if isinstance(told.entry, ExternalContributed):
            out = outside.setdefault((told.entry.organisation, told.entry.amount.unit), _Used())
            out.add("outside", told.entry.amount.minor, told.index)
        for posting, sign in source.moved(told):
            minor, unit = sign * posting.amount.minor, posting.amount.unit
            for fund, what, way in _uses(posting.source, posting.destination, unit, allocations, orders):
                sums.setdefault((fund, unit), _Used()).add(what, way * minor, told.index)
    rows, undisclosed = [], []
    for (fund, unit), used in sorted(sums.items(), key=lambda one: (_kind(funds, one[0][0]), one[0])):
        opened = funds.get(fund)
        cap, over = _cap(source, fund, unit)
        if used.of("management") and cap is None and opened is not None and opened[1].source in ("gift", "mixed"):
            undisclosed.append(fund)
        cells: tuple[Cell, ...] = (
            _kind(funds, fund),
            fund,
            unit,
            used.of("received"),
            used.of("interest"),
            used.of("varied"),
            used.of("aid"),
            used.of("management"),
            cap,
            over,
            None,
        )
        rows.append(Row(cells, tuple(sorted(used.records | ({opened[0]} if opened else set())))))
    totals = totals_of(columns, rows)
    for (organisation, unit), used in sorted(outside.items()):
        cells = ("ngoài quỹ", organisation, unit, *(None,) * 7, used.of("outside"))
        rows.append(Row(cells, tuple(sorted(used.records))))
    notes = ["Cột «ngoài quỹ» không cộng vào số của quỹ — outside contributions are never added to the fund's own"]
    if undisclosed:
        named = ", ".join(sorted(set(undisclosed)))
        notes.append(f"Tiền ủng hộ chi quản lý mà chưa công bố trần: {named} — management without a disclosed cap")
    return finished("sources", source, period, columns, rows, totals, notes)


@dataclass(slots=True)
class _Used:
    """Sums by word, and the records they are made of."""

    sums: dict[str, int] = field(default_factory=dict)
    records: set[int] = field(default_factory=set)

    def add(self, what: str, minor: int, index: int) -> None:
        self.sums[what] = self.sums.get(what, 0) + minor
        self.records.add(index)

    def of(self, what: str) -> int:
        return self.sums.get(what, 0)


def _uses(
    origin: str,
    destination: str,
    unit: str,
    allocations: Mapping[str, Mapping[str, Any]],
    orders: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, str, int]]:
    """(fund, what it is, sign) of one posting of the purpose view."""
    for account, other, sign in ((destination, origin, 1), (origin, destination, -1)):
        name, beside = root(account), root(other)
        if name == "fund" and beside in ("donors", "brought"):
            yield code(account), "received", sign
        elif name == "fund" and beside == "interest":
            yield code(account), "interest", sign
        elif name == "fund" and beside in ("fund", "exchange-purpose"):
            yield code(account), "varied", sign
        elif name == "costs":
            yield code(account), "management", sign
        elif name in ("used", "exchange-purpose"):
            allocation = code(account) if name == "used" else code(other)
            if beside == "handed" and name == "exchange-purpose":
                allocation = str(orders.get(code(other), {}).get("allocation"))
            fund = allocations.get(allocation, {}).get("fund")
            if fund is not None and beside == "donors":  # handed straight to those it is for
                yield str(fund), "received", sign
            # Goods bought with a fund's money: the money counts as used when it is spent, the goods when delivered.
            if fund is not None and (name == "used" or is_currency(unit)):
                yield str(fund), "aid", sign


def _kind(funds: Mapping[str, tuple[int, FundOpened]], fund: str) -> str:
    words = {
        "gift": "ủng hộ, tài trợ",
        "budget": "ngân sách nhà nước",
        "mttq": "Mặt trận Tổ quốc",
        "interest": "lãi tiền gửi",
        "mixed": "hỗn hợp",
    }
    return words[funds[fund][1].source] if fund in funds else ""


def _cap(source: Source, fund: str, unit: str) -> tuple[str | None, int | None]:
    opened = source.register("fund", fund) or {}
    if "admin_cap" not in opened:
        return None, None
    cap = opened["admin_cap"]
    tally = source.register("tally", f"{fund}/{unit}")
    base = {"received": "số tiếp nhận", "used": "số đã dùng"}[cap["base"]]
    said = f"{cap['permille'] / 10:g}% {base}".replace(".", ",")
    return said, 0 if tally is None else max(over_cap(opened, tally), 0)


# --- pledges --------------------------------------------------------------------------------------------

State = Literal["paid", "part", "due", "overdue", "open", "ended"]


class PledgeStanding(NamedTuple):
    """One pledge as it stands: what was promised, kept, and which parts are due when."""

    code: str
    made: Told
    """The record that made it."""
    terms: int
    """The record of its newest terms."""
    fund: str
    unit: str
    firm: bool
    promised_minor: int
    kept_minor: int
    ended: str | None
    """The kind of the record that ended it."""
    parts: tuple[tuple[Instalment, int], ...]
    """(instalment, how much of it was kept), the oldest first; a matching pledge's one part is due from its first day
    on which others gave."""
    records: tuple[int, ...]

    def donor(self) -> Person:
        """Who promised."""
        made: Any = self.made.entry
        return made.donor  # type: ignore[no-any-return]


def standings(source: Source) -> list[PledgeStanding]:
    """Every pledge of the book as it stands at the source's size, in the order they were made."""
    rows = source.rows("pledge")
    made: dict[str, Told] = {}
    terms: dict[str, tuple[int, PledgeMade | PledgeAmended]] = {}
    kept: dict[str, int] = {}
    records: dict[str, set[int]] = {}
    receipts: dict[tuple[str, str], list[tuple[date, int, str | None]]] = {}
    for counted in source.counted():
        entry, index = counted.entry, counted.told.index
        if isinstance(entry, PledgeMade) and counted.sign > 0:
            made[entry.pledge], terms[entry.pledge] = counted.of, (counted.of.index, entry)
        elif isinstance(entry, PledgeMade):
            made.pop(entry.pledge, None)
        elif isinstance(entry, PledgeAmended):
            terms[entry.pledge] = (index, entry)
        pledge = getattr(entry, "pledge", None)
        if isinstance(entry, GiftReceived):
            pledge = None if entry.pledge is None else entry.pledge.pledge
            if entry.pledge is not None:
                kept[entry.pledge.pledge] = kept.get(entry.pledge.pledge, 0) + counted.sign * entry.pledge.minor
        if isinstance(pledge, str):
            records.setdefault(pledge, set()).add(index)
        for fund, unit, minor in _given(entry):
            of = pledge if isinstance(pledge, str) else None
            receipts.setdefault((fund, unit), []).append((counted.told.day, counted.sign * minor, of))
    found = []
    for pledge, told in made.items():
        first, (index, newest) = told.entry, terms[pledge]
        if not isinstance(first, PledgeMade):
            continue
        unit, paid = first.amount.unit, kept.get(pledge, 0)
        parts = schedule(newest)
        if first.matching is not None:
            others = [(day, minor) for day, minor, of in receipts.get((first.matching.fund, unit), ()) if of != pledge]
            due = due_of_matching(first.matching, newest.amount.minor, others)
            parts = (Instalment(first.matching.to_on, due),) if due else ()
        found.append(
            PledgeStanding(
                pledge,
                told,
                index,
                first.fund,
                unit,
                first.firm,
                newest.amount.minor,
                paid,
                rows.get(pledge, {}).get("ended"),
                tuple((one.instalment, one.kept) for one in standing(parts, paid)),
                tuple(sorted(records[pledge])),
            )
        )
    return found


def _given(entry: EntryBase) -> Iterator[tuple[str, str, int]]:
    """(fund, unit, minor) of what donors gave in one entry."""
    if isinstance(entry, GiftReceived | CashSheetReceived):
        yield entry.fund, entry.amount.unit, entry.amount.minor
    elif isinstance(entry, GatewaySettled):
        yield from ((gift.fund, entry.credited.unit, gift.minor) for gift in entry.gifts)


_STATES = {
    "paid": "đã đủ",
    "part": "đã một phần",
    "due": "sắp đến hạn",
    "overdue": "quá hạn",
    "open": "chưa đến hạn",
    "ended": "đã kết thúc",
}
_ENDS = {
    "pledge_lapsed": "hết hạn",
    "pledge_cancelled": "đã hủy",
    "pledge_written_off": "đã xóa",
}


@report("pledges", "Cam kết: đến hạn, quá hạn, đã thực hiện", "Pledges: due, overdue, kept")
def pledges(source: Source, period: Period, *, state: str = "", within: str = "30") -> Report:
    """Every instalment of every pledge, judged on the last day of the period; payments fulfil the oldest first.

    `state` shows one state only (paid, part, due, overdue, open, ended); `within`: how many days before its day an
    instalment counts as due. A matching pledge shows what others' receipts make due of it so far.
    """
    if state and state not in _STATES:
        raise Rejected(Reason.MALFORMED, "one of " + ", ".join(_STATES), field="state")
    if not (within.isascii() and within.isdigit() and len(within) < 5):
        raise Rejected(Reason.MALFORMED, "a number of days", field="within")
    columns = (
        Column("pledge", "mã cam kết", "pledge"),
        Column("donor", "người ủng hộ", "donor"),
        _FUND,
        Column("form", "hình thức", "form"),
        Column("part", "đợt", "instalment"),
        Column("due_on", "ngày hẹn", "due on", "day"),
        _UNIT,
        Column("minor", "số hẹn", "promised", "money", total=True),
        Column("kept_minor", "đã nhận", "kept", "money", total=True),
        Column("left_minor", "còn lại", "left", "money", total=True),
        Column("state", "tình trạng", "state"),
    )
    on = min(period.to_on, source.today)
    rows = []
    for one in standings(source):
        if one.made.day > period.to_on:
            continue
        parts = one.parts
        rest = one.promised_minor - sum(part.minor for part, _ in parts)
        if rest > 0:  # without a day, or what a matching pledge does not owe yet
            kept = max(one.kept_minor - sum(part.minor for part, _ in parts), 0)
            parts = (*parts, (Instalment(date.max, rest), min(kept, rest)))
        for number, (part, kept) in enumerate(parts, 1):
            due_on = None if part.due_on == date.max else part.due_on
            now = _state(one, part.minor, kept, due_on, on, int(within))
            if state and now != state:
                continue
            left = 0 if one.ended else part.minor - kept
            said = _STATES[now] if one.ended is None else f"{_STATES[now]}: {_ENDS.get(one.ended, one.ended)}"
            cells: tuple[Cell, ...] = (
                one.code,
                name_of(source, one.made.index, one.donor()),
                one.fund,
                "cam kết tài trợ" if one.firm else "đăng ký ủng hộ",
                f"{number}/{len(parts)}",
                due_on,
                one.unit,
                part.minor,
                kept,
                left,
                said,
            )
            rows.append(Row(cells, one.records))
    rows.sort(key=lambda row: (row.cells[5] is None, str(row.cells[5]), str(row.cells[0])))
    return finished("pledges", source, period, columns, rows, totals_of(columns, rows))


def _state(one: PledgeStanding, minor: int, kept: int, due_on: date | None, on: date, within: int) -> State:
    if kept >= minor:
        return "paid"
    if one.ended is not None:
        return "ended"
    if due_on is not None and due_on < on:
        return "overdue"
    if due_on is not None and (due_on - on).days <= within:
        return "due"
    return "part" if kept else "open"


# --- donors ---------------------------------------------------------------------------------------------


class Act(NamedTuple):
    """One thing a donor did: a gift, a pledge, a credit for a collective gift."""

    told: Told
    of: Told
    """The record that first said it, in which the person stands; `told` itself but for corrections."""
    person: Person
    what: Literal["gift", "pledge", "credit", "registered"]
    fund: str
    unit: str
    minor: int
    """Signed: a correction takes back."""
    part: int | None = None
    """Which envelope of a sheet or gift of a batch, from 0."""


def _acts(source: Source) -> Iterator[Act]:
    newest = {row["index"] for row in source.rows("credits").values()}
    for counted in source.counted():
        entry, told, sign = counted.entry, counted.told, counted.sign
        where = (told, counted.of)
        if isinstance(entry, DonorRegistered):
            yield Act(*where, entry.donor, "registered", "", "", 0)
        elif isinstance(entry, GiftReceived):
            yield Act(*where, entry.donor, "gift", entry.fund, entry.amount.unit, sign * entry.amount.minor)
        elif isinstance(entry, CashSheetReceived):
            for part, envelope in enumerate(entry.envelopes):
                yield Act(*where, envelope.donor, "gift", entry.fund, entry.amount.unit, sign * envelope.minor, part)
        elif isinstance(entry, GatewaySettled):
            for part, gift in enumerate(entry.gifts):
                yield Act(*where, gift.donor, "gift", gift.fund, entry.credited.unit, sign * gift.minor, part)
        elif isinstance(entry, GoodsReceived | GoodsGivenDirectly):
            for item in entry.items:
                yield Act(*where, entry.donor, "gift", entry.fund, item.goods, sign * item.quantity)
        elif isinstance(entry, PledgeMade):
            yield Act(*where, entry.donor, "pledge", entry.fund, entry.amount.unit, sign * entry.amount.minor)
        elif isinstance(entry, CreditsListed) and told.index in newest:
            unit = getattr(getattr(source.records[entry.gift].entry, "amount", None), "unit", "VND")
            for credit in entry.credits:
                yield Act(*where, credit.person, "credit", "", unit, credit.minor)


@dataclass(slots=True)
class Donor:
    """One donor: everything known under one subject of the vault and its aliases."""

    first: Act
    registered: DonorRegistered | None = None
    acts: list[Act] = field(default_factory=list)
    aliases: int = 0


def donors_of(source: Source) -> dict[str, Donor]:
    """Every donor by a key of their own; a person without any private value is a donor of their own record."""
    rows = source.rows("donor")
    tags: dict[str, str] = {}
    acts = [(act, subject_of(source, act)) for act in _acts(source)]
    for act, subject in acts:
        if act.what == "registered":
            tags.setdefault(subject, act.person.tag)
    subjects = {tag: subject for subject, tag in tags.items()}
    found: dict[str, Donor] = {}
    for act, subject in acts:
        own = tags.get(subject)
        shown = subject if own is None else subjects.get(kept_as(rows, own), subject)
        donor = found.setdefault(shown, Donor(act))
        donor.acts.append(act)
        if isinstance(act.told.entry, DonorRegistered):
            if shown == subject:
                donor.registered, donor.first = act.told.entry, act
            else:
                donor.aliases += 1
    return found


def pages(source: Source) -> Iterator[Donor]:
    """Donors as the asker may see them. Which records are of one person lies in the vault: for who may not open it,
    each record of a donor who is not published stands by itself, and says of the donor only of what kind they are."""
    consent = source.rows("consent")
    for donor in donors_of(source).values():
        if source.may_open or may_publish(donor.registered, consent):
            yield donor
            continue
        apart: dict[tuple[int, str], Donor] = {}
        for act in donor.acts:
            said = donor.registered
            if said is not None and act.what != "registered":
                said = msgspec.structs.replace(said, country=None, support_forms=None)
            apart.setdefault((act.of.index, act.person.tag), Donor(act, said)).acts.append(act)
        yield from apart.values()


def gifts_in(acts: Iterable[Act]) -> int:
    """How many gifts: one a record, less those that a correction took back."""
    signed = {(act.told.index, act.minor > 0) for act in acts}
    return sum(1 if given else -1 for _, given in signed)


def subject_of(source: Source, act: Act) -> str:
    return source.subject(act.of.index, act.person.tag) or f"record {act.of.index}/{act.person.tag}"


def name_of(source: Source, index: int, person: Person) -> str:
    """A donor's name for who may open the vault; else the record they are known from."""
    private = source.private(index, person.tag)
    if private is None:
        return f"(bản ghi {index})"
    return private.get("name") or "không nêu tên"


DONOR_KINDS = {
    "person": "nhà hảo tâm (cá nhân)",
    "organisation": "nhà tài trợ (tổ chức)",
    "foreign": "tổ chức nước ngoài",
    "anonymous": "không nêu tên",
}


APART = "Không công khai tên: mỗi bản ghi một dòng; ai là ai nằm trong kho riêng (--names) — links lie in the vault"


@report("donors", "Danh sách người ủng hộ", "Donors")
def donors(source: Source, period: Period, *, kind: str = "") -> Report:
    """Everybody who registered, promised or gave by the last day of the period: who gave, who can give.

    `kind`: person, organisation, foreign or anonymous. Donors that look like one and the same (name and tax code or
    phone alike) are named side by side in the notes; nothing is put together but by `donors_merged`.
    """
    if kind and kind not in DONOR_KINDS:
        raise Rejected(Reason.MALFORMED, "one of " + ", ".join(DONOR_KINDS), field="kind")
    columns = (
        _INDEX,
        Column("donor", "người ủng hộ", "donor"),
        Column("kind", "loại", "kind"),
        Column("country", "nước", "country"),
        Column("since", "từ ngày", "since", "day"),
        Column("gifts", "số lần", "gifts", "count", total=True),
        _UNIT,
        Column("given_minor", "đã ủng hộ trong kỳ", "given in the period", "money", total=True),
        Column("given_before_minor", "đã ủng hộ trước kỳ", "given before", "money", total=True),
        Column("promised_minor", "còn hứa", "still promised", "money", total=True),
        Column("forms", "hình thức phù hợp", "chosen forms of support"),
        Column("anonymous", "ẩn danh", "anonymous"),
        Column("last_on", "lần gần nhất", "last gift", "day"),
    )
    left = {one.made.index: max(one.promised_minor - one.kept_minor, 0) for one in standings(source) if not one.ended}
    consent = source.rows("consent")
    rows = []
    everybody = list(pages(source))
    for donor in everybody:
        acts = [act for act in donor.acts if act.told.day <= period.to_on]
        said = donor.registered
        if not acts or (kind and (said is None or said.donor_kind != kind)):
            continue
        units = sorted({act.unit for act in acts if act.what in ("gift", "pledge")}) or ["VND"]
        for unit in units:
            gifts = [act for act in acts if act.what == "gift" and act.unit == unit]
            days = [act.told.day for act in gifts if act.minor > 0]
            cells: tuple[Cell, ...] = (
                donor.first.told.index,
                name_of(source, donor.first.told.index, donor.first.person),
                "" if said is None else DONOR_KINDS[said.donor_kind],
                "" if said is None else said.country,
                min(act.told.day for act in acts),
                gifts_in(act for act in gifts if act.told.day in period),
                unit,
                sum(act.minor for act in gifts if act.told.day in period),
                sum(act.minor for act in gifts if act.told.day < period.from_on),
                sum(left.get(act.told.index, 0) for act in acts if act.what == "pledge" and act.unit == unit),
                "" if said is None else ", ".join(said.support_forms or ()),
                "" if may_publish(said, consent) else "ẩn danh",
                max(days, default=None),
            )
            rows.append(Row(cells, tuple(sorted({act.told.index for act in acts}))))
    rows.sort(key=lambda row: row.records[0])
    notes = ["Ghi nhận công vận động không cộng vào tiền — credits are never added to money"]
    if not source.may_open:
        notes.append(APART)
    for alike in _alike(source, everybody):
        notes.append(f"Có thể là một người: bản ghi {alike} — may be one donor; not merged by itself")
    return finished("donors", source, period, columns, rows, totals_of(columns, rows), notes)


def may_publish(said: DonorRegistered | None, consent: Mapping[str, Mapping[str, Any]]) -> bool:
    if said is None or said.donor_kind == "anonymous":
        return False
    row = consent.get(said.donor.tag)
    return said.may_publish_name if row is None else bool(row["live"])


def _alike(source: Source, everybody: Iterable[Donor]) -> Iterator[str]:
    """Groups of donors that share a folded name and a tax code or phone: «5, 9»."""
    seen: dict[tuple[str, str], set[int]] = {}
    for donor in everybody:
        private = source.private(donor.first.told.index, donor.first.person.tag) or {}
        name = fold(private.get("name", ""))
        for what in ("tax_code", "phone"):
            number = "".join(char for char in private.get(what, "") if char.isdigit())
            if name and number:
                seen.setdefault((name, number), set()).add(donor.first.told.index)
    for group in sorted({tuple(sorted(one)) for one in seen.values() if len(one) > 1}):
        yield ", ".join(map(str, group))


@report("donor", "Trang người ủng hộ", "One donor")
def donor(source: Source, period: Period, *, record: str = "") -> Report:
    """Everything one donor promised and gave up to the last day of the period, under all their aliases.

    `record`: the index of any record that speaks of them, `12`, or `12/0` for the first envelope or gift of a sheet or
    batch. Credits of collective gifts stand beside, never added. Raises Rejected(MALFORMED, NO_SUCH_RECORD).
    """
    asked = re.fullmatch("([0-9]{1,16})(?:/([0-9]{1,6}))?", record, re.ASCII)
    if asked is None:
        raise Rejected(Reason.MALFORMED, "the index of a record about the donor", field="record")
    index = int(asked[1])
    persons = {act.person.tag: None for act in _acts(source) if act.told.index == index}
    tag = list(persons)[int(asked[2] or 0) :][:1]
    columns = (
        _INDEX,
        Column("day", "ngày", "day", "day"),
        Column("what", "nghiệp vụ", "what"),
        _FUND,
        _UNIT,
        Column("given_minor", "đã ủng hộ", "given", "money", total=True),
        Column("promised_minor", "đã hứa", "promised", "money", total=True),
        Column("credit_minor", "công vận động, không cộng", "credits, not added", "money"),
    )
    for one in pages(source):
        if any([act.person.tag] == tag for act in one.acts):
            break
    else:
        raise Rejected(Reason.NO_SUCH_RECORD, "no donor in this record", field="record", index=index)
    words = {"gift": "ủng hộ", "pledge": "cam kết", "credit": "ghi nhận công vận động", "registered": "đăng ký"}
    rows = []
    for act in one.acts:
        if act.told.day > period.to_on:
            continue
        cells: tuple[Cell, ...] = (
            act.told.index,
            act.told.day,
            words[act.what] if act.minor >= 0 else f"{words[act.what]} (đảo)",
            act.fund,
            act.unit or "VND",
            act.minor if act.what == "gift" else None,
            act.minor if act.what == "pledge" else None,
            act.minor if act.what == "credit" else None,
        )
        rows.append(Row(cells, (act.told.index,)))
    said = one.registered
    notes = [f"Người ủng hộ — donor: {name_of(source, one.first.told.index, one.first.person)}"]
    if said is not None:
        notes.append(f"Loại — kind: {DONOR_KINDS[said.donor_kind]}")
        if said.support_forms:
            notes.append("Hình thức phù hợp — chosen forms of support: " + ", ".join(said.support_forms))
        if not may_publish(said, source.rows("consent")):
            notes.append("Không công khai tên — the name is not published")
    if not source.may_open:
        notes.append(APART)
    if one.aliases:
        notes.append(f"Gộp {one.aliases} lần đăng ký — aliases")
    return finished("donor", source, period, columns, rows, totals_of(columns, rows), notes)


# --- aid from abroad ------------------------------------------------------------------------------------


@report("foreign-aid", "Viện trợ nước ngoài", "Aid from abroad")
def foreign_aid(source: Source, period: Period) -> Report:
    """Gifts from abroad, in foreign money, or of a donor registered as a foreign body, received in the period.

    Country, approval and rate are those of the gift; the country of a gift that names none is that of its donor's
    registration. The worth in đồng is that of the day of the gift; nothing is valued anew.
    """
    columns = (
        _INDEX,
        Column("day", "ngày", "day", "day"),
        Column("donor", "người ủng hộ", "donor"),
        Column("country", "nước", "country"),
        Column("approval", "văn bản phê duyệt", "approval"),
        Column("approved_on", "ngày phê duyệt", "approved on", "day"),
        _FUND,
        _UNIT,
        Column("minor", "số tiền", "amount", "money", total=True),
        Column("rate_on", "ngày tỷ giá", "day of the rate", "day"),
        Column("rate_source", "tỷ giá của", "rate of"),
        Column("vnd", "quy đổi, đồng", "worth in đồng", "count", total=True),
    )
    bodies: dict[str | None, str | None] = {}
    for told in source.records:
        if isinstance(told.entry, DonorRegistered) and told.entry.donor_kind == "foreign":
            bodies[source.subject(told.index, told.entry.donor.tag)] = told.entry.country
    bodies.pop(None, None)
    rows, unapproved = [], []
    for counted in source.counted():
        entry, told = counted.entry, counted.told
        if told.booked_on not in period or not isinstance(entry, GiftReceived):
            continue
        foreign, rate = entry.foreign, entry.rate
        body = source.subject(counted.of.index, entry.donor.tag) if bodies else None
        if foreign is None and entry.amount.unit == "VND" and body not in bodies:
            continue
        if (foreign is None or foreign.approval is None) and counted.sign > 0:
            unapproved.append(counted.of.index)
        worth = entry.amount.minor if entry.amount.unit == "VND" else None if rate is None else rate.vnd_minor
        cells: tuple[Cell, ...] = (
            told.index,
            told.day,
            name_of(source, counted.of.index, entry.donor),
            bodies.get(body) if foreign is None else foreign.country,
            None if foreign is None else foreign.approval,
            None if foreign is None else foreign.approved_on,
            entry.fund,
            entry.amount.unit,
            counted.sign * entry.amount.minor,
            None if rate is None else rate.rate_on,
            None if rate is None else rate.source,
            None if worth is None else counted.sign * worth,
        )
        rows.append(Row(cells, (told.index,)))
    named = ", ".join(map(str, unapproved))
    notes = (f"Chưa nêu văn bản phê duyệt: bản ghi {named} — without an approval",) if unapproved else ()
    return finished("foreign-aid", source, period, columns, rows, totals_of(columns, rows), notes)
