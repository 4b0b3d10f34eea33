"""Needs and aid: who waits in which order, what was promised and missed, whether the right children were helped.

What stands open is read by anybody. `eligibility`, `duplicates`, `children-open` and the check of `insurance` read
the rolls in the vault (`--names`): they are for officers, never for publication.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from audit.reports.source import Source, Told
from audit.reports.table import Column, Period, Report, Row, finished, report, totals_of
from ledger.children import Child, age_on, child_of, children_of
from ledger.entries.aid import Allocated, Delivered
from ledger.entries.base import Person
from ledger.entries.catalogue import version_on
from ledger.entries.children import ChildRegistered
from ledger.entries.groups import HiddenScope
from ledger.entries.needs import InsuranceListed, MealPlanSet, NeedSurveyed, PriorityRuleSet, Weight
from ledger.refusals import Reason, Rejected

SEALED = "(trong két — sealed)"
WAITING_DAYS = 30
INSURED_BELOW = 6
"""Cards are free for children under this age (QĐ of the plans, ../shared/data/beneficiary_categories.csv U6-BHYT)."""


@dataclass(frozen=True, slots=True)
class _Need:
    """A need with what is known of it: openly, and from the vault where that is open."""

    told: Told
    entry: NeedSurveyed
    row: Mapping[str, Any]
    facts: Mapping[str, str]
    """activity, commune, beneficiary_class, heads; only those that may be shown to the asker."""

    @property
    def left(self) -> int:
        """What nobody has answered yet, `minor`."""
        return int(self.row["wanted"]) - int(self.row["met"])

    @property
    def place(self) -> str:
        """The commune, or the province of a sealed one."""
        hidden = self.entry.hidden
        return self.facts.get("commune", "" if hidden is None else f"tỉnh {hidden.province} {SEALED}")


def _needs(source: Source, period: Period, programme: str, *, private: bool) -> Iterator[_Need]:
    rows = source.rows("need")
    for told in source.records:
        entry = told.entry
        if not isinstance(entry, NeedSurveyed) or told.day > period.to_on:
            continue
        if programme in ("", entry.programme):
            yield _Need(told, entry, rows[entry.need], _facts(source, told, entry, private=private))


def _facts(source: Source, told: Told, entry: NeedSurveyed, *, private: bool) -> dict[str, str]:
    if entry.scope is not None:
        scope = {"activity": entry.scope.activity, "commune": entry.scope.commune, "heads": str(entry.scope.heads)}
        return scope | ({} if entry.beneficiary_class is None else {"beneficiary_class": entry.beneficiary_class})
    opened = source.private(told.index, entry.hidden.detail.tag) if private and entry.hidden is not None else None
    return {name: value for name, value in (opened or {}).items() if name in _FACTS}


_FACTS = ("activity", "commune", "heads", "beneficiary_class")


def _rules(source: Source, period: Period) -> dict[str, tuple[int, PriorityRuleSet]]:
    """The rule of each programme in force at the period's end, with its record."""
    found: dict[str, tuple[int, PriorityRuleSet]] = {}
    for told in source.records:
        if isinstance(told.entry, PriorityRuleSet) and told.entry.set_on <= period.to_on:
            found[told.entry.programme] = (told.index, told.entry)
    return found


def _score(weights: Iterable[Weight], need: _Need, on: date) -> tuple[int, str]:
    """Points, and for what."""
    said = {"activity": "activity", "class": "beneficiary_class", "commune": "commune"}
    points, why = 0, []
    for weight in weights:
        if weight.by == "waiting":
            times = max((on - need.entry.surveyed_on).days, 0) // WAITING_DAYS
            what = f"chờ {times} × {WAITING_DAYS} ngày"
        else:
            times = int(need.facts.get(said[weight.by]) == weight.code)
            what = f"{weight.by} {weight.code}"
        if times:
            points += times * weight.points
            why.append(f"{what}: {times * weight.points:+d}")
    return points, "; ".join(why)


