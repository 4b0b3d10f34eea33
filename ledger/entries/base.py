"""What every kind of entry shares.

A kind is one class with
  - `postings()`: the amounts it moves, from the entry alone;
  - `reads()`: the register rows it must see;
  - `changes(view)`: the register rows it sets; raises `Rejected` when the entry may not stand here;
  - `completed(view)`: the same entry with what only the present can tell (the part of a fact that the
    fund did not have), run under the head lock before the record is made.

**Decision or fact.** A decision (`fact = False`) is refused when it would take a held account below
zero. A fact imposed from outside (`fact = True`) is never refused for lack of money: what was missing is
posted to `shortfall:<fund>`.

**When an entry is checked.** The field types are enforced when an entry is read from JSON; building one
in Python does not run them. Every entry that reaches the book is written and read back first, by the same
reader the auditor uses, so nothing unchecked is ever recorded.

**Optional fields** are None when absent and None is never written; no field has another default, so
what is written says all. Three stand on every kind: `booked_on`, `proposal`, `voucher`.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Protocol, Self

import msgspec

from ledger.accounts import Code, MoneyPlace, Posting, move
from ledger.money import Amount, PositiveMinor, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$(?!\n)")]
# 128 random bits, fresh for every record: two records of one person cannot be linked from outside.
Tag = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$(?!\n)")]
# A statement line's identity (statements/line.py): keyed hash, dash, ordinal among equals of its day.
LineKey = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}-[0-9]{1,4}$(?!\n)")]
Index = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
# The name of a log: printable ASCII without spaces or `+` (C2SP tlog-checkpoint, signed-note).
Origin = Annotated[str, msgspec.Meta(pattern=r"^[!-*,-~]{1,120}$(?!\n)")]
# No controls, line ends, invisible characters or bidi marks: what is read is what was written.
_OPEN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+$"
# Open text is about things, never about people; it is short and on one line.
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_OPEN_TEXT)]


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A commitment to one private value that lies in the vault.

    commitment = HMAC-SHA256(r, tag ‖ 0x00 ‖ field ‖ 0x00 ‖ NFC value) in hex, r = 32 random bytes kept
    beside the value (DESIGN 7).
    """

    commitment: Sha256
    field: Code


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Somebody, without saying who: a tag fresh for this record and commitments to what the vault holds."""

    seals: tuple[Seal, ...]
    tag: Tag


class Voucher(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """The paper of an entry (chứng từ). Numbers run without a gap per series and year of the voucher day."""

    series: Code
    voucher_on: date
    bank_on: date | None = None
    """Day of the bank's own advice."""
    book: Code | None = None
    """Quyển số: the bound book of papers that the number stands in."""
    kind: Code | None = None
    """Sort of paper, as the series says (`phieu-thu`); filled in by the book."""
    number: Annotated[int, msgspec.Meta(ge=1, le=9_999_999)] | None = None
    """The next of its series and year, given by the book; of a pre-printed series the number on the paper, typed."""


class Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The whole book before this record: its size, which is the record's index, and its root (RFC 6962)."""

    root: Sha256
    size: Index


class View(Protocol):
    """What an entry may see of the book at its own index."""

    @property
    def by(self) -> str:
        """Who records it."""

    @property
    def index(self) -> int:
        """The index the entry will have."""

    @property
    def today(self) -> date:
        """The day of the record's instant in the book's zone."""

    def balance(self, account: str, unit: str) -> int:
        """Balance in `minor` units; 0 when nothing was ever posted."""

    def register(self, register: str, key: str) -> dict[str, Any] | None:
        """A register row, or None."""

    def earlier(self, index: int) -> "EarlierRecord":
        """A record already in the book; raises Rejected(NO_SUCH_RECORD)."""

    def balances(self) -> dict[tuple[str, str], int]:
        """Every balance that is not 0, by account and unit (`minor`)."""

    def root(self) -> bytes:
        """The root of the tree of all records before this one (RFC 6962)."""

    def kind(self, name: str) -> "type[EntryBase] | None":
        """The class of a kind, or None for one that is not known."""

    def read(self, entry: dict[str, Any]) -> "EntryBase":
        """An entry that stands inside another one; raises Rejected(MALFORMED or UNKNOWN_KIND)."""


class EarlierRecord(Protocol):
    """What `View.earlier` gives: enough of a record to build on."""

    @property
    def entry(self) -> "EntryBase": ...
    @property
    def postings(self) -> tuple[Posting, ...]: ...
    @property
    def leaf_hash(self) -> bytes: ...


