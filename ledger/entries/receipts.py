"""Money that comes in: statements, gifts, what is not yet explained, what came by mistake."""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from ledger.accounts import BankPlace, CashPlace, Code, Posting, move
from ledger.entries.base import (
    EntryBase,
    Index,
    LineFact,
    LineKey,
    MoneyFact,
    Person,
    Sha256,
    Shortfall,
    View,
    check_place,
    is_reversed,
    needed,
    split_shortfall,
)
from ledger.entries.foreign import ForeignAid, Rate
from ledger.entries.pledges import PledgeCode
from ledger.entries.restrictions import check_fund_place, refuse_shortfall, swapped, tallied, tally_key
from ledger.money import Amount, Minor, PositiveMinor, SignedMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class StatementImported(EntryBase, frozen=True, kw_only=True):
    """A bank's statement was taken in, as a file or typed from paper; its new lines follow, one record each.

    The import is whole when `new_lines` of them are recorded; until then the audit says so.
    """

    title: ClassVar = ("Nhập sao kê", "Statement imported")
    fact: ClassVar = True

    place: BankPlace
    sha256: Sha256
    """Of the file, or of the scan of the paper."""
    taken: Literal["file", "paper"]
    format: Code
    currency: Code
    from_on: date
    to_on: date
    lines: Minor
    new_lines: Minor
    """Lines not already recorded from an overlapping statement."""
    in_minor: Minor
    out_minor: Minor
    opening_minor: SignedMinor
    closing_minor: SignedMinor
    control: Literal["printed", "running", "declared"]

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("statement-file", f"{self.place}/{self.sha256}"))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.currency)
        file_key = f"{self.place}/{self.sha256}"
        if view.register("statement-file", file_key) is not None:
            raise Rejected(Reason.STATEMENT_ALREADY_IMPORTED, field="sha256")
        if self.opening_minor + self.in_minor - self.out_minor != self.closing_minor:
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                field="closing_minor",
                computed=self.opening_minor + self.in_minor - self.out_minor,
                stated=self.closing_minor,
            )
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "the statement ends before it begins", field="to_on")
        if self.to_on > view.today:
            raise Rejected(Reason.DAY_IN_FUTURE, field="to_on", day=self.to_on)
        if self.new_lines > self.lines:
            raise Rejected(Reason.MALFORMED, field="new_lines")
        value = {
            "closing": self.closing_minor,
            "from_on": self.from_on.isoformat(),
            "index": view.index,
            "new_lines": self.new_lines,
            "opening": self.opening_minor,
            "place": self.place,
            "recorded": 0,
            "to_on": self.to_on.isoformat(),
        }
        return (
            Change("statement", str(view.index), value),
            Change("statement-file", file_key, {"index": view.index}),
        )


class PledgePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The part of a pledge that a gift fulfils."""

    minor: PositiveMinor
    pledge: PledgeCode


class GiftReceived(MoneyFact, frozen=True, kw_only=True):
    """Money reached a bank account or cash box and was set aside for one fund.

    A gift from abroad without the approval that the regime asks for waits in suspense, or with its sender.
    """

    title: ClassVar = ("Tiếp nhận ủng hộ", "Gift received")
    day_field: ClassVar = "received_on"

    amount: Amount
    donor: Person
    fund: Code
    received_on: date
    foreign: ForeignAid | None = None
    """Said of a gift from abroad."""
    pledge: PledgePart | None = None
    rate: Rate | None = None
    """Said of foreign money; needed when it came from abroad."""

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        gift = move(self.amount, "donors", f"fund:{self.fund}")
        if self.pledge is None:
            return self.came_in(gift)
        kept = move(Amount(self.pledge.minor, self.amount.unit), f"pledge:{self.pledge.pledge}", "promised")
        return (*self.came_in(gift), kept)

    def reads(self) -> tuple[Key, ...]:
        keys = (
            *self.line_reads(),
            Key("fund", self.fund),
            Key("book", "opened"),
            tally_key(self.fund, self.amount.unit),
        )
        return keys if self.pledge is None else (*keys, Key("pledge", self.pledge.pledge))

    def changes(self, view: View) -> tuple[Change, ...]:
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_fund_place(fund, self.place)
        if self.pledge is not None:
            pledge = needed(view, "pledge", self.pledge.pledge, Reason.NO_SUCH_PLEDGE, field="pledge")
            if pledge["fund"] != self.fund:
                raise Rejected(Reason.OUTSIDE_RESTRICTION, "the pledge is for another fund", field="fund")
            left = view.balance(f"pledge:{self.pledge.pledge}", self.amount.unit)
            if self.pledge.minor > min(left, self.amount.minor):
                raise Rejected(Reason.PARTS_DIFFER, "more than the pledge or the gift", field="pledge.minor", left=left)
        if self.rate is not None:
            self.rate.check(view, self.amount.unit)
        if self.foreign is not None:
            self.foreign.check(view, self.received_on)
            if self.rate is None and self.amount.unit != "VND":
                raise Rejected(Reason.MALFORMED, "foreign money from abroad has its rate", field="rate")
        # Most records of a book pass here, and few funds have a cap.
        return (*self.entered(view), *tallied(view, self.postings())) if "admin_cap" in fund else self.entered(view)

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One envelope out of a donation box."""

    donor: Person
    minor: PositiveMinor


class CashSheetReceived(EntryBase, frozen=True, kw_only=True):
    """Many envelopes counted together when a box was opened, with minutes signed by witnesses."""

    title: ClassVar = ("Mở hòm quyên góp, bảng kê phong bì", "Cash sheet of envelopes")
    fact: ClassVar = True
    day_field: ClassVar = "received_on"

    place: CashPlace
    fund: Code
    amount: Amount
    envelopes: tuple[Envelope, ...]
    minutes_sha256: Sha256
    received_on: date

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, "donors", f"fund:{self.fund}"), move(self.amount, "outside", self.place))

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("fund", self.fund), tally_key(self.fund, self.amount.unit))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.amount.unit)
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        check_fund_place(fund, self.place)
        if sum(envelope.minor for envelope in self.envelopes) != self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the envelopes do not add up to the amount", field="envelopes")
        return tallied(view, self.postings())

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class GatewayGift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One gift inside a gateway's batch."""

    donor: Person
    fund: Code
    minor: PositiveMinor


class GatewaySettled(MoneyFact, frozen=True, kw_only=True):
    """A payment gateway paid out a batch: many gifts, less its fee, in one bank credit."""

    title: ClassVar = ("Quyết toán cổng thanh toán", "Gateway settlement")
    day_field: ClassVar = "received_on"

    credited: Amount
    fee_minor: Minor
    fee_fund: Code
    """The fund that bears the fee."""
    gateway: Code
    gifts: tuple[GatewayGift, ...]
    list_sha256: Sha256
    received_on: date
    shortfall: Shortfall | None = None

    def moved(self) -> Amount:
        return self.credited

    def postings(self) -> tuple[Posting, ...]:
        unit = self.credited.unit
        gifts = tuple(move(Amount(g.minor, unit), "donors", f"fund:{g.fund}") for g in self.gifts)
        if self.fee_minor == 0:
            return self.came_in(*gifts)
        fee = split_shortfall(
            Amount(self.fee_minor, unit), f"fund:{self.fee_fund}", f"costs:{self.fee_fund}", self.shortfall
        )
        return self.came_in(*gifts, *fee)

    def reads(self) -> tuple[Key, ...]:
        funds = {self.fee_fund, *(gift.fund for gift in self.gifts)}
        unit = self.credited.unit
        return (
            *self.line_reads(),
            *(Key("fund", fund) for fund in sorted(funds)),
            *(tally_key(fund, unit) for fund in sorted(funds)),
        )

    def completed(self, view: View) -> "GatewaySettled":
        unit = self.credited.unit
        given = sum(gift.minor for gift in self.gifts if gift.fund == self.fee_fund)
        missing = self.fee_minor - given - max(view.balance(f"fund:{self.fee_fund}", unit), 0)
        shortfall = Shortfall(self.fee_fund, missing) if missing > 0 else None
        return msgspec.structs.replace(self, shortfall=shortfall)

    def changes(self, view: View) -> tuple[Change, ...]:
        for gift in self.gifts:
            fund = needed(view, "fund", gift.fund, Reason.NO_SUCH_FUND, field="gifts")
            check_fund_place(fund, self.place)
        needed(view, "fund", self.fee_fund, Reason.NO_SUCH_FUND, field="fee_fund")
        if sum(gift.minor for gift in self.gifts) - self.fee_minor != self.credited.minor:
            raise Rejected(Reason.PARTS_DIFFER, "gifts less fee is not the credit", field="gifts")
        return (*self.entered(view), *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, swapped(self.postings()))

    def redone(self, view: View) -> tuple[Change, ...]:
        return tallied(view, self.postings())


