"""Written numbers → integers. One style for a whole file, found from evidence, never cell by cell.

    1.234.567      proves the dot as thousands mark          1,234,567.00   proves the comma
    1 000 000      is plain by itself (spaces can only group)
    50.000         fifty thousand in a Vietnamese layout; elsewhere it needs proof
    50,000         fifty thousand, or fifty with a decimal comma: always needs proof
    33.50          proves the decimal point, where the currency has such digits

Proof is another cell of the same file, a bank whose mark is known, or running balances that tie in one
style only. Two proofs that contradict each other stop the file.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ledger.money import CURRENCY_DIGITS, MAX_MINOR
from ledger.refusals import Reason, Rejected

Mark = Literal[".", ","]

_GAPS = re.compile("(?<=[0-9])[ \u00a0\u2009\u202f'\u2019](?=[0-9]{3}(?![0-9]))")
_SLANG = re.compile(r"(?i)[0-9][0-9.,]*\s*(k|ng|nghìn|ngàn|tr|triệu|tỷ|tỉ|m|mil)\b")
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<body>[0-9]+(?:[.,][0-9]+)*[.,]?)\Z")
_PLAIN = re.compile(r"([+-]?)([1-9][0-9]*(?:[.,][0-9]+)*|0)")
_SUFFIX = re.compile(r"(?i)\s?(₫|đồng|đ|vnđ|[A-Z]{3})\Z")
_PREFIX = re.compile(r"(?i)\A([A-Z]{3})\s?(?=[+-]?[0-9])")


@dataclass(frozen=True, slots=True)
class Written:
    """A cell's number, read as far as it can be read without knowing the file's style."""

    sign: str
    body: str
    gapped: bool
    """Spaces group it, so whatever mark is left is the decimal one."""

    @property
    def proves(self) -> Mark | None:
        """The thousands mark that this cell alone proves (decimals are judged by `decimal_mark`)."""
        marks = [c for c in self.body if c in ".,"]
        if self.gapped or not marks:
            return None
        if len(set(marks)) == 2 or marks.count(marks[0]) > 1:
            return "," if marks[0] == "," else "."
        return None

    @property
    def lone(self) -> Mark | None:
        """The only mark of a cell such as 50.000, which may group or divide."""
        found = re.fullmatch(r"[1-9][0-9]{0,2}([.,])[0-9]{3}", self.body)
        if self.gapped or found is None:
            return None
        return "." if found[1] == "." else ","

    @property
    def decimal(self) -> Mark | None:
        """The mark of a cell that can only be a decimal one: 33.50, 1300,00, 12345.678."""
        marks = [c for c in self.body if c in ".,"]
        if len(marks) != 1 or self.lone:
            return None
        return "." if marks[0] == "." else ","


def written(text: str, currency: str, *, row: int, field: str) -> Written:
    """Takes off the currency and grouping spaces, refuses whatever is not a plain decimal number."""
    if plain := _PLAIN.fullmatch(text):
        return Written(plain[1], plain[2], False)
    bare = text.strip()
    for pattern in (_SUFFIX, _PREFIX):
        if found := pattern.search(bare):
            said = found[1].upper()
            if said in CURRENCY_DIGITS and said != currency:
                raise Rejected(
                    Reason.CURRENCY_DIFFERS, "an amount in another currency", row=row, file=said, account=currency
                )
            if said not in ((currency, "₫", "Đ", "ĐỒNG", "VNĐ") if currency == "VND" else (currency,)):
                raise Rejected(Reason.ROW_MALFORMED, "is not an amount", row=row, field=field)
            bare = bare[: found.start()] if pattern is _SUFFIX else bare[found.end() :]
    bare = bare.strip()
    if re.search("[^\x00-\x7f]", bare) and any(unicodedata.category(c) == "Nd" and c > "9" for c in bare):
        raise Rejected(Reason.ROW_AMBIGUOUS, "digits of another script", row=row, field=field)
    if _SLANG.match(unicodedata.normalize("NFC", bare)):
        raise Rejected(Reason.ROW_AMBIGUOUS, "an amount in words", row=row, field=field)
    closed = _GAPS.sub("", bare)
    found = _NUMBER.match(closed)
    if found is None:
        raise Rejected(Reason.ROW_MALFORMED, "is not an amount", row=row, field=field)
    body = found["body"]
    if re.match(r"0[0-9]", body):
        raise Rejected(Reason.ROW_AMBIGUOUS, "an amount with leading zeros", row=row, field=field)
    gapped = closed != bare
    if gapped and not re.match(r"[+-]?[0-9]{1,3}[^0-9.,][0-9]{3}([^0-9.,][0-9]{3})*([.,]|\Z)", bare):
        raise Rejected(Reason.ROW_MALFORMED, "digits are grouped wrongly", row=row, field=field)
    return Written(found["sign"], body, gapped)


def minor(number: Written, mark: Mark | None, digits: int, *, row: int, field: str) -> int:
    """The integer, once the file's thousands mark is known (None: the file groups with nothing)."""
    body = number.body
    grouping = None if number.gapped else mark
    if grouping and grouping in body:
        whole, point, part = body.partition("," if grouping == "." else ".")
        if not re.fullmatch(rf"[1-9][0-9]{{0,2}}(\{grouping}[0-9]{{3}})+", whole):
            raise Rejected(Reason.ROW_MALFORMED, "digits are grouped wrongly", row=row, field=field)
        whole = whole.replace(grouping, "")
    else:
        found = re.fullmatch(r"([0-9]+)(?:([.,])([0-9]*))?", body)
        if found is None:
            raise Rejected(Reason.ROW_MALFORMED, "is not an amount", row=row, field=field)
        whole, point, part = found[1], found[2] or "", found[3] or ""
        if point and mark is None and not number.gapped and digits == 0:
            raise Rejected(Reason.ROW_AMBIGUOUS, "a mark that may group or divide, and no proof", row=row, field=field)
    if point and not part:
        raise Rejected(Reason.ROW_MALFORMED, "ends in a mark", row=row, field=field)
    if part.rstrip("0") and len(part.rstrip("0")) > digits:
        raise Rejected(Reason.ROW_MALFORMED, "a fraction smaller than the currency has", row=row, field=field)
    value = int(whole) * 10**digits + int((part[:digits] or "0").ljust(digits, "0"))
    return _bounded(-value if number.sign == "-" else value, row, field)


