"""Questions to the book, held against a plain fold of its records."""

import json
from datetime import date

import pytest
from sqlalchemy import text

from audit.queries import QueryFailed, balances, prove, search
from ledger.log.proof import verify_proof
from ledger.record import leaf_of
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading, writing
from tests.audit.conftest import Case
from tests.audit.tampering import no_triggers
from tests.audits import check_book
from tests.worlds import World, vnd


def _bodies(world: World) -> list[bytes]:
    with reading(world.open.engine) as db:
        return [bytes(row.body) for row in read.record_rows(db, world.open.code)]


def _folded(records: list[bytes]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for body in records:
        for posting in json.loads(body)["postings"]:
            unit, minor = posting["amount"]["unit"], posting["amount"]["minor"]
            for account, sign in ((posting["source"], -1), (posting["destination"], 1)):
                sums[account, unit] = sums.get((account, unit), 0) + sign * minor
    return sums


def test_balances_as_recorded(case: Case) -> None:
    """At every kind of index the stored postings give what the records give."""
    records = _bodies(case.world)
    for index in (0, 20, 45, len(records) // 2, len(records) - 1):
        rows = balances(case.world.open, at=index)
        assert {(r.account, r.unit): r.minor for r in rows} == _folded(records[: index + 1])
    assert balances(case.world.open) == balances(case.world.open, at=len(records) - 1)


def test_an_index_beyond_the_book(case: Case) -> None:
    for index in (-1, case.untouched.size):
        with pytest.raises(Rejected) as refused:
            balances(case.world.open, at=index)
        assert refused.value.reason is Reason.NO_SUCH_RECORD
    with pytest.raises(Rejected):
        balances(case.world.open, at=1, on=date(2026, 9, 1))


def test_balances_by_money_day(world: World) -> None:
    """A gift entered late counts on its own day, its reversal on the day of the reversal."""

    def fund(day: str) -> int:
        rows = balances(world.open, on=date.fromisoformat(day))
        return {row.account: row.minor for row in rows}.get("fund:sua", 0)

    world.gift(100_000, received_on="2026-08-20")
    wrong = world.gift(5_000, received_on="2026-08-10")
    original = json.loads(_bodies(world)[wrong.index])
    world.say(
        "reversed",
        reversed=wrong.index,
        leaf=wrong.leaf_hash.hex(),
        reversed_on="2026-08-25",
        undone_postings=original["postings"],
        why="Nhập nhầm",
    )
    assert [fund(f"2026-08-{day}") for day in ("09", "10", "19", "20", "24", "25")] == [
        0,
        5_000,
        5_000,
        105_000,
        105_000,
        100_000,
    ]
    assert balances(world.open, on=date(2026, 9, 1)) == balances(world.open)
    check_book(world)


def test_search_finds_names_and_codes_without_marks(world: World) -> None:
    """Private names through the vault, open text and codes from the record; newest first."""
    one = world.gift(name="Đỗ Thị Phượng").index
    two = world.gift(name="DO THI PHUONG (Hải Phòng)").index
    hits = search(world.open, "do thi phuong")
    assert [(hit.index, hit.kind, hit.found) for hit in hits] == [
        (two, "gift_received", "vault.name"),
        (one, "gift_received", "vault.name"),
    ]
    assert search(world.open, "  ĐỖ   Thị phượng", limit=1) == hits[:1]
    assert [hit.found for hit in search(world.open, "minh tan")] == ["entry.communes[0].name"]
    assert [hit.kind for hit in search(world.open, "sua-hop-180")] == ["goods_listed"]
    assert search(world.open, "khong co ai") == []
    assert search(world.open, "   ") == []
    assert "Phượng" not in repr(hits)
    check_book(world)


def test_a_proof_of_any_record(case: Case) -> None:
    """Under the newest checkpoint, and a stranger's check takes it."""
    records = _bodies(case.world)
    for index in (0, 1, 255, 256, len(records) - 1):
        proof = prove(case.world.open, index)
        checkpoint = verify_proof(proof, leaf_of(records[index]), case.world.open.vkey)
        assert checkpoint.size == case.untouched.size


def test_no_proof_before_the_checkpoint(sqlite_world: World) -> None:
    with pytest.raises(Rejected) as refused:
        prove(sqlite_world.open, 0)
    assert refused.value.reason is Reason.NOT_CHECKPOINTED
    sqlite_world.open.checkpointer.run()
    late = sqlite_world.say(
        "gift_received",
        place="bank:VCB",
        amount=vnd(1),
        fund="sua",
        received_on="2026-09-01",
        donor={"private": {}},
        parts=[],
    )
    with pytest.raises(Rejected) as refused:
        prove(sqlite_world.open, late.index)
    assert refused.value.reason is Reason.NOT_CHECKPOINTED
    with pytest.raises(Rejected) as refused:
        prove(sqlite_world.open, late.index + 1)
    assert refused.value.reason is Reason.NO_SUCH_RECORD
    check_book(sqlite_world)  # also: somebody of whom nothing is known leaves no key behind


def test_a_wrong_proof_is_never_given_out(sqlite_world: World) -> None:
    sqlite_world.open.checkpointer.run()
    with writing(sqlite_world.open.engine) as db, no_triggers(db):
        leaf = bytes(db.execute(text('SELECT leaf FROM records WHERE "index" = 4')).scalar_one())
        changed = text('UPDATE records SET leaf = :leaf WHERE "index" = 4')
        db.execute(changed, {"leaf": bytes([leaf[0] ^ 1, *leaf[1:]])})
    with pytest.raises(QueryFailed):
        prove(sqlite_world.open, 3)
