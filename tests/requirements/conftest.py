"""One fund walked through by its command line and API, under a clock that the test sets; each walk ends in an audit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import build
from api.cli.session import Session
from audit.findings import FindingKind
from ledger.book import Recorded
from ledger.home import Home
from tests.worlds import Clock, Randomness, World

ADDRESS = "http://127.0.0.1:8000"


@dataclass
class Walk:
    """The ways into one book. `world` is an invented fund with places, funds, a programme and communes."""

    world: World
    client: TestClient
    path: Path
    open_findings: set[FindingKind] = field(default_factory=set)
    """Open matters that the walk leaves on purpose."""

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def today(self) -> str:
        """The clock's day."""
        return self.clock.moment.date().isoformat()

    def go_to(self, day: str) -> None:
        """Sets the clock to the morning of a later day."""
        at = date.fromisoformat(day)
        self.clock.moment = datetime(at.year, at.month, at.day, 2, tzinfo=UTC)

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document of a command."""
        home, *rest = ("--home", str(self.path), "--json") if "--as" in words else (
            "--home", str(self.path), "--json", "--as", "ke-toan",
        )  # fmt: skip
        result = CliRunner().invoke(build(), [*words, home, *rest])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        text = result.stdout if result.exit_code in (0, 1) and result.stdout.strip() else result.stderr
        return result.exit_code, json.loads(text)

    def sovang(self, *words: str) -> dict[str, Any]:
        """The document of a command that must succeed."""
        code, document = self.run(*words)
        assert code == 0, document
        return document

    def fails(self, *words: str, code: int = 1) -> dict[str, Any]:
        """The document of a command that must fail with this exit code."""
        found, document = self.run(*words)
        assert found == code, document
        return document

    def say(self, kind: str, *, by: str = "ke-toan", **fields: Any) -> Recorded:
        """Records an entry through the API."""
        answer = self._post(kind, by, fields)
        assert answer.status_code == 201, answer.json()
        said = answer.json()["recorded"][0]
        return Recorded(said["index"], bytes.fromhex(said["leaf_hash"]))

    def refused(self, kind: str, *, by: str = "ke-toan", **fields: Any) -> str:
        """The reason for which the API refuses an entry."""
        answer = self._post(kind, by, fields)
        assert 400 <= answer.status_code < 500, answer.json()
        return str(answer.json()["reason"])

    def two(self, kind: str, *, by: str = "ke-toan", approver: str = "chu-tk", **fields: Any) -> int:
        """Proposes as one, approves as another; the index of the entry that was recorded."""
        proposed = self.say("proposed", by=by, draft={"kind": kind, **fields}, proposed_on=self.today)
        return int(self.sovang("approve", str(proposed.index), "--as", approver)["index"])

    def get(self, path: str) -> Any:
        """A JSON answer of the API."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def gift(self, minor: int, fund: str = "sua", **fields: Any) -> Recorded:
        """A gift into the bank account today."""
        asked = {
            "amount": {"minor": minor, "unit": "VND"},
            "donor": {"private": {"name": "Nguyễn Thị Hoà"}},
            "fund": fund,
            "parts": [],
            "place": "bank:VCB",
            "received_on": self.today,
        }
        return self.say("gift_received", **{**asked, **fields})

    def _post(self, kind: str, by: str, fields: dict[str, Any]) -> Any:
        headers = {"X-Sovang-Actor": by}
        return self.client.post("/api/v1/entries", json={"entry": {"kind": kind, **fields}}, headers=headers)


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    """A walk that ends in `sovang verify --database`."""
    path = tmp_path / "home"
    world = World.create(path, None)
    homes: list[Home] = []

    def home(session: Session) -> Home:
        homes.append(Home(session.home_path, clock=world.clock, random_bytes=Randomness(f"command-{len(homes)}")))
        return homes[-1]

    # The commands of the walk live by its clock too.
    monkeypatch.setattr(Session, "home", property(home))
    with TestClient(create_app(world.home), base_url=ADDRESS) as client:
        walked = Walk(world, client, path)
        yield walked
        walked.sovang("checkpoint")
        code, report = walked.run("verify", "--database")
        left = [f for f in report["findings"] if FindingKind(f["kind"]) not in walked.open_findings]
        assert code in (0, 1), report
        assert left == [], left
    for made in homes:
        made.close()
    world.home.close()
