"""Gifts in foreign money and from abroad: what a sum was worth on its day, and who approved that aid is taken.

Whether aid from abroad needs an approval is no code but dated data, ledger/data/aid_approval.csv: the regime, the days
on which the law asks for it (`valid_from` to `valid_to`, both included), and the day from which records are held to it
(`applied_from`). A row added later starts to apply on a later day, so every book kept before still replays.
"""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from ledger.entries.base import Title, View, needed
from ledger.money import PositiveMinor
from ledger.refusals import Reason, Rejected

Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$(?!\n)")]
"""ISO 3166-1 alpha-2: two capitals."""


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a sum of foreign money was worth on one day. Kept as it was said; nothing is valued anew afterwards."""

    rate_on: date
    """The day of the rate."""
    source: Title
    """Whose rate it was."""
    vnd_minor: PositiveMinor
    """The whole amount in đồng."""

    def check(self, view: View, unit: str) -> None:
        """Raises Rejected(UNIT_DIFFERS) for đồng and Rejected(DAY_IN_FUTURE)."""
        if unit == "VND":
            raise Rejected(Reason.UNIT_DIFFERS, "đồng needs no rate", field="rate")
        if self.rate_on > view.today:
            raise Rejected(Reason.DAY_IN_FUTURE, field="rate.rate_on", day=self.rate_on)


class ForeignAid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something came from abroad: from which country, and who approved that it is taken."""

    country: Country
    """The donor's country; never VN."""
    approval: Title | None = None
    """Number and body of the decision that approved the aid."""
    approved_on: date | None = None
    """Day of that decision; goes with `approval`."""

    def check(self, view: View, received_on: date) -> None:
        """Raises Rejected(AID_NOT_APPROVED) where the book's regime asks for an approval that is not named here.

        Also Rejected(MALFORMED, DAY_IN_FUTURE). Reads the register row ("book", "opened").
        """
        if self.country == "VN":
            raise Rejected(Reason.MALFORMED, "not abroad", field="foreign.country")
        if (self.approval is None) != (self.approved_on is None):
            raise Rejected(Reason.MALFORMED, "an approval has its day", field="foreign.approved_on")
        if self.approved_on is not None and self.approved_on > view.today:
            raise Rejected(Reason.DAY_IN_FUTURE, field="foreign.approved_on", day=self.approved_on)
        regime = needed(view, "book", "opened", Reason.BOOK_NOT_OPEN, field="book")["regime"]
        law = approval_needed(regime, received_on=received_on, recorded_on=view.today)
        if law is not None and self.approval is None:
            raise Rejected(Reason.AID_NOT_APPROVED, field="foreign.approval", law=law)


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """One row of ledger/data/aid_approval.csv."""

    regime: str
    valid_from: date
    valid_to: date | None
    applied_from: date
    law: str


@cache
def approval_rules() -> tuple[ApprovalRule, ...]:
    """Every rule, in the file's order."""
    text = files("ledger").joinpath("data", "aid_approval.csv").read_text(encoding="utf-8")
    return tuple(
        ApprovalRule(
            row["regime"],
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            date.fromisoformat(row["applied_from"]),
            row["law"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def approval_needed(regime: str, *, received_on: date, recorded_on: date) -> str | None:
    """The law that asks for an approval of aid received and recorded on these days, or None."""
    for rule in approval_rules():
        holds = rule.valid_from <= received_on and (rule.valid_to is None or received_on <= rule.valid_to)
        if rule.regime == regime and holds and rule.applied_from <= recorded_on:
            return rule.law
    return None
