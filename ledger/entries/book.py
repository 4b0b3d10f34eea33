"""The book itself: opened, its own places, what was carried over, and its clock."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from ledger.accounts import Code, Place, Posting, move
from ledger.days import Instant
from ledger.entries.base import EntryBase, Sha256, Title, View, check_place, needed
from ledger.money import Amount, Currency, PositiveMinor, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

MINIMUM_K = 5
CLOCK = Key("clock", "clamped")
"""The register row of the last instant that the machine's clock fell behind."""


class BookOpened(EntryBase, frozen=True, kw_only=True):
    """The first record: whose book this is, under which key, calendar and rules it is kept."""

    title: ClassVar = ("Mở sổ", "Book opened")

    name: Title
    origin: Annotated[str, msgspec.Meta(pattern=r"^[!-*,-~]{1,120}$(?!\n)")]
    """The checkpoint origin; printable ASCII without spaces or `+` (C2SP tlog-checkpoint, signed-note)."""
    public_key: Annotated[str, msgspec.Meta(max_length=200)]
    """The log's verifier key (C2SP signed-note vkey)."""
    random_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$(?!\n)")]
    zone: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_]+(?:/[A-Za-z_-]+)*$(?!\n)", max_length=40)]
    regime: Code
    k: Annotated[int, msgspec.Meta(ge=MINIMUM_K, le=1000)]
    """The smallest group of children whose place and activity may stand open (DESIGN 7)."""
    checkpoint_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    """How often a checkpoint is promised; a tail unsigned for twice as long is a finding."""
    seat: Title | None = None
    """The town that papers are dated from."""
    four_eyes_above: Amount | None = None
    """Decisions above this amount need a second person; absent: none do."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("book", "opened"),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.index != 0 or view.register("book", "opened") is not None:
            raise Rejected(Reason.BOOK_ALREADY_OPEN)
        policy = {"k": self.k, "regime": self.regime, "zone": self.zone}
        if self.four_eyes_above is not None:
            policy["four_eyes_above"] = {
                "minor": self.four_eyes_above.minor,
                "unit": self.four_eyes_above.unit,
            }
        return (Change("book", "opened", policy),)


class ClockClamped(EntryBase, frozen=True, kw_only=True):
    """The machine's clock stood before the head's instant; records go on carrying the head's until it has passed.

    Said by the book itself, once for each such instant.
    """

    title: ClassVar = ("Đồng hồ máy chạy lùi", "Clock went backwards")

    clock_at: Instant
    head_at: Instant

    def reads(self) -> tuple[Key, ...]:
        return (CLOCK,)

    def changes(self, view: View) -> tuple[Change, ...]:
        return (Change(*CLOCK, {"head_at": self.head_at}),)


class PlaceOpened(EntryBase, frozen=True, kw_only=True):
    """One of the organisation's own places: a bank account, a cash box, a store of goods."""

    title: ClassVar = ("Mở tài khoản, quỹ tiền mặt hoặc kho", "Place account opened")

    place: Place
    name: Title
    currency: Currency | None = None
    """The only unit a bank or cash place keeps; absent for a store."""
    number: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Z]{4,34}$(?!\n)")] | None = None
    """The organisation's own account number at the bank, against which statements are held."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("alike", skeleton(self.place)))

    def changes(self, view: View) -> tuple[Change, ...]:
        if (self.currency is None) != self.place.startswith("stock:"):
            raise Rejected(Reason.MALFORMED, "a bank or cash place has one currency, a store none", field="currency")
        refuse_alike(view, self.place, taken=view.register("place", self.place) is not None, field="place")
        value: dict[str, object] = {"index": view.index}
        if self.currency is not None:
            value["unit"] = self.currency
        return (
            Change("place", self.place, value),
            Change("alike", skeleton(self.place), {"code": self.place}),
        )


class OpenGift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gift received before this book began, part of which is still unused."""

    minor: PositiveMinor
    paper: Code
    """The number it has in the old books."""
    received_on: date


class BalanceBrought(EntryBase, frozen=True, kw_only=True):
    """A balance carried over from the books kept before: one fund at one place. The trace starts here."""

    title: ClassVar = ("Số dư chuyển từ sổ cũ", "Balance brought over")
    fact: ClassVar = True
    day_field: ClassVar = "brought_on"

    place: Place
    fund: Code
    amount: Amount
    gifts: tuple[OpenGift, ...]
    """The open gifts that make up the amount; they add up to it, or there are none."""
    minutes_sha256: Sha256
    brought_on: date

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, "brought", f"fund:{self.fund}"), move(self.amount, "outside", self.place))

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("fund", self.fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.amount.unit)
        if not is_currency(self.amount.unit):
            needed(view, "goods", self.amount.unit, Reason.NO_SUCH_GOODS, field="amount")
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if self.gifts and sum(gift.minor for gift in self.gifts) != self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the open gifts do not add up to the balance", field="gifts")
        return ()


def skeleton(code: str) -> str:
    """A code as a tired eye sees it: case folded, O like 0, I and L like 1, marks left out."""
    return "".join(_LOOKS_LIKE.get(c, c) for c in code.casefold() if c not in "._-")


_LOOKS_LIKE = {"o": "0", "i": "1", "l": "1"}


def refuse_alike(view: View, code: str, *, taken: bool, field: str) -> None:
    """No two codes of one register may be told apart only by an attentive reader."""
    if taken:
        raise Rejected(Reason.ALREADY_EXISTS, field=field, code=code)
    other = view.register("alike", skeleton(code))
    if other is not None:
        raise Rejected(Reason.TOO_ALIKE, field=field, code=code, other=other["code"])
