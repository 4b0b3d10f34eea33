"""Nothing stored can be changed unseen: every column of every table, rows out and in, histories rewritten.

The cases named t00… are those of the shared hostile set (tamper.jsonl). What no audit can see from the stored
data and the public key alone is tested to be said, not claimed.
"""

import random
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Integer, LargeBinary, Table, text
from sqlalchemy.exc import DBAPIError

from audit.findings import Finding, FindingKind
from audit.verify import TAIL
from ledger.log.note import SigningKey
from ledger.record import leaf_of
from ledger.store import tables
from ledger.store.append import SubjectRow
from tests.audit.conftest import Case
from tests.audit.tampering import (
    audit,
    bodies_of,
    new_findings,
    no_triggers,
    random_row,
    rebuild,
    relinked,
    sign,
    tampering,
    where,
    without_private,
)

SEED = "sovang-tamper-1"
K = FindingKind
COVERED = [table for table in tables.metadata.sorted_tables if table.info["class"] is not tables.TableClass.OPERATIONAL]
COLUMNS = [(table.name, column.name) for table in COVERED for column in table.columns]


def _draw(*what: str) -> random.Random:
    seed = "/".join((SEED, *what))
    print("seed", seed)
    return random.Random(zlib.crc32(seed.encode()))


def _other_values(table: Table, column: str, value: Any, draw: random.Random) -> list[Any]:
    """Three values that are not this one."""
    kind = table.c[column].type
    if isinstance(kind, LargeBinary):
        flipped = []
        for _ in range(3):
            data = bytearray(value)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            flipped.append(bytes(data))
        return flipped
    if isinstance(kind, Integer):
        return [value + 1, value ^ 1 << draw.randrange(20), -value - 1]
    place = draw.randrange(len(value))
    letter = value[place]
    swapped = "x" if letter != "x" else "y"
    return [value[:place] + swapped + value[place + 1 :], value + " ", value[:-1] or "z"]


def _changed(db: Connection, table: Table, row: dict[str, Any], column: str, values: list[Any]) -> dict[str, Any]:
    """Sets the first of these values that no other row stands in the way of."""
    for value in values:
        try:
            with db.begin_nested():
                db.execute(table.update().where(where(table, row)).values({column: value}))
        except DBAPIError:
            continue
        return {**row, column: value}
    raise AssertionError(f"no value of {table.name}.{column} could be set")


def _places(table: str, row: dict[str, Any]) -> set[object]:
    """What may name this row in a finding of its table: an index, an account or a key."""
    match table:
        case "records" | "postings":
            return {row["index"]}
        case "checkpoints":
            return {row["size"]}
        case "cosignatures":
            return {row["witness"]}
        case "timestamps":
            return {row["authority"]}
        case "heads":
            return {None}
        case "subtrees":
            return {f"{row['level']}/{row['position']}"}
        case "balances":
            return {row["account"]}
        case "folded":
            return {row["book"]}
        case "marks":
            return {row["account"]}
        case "lots":
            return {str(row["lot"])}
        case "lot_places":
            return {f"{row['lot']}/{row['holder']}"}
        case "lot_values":
            return {f"{row['what']}/{row['key']}"}
        case "registers":
            return {f"{row['register']}/{row['key']}"}
        case "vault_subjects":
            return {row["subject"]}
        case "vault_values":
            return {f"{row['tag']}/{row['field']}"}
    raise AssertionError(f"say how a row of {table} is named")


def _placed(found: list[Finding], table: str, *rows: dict[str, Any]) -> bool:
    places = {place for row in rows for place in _places(table, row)} | {row["book"] for row in rows[1:]}
    return any(
        finding.table == table
        and (places & {finding.index, finding.account, finding.key} - {None} or places == {None, rows[0]["book"]})
        for finding in found
    ) or (table == "heads" and any(finding.table == "heads" for finding in found))


@pytest.mark.parametrize(("table_name", "column"), COLUMNS)
def test_every_column(case: Case, table_name: str, column: str) -> None:
    """A changed value of any column of any row is found, and the finding names the table and the row."""
    table = tables.metadata.tables[table_name]
    draw = _draw(table_name, column)
    missed = []
    for turn in range(3):
        with tampering(case.world) as db:
            row = random_row(db, table, draw)
            value = row[column]
            if isinstance(value, memoryview):
                value = bytes(value)
            values = _other_values(table, column, value, draw)
            with no_triggers(db):
                changed = _changed(db, table, row, column, values[turn:] + values[:turn])
            found = new_findings(audit(case.world, db), case.untouched)
        if not _placed(found, table_name, row, changed):
            missed.append((row, changed[column], [str(finding) for finding in found]))
    assert not missed, missed


