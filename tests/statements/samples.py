"""Every sample statement of the shared material and what must become of it.

`ROWS`: (path under samples/, expectation, arguments of `open_statement`). An expectation is either the
`Figures` that the file must tie with, or the exact `Reason` for which it is refused. `declared` holds the
balances that the caller states for a file that prints none.
"""

from dataclasses import dataclass, field
from typing import Any

from ledger.refusals import Reason


@dataclass(frozen=True)
class Figures:
    """Control totals, counted by hand or by `test_figures_counted_again`, never by the code under test."""

    lines: int
    credit: int
    debit: int
    opening: int
    closing: int
    basis: str
    declared: dict[str, int] = field(default_factory=dict)


Row = tuple[str, Figures | Reason, dict[str, Any]]

EUR = {"currency": "EUR"}
MDY = {"currency": "EUR", "format": "generic-mdy"}

ROWS: list[Row] = [
    (
        "vn-relief-bank-statement/agribank-2024-09.csv",
        Figures(2000, 1_216_720_755, 0, 24_700, 1_216_745_455, "running"),
        {},
    ),
    (
        "vn-relief-bank-statement/vietinbank-2024-09.csv",
        Figures(2000, 936_327_430, 0, 0, 936_327_430, "declared", {"opening": 0, "closing": 936_327_430}),
        {},
    ),
    ("vn-relief-bank-statement/vietinbank-2024-09.csv", Reason.CONTROL_MISSING, {}),
    (
        "mt940/ASNB/0708271685_09022020_164516.940.txt",
        Figures(8, 282_890, 277_196, 44_429, 50_123, "printed"),
        EUR,
    ),
    ("mt940/betterplace/currency_in_25.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/betterplace/empty_entry_date.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/betterplace/missing_crlf_at_end.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/betterplace/sepa_snippet.sta", Reason.ACCOUNT_DIFFERS, EUR),
    ("mt940/betterplace/with_binary_character.sta", Reason.ACCOUNT_DIFFERS, EUR),
    ("mt940/cmxl/account_balance_debit.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/cmxl/account_identification_legacy.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/cmxl/closing_balance.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/cmxl/reference.sta", Reason.NO_LINES, EUR),
    ("mt940/cmxl/statement_line.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/jejik/abnamro.sta", Reason.CONTROL_DIFFERS, EUR),
    ("mt940/jejik/ing.sta", Reason.CONTROL_DIFFERS, EUR),
    ("mt940/jejik/postfinance.sta", Reason.CONTROL_DIFFERS, {"currency": "CHF"}),
    ("mt940/jejik/rabobank.sta", Reason.CONTROL_DIFFERS, EUR),
    ("mt940/jejik/triodos.sta", Reason.CONTROL_DIFFERS, EUR),
    ("mt940/mBank/mt942.sta", Reason.NOT_A_STATEMENT, {"currency": "PLN"}),
    (
        "mt940/sberbank/171011_01234945.sta",
        Figures(3, 0, 943_700, 62_731_130, 61_787_430, "printed"),
        {"currency": "HUF"},
    ),
    ("mt940/self-provided/empty_non_swift.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/self-provided/gv_codes.sta", Reason.CONTROL_MISSING, EUR),
    ("mt940/self-provided/long_statement_number.sta", Reason.NO_LINES, {"currency": "TRY"}),
    ("mt940/self-provided/mt942.sta", Reason.NOT_A_STATEMENT, EUR),
    ("mt940/self-provided/raiffeisen-cmi.sta", Reason.FILE_UNREADABLE, {"currency": "HUF"}),
    ("mt940/self-provided/sparkassen.sta", Reason.FILE_UNREADABLE, EUR),
    ("mt940/self-provided/whitespace.sta", Reason.CONTROL_DIFFERS, EUR),
    ("camt-genkgo/camt052.v1.xml", Reason.NOT_A_STATEMENT, {"currency": "SEK"}),
    ("camt-genkgo/camt052.v2.with-account-name.xml", Reason.NOT_A_STATEMENT, {"currency": "SEK"}),
    ("camt-genkgo/camt052.v4.xml", Reason.NOT_A_STATEMENT, EUR),
    ("camt-genkgo/camt052.v6.xml", Reason.NOT_A_STATEMENT, EUR),
    ("camt-genkgo/camt053.v2.all-balance-types.xml", Reason.CONTROL_DIFFERS, EUR),
    ("camt-genkgo/camt053.v2.minimal.ultimate.xml", Reason.CURRENCY_DIFFERS, EUR),
    (
        "camt-genkgo/camt053.v2.multi.statement.xml",
        Figures(2, 885, 700, 1_815, 2_000, "printed"),
        EUR,
    ),
    ("camt-genkgo/camt053.v2.with-party-ids.xml", Reason.CURRENCY_DIFFERS, EUR),
    ("camt-genkgo/camt053.v3.xml", Reason.CURRENCY_DIFFERS, EUR),
    ("camt-genkgo/camt053.v8.xml", Reason.CURRENCY_DIFFERS, EUR),
    ("camt-genkgo/camt054.v2.xml", Reason.NOT_A_STATEMENT, {"currency": "SEK"}),
    ("camt-genkgo/camt054.v8-with-UETR.xml", Reason.NOT_A_STATEMENT, {"currency": "SEK"}),
    ("camt-genkgo/camt054.v8.xml", Reason.NOT_A_STATEMENT, {"currency": "SEK"}),
    (
        "camt-oca/test-camt053-txdtls.xml",
        Figures(1, 348_300, 0, 7_596_015, 7_944_315, "printed"),
        {"currency": "CHF"},
    ),
    ("camt-oca/test-camt053.xml", Reason.CONTROL_DIFFERS, EUR),
    ("bank-csv-oca/balance.csv", Reason.ROW_MALFORMED, EUR),
    ("bank-csv-oca/balance.csv", Figures(2, 153_350, 3_350, 1_000, 151_000, "running"), MDY),
    ("bank-csv-oca/debit_credit_amount.csv", Reason.ROW_MALFORMED, EUR),
    ("bank-csv-oca/debit_credit_amount.csv", Reason.ROW_AMBIGUOUS, MDY),
    ("bank-csv-oca/meta_data_separated_credit_debit.csv", Reason.ROW_AMBIGUOUS, EUR),
    ("bank-csv-oca/original_currency.csv", Reason.ROW_MALFORMED, EUR),
    ("bank-csv-oca/original_currency.csv", Reason.CONTROL_MISSING, MDY),
    ("bank-csv-oca/original_currency_no_header.csv", Reason.HEADER_UNKNOWN, EUR),
    ("bank-csv-oca/sample_statement_en.csv", Reason.ROW_MALFORMED, EUR),
    ("bank-csv-oca/sample_statement_en.csv", Reason.CURRENCY_DIFFERS, MDY),
]

FOLDERS = ("vn-relief-bank-statement", "mt940", "camt-genkgo", "camt-oca", "bank-csv-oca")
