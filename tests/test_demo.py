"""The demo as a stranger runs it: one command in an empty folder, then everything it claims is checked again."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.demo import make_statement as bank
from api.demo import story
from audit.database import verify_home
from audit.verify import verify_tiles
from ledger.catalogue_data import activities, communes, communes_of, successors
from ledger.home import Home
from ledger.log.tiles import decode_bundle
from ledger.store import read
from ledger.store.engine import reading

SOVANG = Path(sys.executable).with_name("sovang")


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`sovang …` as its own process."""
    return subprocess.run([SOVANG, *words], cwd=cwd, capture_output=True, text=True, timeout=180, check=False)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the demo."""

    folder: Path
    said: dict[str, Any]
    seconds: float

    @property
    def home(self) -> Path:
        """The default home of the command."""
        return self.folder / "data"

    def bodies(self) -> list[bytes]:
        """Every record as stored."""
        home = Home(self.home)
        try:
            with reading(home.engine) as db:
                return [bytes(row.body) for row in read.record_rows(db, home.open_book().code)]
        finally:
            home.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """`sovang demo --no-serve --json` in an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    started = time.perf_counter()
    done = run("demo", "--no-serve", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return Ran(folder, json.loads(done.stdout), time.perf_counter() - started)


def test_the_demo_says_what_its_contract_promises(demo: Ran) -> None:
    """Others parse these keys; a demo that takes minutes is not tried twice."""
    assert {"records", "gifts", "certificates", "verify"} <= demo.said.keys()
    assert demo.said["records"] == len(demo.bodies())
    assert demo.said["verify"]["ok"] is True
    assert demo.said["verify"]["whole"] is True
    assert demo.said["gifts"] > 300
    assert len(demo.said["certificates"]) == 5
    assert len(demo.said["receipts"]) == 3
    assert demo.seconds < 60


def test_every_step_of_the_story_is_in_the_book(demo: Ran) -> None:
    """A kind that drops out of the story would no longer be shown to anybody."""
    kinds = {json.loads(body)["entry"]["kind"] for body in demo.bodies()}
    told = (
        "balance_brought pledge_made statement_imported gift_received gateway_settled cash_sheet_received cash_paid_in "
        "bank_fee_charged interest_received mistaken_money_held mistaken_money_returned suspense_received "
        "suspense_paid allocated reversed payment_ordered money_advanced payment_bounced purchased goods_issued "
        "goods_returned delivered management_spent certificate_issued communes_listed programme_opened"
    )
    assert set(told.split()) <= kinds


def test_every_paper_is_genuine_offline(demo: Ran) -> None:
    """A donor checks the paper with the public key alone."""
    for paper in (*demo.said["certificates"], *demo.said["receipts"]):
        checked = run("check", paper["path"], "--vkey", demo.said["vkey"], "--json", cwd=demo.folder)
        assert checked.returncode == 0, checked.stderr
        assert json.loads(checked.stdout)["index"] == paper["index"]


def test_the_tiles_prove_the_book_and_one_byte_changed_is_found(demo: Ran, tmp_path: Path) -> None:
    """What is published must be enough to catch whoever changes it."""
    arguments = ("--vkey", demo.said["vkey"], "--json")
    whole = run("verify", "--tiles", demo.said["tiles"], *arguments, cwd=demo.folder)
    assert json.loads(whole.stdout)["ok"] is True, whole.stdout
    published = demo.folder / demo.said["tiles"]
    for number, file in enumerate(sorted(file for file in published.rglob("*") if file.is_file())):
        copy = tmp_path / str(number)
        shutil.copytree(published, copy)
        changed = copy / file.relative_to(published)
        data = bytearray(changed.read_bytes())
        data[len(data) // 2] ^= 1
        changed.write_bytes(data)
        assert verify_tiles(copy, demo.said["vkey"]).findings, file
        shutil.rmtree(copy)
    bundle = next(file for file in published.glob("tile/entries/*") if file.is_file())
    bundle.write_bytes(bundle.read_bytes().replace(b'"minor":', b'"mInor":', 1))
    found = run("verify", "--tiles", demo.said["tiles"], *arguments, cwd=demo.folder)
    assert found.returncode == 1
    assert json.loads(found.stdout)["findings"]
    bundle.write_bytes(bundle.read_bytes().replace(b'"mInor":', b'"minor":', 1))


def test_communes_are_units_of_a_day() -> None:
    """A code means another place after a reform; the 14 communes of the plan lie in four units now."""
    then, now = communes_of("HP14", date(2019, 1, 1)), communes_of("HP14", date(2026, 9, 1))
    assert [len(then), len(now)] == [14, 4]
    assert communes()["11500@2019-01-01"].title == "xã Minh Tân"
    assert communes()["11500@2025-01-01"].title == "xã Bạch Đằng"
    assert [unit.title for unit in now] == ["phường Lưu Kiếm", "xã Việt Khê", "phường Bạch Đằng", "đặc khu Cát Hải"]
    assert all(became.commune in communes() for after in successors().values() for became in after)
    assert {"SUA", "DOAM", "HOCBONG"} <= activities().keys()
    with pytest.raises(LookupError):
        communes_of("HP15", date(2026, 9, 1))


def test_the_bundled_statements_are_what_the_script_makes() -> None:
    """Whoever doubts that the people are invented can make them again."""
    made = bank.make_statements()
    assert len(made.names) > 250
    for name, content in made.files.items():
        assert (bank.HERE / name).read_bytes() == content.encode(), name


def test_nobody_of_the_statements_is_named_in_what_is_published(demo: Ran) -> None:
    """Tiles publish every leaf: one name in a record can never be taken back."""
    leaves = b"\n".join(demo.bodies())
    bundles = sorted((demo.folder / demo.said["tiles"]).glob("tile/entries/**/*"))
    published = b"\n".join(entry for file in bundles if file.is_file() for entry in decode_bundle(file.read_bytes()))
    assert len(published) == len(leaves)
    folded = bank.plain(leaves.decode() + published.decode()).upper()
    for name in bank.make_statements().names:
        assert bank.plain(name).upper() not in folded, name
    for memo in (bank.MISTAKEN, bank.SPLIT, *bank.TWICE, bank.GATEWAY):
        assert memo.upper() not in folded


def test_a_hidden_delivery_does_not_say_where(demo: Ran) -> None:
    """Fewer than ten children: neither the commune nor whose hands it passed may tell."""
    hidden = [json.loads(body)["entry"] for body in demo.bodies() if b'"hidden":' in body]
    assert hidden
    for entry in hidden:
        assert entry["holder"] == story.OFFICER
        assert "11914" not in json.dumps(entry)
        assert entry["delivered_on"].endswith("-01")


def test_a_home_that_is_not_empty_is_refused(demo: Ran) -> None:
    """The demo must never write into somebody's real book."""
    again = run("demo", "--no-serve", cwd=demo.folder)
    assert again.returncode != 0
    assert "--home" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert demo.said["records"] == len(demo.bodies())


def test_the_story_is_short_and_names_its_files(tmp_path: Path) -> None:
    """People read it on one screen."""
    told = run("demo", "--no-serve", "--home", str(tmp_path / "sổ mẫu"), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert 20 <= len(told.stdout.splitlines()) <= 36
    for said in ("agribank-2026-08-a.csv", "SỔ NGUYÊN VẸN", "./run trace", "./run check", "hộp sữa"):
        assert said in told.stdout
    check_home(tmp_path / "sổ mẫu")


def test_the_book_is_whole(demo: Ran) -> None:
    """The full audit, by another process than the one that wrote, long after."""
    check_home(demo.home)


def check_home(path: Path) -> None:
    """Every stored row, with the machine's own clock."""
    home = Home(path)
    try:
        report = verify_home(home.open_book(), database=True)
    finally:
        home.close()
    assert report.ok, report.findings
