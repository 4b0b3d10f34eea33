"""Every case of the shared hostile set (tamper.jsonl) has its test, by exactly the means that the set names.

A case is seen by its own means and not claimed by a weaker one; where it is tested is said here, and a case that is
added to the set or a test that is renamed fails this file.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.findings import FindingKind
from audit.fork import check_fork, make_fork
from audit.verify import KEY_THIEF, TAIL
from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.merkle import prove_consistency, root_of
from ledger.log.tiles import reader_of
from ledger.log.witness import AddCheckpoint, WitnessRefused, judge
from ledger.record import leaf_of
from tests.audit.conftest import Case
from tests.audit.tampering import audit, bodies_of, no_triggers, rebuild, relinked, sign, tampering, without_private
from tests.audit.witnessing import POLICY, WITNESSES, witness
from tests.shared import shared

K = FindingKind
ROOT = Path(__file__).resolve().parents[1]

# case → test file and the beginning of the test's name
TESTED = {
    "t00": ("audit/test_tamper.py", "test_t00"),
    "t01": ("audit/test_tamper.py", "test_every_column"),
    "t02": ("audit/test_bits.py", "test_t02"),
    "t03": ("audit/test_tamper.py", "test_t03"),
    "t04": ("audit/test_hostile_tamper.py", "test_t04"),
    "t05": ("audit/test_tamper.py", "test_t05"),
    "t06": ("audit/test_hostile_tamper.py", "test_t06"),
    "t07": ("audit/test_tamper.py", "test_t07"),
    "t08": ("audit/test_tamper.py", "test_t08"),
    "t09": ("audit/test_tamper.py", "test_t09"),
    "t10": ("audit/test_tamper.py", "test_t10"),
    "t11": ("audit/test_tiles_source.py", "test_t11"),
    "t12": ("audit/test_hostile_tamper.py", "test_t12"),
    "t13": ("audit/test_tamper.py", "test_t13"),
    "t14": ("audit/test_tamper.py", "test_t14"),
    "t15": ("audit/test_hostile_tamper.py", "test_t15"),
    "t16": ("audit/test_hostile_tamper.py", "test_t16"),
    "t17": ("audit/test_hostile_tamper.py", "test_t16"),
    "t18": ("audit/test_tamper.py", "test_t18"),
    "t19": ("ledger/test_kinds.py", "test_a_clock_set_back"),
    "t20": ("audit/test_tamper.py", "test_t20"),
    "t24": ("audit/test_tamper.py", "test_t24"),
    "t26": ("audit/test_tamper.py", "test_t26"),
    "t27": ("audit/test_tamper.py", "test_t27"),
    "t28": ("certificates/test_check.py", "test_a_record_with_one_byte_changed"),
    "t29": ("audit/test_keys_and_witnesses.py", "test_the_age_of_the_quorum"),
    "t30": ("audit/test_keys_and_witnesses.py", "test_one_bad_witness"),
    "t31": ("audit/test_keys_and_witnesses.py", "test_a_tail_that_waits"),
}
NOT_YET = {
    "t21": "the book has no erasure of a person's key yet, so a missing key is always a finding (VAULT_ROW_MISSING)",
    "t22": "no erasure yet: there is no erased subject to put back",
    "t23": "no erasure event yet",
    "t25": "the book has no users and roles yet",
}


def test_no_case_is_dropped() -> None:
    cases = {json.loads(line)["id"] for line in shared("hostile/tamper.jsonl").read_text().splitlines()}
    assert cases == set(TESTED) | set(NOT_YET)
    assert not set(TESTED) & set(NOT_YET)
    for case, (file, name) in TESTED.items():
        assert f"def {name}" in (ROOT / file).read_text(), case


def _kinds(case: Case, report: object) -> set[FindingKind]:
    return report.kinds() - case.untouched.kinds()  # type: ignore[attr-defined, no-any-return]


def _request(case: Case, notes: list[bytes], bodies: list[bytes]) -> AddCheckpoint:
    """What the log sends to a witness that has seen the newest true checkpoint, for the newest of `notes`."""
    old = case.notes[-1][0]
    size = int(notes[-1].split(b"\n")[1])
    leaves = [leaf_of(body) for body in bodies[:size]]
    proof = prove_consistency(old, size, reader_of(leaves)) if old < size else ()
    return AddCheckpoint(min(old, size), tuple(proof), notes[-1])


def _refused(case: Case, notes: list[bytes], bodies: list[bytes]) -> int:
    key = case.world.open.vkey
    latest: Checkpoint = open_checkpoint(case.notes[-1][1], key)[0]
    with pytest.raises(WitnessRefused) as refused:
        judge(_request(case, notes, bodies), [key], latest)
    return refused.value.status


def _cut(case: Case, db: object, size: int) -> None:
    with no_triggers(db):  # type: ignore[arg-type]
        for table in ("checkpoints", "cosignatures", "timestamps"):
            db.execute(text(f"DELETE FROM {table} WHERE size > :size"), {"size": size})  # type: ignore[attr-defined]


def test_t04_and_t15_the_end_cut_off(case: Case) -> None:
    """t04, t15: alone it cannot be seen, and that is said; a witness answers 409 with the size it has seen, and the
    quorum that is left grows old."""
    size, saved = case.notes[-2][0], case.notes[-1][1]
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)[:size]
        rebuild(case.world, db, bodies)
        without_private(case.world, db, size, case.untouched.size)
        _cut(case, db, size)
        alone = audit(case.world, db)
        assert not _kinds(case, alone)
        assert TAIL in alone.cannot_exclude
        assert K.ROLLED_BACK in audit(case.world, db, saved=saved).kinds()
        seen = audit(case.world, db, policy=POLICY)
        assert seen.witnessed_at is not None
        late = datetime.fromisoformat(seen.witnessed_at) + timedelta(days=1)
        assert K.COSIGNATURES_OLD in audit(case.world, db, policy=POLICY, at=late).kinds()
    assert _refused(case, [case.notes[-2][1]], bodies) == 409


def test_t15_going_on_from_yesterdays_backup(case: Case) -> None:
    """Other records in the place of those lost, signed by the true key: no quorum, and the witness refuses."""
    size = case.notes[-2][0]
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        other = [b.replace(b'"reference":"', b'"reference":"x') for b in bodies[size:]]
        bodies = relinked([*bodies[:size], *other])
        rebuild(case.world, db, bodies, application_key=True)
        notes = sign(case.world, db, [size, len(bodies)])
        assert not _kinds(case, audit(case.world, db))
        assert K.FORKED in audit(case.world, db, saved=case.notes[-1][1]).kinds()
        assert K.NOT_WITNESSED in audit(case.world, db, policy=POLICY).kinds()
    assert _refused(case, notes, bodies) == 422


def test_t06_the_log_key_alone_is_not_enough(case: Case) -> None:
    """A middle record gone and every size signed again: alone nothing is claimed, and the report says so."""
    gone = case.untouched.size - 40
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        bodies = relinked([*bodies[:gone], *bodies[gone + 1 :]])
        rebuild(case.world, db, bodies, application_key=True)
        without_private(case.world, db, gone, gone, shift=True)
        sign(case.world, db, [12, gone, len(bodies)])
        alone = audit(case.world, db)
        assert not _kinds(case, alone)
        assert KEY_THIEF in alone.cannot_exclude
        assert {K.FORKED, K.ROLLED_BACK} & audit(case.world, db, saved=case.notes[-2][1]).kinds()
        assert K.NOT_WITNESSED in audit(case.world, db, policy=POLICY).kinds()


def test_t12_the_newest_checkpoint_replaced_by_an_older(case: Case) -> None:
    with tampering(case.world) as db:
        _cut(case, db, case.notes[-2][0])
        assert _kinds(case, audit(case.world, db)) == {K.TAIL_UNSIGNED}
        assert K.ROLLED_BACK in audit(case.world, db, saved=case.notes[-1][1]).kinds()
        assert K.TAIL_NOT_WITNESSED in audit(case.world, db, policy=POLICY).kinds()


def test_t16_and_t17_two_trees_of_one_size(case: Case) -> None:
    """t16, t17: the second of equal size gets no cosignature, and whoever holds both has a proof to pass on."""
    key, size = case.world.open.signer.key(), case.untouched.size
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        other = relinked([*bodies[:-1], bodies[-1].replace(b'"reference":"', b'"reference":"x')])
        rebuild(case.world, db, other, application_key=True)
        (note,) = sign(case.world, db, [size])
        assert not _kinds(case, audit(case.world, db))
        assert K.NOT_WITNESSED in audit(case.world, db, policy=POLICY).kinds()
        with no_triggers(db):
            witness(case.world, db, keys=WITNESSES[:1])  # one of three signs for the operator
        assert K.NOT_WITNESSED in audit(case.world, db, policy=POLICY).kinds()
    assert note == sign_checkpoint(Checkpoint(key.name, size, root_of([leaf_of(b) for b in other])), key)
    assert _refused(case, [note], other) == 422
    fork = check_fork(make_fork(case.notes[-1][1], note, reader_of([]), key.verifier), key.verifier)
    assert fork.older.root != fork.newer.root
