"""The PDF of a recorded paper: the same bytes whoever makes it again, and nothing private beside the name."""

import json
import subprocess
import sys

import pytest

from certificates.attach import attached
from certificates.check import check_paper
from certificates.issue import is_live, issue, render_paper
from ledger.refusals import Reason, Rejected
from tests.audits import check_book
from tests.worlds import TODAY, World


def certified(world: World, gift: int) -> int:
    """Index of a certificate for a gift, both under a checkpoint."""
    world.open.checkpointer.run()
    asked = {"by": "hoi-dong", "issued_on": TODAY, "decision": "37/QĐ-HĐBT", "decided_on": TODAY}
    index = issue(world.open, gift, "certificate", **asked).index  # type: ignore[arg-type]
    world.open.checkpointer.run()
    return index


def test_made_again_it_is_the_same_bytes_even_later_and_elsewhere(sqlite_world: World) -> None:
    """Same records, checkpoint, vault name and template: the same file, whatever was recorded since."""
    world = sqlite_world
    index = certified(world, world.gift().index)
    first = render_paper(world.open, index)
    world.gift()
    world.open.checkpointer.run()
    assert render_paper(world.open, index) == first
    program = (
        "import sys; from pathlib import Path; from ledger.home import Home; "
        "from certificates.issue import render_paper; "
        "sys.stdout.buffer.write(render_paper(Home(Path(sys.argv[1])).open_book('hp'), int(sys.argv[2])))"
    )
    again = subprocess.run(
        [sys.executable, "-c", program, str(world.home.path), str(index)], capture_output=True, check=True
    )
    assert again.stdout == first
    check_book(world)


def test_on_both_databases_a_paper_proves_its_gift(world: World) -> None:
    gift = world.gift(1_500_000, name="Nguyễn Thị Hoà").index
    index = certified(world, gift)
    paper = check_paper(render_paper(world.open, index), world.open.vkey)
    assert (paper.gift, paper.minor, paper.fund, paper.name) == (gift, 1_500_000, "sua", "Nguyễn Thị Hoà")
    check_book(world)


def test_a_revoked_paper_is_not_made_again(sqlite_world: World) -> None:
    world = sqlite_world
    index = certified(world, world.gift().index)
    pdf = render_paper(world.open, index)
    world.say(
        "certificate_revoked", paper="certificate", number=1, year=2026, revoked_on=TODAY.isoformat(), why="Sai tên"
    )
    assert not is_live(world.open, index)
    with pytest.raises(Rejected) as refused:
        render_paper(world.open, index)
    assert refused.value.reason is Reason.GIFT_TAKEN_BACK
    assert check_paper(pdf, world.open.vkey).index == index, "offline the old file proves what was recorded"
    check_book(world)


def test_a_name_no_font_can_show_is_spelled_out_and_still_opens(sqlite_world: World) -> None:
    world = sqlite_world
    index = certified(world, world.gift(name="Bé 🌸").index)
    assert check_paper(render_paper(world.open, index), world.open.vkey).name == "Bé 🌸"
    check_book(world)


def test_the_file_tells_nothing_that_the_page_does_not(sqlite_world: World) -> None:
    """A donor's telephone in the vault must not travel inside the donor's PDF."""
    world = sqlite_world
    asked = {"private": {"name": "An", "phone": "0912000111", "memo": "UNG HO TU SO 0912000111"}}
    index = certified(world, world.gift(donor=asked).index)
    pdf = render_paper(world.open, index)
    files = attached(pdf)
    assert b"0912000111" not in pdf
    assert all(b"0912000111" not in data for data in files.values())
    assert set(json.loads(files["paper.json"])["openings"]) == {"name"}
    check_book(world)
