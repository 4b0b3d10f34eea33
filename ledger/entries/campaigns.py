"""Campaigns with their clocks, and the calendar of reports: which are due, which were sent and taken.

The days themselves follow from dated rules (ledger/clocks.py). A campaign's record carries the limits it was opened
under, so that a later rule changes nothing about it.
"""

from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code
from ledger.clocks import WHEN, About, Rule, due_of
from ledger.days import FIRST_DAY
from ledger.entries.base import EntryBase, Index, Sha256, Title, View, check_leaf, needed
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

LAST_DAY = date(2999, 12, 31)
Days = Annotated[int, msgspec.Meta(ge=1, le=3_660)]
When = Annotated[str, msgspec.Meta(pattern=WHEN)]
CampaignStage = Literal["reception", "distribution"]
RULE = "report-rule"
"""The register of the rules a book sets itself: code → its versions, oldest first."""
SENT = "report-sent"
"""The register of reports sent: `<report>/<period>` → the first and the last record that sent it."""


def _check_span(day: date, *, field: str) -> None:
    """A day that rules can count from: not before any fund existed, and not where the calendar ends."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Rejected(Reason.MALFORMED, "no day of a campaign or rule", field=field, day=day)


class CampaignOpened(EntryBase, frozen=True, kw_only=True):
    """A campaign (đợt vận động) takes gifts for one fund from one day to another.

    Disaster campaigns have limits (NĐ 93/2021/NĐ-CP Đ.8): they are filled in from the dated rules when left out, and
    a reception longer than that is refused; `campaign_extended` makes it longer, with evidence.
    """

    title: ClassVar = ("Mở đợt vận động", "Campaign opened")

    campaign: Code
    """Code of the campaign."""
    decision_sha256: Sha256
    """Of the decision to hold it."""
    from_on: date
    """First day of reception (tiếp nhận)."""
    fund: Code
    """The fund its gifts go to: one campaign, one fund."""
    name: Title
    sort: Literal["disaster", "illness", "other"]
    """`disaster` has the limits of its decree, `illness` and `other` none."""
    to_on: date
    """Last day of reception."""
    distribute_days: Days | None = None
    """How many days after reception distribution ends at the latest; given exactly for a disaster campaign."""
    receive_days: Days | None = None
    """How many days after its first day reception ends at the latest; given exactly for a disaster campaign."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("campaign", self.campaign), Key("campaign-of", self.fund), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("campaign", self.campaign) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="campaign", code=self.campaign)
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if (other := view.register("campaign-of", self.fund)) is not None:
            raise Rejected(
                Reason.ALREADY_EXISTS, "the fund is another campaign's", field="fund", code=other["campaign"]
            )
        _check_span(self.from_on, field="from_on")
        _check_span(self.to_on, field="to_on")
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "reception ends before it begins", field="to_on")
        value: dict[str, Any] = {
            "from_on": self.from_on.isoformat(),
            "fund": self.fund,
            "index": view.index,
            "to_on": self.to_on.isoformat(),
        }
        if self.sort == "disaster":
            if self.receive_days is None or self.distribute_days is None:
                raise Rejected(Reason.MALFORMED, "a disaster campaign has its limits", field="receive_days")
            last = self.from_on + timedelta(days=self.receive_days)
            if self.to_on > last:
                raise Rejected(Reason.RECEPTION_TOO_LONG, field="to_on", day=self.to_on, last=last)
            value["distribute_days"] = self.distribute_days
            value["distribute_by_on"] = (self.to_on + timedelta(days=self.distribute_days)).isoformat()
        elif self.receive_days is not None or self.distribute_days is not None:
            raise Rejected(Reason.MALFORMED, "only a disaster campaign has these limits", field="receive_days")
        return (
            Change("campaign", self.campaign, value),
            Change("campaign-of", self.fund, {"campaign": self.campaign}),
        )


