"""Funds (nguồn) and what their money may be used for."""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from ledger.accounts import Code, Place, Posting, move
from ledger.entries.base import EntryBase, Title, View, needed
from ledger.entries.book import refuse_alike, skeleton
from ledger.money import Amount
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


class FundOpened(EntryBase, frozen=True, kw_only=True):
    """A pool of money and goods of one restriction and one source."""

    title: ClassVar = ("Mở nguồn", "Fund opened")

    fund: Code
    name: Title
    source: Literal["gift", "budget", "mttq", "interest", "mixed"]
    restriction: Restriction
    places: tuple[Place, ...]
    """The places its money may lie at; none named means any."""

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
