"""«Is my transfer in there?» Lost without these: a donor who cannot find their own gift, or a stranger who finds
somebody else's. On both databases."""

import logging
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from audit.find import FoundTransfer, find_transfer
from audit.findings import FindingKind
from ledger.entries.control import line_back
from ledger.intake import Intake, waiting
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import verify_inclusion
from ledger.log.proof import parse_proof
from ledger.money import Amount
from ledger.record import decode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.statements.matching import make_code
from ledger.store import read
from ledger.store.engine import reading
from ledger.vault.seal import VaultDamaged
from tests.audits import check_book
from tests.ledger.statement_files import AUGUST, Booked, write
from tests.worlds import World

PLACE = "bank:AGR"
MINE = "FT26215000012345"
NAME = "NGUYEN THI HOA"
LINES = [
    Booked(AUGUST, 500_000, f"{NAME} ung ho", MINE),
    Booked(AUGUST, 500_000, "TRAN VAN BINH ung ho", "FT26215000012346"),
    Booked(AUGUST, 500_000, "LE VAN C", ""),
    Booked(AUGUST, 20_000, "PHAM D", "FT26215000099999"),
    Booked(AUGUST, -11_000, "phi", "FT26215000088888"),
]
HIDDEN = (NAME, "TRAN", "BINH", "LE VAN", "12346", "PHAM")


@pytest.fixture
def book(world: World, tmp_path: Path) -> Any:
    """A day of one bank account, checkpointed; the test ends in the book's audit."""
    take(world, tmp_path / "a.csv", LINES)
    world.open.checkpointer.run()
    yield world
    # Days left out between two files of a test.
    check_book(world, allow={FindingKind.DAYS_UNCOVERED, FindingKind.STATEMENTS_DO_NOT_CHAIN})


def take(world: World, path: Path, lines: list[Booked], *, opening: int = 1000, place: str = PLACE) -> None:
    Intake(world.open).run(write(path, lines, opening=opening), place, by="ke-toan")


def ask(world: World, reference: str = MINE, day: date = AUGUST, minor: int = 500_000, **more: Any) -> FoundTransfer:
    unit = more.pop("unit", "VND")
    return find_transfer(world.open, day=day, amount=Amount(minor, unit), reference=reference, **more)


def refused(world: World, *asked: Any, **more: Any) -> tuple[Reason, str, dict[str, Any]]:
    """All that a refusal says."""
    with pytest.raises(Rejected) as caught:
        ask(world, *asked, **more)
    return caught.value.reason, str(caught.value), dict(caught.value.details)


NOT_FOUND = (Reason.TRANSFER_NOT_FOUND, "TRANSFER_NOT_FOUND", {})


def line_of(world: World, index: int) -> str:
    return str(next(row["line"] for row in waiting(world.open) if row["index"] == index))


def explain(world: World, index: int, minor: int, name: str = "Nguyễn Thị Hoà") -> int:
    parts = [{"line": line_of(world, index), "minor": minor}]
    return world.gift(minor, place=PLACE, parts=parts, name=name).index


def reverse(world: World, index: int) -> int:
    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    undone = decode(body)
    fields: dict[str, Any] = {
        "leaf": leaf_of(body).hex(),
        "reversed": index,
        "reversed_on": "2026-08-31",
        "undone_postings": msgspec.to_builtins(undone.postings),
        "why": "nhầm",
    }
    if (back := line_back(undone.entry)) is not None:
        fields["line_back"] = msgspec.to_builtins(back)
    index = world.say("reversed", **fields).index
    world.open.checkpointer.run()
    return index


def test_the_exact_transfer_gives_its_own_proof(book: World) -> None:
    """The donor takes home something that needs neither us nor our database."""
    found = ask(book)
    proof = parse_proof(found.proof)
    signed, _ = open_checkpoint(proof.checkpoint, book.open.vkey)
    body = proof.extra
    assert body is not None
    verify_inclusion(leaf_of(body), index=found.index, size=signed.size, root=signed.root, proof=proof.path)
    entry = decode(body).entry
    assert entry.kind == "suspense_received"
    assert (found.explained_by, found.waiting_minor) == ((), 500_000)
    assert not any(name in body.decode() for name in (*HIDDEN, MINE))


