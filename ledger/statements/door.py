"""The door: what kind of file it is, by its content; the name may only contradict it."""

import re
from pathlib import Path
from typing import Final

from ledger.money import CURRENCY_DIGITS
from ledger.refusals import Reason, Rejected
from ledger.statements import layouts
from ledger.statements.camt import CamtStatement
from ledger.statements.csv_banks import open_csv
from ledger.statements.line import Statement
from ledger.statements.mt940 import Mt940Statement
from ledger.statements.xlsx import open_xlsx

KINDS: Final = ("csv", "xlsx", "mt940", "camt053")
FORMATS: Final = (
    *KINDS,
    *(each.name for each in layouts.table()[2]),
    *(each.name for each in (layouts.SIMPLE, layouts.GENERIC_VI, layouts.GENERIC, layouts.GENERIC_MDY)),
)
"""What `format` may say: a kind of file, or a layout of a table (CSV or Excel)."""

_MT940 = re.compile(rb"(?m)^(?:\x01?\s*):(?:20|25|28C?|60[FM]|61|62[FM]|86|NS|940):|\A\{1:F01")
_WORKBOOK_NAMES = ("", ".xlsx", ".xlsm", ".upload", ".tmp", ".bin")


def open_statement(
    path: Path, *, format: str | None = None, currency: str = "VND", digits: int | None = None
) -> Statement:
    """Opens a bank's file, or refuses it. Reads it once through; `control` must still be asked.

    `currency` is the account's; a file that prints another is refused. `digits` is needed only for
    currencies that are not in the table. `format` holds the file to one kind or one layout; "generic-mdy"
    is the only way to read month/day/year.
    """
    if format is not None and format not in FORMATS:
        raise Rejected(Reason.FORMAT_UNKNOWN, f"format must be one of {', '.join(FORMATS)}", format=format)
    if digits is None:
        if currency not in CURRENCY_DIGITS:
            raise Rejected(Reason.CURRENCY_DIFFERS, "a currency whose digits are not known", account=currency)
        digits = CURRENCY_DIGITS[currency]
    layout = layouts.named(format) if format is not None else None
    try:
        kind = _kind(path)
        if format is not None and kind != format and not (layout and kind in ("csv", "xlsx")):
            raise Rejected(Reason.FORMAT_UNKNOWN, f"the file is {kind}, not {format}")
        match kind:
            case "xlsx":
                return open_xlsx(path, currency=currency, digits=digits, layout=layout)
            case "mt940":
                return Mt940Statement(path, currency=currency, digits=digits)
            case "camt053":
                return CamtStatement(path, currency=currency, digits=digits)
            case _:
                return open_csv(path, currency=currency, digits=digits, layout=layout)
    except OSError as error:
        raise Rejected(Reason.FILE_UNREADABLE, f"cannot be read: {error.strerror}") from None


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Rejected(Reason.NO_LINES, "the file is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        if path.suffix.lower() not in _WORKBOOK_NAMES:
            raise Rejected(
                Reason.FORMAT_UNKNOWN,
                f"an Excel workbook or zip archive named «{path.suffix}»: name it .xlsx",
            )
        return "xlsx"
    for magic, what in (
        (b"\xd0\xcf\x11\xe0", "an old Excel or an encrypted Office file: save it as .xlsx or CSV UTF-8"),
        (b"%PDF", "a PDF: ask the bank for XLSX, CSV, MT940 or camt.053"),
        (b"\x1f\x8b", "a packed file: unpack it first"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"{\\rtf", "a text document"),
    ):
        if head.startswith(magic):
            raise Rejected(Reason.FORMAT_UNKNOWN, what)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise Rejected(Reason.FORMAT_UNKNOWN, f"named «{path.suffix}», but no workbook")
    start = _text_of(head).lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        if re.match(r"(?is)<(!doctype\s+html|html|head|body|table|script|div|style|meta)\b", start):
            raise Rejected(Reason.FORMAT_UNKNOWN, "a web page, not a statement: download the file again")
        return "camt053"
    if re.match(r"(?i)OFXHEADER|!Type:", start):
        raise Rejected(Reason.FORMAT_UNKNOWN, "OFX or QIF: ask the bank for XLSX, CSV, MT940 or camt.053")
    return "mt940" if _MT940.search(head[:400]) else "csv"


def _text_of(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="ignore")
    return head.decode("utf-8", errors="ignore")
