"""One eventful book on each database for all the audit's tests; they change it only in transactions undone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from audit.database import verify_home
from audit.findings import Report
from ledger.store import read
from ledger.store.engine import reading
from ledger.timestamps import add_authority, stamp_newest
from tests.audit.tampering import audit, eventful, tampering
from tests.authority import make_tsa, served
from tests.conftest import fresh_database
from tests.worlds import World


@dataclass
class Case:
    """A book, what the audit says of it untouched, and its checkpoints."""

    world: World
    untouched: Report
    notes: list[tuple[int, bytes]]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """The eventful book on both databases."""
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    database = None if server is None else fresh_database(server)
    world = World.create(tmp_path_factory.mktemp("audit") / "home", database)
    eventful(world)
    tsa = make_tsa(tmp_path_factory.mktemp("authority") / "tsa")
    with served(lambda query, _: tsa.stamp(query)) as address:
        add_authority(world.home, world.open.code, "tsa.example.org", address, tsa.root)
        assert stamp_newest(world.open)[0].failure is None
    report = verify_home(world.open, database=True)
    assert report.whole, [str(finding) for finding in report.findings]
    with tampering(world) as db:
        untouched = audit(world, db)
    assert untouched.findings == report.findings
    with reading(world.open.engine) as db:
        notes = [(size, note.encode()) for size, note in read.checkpoints(db, world.open.code)]
    assert [size for size, _ in notes][-1] == untouched.size > 256
    yield Case(world, untouched, notes)
    # The tests have left the book as it was.
    assert verify_home(world.open, database=True).findings == report.findings
    world.home.close()
