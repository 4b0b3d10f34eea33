"""The chart of accounts of a regime (quy chế): which number an account of ours has on a day. Read only.

`ledger/data/regimes/<regime>.csv`, in order, the first line that fits counts: `valid_from, valid_to` (days, empty for
ever), `pattern` (`bank:*`, `fund:sua`), `unit` (`VND`, `currency` for any other, `goods`, `*`), `number`, `name`,
`verified` (whether number and name were seen in the law's own text), `source`. Several lines may give one number.
"""

import csv
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from ledger.money import is_currency


@dataclass(frozen=True, slots=True)
class RegimeAccount:
    """One line of a chart."""

    valid_from: date
    valid_to: date | None
    pattern: str
    unit: str
    number: str
    name: str
    verified: bool


@cache
def chart(regime: str) -> tuple[RegimeAccount, ...]:
    """The chart of a regime; empty when the product has none for it."""
    file = files("ledger").joinpath("data", "regimes", f"{regime}.csv")
    if not file.is_file():
        return ()
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return tuple(
        RegimeAccount(
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            row["pattern"],
            row["unit"],
            row["number"],
            row["name"],
            row["verified"] == "yes",
        )
        for row in rows
    )


def regime_account(regime: str, account: str, unit: str, on: date) -> RegimeAccount | None:
    """What an account is called in a regime on a day; None when the chart does not know it."""
    sort = "VND" if unit == "VND" else "currency" if is_currency(unit) else "goods"
    for line in chart(regime):
        in_force = line.valid_from <= on and (line.valid_to is None or on <= line.valid_to)
        if in_force and line.unit in ("*", sort) and fnmatchcase(account, line.pattern):
            return line
    return None
