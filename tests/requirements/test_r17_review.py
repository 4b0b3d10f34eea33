"""R17: yearly and period reviews: a report is bound to the book it was made from, and can be made again."""

from datetime import date
from pathlib import Path

import pypdfium2

from tests.requirements.conftest import Walk


def test_r17_report_figures_equal_the_ledger_at_a_fixed_head(walk: Walk, tmp_path: Path) -> None:
    """The accountant issues the trial balance of the year: period and SHA-256 of the report and how many records it
    is of stand in the book, bound to the book as it stands.
    The printed report bears that root.
    Gifts come in afterwards, one of them late for a day of the same year: the report of today has other figures.
    The report made again for that size, at the command line and by the API, has the same SHA-256 as was issued.
    Its figures are those of the ledger query at that size, and debits equal credits.
    A report of a size that has no checkpoint is not issued.
    """
    walk.gift(700_000, fund="chung", received_on="2026-03-05")
    walk.gift(1_300_000)
    paper = tmp_path / "can-doi.pdf"
    year = ("--year", "2026")
    issued = walk.sovang("report", "trial-balance", *year, "--issue", "--format", "pdf", "-o", str(paper))
    entry = walk.get(f"/api/v1/entries/{issued['issued']['index']}")["entry"]
    assert (entry["sha256"], entry["size"]) == (issued["sha256"], issued["size"])
    assert entry["bound"] == {"size": issued["size"], "root": issued["root"]}
    assert (entry["report"], entry["from_on"], entry["to_on"]) == ("trial-balance", "2026-01-01", "2026-12-31")
    page = pypdfium2.PdfDocument(paper)[0].get_textpage().get_text_range()
    assert entry["bound"]["root"] in "".join(page.split())

    walk.gift(5_000_000, received_on=date(2026, 3, 6).isoformat())
    size = str(entry["size"])
    today = walk.sovang("report", "trial-balance", *year)
    again = walk.sovang("report", "trial-balance", *year, "--at", size)
    assert today["sha256"] != issued["sha256"]
    assert again["sha256"] == entry["sha256"]
    assert walk.get(f"/api/v1/reports/trial-balance?year=2026&at={size}")["sha256"] == entry["sha256"]

    rows = {row["cells"]["account"]: row["cells"] for row in again["rows"]}
    ledger = walk.get(f"/api/v1/balances?at={entry['size'] - 1}")["balances"]
    held = {one["account"]: one["minor"] for one in ledger}
    assert rows["1121"]["closing_debit"] == held["bank:VCB"] == 2_000_000
    assert rows["431"]["closing_credit"] == held["fund:sua"] + held["fund:chung"]
    total = again["totals"][0]["cells"]
    for part in ("opening", "period", "cumulative", "closing"):
        assert total[f"{part}_debit"] == total[f"{part}_credit"]

    refused = walk.fails("report", "trial-balance", *year, "--issue", "--at", "2")
    assert refused["reason"] == "NOT_CHECKPOINTED"
