"""Refusals: each has one status and words, names its field, and tells nothing it should not."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.problems import STATUS, problem_of
from api.words import WORDS, DoorReason, field_of, say
from ledger.refusals import Reason, Rejected
from ledger.signing import SignerRefused
from ledger.store.engine import CommitUnknown, StoreUnavailable
from ledger.store.schema import SchemaOld
from tests.api.asking import gift
from tests.api.conftest import ADDRESS
from tests.worlds import World

VIETNAMESE = re.compile("[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE)


def test_every_reason_has_one_status_and_words_in_both_languages() -> None:
    """A new reason without them would be answered with a crash."""
    every = {*Reason, *DoorReason}
    assert set(STATUS) == every
    assert set(WORDS) == every
    for reason, (vietnamese, english) in WORDS.items():
        assert VIETNAMESE.search(vietnamese), reason
        assert english.isascii(), reason
        assert english, reason


def test_statuses_tell_our_faults_from_the_callers() -> None:
    """A program repeats a 5xx and gives up on a 4xx: only what may pass by itself is one."""
    assert all(400 <= STATUS[reason] < 500 for reason in Reason)
    assert all(400 <= status <= 503 for status in STATUS.values())


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (StoreUnavailable("host=db.noi-bo password=x"), 503, "STORE_UNAVAILABLE"),
        (CommitUnknown("x"), 503, "COMMIT_UNKNOWN"),
        (SchemaOld("x"), 503, "SCHEMA_OLD"),
        (SignerRefused("ROLLED_BACK", "an old copy was restored"), 503, "SIGNER_REFUSED"),
        (RuntimeError("Nguyễn Thị Hoà"), 500, "INTERNAL"),
    ],
)
def test_other_errors_have_their_status_and_keep_their_insides(error: Exception, status: int, reason: str) -> None:
    """A database's message can hold its password or a donor's name."""
    problem = problem_of(error)
    assert (problem["status"], problem["reason"]) == (status, reason)
    assert "password" not in str(problem)
    assert "Hoà" not in str(problem)
    assert problem.get("unknown") is (True if reason == "COMMIT_UNKNOWN" else None)


def test_say_is_one_line_with_field_figures_and_reason() -> None:
    """The command line prints it as it is."""
    said = say(Rejected(Reason.WOULD_BE_OVERDRAWN, "x\ny", field="amount", short_by=150_000))
    assert said == "Không đủ số dư — The balance is too small [amount] x\\u000ay (short_by=150000) WOULD_BE_OVERDRAWN"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Expected `int` >= 1 - at `amount.minor`", "amount.minor"),
        ("Object missing required field `fund`", "fund"),
        ("Object contains unknown field `fnud`", "fnud"),
        ("$.entry.donor.private.name: U+E000 is not an assigned character", "entry.donor.private.name"),
        ("says nothing of a field", None),
    ],
)
def test_the_field_is_read_from_a_librarys_message(message: str, field: str | None) -> None:
    """A refusal that does not say where sends people searching."""
    assert field_of(Rejected(Reason.MALFORMED, message)) == field


def test_an_unexpected_error_is_answered_and_logged_without_what_it_says(
    sqlite_world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    """The database's own errors quote whole rows."""

    def render(_book: object, _index: int) -> bytes:
        raise RuntimeError("Nguyễn Thị Hoà, 0912345678")

    with TestClient(create_app(sqlite_world.home, render_paper=render), base_url=ADDRESS) as client:
        answer = client.get("/api/v1/papers/3.pdf")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capfd.readouterr().err
    assert '"error": "RuntimeError"' in logged
    assert "Hoà" not in answer.text + logged
    assert "0912345678" not in answer.text + logged


@pytest.mark.parametrize(
    ("change", "status", "reason", "field"),
    [
        ({"amount": {"minor": 0, "unit": "VND"}}, 400, "MALFORMED", "amount.minor"),
        ({"amount": {"minor": "5", "unit": "VND"}}, 400, "MALFORMED", "amount.minor"),
        ({"fund": "khong-co"}, 422, "NO_SUCH_FUND", "fund"),
        ({"received_on": "2999-01-01"}, 422, "DAY_IN_FUTURE", "received_on"),
        ({"kind": "gift_recieved"}, 422, "UNKNOWN_KIND", "kind"),
        ({"fnud": "sua"}, 400, "MALFORMED", "fnud"),
        ({"donor": {"private": {"name": "An\u202e"}}}, 400, "MALFORMED", "name"),
        ({"donor": {"private": {"name": "An\ue000"}}}, 400, "MALFORMED", "name"),
        ({"donor": {"same_as": 99}}, 422, "NOT_IN_VAULT", "same_as"),
    ],
)
def test_a_refusal_names_reason_and_field(
    sqlite_client: TestClient, change: dict[str, Any], status: int, reason: str, field: str
) -> None:
    """An accountant must see which box of the form to mend."""
    answer = sqlite_client.post("/api/v1/entries", json={"entry": gift(**change)})
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["reason"]) == (status, status, reason)
    assert problem["field"].split(".")[-1] == field.split(".")[-1]
    assert problem["type"] == f"urn:sovang:reason:{reason}"


def test_paths_and_methods_that_are_not_here_are_problems_too(sqlite_client: TestClient) -> None:
    """A client that reads only problem details must not meet another shape."""
    for method, path, status, reason in [
        ("GET", "/khong-co", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/entries/1", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/entries/", 404, "NOT_FOUND"),
        ("GET", "/api/v1/entries?limit=0", 400, "MALFORMED"),
        ("GET", "/api/v1/entries?limti=5", 400, "MALFORMED"),
        ("GET", "/api/v1/entries?book=khac", 404, "BOOK_NOT_OPEN"),
        ("GET", "/api/v1/balances?at=1&on=2026-01-01", 400, "MALFORMED"),
    ]:
        answer = sqlite_client.request(method, path)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), path
        assert answer.headers["content-type"] == "application/problem+json"