class SuspenseReceived(LineFact, frozen=True, kw_only=True):
    """A statement line brought money that nobody has explained yet (tiền chờ xác định).

    It is explained by entries that name the line in their `parts`.
    """

    title: ClassVar = ("Tiền vào chờ xác định", "Money in, in suspense")
    day_field: ClassVar = "received_on"

    amount: Amount
    line: LineKey
    received_on: date
    sender: Person
    statement: Index

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, "senders", f"suspense:{self.line}"),
            move(self.amount, "outside", self.place),
        )

    def reads(self) -> tuple[Key, ...]:
        return self.line_reads()

    def changes(self, view: View) -> tuple[Change, ...]:
        return self.take_line(view, self.amount.unit)


class SuspensePaid(LineFact, frozen=True, kw_only=True):
    """A statement line took money out and nobody has explained it yet: a fee, a payment, a mistake."""

    title: ClassVar = ("Tiền ra chờ xác định", "Money out, in suspense")
    day_field: ClassVar = "paid_on"

    amount: Amount
    line: LineKey
    paid_on: date
    payee: Person
    statement: Index

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, f"suspense:{self.line}", "senders"),
            move(self.amount, self.place, "outside"),
        )

    def reads(self) -> tuple[Key, ...]:
        return self.line_reads()

    def changes(self, view: View) -> tuple[Change, ...]:
        return self.take_line(view, self.amount.unit)


class MistakenMoneyHeld(MoneyFact, frozen=True, kw_only=True):
    """Money somebody sent by mistake: a debt to the sender, never a gift."""

    title: ClassVar = ("Tiền chuyển nhầm, giữ hộ", "Mistaken money held")
    day_field: ClassVar = "held_on"

    amount: Amount
    case: Code
    held_on: date
    sender: Person

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.came_in(move(self.amount, "senders", f"mistaken:{self.case}"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("mistaken", self.case))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("mistaken", self.case) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="case", code=self.case)
        return (*self.entered(view), Change("mistaken", self.case, {"index": view.index}))


class MistakenMoneyReturned(MoneyFact, frozen=True, kw_only=True):
    """Money sent by mistake went back to its sender."""

    title: ClassVar = ("Trả lại tiền chuyển nhầm", "Mistaken money returned")
    fact: ClassVar = False
    day_field: ClassVar = "returned_on"

    amount: Amount
    case: Code
    returned_on: date

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(move(self.amount, f"mistaken:{self.case}", "senders"))

    def reads(self) -> tuple[Key, ...]:
        return (*self.line_reads(), Key("mistaken", self.case))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "mistaken", self.case, Reason.NO_SUCH_RECORD, field="case")
        return self.left(view)


