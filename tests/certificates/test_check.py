"""What a paper proves, and every way in which a false one is refused by name.

Without these a change of `check_paper` could let a drawn certificate pass, and only its victim would notice.
"""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from certificates.attach import attach, attached
from certificates.check import PaperFalse, check_paper
from certificates.issue import issue, render_paper
from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import leaf_hash, prove_inclusion, root_of
from ledger.log.note import SigningKey
from ledger.log.proof import make_proof
from ledger.log.tiles import reader_of
from tests.audits import check_book
from tests.certificates.test_attach import page
from tests.ledger.saying import bodies, say
from tests.worlds import TODAY, World

Files = dict[str, bytes]


class Issued:
    """A book with two gifts and the first one's paper."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.gift = world.gift(750_000).index
        self.other = world.gift(20_000, name="Trần Văn Bé").index
        world.open.checkpointer.run()
        self.paper = issue(world.open, self.gift, "receipt", by="ke-toan", issued_on=TODAY).index
        world.open.checkpointer.run()
        self.pdf = render_paper(world.open, self.paper)
        self.files = attached(self.pdf)
        self.bodies = bodies(world)

    def signed_log(self, records: list[bytes], **indices: int) -> Files:
        """The attachments over another log that our own key signed: `book=0, gift=…, paper=…`."""
        leaves = [leaf_hash(body) for body in records]
        checkpoint = Checkpoint(self.world.open.opened.origin, len(leaves), root_of(leaves))
        note = sign_checkpoint(checkpoint, self.world.open.signer.key())
        files = dict(self.files)
        for name, index in indices.items():
            files[f"{name}.record"] = records[index]
            path = prove_inclusion(index, len(leaves), reader_of(leaves))
            files[f"{name}.tlog-proof"] = make_proof(index, path, note)
        return files


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issued]:
    world = World.create(tmp_path_factory.mktemp("paper") / "home", None)
    yield Issued(world)
    check_book(world)
    world.home.close()


def refusal(issued: Issued, files: Files, key: Any = None) -> str:
    """Why a page with these attachments is false."""
    with pytest.raises(PaperFalse) as caught:
        check_paper(attach(page(), files), key or issued.world.open.vkey)
    return caught.value.reason


def test_a_paper_says_what_the_records_say(issued: Issued) -> None:
    """Every figure and the name, from the records and their proofs; the page itself is not asked."""
    drawn = attach(page(), issued.files)
    for pdf in (issued.pdf, drawn):
        paper = check_paper(pdf, issued.world.open.vkey)
        assert (paper.paper, paper.number, paper.index, paper.gift) == ("receipt", 1, issued.paper, issued.gift)
        assert (paper.minor, paper.unit, paper.fund, paper.name) == (750_000, "VND", "sua", "Nguyễn Thị Hoà")
        assert (paper.issued_on, paper.received_on) == (TODAY, TODAY)
        assert paper.issuer == issued.world.open.opened.name
        assert paper.checkpoint.size == len(issued.bodies)


def test_a_paper_for_one_envelope_says_that_envelope(issued: Issued) -> None:
    """One sheet holds many donors: the second one's paper must not carry the first one's name or sum."""
    world = issued.world
    sheet = say(world, "cash_sheet_received").index
    world.open.checkpointer.run()
    decided = {"decision": "12/QĐ", "decided_on": date(2026, 9, 1)}
    index = issue(world.open, sheet, "certificate", by="ke-toan", issued_on=TODAY, part=1, **decided).index
    world.open.checkpointer.run()
    paper = check_paper(render_paper(world.open, index), world.open.vkey)
    assert (paper.minor, paper.fund, paper.name) == (50_000, "chung", "Phong bì 2")


@pytest.mark.parametrize("name", ["book", "gift", "paper"])
def test_every_record_and_every_proof_is_needed(issued: Issued, name: str) -> None:
    for ending in ("record", "tlog-proof"):
        rest = {file: content for file, content in issued.files.items() if file != f"{name}.{ending}"}
        assert refusal(issued, rest) == "NO_PROOF_INSIDE"


@pytest.mark.parametrize("name", ["book", "gift", "paper"])
def test_a_record_with_one_byte_changed_has_no_proof(issued: Issued, name: str) -> None:
    body = bytearray(issued.files[f"{name}.record"])
    body[body.index(b'"index":') + 8] ^= 1
    assert refusal(issued, {**issued.files, f"{name}.record": bytes(body)}) == "PROOF_FAILED"


def test_another_key_proves_nothing(issued: Issued) -> None:
    """A paper of somebody's own log, under their own key of the same name."""
    other = SigningKey.from_seed(issued.world.open.opened.origin, bytes(32))
    assert refusal(issued, issued.files, other.verifier) == "PROOF_FAILED"


