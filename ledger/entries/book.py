"""The book itself: opened, its own places, what was carried over, its clock, its witnesses and keys, its end."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.accounts import Code, Place, Posting, move
from ledger.days import Instant
from ledger.entries.base import EntryBase, Index, Origin, Sha256, Title, View, check_place, needed
from ledger.entries.lots import Brought, lot_keys, lots_in, open_lots, relisted
from ledger.log import replacement
from ledger.log.note import NoteRejected, VerifierKey
from ledger.log.policy import PolicyRejected, parse_policy
from ledger.money import Amount, Currency, PositiveMinor, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

MINIMUM_K = 5
PRO_RATA = "pro_rata"
MAX_POLICY_LINES = 50
CLOCK = Key("clock", "clamped")
"""The register row of the last instant that the machine's clock fell behind."""
KEY = Key("book", "key")
"""The register row of the log key in force once one was replaced; before that it is record 0's."""
WITNESSES = Key("book", "witnesses")
"""The register row of the witness policy in force."""
CLOSED = Key("book", "closed")
"""The register row of a book that takes no more records."""
CLOSED_KEY = "closed-key"
"""The register of log keys that were replaced: vkey → the record that did it."""

Vkey = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
# 64 bytes in base64 (RFC 4648 section 4).
SignatureText = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]{86}==$(?!\n)")]
# Long enough for a witness with an ML-DSA-44 key (1,752 characters of base64), its name and its address.
PolicyLine = Annotated[str, msgspec.Meta(min_length=1, max_length=2_300, pattern="^[ -~]+$(?!\n)")]


class BookOpened(EntryBase, frozen=True, kw_only=True):
    """The first record: whose book this is, under which key, calendar and rules it is kept."""

    title: ClassVar = ("Mở sổ", "Book opened")

    name: Title
    origin: Origin
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
    # The book says it by itself.
    asks_approval: ClassVar = False

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
    expires_on: date | None = None
    """The last day on which the goods may be handed out."""
    lot: Code | None = None
    """The lot, for goods kept by lot: one entry a lot."""

    def _lot(self) -> Brought:
        return Brought(self.amount.unit, self.amount.minor, self.lot, self.expires_on)

    def postings(self) -> tuple[Posting, ...]:
        return (
            move(self.amount, "brought", f"fund:{self.fund}"),
            move(self.amount, "outside", self.place),
            *lots_in((self._lot(),)),
        )

    def reads(self) -> tuple[Key, ...]:
        return (Key("place", self.place), Key("fund", self.fund), *lot_keys(self.place, (self._lot(),)))

    def changes(self, view: View) -> tuple[Change, ...]:
        check_place(view, self.place, self.amount.unit)
        if not is_currency(self.amount.unit):
            needed(view, "goods", self.amount.unit, Reason.NO_SUCH_GOODS, field="amount")
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        if self.gifts and sum(gift.minor for gift in self.gifts) != self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the open gifts do not add up to the balance", field="gifts")
        if not is_currency(self.amount.unit):
            return open_lots(view, self.place, (self._lot(),), field=None)
        if self.lot is not None or self.expires_on is not None:
            raise Rejected(Reason.MALFORMED, "money has no lot", field="lot")
        return ()

    def redone(self, view: View) -> tuple[Change, ...]:
        return () if self.lot is None else relisted(view, self.place, self.amount.unit, (self.lot,))


class TracingSet(EntryBase, frozen=True, kw_only=True):
    """By which rule money and goods of a fund are followed to their use in one year (by money day).

    Without one it is first in, first out. The rule of a year is set once, before the year begins: what a donor was told
    is not followed anew.
    """

    title: ClassVar = ("Chọn quy tắc phân bổ", "Tracing rule set")

    fund: Code
    rule: Literal["fifo", "pro_rata"]
    """First in, first out; or of all lots in proportion."""
    year: Annotated[int, msgspec.Meta(ge=1900, le=9999)]
    """The year of the money day."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("fund", self.fund), Key("tracing", f"{self.fund}/{self.year}"))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        key = f"{self.fund}/{self.year}"
        if view.register("tracing", key) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, "the rule of a year is set once", field="year")
        if self.year <= view.today.year:
            raise Rejected(Reason.MALFORMED, "a rule is set before its year begins", field="year")
        return (Change("tracing", key, {"index": view.index, "rule": self.rule}),)


class WitnessesSet(EntryBase, frozen=True, kw_only=True):
    """Who must have witnessed this book's checkpoints from now on (C2SP tlog-policy)."""

    title: ClassVar = ("Đặt bên làm chứng", "Witnesses set")

    policy: tuple[PolicyLine, ...]
    """At most 50 lines of a policy file, without logs and comments; none when the book has no witnesses."""

    def reads(self) -> tuple[Key, ...]:
        return (WITNESSES,)

    def changes(self, view: View) -> tuple[Change, ...]:
        if len(self.policy) > MAX_POLICY_LINES:
            raise Rejected(Reason.POLICY_INVALID, f"more than {MAX_POLICY_LINES} lines", field="policy")
        if self.policy:
            try:
                policy = parse_policy("\n".join(self.policy) + "\n")
            except PolicyRejected as error:
                raise Rejected(Reason.POLICY_INVALID, str(error), field="policy") from error
            if policy.logs or any(line.lstrip().startswith("#") for line in self.policy):
                raise Rejected(Reason.POLICY_INVALID, "neither logs nor comments stand here", field="policy")
        return (Change(*WITNESSES, {"index": view.index, "policy": list(self.policy)}),)


