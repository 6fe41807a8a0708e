"""The store as a whole: databases that do not answer, and processes that are killed."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from tests.workers.postgres import PostgresServer, free_port
from tests.workers.store.submissions import submit, take
from workers.jobs import JobState
from workers.store.errors import StoreUnavailableError
from workers.store.store import Store, create_store


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        create_store(f"sqlite:///{tmp_path / 'missing' / 'a.db'}")


def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(StoreUnavailableError, match="cannot open the database"):
        create_store(f"postgresql://u@127.0.0.1:{free_port()}/d")


@pytest.mark.postgres
def test_a_lost_server_is_unavailable(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    store = create_store(url)
    store.ping()
    postgres.drop_database(url)
    with pytest.raises(StoreUnavailableError):
        store.ping()
    store.close()


def write_on(database: str, job_id: str, token: int) -> None:
    """Append events until killed; run in a process of its own."""
    store = create_store(database)
    while True:
        store.append_events(job_id, token, [("log", {"message": "x"})] * 3)


def test_a_killed_writer_leaves_whole_batches(store: Store, database: str) -> None:
    job = submit(store)
    claim = take(store)
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=write_on, args=(database, job.id, claim.token))
    writer.start()
    end = time.monotonic() + 60
    while len(store.events(job.id)) < 30 and time.monotonic() < end:
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(10)
    assert store.append_events(job.id, claim.token, [("log", {"message": "after"})])
    assert store.publish(job.id, claim.token, JobState.SUCCEEDED)
    events = store.events(job.id, limit=100_000)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    # Two states before, whole batches of three, then "after" and the last state.
    assert (len(events) - 4) % 3 == 0
    assert len(events) > 30
