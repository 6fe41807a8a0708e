"""Connections to the database: SQLite made fit for several processes, PostgreSQL as it comes."""

import json
import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import Table

from workers.store.errors import RefusedValueError, StoreError, StoreUnavailableError

#: How long a SQLite writer waits for another, in milliseconds.
BUSY_MILLISECONDS = 30_000
#: Connections of one process. All are kept once they are open: under load, opening one and setting
#: it up takes longer than what it is opened for.
CONNECTIONS = 40
#: Seconds for which a connection is believed to be what it was when somebody used it last; after
#: that it is asked, since the server may have been restarted.
FRESH_SECONDS = 1.0
#: A PostgreSQL client that does nothing for so long in mid-transaction loses its connection: a
#: process that is stopped there would keep all others from its locks.
_NO_IDLING = "SET idle_in_transaction_session_timeout = '30s'"
_KINDS = "use sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def database_url(url: str) -> URL:
    """Return the URL with the driver that we use.

    Raises:
        StoreError: the URL names another database, or SQLite without a file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is no database URL; {_KINDS}") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    raise StoreError(f"cannot keep jobs in {backend!r}; {_KINDS}")


def connect(url: str) -> Engine:
    """Return an engine for the database at `url`; nothing is opened yet."""
    parsed = database_url(url)
    engine = create_engine(
        parsed,
        json_serializer=dump_json,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_use_lifo=True,
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
        _ask_when_idle(engine)
    return engine


def reader(engine: Engine) -> Engine:
    """Return the same engine whose transactions only read.

    On PostgreSQL every statement stands alone: it sees what is committed when it begins, as at the
    isolation level of our transactions anyway, and two messages to the server less are waited for.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def writer(engine: Engine, *, durable: bool = True) -> Engine:
    """Return the same engine whose transactions mean to write.

    Args:
        engine: from `connect`.
        durable: whether a commit must be on disk when it returns. If not, SQLite may forget it,
            and all commits after it, when the machine loses power; never when a process is
            killed. PostgreSQL, whose clients survive it, always waits for its disk.
    """
    return engine.execution_options(writes=True, durable=durable)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run a block in one transaction, which is over when the block is.

    Raises:
        StoreUnavailableError: the database does not answer.
        RefusedValueError: it does not take a value: PostgreSQL knows no text with a NUL byte.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DataError as error:
        raise RefusedValueError from error
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise StoreUnavailableError from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailableError from error
        raise


def _ask_when_idle(engine: Engine) -> None:
    """See whether a connection that was idle for a while still leads to a server."""

    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def ask(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info["used"] < FRESH_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "connect", note)
    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", ask)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN would come too late and be DEFERRED: we send it (`_begin_sqlite`).
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _prepare_postgresql(connection: psycopg.Connection, _record: object) -> None:
    connection.execute(_NO_IDLING)
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    level = "FULL" if options["durable"] else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    # A deferred transaction that turns from reading to writing fails at once when another has
    # written in between, whatever the busy timeout; an immediate one waits its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the dialect's INSERT, which knows ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def dump_json(value: Any) -> str:
    """Write JSON; a number that is not finite does not exist, so it becomes null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
