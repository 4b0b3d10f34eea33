"""Audit work in the book: a sample promised before it is drawn, findings and what became of them.

**Sample.** `sample_committed` fixes the population (all records before it, of one sort and period) and the hash of a
seed that only the auditor knows. `sample_drawn` shows the seed. From then on anybody draws the same sample from the
records alone (audit/reports/sampling.py): nobody could choose the items, nor know them before the book stood.
"""

from datetime import date
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code, root
from ledger.entries.base import EarlierRecord, EntryBase, Index, Sha256, Title, View, check_leaf, is_reversed, needed
from ledger.money import Amount, Currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

Population = Literal["received", "paid", "used"]
Seed = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$(?!\n)")]


class SampleCommitted(EntryBase, frozen=True, kw_only=True):
    """A sample of so many money hits will be drawn from what the book holds before this record."""

    title: ClassVar = ("Cam kết mẫu kiểm tra", "Sample committed")

    from_on: date
    hits: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    """How many đồng (smallest parts) are drawn; each picks the record that it lies in."""
    population: Population
    """Which money: `received`, `paid` or `used` (audit/reports/sampling.py)."""
    sample: Code
    """Code of the sample."""
    seed_sha256: Sha256
    """SHA-256 of the 32 bytes of the seed."""
    to_on: date
    unit: Currency

    def reads(self) -> tuple[Key, ...]:
        return (Key("sample", self.sample),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("sample", self.sample) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="sample", code=self.sample)
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "the period ends before it begins", field="to_on")
        value = {"index": view.index, "seed_sha256": self.seed_sha256}
        return (Change("sample", self.sample, value),)


class SampleDrawn(EntryBase, frozen=True, kw_only=True):
    """The seed of a committed sample, shown."""

    title: ClassVar = ("Mở mẫu kiểm tra", "Sample drawn")

    sample: Code
    """Code of the sample."""
    seed: Seed
    """The 32 bytes in hex."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("sample", self.sample),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "sample", self.sample, Reason.NO_SUCH_SAMPLE, field="sample")
        if "drawn" in row:
            raise Rejected(Reason.ALREADY_CLOSED, field="sample", index=row["drawn"])
        if sha256(bytes.fromhex(self.seed)).hexdigest() != row["seed_sha256"]:
            raise Rejected(Reason.SEED_DIFFERS, field="seed")
        return (Change("sample", self.sample, {**row, "drawn": view.index, "seed": self.seed}),)


class FindingRaised(EntryBase, frozen=True, kw_only=True):
    """An auditor or inspector found something about a record (kết luận, kiến nghị)."""

    title: ClassVar = ("Nêu phát hiện kiểm toán", "Finding raised")
    day_field: ClassVar = "raised_on"

    about: Index
    """Index of the record it is about."""
    about_leaf: Sha256
    """Leaf hash of that record."""
    finding: Code
    """Code of the finding."""
    raised_on: date
    sort: Literal["disallowed", "recovery", "other"]
    """`disallowed`: xuất toán; `recovery`: thu hồi."""
    what: Title
    """About the matter, never about a person."""
    amount: Amount | None = None
    """How much is disallowed or to be recovered; given unless the sort is `other`."""
    answer_by_on: date | None = None
    """The day by which it is to be answered."""
    report_sha256: Sha256 | None = None
    """Of the conclusion or minutes."""
    sample: Code | None = None
    """The sample it was found in."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("finding", self.finding),)
        return keys if self.sample is None else (*keys, Key("sample", self.sample))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("finding", self.finding) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="finding", code=self.finding)
        check_leaf(view, self.about, self.about_leaf, field="about_leaf")
        if self.amount is None and self.sort != "other":
            raise Rejected(Reason.MALFORMED, "how much is disallowed or to be recovered", field="amount")
        if self.answer_by_on is not None and self.answer_by_on < self.raised_on:
            raise Rejected(Reason.MALFORMED, "to be answered before it was raised", field="answer_by_on")
        if self.sample is not None:
            needed(view, "sample", self.sample, Reason.NO_SUCH_SAMPLE, field="sample")
        value: dict[str, Any] = {"closed": False, "index": view.index, "recovered_minor": 0, "sort": self.sort}
        if self.amount is not None:
            value |= {"minor": self.amount.minor, "unit": self.amount.unit}
        if self.answer_by_on is not None:
            value["answer_by_on"] = self.answer_by_on.isoformat()
        return (Change("finding", self.finding, value),)


class FindingFollowed(EntryBase, frozen=True, kw_only=True):
    """What was answered to a finding, money that came back because of it, and at last that it is closed.

    A finding about money is closed when all of it came back, or with the document that says why not.
    """

    title: ClassVar = ("Theo dõi phát hiện kiểm toán", "Finding followed up")
    day_field: ClassVar = "followed_on"

    answer: Title
    """What was done, never who did it."""
    closed: bool
    """Whether the finding ends here."""
    finding: Code
    """Code of the finding."""
    followed_on: date
    evidence_sha256: Sha256 | None = None
    """Of the document that shows it; needed to close a finding about money that did not all come back."""
    recovered: Index | None = None
    """Index of the record that brought the money back."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("finding", self.finding),)
        if self.recovered is None:
            return keys
        return (*keys, Key("recovered", str(self.recovered)), Key("reversed", str(self.recovered)))

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "finding", self.finding, Reason.NO_SUCH_FINDING, field="finding")
        if row["closed"]:
            raise Rejected(Reason.ALREADY_CLOSED, field="finding", code=self.finding)
        changes: tuple[Change, ...] = ()
        value = {**row, "closed": self.closed, "followed": view.index}
        if self.recovered is not None:
            value["recovered_minor"] = row["recovered_minor"] + self._brought_back(view, row)
            changes = (Change("recovered", str(self.recovered), {"finding": self.finding}),)
        missing = row.get("minor", 0) - value["recovered_minor"]
        if self.closed and row["sort"] != "other" and missing > 0 and self.evidence_sha256 is None:
            raise Rejected(Reason.PARTS_DIFFER, "not all of it came back", field="closed", missing_minor=missing)
        return (Change("finding", self.finding, value), *changes)

    def _brought_back(self, view: View, row: dict[str, Any]) -> int:
        """How much the record named brought in, in the unit of the finding."""
        index = self.recovered
        assert index is not None
        if index < row["index"] or "unit" not in row:
            raise Rejected(Reason.NOT_THE_RECORD, "it stands before the finding", field="recovered", index=index)
        if view.register("recovered", str(index)) is not None:
            raise Rejected(Reason.NOT_THE_RECORD, "it counts for a finding already", field="recovered", index=index)
        if is_reversed(view, index):
            raise Rejected(Reason.ALREADY_REVERSED, field="recovered", index=index)
        came = came_back(view.earlier(index), row["unit"])
        if came <= 0:
            raise Rejected(Reason.NOT_THE_RECORD, "it brought no money in", field="recovered", index=index)
        return came


def came_back(record: EarlierRecord, unit: str) -> int:
    """What a record brought into the organisation's own accounts (`minor`), directly or out of suspense."""
    came = 0
    for posting in record.postings:
        if posting.amount.unit != unit:
            continue
        into, out = root(posting.destination), root(posting.source)
        # An own transfer or cash paid in moves money between the organisation's own accounts only.
        if out == "suspense" or (into in ("bank", "cash") and out in ("outside", "advance")):
            came += posting.amount.minor
        if into == "suspense" or (out in ("bank", "cash") and into in ("outside", "advance")):
            came -= posting.amount.minor
    return came
