"""What is due: reports, campaigns, pledges, instalments, disputes, advances, funds, goods, findings; each with its day.

A pure function of the book's state and a day (`due_in`), so that whoever asks of the same book on the same day gets the
same list. What is overdue stays in it until it is done. The days of reports and campaigns follow from dated rules
(ledger/clocks.py): those of law that are shipped and are of the book's regime, and those that the book set itself
(`report_rule_set`), which take the place of a shipped rule of the same code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, or_, select

from audit.occasions import occasions
from audit.reports.source import Source, Told
from ledger.clocks import Rule, due_after, occurrences, rules
from ledger.days import month_end
from ledger.entries.campaigns import RULE, SENT, rules_of
from ledger.entries.pledges import PledgeAmended, PledgeMade, schedule, standing
from ledger.home import OpenBook
from ledger.store import read, tables
from ledger.store.engine import reading

Sort = Literal["report", "campaign", "pledge", "support", "dispute", "advance", "fund", "goods", "finding", "occasion"]
AHEAD_DAYS = 60
"""How far ahead one looks unless told otherwise."""
MOST_AHEAD_DAYS = 3_660
"""How far ahead one can look."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is due."""

    due_on: date
    sort: Sort
    code: str
    """The rule, campaign, pledge, order, fund, lot or finding."""
    period: str
    """Which time of it: the report's period, the instalment's number, the stage; empty when there is only one."""
    vi: str
    en: str
    days_left: int
    """Negative when overdue."""
    record: int | None = None
    """The record it comes from; None for a rule shipped and for an occasion."""
    minor: int | None = None
    unit: str | None = None
    source: str | None = None
    verified: bool = True
    """Whether the rule's figure was seen in its text."""

    def to_json(self) -> dict[str, Any]:
        """As the API and `--json` say it."""
        return {
            "due_on": self.due_on.isoformat(),
            "days_left": self.days_left,
            "overdue": self.days_left < 0,
            "sort": self.sort,
            "code": self.code,
            "period": self.period,
            "what": [self.vi, self.en],
            "record": self.record,
            "minor": self.minor,
            "unit": self.unit,
            "source": self.source,
            "verified": self.verified,
        }


class Calendar(Protocol):
    """What the days of reports are made of (audit.reports.Source is one)."""

    @property
    def regime(self) -> str: ...
    @property
    def records(self) -> Sequence[Told]: ...
    def rows(self, register: str) -> Mapping[str, Mapping[str, Any]]: ...


class State(Calendar, Protocol):
    """What all deadlines are made of."""

    @property
    def balances(self) -> Mapping[tuple[str, str], int]: ...
    def since(self, account: str, unit: str) -> date: ...


def deadlines(book: OpenBook, *, today: date, until: date | None = None) -> list[Due]:
    """What is due in a book up to a day, overdue first; 60 days ahead unless told otherwise, at most ten years."""
    latest = today + timedelta(days=MOST_AHEAD_DAYS)
    with reading(book.engine) as db:
        return due_in(_Stored(db, book.code, today), today, min(until or today + timedelta(days=AHEAD_DAYS), latest))


def due_in(state: State, today: date, until: date) -> list[Due]:
    """The list itself: by day, then sort, code and period."""
    found = (
        *_reports(state, today, until),
        *_campaigns(state, today),
        *_pledges(state, today),
        *_supports(state, today),
        *_disputes(state, today),
        *_advances(state, today),
        *_funds(state, today),
        *_goods(state, today),
        *_findings(state, today),
        *_occasions(today, until),
    )
    return sorted(
        (due for due in found if due.due_on <= until), key=lambda due: (due.due_on, due.sort, due.code, due.period)
    )


def rules_in_force(state: Calendar) -> list[Rule]:
    """The rules a book goes by, all versions: its own, and those of law of its regime that it has not set anew."""
    own = state.rows(RULE)
    shipped = [
        rule
        for rule in rules()
        if rule.rule_set == "law" and rule.regimes in ("*", state.regime) and rule.code not in own
    ]
    return [*shipped, *(rule for code, row in own.items() for rule in rules_of(code, dict(row)))]


def _left(due_on: date, today: date) -> int:
    return (due_on - today).days


def report_dues(state: Calendar, until: date) -> Iterator[tuple[Rule, str, date]]:
    """(rule, period, due day) of every report that fell or falls due up to a day since the book goes by the rule."""
    opened_on = state.records[0].day
    for rule in rules_in_force(state):
        start = rule.valid_from if rule.record is not None else max(opened_on, rule.valid_from)
        for period, due_on in occurrences(rule, start, until):
            yield rule, period, due_on
    for code, row in state.rows("campaign").items():
        for rule, due_on in _publications(state, row):
            yield rule, code, due_on


