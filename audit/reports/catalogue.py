"""Catalogues against what was done: communes covered, support to flagged communes, packages, targets, classes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from audit.reports.source import Source, Told
from audit.reports.table import Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import code, root
from ledger.catalogue_data import communes, units_on
from ledger.entries.aid import Allocated, Delivered
from ledger.entries.catalogue import flag_holds, map_key, version_on
from ledger.entries.goods import GoodsGivenDirectly
from ledger.entries.needs import Evaluated, NeedSurveyed
from ledger.entries.targets import SHARES, StatisticReported
from ledger.money import is_currency
from ledger.refusals import Reason, Rejected

UNNAMED: Final = "không nêu xã — commune not named"
UNPUBLISHED: Final = "không công bố — not published"
OUTCOMES: Final = {"met": "đạt — met", "met_in_part": "đạt một phần — met in part", "not_met": "không đạt — not met"}
SENSES: Final = {"at_least": "ít nhất — at least", "at_most": "nhiều nhất — at most", "falls": "giảm — falls"}


@dataclass(frozen=True, slots=True)
class _Help:
    """One delivery that stands: what reached whom."""

    told: Told
    activity: str | None
    """None in a small group, as the commune."""
    commune: str | None
    classes: tuple[str, ...]
    used: dict[str, int]
    """Unit → `minor` that reached those it is for."""


def _helped(source: Source, period: Period) -> Iterator[_Help]:
    """The deliveries of a period that no reversal undoes, in order."""
    standing: dict[int, Told] = {}
    allocated: dict[str, tuple[str, ...]] = {}
    for counted in source.counted():
        if isinstance(counted.entry, Allocated):
            allocated[counted.entry.allocation] = counted.entry.classes or ()
        elif isinstance(counted.entry, Delivered | GoodsGivenDirectly):
            if counted.sign > 0:
                standing[counted.of.index] = counted.of
            else:
                standing.pop(counted.of.index, None)
    for _, told in sorted(standing.items()):
        entry = told.entry
        if told.day not in period or not isinstance(entry, Delivered | GoodsGivenDirectly):
            continue
        used: dict[str, int] = {}
        for posting in told.postings:
            if root(posting.destination) == "used":
                used[posting.amount.unit] = used.get(posting.amount.unit, 0) + posting.amount.minor
        own = (entry.beneficiary_class,) if isinstance(entry, Delivered) and entry.beneficiary_class else ()
        classes = own or allocated.get(entry.allocation, ())
        scope = entry.scope
        if scope is None:
            yield _Help(told, None, None, classes, used)
        else:
            yield _Help(told, scope.activity, scope.commune, classes, used)


def commune_name(source: Source, commune: str) -> str:
    """A commune as people say it: its kind where we know it, and its name in the book."""
    known = communes().get(commune)
    row = source.register("commune", commune)
    return known.title if known is not None else commune if row is None else str(row["name"])


def decided(source: Source, record: int | None = None) -> Callable[[str], str | None]:
    """Where persons decided a commune's aid is counted: for one record first, then for the commune."""

    def found(commune: str) -> str | None:
        row = None if record is None else source.register("commune-map", map_key(commune, record))
        row = row or source.register("commune-map", map_key(commune, None))
        return None if row is None else str(row["counted_in"])

    return found


def commune_today(source: Source, commune: str, on: date, record: int | None = None) -> tuple[str, ...]:
    """The unit of `on` that a commune of a record is now: one, or several where it was split and nobody decided."""
    return units_on(commune, on, decided(source, record))


