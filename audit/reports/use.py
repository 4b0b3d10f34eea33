"""Received and used: by fund, activity and commune; who gave, for publication; the synthesis for the department and the
periodic report.

Used is what reached those it is for (`used:<allocation>`). The period a record belongs to is that of its booking day,
or of its money day. Aid by others (`external_contributed`) has a column of its own, which nothing adds up with ours.

What is published (`public`, `donor-list`) names no place of a small group and nobody without consent or legal basis.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from audit.reports.aid import helped_in
from audit.reports.books import fund_of
from audit.reports.gifts import Act, Donor, donors_of, gifts_in, may_publish
from audit.reports.source import Source, Told
from audit.reports.table import Cell, Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import code, is_held, is_known, root
from ledger.catalogue_data import communes as commune_units
from ledger.catalogue_data import successors
from ledger.entries.base import EntryBase
from ledger.entries.beyond import ChildrenReported, ExternalContributed, GrantReceived, GrantSent
from ledger.entries.catalogue import ProgrammeOpened, map_key
from ledger.entries.groups import HiddenScope, OpenScope
from ledger.entries.restrictions import FundOpened
from ledger.refusals import Reason, Rejected

EXTERNAL = "Nguồn lực không qua quỹ: không cộng vào số của quỹ — aid by others is never added to ours"
TWICE = "Số trẻ em theo báo cáo có thể đếm trùng — reported children may be counted twice"
ANONYMOUS = "ẩn danh"
SENDERS_WORDS = "tên do người gửi ghi"
SMALL = "nhóm nhỏ, gộp — small groups, merged"

_UNIT = Column("unit", "đơn vị tính", "unit")


@dataclass(slots=True)
class _Sum:
    """One figure in the four columns every report has, with the records it is made of."""

    opening: int = 0
    period: int = 0
    year: int = 0
    records: set[int] = field(default_factory=set)

    @property
    def closing(self) -> int:
        """Up to the last day of the period."""
        return self.opening + self.period

    def add(self, period: Period, told: Told, minor: int) -> None:
        """Counts one movement that is not later than the period."""
        if told.booked_on > period.to_on:
            return
        if told.booked_on in period:
            self.period += minor
        else:
            self.opening += minor
        if told.booked_on >= period.year_start:
            self.year += minor
        self.records.add(told.index)


def _records(sums: Iterable[_Sum]) -> tuple[int, ...]:
    return tuple(sorted(set().union(*(one.records for one in sums))))


def _four(sums: _Sum) -> tuple[int, int, int, int]:
    return sums.opening, sums.period, sums.year, sums.closing


_FOUR = (
    Column("opening", "đến đầu kỳ", "before the period", "money", total=True),
    Column("period", "trong kỳ", "period", "money", total=True),
    Column("cumulative", "lũy kế từ đầu năm", "since the year began", "money", total=True),
    Column("closing", "đến cuối kỳ", "to the end of the period", "money", total=True),
)


class Used(NamedTuple):
    """Money or goods that reached those they are for; negative where a correction took it back."""

    told: Told
    entry: EntryBase
    record: int
    """The record that first said it."""
    allocation: str
    unit: str
    minor: int
    scope: OpenScope | None
    hidden: HiddenScope | None
    sign: int


def uses(source: Source) -> Iterator[Used]:
    """Every use, also of goods handed straight; grants to other organisations are none."""
    for counted in source.counted():
        if isinstance(counted.entry, GrantSent):
            continue
        sums: dict[tuple[str, str], int] = {}
        for posting in counted.of.postings:
            if root(posting.destination) == "used":
                key = (code(posting.destination), posting.amount.unit)
                sums[key] = sums.get(key, 0) + posting.amount.minor
        scope, hidden = getattr(counted.entry, "scope", None), getattr(counted.entry, "hidden", None)
        for (allocation, unit), minor in sums.items():
            yield Used(
                counted.told,
                counted.entry,
                counted.of.index,
                allocation,
                unit,
                counted.sign * minor,
                scope if isinstance(scope, OpenScope) else None,
                hidden if isinstance(hidden, HiddenScope) else None,
                counted.sign,
            )


def _activity_names(source: Source) -> dict[str, str]:
    names: dict[str, str] = {}
    for activity, row in source.rows("activity").items():
        entry = source.records[row["index"]].entry
        listed = entry.activities if isinstance(entry, ProgrammeOpened) else ()
        names[activity] = row.get("name") or next((a.name for a in listed if a.activity == activity), activity)
    return names


def _fund_names(source: Source) -> dict[str, str]:
    opened = (source.records[row["index"]].entry for row in source.rows("fund").values())
    return {entry.fund: entry.name for entry in opened if isinstance(entry, FundOpened)}


# --- by fund ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Fund:
    """What became of one fund in one unit."""

    received: _Sum = field(default_factory=_Sum)
    refunded: _Sum = field(default_factory=_Sum)
    used: _Sum = field(default_factory=_Sum)
    costs: _Sum = field(default_factory=_Sum)
    other: _Sum = field(default_factory=_Sum)

    def parts(self) -> tuple[_Sum, ...]:
        return self.received, self.refunded, self.used, self.costs, self.other


def _funds(source: Source, period: Period) -> dict[tuple[str, str], _Fund]:
    """(fund, unit) → what came in and went out, by the postings of the purpose view."""
    of, funds = fund_of(source), dict[tuple[str, str], _Fund]()

    def held(account: str) -> str | None:
        return of(account) if is_known(account) and is_held(account) else None

    for told in source.records:
        if told.booked_on > period.to_on:
            continue
        for posting, sign in source.moved(told):
            unit, minor = posting.amount.unit, sign * posting.amount.minor
            if posting.source == "donors" and root(posting.destination) == "used":
                fund = funds.setdefault((of(posting.destination) or "", unit), _Fund())
                fund.received.add(period, told, minor)
                fund.used.add(period, told, minor)
                continue
            out, into = held(posting.source), held(posting.destination)
            if out == into:
                continue
            if into is not None:
                fund = funds.setdefault((into, unit), _Fund())
                (fund.received if posting.source == "donors" else fund.other).add(period, told, minor)
            if out is not None:
                fund = funds.setdefault((out, unit), _Fund())
                named = {"donors": fund.refunded, "used": fund.used, "costs": fund.costs}
                what = named.get(root(posting.destination), fund.other)
                what.add(period, told, -minor if what is fund.other else minor)
    return funds


@report("use", "Tình hình tiếp nhận và sử dụng theo nguồn", "Received and used by fund")
def use(source: Source, period: Period, *, fund: str = "") -> Report:
    """opening + received − refunded − used − costs + other = closing, for every fund and unit.

    Other: interest, what was brought over, bought or exchanged, lost or found, passed between funds.
    """
    columns = (
        Column("fund", "nguồn", "fund"),
        Column("name", "tên nguồn", "name"),
        _UNIT,
        Column("opening", "số dư đầu kỳ", "opening", "money", total=True),
        Column("received", "tiếp nhận", "received", "money", total=True),
        Column("refunded", "hoàn trả", "refunded", "money", total=True),
        Column("used", "đã dùng", "used", "money", total=True),
        Column("costs", "chi quản lý, phí", "costs", "money", total=True),
        Column("other", "tăng giảm khác", "other", "money", total=True),
        Column("closing", "số dư cuối kỳ", "closing", "money", total=True),
        Column("received_year", "tiếp nhận từ đầu năm", "received this year", "money", total=True),
        Column("used_year", "đã dùng từ đầu năm", "used this year", "money", total=True),
    )
    names = _fund_names(source)
    rows = []
    for (name, unit), one in sorted(_funds(source, period).items()):
        if fund not in ("", name):
            continue
        opening = one.received.opening - one.refunded.opening - one.used.opening - one.costs.opening + one.other.opening
        moved = (one.received, one.refunded, one.used, one.costs, one.other)
        closing = opening + one.received.period - one.refunded.period - one.used.period - one.costs.period
        figures = (opening, *(each.period for each in moved), closing + one.other.period)
        cells: tuple[Cell, ...] = (name, names.get(name, ""), unit, *figures, one.received.year, one.used.year)
        rows.append(Row(cells, _records(one.parts())))
    return finished("use", source, period, columns, rows, totals_of(columns, rows))


# --- by activity and commune -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Place:
    """What was used under one heading."""

    used: _Sum = field(default_factory=_Sum)
    heads: int = 0

    def add(self, period: Period, one: Used) -> None:
        self.used.add(period, one.told, one.minor)
        if one.scope is not None and one.told.booked_on in period:
            self.heads += one.sign * one.scope.heads


HEADS = (
    "Lượt trẻ em của các nhóm ghi công khai, một trẻ có thể nhiều lượt — heads of open groups, not distinct children"
)
_HEADS = Column("heads", "lượt trẻ em", "heads", "count", total=True)


def _used_by(
    source: Source, period: Period, key: Callable[[Used], tuple[str, ...]]
) -> dict[tuple[tuple[str, ...], str], _Place]:
    found: dict[tuple[tuple[str, ...], str], _Place] = {}
    for one in uses(source):
        if one.told.booked_on <= period.to_on:
            found.setdefault((key(one), one.unit), _Place()).add(period, one)
    return found


def activity_of(source: Source) -> Callable[[Used], str]:
    """The activity of a use as it stands open: its scope's, else its allocation's; empty when only the vault knows."""
    allocations = source.rows("allocation")

    def activity(one: Used) -> str:
        if one.scope is not None:
            return one.scope.activity
        return str(allocations.get(one.allocation, {}).get("activity") or "")

    return activity


@report("use-by-activity", "Sử dụng theo hoạt động", "Used by activity")
def use_by_activity(source: Source, period: Period) -> Report:
    """What was used for each activity; small groups whose activity is sealed stand together."""
    columns = (Column("activity", "hoạt động", "activity"), Column("name", "tên", "name"), _UNIT, *_FOUR, _HEADS)
    names, activity = _activity_names(source), activity_of(source)
    found = _used_by(source, period, lambda one: (activity(one),))
    rows = [
        Row(
            (name, names.get(name, name) if name else SMALL, unit, *_four(one.used), one.heads),
            tuple(sorted(one.used.records)),
        )
        for ((name,), unit), one in sorted(found.items())
    ]
    return finished("use-by-activity", source, period, columns, rows, totals_of(columns, rows), (HEADS,))


def unit_on(source: Source, day: date) -> Callable[[str, int], tuple[str, ...]]:
    """(commune, record) → the commune it counts in on a day: by the recorded decisions, else by the law's successors.

    Several where a unit was split and nobody decided.
    """
    decisions = source.rows("commune-map")

    def found(commune: str, record: int) -> tuple[str, ...]:
        for key in (map_key(commune, record), commune):
            if key in decisions:
                return found(str(decisions[key]["counted_in"]), record)
        became = [one for one in successors().get(commune, ()) if one.on <= day]
        if not became:
            return (commune,)
        return tuple(dict.fromkeys(unit for one in became for unit in found(one.commune, record)))

    return found


@report("use-by-commune", "Sử dụng theo xã", "Used by commune")
def use_by_commune(source: Source, period: Period, *, units: str = "day") -> Report:
    """`units=day`: communes as the records name them. `units=today`: those they lie in on the last day of the period.

    What lies in a unit that was split stands apart until somebody decides (`commune_mapped`).
    """
    if units not in ("day", "today"):
        raise Rejected(Reason.MALFORMED, "day or today", field="units")
    columns = (
        Column("commune", "mã xã", "commune"),
        Column("name", "tên xã", "name"),
        Column("province", "tỉnh", "province"),
        _UNIT,
        *_FOUR,
        _HEADS,
    )
    rows_of, units_now = source.rows("commune"), unit_on(source, period.to_on)

    def place(one: Used) -> tuple[str, ...]:
        if one.scope is None:
            return ("", SMALL, "" if one.hidden is None else one.hidden.province)
        commune = one.scope.commune
        now = (commune,) if units == "day" else units_now(commune, one.record)
        names = [_commune(rows_of, each) for each in now]
        if len(now) > 1:
            said = " hoặc ".join(name for name, _ in names)
            return (commune, f"đã tách, chưa quyết định: {said} — split, not decided", names[0][1])
        return (now[0], *names[0])

    found = _used_by(source, period, place)
    rows = [
        Row((*key, unit, *_four(one.used), one.heads), tuple(sorted(one.used.records)))
        for (key, unit), one in sorted(found.items())
    ]
    return finished("use-by-commune", source, period, columns, rows, totals_of(columns, rows), (HEADS,))


def _commune(rows: Mapping[str, Mapping[str, object]], commune: str) -> tuple[str, str]:
    row = rows.get(commune)
    if row is not None:
        return str(row["name"]), str(row["province"])
    unit = commune_units().get(commune)
    return (commune, "") if unit is None else (unit.title, unit.province)


# --- who gave --------------------------------------------------------------------------------------------


@report("donor-list", "Danh sách tài trợ, ủng hộ", "Donors, for publication")
def donor_list(source: Source, period: Period) -> Report:
    """Money and goods received in the period by donor, the largest first. A name stands here only with consent or legal
    basis, and for who may open the vault; all others are one line «ẩn danh» a unit."""
    columns = (
        Column("donor", "người ủng hộ", "donor"),
        Column("note", "ghi chú", "note"),
        Column("gifts", "số lần", "gifts", "count", total=True),
        _UNIT,
        Column("period", "trong kỳ", "period", "money", total=True),
        Column("cumulative", "lũy kế từ đầu năm", "since the year began", "money", total=True),
    )
    consent = source.rows("consent")
    sums: dict[tuple[str, str, str], tuple[_Sum, list[Act]]] = {}
    for donor in donors_of(source).values():
        name, note = ANONYMOUS, ""
        if donor.registered is not None and may_publish(donor.registered, consent):
            first = donor.first
            private = source.private(first.told.index, first.person.tag)
            name = f"(bản ghi {first.told.index})" if private is None else private.get("name") or ANONYMOUS
            note = "" if name == ANONYMOUS else SENDERS_WORDS
        for act in donor.acts:
            if act.what != "gift":
                continue
            total, gifts = sums.setdefault((name, note, act.unit), (_Sum(), []))
            total.add(period, act.told, act.minor)
            if act.told.booked_on in period:
                gifts.append(act)
    largest = sorted(sums.items(), key=lambda one: (one[0][0] == ANONYMOUS, one[0][2], -one[1][0].period, one[0][0]))
    rows = [
        Row((name, note, gifts_in(gifts), unit, total.period, total.year), tuple(sorted(total.records)))
        for (name, note, unit), (total, gifts) in largest
        if gifts or total.year
    ]
    notes = ["Hoàn trả không trừ ở đây, xem báo cáo use — refunds are not taken off here"]
    if not source.may_open:
        notes.append("Tên nằm trong kho riêng: --names — names lie in the vault")
    return finished("donor-list", source, period, columns, rows, totals_of(columns, rows), notes)


# --- for the public --------------------------------------------------------------------------------------


@report("public", "Bản công khai: tiếp nhận và sử dụng", "For the public: received and used")
def public(source: Source, period: Period) -> Report:
    """What may be published: by fund what came in and what is left, by activity and commune what was used.

    Nothing about a person; groups of fewer than k children and activities that are never named are one line.
    """
    columns = (
        Column("section", "phần", "section"),
        Column("what", "nội dung", "what"),
        Column("where", "nơi", "where"),
        _UNIT,
        Column("period", "trong kỳ", "period", "money"),
        Column("cumulative", "lũy kế từ đầu năm", "since the year began", "money"),
    )
    names, communes, activities = _fund_names(source), source.rows("commune"), _activity_names(source)
    sensitive = {name for name, row in source.rows("activity").items() if row.get("sensitive")}
    funds = _funds(source, period)
    rows = []
    sections: tuple[tuple[str, Callable[[_Fund], _Sum]], ...] = (
        ("Tiếp nhận — received", lambda fund: fund.received),
        ("Hoàn trả — refunded", lambda fund: fund.refunded),
        ("Chi quản lý — costs", lambda fund: fund.costs),
    )
    for section, of in sections:
        for (fund, unit), one in sorted(funds.items()):
            total = of(one)
            if total.period or total.year:
                cells = (section, names.get(fund, fund), "", unit, total.period, total.year)
                rows.append(Row(cells, tuple(sorted(total.records))))

    def shown(one: Used) -> tuple[str, ...]:
        if one.scope is None or one.scope.activity in sensitive:
            return (SMALL, "")
        return (activities.get(one.scope.activity, one.scope.activity), _commune(communes, one.scope.commune)[0])

    for ((what, where), unit), place in sorted(_used_by(source, period, shown).items()):
        if place.used.period or place.used.year:
            cells = ("Sử dụng — used", what, where, unit, place.used.period, place.used.year)
            rows.append(Row(cells, tuple(sorted(place.used.records))))
    totals = []
    for unit in sorted({unit for _, unit in funds}):
        parts = [one for (_, each), one in funds.items() if each == unit]
        left = sum(
            one.received.closing - one.refunded.closing - one.used.closing - one.costs.closing + one.other.closing
            for one in parts
        )
        records = _records(total for one in parts for total in one.parts())
        totals.append(Row(("Còn lại cuối kỳ — left at the end", "", "", unit, left, None), records))
    return finished("public", source, period, columns, rows, totals, (f"k = {source.opened.k}",))


# --- synthesis, periodic reports, targets ----------------------------------------------------------------


def distinct_children(source: Source, period: Period) -> tuple[int, tuple[int, ...]]:
    """How many different children the rolls of the period's deliveries name, each counted once, and the records.

    Raises Rejected(NOT_IN_VAULT) for who may not open the vault.
    """
    children: set[str] = set()
    records: set[int] = set()
    for one in helped_in(source, period):
        children.update(one.children)
        if one.children:
            records.add(one.told.index)
    return len(children), tuple(sorted(records))


_RAISED, _OUTSIDE, _CHILDREN = "Qua quỹ — through the fund", "Ngoài quỹ — outside the fund", "Trẻ em — children"
_KIND_WORDS = {
    "organisation": "tổ chức — organisations",
    "foreign": "tổ chức nước ngoài — from abroad",
    "person": "cá nhân — persons",
    "anonymous": "không nêu tên — without a name",
}


def _organisation(source: Source, donor: Donor, consent: Mapping[str, Mapping[str, object]]) -> str:
    said = donor.registered
    if said is None:
        return "chưa đăng ký — not registered"
    if said.donor_kind in ("organisation", "foreign") and may_publish(said, consent):
        private = source.private(donor.first.told.index, donor.first.person.tag)
        return f"(bản ghi {donor.first.told.index})" if private is None else private.get("name", ANONYMOUS)
    return _KIND_WORDS[said.donor_kind]


@report("synthesis", "Tổng hợp huy động nguồn lực và số trẻ em được giúp", "Resources raised and children helped")
def synthesis(source: Source, period: Period) -> Report:
    """What each organisation raised, through the fund and, apart from it, outside; and how many different children were
    helped: a child helped twice counts once. Own money and others' results stand in columns that are never added."""
    columns = (
        Column("section", "phần", "section"),
        Column("organisation", "đơn vị", "organisation"),
        _UNIT,
        Column("raised", "huy động qua quỹ", "raised through the fund", "money", total=True),
        Column("raised_year", "qua quỹ từ đầu năm", "raised this year", "money", total=True),
        Column("outside", "ngoài quỹ, không cộng", "outside, not added", "money"),
        Column("children", "số trẻ em khác nhau", "distinct children", "count"),
        Column("reported", "số trẻ em theo báo cáo", "children by reports", "count"),
    )
    consent = source.rows("consent")
    raised: dict[tuple[str, str], _Sum] = {}
    for donor in donors_of(source).values():
        name = _organisation(source, donor, consent)
        for act in donor.acts:
            if act.what == "gift":
                raised.setdefault((name, act.unit), _Sum()).add(period, act.told, act.minor)
    outside: dict[tuple[str, str], _Sum] = {}
    reported: dict[str, _Sum] = {}
    for counted in source.counted():
        entry, told = counted.entry, counted.told
        if isinstance(entry, GrantReceived):
            total = raised.setdefault((entry.from_name, entry.amount.unit), _Sum())
            total.add(period, told, counted.sign * entry.amount.minor)
        elif isinstance(entry, ExternalContributed):
            total = outside.setdefault((entry.organisation, entry.amount.unit), _Sum())
            total.add(period, told, counted.sign * entry.amount.minor)
        elif isinstance(entry, ChildrenReported):
            total = reported.setdefault(entry.organisation or source.book_name, _Sum())
            total.add(period, told, counted.sign * entry.heads)
    rows = [
        Row((_RAISED, name, unit, one.period, one.year, None, None, None), tuple(sorted(one.records)))
        for (name, unit), one in sorted(raised.items())
        if one.period or one.year
    ]
    rows += [
        Row((_OUTSIDE, name, unit, None, None, one.period, None, None), tuple(sorted(one.records)))
        for (name, unit), one in sorted(outside.items())
        if one.period
    ]
    totals = list(totals_of(columns, [row for row in rows if row.cells[0] == _RAISED], "Tổng qua quỹ — total"))
    notes = [EXTERNAL]
    rows += [
        Row((_CHILDREN, name, "", None, None, None, None, one.period), tuple(sorted(one.records)))
        for name, one in sorted(reported.items())
        if one.period
    ]
    if reported:
        notes.append(TWICE)
    if source.may_open:
        count, records = distinct_children(source, period)
        cells = (_CHILDREN, source.book_name, "", None, None, None, count, None)
        rows.append(Row(cells, records))
    else:
        notes.append("Số trẻ em khác nhau nằm trong kho riêng: --names — distinct children are counted in the vault")
    return finished("synthesis", source, period, columns, rows, totals, notes)


