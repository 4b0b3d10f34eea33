"""The benches run and say what they measured; times are not held here, a loaded machine would fail them."""

from collections.abc import Iterator

import pytest

from api import bench


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """The books of these tests are let go afterwards."""
    yield
    bench.let_go()


def test_one_proof_and_an_audit_that_goes_on() -> None:
    """Both benches share one book, which verifies; their figures fit together."""
    proof, on = bench.proof(6_000, 2_000, rounds=5), bench.incremental(6_000, 500)
    assert (proof.name, on.name) == ("proof", "incremental")
    assert bench._month.cache_info().misses == 2
    for result, unit, most in ((proof, "us", 3.0), (on, "ms", 0.02)):
        assert (result.unit, result.floor) == (unit, most)
        assert result.ours > 0 < result.reference
        assert result.ratio == pytest.approx(result.ours / result.reference, rel=0.01)
        assert result.ok is (result.ratio <= most)
    assert on.ours < on.reference


@pytest.mark.parametrize("name", ["trace", "balance"])
def test_questions_about_an_older_size(name: str) -> None:
    """The same books again; both questions are answered for any record of them."""
    asked = getattr(bench, name)(6_000, 2_000, rounds=4)
    assert (asked.name, asked.unit, asked.floor) == (name, "us", 3.0)
    assert asked.ours > 0 < asked.reference
    assert asked.ratio == pytest.approx(asked.ours / asked.reference, rel=0.01)