def _publications(state: Calendar, row: Mapping[str, Any]) -> Iterator[tuple[Rule, date]]:
    """What must be published about a campaign, with its day as far as it is known."""
    ends = {
        "reception-start": row["from_on"],
        "reception-end": row.get("reception_closed_on", row["to_on"]),
        "distribution-end": row.get("distribution_closed_on", row.get("distribute_by_on")),
    }
    for rule in rules_in_force(state):
        said = ends.get(rule.event or "")
        if rule.about == "campaign" and said is not None:
            on = date.fromisoformat(said)
            if rule.holds(on):
                yield rule, due_after(rule, on)


def _reports(state: State, today: date, until: date) -> Iterator[Due]:
    sent = state.rows(SENT)
    for rule, period, due_on in report_dues(state, until):
        if f"{rule.code}/{period}" not in sent:
            yield Due(
                due_on,
                "report",
                rule.code,
                period,
                f"{rule.name[0]} ({period}): {rule.sender} → {rule.recipient}",
                f"{rule.name[1]} ({period})",
                _left(due_on, today),
                record=rule.record,
                source=rule.source,
                verified=rule.verified,
            )


def _campaigns(state: State, today: date) -> Iterator[Due]:
    for code, row in state.rows("campaign").items():
        stages = (
            ("reception", row["to_on"], "Hết thời gian tiếp nhận", "Reception ends"),
            ("distribution", row.get("distribute_by_on"), "Hết thời gian phân phối", "Distribution ends"),
        )
        for stage, said, vi, en in stages:
            if said is not None and f"{stage}_closed_on" not in row:
                on = date.fromisoformat(said)
                yield Due(on, "campaign", code, stage, vi, en, _left(on, today), record=row["index"])


def _pledges(state: State, today: date) -> Iterator[Due]:
    for code, row in state.rows("pledge").items():
        unit = row["amount"]["unit"]
        promised = state.balances.get((f"pledge:{code}", unit), 0)
        if "ended" in row or promised <= 0:
            continue
        terms = state.records[row.get("terms", row["index"])].entry
        if not isinstance(terms, PledgeMade | PledgeAmended):
            continue
        instalments = schedule(terms)
        kept = sum(one.minor for one in instalments) - promised
        for number, one in enumerate(standing(instalments, max(kept, 0)), start=1):
            missing = one.instalment.minor - one.kept
            if missing > 0:
                due_on = one.instalment.due_on
                period = f"{number}/{len(instalments)}" if len(instalments) > 1 else ""
                said = f"Cam kết {code}, đợt {period}" if period else f"Cam kết {code}"
                told = f"Pledge {code}, instalment {period}" if period else f"Pledge {code}"
                left = _left(due_on, today)
                yield Due(due_on, "pledge", code, period, said, told, left, row["index"], missing, unit)


def _supports(state: State, today: date) -> Iterator[Due]:
    """Instalments of support to one child: only their month stands open, so each is due on the month's last day."""
    for code, row in state.rows("schedule").items():
        instalments = row["instalments"]
        for number, one in enumerate(instalments, start=1):
            ended = row["ended"] and one["due_on"] >= row["ended_on"]
            if number in row["paid"] or ended:
                continue
            first = date.fromisoformat(one["due_on"])
            due_on = month_end(first.year, first.month)
            left = _left(due_on, today)
            period = f"{number}/{len(instalments)}"
            said, told = f"Hỗ trợ theo lịch {code}, đợt {period}", f"Scheduled support {code}, instalment {period}"
            if left < 0:
                said, told = f"{said}: chưa trao", f"{told}: missed"
            yield Due(due_on, "support", code, period, said, told, left, row["index"], one["minor"], row["unit"])


def _disputes(state: State, today: date) -> Iterator[Due]:
    for code, row in state.rows("dispute").items():
        if not row["answered"]:
            on = date.fromisoformat(row["answer_by_on"])
            yield Due(on, "dispute", code, "", "Trả lời khiếu nại", "Answer a dispute", _left(on, today), int(code))


