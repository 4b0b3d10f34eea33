"""Amounts as a Vietnamese accountant writes them: in figures, and in words.

Pure: text from whole numbers, nothing else. The words follow the «linh», «nghìn», «tỷ» style of
Vietnamese vouchers, with the spoken rules (mốt, lăm, tư) that a table of digits gets wrong:

    1 005 021 đồng   1.005.021 ₫   Một triệu không trăm linh năm nghìn không trăm hai mươi mốt đồng

A group of three digits below a higher one is read in full («không trăm linh năm»); a group that is
zero is not read at all. Above a billion the count of billions is read as a number of its own
(«một nghìn năm trăm tỷ»), so one rule serves up to 2^53−1.
"""

from ledger.refusals import Reason, Rejected

LARGEST = 2**53 - 1
"""The largest whole number a record can carry (RFC 8785 numbers are doubles)."""

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_BILLION = 1_000_000_000
_BELOW_A_BILLION = ((1_000_000, "triệu"), (1_000, "nghìn"), (1, ""))


def amount_in_words(minor: int, *, tu: bool = False) -> str:
    """The number in lower-case words. `tu` says «hai mươi tư» where the default says «hai mươi bốn»."""
    _checked(minor)
    return " ".join(_number(minor, tu=tu)) or _DIGITS[0]


def amount_line(minor: int, *, tu: bool = False) -> str:
    """The line «số tiền viết bằng chữ»: capital first, «đồng» last, «chẵn» after whole thousands.

    «chẵn» closes the line so that nothing can be written behind a round sum.
    """
    words = amount_in_words(minor, tu=tu)
    whole = minor > 0 and minor % 1_000 == 0
    return f"{words[0].upper()}{words[1:]} đồng{' chẵn' if whole else ''}"


def format_number(number: int) -> str:
    """Figures in groups of three with full stops: `1.500.000`."""
    return f"{_checked(number):,}".replace(",", ".")


def format_vnd(minor: int) -> str:
    """A sum of money in figures: `1.500.000 ₫`."""
    return f"{format_number(minor)} ₫"


def format_quantity(quantity: int, unit: str, *, decimals: int = 0) -> str:
    """Goods: `1.200 hộp`. With `decimals` the number counts tenths, hundredths…: `12,5 kg` from 125, 1."""
    if decimals == 0:
        return f"{format_number(quantity)} {unit}"
    whole, part = divmod(_checked(quantity), 10**decimals)
    fraction = f"{part:0{decimals}d}".rstrip("0")
    return f"{format_number(whole)}{',' + fraction if fraction else ''} {unit}"


def _checked(number: int) -> int:
    if type(number) is not int or not 0 <= number <= LARGEST:
        raise Rejected(Reason.MALFORMED, "a whole number from 0 to 2^53-1 is wanted", field="amount")
    return number


def _number(number: int, *, tu: bool) -> list[str]:
    """Words of a number; no words for zero."""
    billions, rest = divmod(number, _BILLION)
    said = [*_number(billions, tu=tu), "tỷ"] if billions else []
    for size, name in _BELOW_A_BILLION:
        group, rest = divmod(rest, size)
        if group:
            said += _group(group, full=bool(said), tu=tu)
            said += [name] if name else []
    return said


def _group(group: int, *, full: bool, tu: bool) -> list[str]:
    """Words of 1…999; `full` when a higher group was said, so the hundreds must be said too."""
    hundreds, tens, units = group // 100, group // 10 % 10, group % 10
    said = [_DIGITS[hundreds], "trăm"] if hundreds or full else []
    if tens == 0:
        if units:
            said += ["linh", _DIGITS[units]] if said else [_DIGITS[units]]
        return said
    said += ["mười"] if tens == 1 else [_DIGITS[tens], "mươi"]
    if units == 1 and tens > 1:
        said.append("mốt")
    elif units == 4 and tens > 1 and tu:
        said.append("tư")
    elif units == 5:
        said.append("lăm")
    elif units:
        said.append(_DIGITS[units])
    return said
