"""What donors promise, when it is due, and how a promise ends.

Nothing here holds money: `pledge:<code>` is what one pledge still promises (memo view). Gifts take from it by their
`pledge` part (receipts.py); a gift larger than that stands with its part.

**When it is due** follows from the newest record of terms (`pledge_made`, `pledge_amended`) by the pure function
`schedule`. The register row ("pledge", code) says which record that is (`terms`; while it is absent, `index`) and how
the pledge ended (`ended`; absent while it is open). Whoever watches days reads both, and the balance of
`pledge:<code>`: what was kept fulfils the oldest instalments first (`standing`). A matching pledge has no days of its
own: what is due of it follows from other receipts (`due_of_matching`).
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

import msgspec

from ledger.accounts import Code, Posting, move
from ledger.entries.base import EntryBase, Person, Sha256, Title, View, needed
from ledger.money import Amount, PositiveMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

PledgeCode = Annotated[str, msgspec.Meta(pattern="^[2-9A-HJ-NP-Z]{8}$(?!\n)")]
"""Eight characters without 0, O, 1 and I, the last a check character (statements/matching.py)."""


class Instalment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of a pledge and the day it is due."""

    due_on: date
    minor: PositiveMinor


class Recurring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The pledge in equal parts, the first on `due_on`, the others each month, quarter or year after it."""

    every: Literal["month", "quarter", "year"]
    """The time from one part to the next."""
    times: Annotated[int, msgspec.Meta(ge=2, le=240)]
    """How many parts; the amount divides evenly by it."""


_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


class Matching(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The pledge pays per đồng that others give to a fund, up to the amount of the pledge."""

    from_on: date
    fund: Code
    """The fund whose other receipts count."""
    permille: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    """Thousandths of a đồng for each đồng: 1000 doubles what others give."""
    to_on: date