class CampaignExtended(EntryBase, frozen=True, kw_only=True):
    """A stage of a campaign goes on longer, as a document allows: a decision, or what was agreed with the donors."""

    title: ClassVar = ("Gia hạn đợt vận động", "Campaign extended")

    campaign: Code
    """Code of the campaign."""
    evidence_sha256: Sha256
    """Of the document that allows it."""
    stage: CampaignStage
    """`reception` (tiếp nhận) or `distribution` (phân phối)."""
    to_on: date
    why: Title

    def reads(self) -> tuple[Key, ...]:
        return (Key("campaign", self.campaign),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "campaign", self.campaign, Reason.NO_SUCH_CAMPAIGN, field="campaign")
        _check_span(self.to_on, field="to_on")
        if f"{self.stage}_closed_on" in row:
            raise Rejected(Reason.ALREADY_CLOSED, field="stage", stage=self.stage)
        until = row["to_on"] if self.stage == "reception" else row.get("distribute_by_on", row["to_on"])
        if self.to_on.isoformat() <= until:
            raise Rejected(Reason.MALFORMED, "no longer than it is", field="to_on", until=until)
        if self.stage == "distribution":
            value = {**row, "distribute_by_on": self.to_on.isoformat()}
        else:
            value = {**row, "to_on": self.to_on.isoformat(), **_distribution(row, self.to_on)}
        return (Change("campaign", self.campaign, value),)


class CampaignClosed(EntryBase, frozen=True, kw_only=True):
    """A stage of a campaign ended: reception first, then distribution. A day after its last is said as it was."""

    title: ClassVar = ("Kết thúc đợt vận động", "Campaign closed")
    day_field: ClassVar = "closed_on"

    campaign: Code
    """Code of the campaign."""
    closed_on: date
    minutes_sha256: Sha256
    stage: CampaignStage
    """`reception` (tiếp nhận) or `distribution` (phân phối)."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("campaign", self.campaign),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "campaign", self.campaign, Reason.NO_SUCH_CAMPAIGN, field="campaign")
        if f"{self.stage}_closed_on" in row:
            raise Rejected(Reason.ALREADY_CLOSED, field="stage", stage=self.stage)
        closed = self.closed_on.isoformat()
        if self.stage == "distribution" and row.get("reception_closed_on", "9999") > closed:
            raise Rejected(Reason.MALFORMED, "reception ends first", field="stage")
        if closed < row["from_on"]:
            raise Rejected(Reason.MALFORMED, "closed before it began", field="closed_on")
        value = {**row, f"{self.stage}_closed_on": closed}
        if self.stage == "reception":
            value |= _distribution(row, self.closed_on)
        return (Change("campaign", self.campaign, value),)


def _distribution(row: dict[str, Any], reception_end: date) -> dict[str, str]:
    """The last day of distribution after a reception that ends on a day; an extension already granted stays."""
    if "distribute_days" not in row:
        return {}
    last = (reception_end + timedelta(days=row["distribute_days"])).isoformat()
    usual = (date.fromisoformat(row["to_on"]) + timedelta(days=row["distribute_days"])).isoformat()
    return {"distribute_by_on": last if row["distribute_by_on"] == usual else max(last, row["distribute_by_on"])}


class ReportRuleSet(EntryBase, frozen=True, kw_only=True):
    """A report is due by a rule from a day on; the rule of the same code before it, also a shipped one, ends there.

    A rule that no longer holds is set once more with its last day.
    """

    title: ClassVar = ("Đặt lịch báo cáo", "Report rule set")

    about: About
    """Which period the report is of."""
    from_on: date
    level: Literal["commune", "district", "province", "ministry", "public", "other"]
    """Whom it goes to."""
    name: Title
    recipient: Title
    """An office, never a person."""
    rule: Code
    """Code of the rule; that of a shipped one takes its place."""
    sender: Title
    source: Title
    """The text that asks for it."""
    when: When
    """When it is due, in one of the ways of ledger/clocks.py."""
    to_on: date | None = None

    def reads(self) -> tuple[Key, ...]:
        return (Key(RULE, self.rule),)

    def changes(self, view: View) -> tuple[Change, ...]:
        _check_span(self.from_on, field="from_on")
        if self.to_on is not None and self.to_on < self.from_on:
            raise Rejected(Reason.MALFORMED, "ends before it begins", field="to_on")
        row = view.register(RULE, self.rule)
        versions: list[dict[str, Any]] = [] if row is None else row["versions"]
        # A version of the same day puts the one before right; nothing is due by that one any more.
        if versions and self.from_on.isoformat() < versions[-1]["from_on"]:
            raise Rejected(Reason.MALFORMED, "begins before the rule in force did", field="from_on")
        kept = [version for version in versions if version["from_on"] < self.from_on.isoformat()]
        if kept and kept[-1].get("to_on", "9999") >= self.from_on.isoformat():
            kept = [*kept[:-1], {**kept[-1], "to_on": (self.from_on - timedelta(days=1)).isoformat()}]
        version: dict[str, Any] = {
            "about": self.about,
            "from_on": self.from_on.isoformat(),
            "index": view.index,
            "level": self.level,
            "name": self.name,
            "recipient": self.recipient,
            "sender": self.sender,
            "source": self.source,
            "when": self.when,
        }
        if self.to_on is not None:
            version["to_on"] = self.to_on.isoformat()
        return (Change(RULE, self.rule, {"versions": [*kept, version]}),)


def rules_of(code: str, row: dict[str, Any]) -> tuple[Rule, ...]:
    """The versions of a rule that the book set itself, from its register row."""
    return tuple(
        Rule(
            code=code,
            name=(version["name"], version["name"]),
            sender=version["sender"],
            recipient=version["recipient"],
            level=version["level"],
            when=version["when"],
            about=version["about"],
            valid_from=date.fromisoformat(version["from_on"]),
            valid_to=date.fromisoformat(version["to_on"]) if "to_on" in version else None,
            source=version["source"],
            verified=True,
            record=version["index"],
        )
        for version in row["versions"]
    )


class ReportSubmitted(EntryBase, frozen=True, kw_only=True):
    """A report went to its recipient. Sent again for the same period it is a supplement; the first one counts as sent.

    `period` is what the rule is about: `2026`, `2026-H1`, `2026-Q3`, `2026-09`, a campaign's code, or the day of an
    unscheduled report.
    """

    title: ClassVar = ("Nộp báo cáo", "Report submitted")
    day_field: ClassVar = "submitted_on"

    period: Code
    """Which period it is of, as its rule names it."""
    recipient: Title
    """An office, never a person."""
    report: Code
    """Code of the rule it answers; a code of its own for a report that no rule asks for."""
    sha256: Sha256
    """Of the file or paper sent."""
    submitted_on: date
    due_on: date | None = None
    """The day it was asked for by; when a rule of the book says one, that day."""
    issued: Index | None = None
    """Index of its `report_issued`, where this book made it."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key(RULE, self.report), Key(SENT, f"{self.report}/{self.period}"))
        return keys if self.issued is None else (*keys, Key("issued-report", str(self.issued)))

    def changes(self, view: View) -> tuple[Change, ...]:
        rule = view.register(RULE, self.report)
        if rule is not None and self.due_on is not None:
            days = {due_of(version, self.period) for version in rules_of(self.report, rule)} - {None}
            if days and self.due_on not in days:
                raise Rejected(Reason.MALFORMED, "not the day that the rule says", field="due_on")
        if self.issued is not None and view.register("issued-report", str(self.issued)) is None:
            raise Rejected(Reason.NOT_THE_RECORD, "it issued no report", field="issued", index=self.issued)
        row = view.register(SENT, f"{self.report}/{self.period}")
        value: dict[str, Any] = {"index": view.index, "submitted_on": self.submitted_on.isoformat()}
        if self.due_on is not None:
            value["due_on"] = self.due_on.isoformat()
        if row is not None:
            value = {**row, "supplements": [*row.get("supplements", ()), view.index]}
        return (Change(SENT, f"{self.report}/{self.period}", value),)