@report("coverage", "Độ phủ theo xã", "Communes covered")
def coverage(
    source: Source, period: Period, *, programme: str = "HP256", activity: str = "VUICHOI", list_on: str = ""
) -> Report:
    """Which communes of a programme's list an activity reached in the period; the list of `list_on`, else the first.

    Aid in a unit of another day counts for the listed unit that lies in it, where that is only one or a person has
    decided; else it counts for none, and a note names the record.
    """
    columns = (
        Column("commune", "mã xã", "commune"),
        Column("name", "xã", "name"),
        Column("today", "nay là", "today"),
        Column("covered", "đã có", "covered", "count", total=True),
        Column("times", "số lần", "times", "count", total=True),
        Column("first_on", "lần đầu", "first on", "day"),
    )
    listed = _list(source, programme, list_on)
    reached: dict[str, list[Told]] = {commune: [] for commune in listed}
    open_: list[int] = []
    for one in _helped(source, period):
        if one.activity != activity or one.commune is None:
            continue
        unit = _listed_unit(source, one.commune, one.told, listed)
        if unit is not None:
            reached[unit].append(one.told)
        elif any(one.commune in units_on(commune, one.told.day) for commune in listed):
            open_.append(one.told.index)
    rows = [
        Row(
            (
                commune,
                commune_name(source, commune),
                ", ".join(commune_name(source, unit) for unit in commune_today(source, commune, period.to_on)),
                int(bool(told)),
                len(told),
                min((one.day for one in told), default=None),
            ),
            tuple(one.index for one in told),
        )
        for commune, told in reached.items()
    ]
    covered = sum(bool(told) for told in reached.values())
    notes = [f"{covered}/{len(listed)} xã — {covered} of {len(listed)} communes"]
    if open_:
        said = ", ".join(map(str, open_))
        notes.append(f"Chưa rõ thuộc xã nào, cần quyết định — to be decided (commune_mapped): {said}")
    return finished("coverage", source, period, columns, rows, totals_of(columns, rows), notes)


def _list(source: Source, programme: str, list_on: str) -> list[str]:
    row = source.register("programme-communes", programme)
    if row is None:
        raise Rejected(Reason.NO_SUCH_PROGRAMME, "it has no list of communes by days", field="programme")
    version: dict[str, Any] | None = row["versions"][0]
    if list_on:
        try:
            version = version_on(row, date.fromisoformat(list_on))
        except ValueError as error:
            raise Rejected(Reason.MALFORMED, "a day, like 2025-07-01", field="list_on") from error
    return [] if version is None else list(version["communes"])


def _listed_unit(source: Source, commune: str, told: Told, listed: list[str]) -> str | None:
    if commune in listed:
        return commune
    chosen = decided(source, told.index)(commune)
    if chosen in listed:
        return chosen
    inside = [one for one in listed if commune_today(source, one, told.day) == (commune,)]
    split = [one for one in listed if one not in inside and commune in units_on(one, told.day)]
    return inside[0] if len(inside) == 1 and not split else None


@report("flagged", "Hỗ trợ cho các xã được phân loại", "Support to flagged communes")
def flagged(source: Source, period: Period, *, flag: str = "khu-vuc-2") -> Report:
    """How much of what reached children in the period went to communes that bore a flag on the day, and which share.

    Shares are of everything in the same unit; small groups, whose commune is not named, stand in a line of their own.
    """
    columns = (
        Column("commune", "mã xã", "commune"),
        Column("name", "xã", "name"),
        Column("times", "số lần", "times", "count", total=True),
        Column("used", "đã hỗ trợ", "support", "money", total=True),
        Column("share", "tỷ trọng", "share", "percent"),
        Column("unit", "đơn vị tính", "unit"),
    )
    others = f"các xã khác — communes without {flag}"
    sums: dict[tuple[str, str], tuple[int, list[int]]] = {}
    totals: dict[str, int] = {}
    flags = source.rows("commune-flag")
    for one in _helped(source, period):
        holds = one.commune is not None and flag_holds(flags.get(f"{flag}/{one.commune}"), one.told.day)
        line = UNNAMED if one.commune is None else one.commune if holds else others
        for unit, minor in one.used.items():
            before, records = sums.get((line, unit), (0, []))
            sums[line, unit] = (before + minor, [*records, one.told.index])
            totals[unit] = totals.get(unit, 0) + minor
    last = {others: 1, UNNAMED: 2}
    rows = [
        Row(
            (
                "" if line in last else line,
                line if line in last else commune_name(source, line),
                len(records),
                minor,
                _hundredths(minor, totals[unit]),
                unit,
            ),
            tuple(records),
        )
        for (line, unit), (minor, records) in sorted(sums.items(), key=lambda i: (i[0][1], last.get(i[0][0], 0), i[0]))
    ]
    notes = []
    for unit, total in sorted(totals.items()):
        share = _hundredths(sum(m for (line, u), (m, _) in sums.items() if u == unit and line not in last), total)
        notes.append(f"{flag}: {share // 100},{share % 100:02d}% ({unit})")
    return finished("flagged", source, period, columns, rows, totals_of(columns, rows), notes)


def _hundredths(part: int, whole: int) -> int:
    """A share in hundredths of a percent, rounded half up."""
    return (part * 20_000 + whole) // (2 * whole)