class PledgeMade(EntryBase, frozen=True, kw_only=True):
    """A promise of one amount for one fund; its code in a bank memo matches the money to it."""

    title: ClassVar = ("Cam kết, đăng ký ủng hộ", "Pledge made")
    day_field: ClassVar = "pledged_on"

    pledge: PledgeCode
    fund: Code
    amount: Amount
    donor: Person
    firm: bool
    """A signed paper exists (cam kết tài trợ); otherwise spoken or by form (đăng ký ủng hộ)."""
    pledged_on: date
    due_on: date | None = None
    instalments: tuple[Instalment, ...] | None = None
    """Parts with their days, in order; they add up to the amount."""
    matching: Matching | None = None
    """Said of a matching gift (tài trợ đối ứng); its cap is the amount."""
    recurring: Recurring | None = None
    """Equal parts, the first on `due_on`."""

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, "promised", f"pledge:{self.pledge}"),)

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("pledge", self.pledge), Key("fund", self.fund))
        return keys if self.matching is None else (*keys, Key("fund", self.matching.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("pledge", self.pledge) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="pledge", code=self.pledge)
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if self.due_on is not None and self.due_on < self.pledged_on:
            raise Rejected(Reason.MALFORMED, "due before it was made", field="due_on")
        if self.matching is not None:
            needed(view, "fund", self.matching.fund, Reason.NO_SUCH_FUND, field="matching.fund")
            if self.matching.from_on > self.matching.to_on:
                raise Rejected(Reason.MALFORMED, "it ends before it begins", field="matching.to_on")
            if self.instalments is not None or self.recurring is not None or self.due_on is not None:
                raise Rejected(Reason.MALFORMED, "what is due of it follows from other receipts", field="matching")
        check_terms(self.amount, self.due_on, self.instalments, self.recurring, since=self.pledged_on)
        value = {
            "amount": {"minor": self.amount.minor, "unit": self.amount.unit},
            "fund": self.fund,
            "index": view.index,
        }
        if self.matching is not None:
            value["matching"] = True
        return (Change("pledge", self.pledge, value),)

    def undone(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "pledge", self.pledge, Reason.NO_SUCH_PLEDGE, field="reversed")
        if "terms" in row:
            raise Rejected(Reason.NOT_REVERSIBLE, "it was amended: cancel it", field="reversed")
        return ()


class PledgeAmended(EntryBase, frozen=True, kw_only=True):
    """Donor and fund agreed on another amount or other days. What was kept of it stays kept."""

    title: ClassVar = ("Điều chỉnh cam kết", "Pledge amended")
    day_field: ClassVar = "amended_on"

    amended_on: date
    amount: Amount
    """The whole promise from here on, what was already kept included; not less than that."""
    consent_sha256: Sha256
    """Of the paper, or of the note of the talk, in which the donor agreed."""
    pledge: PledgeCode
    due_on: date | None = None
    instalments: tuple[Instalment, ...] | None = None
    """All parts from the first on; they add up to the amount."""
    less: Amount | None = None
    """By how much the promise became smaller; filled in by the book."""
    more: Amount | None = None
    """By how much the promise became larger; filled in by the book."""
    recurring: Recurring | None = None
    """Equal parts, the first on `due_on`."""

    def postings(self) -> tuple[Posting, ...]:
        if self.more is not None:
            return (move(self.more, "promised", f"pledge:{self.pledge}"),)
        return () if self.less is None else (move(self.less, f"pledge:{self.pledge}", "promised"),)

    def reads(self) -> tuple[Key, ...]:
        return (Key("pledge", self.pledge),)

    def completed(self, view: View) -> "PledgeAmended":
        row = view.register("pledge", self.pledge)
        unit = self.amount.unit
        by = 0 if row is None or row["amount"]["unit"] != unit else self.amount.minor - int(row["amount"]["minor"])
        more = Amount(by, unit) if by > 0 else None
        return msgspec.structs.replace(self, more=more, less=Amount(-by, unit) if by < 0 else None)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = open_pledge(view, self.pledge)
        if row["amount"]["unit"] != self.amount.unit:
            raise Rejected(Reason.UNIT_DIFFERS, field="amount", unit=self.amount.unit)
        if row.get("matching") and (self.due_on, self.instalments, self.recurring) != (None, None, None):
            raise Rejected(Reason.MALFORMED, "what is due of it follows from other receipts", field="instalments")
        check_terms(self.amount, self.due_on, self.instalments, self.recurring, since=None)
        left = view.balance(f"pledge:{self.pledge}", self.amount.unit)
        if self.less is not None and self.less.minor > left:
            raise Rejected(Reason.PARTS_DIFFER, "less than was already kept", field="amount", left=left)
        value = {
            **row,
            "amount": {"minor": self.amount.minor, "unit": self.amount.unit},
            "terms": view.index,
        }
        return (Change("pledge", self.pledge, value),)

    def undone(self, view: View) -> tuple[Change, ...]:
        raise Rejected(Reason.NOT_REVERSIBLE, "amend it again", field="reversed")


class _PledgeEnded(EntryBase, frozen=True, kw_only=True):
    """What was still promised is promised no more."""

    pledge: PledgeCode
    left: Amount | None = None
    """What was still promised; filled in by the book."""

    def postings(self) -> tuple[Posting, ...]:
        return () if self.left is None else (move(self.left, f"pledge:{self.pledge}", "promised"),)

    def reads(self) -> tuple[Key, ...]:
        return (Key("pledge", self.pledge),)

    def completed(self, view: View) -> "_PledgeEnded":
        row = view.register("pledge", self.pledge)
        unit = "VND" if row is None else str(row["amount"]["unit"])
        left = view.balance(f"pledge:{self.pledge}", unit)
        return msgspec.structs.replace(self, left=Amount(left, unit) if left > 0 else None)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = open_pledge(view, self.pledge)
        if self.left is None:
            raise Rejected(Reason.PARTS_DIFFER, "it was kept: nothing is left of it", field="pledge", left=0)
        return (Change("pledge", self.pledge, {**row, "ended": self.kind}),)

    def undone(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "pledge", self.pledge, Reason.NO_SUCH_PLEDGE, field="pledge")
        value = {name: said for name, said in row.items() if name != "ended"}
        return (Change("pledge", self.pledge, value),)

    def redone(self, view: View) -> tuple[Change, ...]:
        return (Change("pledge", self.pledge, {**open_pledge(view, self.pledge), "ended": self.kind}),)


class PledgeLapsed(_PledgeEnded, frozen=True, kw_only=True):
    """Its time passed and the donor did not keep it; a soft pledge, which nobody owes."""

    title: ClassVar = ("Cam kết hết hạn, không thực hiện", "Pledge lapsed")
    day_field: ClassVar = "lapsed_on"

    lapsed_on: date


class PledgeCancelled(_PledgeEnded, frozen=True, kw_only=True):
    """The donor, or the fund, took it back."""

    title: ClassVar = ("Hủy cam kết", "Pledge cancelled")
    day_field: ClassVar = "cancelled_on"

    cancelled_on: date
    why: Title


class PledgeWrittenOff(_PledgeEnded, frozen=True, kw_only=True):
    """The board decided that what is left of a firm pledge will not come."""

    title: ClassVar = ("Xóa khoản cam kết không thu được", "Pledge written off")
    day_field: ClassVar = "written_off_on"

    decision_sha256: Sha256
    """Of the signed decision."""
    why: Title
    written_off_on: date


def open_pledge(view: View, pledge: str) -> dict[str, Any]:
    """The register row of a pledge that still promises something; raises NO_SUCH_PLEDGE, ALREADY_CLOSED."""
    row = needed(view, "pledge", pledge, Reason.NO_SUCH_PLEDGE, field="pledge")
    if "ended" in row:
        raise Rejected(Reason.ALREADY_CLOSED, field="pledge", how=row["ended"])
    return row


def check_terms(
    amount: Amount,
    due_on: date | None,
    instalments: tuple[Instalment, ...] | None,
    recurring: Recurring | None,
    *,
    since: date | None,
) -> None:
    """The days and parts of a pledge fit together; raises Rejected(MALFORMED or PARTS_DIFFER)."""
    if recurring is not None:
        if due_on is None or instalments is not None:
            raise Rejected(Reason.MALFORMED, "it begins on due_on and has no other parts", field="recurring")
        if amount.minor % recurring.times:
            raise Rejected(Reason.PARTS_DIFFER, "the amount does not divide into equal parts", field="recurring.times")
        if due_on.year + recurring.times * _MONTHS[recurring.every] // 12 >= date.max.year:
            raise Rejected(Reason.MALFORMED, "its last part lies beyond the calendar", field="recurring.times")
    if instalments is None:
        return
    if due_on is not None:
        raise Rejected(Reason.MALFORMED, "each instalment has its own day", field="due_on")
    days = [part.due_on for part in instalments]
    if not days or days != sorted(set(days)) or (since is not None and days[0] < since):
        raise Rejected(Reason.MALFORMED, "days in order, each once, none before the pledge", field="instalments")
    if sum(part.minor for part in instalments) != amount.minor:
        raise Rejected(Reason.PARTS_DIFFER, "the instalments do not add up to the amount", field="instalments")


# --- when it is due: pure functions for reports and clocks ----------------------------------------------


def schedule(terms: PledgeMade | PledgeAmended) -> tuple[Instalment, ...]:
    """What is due when, in order; nothing for a pledge without a day and for a matching one."""
    if terms.instalments is not None:
        return terms.instalments
    if terms.due_on is None:
        return ()
    if terms.recurring is None:
        return (Instalment(terms.due_on, terms.amount.minor),)
    months = _MONTHS[terms.recurring.every]
    part = terms.amount.minor // terms.recurring.times
    return tuple(Instalment(_later(terms.due_on, months * n), part) for n in range(terms.recurring.times))


class Standing(NamedTuple):
    """One instalment and how much of it was kept (`minor`)."""

    instalment: Instalment
    kept: int


def standing(instalments: Iterable[Instalment], kept: int) -> tuple[Standing, ...]:
    """What was kept of a pledge, put against its instalments, the oldest first."""
    found = []
    for instalment in instalments:
        part = min(instalment.minor, kept)
        kept -= part
        found.append(Standing(instalment, part))
    return tuple(found)


def due_of_matching(matching: Matching, cap_minor: int, receipts: Iterable[tuple[date, int]]) -> int:
    """What a matching pledge owes in all (`minor`): its share of others' receipts in its time, at most its cap.

    `receipts` are (day, signed `minor`) of money that others gave to `matching.fund`: not what keeps this pledge.
    """
    raised = sum(minor for day, minor in receipts if matching.from_on <= day <= matching.to_on)
    return min(cap_minor, max(raised, 0) * matching.permille // 1000)


def _later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