@report("periodic", "Báo cáo định kỳ (15/6, 15/12, 01/12)", "Periodic report of 15 June, 15 December, 1 December")
def periodic(source: Source, period: Period, *, due: str = "") -> Report:
    """What the plans ask for in one table: raised, used by activity, outside the fund, children reported.

    `due` names the report: `15-6` is of 1/1 to 31/5 of the year, `15-12` of 1/1 to 30/11, `1-12` of 1/1 to 30/11 (data
    D-HUE-1, D-HUE-2, D-QN-1 of the plans); later records go into the next. Without it the period asked for.
    """
    ends = {"15-6": (5, 31), "15-12": (11, 30), "1-12": (11, 30)}
    if due:
        if due not in ends:
            raise Rejected(Reason.MALFORMED, "one of " + ", ".join(ends), field="due")
        year = period.to_on.year
        period = Period(date(year, 1, 1), date(year, *ends[due]))
    columns = (
        Column("section", "phần", "section"),
        Column("what", "nội dung", "what"),
        _UNIT,
        Column("period", "trong kỳ", "period", "money"),
        Column("cumulative", "lũy kế từ đầu năm", "since the year began", "money"),
        Column("heads", "lượt trẻ em", "heads", "count"),
    )
    names, activity = _activity_names(source), activity_of(source)
    fund_names = _fund_names(source)
    rows = []
    cells: tuple[Cell, ...]
    for (fund, unit), one in sorted(_funds(source, period).items()):
        if one.received.period or one.received.year:
            cells = (
                "1. Huy động — raised",
                fund_names.get(fund, fund),
                unit,
                one.received.period,
                one.received.year,
                None,
            )
            rows.append(Row(cells, tuple(sorted(one.received.records))))
    for ((name,), unit), place in sorted(_used_by(source, period, lambda each: (activity(each),)).items()):
        if place.used.period or place.used.year:
            what = names.get(name, name) if name else SMALL
            cells = ("2. Sử dụng — used", what, unit, place.used.period, place.used.year, place.heads)
            rows.append(Row(cells, tuple(sorted(place.used.records))))
    outside: dict[tuple[str, str], _Sum] = {}
    reported: dict[str, _Sum] = {}
    for counted in source.counted():
        entry = counted.entry
        if isinstance(entry, ExternalContributed):
            total = outside.setdefault((entry.activity, entry.amount.unit), _Sum())
            total.add(period, counted.told, counted.sign * entry.amount.minor)
        elif isinstance(entry, ChildrenReported):
            reported.setdefault(entry.activity, _Sum()).add(period, counted.told, counted.sign * entry.heads)
    for (name, unit), total in sorted(outside.items()):
        cells = ("3. Ngoài quỹ, không cộng — outside", names.get(name, name), unit, total.period, total.year, None)
        rows.append(Row(cells, tuple(sorted(total.records))))
    for name, total in sorted(reported.items()):
        cells = ("4. Trẻ em theo báo cáo — children reported", names.get(name, name), "", None, None, total.period)
        rows.append(Row(cells, tuple(sorted(total.records))))
    return finished("periodic", source, period, columns, rows, (), (HEADS, EXTERNAL, TWICE))