@pytest.mark.parametrize(
    ("table_name", "column"),
    [(table.name, column.name) for table in COVERED for column in table.columns if column.type.python_type is str],
)
def test_text_that_is_no_text(case: Case, table_name: str, column: str) -> None:
    """Bytes that are not UTF-8 in a text column are a finding, never an exception."""
    if case.world.database is not None:
        pytest.skip("PostgreSQL does not take such bytes")
    table = tables.metadata.tables[table_name]
    with tampering(case.world) as db:
        row = random_row(db, table, _draw("no text", table_name, column))
        with no_triggers(db):
            db.execute(table.update().where(where(table, row)).values({column: text("CAST(x'c3ff28' AS TEXT)")}))
        found = new_findings(audit(case.world, db), case.untouched)
    assert any(finding.table == table_name for finding in found), [str(finding) for finding in found]


# Nothing says how many lines or timestamps there were: the report says that they may be missing.
@pytest.mark.parametrize("table_name", [t.name for t in COVERED if t.name not in ("cosignatures", "timestamps")])
def test_a_row_deleted(case: Case, table_name: str) -> None:
    """A row taken out is found (of the checkpoints the newest one: with what the signing key remembers)."""
    table = tables.metadata.tables[table_name]
    draw = _draw("delete", table_name)
    for _ in range(3):
        with tampering(case.world) as db:
            row = random_row(db, table, draw)
            if table_name == "checkpoints":
                row = {"book": row["book"], "size": case.untouched.size}
            with no_triggers(db):
                db.execute(table.delete().where(where(table, row)))
            found = new_findings(audit(case.world, db, signer=True), case.untouched)
        assert _placed(found, table_name, row), (row, [str(finding) for finding in found])


@pytest.mark.parametrize("table_name", [table.name for table in COVERED])
def test_a_row_inserted(case: Case, table_name: str) -> None:
    """A copy of a row under another key is found."""
    table = tables.metadata.tables[table_name]
    column = list(table.primary_key.columns)[-1].name
    draw = _draw("insert", table_name)
    for turn in range(3):
        with tampering(case.world) as db:
            row = random_row(db, table, draw)
            copy = {**row, column: _other_values(table, column, row[column], draw)[turn]}
            if table_name == "timestamps":
                copy["size"] = row["size"] + 1  # beside an authority's own any other is a second authority
            if table_name == "records":
                copy |= {"reference": row["reference"] + "x", "index": case.untouched.size + turn}
            with no_triggers(db):
                try:
                    with db.begin_nested():
                        db.execute(table.insert().values(copy))
                except DBAPIError:
                    continue  # there is such a row
            found = new_findings(audit(case.world, db), case.untouched)
        assert _placed(found, table_name, row, copy), (copy, [str(finding) for finding in found])


def _found(case: Case, db: Any, **options: Any) -> list[Finding]:
    return new_findings(audit(case.world, db, **options), case.untouched)


def _kinds(found: list[Finding]) -> set[FindingKind]:
    return {finding.kind for finding in found}


def _at(found: list[Finding], kind: FindingKind, index: int) -> bool:
    return any(finding.kind is kind and finding.index == index for finding in found)


def _unsigned(db: Any, size: int) -> None:
    """Takes every checkpoint above a size away, with what witnesses and authorities have signed on it."""
    for table in ("checkpoints", "cosignatures", "timestamps"):
        db.execute(text(f"DELETE FROM {table} WHERE size > :size"), {"size": size})


def test_t00_nothing_changed(case: Case) -> None:
    """An audit that always fails proves nothing."""
    with tampering(case.world) as db:
        assert not _found(case, db)
        assert not _found(case, db, signer=True, saved=case.notes[1][1])


def test_t03_the_newest_record_deleted(case: Case) -> None:
    """A gap at the end is seen by the head and the checkpoint."""
    last = case.untouched.size - 1
    with tampering(case.world) as db:
        with no_triggers(db):
            for table in ("records", "postings", "vault_values"):
                db.execute(text(f'DELETE FROM {table} WHERE "index" = :index'), {"index": last})
        found = _found(case, db)
    assert _at(found, K.RECORD_MISSING, last)
    assert {K.HEAD_DIFFERS, K.ROLLED_BACK} <= _kinds(found)


