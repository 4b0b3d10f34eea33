"""Amounts as people read them on a screen: `500.000 ₫`, `-1.234,50 USD`, `20 sua-hop-180ml`."""


def amount(minor: int, unit: str) -> str:
    """A figure with its unit; money out is negative."""
    from certificates.words import format_number, format_vnd
    from ledger.money import is_currency, minor_digits
    from ledger.refusals import Rejected

    sign, minor = ("-" if minor < 0 else ""), abs(minor)
    if unit == "VND":
        return sign + format_vnd(minor)
    try:
        digits = minor_digits(unit) if is_currency(unit) else 0
    except Rejected:  # a currency whose decimals are not known: its smallest units, as stored
        digits = 0
    whole, part = divmod(minor, 10**digits)
    return f"{sign}{format_number(whole)}{f',{part:0{digits}d}' if digits else ''} {unit}"
