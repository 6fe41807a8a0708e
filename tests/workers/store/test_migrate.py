"""Migrations: they build what the schema says, and know a database that they cannot serve."""

import contextlib
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from tests.workers.store.submissions import submit
from workers.store.connection import connect, writer
from workers.store.errors import StoreError
from workers.store.migrate import configuration, migrate
from workers.store.schema import metadata
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


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    with writer(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="does not fit this version"):
        migrate(writer(engine))