NOT_QUITE: list[dict[str, Any]] = [
    {"reference": MINE[:-1] + "4"},
    {"reference": MINE[:-1]},
    {"reference": MINE + "0"},
    {"reference": MINE.lower()},
    {"reference": MINE[1:]},
    {"reference": f"%{MINE[:-2]}%"},
    {"reference": "________________"},
    {"reference": "' OR '1'='1' --"},
    {"reference": NAME},
    {"reference": f"{NAME} ung ho"},
    {"day": AUGUST.replace(day=4)},
    {"day": date.max},
    {"day": date.min},
    {"minor": 500_001},
    {"minor": 499_999},
    {"minor": 2**53 - 1},
    {"unit": "USD"},
    {"unit": "sua-hop-180ml"},
    {"place": "bank:VCB"},
    {"place": "bank:NO"},
    {"place": "cash:TM"},
    {"reference": "FT26215000088888", "minor": 11_000},
]


def test_anything_less_is_refused_always_alike(book: World) -> None:
    """A near miss that answers differently is an oracle: one could find a gift digit by digit."""
    for asked in NOT_QUITE:
        assert refused(book, **asked) == NOT_FOUND, asked


ODD = ("", " ", "1", "FT26215", " F T 2 6 ", "a\nb" * 8, "\u202eFT26215000012345", "x" * 5000)


def test_a_reference_too_short_or_odd_is_refused_before_anything_is_read(book: World) -> None:
    """Short ones could be tried out; and the refusal repeats nothing."""
    for reference in ODD:
        reason, message, details = refused(book, reference)
        assert reason is Reason.MALFORMED
        assert details["field"] == "reference"
        assert len(reference) < 3 or reference.strip() not in message


def test_blanks_and_spelling_count_as_when_it_was_imported(book: World, tmp_path: Path) -> None:
    """What a donor copies from a screen has other blanks and other bytes for the same letters."""
    take(book, tmp_path / "b.csv", [Booked(AUGUST.replace(day=5), 7_000, "", "MÃ  GD 0001 0002")])
    book.open.checkpointer.run()
    asked = {"day": AUGUST.replace(day=5), "minor": 7_000}
    decomposed = "MA\u0303 GD 0001  0002 "
    assert ask(book, "MÃ GD 0001 0002", **asked) == ask(book, decomposed, **asked)
    assert refused(book, "MÃ GD 00010002", **asked) == NOT_FOUND


def test_the_same_twice_on_one_day_is_not_found(book: World, tmp_path: Path) -> None:
    """Of two that fit neither may be called the caller's; and that there are two is nobody's business."""
    day = AUGUST.replace(day=6)
    twice = [Booked(day, 9_000, "A", "FT26218000000001"), Booked(day, 9_000, "B", "FT26218000000001")]
    take(book, tmp_path / "b.csv", [*twice, Booked(day, 9_001, "C", "FT26218000000001")])
    book.open.checkpointer.run()
    assert refused(book, "FT26218000000001", day, 9_000) == NOT_FOUND
    assert ask(book, "FT26218000000001", day, 9_001).index > 0


def test_the_same_amount_and_reference_at_two_accounts(book: World, tmp_path: Path) -> None:
    """Two banks may number alike: the place tells them apart, and without it neither is given."""
    take(book, tmp_path / "b.csv", LINES[:1], place="bank:VCB")
    book.open.checkpointer.run()
    assert refused(book) == NOT_FOUND
    first, second = ask(book, place=PLACE), ask(book, place="bank:VCB")
    assert first.index != second.index


def test_what_became_of_it_is_told(book: World) -> None:
    """«Received» is half an answer: what for, stands in the record that explains it, or in several."""
    first = ask(book)
    one = explain(book, first.index, 300_000)
    assert (ask(book).explained_by, ask(book).waiting_minor) == ((one,), 200_000)
    two = explain(book, first.index, 200_000)
    found = ask(book)
    assert (found.index, found.explained_by, found.waiting_minor) == (first.index, (one, two), 0)
    undone = reverse(book, one)
    assert (ask(book).explained_by, ask(book).waiting_minor) == ((two,), 300_000)
    reverse(book, undone)
    found = ask(book)
    assert (found.explained_by, found.waiting_minor) == ((one, two), 0)


