"""Making the schema, and saying what it is so that the audit can compare."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ledger.store.engine import StoreUnavailable, open_engine, writing


class SchemaOld(Exception):
    """The database's schema is not the one this program was written for; `sovang migrate` brings it up."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("ledger.store") / "migrations"))
    return config


def newest() -> str | None:
    """The revision this program was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision, in one transaction."""
    config = _config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_newest(engine: Engine) -> None:
    """SQLite migrates itself; a server's schema is its owner's business. Raises SchemaOld or StoreUnavailable."""
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
    if current == newest():
        return
    if engine.dialect.name != "sqlite":
        raise SchemaOld(f"schema is at {current or 'nothing'}, needed is {newest()}: run `sovang migrate`")
    try:
        migrate(engine)
    except CommandError as error:
        raise SchemaOld(f"schema is at {current}, which this program does not know") from error


def describe(connection: Connection) -> list[tuple[str, str, str]]:
    """(kind, name, definition) of every table, index, trigger and function, sorted: what an editor of the
    schema would have to change."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"))
        return [(r[0], r[1], r[2]) for r in rows]
    return [(r[0], r[1], r[2]) for r in connection.execute(text(_DESCRIBE_POSTGRESQL))]


_DESCRIBE_POSTGRESQL = """
SELECT 'column', c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL ' ELSE ' ' END
           || a.attnum::text
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', c.relname, replace(pg_get_indexdef(c.oid), current_schema() || '.', '')
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'i'
UNION ALL
SELECT 'trigger', c.relname || '.' || t.tgname,
       replace(pg_get_triggerdef(t.oid), current_schema() || '.', '') || ' ' || t.tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'default', c.relname || '.' || a.attname, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
  JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
 WHERE c.relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'constraint', conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
UNION ALL
SELECT 'policy', tablename || '.' || policyname, coalesce(qual, '') || ' ' || coalesce(with_check, '')
  FROM pg_policies WHERE schemaname = current_schema()
UNION ALL
SELECT 'row security', relname, relrowsecurity::text || ' ' || relforcerowsecurity::text
  FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
UNION ALL
SELECT 'function', p.proname, p.prosrc FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
UNION ALL
SELECT 'rule', tablename || '.' || rulename, definition FROM pg_rules WHERE schemaname = current_schema()
ORDER BY 1, 2
"""


def expected(connection: Connection) -> list[tuple[str, str, str]]:
    """`describe` of a schema made just now, to compare with.

    SQLite: in memory. PostgreSQL: in a scratch schema of the same database, rolled back; needs the right to
    create one, otherwise raises StoreUnavailable and the audit says that it could not compare.
    """
    if connection.dialect.name == "sqlite":
        fresh = open_engine("sqlite://")
        with fresh.connect() as made:
            config = _config()
            config.attributes["connection"] = made
            command.upgrade(config, "head")
            return describe(made)
    config = _config()
    try:
        with connection.engine.connect() as made:
            made.execute(text("CREATE SCHEMA sovang_expected"))
            made.execute(text("SET LOCAL search_path TO sovang_expected"))
            config.attributes["connection"] = made
            command.upgrade(config, "head")
            described = describe(made)
            made.rollback()
            return described
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