def test_t04_the_newest_records_and_their_checkpoints_deleted(case: Case) -> None:
    """Alone this cannot be seen and the audit says so; a saved checkpoint or the signer's memory shows it."""
    size, saved = case.notes[-2][0], case.notes[-1][1]
    with tampering(case.world) as db:
        rebuild(case.world, db, bodies_of(case.world, db)[:size])
        without_private(case.world, db, size, case.untouched.size)
        with no_triggers(db):
            _unsigned(db, size)
        alone = audit(case.world, db)
        assert not new_findings(alone, case.untouched)
        assert TAIL in alone.cannot_exclude
        with_saved = audit(case.world, db, saved=saved)
        assert _kinds(new_findings(with_saved, case.untouched)) == {K.ROLLED_BACK}
        assert TAIL not in with_saved.cannot_exclude
        assert K.ROLLED_BACK in _kinds(_found(case, db, signer=True))


def test_t05_a_middle_record_deleted_and_all_hashes_made_right(case: Case) -> None:
    """The signed roots do not follow."""
    gone = case.untouched.size - 40
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        rebuild(case.world, db, relinked([*bodies[:gone], *bodies[gone + 1 :]]))
        without_private(case.world, db, gone, gone, shift=True)
        found = _found(case, db)
        assert _at(found, K.ROLLED_BACK, case.untouched.size - 1)
        assert _at(found, K.ROOT_DIFFERS, case.notes[-2][0])
        assert _at(found, K.ROW_MAC_DIFFERS, gone)
        public = _found(case, db, keys=False)
        assert K.ROW_MAC_DIFFERS not in _kinds(public)
        assert K.ROOT_DIFFERS in _kinds(public)


def test_t06_the_same_signed_again_with_the_stolen_key(case: Case) -> None:
    """The log's key alone is not enough against a checkpoint kept elsewhere; alone the audit does not claim it."""
    gone = case.untouched.size - 40
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        rebuild(case.world, db, relinked([*bodies[:gone], *bodies[gone + 1 :]]), application_key=True)
        without_private(case.world, db, gone, gone, shift=True)
        sign(case.world, db, [12, gone, case.untouched.size - 1])
        assert not _found(case, db)
        found = _found(case, db, saved=case.notes[-2][1])
        assert _kinds(found) == {K.FORKED}
        assert _at(found, K.FORKED, case.notes[-2][0])
        # A checkpoint from before the change still fits: it says nothing about what came later.
        assert not _found(case, db, saved=case.notes[1][1])
        assert _kinds(_found(case, db, signer=True)) & {K.ROLLED_BACK, K.FORKED}


@pytest.mark.parametrize("mended", [False, True])
def test_t07_two_neighbours_swapped(case: Case, mended: bool) -> None:
    """With or without the hashes made right."""
    at = case.untouched.size - 30
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        bodies[at], bodies[at + 1] = bodies[at + 1], bodies[at]
        if mended:
            bodies = relinked(bodies)
        rebuild(case.world, db, bodies)
        found = _found(case, db)
    assert K.ROOT_DIFFERS in _kinds(found)
    assert _at(found, K.ROW_MAC_DIFFERS, at)
    if not mended:
        assert _at(found, K.OUT_OF_SEQUENCE, at)
        assert _at(found, K.BROKEN_LINK, at)


@pytest.mark.parametrize("mended", [False, True])
def test_t08_a_record_doubled_at_the_end(case: Case, mended: bool) -> None:
    """With or without index and link made right; a reference stands only once, so the forger changes it."""
    size = case.untouched.size
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        if mended:
            last = relinked([*bodies, bodies[-1].replace(b'"reference":"', b'"reference":"x')])[-1]
        else:
            last = bodies[-1].replace(b'"reference":"', b'"reference":"x')
        rebuild(case.world, db, [*bodies, last])
        found = _found(case, db)
    assert _at(found, K.TAIL_UNSIGNED, size)
    assert _at(found, K.ROW_MAC_DIFFERS, size)
    assert mended or _at(found, K.OUT_OF_SEQUENCE, size)


def test_t09_a_forged_record_in_the_middle(case: Case) -> None:
    """All hashes made right; only the signed roots and the application's MAC stand in the way."""
    at = case.untouched.size - 30
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        forged = bodies[at].replace(b'"reference":"', b'"reference":"x')
        rebuild(case.world, db, relinked([*bodies[:at], forged, *bodies[at:]]))
        found = _found(case, db)
    assert _at(found, K.ROOT_DIFFERS, case.untouched.size)
    assert _at(found, K.ROW_MAC_DIFFERS, at)


