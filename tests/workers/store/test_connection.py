"""Connections: which databases we take, how SQLite is set up, and how JSON is written."""

import multiprocessing
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from tests.workers.postgres import PostgresServer
from workers.store import connection as module
from workers.store.connection import connect, database_url, dump_json, transaction, writer
from workers.store.errors import RefusedValueError, StoreError, StoreUnavailableError
from workers.store.store import create_store


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "oracle://u@h/d"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match="use sqlite:///FILE or postgresql"):
        database_url(url)


def test_a_url_without_sense_is_refused() -> None:
    with pytest.raises(StoreError):
        database_url("nonsense")


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"])
def test_postgresql_is_reached_by_psycopg(url: str) -> None:
    assert database_url(url).drivername == "postgresql+psycopg"


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar()


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "foreign_keys") == 1
    engine.dispose()


def test_a_durable_commit_waits_for_the_disk(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    full, normal = 2, 1
    # On the same pooled connection, in turn.
    for durable in (True, False, True):
        expected = full if durable else normal
        assert pragma(writer(engine, durable=durable), "synchronous") == expected
    engine.dispose()


def hold(url: str, locked: "multiprocessing.synchronize.Event", seconds: float) -> None:
    """Hold the write lock for a while; run in a process of its own."""
    engine = writer(connect(url))
    with engine.begin() as connection:
        locked.set()
        time.sleep(seconds)
        connection.execute(text("INSERT INTO numbers VALUES (1)"))


def test_a_writer_waits_for_another_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = writer(connect(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
    context = multiprocessing.get_context("spawn")
    locked = context.Event()
    other = context.Process(target=hold, args=(url, locked, 0.5))
    other.start()
    assert locked.wait(60)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM numbers")).scalar() == 1
    other.join(60)
    engine.dispose()


def test_json_has_null_for_what_is_no_number() -> None:
    assert dump_json({"a": [1, float("nan")], "b": (float("-inf"), "x")}) == (
        '{"a": [1, null], "b": [null, "x"]}'.replace(" ", "")
    )
    assert dump_json({"a": 0.1}) == '{"a":0.1}'


@pytest.mark.postgres
def test_an_idle_connection_is_asked_before_it_is_used(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create_database()
    store = create_store(url)
    try:
        store.ping()
        cut(url)
        with pytest.raises(StoreUnavailableError):
            store.ping()
        store.ping()
        cut(url)
        monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
        store.ping()
    finally:
        store.close()
        postgres.drop_database(url)


def cut(url: str) -> None:
    """Break all connections to a database."""
    with psycopg.connect(url, autocommit=True) as ours:
        ours.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.postgres
def test_a_text_that_postgresql_does_not_take_is_refused(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    store = create_store(url)
    try:
        with pytest.raises(RefusedValueError, match="NUL"):
            store.get_model("ann", "a\0b")
    finally:
        store.close()
        postgres.drop_database(url)


@pytest.mark.postgres
def test_a_client_that_stops_in_mid_transaction_frees_its_locks(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    engine = writer(connect(url))
    with engine.begin() as connection:
        shown = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar()
        assert shown == "30s"

    def stop_in_between() -> None:
        with transaction(engine) as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            time.sleep(0.5)
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailableError):
        stop_in_between()
    with transaction(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
    postgres.drop_database(url)
