"""Golden records and a golden book: what was once written is read, and means the same, for ever.

Without these a changed field name or rule would make every book kept so far unverifiable, unnoticed.
"""

import json
from pathlib import Path

import pytest

from ledger.log import canonical
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import leaf_hash, root_of
from ledger.log.note import VerifierKey
from ledger.record import KINDS, BareRecord, decode, decode_bare
from tests.ledger.make_golden import BOOKS, GOLDEN, RECORDS, key_in_force, main, sums, told

ALL_BOOKS = pytest.mark.parametrize("book", sorted(BOOKS))


def golden_story(book: str) -> list[bytes]:
    return (GOLDEN / book / "bodies.jsonl").read_bytes().splitlines()


def test_every_kind_has_a_golden_record() -> None:
    """A kind without one could change its bytes and nobody would know."""
    assert {path.stem for path in RECORDS.glob("*.json")} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_golden_record_is_read_and_written_alike(kind: str) -> None:
    """Decode, encode: the same bytes; the postings still follow from the entry."""
    body = (RECORDS / f"{kind}.json").read_bytes()
    record = decode(body)
    assert record.entry.kind == kind
    assert canonical.encode_typed(record) == body
    assert record.entry.postings() == record.postings
    bare = decode_bare(body)
    assert isinstance(bare, BareRecord)
    assert (bare.index, bare.postings, bare.previous) == (record.index, record.postings, record.previous)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_golden_record_stands_in_the_golden_book(kind: str) -> None:
    """The record is the first of its kind in the stories, so replaying them judges its rules too."""
    body = (RECORDS / f"{kind}.json").read_bytes()
    stories = [body for book in sorted(BOOKS) for body in golden_story(book)]
    assert next(b for b in stories if decode(b).entry.kind == kind) == body


@ALL_BOOKS
def test_the_story_told_today_gives_the_golden_bytes(tmp_path: Path, database: str | None, book: str) -> None:
    """Same clock, same seeds, same requests: the same bytes and the same signed checkpoint, on both databases."""
    story, checkpoint = told(tmp_path, database, book)
    assert story == golden_story(book)
    assert checkpoint == (GOLDEN / book / "checkpoint").read_bytes()


@ALL_BOOKS
def test_the_golden_book_replays_to_its_sums(book: str) -> None:
    """Root, balances and registers of a released book stay what they were."""
    story = golden_story(book)
    expected = json.loads((GOLDEN / book / "sums.json").read_text())
    assert sums(story) == expected
    assert root_of([leaf_hash(body) for body in story]).hex() == expected["root"]


@ALL_BOOKS
def test_the_golden_checkpoint_verifies_with_the_key_in_force(book: str) -> None:
    """The signature over the golden root was made by the key that the book names, in record 0 or since."""
    story = golden_story(book)
    checkpoint, *_ = open_checkpoint(
        (GOLDEN / book / "checkpoint").read_bytes(),
        VerifierKey.parse(key_in_force(story)),
        origin=decode(story[0]).entry.origin,
    )
    assert checkpoint.root.hex() == json.loads((GOLDEN / book / "sums.json").read_text())["root"]


def test_making_golden_files_never_overwrites_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper fills gaps only: a file that differs stays, so a mistake cannot be blessed by running it."""
    import tests.ledger.make_golden as made

    monkeypatch.setattr(made, "GOLDEN", tmp_path)
    monkeypatch.setattr(made, "RECORDS", tmp_path / "records")
    (tmp_path / "records").mkdir()
    kept = tmp_path / "records" / "allocated.json"
    kept.write_bytes(b"kept")
    main()
    assert kept.read_bytes() == b"kept"
    for book in BOOKS:
        assert (tmp_path / book / "bodies.jsonl").read_bytes().splitlines() == golden_story(book)
