"""Papers and health through the API."""

from typing import Any

from starlette.testclient import TestClient

from api.app import create_app
from api.printing import render_printed
from certificates.issue import render_paper
from ledger.home import OpenBook
from ledger.store.engine import sqlite_journal
from tests.api.conftest import ADDRESS
from tests.audits import check_book
from tests.certificates.test_layout import shown
from tests.worlds import TODAY, World


def test_a_paper_is_handed_out_and_kept_nowhere(sqlite_world: World) -> None:
    """It names a donor: a cache on the way would keep the name."""

    def render(opened: OpenBook, index: int) -> bytes:
        return f"%PDF- {opened.code} {index}".encode()

    with TestClient(create_app(sqlite_world.home, render_paper=render), base_url=ADDRESS) as client:
        paper = client.get("/api/v1/papers/12.pdf")
    assert paper.content == b"%PDF- hp 12"
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.headers["content-disposition"] == 'attachment; filename="hp-12.pdf"'
    assert paper.headers["cache-control"] == "private, no-store"


def test_a_record_that_is_no_paper_is_a_refusal(sqlite_world: World) -> None:
    """With the real printer: a wrong index is the caller's mistake, not ours."""
    with TestClient(create_app(sqlite_world.home, render_paper=render_paper), base_url=ADDRESS) as client:
        for index in (0, 3, 9_999):
            answer = client.get(f"/api/v1/papers/{index}.pdf")
            assert 400 <= answer.status_code < 500, answer.text
        assert client.get("/api/v1/papers/x.pdf").status_code == 404


def test_a_voucher_is_printed_through_the_api(sqlite_world: World) -> None:
    """Each printing is a record; its PDF can be had again, and the next one says that it is a reprint."""
    world = sqlite_world
    gift = world.gift(1_500_000, place="cash:TM")
    entry = {
        "kind": "voucher_printed",
        "form": "phieu-thu",
        "leaf": gift.leaf_hash.hex(),
        "printed_on": TODAY.isoformat(),
        "record": gift.index,
    }
    with TestClient(create_app(world.home, render_paper=render_printed), base_url=ADDRESS) as client:

        def printed(**other: Any) -> bytes:
            said = client.post("/api/v1/entries", json={"entry": {**entry, **other}}).json()
            answer = client.get(f"/api/v1/papers/{said['recorded'][0]['index']}.pdf")
            assert answer.headers["content-type"] == "application/pdf", answer.text
            return answer.content

        assert shown("1.500.000 ₫", first := printed())
        assert not shown("BẢN IN LẠI", first)
        assert shown("BẢN IN LẠI lần 1", printed())
        wrong = client.post("/api/v1/entries", json={"entry": {**entry, "form": "phieu-chi"}}).json()
        refused = client.get(f"/api/v1/papers/{wrong['recorded'][0]['index']}.pdf")
        assert (refused.status_code, refused.json()["reason"]) == (422, "NO_SUCH_FORM")
    check_book(world)


def test_without_a_printer_there_are_no_papers(sqlite_client: TestClient) -> None:
    """A missing part is said, not guessed at."""
    assert sqlite_client.get("/api/v1/papers/1.pdf").status_code == 404


def test_health_names_the_database_library(sqlite_client: TestClient) -> None:
    """The library's version decides whether the write-ahead journal is safe."""
    health = sqlite_client.get("/healthz").json()
    assert health["ok"] is True
    assert health["sqlite"]["journal"] == sqlite_journal()
