"""Who gives, as the record may say it: by a tag; the rest lies in the vault.

A donor's tax code and contact are private values beside the name (`tax_code`, `phone`, `email`, `address`): never open.
Two registrations of one donor are put together by `donors_merged`: an alias in the register row ("donor", tag), which
whoever looks a donor up follows (`kept_as`), and which `donors_unmerged` takes back. No record is rewritten.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Index, Person, Sha256, View, is_reversed
from ledger.entries.foreign import Country
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftReceived
from ledger.money import PositiveMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class DonorRegistered(EntryBase, frozen=True, kw_only=True):
    """A donor whom the organisation knows and will write to."""

    title: ClassVar = ("Đăng ký người ủng hộ", "Donor registered")

    donor: Person
    donor_kind: Literal["person", "organisation", "foreign", "anonymous"]
    may_publish_name: bool
    """Consent of a person, or the regime's legal basis for an organisation."""
    country: Country | None = None
    """Of an organisation or a foreign body; never said of a person."""
    support_forms: tuple[Code, ...] | None = None
    """Forms of support that suit the donor, as they chose: money, goods, sponsorship, codes of activities."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("donor", self.donor.tag),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("donor", self.donor.tag) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="donor")
        if self.country is not None and self.donor_kind not in ("organisation", "foreign"):
            raise Rejected(Reason.MALFORMED, "only an organisation's country stands open", field="country")
        return (Change("donor", self.donor.tag, {"index": view.index}),)


class DonorsMerged(EntryBase, frozen=True, kw_only=True):
    """Two registrations are one donor: the alias is shown under the other, nothing is rewritten."""

    title: ClassVar = ("Gộp người ủng hộ trùng", "Donors merged")
    day_field: ClassVar = "merged_on"

    alias: Index
    """The registration that is shown under the other from here on."""
    donor: Index
    """The registration that is kept; itself no alias."""
    merged_on: date

    def changes(self, view: View) -> tuple[Change, ...]:
        alias, kept = registered(view, self.alias, field="alias"), registered(view, self.donor, field="donor")
        if self.alias == self.donor:
            raise Rejected(Reason.MALFORMED, "the same registration", field="alias")
        row, under = view.register("donor", alias) or {}, view.register("donor", kept) or {}
        if "alias_of" in row:
            raise Rejected(Reason.ALREADY_EXISTS, "it is an alias already", field="alias")
        if "alias_of" in under:
            raise Rejected(Reason.NOT_THE_RECORD, "it is an alias itself", field="donor")
        return (Change("donor", alias, {**row, "alias_of": kept}),)


class DonorsUnmerged(EntryBase, frozen=True, kw_only=True):
    """A registration stands by itself again."""

    title: ClassVar = ("Tách người ủng hộ đã gộp", "Donors unmerged")
    day_field: ClassVar = "unmerged_on"

    alias: Index
    """The registration that was an alias."""
    unmerged_on: date

    def changes(self, view: View) -> tuple[Change, ...]:
        alias = registered(view, self.alias, field="alias")
        row = view.register("donor", alias) or {}
        if "alias_of" not in row:
            raise Rejected(Reason.NOT_THE_RECORD, "it is no alias", field="alias")
        return (Change("donor", alias, {"index": row["index"]}),)


class ConsentGiven(EntryBase, frozen=True, kw_only=True):
    """A donor agreed that their name is published with their gifts."""

    title: ClassVar = ("Đồng ý công khai tên", "Consent given")
    day_field: ClassVar = "given_on"

    consent_sha256: Sha256
    """Of the paper or message in which they agreed."""
    donor: Index
    """The donor's registration."""
    given_on: date

    def changes(self, view: View) -> tuple[Change, ...]:
        return _consented(view, self.donor, True)


class ConsentWithdrawn(EntryBase, frozen=True, kw_only=True):
    """A donor wants their name no longer published. What was published before stays what it was."""

    title: ClassVar = ("Rút đồng ý công khai tên", "Consent withdrawn")
    day_field: ClassVar = "withdrawn_on"

    donor: Index
    """The donor's registration."""
    withdrawn_on: date

    def changes(self, view: View) -> tuple[Change, ...]:
        return _consented(view, self.donor, False)


class Credit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who is to be thanked for a part of a gift: a member, a class of pupils, a team. Who it is lies in the vault."""

    minor: PositiveMinor
    person: Person
    """Who it is; the name lies in the vault."""


class CreditsListed(EntryBase, frozen=True, kw_only=True):
    """Who stood behind a collective gift (ghi nhận công vận động). It moves nothing and is never added to money.

    The newest list of a gift holds; an empty one takes the credits back.
    """

    title: ClassVar = ("Ghi nhận công vận động", "Credits listed")
    day_field: ClassVar = "listed_on"

    credits: tuple[Credit, ...]
    """Together at most the gift."""
    gift: Index
    """The record of the gift."""
    listed_on: date
    part: Index | None = None
    """Which envelope of a sheet or gift of a batch, from 0."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("credits", self.gift_key()), Key("reversed", str(self.gift)))

    def gift_key(self) -> str:
        """The register key of «the newest list of this gift»."""
        return str(self.gift) if self.part is None else f"{self.gift}/{self.part}"

    def persons(self) -> Iterator[Person]:
        return (credit.person for credit in self.credits)

    def changes(self, view: View) -> tuple[Change, ...]:
        given = given_minor(view.earlier(self.gift).entry, self.part)
        if given is None:
            raise Rejected(Reason.NOT_A_GIFT, field="gift", index=self.gift)
        if is_reversed(view, self.gift):
            raise Rejected(Reason.GIFT_TAKEN_BACK, field="gift", index=self.gift)
        if sum(credit.minor for credit in self.credits) > given:
            raise Rejected(Reason.PARTS_DIFFER, "more credits than the gift", field="credits")
        return (Change("credits", self.gift_key(), {"index": view.index}),)


def given_minor(gift: EntryBase, part: int | None) -> int | None:
    """How much a gift, or one part of a sheet or batch, was; None for what is no gift."""
    if isinstance(gift, GiftReceived):
        return gift.amount.minor if part is None else None
    if isinstance(gift, CashSheetReceived | GatewaySettled) and part is not None:
        parts = gift.envelopes if isinstance(gift, CashSheetReceived) else gift.gifts
        return parts[part].minor if part < len(parts) else None
    return None


def registered(view: View, index: int, *, field: str) -> str:
    """The tag of a donor's registration; raises Rejected(NOT_THE_RECORD)."""
    entry = view.earlier(index).entry
    if not isinstance(entry, DonorRegistered):
        raise Rejected(Reason.NOT_THE_RECORD, "no registration of a donor", field=field, index=index)
    return entry.donor.tag


def _consented(view: View, donor: int, live: bool) -> tuple[Change, ...]:
    tag = registered(view, donor, field="donor")
    row = view.register("consent", tag)
    if not live and row is not None and not row["live"]:
        raise Rejected(Reason.NOT_THE_RECORD, "there is no consent to withdraw", field="donor")
    return (Change("consent", tag, {"index": view.index, "live": live}),)


def kept_as(rows: Mapping[str, Mapping[str, Any]], tag: str) -> str:
    """The tag that a registration is shown under: the end of its aliases. `rows` is the register «donor»."""
    while (over := rows.get(tag, {}).get("alias_of")) is not None:
        tag = str(over)
    return tag
