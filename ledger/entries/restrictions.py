"""Funds (nguồn) and what their money may be used for."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code, Place, Posting, code, move, root
from ledger.entries.base import EntryBase, Index, Sha256, Title, View, is_reversed, needed
from ledger.entries.book import refuse_alike, skeleton
from ledger.money import Amount, is_currency
from ledger.places import CommuneCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class Restriction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What donors allowed; an empty tuple means no restriction of that sort."""

    activities: tuple[Code, ...]
    classes: tuple[Code, ...]
    communes: tuple[CommuneCode, ...]
    from_on: date | None = None
    to_on: date | None = None


class AdminCap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a fund may pay for management: management expenses and bank fees together, a unit at a time."""

    base: Literal["received", "used"]
    """What it is a share of: the money received from donors since the fund was opened, less what went back to them,
    or the money used: delivered, granted, or turned into goods."""
    permille: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    """Thousandths of the base; 0 when nothing may be taken."""


class FundOpened(EntryBase, frozen=True, kw_only=True):
    """A pool of money and goods of one restriction and one source."""

    title: ClassVar = ("Mở nguồn", "Fund opened")

    fund: Code
    name: Title
    source: Literal["gift", "budget", "mttq", "interest", "mixed"]
    restriction: Restriction
    places: tuple[Place, ...]
    """The places its money may lie at; none named means any."""
    admin_cap: AdminCap | None = None
    """The share of it that may pay for management; disclosed by standing here."""

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("fund", self.fund),
            Key("alike", skeleton("fund:" + self.fund)),
            *(Key("place", p) for p in self.places),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        taken = view.register("fund", self.fund) is not None
        refuse_alike(view, "fund:" + self.fund, taken=taken, field="fund")
        for place in self.places:
            needed(view, "place", place, Reason.NO_SUCH_PLACE, field="places")
        window = self.restriction
        if window.from_on is not None and window.to_on is not None and window.from_on > window.to_on:
            raise Rejected(Reason.MALFORMED, "the window ends before it begins", field="restriction.to_on")
        value = {
            "index": view.index,
            "places": list(self.places),
            "restriction": msgspec.to_builtins(self.restriction),
            "source": self.source,
        }
        if self.admin_cap is not None:
            value["admin_cap"] = msgspec.to_builtins(self.admin_cap)
        alike = skeleton("fund:" + self.fund)
        return (Change("fund", self.fund, value), Change("alike", alike, {"code": "fund:" + self.fund}))


class ShortfallCovered(EntryBase, frozen=True, kw_only=True):
    """Money of a fund makes good what a fact took from it before it was there."""

    title: ClassVar = ("Bù phần thiếu của nguồn", "Shortfall covered")

    fund: Code
    amount: Amount
    from_fund: Code
    """The fund that pays: the same fund once it has money again, or an unrestricted one."""

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"fund:{self.from_fund}", f"shortfall:{self.fund}"),)

    def reads(self) -> tuple[Key, ...]:
        return (Key("fund", self.fund), Key("fund", self.from_fund))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        payer = needed(view, "fund", self.from_fund, Reason.NO_SUCH_FUND, field="from_fund")
        if self.from_fund != self.fund and any(payer["restriction"].get(part) for part in PARTS):
            raise Rejected(Reason.OUTSIDE_RESTRICTION, "only an unrestricted fund may help another", field="from_fund")
        if self.from_fund != self.fund:
            refuse_shortfall(view, self.from_fund, self.amount.unit)
        if view.balance(f"shortfall:{self.fund}", self.amount.unit) + self.amount.minor > 0:
            raise Rejected(Reason.PARTS_DIFFER, "more than the shortfall", field="amount")
        return ()


class RestrictionVaried(EntryBase, frozen=True, kw_only=True):
    """Money of one fund goes to another purpose than its donors set, because they agreed to it.

    Without `gift` the consent is that of the fund's donors (or of the board, where they cannot be asked and their terms
    say so); with it, of that gift's donor, and no more of the gift is varied than was given and not refunded.
    """

    title: ClassVar = ("Điều chỉnh mục đích sử dụng", "Restriction varied")
    day_field: ClassVar = "varied_on"
    two_persons: ClassVar = True

    amount: Amount
    consent_sha256: Sha256
    """Of the signed consent (văn bản đồng ý của nhà tài trợ)."""
    fund: Code
    """The fund it leaves."""
    to_fund: Code
    """The fund it goes to."""
    varied_on: date
    gift: Index | None = None
    """The record of the gift whose donor consented."""

    def postings(self) -> tuple[Posting, ...]:
        return (move(self.amount, f"fund:{self.fund}", f"fund:{self.to_fund}"),)

    def reads(self) -> tuple[Key, ...]:
        keys = (
            Key("fund", self.fund),
            Key("fund", self.to_fund),
            tally_key(self.fund, self.amount.unit),
            tally_key(self.to_fund, self.amount.unit),
        )
        if self.gift is None:
            return keys
        return (*keys, Key("refunded", str(self.gift)), Key("reversed", str(self.gift)))

    def changes(self, view: View) -> tuple[Change, ...]:
        fund = needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        to_fund = needed(view, "fund", self.to_fund, Reason.NO_SUCH_FUND, field="to_fund")
        if self.to_fund == self.fund:
            raise Rejected(Reason.MALFORMED, "the same fund", field="to_fund")
        if to_fund["places"] and not set(fund["places"] or ("",)) <= set(to_fund["places"]):
            raise Rejected(Reason.PLACE_NOT_OF_FUND, "its money may lie elsewhere", field="to_fund")
        refuse_shortfall(view, self.fund, self.amount.unit)
        return (*tallied(view, self.postings()), *self._varied(view, 1))

    def undone(self, view: View) -> tuple[Change, ...]:
        return (*tallied(view, swapped(self.postings())), *self._varied(view, -1))

    def redone(self, view: View) -> tuple[Change, ...]:
        return (*tallied(view, self.postings()), *self._varied(view, 1))

    def _varied(self, view: View, sign: int) -> tuple[Change, ...]:
        if self.gift is None:
            return ()
        gift = view.earlier(self.gift).entry
        amount = getattr(gift, "amount", None)
        if (
            gift.kind not in ("gift_received", "cash_sheet_received", "grant_received")
            or getattr(gift, "fund", None) != self.fund
            or not isinstance(amount, Amount)
            or amount.unit != self.amount.unit
        ):
            raise Rejected(Reason.NOT_A_GIFT, field="gift", index=self.gift)
        if is_reversed(view, self.gift):
            raise Rejected(Reason.GIFT_TAKEN_BACK, field="gift", index=self.gift)
        row = view.register("refunded", str(self.gift)) or {"minor": 0}
        varied = row.get("varied", 0) + sign * self.amount.minor
        if varied + row["minor"] > amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "more than is left of the gift", field="amount")
        return (Change("refunded", str(self.gift), {**row, "varied": varied}),)


PARTS = ("activities", "classes", "communes")


def check_use(
    fund: dict[str, object], view: View, *, activity: str | None, communes: tuple[str, ...], on: date
) -> None:
    """A use of a fund stays within its restriction; raises Rejected(OUTSIDE_RESTRICTION) naming the part."""
    restriction = msgspec.convert(fund["restriction"], Restriction)
    if restriction.activities and activity not in restriction.activities:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, field="activity", activity=activity)
    outside = [commune for commune in communes if commune not in restriction.communes]
    if restriction.communes and (outside or not communes):
        raise Rejected(Reason.OUTSIDE_RESTRICTION, field="communes", communes=",".join(outside) or "none named")
    if (restriction.from_on is not None and on < restriction.from_on) or (
        restriction.to_on is not None and on > restriction.to_on
    ):
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "outside the fund's time window", field="day", day=on)


def check_fund_place(fund: dict[str, object], place: str) -> None:
    """The fund may keep money at this place."""
    places = fund["places"]
    if isinstance(places, list) and places and place not in places:
        raise Rejected(Reason.PLACE_NOT_OF_FUND, field="place", place=place)


def refuse_shortfall(view: View, fund: str, unit: str) -> None:
    """No new decision on a fund that facts have overdrawn."""
    missing = view.balance(f"shortfall:{fund}", unit)
    if missing < 0:
        raise Rejected(Reason.SHORTFALL_OPEN, field="fund", fund=fund, short_by_minor=-missing)


# --- the cap on management costs: what is kept of a fund that has one ----------------------------------


TALLY = "tally"
"""The register of what is kept of funds with a cap, by `fund/currency`."""


def tally_key(fund: str, unit: str) -> Key:
    """The register row of what a fund with a cap received, used and spent on management, in one currency."""
    return Key(TALLY, f"{fund}/{unit}")


def swapped(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The postings as a reversal moves them."""
    return tuple(posting.swapped() for posting in postings)