@report("packages", "Gói hỗ trợ: giá chi so với danh mục", "Packages: price paid against the catalogue")
def packages(source: Source, period: Period, *, package: str = "") -> Report:
    """Allocations of the period that name a package: what was paid beside what the catalogue of their day says, and how
    the effect was judged."""
    columns = (
        Column("allocation", "phân bổ", "allocation"),
        Column("package", "gói", "package"),
        Column("name", "tên gói", "name"),
        Column("standard", "tiêu chuẩn", "standard"),
        Column("count", "số gói", "count", "count"),
        Column("unit_price", "đơn giá danh mục", "catalogue price", "money"),
        Column("allocated", "đã phân bổ", "allocated", "money", total=True),
        Column("paid", "đã chi", "paid", "money", total=True),
        Column("paid_each", "đã chi mỗi gói", "paid a package", "money"),
        Column("above", "cao hơn danh mục", "above catalogue", "money", total=True),
        Column("outcome", "đánh giá", "evaluated"),
        Column("unit", "đơn vị tính", "unit"),
    )
    named: dict[str, tuple[Told, Allocated]] = {}
    outcomes: dict[str, list[tuple[int, str]]] = {}
    for counted in source.counted():
        entry = counted.entry
        if isinstance(entry, Allocated) and entry.packages is not None and counted.of.day in period:
            if counted.sign > 0:
                named[entry.allocation] = (counted.of, entry)
            else:
                named.pop(entry.allocation, None)
        elif isinstance(entry, Evaluated) and counted.sign > 0:
            outcomes.setdefault(entry.allocation, []).append((counted.of.index, OUTCOMES[entry.outcome]))
    paid = _paid(source)
    rows = []
    for allocation, (told, entry) in named.items():
        asked = entry.packages
        if asked is None or package not in ("", asked.package):
            continue
        version = version_on(source.register("package", asked.package), entry.allocated_on)
        if version is None:
            continue
        price, unit = int(version["unit_price"]["minor"]), str(version["unit_price"]["unit"])
        spent, records = paid.get((allocation, unit), (0, []))
        judged = outcomes.get(allocation, [])
        cells = (
            allocation,
            asked.package,
            str(version["name"]),
            str(version["standard"]),
            asked.count,
            price,
            entry.amount.minor if entry.amount.unit == unit else None,
            spent,
            spent // asked.count,
            max(spent - price * asked.count, 0),
            "; ".join(outcome for _, outcome in judged),
            unit,
        )
        rows.append(Row(cells, (told.index, *records, *(index for index, _ in judged))))
    return finished("packages", source, period, columns, rows, totals_of(columns, rows))


def _paid(source: Source) -> dict[tuple[str, str], tuple[int, list[int]]]:
    """(allocation, currency) → net money that left into somebody's hands, with its records."""
    handed = {key: str(row["allocation"]) for key, row in source.rows("handed").items() if "allocation" in row}
    paid: dict[tuple[str, str], tuple[int, list[int]]] = {}
    for told in source.records:
        for posting in told.postings:
            if not is_currency(posting.amount.unit):
                continue
            if root(posting.destination) == "handed":
                held, other, sign = posting.destination, posting.source, 1
            elif root(posting.source) == "handed":
                held, other, sign = posting.source, posting.destination, -1
            else:
                continue
            allocation = handed.get(code(held))
            if allocation is None or root(other) in ("used", "exchange-purpose"):
                continue
            key = (allocation, posting.amount.unit)
            minor, records = paid.get(key, (0, []))
            paid[key] = (minor + sign * posting.amount.minor, [*records, told.index])
    return paid