class KeyReplaced(EntryBase, frozen=True, kw_only=True):
    """A new log key takes the place of the one in force (ledger/log/replacement.py says what is signed).

    At index i: the old key signs checkpoints of sizes up to i+1, the new key those from i+1 on.
    """

    title: ClassVar = ("Thay khóa ký sổ", "Log key replaced")
    # The keys' own signatures approve it, and a key in other hands cannot wait.
    asks_approval: ClassVar = False

    compromised: bool
    """The old key may be in other hands: what it signs from here on proves nothing."""
    new_key: Vkey
    new_signature: SignatureText
    """Of the new key over the statement of replacement: whoever replaces has it."""
    old_key: Vkey
    old_signature: SignatureText | None = None
    """Of the old key over the same statement; may be absent when the old key is compromised."""

    def reads(self) -> tuple[Key, ...]:
        return (KEY, Key(CLOSED_KEY, self.new_key))

    def changes(self, view: View) -> tuple[Change, ...]:
        opened = view.earlier(0).entry
        if not isinstance(opened, BookOpened):
            raise Rejected(Reason.BOOK_NOT_OPEN)
        row = view.register(*KEY)
        if self.old_key != (opened.public_key if row is None else row["vkey"]):
            raise Rejected(Reason.KEY_DIFFERS, "not the key in force", field="old_key")
        if self.new_key == self.old_key or view.register(CLOSED_KEY, self.new_key) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, "a key is used once", field="new_key")
        old = _log_key(self.old_key, opened.origin, field="old_key")
        new = _log_key(self.new_key, opened.origin, field="new_key")
        said = replacement.statement(opened.origin, self.old_key, self.new_key, compromised=self.compromised)
        _check_signature(new, said, self.new_signature, field="new_signature")
        if self.old_signature is not None:
            _check_signature(old, said, self.old_signature, field="old_signature")
        elif not self.compromised:
            raise Rejected(Reason.SIGNATURE_INVALID, "the old key must have signed", field="old_signature")
        return (
            Change(*KEY, {"index": view.index, "vkey": self.new_key}),
            Change(CLOSED_KEY, self.old_key, {"index": view.index}),
        )


def _log_key(vkey: str, origin: str, *, field: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(vkey)
    except NoteRejected as error:
        raise Rejected(Reason.MALFORMED, str(error), field=field) from error
    if key.name != origin:
        raise Rejected(Reason.MALFORMED, "the key's name is not the book's origin", field=field)
    return key


def _check_signature(key: VerifierKey, said: bytes, signature: str, *, field: str) -> None:
    try:
        replacement.verify(key, said, signature)
    except NoteRejected as error:
        raise Rejected(Reason.SIGNATURE_INVALID, str(error), field=field) from error


class Restored(EntryBase, frozen=True, kw_only=True):
    """The book was put back from a backup that lacked records already signed for; these were recorded again."""

    title: ClassVar = ("Khôi phục từ bản sao lưu", "Restored from a backup")
    # Until it is said, nothing else can be.
    asks_approval: ClassVar = False
    day_field: ClassVar = "restored_on"

    backup_size: Index
    """How many records the backup had."""
    minutes_sha256: Sha256
    officers: tuple[Code, ...]
    """The two who vouch for it: two different actors."""
    restored_on: date
    signed_root: Sha256
    """Root of the last checkpoint that was signed before."""
    signed_size: Index
    """Its size: greater than the backup's, and the book has at least as many records again."""

    def changes(self, view: View) -> tuple[Change, ...]:
        _check_officers(self.officers)
        if not self.backup_size < self.signed_size <= view.index:
            raise Rejected(Reason.MALFORMED, "backup_size < signed_size <= index", field="signed_size")
        value = {"backup_size": self.backup_size, "signed_root": self.signed_root, "signed_size": self.signed_size}
        return (Change("restored", str(view.index), value),)


class BookClosed(EntryBase, frozen=True, kw_only=True):
    """The book ends here: no record follows."""

    title: ClassVar = ("Khóa sổ vĩnh viễn", "Book closed for good")
    day_field: ClassVar = "closed_on"

    closed_on: date
    minutes_sha256: Sha256
    officers: tuple[Code, ...]
    """The two who close it: two different actors."""
    why: Title
    successor: Origin | None = None
    """Origin of the book that goes on from here."""

    def reads(self) -> tuple[Key, ...]:
        return (CLOSED,)

    def changes(self, view: View) -> tuple[Change, ...]:
        _check_officers(self.officers)
        value: dict[str, object] = {"index": view.index}
        if self.successor is not None:
            value["successor"] = self.successor
        return (Change(*CLOSED, value),)


def _check_officers(officers: tuple[str, ...]) -> None:
    # One person in capitals is not a second one.
    if len(officers) != 2 or len({code.casefold() for code in officers}) != 2:
        raise Rejected(Reason.NEEDS_TWO_OFFICERS, "two different officers", field="officers")


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