def test_a_gift_that_took_its_line_directly_explains_itself(book: World, tmp_path: Path) -> None:
    """A pledge that was kept is found like any other line, also after its gift was reversed."""
    code = make_code(bytes(range(8)))
    book.say(
        "pledge_made",
        pledge=code,
        fund="sua",
        amount={"minor": 900, "unit": "VND"},
        donor={"private": {"name": "Trần Văn Bình", "phone": "0904 000 000"}},
        firm=True,
        pledged_on="2026-08-01",
    )
    day = AUGUST.replace(day=7)
    take(book, tmp_path / "b.csv", [Booked(day, 900, f"SV{code}", "FT26219000000001")])
    book.open.checkpointer.run()
    asked = ("FT26219000000001", day, 900)
    found = ask(book, *asked)
    assert found.explained_by == (found.index,)
    reverse(book, found.index)
    assert (ask(book, *asked).explained_by, ask(book, *asked).waiting_minor) == ((), 900)
    again = explain(book, found.index, 900)
    assert ask(book, *asked).explained_by == (again,)


def test_a_gateways_credit_is_found_by_its_own_reference(book: World) -> None:
    """The batch is one line of the bank; who gave in it is in the record that explains it."""
    line = ask(book, "FT26215000012346")
    parts = [{"line": line_of(book, line.index), "minor": 500_000}]
    gifts = [{"donor": {"private": {"name": "Lê"}}, "fund": "sua", "minor": 500_000}]
    settled = book.say(
        "gateway_settled",
        place=PLACE,
        credited={"minor": 500_000, "unit": "VND"},
        fee_minor=0,
        fee_fund="sua",
        gateway="momo",
        gifts=gifts,
        list_sha256="5e" * 32,
        parts=parts,
        received_on="2026-08-03",
    ).index
    assert ask(book, "FT26215000012346").explained_by == (settled,)


def test_a_record_not_yet_checkpointed_is_said_to_be_so(book: World, tmp_path: Path) -> None:
    """No promise before its state: without a checkpoint there is no proof to give."""
    day = AUGUST.replace(day=8)
    take(book, tmp_path / "b.csv", [Booked(day, 900, "x", "FT26220000000001")])
    assert refused(book, "FT26220000000001", day, 900)[0] is Reason.NOT_CHECKPOINTED
    book.open.checkpointer.run()
    assert ask(book, "FT26220000000001", day, 900).proof


def test_nothing_is_written_and_only_what_fits_is_opened(book: World, caplog: pytest.LogCaptureFixture) -> None:
    """Opening the whole vault for a question would make every question a leak waiting to happen."""
    opened: list[str] = []
    vault = book.open.vault
    plain = vault.open

    class Watching:
        def open(self, row: Any, subject: Any) -> Any:
            opened.append(row.field)
            return plain(row, subject)

    class Book:
        engine, code, keys = book.open.engine, book.open.code, book.open.keys
        vault: Any = Watching()

    said: list[str] = []

    def note(_db: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append(f"{statement} {parameters}")

    event.listen(book.open.engine, "before_cursor_execute", note)
    try:
        with caplog.at_level(logging.DEBUG):
            find_transfer(Book(), day=AUGUST, amount=Amount(500_000, "VND"), reference=MINE)
    finally:
        event.remove(book.open.engine, "before_cursor_execute", note)
    # The two of that day and amount that have a reference; neither names, nor memos, nor other amounts.
    assert opened == ["reference", "reference"]
    assert not any(each.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")) for each in said)
    assert MINE not in "".join(said) + caplog.text


def test_a_damaged_or_erased_value_is_no_error_to_see(book: World) -> None:
    """One row that does not open must not stop everybody else's question, nor tell that it is there."""

    class Deaf:
        def open(self, row: Any, subject: Any) -> Any:
            raise VaultDamaged("no")

    class Book:
        engine, code, keys = book.open.engine, book.open.code, book.open.keys
        vault: Any = Deaf()

    with pytest.raises(Rejected) as caught:
        find_transfer(Book(), day=AUGUST, amount=Amount(500_000, "VND"), reference=MINE)
    assert (caught.value.reason, caught.value.details) == (Reason.TRANSFER_NOT_FOUND, {})
