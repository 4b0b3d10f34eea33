"""Real files. Lost without these: that a bank's own file becomes exactly its lines, or says why not."""

import csv
import hashlib
import hmac
from collections import Counter
from typing import Any

import pytest

from ledger.refusals import Reason, Rejected
from ledger.statements import control, keyed_lines, new_ordinals, open_statement
from tests.shared import shared
from tests.statements.samples import FOLDERS, ROWS, Figures


@pytest.mark.parametrize(("path", "expected", "kwargs"), ROWS, ids=lambda each: str(each)[:60])
def test_sample(path: str, expected: Figures | Reason, kwargs: dict[str, Any]) -> None:
    file = shared("samples") / path
    if isinstance(expected, Figures):
        statement = open_statement(file, **kwargs)
        figures = control(statement, **expected.declared)
        assert (
            figures.lines,
            figures.credit_total,
            figures.debit_total,
            figures.opening,
            figures.closing,
            figures.basis,
        ) == (
            expected.lines,
            expected.credit,
            expected.debit,
            expected.opening,
            expected.closing,
            expected.basis,
        )
        assert statement.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert list(statement.lines()) == list(statement.lines())
    else:
        with pytest.raises(Rejected) as refused:
            control(open_statement(file, **kwargs))
        assert refused.value.reason is expected


def test_every_sample_has_its_row() -> None:
    root = shared("samples")
    files = {
        str(file.relative_to(root))
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if file.is_file() and file.name != "README.md"
    }
    assert files == {path for path, _, _ in ROWS}


@pytest.mark.parametrize("path", ["agribank-2024-09.csv", "vietinbank-2024-09.csv"])
def test_figures_counted_again(path: str) -> None:
    """The relief figures, counted from the raw cells by other code."""
    file = shared("samples/vn-relief-bank-statement") / path
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    credits = [int(row["CreditAmount"].replace(",", "")) for row in rows]
    lines = list(open_statement(file).lines())
    assert [line.amount_minor for line in lines] == credits
    assert [line.memo for line in lines] == [row["TransactionDetails"].strip() for row in rows]
    assert [line.booked_on.strftime("%d/%m/%Y") for line in lines] == [row["Date"] for row in rows]
    expected = next(e for p, e, _ in ROWS if p.endswith(path) and isinstance(e, Figures))
    assert (len(credits), sum(credits)) == (expected.lines, expected.credit)
    if path.startswith("agribank"):
        balances = [int(row["Balance"].replace(",", "")) for row in rows]
        assert (balances[0] - credits[0], balances[-1]) == (expected.opening, expected.closing)
        assert [line.balance_minor for line in lines] == balances
        assert lines[0].reference == "7554224"
    else:
        raw = file.read_text("utf-8-sig").splitlines()
        for line in lines[:300]:
            assert raw[line.row - 1].split(",")[1] == line.booked_on.strftime("%d/%m/%Y")
        assert lines[0].counterparty == "PHAM QUYNH SON – A/C"
        assert lines[0].time == "12:01:29"


def test_two_halves_of_a_real_file_make_the_whole() -> None:
    """Two overlapping exports must record each line once, equal lines included."""
    statement = open_statement(shared("samples/vn-relief-bank-statement/vietinbank-2024-09.csv"))

    def mac(data: bytes) -> bytes:
        return hmac.digest(b"k", data, "sha256")

    keyed = list(keyed_lines(statement, "bank:vietin", mac))
    assert len({(key, ordinal) for _, key, ordinal in keyed}) == 2000
    whole = Counter(key for _, key, _ in keyed)
    first = Counter(key for _, key, _ in keyed[:1200])
    second = Counter(key for _, key, _ in keyed[600:])
    recorded = Counter(first)
    for key, ordinals in new_ordinals(first, second).items():
        recorded[key] += len(ordinals)
    assert recorded == whole
    assert new_ordinals(recorded, whole) == {}
