"""Reports that were handed out: what they said and which book they say it of."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from ledger.accounts import Code
from ledger.entries.base import Bound, EntryBase, Index, Sha256, Title, View, check_bound, needed
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

COUNTED = Key("report-children", "counted")
"""The register row of the counts of children that stand open, each with its period."""
ISSUED = "issued-report"
"""The register of reports handed out: index of `report_issued` → kind, hash, size."""


class ReportOption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One choice the report was made with."""

    name: Code
    """Of the option."""
    value: Title
    """What was chosen."""


class ReportIssued(EntryBase, frozen=True, kw_only=True):
    """A report was made from the book and handed out. Bound to the book as it stood then.

    Whoever makes the report again from the first `size` records, with the same period and options, gets the same bytes.
    """

    title: ClassVar = ("Phát hành báo cáo", "Report issued")
    # Bound to the book right before it: it cannot wait for an approval.
    asks_approval: ClassVar = False
    day_field: ClassVar = "issued_on"

    bound: Bound
    from_on: date
    issued_on: date
    names: bool
    """Whether private values were opened for it: such a report is the same only while the vault keeps them."""
    options: tuple[ReportOption, ...]
    """The choices it was made with."""
    report: Code
    """Which report (`sovang report list`)."""
    sha256: Sha256
    """Of the report's canonical JSON; with `names` keyed by the vault: few names could be guessed from a plain one."""
    size: Index
    """How many records the report is of: all that stand before this one, or fewer for an earlier state of the book."""
    to_on: date
    distinct_children: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    """How many different children were helped in the period; only k or more may stand open, and no two counts of
    periods that overlap may differ by fewer than k."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("book", "opened"), COUNTED)

    def changes(self, view: View) -> tuple[Change, ...]:
        check_bound(view, self.bound)
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "the period ends before it begins", field="to_on")
        if not 1 <= self.size <= self.bound.size:
            raise Rejected(Reason.MALFORMED, "a report is of records that stand before it", field="size")
        k = needed(view, "book", "opened", Reason.BOOK_NOT_OPEN, field="book")["k"]
        if self.distinct_children is not None and self.distinct_children < k:
            raise Rejected(
                Reason.SMALL_GROUP_OPEN, "fewer children than may stand open", field="distinct_children", k=k
            )
        value = {"report": self.report, "sha256": self.sha256, "size": self.size}
        issued = Change(ISSUED, str(view.index), value)
        return (issued,) if self.distinct_children is None else (issued, self._counted(view, self.distinct_children, k))

    def _counted(self, view: View, children: int, k: int) -> Change:
        row = view.register(*COUNTED) or {"counts": []}
        mine = [self.from_on.isoformat(), self.to_on.isoformat(), children]
        for from_on, to_on, counted in row["counts"]:
            overlaps = from_on <= mine[1] and mine[0] <= to_on
            if overlaps and 0 < abs(counted - children) < k:
                told = "with an earlier report it would tell of fewer children than may stand open"
                raise Rejected(Reason.SMALL_GROUP_OPEN, told, field="distinct_children", k=k)
        return Change(*COUNTED, {"counts": [*row["counts"], mine][-500:]})
