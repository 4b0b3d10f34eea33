"""Occasions on which children are given presents: 1 June, Mid-Autumn (15/8 lunar) and Tết (1/1 lunar).

The lunar day is that of Vietnam (UTC+7), which is not always China's: Tết fell a day earlier in 1968, 2007 and falls a
day earlier in 2030, and a month earlier in 1985. It comes from `lunar-vn` (the rules of Hồ Ngọc Đức), which agrees with
the new moons of an ephemeris for Tết and Mid-Autumn of every year from 1968 to 2099.

    occasion_day("tet-2026")                        17 February 2026
    occasion_of("trung-thu", date(2026, 9, 20))     trung-thu-2026: the nearest one
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lunar_vn import convert_lunar_to_solar

NAMES: dict[str, tuple[str, str]] = {
    "1-6": ("Quốc tế Thiếu nhi 1/6", "Children's Day"),
    "trung-thu": ("Tết Trung thu", "Mid-Autumn"),
    "tet": ("Tết Nguyên đán", "Lunar New Year"),
}
FIRST_YEAR, LAST_YEAR = 1968, 2099


@dataclass(frozen=True, slots=True)
class Occasion:
    """One occasion of one year."""

    code: str
    on: date
    name: tuple[str, str]


def _on(sort: str, year: int) -> date:
    if sort == "1-6":
        return date(year, 6, 1)
    day, month = (1, 1) if sort == "tet" else (15, 8)
    return convert_lunar_to_solar(day, month, year)


def occasion_day(code: str) -> date | None:
    """The day of `tet-2026`, `trung-thu-2026` or `1-6-2026`; None for a code that names no occasion."""
    found = re.fullmatch("(1-6|trung-thu|tet)-([0-9]{4})", code)
    if found is None or not FIRST_YEAR <= int(found[2]) <= LAST_YEAR:
        return None
    return _on(found[1], int(found[2]))


def occasions(from_on: date, to_on: date) -> Iterator[Occasion]:
    """The occasions from one day to another, by day."""
    found = (
        Occasion(f"{sort}-{year}", _on(sort, year), name)
        for year in range(max(from_on.year, FIRST_YEAR), min(to_on.year, LAST_YEAR) + 1)
        for sort, name in NAMES.items()
    )
    yield from sorted((one for one in found if from_on <= one.on <= to_on), key=lambda one: one.on)


def occasion_of(said: str, on: date) -> str:
    """The full code of an occasion as a delivery names it: with its year as it stands, without it the nearest one.

    A code that names none of ours stays as it is.
    """
    if said not in NAMES or not FIRST_YEAR < on.year < LAST_YEAR:
        return said
    near = (f"{said}-{year}" for year in (on.year - 1, on.year, on.year + 1))
    return min(near, key=lambda code: abs((occasion_day(code) or on) - on))
