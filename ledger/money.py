"""Amounts: an integer of a unit's smallest parts, and the units themselves.

A unit is a currency (`VND`, three capitals, ISO 4217) or a kind of goods (`sua-hop-180ml`, small letters, digits
and hyphens, listed by a `goods_listed` entry). One đồng is `Amount(minor=1, unit="VND")`; one carton of milk is
`Amount(minor=1, unit="sua-hop-180ml")`. Floats never appear.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from ledger.refusals import Reason, Rejected

MAX_MINOR = 2**53 - 1  # RFC 8785: what every JSON reader can hold exactly

Minor = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]
PositiveMinor = Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)]
SignedMinor = Annotated[int, msgspec.Meta(ge=-MAX_MINOR, le=MAX_MINOR)]

CURRENCY = "[A-Z]{3}"
GOODS = "[a-z][a-z0-9-]{2,39}"
# `$(?!\n)`: Python's `$` alone would let a trailing newline pass; this form means the same everywhere.
Currency = Annotated[str, msgspec.Meta(pattern=f"^{CURRENCY}$(?!\n)")]
GoodsUnit = Annotated[str, msgspec.Meta(pattern=f"^{GOODS}$(?!\n)")]
Unit = Annotated[str, msgspec.Meta(pattern=f"^(?:{CURRENCY}|{GOODS})$(?!\n)")]

CURRENCY_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("VND", "JPY", "KRW", "CLP", "ISK", "XAF", "XOF", "XPF", "PYG", "UGX"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("AED", "AUD", "BDT", "BGN", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EGP", "EUR"), 2),
    **dict.fromkeys(("GBP", "HKD", "HUF", "IDR", "ILS", "INR", "KHR", "LAK", "LKR", "MMK", "MOP", "MXN"), 2),
    **dict.fromkeys(("MYR", "NOK", "NZD", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SEK"), 2),
    **dict.fromkeys(("SGD", "THB", "TRY", "TWD", "UAH", "USD", "ZAR"), 2),
}
"""Digits after the decimal mark, ISO 4217. For one that is not here nothing is guessed."""


def is_currency(unit: str) -> bool:
    """Whether a unit is money; every other unit is goods."""
    return re.fullmatch(CURRENCY, unit) is not None


def minor_digits(currency: str) -> int:
    """Decimal places of a currency's minor unit (ISO 4217): VND 0, USD 2.

    Raises Rejected(MALFORMED) for a currency we have no figure for: guessing would move a decimal point.
    """
    if currency not in CURRENCY_DIGITS:
        raise Rejected(Reason.MALFORMED, "the number of decimals of this currency is not known", field="currency")
    return CURRENCY_DIGITS[currency]


class Amount(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True, gc=False):
    """A positive number of a unit's smallest parts."""

    minor: PositiveMinor
    unit: Unit


def dong(minor: int) -> Amount:
    """An amount of Vietnamese đồng."""
    return Amount(minor, "VND")


def total(amounts: "tuple[Amount, ...]") -> dict[str, int]:
    """The sum per unit."""
    sums: dict[str, int] = {}
    for amount in amounts:
        sums[amount.unit] = sums.get(amount.unit, 0) + amount.minor
    return sums