def tallied(view: View, postings: Iterable[Posting]) -> tuple[Change, ...]:
    """What these postings add to the rows `tally_key` of funds that have a cap; nothing for all other funds.

    Every kind that moves money of donors, of management or into use gives its postings here, so that the cap is
    checked by looking at one row.
    """
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for posting in postings:
        if not is_currency(posting.amount.unit):
            continue
        for base, fund, sign in _tallies(view, posting):
            row = view.register("fund", fund)
            if row is not None and "admin_cap" in row:
                sum_of = sums.setdefault((fund, posting.amount.unit), {})
                sum_of[base] = sum_of.get(base, 0) + sign * posting.amount.minor
    return tuple(_added(view, tally_key(*key), moved) for key, moved in sorted(sums.items()))


def _tallies(view: View, posting: Posting) -> Iterable[tuple[str, str, int]]:
    for account, other, sign in (
        (posting.destination, posting.source, 1),
        (posting.source, posting.destination, -1),
    ):
        name, beside = root(account), root(other)
        if name == "fund" and beside in ("donors", "fund"):
            yield "received", code(account), sign
        elif name == "costs":
            yield "costs", code(account), sign
        elif name == "used":
            yield "used", _fund_of(view, code(account)), sign
        elif name == "exchange-purpose" and beside in ("handed", "allocated"):
            allocation = code(other)
            if beside == "handed":
                allocation = (view.register("handed", allocation) or {}).get("allocation", "")
            yield "used", _fund_of(view, allocation), sign


def _fund_of(view: View, allocation: str) -> str:
    return str((view.register("allocation", allocation) or {}).get("fund", ""))


def _added(view: View, key: Key, moved: dict[str, int]) -> Change:
    row = view.register(*key) or {"costs": 0, "received": 0, "used": 0}
    return Change(*key, {base: minor + moved.get(base, 0) for base, minor in row.items()})


def over_cap(fund: dict[str, Any], tally: dict[str, Any]) -> int:
    """By how much (`minor`) management took more of a fund than its cap; negative for what may still be taken."""
    cap = fund["admin_cap"]
    return int(tally["costs"]) - int(tally[cap["base"]]) * int(cap["permille"]) // 1000


def check_cap(fund: dict[str, Any], changes: tuple[Change, ...]) -> None:
    """A decision stays within its fund's cap, as its own `tallied` changes leave it; raises OUTSIDE_RESTRICTION."""
    for change in changes:
        over = over_cap(fund, change.value)
        if over > 0:
            raise Rejected(
                Reason.OUTSIDE_RESTRICTION,
                "more than the fund's cap on management costs",
                field="amount",
                over_by_minor=over,
                permille=fund["admin_cap"]["permille"],
                base=fund["admin_cap"]["base"],
            )