def test_t10_a_record_appended_by_sql(case: Case) -> None:
    """All right but for the two keys: it is beyond the newest checkpoint and has no MAC."""
    size = case.untouched.size
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        bodies = relinked([*bodies, bodies[-1].replace(b'"reference":"', b'"reference":"x')])
        rebuild(case.world, db, bodies)
        found = _found(case, db)
        assert _at(found, K.TAIL_UNSIGNED, size)
        assert _at(found, K.ROW_MAC_DIFFERS, size)
        assert _at(_found(case, db, keys=False), K.TAIL_UNSIGNED, size)


def test_t12_the_newest_checkpoint_taken_away(case: Case) -> None:
    """Alone only an unsigned tail is seen; a saved checkpoint shows a rollback, the signer misses its own."""
    older = case.notes[-2][0]
    with tampering(case.world) as db:
        with no_triggers(db):
            _unsigned(db, older)
        alone = audit(case.world, db)
        assert alone.whole
        assert _kinds(new_findings(alone, case.untouched)) == {K.TAIL_UNSIGNED}
        assert K.ROLLED_BACK in _kinds(_found(case, db, saved=case.notes[-1][1]))
        assert K.CHECKPOINT_MISSING in _kinds(_found(case, db, signer=True))


def test_t13_a_signature_byte_changed(case: Case) -> None:
    """The checkpoint is no longer one."""
    size, note = case.notes[1]
    note = b"\n".join(note.split(b"\n")[:5]) + b"\n"  # without its witnesses, who have their own table
    signature = note.rstrip().rpartition(b" ")[2]
    wrong = note.replace(signature, signature[:40] + (b"A" if signature[40:41] != b"A" else b"B") + signature[41:])
    with tampering(case.world) as db:
        with no_triggers(db):
            db.execute(
                text("UPDATE checkpoints SET note = :note WHERE size = :size"),
                {"note": wrong.decode(), "size": size},
            )
        assert _at(_found(case, db), K.CHECKPOINT_INVALID, size)


def test_t14_the_public_key_swapped(case: Case) -> None:
    """A whole history under the forger's own key: the key is pinned outside the database."""
    name = case.world.open.vkey.name
    forger = SigningKey.from_seed(name, bytes(range(32)))

    def other_key(record: dict[str, Any]) -> None:
        if record["entry"]["kind"] == "book_opened":
            record["entry"]["public_key"] = forger.vkey

    with tampering(case.world) as db:
        rebuild(case.world, db, relinked(bodies_of(case.world, db), other_key))
        sign(case.world, db, [case.untouched.size], forger)
        found = _found(case, db)
    assert _at(found, K.KEY_DIFFERS, 0)
    assert _at(found, K.CHECKPOINT_INVALID, case.untouched.size)


def test_t18_an_instant_before_its_predecessor(case: Case) -> None:
    """Order is by sequence, and time never runs against it."""
    at = case.untouched.size - 25

    def earlier(record: dict[str, Any]) -> None:
        if record["index"] == at:
            record["at"] = "2026-08-01T00:00:00.000000Z"

    with tampering(case.world) as db:
        rebuild(case.world, db, relinked(bodies_of(case.world, db), earlier))
        assert _at(_found(case, db), K.TIME_BACKWARDS, at)


def test_t20_only_ciphertext_changed(case: Case) -> None:
    """A private value that does not open is found where it is."""
    with tampering(case.world) as db:
        row = random_row(db, tables.vault_values, _draw("t20"))
        sealed = bytearray(row["sealed"])
        sealed[20] ^= 1
        with no_triggers(db):
            table = tables.vault_values
            db.execute(table.update().where(where(table, row)).values(sealed=bytes(sealed)))
        assert _at(_found(case, db), K.VAULT_DAMAGED, row["index"])


@pytest.mark.parametrize("with_subject", [False, True])
def test_t24_ciphertexts_of_two_people_swapped(case: Case, with_subject: bool) -> None:
    """Associated data binds subject, tag and field; a tag is drawn fresh for each record."""
    size = case.untouched.size
    table = tables.vault_values
    with tampering(case.world) as db:
        one, two = (
            dict(db.execute(table.select().where(table.c.index == index)).mappings().one())
            for index in (size - 3, size - 2)
        )
        names = ("sealed", "subject") if with_subject else ("sealed",)
        with no_triggers(db):
            for row, other in ((one, two), (two, one)):
                values = {name: other[name] for name in names}
                db.execute(table.update().where(where(table, row)).values(values))
        found = _found(case, db)
    assert _at(found, K.VAULT_DAMAGED, size - 3)
    assert _at(found, K.VAULT_DAMAGED, size - 2)


def test_t26_triggers_dropped_and_put_back(case: Case) -> None:
    """Nothing relies on triggers: every test above edits without them. Put back, they alone are no finding."""
    with tampering(case.world) as db:
        with no_triggers(db):
            pass
        assert not _found(case, db)


