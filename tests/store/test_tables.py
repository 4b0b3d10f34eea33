"""The tables are what they are declared to be, and what is recorded is not changed by slip or by honest program.

Without these a table could be forgotten by the audit, or a column differ between the two databases.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Engine, Integer, LargeBinary, Text, inspect, text
from sqlalchemy.exc import DBAPIError

from ledger.store import tables
from ledger.store.engine import driver_sql, open_engine, sqlite_url
from ledger.store.schema import describe, expected, migrate, newest, require_newest
from ledger.store.tables import CLASSES, TableClass, metadata
from tests.audits import check_book
from tests.conftest import fresh_database
from tests.ledger.saying import request
from tests.worlds import World

TYPES: dict[type, set[str]] = {
    Text: {"TEXT"},
    Integer: {"INTEGER", "BIGINT"},
    BigInteger: {"INTEGER", "BIGINT"},
    LargeBinary: {"BLOB", "BYTEA"},
}


def run(world: World, statement: str, *values: object) -> int:
    """One statement in a transaction of its own; the number of rows it touched."""
    with world.open.engine.begin() as db:
        return db.exec_driver_sql(driver_sql(db, statement), values).rowcount


def refused(world: World, statement: str, *values: object, saying: str = "append-only") -> None:
    with pytest.raises(DBAPIError) as caught:
        run(world, statement, *values)
    assert saying in str(caught.value.orig)


def filled(world: World) -> World:
    """A book with records, a checkpoint, and a full subtree."""
    world.open.requests.submit([{"entry": request("gift_received")}] * 260, "may")
    world.open.checkpointer.run()
    return world


@pytest.fixture
def signed(world: World) -> World:
    return filled(world)


def test_every_table_declares_one_class(world: World) -> None:
    """A table that belongs to no class is one that no audit looks at."""
    stored = set(inspect(world.open.engine).get_table_names())
    assert stored == set(CLASSES)
    assert all(isinstance(table.info.get("class"), TableClass) for table in metadata.sorted_tables)
    assert {table.name for table in metadata.sorted_tables} | {"alembic_version"} == set(CLASSES)
    assert set(CLASSES.values()) == set(TableClass)
    check_book(world)


def test_the_migrated_columns_are_those_declared(world: World) -> None:
    """Names, order, types, NOT NULL and keys: migration and declaration are two texts that must agree."""
    found = inspect(world.open.engine)
    for table in metadata.sorted_tables:
        columns = found.get_columns(table.name)
        assert [c["name"] for c in columns] == [c.name for c in table.columns], table.name
        for stored, declared in zip(columns, table.columns, strict=True):
            assert str(stored["type"]).split(" ")[0].split("(")[0] in TYPES[type(declared.type)], declared
            assert stored["nullable"] is False, declared
        key = found.get_pk_constraint(table.name)["constrained_columns"]
        assert key == [c.name for c in table.primary_key.columns], table.name
        unique = [index["column_names"] for index in found.get_indexes(table.name) if index["unique"]]
        declared_unique = [[c.name for c in index.columns] for index in table.indexes if index.unique]
        assert unique == declared_unique, table.name
    check_book(world)


def test_the_schema_is_the_one_a_fresh_migration_makes(world: World) -> None:
    """The audit compares with this; it must be empty of differences to begin with, and find one that is made."""
    with world.open.engine.connect() as db:
        assert describe(db) == expected(db)
    check_book(world)
    run(world, "CREATE INDEX extra ON balances (minor)")
    with world.open.engine.connect() as db:
        assert describe(db) != expected(db)
    run(world, "DROP INDEX extra")
    check_book(world)


KEPT = ("records", "checkpoints", "postings", "subtrees")


@pytest.mark.parametrize("table", KEPT)
def test_what_is_recorded_is_not_updated_or_deleted(signed: World, table: str) -> None:
    """Records, checkpoints, postings and tree are written once."""
    first = tables.metadata.tables[table].columns[0].name
    refused(signed, f"UPDATE {table} SET {first} = {first}")
    refused(signed, f"DELETE FROM {table}")
    check_book(signed)


@pytest.mark.parametrize("table", ["heads", "balances", "registers"])
def test_what_is_derived_is_not_deleted(signed: World, table: str) -> None:
    """A balance that is gone would read as nothing held."""
    refused(signed, f"DELETE FROM {table}")
    check_book(signed)


def test_a_record_below_the_head_is_not_inserted(signed: World) -> None:
    """Not into a gap that somebody made, not over a record, not before the first."""
    columns = 'INSERT INTO records (book, "index", leaf, reference, request, mac, body) VALUES (?,?,?,?,?,?,?)'
    for index in (-1, 0, 5, 269):
        refused(signed, columns, "hp", index, b"x", f"a/{index}", b"", b"", b"")
    if signed.database is None:
        refused(signed, columns.replace("INSERT", "INSERT OR REPLACE"), "hp", 5, b"x", "a/5", b"", b"", b"")
    check_book(signed)


def test_a_head_only_grows(signed: World) -> None:
    """A smaller head would let records be written over."""
    refused(signed, "UPDATE heads SET size = size - 1", saying="heads only grows")
    refused(signed, "UPDATE heads SET size = size", saying="heads only grows")
    check_book(signed)


def test_a_sealed_value_is_not_exchanged(signed: World) -> None:
    """It may be destroyed when a person asks for it, never replaced by another."""
    refused(signed, "UPDATE vault_values SET sealed = sealed")
    check_book(signed)


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql: str) -> Iterator[World]:
    """A signed book on PostgreSQL, for what only a server can be asked."""
    world = filled(World.create(tmp_path / "home", fresh_database(postgresql)))
    yield world
    check_book(world)
    world.home.close()


def test_no_table_is_truncated(on_postgresql: World) -> None:
    """TRUNCATE fires no row trigger, so it has one of its own. SQLite has no such statement."""
    for table in (*KEPT, "heads", "balances", "registers"):
        refused(on_postgresql, f"TRUNCATE {table}")


def test_triggers_hold_for_a_replica_role_too(on_postgresql: World) -> None:
    """`session_replication_role = replica` switches ordinary triggers off; ours are ENABLE ALWAYS."""
    for table in (*KEPT, "heads", "balances", "registers"):
        with on_postgresql.open.engine.connect() as db:
            db.execute(text("SET LOCAL session_replication_role = replica"))
            with pytest.raises(DBAPIError, match="append-only"):
                db.execute(text(f"DELETE FROM {table} WHERE true"))


@pytest.fixture
def empty(tmp_path: Path) -> Engine:
    return open_engine(sqlite_url(tmp_path / "empty.db"))


def test_sqlite_migrates_itself_once(empty: Engine) -> None:
    """A fresh file becomes a book's file; a second start changes nothing."""
    require_newest(empty)
    with empty.connect() as db:
        first = describe(db)
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest()
    require_newest(empty)
    migrate(empty)
    with empty.connect() as db:
        assert describe(db) == first
    empty.dispose()


PRAGMAS: dict[str, Callable[[Any], bool]] = {
    "journal_mode": lambda value: value == "wal",
    "synchronous": lambda value: value == 2,
    "foreign_keys": lambda value: value == 1,
    "recursive_triggers": lambda value: value == 1,
    "secure_delete": lambda value: value == 1,
}


@pytest.mark.parametrize("pragma", sorted(PRAGMAS))
def test_sqlite_is_opened_carefully(empty: Engine, pragma: str) -> None:
    """Each of these is off by default, and each protects something that has been promised."""
    with empty.connect() as db:
        assert PRAGMAS[pragma](db.exec_driver_sql(f"PRAGMA {pragma}").scalar())
    empty.dispose()
