"""A lock that outlives transactions: one run of a long job at a time, over all processes of a deployment.

It guards order, never truth: what it protects is checked again under the head's lock. SQLite: `flock` on a
file beside the database, given back by the kernel when the process dies. PostgreSQL: a session's advisory
lock on a connection of its own, given back when the connection ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from ledger.store.engine import StoreUnavailable

_TAKE = text("SELECT pg_advisory_lock(hashtextextended(:name, 0))")
_GIVE_BACK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")


@contextmanager
def exclusive(engine: Engine, name: str) -> Iterator[None]:
    """Holds the lock `name` of this database; waits for whoever has it. Raises StoreUnavailable.

    `name` is a file name's part: letters, digits, dot, hyphen, underscore.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(engine, name):
            yield
    else:
        with _advisory_lock(engine, name):
            yield


@contextmanager
def _file_lock(engine: Engine, name: str) -> Iterator[None]:
    database = engine.url.database
    if not database or database == ":memory:":
        yield  # nobody else can reach it
        return
    # The file stays: removing it would let a third process lock a file that the second no longer sees.
    try:
        descriptor = os.open(f"{database}.{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"cannot take the lock {name}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(engine: Engine, name: str) -> Iterator[None]:
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
    with connection:
        try:
            connection.execute(_TAKE, {"name": name})
        except DBAPIError as error:
            connection.invalidate()
            raise StoreUnavailable(str(error.orig)) from error
        try:
            yield
        finally:
            try:
                connection.execute(_GIVE_BACK, {"name": name})
            except DBAPIError:
                connection.invalidate()  # the session ends, and the lock with it
