"""Migrations: they build what the schema says, and know a database that they cannot serve."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, bindparam, inspect, text

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import request, submit, take
from workers.jobs import JobState
from workers.store.connection import connect, writer
from workers.store.errors import DatasetInUseError, StoreError
from workers.store.migrate import configuration, migrate
from workers.store.schema import Instant, metadata
from workers.store.store import Store


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """Yield a migrated database."""
    made = connect(database)
    with contextlib.ExitStack() as stack:
        stack.callback(made.dispose)
        migrate(writer(made))
        yield made


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_the_migrated_schema_is_the_metadata(engine: Engine) -> None:
    assert differences(engine) == []


def test_a_difference_would_be_seen(engine: Engine) -> None:
    with writer(engine).begin() as connection:
        connection.execute(text("ALTER TABLE events ADD COLUMN surplus TEXT"))
    (found,) = differences(engine)
    assert found[0] == "remove_column"  # type: ignore[index]


def test_it_can_be_run_again_and_undone(engine: Engine) -> None:
    migrate(writer(engine))
    with writer(engine).begin() as connection:
        command.downgrade(configuration(connection), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


def test_to_undo_the_plans_takes_nothing_else_along(engine: Engine) -> None:
    store = Store(engine)
    job = submit(store, labels={"study": "a"})
    with writer(engine).begin() as connection:
        command.downgrade(configuration(connection), "0003")
    assert "plan" not in {column["name"] for column in inspect(engine).get_columns("jobs")}
    migrate(writer(engine))
    assert store.list_jobs(None, label="study=a")[0] == [job]
    assert len(store.events(job.id)) == 1


#: A database as the revision before owners left it.
BEFORE = """
INSERT INTO models (owner, id, definition, created_at) VALUES ('', 'm', '{"a": 1}', :now);
INSERT INTO datasets (owner, id, key, columns, bytes, created_at)
    VALUES ('', 'd', 'datasets/d', '[]', 8, :now);
INSERT INTO jobs (id, owner, state, request, definition, input_key, seed, idempotency_key,
    body_digest, created_at, started_at, token, attempts, event_count)
    VALUES ('j1', '', 'running', :request, '{}', 'inputs/x.json', 7, 'key', 'digest', :now, :now,
    1, 1, 1);
INSERT INTO jobs (id, owner, state, request, definition, input_key, seed, created_at, event_count)
    VALUES ('j2', '', 'queued', :request, '{}', 'inputs/x.json', 7, :now, 1);
INSERT INTO labels (job_number, key, value) SELECT number, 'study', 'a' FROM jobs WHERE id = 'j1';
INSERT INTO dataset_uses (job_number, dataset_number)
    SELECT jobs.number, datasets.number FROM jobs, datasets WHERE jobs.id = 'j1';
INSERT INTO events (job_id, id, kind, payload, created_at)
    VALUES ('j1', 1, 'state', '{"state": "queued"}', :now);
"""


def test_what_was_nobodys_is_kept_and_gets_an_owner(database: str, clock: TurnedClock) -> None:
    engine = connect(database)
    asked = json.dumps(request(labels={"study": "a"}))
    with writer(engine).begin() as connection:
        command.upgrade(configuration(connection), "0004")
        for statement in filter(str.strip, BEFORE.split(";")):
            values = {"now": clock.now, "request": asked}
            known = {name: values[name] for name in values if f":{name}" in statement}
            types = [bindparam("now", type_=Instant)] if "now" in known else []
            connection.execute(text(statement).bindparams(*types), known)
    migrate(writer(engine))
    store = Store(engine, clock)
    assert {job.id: job.owner for job in store.list_jobs(None)[0]} == {"j1": "local", "j2": "local"}
    assert [job.id for job in store.list_jobs("local", label="study=a")[0]] == ["j1"]
    assert [event.payload for event in store.events("j1", owner="local")] == [{"state": "queued"}]
    assert store.get_model("local", "m").definition == {"a": 1}
    assert store.get_dataset("local", "d").bytes == 8
    with pytest.raises(DatasetInUseError):
        store.delete_dataset("local", "d")
    # The key counts for a day from its job on, then no longer.
    arguments = ("local", request(), {}, "inputs/x.json", "key")
    first, new = store.submit(*arguments, "digest")
    assert (first.id, new) == ("j1", False)
    clock.turn(86400)
    assert store.submit(*arguments, "other")[1]
    # What ran goes on, what waited is next.
    assert store.publish("j1", 1, JobState.SUCCEEDED)
    assert take(store).job.id == "j2"
    with writer(engine).begin() as connection:
        command.downgrade(configuration(connection), "0004")
        owners = set(connection.execute(text("SELECT owner FROM jobs")).scalars())
        keys = connection.execute(text("SELECT idempotency_key FROM jobs")).scalars().all()
    assert owners == {""}
    assert sorted(keys, key=str) == [None, None, "key"]
    engine.dispose()


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    with writer(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="does not fit this version"):
        migrate(writer(engine))
