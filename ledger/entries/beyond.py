"""Beyond this book: money passed between organisations' books, and what others did for the same children."""

from datetime import date
from typing import ClassVar

from ledger.accounts import Code, Posting, move
from ledger.entries.base import EntryBase, Index, MoneyFact, Origin, Sha256, Title, View, needed
from ledger.entries.groups import Heads, check_activity, check_heads
from ledger.entries.restrictions import (
    check_fund_place,
    check_use,
    refuse_shortfall,
    swapped,
    tallied,
    tally_key,
)
from ledger.money import Amount, is_currency
from ledger.places import CommuneCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class GrantSent(MoneyFact, frozen=True, kw_only=True):
    """Money of an allocation was passed to another organisation, whose own book says what became of it.

    Its record there is `grant_received`; whoever adds both books up takes the pair out.
    """

    title: ClassVar = ("Chuyển kinh phí cho tổ chức khác", "Grant sent to another organisation")
    fact: ClassVar = False
    day_field: ClassVar = "sent_on"

    allocation: Code
    amount: Amount
    sent_on: date
    to_name: Title
    """The organisation that got it."""
    to_origin: Origin
    """Origin of that organisation's book."""

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(move(self.amount, f"allocated:{self.allocation}", f"used:{self.allocation}"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("allocation", self.allocation))

    def changes(self, view: View) -> tuple[Change, ...]:
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        fund = needed(view, "fund", allocation["fund"], Reason.NO_SUCH_FUND, field="allocation")
        check_fund_place(fund, self.place)
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        communes = tuple(allocation["communes"])
        check_use(fund, view, activity=allocation["activity"], communes=communes, on=self.sent_on)
        return (*self.left(view), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class GrantReceived(MoneyFact, frozen=True, kw_only=True):
    """Money came from another organisation's book: a gift, and the record there that sent it."""

    title: ClassVar = ("Nhận kinh phí từ tổ chức khác", "Grant received from another organisation")
    day_field: ClassVar = "received_on"

    amount: Amount
    from_index: Index
    """Index of the `grant_sent` record in the sender's book."""
    from_leaf: Sha256
    """Leaf hash of that record."""
    from_name: Title
    """The organisation that sent it."""
    from_origin: Origin
    """Origin of that organisation's book."""
    fund: Code
    received_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.came_in(move(self.amount, "donors", f"fund:{self.fund}"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("fund", self.fund), tally_key(self.fund, self.amount.unit))

    def changes(self, view: View) -> tuple[Change, ...]:
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_fund_place(fund, self.place)
        return (*self.entered(view), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class ExternalContributed(EntryBase, frozen=True, kw_only=True):
    """Aid by another organisation that never entered our accounts. It is told apart from ours and moves nothing."""

    title: ClassVar = ("Đóng góp ngoài sổ của tổ chức khác", "External contribution")
    day_field: ClassVar = "contributed_on"

    activity: Code
    amount: Amount
    communes: tuple[CommuneCode, ...]
    contributed_on: date
    evidence_sha256: Sha256
    """Of the paper that shows it."""
    organisation: Title
    """Who gave it."""
    programme: Code

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("programme", self.programme),
            Key("activity", self.activity),
            *(Key("commune", commune) for commune in self.communes),
            Key("goods", self.amount.unit),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        _check_listed(view, self.programme, self.activity)
        for commune in self.communes:
            needed(view, "commune", commune, Reason.NO_SUCH_COMMUNE, field="communes")
        if not is_currency(self.amount.unit):
            needed(view, "goods", self.amount.unit, Reason.NO_SUCH_GOODS, field="amount")
        return ()


class ChildrenReported(EntryBase, frozen=True, kw_only=True):
    """How many children an activity reached, by a report. Children of two reports may be the same children."""

    title: ClassVar = ("Báo cáo số trẻ em", "Children reported")
    day_field: ClassVar = "reported_on"

    activity: Code
    from_on: date
    heads: Heads
    programme: Code
    report_sha256: Sha256
    """Of the report."""
    reported_on: date
    to_on: date
    commune: CommuneCode | None = None
    """Where; only for a group of at least k children."""
    organisation: Title | None = None
    """Whose work it was; absent when it was ours."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("programme", self.programme), Key("activity", self.activity), Key("book", "opened"))
        return keys if self.commune is None else (*keys, Key("commune", self.commune))

    def changes(self, view: View) -> tuple[Change, ...]:
        _check_listed(view, self.programme, self.activity)
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "the time ends before it begins", field="to_on")
        if self.to_on > self.reported_on:
            raise Rejected(Reason.MALFORMED, "reported before the time was over", field="reported_on")
        if self.commune is not None:
            needed(view, "commune", self.commune, Reason.NO_SUCH_COMMUNE, field="commune")
        # Without a commune small figures stood open before activities were listed with how they may be named.
        detailed = "general" in check_activity(view, self.activity, field="activity")
        if self.commune is not None or detailed:
            check_heads(view, self.heads, field="heads")
        return ()


def _check_listed(view: View, programme: str, activity: str) -> None:
    needed(view, "programme", programme, Reason.NO_SUCH_PROGRAMME, field="programme")
    needed(view, "activity", activity, Reason.NO_SUCH_ACTIVITY, field="activity")
