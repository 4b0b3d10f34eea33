"""docs/year.md is true: its commands run in order, each on its own day, and print the figures that the page shows.

An accountant follows the page with real money beside it; one command that fails, or one figure that is another, and
the whole page is worth nothing.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import build
from api.cli.session import Session
from ledger.home import Home
from tests.worlds import Clock, Randomness

PAGE = Path(__file__).resolve().parents[1] / "docs/year.md"
BLOCK = re.compile(
    r"^#+ Ngày (?P<day>[\d/]+) — (?P<english>\d+ \w+ \d+)$|^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Step:
    """The commands of one block, the files that stand before it, its day, and what the page shows of the answers."""

    day: date
    files: dict[str, str]
    commands: list[str]
    shown: list[str] = field(default_factory=list)


def steps(text: str) -> Iterator[Step]:
    """The page as steps, in order."""
    day = date.min
    files: dict[str, str] = {}
    step: Step | None = None
    # Nothing of the page is passed over: every fence and every day is read.
    read = list(BLOCK.finditer(text))
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 * sum(found["kind"] is not None for found in read)
    assert len(re.findall("^#+ Ngày", text, re.MULTILINE)) == sum(found["day"] is not None for found in read)
    for found in read:
        if found["day"]:
            at = datetime.strptime(found["day"], "%d/%m/%Y").date()  # a day of the book's own zone
            assert found["english"] == f"{at.day} {at:%B %Y}", found[0]
            assert at >= day, found[0]
            day = at
        elif found["file"]:
            files[found["file"]] = found["body"]
        elif found["kind"] == "sh":
            if step is not None:
                yield step
            step = Step(day, files, list(commands(found["body"])))
            files = {}
        elif found["kind"] == "text":
            assert step is not None, found[0]
            step.shown += found["body"].splitlines()
    assert step is not None
    yield step


def commands(block: str) -> Iterator[str]:
    """The commands of a block: a line that ends in a backslash or inside a quotation goes on in the next."""
    waiting = ""
    for line in block.replace("\\\n", " ").splitlines():
        waiting = f"{waiting}\n{line}" if waiting else line
        if waiting.count("'") % 2 == 0:
            if waiting.strip() and not waiting.startswith("#"):
                yield waiting
            waiting = ""
    assert not waiting, block


@dataclass
class Reader:
    """Somebody who does what the page says, in one folder, and looks at what is answered."""

    folder: Path
    clock: Clock
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.app = build()
        self.homes: list[Home] = []

        def home(session: Session) -> Home:
            random_bytes = Randomness(f"command-{len(self.homes)}")
            self.homes.append(Home(session.home_path, clock=self.clock, random_bytes=random_bytes))
            return self.homes[-1]

        self.monkeypatch.setattr(Session, "home", property(home))
        self.monkeypatch.chdir(self.folder)
        for name in ("SOVANG_DATABASE_URL", "SOVANG_DEBUG"):
            self.monkeypatch.delenv(name, raising=False)

    def does(self, step: Step) -> str:
        """Runs the commands of a step; everything that they printed."""
        morning = datetime(step.day.year, step.day.month, step.day.day, 2, tzinfo=UTC)
        self.clock.moment = max(self.clock.moment, morning)
        for name, body in step.files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(body, encoding="utf-8")
        return "".join(self.run(command) for command in step.commands)

    def run(self, command: str) -> str:
        """One line: `sovang …`, `echo "…" > FILE` or `export NAME="$PWD/…"`; any other is a mistake of the page."""
        line, _, code = command.partition("# →")
        match shlex.split(line, comments=True):
            case ["export", said]:
                name, _, value = said.partition("=")
                self.monkeypatch.setenv(name, value.replace("$PWD", str(self.folder)))
                return ""
            case ["echo", text, ">", name]:
                (self.folder / name).write_text(f"{text}\n", encoding="utf-8")
                return ""
            case ["sovang", *words]:
                before = len(self.homes)
                ran = CliRunner().invoke(self.app, words)
                for home in self.homes[before:]:
                    home.close()
                assert ran.exception is None or isinstance(ran.exception, SystemExit), (command, ran.exception)
                assert ran.exit_code == int(code.strip() or 0), (command, ran.output)
                return ran.output
        raise AssertionError(command)


def plain(text: str) -> str:
    """Without the widths of tables."""
    return " ".join(re.sub("[│━┃╇┼─]+", " ", text).split())


def missing(shown: list[str], printed: str) -> str | None:
    """The first line of the page that was not printed, in the order of the page; `…` stands for anything."""
    lines = iter([plain(line) for line in printed.splitlines()])
    for line in shown:
        if plain(line) in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part.strip()) for part in plain(line).split("…"))
        if not any(re.search(pattern, said) for said in lines):
            return line
    return None


def test_a_year_of_one_fund(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page ends as the page says, and every figure shown is one that was printed."""
    reader = Reader(tmp_path, Clock(datetime(2026, 1, 1, tzinfo=UTC)), monkeypatch)
    told = list(steps(PAGE.read_text(encoding="utf-8")))
    for step in told:
        printed = reader.does(step)
        absent = missing(step.shown, printed)
        assert absent is None, f"{step.day}: not printed: {absent}\n{printed}"
    # The page itself ends in the full audit of every stored row.
    assert told[-1].commands[-1].startswith("sovang verify --database")
    assert any("SỔ NGUYÊN VẸN" in line for line in told[-1].shown)


def test_what_the_page_shows_is_looked_for() -> None:
    """A figure that was not printed is found out, also one that is printed too early."""
    printed = "a │ 1.000\nb │ 2.000\n"
    assert missing(["a | 1.000".replace("|", "│"), "b … 2.000"], printed) is None
    assert missing(["a  1.001"], printed) == "a  1.001"
    assert missing(["b  2.000", "a  1.000"], printed) == "a  1.000"