@report("needs", "Danh sách nhu cầu theo thứ tự ưu tiên", "Needs by priority")
def needs(source: Source, period: Period, *, programme: str = "") -> Report:
    """What is still to be answered at the period's end: most points of the stated rule first, then the older survey."""
    columns = (
        Column("rank", "thứ tự", "rank", "count"),
        Column("need", "nhu cầu", "need"),
        Column("activity", "hoạt động", "activity"),
        Column("commune", "xã", "commune"),
        Column("class", "nhóm", "class"),
        Column("heads", "số trẻ em", "children"),
        Column("wanted", "cần", "wanted", "money", total=True),
        Column("met", "đã đáp ứng", "met", "money", total=True),
        Column("left", "còn thiếu", "left", "money", total=True),
        Column("unit", "đơn vị tính", "unit"),
        Column("surveyed_on", "ngày khảo sát", "surveyed on", "day"),
        Column("score", "điểm", "score", "count"),
        Column("reason", "vì sao", "reason"),
    )
    rules = _rules(source, period)
    ranked = []
    for need in _needs(source, period, programme, private=True):
        if need.row["withdrawn"] or need.left <= 0:
            continue
        index, rule = rules.get(need.entry.programme, (None, None))
        score, why = (0, "") if rule is None else _score(rule.weights, need, period.to_on)
        records = (need.told.index,) if index is None else (need.told.index, index)
        ranked.append(((-score, need.entry.surveyed_on, need.told.index), need, score, why, records))
    rows = []
    for rank, (_, need, score, why, records) in enumerate(sorted(ranked, key=lambda one: one[0]), 1):
        facts, entry = need.facts, need.entry
        cells = (
            rank,
            entry.need,
            facts.get("activity", SEALED),
            need.place,
            facts.get("beneficiary_class", "" if entry.hidden is None else SEALED),
            facts.get("heads", SEALED),
            need.row["wanted"],
            need.row["met"],
            need.left,
            entry.wanted.unit,
            entry.surveyed_on,
            score,
            why,
        )
        rows.append(Row(cells, records))
    notes = [
        f"{name}: quy tắc ở bản ghi {index}, quyết định {rule.decision_sha256[:12]}… — rule of record {index}"
        for name, (index, rule) in sorted(rules.items())
        if programme in ("", name)
    ]
    return finished("needs", source, period, columns, rows, totals_of(columns, rows), notes)


@report("needs-for-donors", "Nhu cầu gửi nhà tài trợ", "Needs for donors")
def needs_for_donors(source: Source, period: Period, *, programme: str = "") -> Report:
    """What donors may see: by commune and activity for groups of at least k, else the province; never a child.

    The vault stays closed. Anything that could identify somebody needs that family's consent and is not given here.
    """
    columns = (
        Column("need", "mã", "card"),
        Column("activity", "hoạt động", "activity"),
        Column("place", "nơi", "place"),
        Column("heads", "số trẻ em", "children"),
        Column("items", "hiện vật", "goods"),
        Column("left", "còn thiếu", "left", "money", total=True),
        Column("unit", "đơn vị tính", "unit"),
    )
    rows = []
    for need in _needs(source, period, programme, private=False):
        if need.row["withdrawn"] or need.left <= 0:
            continue
        entry = need.entry
        few = f"dưới {source.opened.k}"
        goods = ", ".join(f"{item.quantity} {item.goods} × {item.unit_price_minor}" for item in entry.items)
        activity = need.facts.get("activity", "hỗ trợ trẻ em — aid to children")
        place = need.facts.get("commune", "" if entry.hidden is None else f"tỉnh {entry.hidden.province}")
        heads = need.facts.get("heads", few)
        rows.append(Row((entry.need, activity, place, heads, goods, need.left, entry.wanted.unit), (need.told.index,)))
    note = "Không nêu tên, trường, lớp, tuổi của trẻ; cần sự đồng ý của gia đình trước — no child is identified"
    return finished("needs-for-donors", source, period, columns, rows, totals_of(columns, rows), (note,))


