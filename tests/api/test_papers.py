"""Papers and health through the API."""

from starlette.testclient import TestClient

from api.app import create_app
from certificates.issue import render_paper
from ledger.home import OpenBook
from ledger.store.engine import sqlite_journal
from tests.api.conftest import ADDRESS
from tests.worlds import World


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


def test_without_a_printer_there_are_no_papers(sqlite_client: TestClient) -> None:
    """A missing part is said, not guessed at."""
    assert sqlite_client.get("/api/v1/papers/1.pdf").status_code == 404


def test_health_names_the_database_library(sqlite_client: TestClient) -> None:
    """The library's version decides whether the write-ahead journal is safe."""
    health = sqlite_client.get("/healthz").json()
    assert health["ok"] is True
    assert health["sqlite"]["journal"] == sqlite_journal()
