"""The reports: importing this package registers all of them in `REPORTS` (audit/reports/table.py)."""

from audit.reports import aid, books, calendar, catalogue, gifts, goods, papers, use
from audit.reports.source import Counted, Source, Told, open_source
from audit.reports.table import (
    REPORTS,
    Column,
    Period,
    Report,
    ReportKind,
    Row,
    finished,
    make_report,
    report,
    totals_of,
)

FAMILIES = (aid, books, calendar, catalogue, gifts, goods, papers, use)
"""The modules whose functions are the reports."""

__all__ = [
    "FAMILIES",
    "REPORTS",
    "Column",
    "Counted",
    "Period",
    "Report",
    "ReportKind",
    "Row",
    "Source",
    "Told",
    "finished",
    "make_report",
    "open_source",
    "report",
    "totals_of",
]