def test_the_proofs_are_of_one_checkpoint(issued: Issued) -> None:
    """Parts of two histories, each signed once, must not be put together into one paper."""
    shorter = issued.signed_log(issued.bodies[: issued.gift + 1], gift=issued.gift)
    assert refusal(issued, shorter) == "CHECKPOINTS_DIFFER"


def test_another_gift_is_not_the_one_the_paper_is_for(issued: Issued) -> None:
    """A larger gift's record beside a small gift's paper, all proofs right."""
    files = issued.signed_log(issued.bodies, book=0, gift=issued.other, paper=issued.paper)
    assert refusal(issued, files) == "NOT_THE_GIFT"


def replaced(issued: Issued, index: int, change: Callable[[dict[str, Any]], None]) -> list[bytes]:
    """The book's records with one changed, as only the holder of the log's key could sign them."""
    records = list(issued.bodies)
    record = msgspec.json.decode(records[index])
    change(record)
    records[index] = canonical.encode(record)
    return records


@pytest.mark.parametrize("field", ["gift", "gift_leaf"])
def test_the_paper_names_its_gift_by_index_and_by_leaf(issued: Issued, field: str) -> None:
    wrong: dict[str, Any] = {"gift": issued.other, "gift_leaf": leaf_hash(issued.bodies[issued.other]).hex()}
    records = replaced(issued, issued.paper, lambda record: record["entry"].update({field: wrong[field]}))
    files = issued.signed_log(records, book=0, gift=issued.gift, paper=issued.paper)
    assert refusal(issued, files) == "NOT_THE_GIFT"


def test_a_part_that_the_gift_does_not_have(issued: Issued) -> None:
    records = replaced(issued, issued.paper, lambda record: record["entry"].update(part=0))
    files = issued.signed_log(records, book=0, gift=issued.gift, paper=issued.paper)
    assert refusal(issued, files) == "NOT_THE_GIFT"


def test_the_name_of_the_issuer_comes_from_record_0(issued: Issued) -> None:
    files = issued.signed_log(issued.bodies, book=1, gift=issued.gift, paper=issued.paper)
    assert refusal(issued, files) == "NOT_THE_BOOK"


def test_a_record_that_issues_nothing_is_no_paper(issued: Issued) -> None:
    files = issued.signed_log(issued.bodies, book=0, gift=issued.gift, paper=issued.other)
    assert refusal(issued, files) == "NOT_A_PAPER"


def test_a_record_stands_where_it_says(issued: Issued) -> None:
    """A proof that the record is somewhere is no proof that it is record 9."""
    records = replaced(issued, issued.gift, lambda record: record.update(index=issued.gift + 1))
    files = issued.signed_log(records, book=0, gift=issued.gift, paper=issued.paper)
    assert refusal(issued, files) == "PROOF_FAILED"


def test_a_proven_leaf_that_is_no_record(issued: Issued) -> None:
    records = list(issued.bodies)
    records[issued.gift] = b"no record"
    files = issued.signed_log(records, book=0, gift=issued.gift, paper=issued.paper)
    assert refusal(issued, files) == "RECORD_MALFORMED"


def test_the_name_is_the_one_committed_to(issued: Issued) -> None:
    """The records show no name: with its opening missing or false a page could show any, so there is no paper."""
    notes = msgspec.json.decode(issued.files["paper.json"])
    opening = notes["openings"]["name"]

    def with_notes(**changed: Any) -> Files:
        return {**issued.files, "paper.json": msgspec.json.encode({**notes, **changed})}

    for false in ({**opening, "value": "Ai đó khác"}, {**opening, "r": "00" * 32}, {**opening, "r": "x"}, {"r": "00"}):
        assert refusal(issued, with_notes(openings={"name": false})) == "NAME_DIFFERS"
    assert refusal(issued, {**issued.files, "paper.json": b"\xff"}) == "NAME_DIFFERS"
    without = {file: content for file, content in issued.files.items() if file != "paper.json"}
    for nameless in (with_notes(openings={}), without):
        assert refusal(issued, nameless) == "NAME_DIFFERS"
