"""Targets of the plans, and the statistics that others report against them.

A share means nothing without its denominator and the denominator's day: a target in percent, or a result of one,
that does not say both is refused. What may not be published (abuse, HIV) is reported sealed: the figures lie in the
vault, and the record only says that there is a report.
"""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Person, Sha256, Title, View, needed
from ledger.money import Minor, PositiveMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

SHARES = {"percent": 100, "per_100000": 100_000}
"""Units that are a share of a denominator, and the whole they are parts of."""


class Denominator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a share is a share of, as it stood on a day."""

    as_of: date
    """Day on which it is counted."""
    name: Title


class TargetSet(EntryBase, frozen=True, kw_only=True):
    """A plan's target. The same code again replaces it, from that record on."""

    title: ClassVar = ("Đặt chỉ tiêu", "Target set")

    by_on: date
    """Day by which it is to be reached."""
    programme: Code
    sense: Literal["at_least", "at_most", "falls"]
    """`falls`: less than before, without a number."""
    sensitive: bool
    """Its figures are not published."""
    target: Code
    """Code of the target."""
    unit: Literal["percent", "per_100000", "count"]
    what: Title
    denominator: Denominator | None = None
    """What a share is a share of; must be named where the unit is one."""
    value: Minor | None = None
    """In `unit`; absent where it only falls."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("programme", self.programme), Key("target", self.target))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        if self.unit in SHARES and self.denominator is None:
            raise Rejected(Reason.NO_DENOMINATOR, field="denominator")
        if (self.value is None) != (self.sense == "falls"):
            raise Rejected(Reason.MALFORMED, "a value, or that it falls", field="value")
        if self.value is not None and self.value > SHARES.get(self.unit, self.value):
            raise Rejected(Reason.MALFORMED, "more than the whole", field="value")
        value = {
            "by_on": self.by_on.isoformat(),
            "denominator": msgspec.to_builtins(self.denominator),
            "index": view.index,
            "programme": self.programme,
            "sense": self.sense,
            "sensitive": self.sensitive,
            "unit": self.unit,
            "value": self.value,
            "what": self.what,
        }
        return (Change("target", self.target, value),)


class StatisticReported(EntryBase, frozen=True, kw_only=True):
    """A result somebody reported for a target; of one day again, it replaces the earlier one.

    Open: numerator, and denominator where the target is a share. Sealed (`figures`): both lie in the vault.
    """

    title: ClassVar = ("Số liệu chỉ tiêu", "Statistic reported")
    day_field: ClassVar = "reported_on"

    as_of: date
    """The day numerator and denominator were counted."""
    reported_on: date
    source: Title
    """Who reports it."""
    source_sha256: Sha256
    """Of the report it stands in."""
    target: Code
    """Code of the target."""
    denominator: PositiveMinor | None = None
    """How many there were; must be said of a share."""
    figures: Person | None = None
    """Numerator and denominator, sealed: the only way for figures that are not published."""
    numerator: Minor | None = None
    """How many of them."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("target", self.target),)

    def changes(self, view: View) -> tuple[Change, ...]:
        target = needed(view, "target", self.target, Reason.NO_SUCH_TARGET, field="target")
        if self.as_of > self.reported_on:
            raise Rejected(Reason.MALFORMED, "reported before it was counted", field="as_of")
        if self.figures is None:
            self._check_open(target["unit"], sensitive=target["sensitive"])
        elif self.numerator is not None or self.denominator is not None:
            raise Rejected(Reason.UNPUBLISHED_FIGURE, "open and sealed at once", field="figures")
        key = f"{self.target}/{self.as_of.isoformat()}"
        return (Change("statistic", key, {"index": view.index}),)

    def _check_open(self, unit: str, *, sensitive: bool) -> None:
        if sensitive:
            raise Rejected(Reason.UNPUBLISHED_FIGURE, field="numerator")
        if self.numerator is None:
            raise Rejected(Reason.MALFORMED, "a numerator, or sealed figures", field="numerator")
        if unit in SHARES and self.denominator is None:
            raise Rejected(Reason.NO_DENOMINATOR, field="denominator")
        if unit == "percent" and self.denominator is not None and self.numerator > self.denominator:
            raise Rejected(Reason.MALFORMED, "more than the whole", field="numerator")