def kind_of(class_name: str) -> str:
    """`GiftReceived` → `gift_received`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class EntryBase(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    tag_field="kind",
    tag=kind_of,
):
    """One thing that the organisation states. See the module's docstring for the four methods."""

    fact: ClassVar[bool] = False
    # The field that says on which day it happened in the world; the auditor's «money day».
    day_field: ClassVar[str | None] = None
    # Vietnamese first, English second: what people call this kind.
    title: ClassVar[tuple[str, str]] = ("", "")
    # Whether a second person must always approve it, whatever the book's four-eyes policy says.
    two_persons: ClassVar[bool] = False
    # Whether the policy asks for approvals: not for what the world or an approved order has decided already.
    asks_approval: ClassVar[bool] = True

    booked_on: date | None = None
    """Day on which it is booked, where that is later than the day it happened."""
    proposal: Sha256 | None = None
    """Leaf hash of the approved proposal that this entry carries out."""
    voucher: Voucher | None = None

    @property
    def kind(self) -> str:
        """The kind's name as written."""
        return str(type(self).__struct_config__.tag)

    def money_day(self) -> date | None:
        """The day it happened in the world, if the kind has one."""
        return None if self.day_field is None else getattr(self, self.day_field)

    def postings(self) -> tuple[Posting, ...]:
        """The amounts moved; from the entry alone."""
        return ()

    def reads(self) -> tuple[Key, ...]:
        """The register rows `changes` and `completed` look at."""
        return ()

    def changes(self, view: View) -> tuple[Change, ...]:
        """The register rows to set; raises Rejected when the entry may not stand at this index."""
        return ()

    def completed(self, view: View) -> Self:
        """The entry with what only the present can tell; the same entry for most kinds."""
        return self

    def undone(self, view: View) -> tuple[Change, ...]:
        """The register rows to set when a reversal undoes this entry (beside the postings)."""
        return ()

    def redone(self, view: View) -> tuple[Change, ...]:
        """The register rows to set when that reversal is reversed and this entry holds again."""
        return ()

    def period_day(self) -> date | None:
        """The day whose period it belongs to: booked, or else happened."""
        return self.booked_on or self.money_day()

    def persons(self) -> Iterator[Person]:
        """Everybody the entry speaks of, found in its fields (also inside tuples of items)."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Person):
                yield value
            elif isinstance(value, tuple):
                for item in value:
                    person = getattr(item, "donor", None)
                    if isinstance(person, Person):
                        yield person


class Shortfall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The part of a fact that its fund did not have; filled in by the book, never by a caller."""

    fund: Code
    minor: PositiveMinor


class LinePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of a statement line that waits in suspense, now explained."""

    line: LineKey
    minor: PositiveMinor


class LineFact(EntryBase, frozen=True, kw_only=True):
    """Something one statement line shows: the entry takes the line, which no other entry may take again."""

    fact = True

    place: MoneyPlace
    line: LineKey | None = None
    statement: Index | None = None

    def line_reads(self) -> tuple[Key, ...]:
        """The register rows that `take_line` looks at."""
        keys = [Key("place", self.place)]
        if self.line is not None:
            keys.append(Key("line", self.line))
        if self.statement is not None:
            keys.append(Key("statement", str(self.statement)))
        return tuple(keys)

    def take_line(self, view: View, unit: str) -> tuple[Change, ...]:
        """The line is of that statement, of this place, and still free."""
        check_place(view, self.place, unit)
        if (self.line is None) != (self.statement is None):
            raise Rejected(Reason.MALFORMED, "line and statement go together", field="line")
        if self.line is None or self.statement is None:
            return ()
        statement = view.register("statement", str(self.statement))
        if statement is None or statement["place"] != self.place:
            raise Rejected(Reason.NO_SUCH_STATEMENT, field="statement", statement=self.statement)
        if view.register("line", self.line) is not None:
            raise Rejected(Reason.LINE_ALREADY_RECORDED, field="line")
        recorded = statement["recorded"] + 1
        if recorded > statement["new_lines"]:
            raise Rejected(Reason.STATEMENT_ALREADY_WHOLE, field="statement", statement=self.statement)
        return (
            Change("line", self.line, {"index": view.index, "place": self.place}),
            Change("statement", str(self.statement), {**statement, "recorded": recorded}),
        )


class MoneyFact(LineFact, frozen=True, kw_only=True):
    """Money that entered or left one place, said in one of two ways.

    Directly (`parts` is empty): the entry is the first word about this money; where a statement line
    shows it, `line` and `statement` name that line.
    Out of suspense (`parts` given): the place already has it, and the entry explains whole lines or
    parts of them; the parts add up to the amount. One line may be split over many entries and one entry
    may take many lines; what is left of a line is the balance of `suspense:<line>`.
    """

    parts: tuple[LinePart, ...]

    def moved(self) -> Amount:
        """How much entered or left the place."""
        raise NotImplementedError(type(self).__name__)

    def came_in(self, *purpose: Posting, source: str = "outside") -> tuple[Posting, ...]:
        """The postings of money that entered from `source`: what it is for, and where it lies now."""
        if not self.parts:
            return (*purpose, move(self.moved(), source, self.place))
        unit = self.moved().unit
        waiting = (move(Amount(part.minor, unit), f"suspense:{part.line}", "senders") for part in self.parts)
        onward = () if source == "outside" else (move(self.moved(), source, "outside"),)
        return (*waiting, *purpose, *onward)

    def went_out(self, *purpose: Posting, destination: str = "outside") -> tuple[Posting, ...]:
        """The postings of money that left for `destination`."""
        if not self.parts:
            return (*purpose, move(self.moved(), self.place, destination))
        unit = self.moved().unit
        waiting = (move(Amount(part.minor, unit), "senders", f"suspense:{part.line}") for part in self.parts)
        onward = () if destination == "outside" else (move(self.moved(), "outside", destination),)
        return (*waiting, *purpose, *onward)

    def line_reads(self) -> tuple[Key, ...]:
        return (*super().line_reads(), *(Key("line", part.line) for part in self.parts))

    def entered(self, view: View) -> tuple[Change, ...]:
        """Register rows of money that entered: the line taken, or the parts found waiting."""
        return self._explained(view, sign=1)

    def left(self, view: View) -> tuple[Change, ...]:
        """Register rows of money that left."""
        return self._explained(view, sign=-1)

    def _explained(self, view: View, *, sign: int) -> tuple[Change, ...]:
        moved = self.moved()
        if not self.parts:
            return self.take_line(view, moved.unit)
        check_place(view, self.place, moved.unit)
        if self.line is not None or self.statement is not None:
            raise Rejected(Reason.MALFORMED, "an entry takes a line or parts in suspense, not both", field="parts")
        if sum(part.minor for part in self.parts) != moved.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the parts do not add up to the amount", field="parts")
        if len({part.line for part in self.parts}) != len(self.parts):
            raise Rejected(Reason.MALFORMED, "a line is named twice", field="parts")
        for number, part in enumerate(self.parts):
            line = view.register("line", part.line)
            if line is None or line["place"] != self.place:
                raise Rejected(Reason.NO_SUCH_LINE, field=f"parts[{number}]")
            if sign * view.balance(f"suspense:{part.line}", moved.unit) < part.minor:
                raise Rejected(Reason.PARTS_DIFFER, "less than that waits in suspense", field=f"parts[{number}]")
        return ()


def persons_in(value: Any) -> Iterator[Person]:
    """Whatever has the form of a person in a JSON value."""
    if isinstance(value, dict):
        if value.keys() == {"seals", "tag"}:
            try:
                yield msgspec.convert(value, Person)
                return
            except msgspec.ValidationError:
                pass
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from persons_in(item)


def check_bound(view: View, bound: Bound) -> None:
    """The bound is the book right before this record; raises Rejected(NOT_THE_HEAD)."""
    if bound.size != view.index or bound.root != view.root().hex():
        raise Rejected(Reason.NOT_THE_HEAD, "not the book before this record", field="bound", size=view.index)


def check_leaf(view: View, index: int, leaf: str, *, field: str) -> EarlierRecord:
    """The record named by index and leaf hash; raises Rejected(NO_SUCH_RECORD or NOT_THE_RECORD)."""
    record = view.earlier(index)
    if record.leaf_hash.hex() != leaf:
        raise Rejected(Reason.NOT_THE_RECORD, "not the record named", field=field, index=index)
    return record


def check_place(view: View, place: str, unit: str) -> None:
    """The place account is open and keeps this unit."""
    known = view.register("place", place)
    if known is None:
        raise Rejected(Reason.NO_SUCH_PLACE, field="place", place=place)
    # A bank or cash place keeps its one currency, a store keeps goods of any kind.
    if known["unit"] != unit if "unit" in known else is_currency(unit):
        raise Rejected(Reason.UNIT_DIFFERS, field="amount", place=place, unit=unit)


def is_reversed(view: View, index: int) -> bool:
    """Whether a record is undone by a reversal that itself still holds."""
    row = view.register("reversed", str(index))
    return row is not None and bool(row["live"])


def needed(view: View, register: str, key: str, reason: Reason, *, field: str) -> dict[str, Any]:
    """A register row that must exist."""
    row = view.register(register, key)
    if row is None:
        raise Rejected(reason, field=field, **{register: key})
    return row


def split_shortfall(amount: Amount, source: str, destination: str, shortfall: Shortfall | None) -> tuple[Posting, ...]:
    """`source → destination`, the part named by `shortfall` taken from `shortfall:<fund>` instead."""
    if shortfall is None:
        return (move(amount, source, destination),)
    missing = Amount(shortfall.minor, amount.unit)
    covered = amount.minor - shortfall.minor
    short = move(missing, f"shortfall:{shortfall.fund}", destination)
    return (move(Amount(covered, amount.unit), source, destination), short) if covered else (short,)


def missing_part(view: View, account: str, amount: Amount, fund: str) -> Shortfall | None:
    """How much of `amount` the account does not have."""
    missing = amount.minor - max(view.balance(account, amount.unit), 0)
    return Shortfall(fund, missing) if missing > 0 else None
