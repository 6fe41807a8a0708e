"""CPU time of the day: charged once, when an attempt ends, by the UTC day."""

from datetime import UTC, datetime

from sqlalchemy import select

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import submit, take
from workers.jobs import JobState
from workers.store import owners
from workers.store.schema import owners as rows
from workers.store.store import Store


def used(store: Store, clock: TurnedClock, owner: str = "ann") -> float:
    with store._read() as connection:
        return owners.cpu_seconds(connection, owner, clock.now)


def test_every_attempt_is_charged_whatever_came_of_it(store: Store, clock: TurnedClock) -> None:
    job = submit(store, resources={"cpus": 3})
    assert used(store, clock) == 0.0
    claim = take(store)
    clock.turn(10)
    assert used(store, clock) == 30.0, "it runs"
    store.release(job.id, claim.token)
    clock.turn(100)
    assert used(store, clock) == 30.0, "it waits"
    take(store, 5)
    clock.turn(6)
    store.requeue_expired()
    assert used(store, clock) == 48.0
    claim = take(store)
    clock.turn(1)
    store.publish(job.id, claim.token, JobState.FAILED)
    assert not store.publish(job.id, claim.token, JobState.FAILED), "and charges nothing"
    assert used(store, clock) == 51.0
    assert used(store, clock, "bob") == 0.0


def test_the_count_begins_anew_at_midnight(store: Store, clock: TurnedClock) -> None:
    clock.now = datetime(2026, 1, 1, 23, 59, 0, tzinfo=UTC)
    job, other = submit(store), submit(store)
    claim, running = take(store), take(store)
    clock.turn(20)
    store.publish(job.id, claim.token, JobState.SUCCEEDED)
    assert used(store, clock) == 40.0
    clock.turn(50)
    # Ten seconds after midnight: what was used before it is another day's.
    assert used(store, clock) == 10.0
    store.publish(other.id, running.token, JobState.SUCCEEDED)
    assert used(store, clock) == 10.0
    assert owners.until_midnight(clock.now) == 86400 - 10


def test_a_row_follows_the_latest_limit(store: Store) -> None:
    for limit in (None, 2, 2, None):
        with store._write() as connection:
            owners.enrol(connection, "ann", limit)
            found = connection.execute(select(rows.c.running_limit)).scalars().all()
        assert found == [limit]
