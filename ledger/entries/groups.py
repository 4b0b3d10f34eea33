"""Groups of children in records: open when they are large enough, sealed when they are not (DESIGN 7).

Commune, activity, class and head count of a group may stand open only for at least k children (`k` of
`book_opened`), a class never when it is a sensitive one. Of a smaller group a record says the province, the
general activity and the month; the rest are commitments, and what they seal lies in the vault.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import msgspec

from ledger.accounts import Code
from ledger.entries.base import Person, View, needed
from ledger.entries.catalogue import ProgrammeOpened, class_on, commune_listed
from ledger.entries.restrictions import Restriction, check_use
from ledger.places import CommuneCode, ProvinceCode
from ledger.refusals import Reason, Rejected

Heads = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class OpenScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where, what and how many: may stand open only for a group of at least k children."""

    activity: Code
    commune: CommuneCode
    heads: Heads


class HiddenScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a smaller group: the province stands open, the rest are commitments into the vault."""

    detail: Person
    province: ProvinceCode


def check_one_scope(scope: object, hidden: object, *, field: str = "scope") -> None:
    """Either an open or a hidden scope; raises Rejected(MALFORMED)."""
    if (scope is None) == (hidden is None):
        raise Rejected(Reason.MALFORMED, "either an open or a hidden scope", field=field)


def check_month(day: date, *, field: str) -> None:
    """What is said of a small group names its month by the first day; raises Rejected(SMALL_GROUP_OPEN)."""
    if day.day != 1:
        raise Rejected(Reason.SMALL_GROUP_OPEN, "what is hidden names its month only", field=field)


def check_heads(view: View, heads: int, *, field: str) -> int:
    """At least k children; returns k. Raises Rejected(SMALL_GROUP_OPEN)."""
    k = int(needed(view, "book", "opened", Reason.BOOK_NOT_OPEN, field="book")["k"])
    if heads < k:
        raise Rejected(Reason.SMALL_GROUP_OPEN, "fewer children than may stand open", field=field, k=k)
    return k


def refuse_open(said: dict[str, Any]) -> None:
    """None of these fields may be said beside a hidden scope; raises Rejected(SMALL_GROUP_OPEN) naming the first."""
    for field, value in said.items():
        if value:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "of a small group this goes into the vault", field=field)


def check_hidden_use(view: View, fund: dict[str, Any], *, on: date) -> None:
    """What the open word of a hidden use can be held to: the fund's time window.

    Its activities, communes and classes bind too, but only the vault shows that they were kept (report `eligibility`).
    """
    told = msgspec.convert(fund["restriction"], Restriction)
    window = Restriction((), (), (), told.from_on, told.to_on)
    check_use({**fund, "restriction": msgspec.to_builtins(window)}, view, activity=None, communes=(), on=on)


def open_classes(view: View, classes: tuple[str, ...], *, on: date, field: str) -> tuple[str, ...]:
    """These classes are listed and none is sensitive; raises Rejected(NO_SUCH_CLASS or SMALL_GROUP_OPEN)."""
    for code in classes:
        if class_on(view, code, on, field=field)["sensitive"]:
            raise Rejected(Reason.SMALL_GROUP_OPEN, "a sensitive class never stands open", field=field)
    return classes


def listed_classes(view: View, classes: Iterable[str]) -> tuple[str, ...]:
    """A fund's classes, which bind once any of them is listed (`classes_listed`)."""
    named = tuple(classes)
    return named if any(view.register("class", code) is not None for code in named) else ()


def check_activity(view: View, activity: str, *, field: str) -> dict[str, Any]:
    """The activity is there and may be named; raises Rejected(NO_SUCH_ACTIVITY or SMALL_GROUP_OPEN)."""
    row = needed(view, "activity", activity, Reason.NO_SUCH_ACTIVITY, field=field)
    if row.get("sensitive"):
        raise Rejected(Reason.SMALL_GROUP_OPEN, "this activity never stands open", field=field)
    return row


def check_programme(view: View, programme: str, *, on: date) -> None:
    """The programme is there and runs on that day; raises Rejected(NO_SUCH_PROGRAMME or OUTSIDE_RESTRICTION)."""
    row = needed(view, "programme", programme, Reason.NO_SUCH_PROGRAMME, field="programme")
    opened = view.earlier(row["index"]).entry
    if isinstance(opened, ProgrammeOpened) and not opened.from_on <= on <= opened.to_on:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "the programme does not run then", field="programme", day=on)


def check_commune(view: View, programme: str, commune: str, *, on: date, field: str) -> None:
    """The commune is in the programme's list of that day; raises Rejected(NO_SUCH_COMMUNE or OUTSIDE_RESTRICTION)."""
    needed(view, "commune", commune, Reason.NO_SUCH_COMMUNE, field=field)
    if not commune_listed(view, programme, commune, on):
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "not in the programme's list then", field=field, commune=commune)
