"""`sovang check` of a paper beside a book: what the book itself has to say of it.

Without these a home put back to an old copy would call a paper genuine and not revoked, though it cannot know.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import build
from certificates.issue import issue, render_paper
from ledger.home import Home
from tests.ledger.saying import say
from tests.worlds import TODAY, Clock, World


def checked(home: Path, paper: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of `sovang check`."""
    environment = {"SOVANG_HOME": None, "SOVANG_DATABASE_URL": None, "SOVANG_DEBUG": None}
    ran = CliRunner(env=environment).invoke(build(), ["check", str(paper), "--home", str(home), "--json", *words])
    return ran.exit_code, json.loads(ran.stdout)


def kinds(document: dict[str, Any]) -> list[str]:
    """The findings by their kinds."""
    return [finding["kind"] for finding in document["findings"]]


def test_a_paper_beside_books_that_have_it_and_have_not(sqlite_world: World, tmp_path: Path) -> None:
    world, here = sqlite_world, sqlite_world.home.path
    gift = world.gift().index
    world.open.checkpointer.run()
    world.home.close()
    shutil.copytree(here, tmp_path / "old")
    index = issue(world.open, gift, "receipt", by="ke-toan", issued_on=TODAY).index
    world.open.checkpointer.run()
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(render_paper(world.open, index))

    code, document = checked(here, paper)
    assert (code, document["ok"], document["revoked"]) == (0, True, False)

    code, document = checked(tmp_path / "old", paper)
    assert (code, document["ok"], document["revoked"], kinds(document)) == (1, False, None, ["PAPER_NOT_IN_BOOK"])

    # The old copy goes on: another record takes the paper's place.
    went_on = Home(tmp_path / "old", clock=Clock())
    other = World(went_on, went_on.open_book(), Clock(), None)
    assert other.gift().index == index
    went_on.close()
    code, document = checked(tmp_path / "old", paper)
    assert (code, document["revoked"], kinds(document)) == (1, None, ["PAPER_NOT_IN_BOOK"])

    # With the key alone nothing is said of later revocation.
    code, document = checked(tmp_path / "old", paper, "--vkey", world.open.vkey.vkey)
    assert (code, document["ok"], document["revoked"]) == (0, True, None)

    say(world, "certificate_revoked", paper="receipt", number=1, year=TODAY.year)
    code, document = checked(here, paper)
    assert (code, document["revoked"], kinds(document)) == (1, True, ["PAPER_REVOKED"])


@pytest.mark.parametrize("given", [False, True])
def test_a_cut_tail_is_never_excluded(sqlite_world: World, tmp_path: Path, given: bool) -> None:
    """A checkpoint kept from before covers only what it covers."""
    world = sqlite_world
    note = tmp_path / "kept"
    note.write_bytes(world.open.checkpointer.run()[1])
    world.gift()
    world.open.checkpointer.run()
    words = ["verify", "--json", "--home", str(world.home.path), *(["--since", str(note)] if given else [])]
    ran = CliRunner(env={"SOVANG_DATABASE_URL": None}).invoke(build(), words)
    cannot = json.loads(ran.stdout)["cannot_exclude"]
    said = [sentence for sentence in cannot if "end of the log was cut off" in sentence]
    assert len(said) == 1
    assert ("the checkpoint given" in said[0]) is given