@report("targets", "Chỉ tiêu: kế hoạch và kết quả", "Targets: plan against result")
def targets(source: Source, period: Period, *, programme: str = "") -> Report:
    """Every target with the results reported for days of the period, each with its denominator and that one's day.

    Sealed figures are shown only to who may open the vault.
    """
    columns = (
        Column("target", "chỉ tiêu", "target"),
        Column("what", "nội dung", "what"),
        Column("sense", "chiều", "sense"),
        Column("plan", "kế hoạch", "plan"),
        Column("by_on", "đến ngày", "by", "day"),
        Column("denominator_is", "mẫu số là", "denominator is"),
        Column("year", "năm", "year", "index"),
        Column("as_of", "số liệu ngày", "as of", "day"),
        Column("numerator", "tử số", "numerator", "count"),
        Column("denominator", "mẫu số", "denominator", "count"),
        Column("result", "kết quả", "result"),
        Column("reached", "đạt", "reached"),
        Column("source", "nguồn số liệu", "source"),
    )
    statistics: dict[str, list[Told]] = {}
    for key, row in source.rows("statistic").items():
        told = source.records[int(row["index"])]
        if isinstance(told.entry, StatisticReported) and told.entry.as_of in period:
            statistics.setdefault(key.rpartition("/")[0], []).append(told)
    rows = []
    for name, row in sorted(source.rows("target").items(), key=lambda item: (item[1]["programme"], item[0])):
        if programme not in ("", row["programme"]):
            continue
        head = (name, str(row["what"]), SENSES[row["sense"]], _said(row["value"], row["unit"]))
        denominator = "" if row["denominator"] is None else str(row["denominator"]["name"])
        plan = (*head, date.fromisoformat(row["by_on"]), denominator)
        told_of = sorted(statistics.get(name, []), key=lambda told: told.index)
        if not told_of:
            rows.append(Row((*plan, None, None, None, None, "", "", ""), (int(row["index"]),)))
        for told in sorted(told_of, key=lambda one: getattr(one.entry, "as_of", period.to_on)):
            rows.append(Row((*plan, *_result(source, told, row)), (int(row["index"]), told.index)))
    return finished("targets", source, period, columns, rows)


def _result(source: Source, told: Told, target: dict[str, Any]) -> tuple[str | int | date | None, ...]:
    entry = told.entry
    assert isinstance(entry, StatisticReported)
    numerator, denominator = entry.numerator, entry.denominator
    if entry.figures is not None:
        sealed = source.private(told.index, entry.figures.tag) or {}
        numerator, denominator = _number(sealed.get("numerator")), _number(sealed.get("denominator"))
    head = (entry.as_of.year, entry.as_of, numerator, denominator)
    if numerator is None:
        return (*head, UNPUBLISHED, "", entry.source)
    whole = SHARES.get(target["unit"])
    if whole is None or not denominator:
        value, of = numerator, 1
        result = str(numerator) if whole is None else ""
    else:
        value, of = numerator * whole, denominator
        hundredths = (value * 200 + of) // (2 * of)
        result = f"{hundredths // 100},{hundredths % 100:02d}{'%' if whole == 100 else ' / 100.000'}"
    planned = target["value"]
    reached = ""
    if planned is not None:
        met = value >= planned * of if target["sense"] == "at_least" else value <= planned * of
        reached = "đạt — yes" if met else "chưa đạt — no"
    return (*head, result, reached, entry.source)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 17 else None


def _said(value: int | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value}{ {'percent': '%', 'per_100000': ' / 100.000'}.get(unit, '') }"


@report("classes", "Nhóm trẻ em và hỗ trợ trong kỳ", "Beneficiary classes and support in the period")
def classes(source: Source, period: Period) -> Report:
    """The classes in force at the period's end, and how often the period's needs and deliveries name each; a sensitive
    class stands in no record, so nothing is counted of it."""
    columns = (
        Column("class", "mã nhóm", "class"),
        Column("name", "nhóm trẻ em", "name"),
        Column("legal_basis", "căn cứ", "legal basis"),
        Column("ages", "tuổi", "ages"),
        Column("since", "từ ngày", "since", "day"),
        Column("sensitive", "không công khai", "never public"),
        Column("needs", "nhu cầu", "needs", "count"),
        Column("times", "lượt hỗ trợ", "times helped", "count"),
    )
    needs: dict[str, list[int]] = {}
    for counted in source.counted():
        entry = counted.entry
        if isinstance(entry, NeedSurveyed) and entry.beneficiary_class is not None and counted.told.day in period:
            needs.setdefault(entry.beneficiary_class, []).append(counted.told.index)
    helped: dict[str, list[int]] = {}
    for one in _helped(source, period):
        for name in one.classes:
            helped.setdefault(name, []).append(one.told.index)
    rows = []
    for name, row in sorted(source.rows("class").items()):
        version = version_on(row, period.to_on)
        if version is None:
            continue
        hidden = bool(row["sensitive"])
        ages = (version["from_age"], version["to_age"])
        cells = (
            name,
            f"{version['name']} — {version['name_en']}",
            str(version["legal_basis"]),
            "" if ages == (None, None) else f"{ages[0] or 0}–{'' if ages[1] is None else ages[1]}",
            date.fromisoformat(version["from_on"]),
            "có — yes" if hidden else "",
            None if hidden else len(needs.get(name, [])),
            None if hidden else len(helped.get(name, [])),
        )
        rows.append(Row(cells, (int(version["index"]), *needs.get(name, []), *helped.get(name, []))))
    return finished("classes", source, period, columns, rows)
