"""`POST /api/v1/find`, `sovang find`, `sovang dispute`. Lost without these: an answer that says more than the proof, a
reference in a log, a dispute without its day."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from audit.findings import FindingKind
from ledger.home import Home
from ledger.intake import Intake
from ledger.log.proof import parse_proof
from ledger.record import decode
from ledger.requests import open_person
from ledger.store import read
from ledger.store.engine import reading
from tests.api.test_cli import audited, refused, sovang
from tests.audits import check_book
from tests.ledger.statement_files import AUGUST, Booked, write
from tests.worlds import World

MINE = "FT26215000012345"
LINES = [
    Booked(AUGUST, 500_000, "NGUYEN THI HOA ung ho", MINE),
    Booked(AUGUST, 500_000, "TRAN VAN BINH ung ho", "FT26215000012346"),
]
WANTED = {"day": "2026-08-03", "amount": {"minor": 500_000, "unit": "VND"}, "reference": MINE}


@pytest.fixture
def asked(client: TestClient, world: World, tmp_path: Path) -> Iterator[TestClient]:
    """A server over a book with one day of a bank account."""
    Intake(world.open).run(write(tmp_path / "a.csv", LINES), "bank:AGR", by="ke-toan")
    world.open.checkpointer.run()
    yield client
    check_book(world)


def test_the_donor_gets_the_proof_of_one_record(asked: TestClient, world: World) -> None:
    """What is given out is what anybody may read of that record, and its proof."""
    answer = asked.post("/api/v1/find", json=WANTED)
    said = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert set(said) == {"index", "state", "explained_by", "waiting", "proof"}
    assert (said["state"], said["explained_by"], said["waiting"]) == ("checkpointed", [], WANTED["amount"])
    extra = parse_proof(said["proof"].encode()).extra
    with reading(world.open.engine) as db:
        assert extra == read.body(db, world.open.code, said["index"])
    for hidden in (MINE, "HOA", "BINH", "12346"):
        assert hidden not in answer.text + (extra or b"").decode()


def test_whatever_is_not_found_is_answered_byte_for_byte_alike(asked: TestClient) -> None:
    """Another byte, another header: an oracle. One could be led to somebody's gift step by step."""
    wrong: list[dict[str, Any]] = [
        {"reference": MINE[:-1] + "4"},
        {"reference": MINE[:-1]},
        {"reference": "%" * 16},
        {"day": "2026-08-04"},
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"amount": {"minor": 500_001, "unit": "VND"}},
        {"amount": {"minor": 500_000, "unit": "USD"}},
        {"place": "bank:VCB"},
        {"place": "bank:NO-SUCH"},
    ]
    answers = [asked.post("/api/v1/find", json=WANTED | one) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert answers[0].json()["reason"] == "TRANSFER_NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reference": "FT26215"}, "reference"),
        ({"reference": None}, "reference"),
        ({"reference": [MINE]}, "reference"),
        ({"day": "03/08/2026"}, "day"),
        ({"day": 20260803}, "day"),
        ({"amount": 500_000}, "amount"),
        ({"amount": {"minor": 0, "unit": "VND"}}, "amount.minor"),
        ({"amount": {"minor": "500000", "unit": "VND"}}, "amount.minor"),
        ({"amount": {"minor": 1, "unit": "'; DROP"}}, "amount.unit"),
        ({"place": "cash:TM"}, "place"),
        ({"limit": 10}, "limit"),
    ],
    ids=str,
)
def test_a_wrong_body_names_the_field_and_repeats_nothing(
    sqlite_client: TestClient, body: dict[str, Any], field: str
) -> None:
    """Whoever mistypes must learn where; a log of refusals must not learn what."""
    answer = sqlite_client.post("/api/v1/find", json=WANTED | body)
    assert (answer.status_code, answer.json()["reason"], answer.json()["field"]) == (400, "MALFORMED", field)
    assert "FT26215" not in answer.text


