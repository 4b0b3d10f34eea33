"""Opening the database: a file of SQLite, or a PostgreSQL server.

SQLite comes from PyPI's `pysqlite3`: the interpreter's own library may be one that can corrupt a WAL
database when two connections write at the same instant (fixed in 3.51.3). Below that version the journal
is not WAL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

SAFE_WAL = (3, 51, 3)
BUSY_SECONDS = 60


class StoreUnavailable(Exception):
    """The database could not be opened, read or locked; nothing was written."""


class CommitUnknown(Exception):
    """A COMMIT failed: whether it took effect is not known.

    The writer stops. Reopen the book, read the head and settle by reference.
    """


def sqlite_journal() -> str:
    """`WAL` where the library is safe for it, else `DELETE`."""
    return "WAL" if sqlite.sqlite_version_info >= SAFE_WAL else "DELETE"


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…`; connects lazily.

    Raises StoreUnavailable for other addresses.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(url, module=sqlite, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise StoreUnavailable(f"database not supported: {parsed.get_backend_name()}")


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{path}"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` says which kind.
    connection.isolation_level = None
    for pragma in (
        "page_size=8192",  # a record and its rows fill pages of 4096 badly; fewer pages go through the WAL
        f"journal_mode={sqlite_journal()}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "cache_size=-32000",  # 32 MB: a batch touches pages all over the indexes by random keys
        "secure_delete=ON",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot for all reads inside."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
            connection.rollback()
    except (DBAPIError, UnicodeDecodeError) as error:
        raise StoreUnavailable(str(getattr(error, "orig", error))) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """The one kind of writing transaction; it has ended when the block is left.

    SQLite takes the write lock at once (BEGIN IMMEDIATE); on PostgreSQL the caller locks the head row
    first. Raises StoreUnavailable when the database failed before the COMMIT (nothing was written), and
    CommitUnknown when the COMMIT itself failed.
    """
    try:
        connection = engine.connect().execution_options(writing=True)
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
    with connection:
        try:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                transaction.rollback()
                raise
        except DBAPIError as error:
            raise StoreUnavailable(str(error.orig)) from error
        try:
            transaction.commit()
        except DBAPIError as error:
            raise CommitUnknown(str(error.orig)) from error


def driver_sql(connection: Connection, statement: str) -> str:
    """A statement written with `?` in the driver's own parameter style."""
    return statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")


def copy_sqlite(engine: Engine, path: Path) -> None:
    """A consistent copy of a SQLite database at one moment, writers going on (SQLite's online backup), mode 0600.

    Raises StoreUnavailable for another database.
    """
    if engine.dialect.name != "sqlite":
        raise StoreUnavailable("this is for SQLite; a PostgreSQL server is backed up with its own pg_dump")
    path.touch(mode=0o600)
    copy = sqlite.connect(str(path))
    try:
        with engine.connect() as connection:
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except (sqlite.Error, DBAPIError) as error:
        raise StoreUnavailable(str(error)) from error
    finally:
        copy.close()