class ReportAcknowledged(EntryBase, frozen=True, kw_only=True):
    """The recipient confirmed that a report arrived."""

    title: ClassVar = ("Xác nhận đã nhận báo cáo", "Report acknowledged")
    day_field: ClassVar = "acknowledged_on"

    acknowledged_on: date
    submitted: Index
    """Index of `report_submitted`."""
    submitted_leaf: Sha256
    """Leaf hash of that record."""
    receipt_sha256: Sha256 | None = None
    """Of the stamped copy or the receipt."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("report-acknowledged", str(self.submitted)),)

    def changes(self, view: View) -> tuple[Change, ...]:
        sent = check_leaf(view, self.submitted, self.submitted_leaf, field="submitted_leaf").entry
        if not isinstance(sent, ReportSubmitted):
            raise Rejected(Reason.NOT_THE_RECORD, "it submitted no report", field="submitted", index=self.submitted)
        if view.register("report-acknowledged", str(self.submitted)) is not None:
            raise Rejected(Reason.ALREADY_CLOSED, field="submitted", index=self.submitted)
        if self.acknowledged_on < sent.submitted_on:
            raise Rejected(Reason.MALFORMED, "before it was sent", field="acknowledged_on")
        value = {"index": view.index, "on": self.acknowledged_on.isoformat()}
        return (Change("report-acknowledged", str(self.submitted), value),)