def exact(value: Decimal, digits: int, *, row: int, field: str) -> int:
    """A number cell of a spreadsheet: no style, but it must be whole in the currency's smallest unit."""
    scaled = value.scaleb(digits)
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise Rejected(Reason.ROW_MALFORMED, "a fraction smaller than the currency has", row=row, field=field)
    return _bounded(int(scaled), row, field)


def _bounded(value: int, row: int, field: str) -> int:
    if abs(value) > MAX_MINOR:
        raise Rejected(Reason.ROW_MALFORMED, "beyond 2^53", row=row, field=field)
    return value


class Style:
    """Gathers the evidence of one file; asked once, it answers with the mark or refuses."""

    def __init__(self, *, declared: Mark | None, digits: int) -> None:
        self.declared = declared
        self.digits = digits
        self.proven: Mark | None = None
        self.open_comma: tuple[int, str] | None = None
        self.open_dot: tuple[int, str] | None = None
        self.open_decimal: tuple[int, str] | None = None

    def see(self, number: Written, *, row: int, field: str) -> None:
        proof = number.proves
        if proof is None and self.digits and number.decimal:
            proof = "," if number.decimal == "." else "."
        if proof:
            if self.proven not in (None, proof):
                raise Rejected(Reason.ROW_AMBIGUOUS, "the file groups with dots and with commas", row=row, field=field)
            self.proven = proof
        elif number.decimal and not self.digits:
            self.open_decimal = self.open_decimal or (row, field)
        elif number.lone == "," and self.open_comma is None:
            self.open_comma = (row, field)
        elif number.lone == "." and self.open_dot is None:
            self.open_dot = (row, field)

    @property
    def settled(self) -> bool:
        """No cell needs running balances to be understood."""
        if self.open_decimal and not self.proven:
            return False
        if self.proven or (self.open_comma is None and self.open_dot is None):
            return True
        if self.open_comma and self.open_dot:
            return True  # settled in the negative
        lone = "," if self.open_comma else "."
        return self.declared == lone

    def mark(self, tied: Mark | None = None) -> Mark | None:
        """The thousands mark, or the refusal that names the first cell that stays open."""
        mark = self.proven or tied or self.declared
        if self.open_decimal and not (self.proven or tied):
            row, field = self.open_decimal
            raise Rejected(
                Reason.ROW_AMBIGUOUS,
                "decimals in a currency that has none, and no proof",
                row=row,
                field=field,
            )
        for lone, where in ((",", self.open_comma), (".", self.open_dot)):
            if where is None or mark == lone:
                continue
            if self.proven and self.digits == 3:
                continue  # 1.234 under a proven comma is a decimal of a three-digit currency
            row, field = where
            raise Rejected(
                Reason.ROW_AMBIGUOUS,
                f"«{lone}» may group thousands or divide, and nothing in the file proves which",
                row=row,
                field=field,
            )
        return mark