class GiftRefunded(MoneyFact, frozen=True, kw_only=True):
    """A gift, or part of it, went back to its donor."""

    title: ClassVar = ("Hoàn trả nhà tài trợ", "Gift refunded")
    fact: ClassVar = False
    day_field: ClassVar = "refunded_on"

    amount: Amount
    fund: Code
    gift: Index
    refunded_on: date
    part: Index | None = None
    """Which envelope of a sheet or gift of a batch, from 0; absent for a gift alone in its record."""

    def moved(self) -> Amount:
        return self.amount

    def postings(self) -> tuple[Posting, ...]:
        return self.went_out(move(self.amount, f"fund:{self.fund}", "donors"))

    def reads(self) -> tuple[Key, ...]:
        return (
            *self.line_reads(),
            Key("fund", self.fund),
            Key("refunded", str(self.gift)),
            Key("reversed", str(self.gift)),
            tally_key(self.fund, self.amount.unit),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        given = self._given(view)
        refuse_shortfall(view, self.fund, self.amount.unit)
        given_back = self._given_back(view, given)
        return (*self.left(view), given_back, *tallied(view, self.postings()))

    def undone(self, view: View) -> tuple[Change, ...]:
        return (self._refunded(view, -1), *tallied(view, swapped(self.postings())))

    def redone(self, view: View) -> tuple[Change, ...]:
        return (self._given_back(view, self._given(view)), *tallied(view, self.postings()))

    def _given(self, view: View) -> int:
        """How much the gift was; raises Rejected(NOT_A_GIFT)."""
        gift = view.earlier(self.gift).entry
        if self.part is None:
            if isinstance(gift, GiftReceived) and (gift.fund, gift.amount.unit) == (self.fund, self.amount.unit):
                return gift.amount.minor
        elif isinstance(gift, CashSheetReceived) and self.part < len(gift.envelopes):
            if (gift.fund, gift.amount.unit) == (self.fund, self.amount.unit):
                return gift.envelopes[self.part].minor
        elif isinstance(gift, GatewaySettled) and self.part < len(gift.gifts):
            one = gift.gifts[self.part]
            if (one.fund, gift.credited.unit) == (self.fund, self.amount.unit):
                return one.minor
        raise Rejected(Reason.NOT_A_GIFT, field="gift", index=self.gift)

    def _given_back(self, view: View, given: int) -> Change:
        if is_reversed(view, self.gift):
            raise Rejected(Reason.ALREADY_REVERSED, field="gift", index=self.gift)
        row = view.register("refunded", str(self.gift)) or {}
        # What went to another purpose with the donor's consent is reversed there first.
        taken = refunded(view, self.gift, self.part) + (row.get("varied", 0) if self.part is None else 0)
        # Of a sheet as a whole a purpose was varied: the envelopes that are left bear that.
        if self.part is not None and "varied" in row:
            whole = getattr(view.earlier(self.gift).entry, "amount", None)
            if isinstance(whole, Amount) and row["minor"] + row["varied"] + self.amount.minor > whole.minor:
                raise Rejected(Reason.PARTS_DIFFER, "more than is left of the sheet", field="amount")
        if taken + self.amount.minor > given:
            raise Rejected(Reason.PARTS_DIFFER, "more than is left of the gift", field="amount")
        return self._refunded(view, 1)

    def _refunded(self, view: View, sign: int) -> Change:
        row = view.register("refunded", str(self.gift)) or {}
        minor = sign * self.amount.minor
        value = {**row, "minor": row.get("minor", 0) + minor}
        if self.part is not None:
            parts = row.get("parts", {})
            value["parts"] = {**parts, str(self.part): parts.get(str(self.part), 0) + minor}
        return Change("refunded", str(self.gift), value)


def refunded(view: View, gift: int, part: int | None = None) -> int:
    """How much of a gift, or of one part of a sheet or batch, went back so far, in `minor`."""
    row = view.register("refunded", str(gift)) or {}
    return int(row.get("minor", 0) if part is None else row.get("parts", {}).get(str(part), 0))