GROWS = "heads_refuse_back"
SQLITE_SCHEMA = [
    ("DROP TRIGGER records_refuse_update", "records"),
    (f"DROP TRIGGER {GROWS}; CREATE TRIGGER {GROWS} BEFORE UPDATE ON heads BEGIN SELECT 1; END", "heads"),
    ("CREATE TRIGGER postings_more AFTER INSERT ON postings BEGIN SELECT 1; END", "postings"),
    ("DROP INDEX records_by_reference", "records"),
    ("ALTER TABLE balances ADD COLUMN note TEXT", "balances"),
    ("CREATE TABLE shadow (a INTEGER)", None),
]  # fmt: skip
POSTGRESQL_SCHEMA = [
    ("DROP TRIGGER records_refuse_update ON records", "records"),
    ("ALTER TABLE records DISABLE TRIGGER records_refuse_update", "records"),
    ("ALTER TABLE postings ENABLE TRIGGER postings_refuse_delete", "postings"),
    ("CREATE OR REPLACE FUNCTION sovang_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$", None),
    ("CREATE RULE shadow AS ON UPDATE TO balances DO ALSO NOTHING", "balances"),
    ("DROP INDEX records_by_reference", "records"),
    ("ALTER TABLE balances ADD COLUMN note TEXT", "balances"),
    ("ALTER TABLE heads ALTER COLUMN zone DROP NOT NULL", "heads"),
]  # fmt: skip


def test_t27_the_schema_changed(case: Case) -> None:
    """Triggers, functions, indexes, columns: what is not as the program made it is named."""
    for statements, table in SQLITE_SCHEMA if case.world.database is None else POSTGRESQL_SCHEMA:
        with tampering(case.world) as db:
            for statement in statements.split("; C") if case.world.database is None else [statements]:
                db.exec_driver_sql(statement if statement[0] in "DAC" else f"C{statement}")
            found = [finding for finding in _found(case, db) if finding.kind is K.SCHEMA_DIFFERS]
        assert found, statements
        assert {finding.table for finding in found} == {table}, (statements, [str(f) for f in found])


def test_t27_the_revision_changed(case: Case) -> None:
    """A program that believes it would migrate what needs no migration."""
    with tampering(case.world) as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
        found = _found(case, db)
    assert [(f.kind, f.table) for f in found] == [(K.SCHEMA_DIFFERS, "alembic_version")]


@pytest.mark.parametrize("table", [table.name for table in COVERED])
def test_t27_a_table_dropped(case: Case, table: str) -> None:
    """Findings, never an exception, and the other tables are still read."""
    with tampering(case.world) as db:
        db.exec_driver_sql(f"DROP TABLE {table}")
        report = audit(case.world, db)
    assert {K.DATABASE_DAMAGED, K.SCHEMA_DIFFERS} <= {f.kind for f in report.findings if f.table == table}
    assert report.size == (0 if table == "records" else case.untouched.size)


def test_a_value_exchanged_with_all_keys_but_not_the_commitment(case: Case) -> None:
    """Somebody with the vault's keys seals another name under the same tag: the record does not commit to it."""
    size, table = case.untouched.size, tables.vault_values
    vault, code = case.world.open.vault, case.world.open.code
    with tampering(case.world) as db:
        row = dict(db.execute(table.select().where(table.c.index == size - 2)).mappings().one())
        key = tables.vault_subjects
        known = db.execute(key.select().where(key.c.subject == row["subject"])).mappings().one()
        data_key = vault._unwrap(SubjectRow(row["subject"], known["epoch"], bytes(known["wrapped"])))
        bound = f"value\0{code}\0{row['subject']}\0{row['tag']}\0{row['field']}".encode()
        sealed = bytes(12) + AESGCM(data_key).encrypt(bytes(12), bytes(32) + "Người khác".encode(), bound)
        with no_triggers(db):
            db.execute(table.update().where(where(table, row)).values(sealed=sealed))
        assert _at(_found(case, db), K.COMMITMENT_DIFFERS, size - 2)


def test_leaf_hashes_are_those_of_the_bytes(case: Case) -> None:
    """The harness itself: what it calls the records are the stored ones."""
    with tampering(case.world) as db:
        bodies = bodies_of(case.world, db)
        assert relinked(bodies) == bodies
        rebuild(case.world, db, bodies)
        assert not _found(case, db)
        assert leaf_of(bodies[-1]).hex() == db.execute(text("SELECT leaf FROM heads")).scalar_one()
