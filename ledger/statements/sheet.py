"""Any table of a CSV file or an Excel workbook, row by row, with the same care as a bank's (csv_banks.py, xlsx.py)."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ledger.refusals import Reason, Rejected
from ledger.statements import csv_banks, xlsx
from ledger.statements.grid import Row


def sheet_rows(path: Path) -> Iterator[Row]:
    """The rows of a file; of a workbook those of the one sheet that has any.

    Raises Rejected(FILE_UNREADABLE, FILE_TOO_LARGE, ROW_MALFORMED, NO_LINES, HEADER_UNKNOWN).
    """
    if path.suffix.lower() == ".xlsx":
        return xlsx.only_sheet(path)
    encoding = csv_banks.encoding_of(path)
    separator = max(csv_banks.SEPARATORS, key=lambda mark: _columns(path, encoding, mark))
    return csv_banks.rows_of(path, encoding, separator)


def _columns(path: Path, encoding: str, separator: str) -> int:
    """The most cells that one of the first rows has under a separator."""
    try:
        return max((len(row.cells) for row in islice(csv_banks.rows_of(path, encoding, separator), 20)), default=0)
    except Rejected as refused:
        if refused.reason is Reason.FILE_UNREADABLE:
            raise
        return 0