@report("plan", "Tổng hợp khảo sát và thực hiện", "Survey synthesis: plan and actual")
def plan(source: Source, period: Period, *, survey: str = "") -> Report:
    """What a survey found and what of it allocations have answered, by activity and commune."""
    columns = (
        Column("survey", "đợt khảo sát", "survey"),
        Column("activity", "hoạt động", "activity"),
        Column("commune", "xã", "commune"),
        Column("needs", "số nhu cầu", "needs", "count", total=True),
        Column("wanted", "kế hoạch", "plan", "money", total=True),
        Column("met", "thực hiện", "actual", "money", total=True),
        Column("left", "còn thiếu", "left", "money", total=True),
        Column("unit", "đơn vị tính", "unit"),
        Column("percent", "tỷ lệ", "percent", "percent"),
    )
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    records: dict[tuple[str, str, str, str], list[int]] = {}
    for need in _needs(source, period, "", private=False):
        if need.row["withdrawn"] or survey not in ("", need.entry.survey) or need.told.day not in period:
            continue
        key = (need.entry.survey, need.facts.get("activity", SEALED), need.place, need.entry.wanted.unit)
        into = sums.setdefault(key, [0, 0, 0])
        for at, figure in enumerate((1, need.row["wanted"], need.row["met"])):
            into[at] += figure
        records.setdefault(key, []).append(need.told.index)
    rows = []
    for key, (count, wanted, met) in sorted(sums.items()):
        name, activity, place, unit = key
        cells = (
            name,
            activity,
            place,
            count,
            wanted,
            met,
            wanted - met,
            unit,
            met * 10_000 // wanted,
        )
        rows.append(Row(cells, tuple(records[key])))
    return finished("plan", source, period, columns, rows, totals_of(columns, rows))


@report("schedules", "Lịch hỗ trợ theo đợt", "Scheduled support, paid and missed")
def schedules(source: Source, period: Period) -> Report:
    """Every instalment that falls due up to the period's end; missed is what was not paid in its month."""
    columns = (
        Column("schedule", "lịch", "schedule"),
        Column("number", "đợt", "instalment", "count"),
        Column("due_on", "tháng đến hạn", "due in", "day"),
        Column("amount", "số tiền", "amount", "money", total=True),
        Column("unit", "đơn vị tính", "unit"),
        Column("state", "tình trạng", "state"),
    )
    paid_by: dict[tuple[str, int], int] = {}
    for told, entry in _deliveries(source):
        if entry.instalment is not None:
            paid_by[entry.instalment.schedule, entry.instalment.number] = told.index
    rows = []
    for code, row in sorted(source.rows("schedule").items()):
        for number, instalment in enumerate(row["instalments"], 1):
            due_on = date.fromisoformat(instalment["due_on"])
            if due_on > period.to_on:
                continue
            state = _state(row, number, due_on, period.to_on)
            records = tuple(sorted({row["index"], paid_by.get((code, number), row["index"])}))
            rows.append(Row((code, number, due_on, instalment["minor"], row["unit"], state), records))
    return finished("schedules", source, period, columns, rows, totals_of(columns, rows))


PAID, MISSED, DUE, ENDED = "đã chi — paid", "trễ — missed", "đến hạn — due", "đã dừng — ended"


def _state(row: Mapping[str, Any], number: int, due_on: date, today: date) -> str:
    if number in row["paid"]:
        return PAID
    if row["ended"] and row["ended_on"] <= due_on.isoformat():
        return ENDED
    return MISSED if (due_on.year, due_on.month) < (today.year, today.month) else DUE


@dataclass(frozen=True, slots=True)
class Helped:
    """A delivery with what the vault says of it."""

    told: Told
    entry: Delivered
    children: tuple[str, ...]
    day: date
    """When it was given; of a hidden one the sealed day, else its month."""
    activity: str
    commune: str
    classes: tuple[str, ...]
    """Those every child must belong to one of."""
    meals: int | None


def _deliveries(source: Source) -> Iterator[tuple[Told, Delivered]]:
    """The deliveries that stand."""
    standing: dict[int, tuple[Told, Delivered]] = {}
    for counted in source.counted():
        if isinstance(counted.entry, Delivered):
            if counted.sign > 0:
                standing[counted.of.index] = (counted.of, counted.entry)
            else:
                standing.pop(counted.of.index, None)
    yield from (standing[index] for index in sorted(standing))


def _opened(source: Source, told: Told, person: Person | None) -> dict[str, str]:
    if person is None:
        return {}
    opened = source.private(told.index, person.tag)
    if opened is None:
        raise Rejected(Reason.NOT_IN_VAULT, "this report opens the vault: say --names", field="names")
    return opened