def test_the_question_is_never_an_address(sqlite_client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses are kept by every server and browser on the way."""
    assert sqlite_client.get("/api/v1/find", params={"reference": MINE}).status_code == 405
    assert sqlite_client.post(f"/api/v1/find?reference={MINE}", json=WANTED).status_code == 400
    sqlite_client.post("/api/v1/find", json=WANTED)
    ours = [each.getMessage() for each in caplog.records if each.name.startswith(("api", "ledger"))]
    assert MINE not in "".join(ours)


# The commands

DAY = date.today() - timedelta(days=2)
ASKED = ("--day", DAY, "--amount", "500.000")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home made by the commands, with one day of a bank account; ends in its audit."""
    made = tmp_path / "home"
    sovang("init", "--book", "hp", "--name", "Quỹ thử", home=made)
    assert sovang("account", "open", "AGR", "--kind", "bank", home=made).code == 0
    statement = write(tmp_path / "a.csv", [Booked(DAY, each.minor, each.memo, each.reference) for each in LINES])
    assert sovang("import", statement, "--account", "AGR", home=made).code == 0
    yield made
    audited(made)


def test_find_writes_a_proof_that_check_accepts(home: Path, tmp_path: Path) -> None:
    """The whole way a donor goes: ask, take the file home, check it."""
    file = tmp_path / "mine.tlog-proof"
    ran = sovang("find", *ASKED, "--ref", MINE, "--place", "AGR", "-o", file, home=home)
    assert ran.code == 0, ran.err
    assert "500.000" in ran.out
    assert not any(hidden in ran.out for hidden in (MINE, "HOA", "BINH"))
    assert sovang("check", file, home=home).code == 0
    said = sovang("find", *ASKED, "--ref", "-", "-o", file, "--json", home=home, stdin=f"{MINE}\n").said
    assert said["path"] == str(file)
    assert (said["explained_by"], said["waiting"]) == ([], {"minor": 500_000, "unit": "VND"})


def test_find_refuses_alike_and_writes_nothing(home: Path, tmp_path: Path) -> None:
    """A file named after a record would be an answer too."""
    file = tmp_path / "none.tlog-proof"
    wrong = [("--ref", MINE[:-1] + "4"), ("--ref", MINE, "--place", "bank:NO"), ("--ref", MINE, "--day", "2020-01-01")]
    runs = [sovang("find", *ASKED, *words, "-o", file, home=home) for words in wrong]
    answers = {refused(ran, 1, "TRANSFER_NOT_FOUND") for ran in runs}
    assert len(answers) == 1
    assert "dispute" in answers.pop()
    refused(sovang("find", *ASKED, "--ref", "123", home=home), 1, "MALFORMED")
    refused(sovang("find", "--day", DAY, "--amount", "-5", "--ref", MINE, home=home), 1, "MALFORMED")
    assert not file.exists()


def private_of(home: Path, index: int) -> tuple[Any, dict[str, str]]:
    """An entry and what the vault holds of its person."""
    made = Home(home)
    try:
        opened = made.open_book()
        with reading(opened.engine) as db:
            body = read.body(db, opened.code, index)
            assert body is not None
            entry = decode(body).entry
            known = open_person(db, opened.code, opened.vault, index, next(entry.persons()))
            assert known is not None
            assert not any(text.encode() in body for text in known[1].values())
        return entry, known[1]
    finally:
        made.close()


def test_a_dispute_is_recorded_with_its_answer_day_and_answered(home: Path) -> None:
    """«We shall look into it» without a day is no answer; and who complains stays private."""
    who = ("--name", "Nguyễn Thị Hoà", "--contact", "0904 000 000", "--ref", "FT26215000099999")
    ran = sovang("dispute", *ASKED, *who, "--place", "AGR", "--json", home=home)
    assert ran.code == 0, ran.err
    entry, known = private_of(home, ran.said["index"])
    assert known == {"name": "Nguyễn Thị Hoà", "contact": "0904 000 000", "reference": "FT26215000099999"}
    assert entry.answer_by_on - entry.raised_on == timedelta(days=15)
    assert ran.said["answer_by_on"] == entry.answer_by_on.isoformat()
    # It waits, in time; then it is answered by the record that `find` gives.
    verified = sovang("verify", "--complete", "--json", home=home)
    waits = next(each for each in verified.said["findings"] if each["kind"] == "DISPUTE_OPEN")
    assert waits["index"] == ran.said["index"]
    found = sovang("find", *ASKED, "--ref", MINE, "-o", home / "x", "--json", home=home).said["index"]
    answer = ("--dispute", ran.said["index"], "--dispute-leaf", ran.said["leaf_hash"], "--outcome", "found")
    words = ("--answered-on", date.today(), "--found", found, "--why", "ghi dưới tên khác")
    assert sovang("new", "dispute_answered", *answer, *words, home=home).code == 0
    verified = sovang("verify", "--complete", "--json", home=home)
    assert "DISPUTE_OPEN" not in {each["kind"] for each in verified.said["findings"]}
    assert verified.said["completeness"]["disputes"]["answered"] == 1


def test_a_dispute_can_also_be_said_by_new_with_private_fields(home: Path) -> None:
    """The long way must work for whoever writes their own forms."""
    days = ("--raised-on", date.today(), "--transferred-on", DAY, "--answer-by-on", date.today())
    person = ("--sender.name", "Lê Văn C", "--sender.private.reference", MINE)
    ran = sovang("new", "disputed", "--amount", "500.000", *days, *person, "--json", home=home)
    assert ran.code == 0, ran.err
    assert private_of(home, ran.said["index"])[1] == {"name": "Lê Văn C", "reference": MINE}


def test_a_dispute_needs_somebody_and_a_day_that_may_be_promised(home: Path) -> None:
    """Nobody can be answered, or a day so far that nobody waits for it."""
    refused(sovang("dispute", *ASKED, home=home), 2, "MISUSE")
    far = date.today() + timedelta(days=33)
    refused(sovang("dispute", *ASKED, "--name", "A", "--answer-by", far, home=home), 1, "MALFORMED")
    refused(sovang("dispute", *ASKED, "--name", "A", "--place", "NO", home=home), 1, "NO_SUCH_PLACE")


def test_verify_complete_is_for_people_too(home: Path) -> None:
    """The accountant reads sentences: what the bank has, what the book has, what waits."""
    ran = sovang("verify", "--complete", home=home)
    assert ran.code == 1
    assert "bank:AGR: 1 sao kê / statements, 2 dòng / lines" in ran.out
    assert "LINES_IN_SUSPENSE" in ran.out
    # The opening balance of the file was never brought over.
    assert "STATEMENT_BALANCE_DIFFERS" in ran.out
    assert FindingKind.DISPUTE_OPEN not in ran.out
    plain = sovang("verify", "--json", home=home)
    assert "completeness" not in plain.said
