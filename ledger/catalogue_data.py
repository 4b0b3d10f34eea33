"""Facts shipped with the product: communes with their codes of a day, and the catalogues of the plans. Read only.

    communes_of("HP14", date(2019, 1, 1))   the 14 communes as the plan names them
    communes_of("HP14", date(2026, 9, 1))   the units in which they lie now (Phường Lưu Kiếm, Xã Việt Khê, …)

The files and their sources: ledger/data/README.md.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class CommuneUnit:
    """One commune-level unit, as it is from `valid_from` on."""

    code: str
    valid_from: date
    unit_kind: str
    """xã, phường, thị trấn or đặc khu."""
    name: str
    province: str

    @property
    def commune(self) -> str:
        """As records name it: `11500@2019-01-01`."""
        return f"{self.code}@{self.valid_from.isoformat()}"

    @property
    def title(self) -> str:
        """As people say it: «xã Minh Tân»."""
        return f"{self.unit_kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Successor:
    """What a unit became, or a part of it where it was split."""

    commune: str
    on: date
    split: bool


@dataclass(frozen=True, slots=True)
class ActivityType:
    """Something the plans do for children."""

    code: str
    name: str
    name_en: str
    delivery: str
    counted_in: str
    plans: tuple[str, ...]
    """Whose plans name it: HP, HN, HUE, QN."""


@cache
def communes() -> dict[str, CommuneUnit]:
    """Every unit by its name in records."""
    units = (
        CommuneUnit(row["code"], date.fromisoformat(row["valid_from"]), row["kind"], row["name"], row["province"])
        for row in _rows("communes.csv")
    )
    return {unit.commune: unit for unit in units}


@cache
def successors() -> dict[str, tuple[Successor, ...]]:
    """What each unit became; more than one where it was split."""
    found: dict[str, tuple[Successor, ...]] = {}
    for row in _rows("commune_successors.csv"):
        before = f"{row['code']}@{row['valid_from']}"
        after = f"{row['successor']}@{row['successor_valid_from']}"
        on = date.fromisoformat(row["successor_valid_from"])
        found[before] = (*found.get(before, ()), Successor(after, on, row["split"] == "yes"))
    return found


def communes_of(plan: str, on: date) -> tuple[CommuneUnit, ...]:
    """The units of a day in which a plan's communes lie, each once, in the plan's order.

    Raises LookupError for a list that is not here. A unit that was split gives every part: which of them a
    delivery reached is a person's decision.
    """
    rows = [row for row in _rows("commune_lists.csv") if row["list"] == plan]
    if not rows:
        raise LookupError(f"no list of communes named {plan}")
    first = min(row["listed_on"] for row in rows)
    listed = [f"{row['code']}@{row['valid_from']}" for row in rows if row["listed_on"] == first]
    return tuple(communes()[name] for name in dict.fromkeys(unit for start in listed for unit in units_on(start, on)))


def units_on(commune: str, day: date, decided: Callable[[str], str | None] = lambda commune: None) -> tuple[str, ...]:
    """The units of a day that a commune became: one, or several where it was split and nobody has decided.

    `decided` is a person's decision for a unit (`commune_mapped`), or None; it counts where it leads forward in time.
    """
    chosen = decided(commune)
    if chosen is not None and commune[6:] < chosen[6:] <= day.isoformat():
        return units_on(chosen, day, decided)
    became = [successor for successor in successors().get(commune, ()) if successor.on <= day]
    if not became:
        return (commune,)
    return tuple(dict.fromkeys(unit for one in became for unit in units_on(one.commune, day, decided)))


@cache
def activities() -> dict[str, ActivityType]:
    """Every activity by its code."""
    return {
        row["code"]: ActivityType(
            row["code"], row["name_vi"], row["name_en"], row["delivery"], row["unit"], tuple(row["plans"].split(";"))
        )
        for row in _rows("activities.csv")
    }


def _rows(name: str) -> list[dict[str, str]]:
    text = files("ledger").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
