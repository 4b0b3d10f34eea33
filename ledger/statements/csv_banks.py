"""Comma-, semicolon-, tab- or bar-separated files of banks, read row by row in flat memory.

Text is UTF-8 (with or without BOM) or UTF-16 with BOM, decoded strictly: a Windows code page is refused,
because a wrong guess would put mojibake into the book. Quoting is RFC 4180, strict.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.refusals import Reason, Rejected
from ledger.statements.grid import MAX_COLUMNS, MAX_PREAMBLE, GridStatement, Row
from ledger.statements.layouts import Layout, read_header

MAX_LINE: Final = 65_536
"""Characters of one physical line."""
MAX_ROWS: Final = 5_000_000

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SEPARATORS = (",", ";", "\t", "|")


def open_csv(path: Path, *, currency: str, digits: int, layout: Layout | None) -> GridStatement:
    encoding = encoding_of(path)
    separator = _separator(path, encoding)
    return GridStatement(
        path,
        file_sha256(path),
        lambda: rows_of(path, encoding, separator),
        kind="csv",
        currency=currency,
        digits=digits,
        layout=layout,
    )


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encoding_of(path: Path) -> str:
    """How a text file is to be decoded: by its mark, or as UTF-8."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-8-sig"


def _separator(path: Path, encoding: str) -> str:
    """The separator under which a header row appears; a comma if none does (the refusal comes later)."""
    unclear: str | None = None
    for separator in SEPARATORS:
        try:
            for count, row in enumerate(rows_of(path, encoding, separator)):
                if read_header([row.text(at) for at in range(len(row.cells))], row=row.number):
                    return separator
                if count > MAX_PREAMBLE * 2:
                    break
        except Rejected as refused:
            if refused.reason is Reason.HEADER_UNKNOWN:
                # A header, but an unclear one: under another separator its words may lie in cells of their own.
                unclear = unclear or separator
            if refused.reason is Reason.FILE_UNREADABLE:
                raise
    return unclear or ","


def _physical(path: Path, encoding: str) -> Iterator[str]:
    """Physical lines with their ends. Refuses what no text file holds."""
    with path.open(encoding=encoding, newline="", errors="strict") as file:
        number = 0
        while True:
            try:
                line = file.readline(MAX_LINE + 1)
            except UnicodeError:
                raise Rejected(
                    Reason.FILE_UNREADABLE,
                    "is not UTF-8 (nor UTF-16 with a mark): save it as “CSV UTF-8”; no code page is guessed",
                ) from None
            if not line:
                return
            number += 1
            if len(line) > MAX_LINE:
                raise Rejected(Reason.ROW_MALFORMED, f"longer than {MAX_LINE} characters", row=number)
            if found := _CONTROLS.search(line):
                raise Rejected(Reason.ROW_MALFORMED, f"holds the control character U+{ord(found[0]):04X}", row=number)
            yield line


def rows_of(path: Path, encoding: str, separator: str) -> Iterator[Row]:
    """The rows of a CSV file; raises Rejected(FILE_UNREADABLE, FILE_TOO_LARGE, ROW_MALFORMED)."""
    reader = csv.reader(_physical(path, encoding), delimiter=separator, strict=True)
    count = 0
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = "a quotation mark is opened here and not closed" if "end of data" in str(error) else str(error)
            raise Rejected(Reason.ROW_MALFORMED, why, row=start) from None
        if len(cells) > MAX_COLUMNS:
            raise Rejected(Reason.ROW_MALFORMED, f"more than {MAX_COLUMNS} columns", row=start)
        count += 1
        if count > MAX_ROWS:
            raise Rejected(Reason.FILE_TOO_LARGE, f"more than {MAX_ROWS} rows")
        yield Row(start, tuple(_ends(cell) for cell in cells))


def _ends(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell
