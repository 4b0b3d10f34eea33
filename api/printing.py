"""What a book put on paper, with the regime's account numbers on it.

`certificates` sets the page and knows no regime; the reports know which accounts a record touches. Here they meet.
"""

from audit.reports.books import lines
from audit.reports.source import open_source
from certificates import vouchers
from certificates.forms import Account
from certificates.vouchers import money
from certificates.words import format_number
from ledger.home import OpenBook
from ledger.money import is_currency
from ledger.regimes import regime_account


def render_printed(opened: OpenBook, index: int) -> bytes:
    """The PDF of the paper that the record at `index` issued or printed; raises what `vouchers.render_printed` does."""
    return vouchers.render_printed(opened, index, accounts=lambda record: accounts_of(opened, record))


def accounts_of(opened: OpenBook, index: int) -> tuple[Account, ...]:
    """«Nợ …, Có …» of a record, as in the journal; equal pairs added up, accounts without a number left blank."""
    with open_source(opened) as source:
        told = source.records[index]
        sums: dict[tuple[str, str, str], int] = {}
        verified = True
        for line in lines(source, told):
            numbers = []
            for account in (line.debit, line.credit):
                found = regime_account(source.regime, account, line.unit, told.booked_on)
                numbers.append("" if found is None else found.number)
                verified = verified and (found is None or found.verified)
            key = (numbers[0], numbers[1], line.unit)
            sums[key] = sums.get(key, 0) + line.minor
    return tuple(
        Account(debit, credit, _figures(minor, unit), verified) for (debit, credit, unit), minor in sums.items()
    )


def _figures(minor: int, unit: str) -> str:
    said = money(abs(minor), unit) if is_currency(unit) else format_number(abs(minor))
    return f"-{said}" if minor < 0 else said