def helped_in(source: Source, period: Period) -> Iterator[Helped]:
    """The deliveries of the period whose roll is kept."""
    allocations = {e.allocation: (t, e) for t, e in _allocations(source)}
    sealed_of: dict[str, dict[str, str]] = {}
    for told, entry in _deliveries(source):
        roll = _opened(source, told, entry.roll)
        children = children_of(roll)
        hidden = _opened(source, told, None if entry.hidden is None else entry.hidden.detail)
        allocated = allocations.get(entry.allocation)
        above: dict[str, str] = {}
        if allocated is not None and allocated[1].hidden is not None:
            if entry.allocation not in sealed_of:
                sealed_of[entry.allocation] = _opened(source, allocated[0], allocated[1].hidden.detail)
            above = sealed_of[entry.allocation]
        said = {**above, **hidden, **roll}
        day = _day(said.get("day")) or told.day if entry.scope is None else told.day
        if day not in period or not (children or hidden):
            continue
        scope = entry.scope
        classes: tuple[str, ...] = (entry.beneficiary_class,) if entry.beneficiary_class is not None else ()
        if not classes and allocated is not None:
            classes = allocated[1].classes or ()
        classes = classes or tuple(said.get("beneficiary_class", "").split())
        activity = said.get("activity", "") if scope is None else scope.activity
        commune = said.get("commune", "") if scope is None else scope.commune
        meals = said.get("meals", "")
        count = int(meals) if meals.isdecimal() else None
        yield Helped(told, entry, children, day, activity, commune, tuple(filter(None, classes)), count)


def _allocations(source: Source) -> Iterator[tuple[Told, Allocated]]:
    for told in source.records:
        if isinstance(told.entry, Allocated):
            yield told, told.entry


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _register(source: Source) -> dict[str, list[Child]]:
    """Number → versions of the children's register, oldest first."""
    found: dict[str, list[Child]] = {}
    for told in source.records:
        if isinstance(told.entry, ChildRegistered):
            child = child_of(told.entry, told.index, _opened(source, told, told.entry.child))
            if child is not None:
                found.setdefault(child.number, []).append(child)
    return found


@report("eligibility", "Kiểm tra đúng đối tượng", "Eligibility of those who were helped")
def eligibility(source: Source, period: Period) -> Report:
    """Every child on a roll: registered, of the class asked for on that day, and of its age; and of what is sealed:
    within the fund's restriction, the programme's communes of the day, and the meals planned."""
    columns = (
        Column("record", "bản ghi", "record", "index"),
        Column("day", "ngày", "day", "day"),
        Column("child", "mã trẻ", "child"),
        Column("class", "nhóm", "class"),
        Column("age", "tuổi", "age", "count"),
        Column("result", "kết quả", "result"),
    )
    children = _register(source)
    rows = []
    eaten: dict[str, int] = {}
    plans = {t.entry.plan: (t, t.entry) for t in source.records if isinstance(t.entry, MealPlanSet)}
    for given in helped_in(source, period):
        for problem in _outside(source, given):
            rows.append(Row((given.told.index, given.day, "", "", None, problem), (given.told.index,)))
        for number in given.children:
            known = children.get(number)
            child = None if known is None else _version_on(known, given.told.index)
            born_on = None if child is None else child.born_on
            age = None if born_on is None else age_on(born_on, given.day)
            result = _fits(source, given, child, age)
            cells = (given.told.index, given.day, number, " ".join(given.classes), age, result)
            rows.append(Row(cells, (given.told.index, *(() if child is None else (child.index,)))))
    for given in helped_in(source, Period(date.min, period.to_on)):
        plan_of = _sealed_plan(source, given, plans)
        if plan_of is None or given.meals is None:
            continue
        code, limit, record = plan_of
        eaten[code] = eaten.get(code, 0) + given.meals
        if eaten[code] > limit:
            said = f"suất ăn {eaten[code]} > {limit} — more meals than pupils × days"
            rows.append(Row((given.told.index, given.day, "", "", None, said), (given.told.index, record)))
    bad = sum(row.cells[-1] != FITS for row in rows)
    return finished("eligibility", source, period, columns, rows, (), (f"{bad} dòng cần xem — rows to look at",))


FITS = "đúng — fits"


