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
from tests.audits import check_book
from tests.certificates.test_layout import shown
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


def run(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of a command."""
    environment = {"SOVANG_HOME": None, "SOVANG_DATABASE_URL": None, "SOVANG_DEBUG": None}
    ran = CliRunner(env=environment).invoke(build(), [*words, "--home", str(home), "--json"])
    return ran.exit_code, json.loads(ran.stdout)


def test_vouchers_and_empty_forms_are_written_as_files(sqlite_world: World, tmp_path: Path) -> None:
    """What the cashier holds in hand; a wrong form writes no file and records nothing."""
    world, home = sqlite_world, sqlite_world.home.path
    gift = world.gift(1_500_000, place="cash:TM").index
    wrong = run(home, "voucher", str(gift), "--form", "phieu-chi", "-o", str(tmp_path / "x.pdf"))
    assert (wrong[0], wrong[1]["reason"], (tmp_path / "x.pdf").exists()) == (1, "NO_SUCH_FORM", False)
    code, first = run(home, "voucher", str(gift), "-o", str(tmp_path / "1.pdf"))
    assert (code, first["record"], first["index"]) == (0, gift, gift + 1)
    assert run(home, "voucher", str(gift), "-o", str(tmp_path))[0] == 0
    again = (tmp_path / f"voucher-{gift}.pdf").read_bytes()
    assert shown("Nợ: 1111 1.500.000 ₫", again)
    assert shown("BẢN IN LẠI lần 1", again)
    assert not shown("BẢN IN LẠI", (tmp_path / "1.pdf").read_bytes())

    code, listed = run(home, "form", "list")
    assert {"phieu-thu", "kiem-ke-quy", "danh-sach-ky-nhan"} < {each["form"] for each in listed["forms"]}
    for each in listed["forms"]:
        assert run(home, "form", each["form"], "-o", str(tmp_path / f"{each['form']}.pdf"))[0] == 0
        assert (tmp_path / f"{each['form']}.pdf").read_bytes().startswith(b"%PDF-")
    assert run(home, "form", "danh-sach-ky-nhan", "--rows", "0")[1]["reason"] == "MALFORMED"
    assert run(home, "form", "bang-khen")[1]["reason"] == "NO_SUCH_FORM"
    check_book(world)