def _advances(state: State, today: date) -> Iterator[Due]:
    limits = [rule for rule in rules_in_force(state) if rule.event == "advance"]
    open_advances = {
        (code, unit): minor
        for (account, unit), minor in state.balances.items()
        if minor > 0 and account.startswith("handed:") and (code := account.partition(":")[2])
    }
    rows = state.rows("handed")
    for (code, unit), minor in open_advances.items():
        since = state.since(f"handed:{code}", unit)
        limit = next((rule for rule in limits if rule.holds(since)), None)
        if limit is not None and code in rows:
            on = due_after(limit, since)
            yield Due(
                on,
                "advance",
                code,
                "",
                f"Thanh toán tạm ứng {code} ({rows[code]['holder']}), từ {since:%d/%m/%Y}",
                f"Settle advance {code} ({rows[code]['holder']}), open since {since}",
                _left(on, today),
                rows[code]["index"],
                minor,
                unit,
                limit.source,
                limit.verified,
            )


def _funds(state: State, today: date) -> Iterator[Due]:
    """Funds whose window ends with something left in them: returned to the donors, or varied with their consent."""
    funds = {code: row for code, row in state.rows("fund").items() if row["restriction"].get("to_on") is not None}
    held: dict[tuple[str, str], int] = {}
    allocations, orders = state.rows("allocation"), state.rows("handed")
    for (account, unit), minor in state.balances.items():
        name, _, code = account.partition(":")
        allocation = orders.get(code, {}).get("allocation", "") if name == "ordered" else code
        set_aside = name in ("allocated", "ordered")
        fund = code if name == "fund" else allocations.get(allocation, {}).get("fund") if set_aside else None
        if fund in funds and minor > 0:
            held[fund, unit] = held.get((fund, unit), 0) + minor
    for (fund, unit), minor in held.items():
        row = funds[fund]
        on = date.fromisoformat(row["restriction"]["to_on"])
        left = _left(on, today)
        vi, en = (
            (f"Nguồn {fund} hết thời hạn sử dụng", f"Fund {fund} must be used by this day")
            if left >= 0
            else (
                f"Nguồn {fund} hết thời hạn mà còn dư: hoàn trả hoặc xin điều chỉnh mục đích",
                f"Fund {fund} expired with something left: return it or have it varied",
            )
        )
        yield Due(on, "fund", fund, unit, vi, en, left, row["index"], minor, unit)


def _goods(state: State, today: date) -> Iterator[Due]:
    for lot, row in state.rows("lot").items():
        minor = state.balances.get((f"lot:{lot}", row["goods"]), 0)
        if minor > 0 and "expires_on" in row:
            on = date.fromisoformat(row["expires_on"])
            said, told = f"Lô {lot} hết hạn sử dụng, ở {row['store']}", f"Lot {lot} expires, in {row['store']}"
            yield Due(on, "goods", lot, "", said, told, _left(on, today), row["index"], minor, row["goods"])


def _findings(state: State, today: date) -> Iterator[Due]:
    for code, row in state.rows("finding").items():
        if not row["closed"] and "answer_by_on" in row:
            on = date.fromisoformat(row["answer_by_on"])
            missing = row["minor"] - row["recovered_minor"] if "minor" in row else None
            said, told = f"Trả lời phát hiện kiểm toán {code}", f"Answer audit finding {code}"
            left = _left(on, today)
            yield Due(on, "finding", code, "", said, told, left, row["index"], missing, row.get("unit"))


def _occasions(today: date, until: date) -> Iterator[Due]:
    for one in occasions(today, until):
        yield Due(one.on, "occasion", one.code, "", one.name[0], one.name[1], _left(one.on, today))


class _Stored:
    """The state as it is stored."""

    def __init__(self, db: Connection, book: str, today: date) -> None:
        self._db, self._book = db, book
        self._source = Source(db, book, today=today)
        self.regime, self.records = self._source.regime, self._source.records
        self.balances: Mapping[tuple[str, str], int] = read.all_balances(db, book)

    def rows(self, register: str) -> Mapping[str, Mapping[str, Any]]:
        return self._source.rows(register)

    def since(self, account: str, unit: str) -> date:
        """The day of the oldest record since which the account has held something without a break."""
        t = tables.postings
        touched = (
            select(t.c.index, t.c.destination, t.c.minor)
            .where(
                t.c.book == self._book,
                t.c.unit == unit,
                or_(t.c.source == account, t.c.destination == account),
            )
            .order_by(t.c.index, t.c.number)
        )
        held, first = 0, 0
        for index, destination, minor in self._db.execute(touched):
            if held <= 0:
                first = index
            held += minor if destination == account else -minor
        return self.records[first].day