def _version_on(versions: list[Child], before: int) -> Child:
    """What was known when it was given: the newest version recorded before, else the first."""
    return next((child for child in reversed(versions) if child.index < before), versions[0])


def _fits(source: Source, given: Helped, child: Child | None, age: int | None) -> str:
    if child is None:
        return "chưa có trong hồ sơ — not in the register"
    if not given.classes:
        return FITS
    valid = {span.code for span in child.classes if given.day in span}
    fitting = [code for code in given.classes if code in valid]
    if not fitting:
        return "ngoài nhóm vào ngày trao — not of the class on that day"
    for code in fitting:
        version = version_on(source.register("class", code), given.day) or {}
        low, high = version.get("from_age"), version.get("to_age")
        if age is None and (low, high) != (None, None):
            return "thiếu ngày sinh — date of birth is missing"
        if age is None or ((low is None or age >= low) and (high is None or age <= high)):
            return FITS
    return "ngoài độ tuổi — outside the ages of the class"


def _outside(source: Source, given: Helped) -> Iterator[str]:
    """What is sealed, against what the fund and the programme allow."""
    if given.entry.hidden is None:
        return
    restriction = (source.register("fund", given.entry.fund) or {}).get("restriction", {})
    if restriction.get("activities") and given.activity not in restriction["activities"]:
        yield "ngoài hoạt động của nguồn — outside the fund's activities"
    if restriction.get("communes") and given.commune not in restriction["communes"]:
        yield "ngoài xã của nguồn — outside the fund's communes"
    classes = restriction.get("classes")
    if classes and any(source.register("class", c) for c in classes) and not set(given.classes) & set(classes):
        yield "ngoài nhóm của nguồn — outside the fund's classes"
    allocation = source.register("allocation", given.entry.allocation) or {}
    listed = version_on(source.register("programme-communes", allocation.get("programme", "")), given.day)
    if listed is not None and given.commune not in listed["communes"]:
        yield "ngoài danh sách xã của chương trình ngày đó — not in the programme's list that day"


def _sealed_plan(
    source: Source, given: Helped, plans: Mapping[str, tuple[Told, MealPlanSet]]
) -> tuple[str, int, int] | None:
    """(plan, pupils × days, record) of the sealed meal plan that a delivery names in the vault."""
    said = _opened(source, given.told, given.entry.roll)
    found = plans.get(said.get("plan", ""))
    if found is None or found[1].pupils is not None:
        return None
    sealed = _opened(source, found[0], found[1].detail)
    figures = [sealed.get("pupils", ""), sealed.get("days", "")]
    if not all(figure.isdecimal() for figure in figures):
        return None
    return found[1].plan, int(figures[0]) * int(figures[1]), found[0].index


@report("duplicates", "Hỗ trợ trùng một trẻ", "Aid given twice to one child")
def duplicates(source: Source, period: Period, *, days: str = "30") -> Report:
    """The same child, the same activity, within so many days. Instalments of one schedule are not doubles."""
    if not (days.isascii() and days.isdigit() and len(days) < 5):
        raise Rejected(Reason.MALFORMED, "a number of days", field="days")
    within = timedelta(days=int(days))
    columns = (
        Column("child", "mã trẻ", "child"),
        Column("activity", "hoạt động", "activity"),
        Column("first", "lần trước", "first", "index"),
        Column("first_on", "ngày", "on", "day"),
        Column("second", "lần sau", "second", "index"),
        Column("second_on", "ngày", "on", "day"),
        Column("days", "cách nhau (ngày)", "days apart", "count"),
    )
    early = Period(period.from_on - within, period.to_on)
    helped: dict[tuple[str, str], list[Helped]] = {}
    for given in helped_in(source, early):
        for number in dict.fromkeys(given.children):
            helped.setdefault((number, given.activity), []).append(given)
    rows = []
    for (number, activity), times in sorted(helped.items()):
        ordered = sorted(times, key=lambda given: (given.day, given.told.index))
        for first, second in pairwise(ordered):
            one, other = first.entry.instalment, second.entry.instalment
            scheduled = one is not None and other is not None and one.schedule == other.schedule
            if second.day - first.day <= within and second.day in period and not scheduled:
                apart = (second.day - first.day).days
                cells = (number, activity, first.told.index, first.day, second.told.index, second.day, apart)
                rows.append(Row(cells, (first.told.index, second.told.index)))
    return finished("duplicates", source, period, columns, rows)


@report("insurance", "Danh sách cấp thẻ BHYT trẻ dưới 6 tuổi", "Insurance lists of children under 6")
def insurance(source: Source, period: Period) -> Report:
    """The lists of the period; with the vault open, how many on each were 6 or older on the day, or are not known."""
    columns = (
        Column("listed_on", "ngày lập", "listed on", "day"),
        Column("place", "nơi", "place"),
        Column("heads", "số trẻ em", "children", "count", total=True),
        Column("sent_on", "ngày gửi", "sent on", "day"),
        Column("checked", "đã đối chiếu", "checked", "count"),
        Column("too_old", "từ 6 tuổi", "6 or older", "count"),
        Column("unknown", "chưa rõ ngày sinh", "unknown", "count"),
    )
    rows = []
    children: dict[str, list[Child]] | None = None
    for told in source.records:
        entry = told.entry
        if not isinstance(entry, InsuranceListed) or told.day not in period:
            continue
        roll = source.private(told.index, entry.roll.tag)
        checked: tuple[int | None, ...] = (None, None, None)
        if roll is not None:
            children = _register(source) if children is None else children
            on = _day(roll.get("day")) or entry.listed_on
            numbers = dict.fromkeys(children_of(roll))
            born = [_version_on(children[n], told.index).born_on if n in children else None for n in numbers]
            old = sum(day is not None and age_on(day, on) >= INSURED_BELOW for day in born)
            checked = (len(born), old, born.count(None))
        place = entry.commune or f"tỉnh {entry.province}"
        rows.append(Row((entry.listed_on, place, entry.heads, entry.sent_on, *checked), (told.index,)))
    return finished("insurance", source, period, columns, rows, totals_of(columns, rows))


@report("children-open", "Số trẻ em có thể công khai theo xã", "Children by commune, fit to publish")
def children_open(source: Source, period: Period) -> Report:
    """Distinct children helped, by province and commune, each child once a cell. A commune stays sealed with fewer
    than k children, and with it as many others as it takes that the province's total does not give it away."""
    columns = (
        Column("province", "tỉnh", "province"),
        Column("commune", "xã", "commune"),
        Column("children", "số trẻ em", "children", "count"),
    )
    cells: dict[str, dict[str, set[str]]] = {}
    records: dict[str, set[int]] = {}
    communes = source.rows("commune")
    for given in helped_in(source, period):
        hidden: HiddenScope | None = given.entry.hidden
        known = communes.get(given.commune)
        province = hidden.province if hidden is not None else "" if known is None else str(known["province"])
        cells.setdefault(province, {}).setdefault(given.commune, set()).update(given.children)
        records.setdefault(province, set()).add(given.told.index)
    k = source.opened.k
    rows = []
    open_provinces = open_cells({name: set().union(*inside.values()) for name, inside in cells.items()}, k)
    for province, inside in sorted(cells.items()):
        if province not in open_provinces:
            continue
        leads = tuple(sorted(records[province]))
        rows.append(Row((province, "", len(set().union(*inside.values()))), leads))
        for commune in sorted(open_cells(inside, k)):
            rows.append(Row((province, commune, len(inside[commune])), leads))
    note = f"k = {k}; mỗi kỳ chỉ công khai một lần: hai kỳ gối nhau có thể trừ ra số nhỏ — publish a period once"
    return finished("children-open", source, period, columns, rows, (), (note,))


Place = TypeVar("Place", bound=Hashable)


def open_cells(cells: Mapping[Place, Collection[str]], k: int) -> set[Place]:
    """The cells that may be published beside the total of all: what stays sealed is nobody, or at least k children.

    The sealed children are counted without those who also stand in an open cell: only these does a difference tell.
    """
    counts = {cell: set(inside) for cell, inside in cells.items()}
    shown = {cell for cell, inside in counts.items() if len(inside) >= k}
    while True:
        rest = set().union(*(counts[cell] for cell in counts if cell not in shown))
        alone = rest - set().union(*(counts[cell] for cell in shown))
        if not rest or len(alone) >= k or not shown:
            return shown
        shown.discard(min(shown, key=lambda cell: (len(counts[cell]), str(cell))))
