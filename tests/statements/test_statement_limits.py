"""Large and broken files. Lost without these: a file that takes the server's memory, or a traceback."""

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.refusals import Rejected
from ledger.statements import control, keyed_lines, open_statement
from tests.shared import SHARED, shared
from tests.statements.samples import ROWS


def generated(path: Path, rows: int) -> Path:
    balance = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("Date,ReferenceNumber,TransactionDetails,DebitAmount,CreditAmount,Balance\n")
        for n in range(rows):
            balance += 50_000
            file.write(f'{1 + n * 28 // rows:02}/09/2024,{n % 997},ung ho {n % 7},,"50,000","{balance:,}"\n')
    return path


def test_a_csv_is_read_in_flat_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = generated(tmp_path / f"{rows}.csv", rows)
        tracemalloc.start()
        try:
            statement = open_statement(path)
            assert sum(1 for _ in statement.lines()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # tables and compiled patterns are made once
    small, large = peak(2_000), peak(20_000)
    assert large <= 1.2 * small


def test_fifty_thousand_rows_tie(tmp_path: Path) -> None:
    figures = control(open_statement(generated(tmp_path / "big.csv", 50_000)))
    assert (figures.lines, figures.closing) == (50_000, 50_000 * 50_000)


def everything(path: Path) -> None:
    try:
        statement = open_statement(path)
        for _ in keyed_lines(statement, "a", lambda data: data[:8]):
            pass
        control(statement)
    except Rejected:
        return


TOKENS = [
    *("Ngày", "Số tiền", "Nội dung", "Số dư", ",", ";", "\n", '"', "-", "01/03/2026", "50.000", "1,000,000"),
    *("\t", "Tổng cộng", "Dư đầu:", "x", ":20:", ":61:", ":60F:C260301VND5,", "<?xml?>", "\x00", "\ufeff", "2"),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from(TOKENS),
            max_size=60,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    everything(path)


@pytest.mark.parametrize("sample", sorted({path for path, _, _ in ROWS}))
def test_damaged_samples(sample: str, tmp_path: Path) -> None:
    """Bytes flipped, dropped, doubled: a refusal or a reading, never anything else."""
    whole = (shared("samples") / sample).read_bytes()[:6000]
    rng = random.Random(sample)
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3, 20))):
            if not data:
                break
            at = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randrange(1, 40)]
                case 2:
                    data[at:at] = data[max(0, at - 30) : at]
                case _:
                    data[at : at + 1] = rng.choice((b'"', b"\n", b",", b"<", b"0", b"\xc3", b"-", b"&"))
        path = tmp_path / f"d{Path(sample).suffix}"
        path.write_bytes(bytes(data))
        everything(path)


def test_damaged_workbooks(tmp_path: Path) -> None:
    from tests.statements.test_layouts import MB, as_xlsx

    whole = as_xlsx(tmp_path / "mb.xlsx", MB).read_bytes()
    rng = random.Random(5)
    path = tmp_path / "d.xlsx"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 5))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(bytes(data[: rng.choice((len(data), len(data), 3000))]))
        everything(path)


def test_the_shared_samples_are_there() -> None:
    assert SHARED.exists() or shared("samples")
