"""The accountant's books: journal, ledgers, cash and bank books, stock book, trial balance."""

from audit.reports.source import Source
from audit.reports.table import Column, Period, Report, Row, report


@report("balances", "Số dư tài khoản", "Balances of accounts")
def balances(source: Source, period: Period) -> Report:
    """What every account held at the beginning and the end of the period."""
    columns = (
        Column("account", "tài khoản", "account"),
        Column("unit", "đơn vị tính", "unit"),
        Column("opening", "đầu kỳ", "opening", "money"),
        Column("period", "trong kỳ", "period", "money"),
        Column("cumulative", "lũy kế từ đầu năm", "since the year began", "money"),
        Column("closing", "cuối kỳ", "closing", "money"),
    )
    sums: dict[tuple[str, str], list[int]] = {}
    records: dict[tuple[str, str], list[int]] = {}
    for told in source.records:
        if told.booked_on > period.to_on:
            continue
        for posting in told.postings:
            unit, minor = posting.amount.unit, posting.amount.minor
            for account, moved in ((posting.source, -minor), (posting.destination, minor)):
                into = sums.setdefault((account, unit), [0, 0, 0, 0])
                into[1 if told.booked_on in period else 0] += moved
                into[2] += moved if told.booked_on >= period.year_start else 0
                into[3] += moved
                records.setdefault((account, unit), []).append(told.index)
    rows = tuple(Row((*key, *sums[key]), tuple(dict.fromkeys(records[key]))) for key in sorted(sums))
    return Report("balances", ("Số dư tài khoản", "Balances of accounts"), period, columns, rows, (), (), source.size)
