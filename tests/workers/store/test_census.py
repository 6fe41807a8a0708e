"""The census: what there is at a moment."""

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import JobState
from workers.store.presence import Presence
from workers.store.store import Store


def test_an_empty_house(store: Store) -> None:
    census = store.upkeep.census(15)
    assert (census.queued, census.running, census.oldest_seconds) == (0, 0, 0.0)
    assert census.stored == {"jobs": 0, "datasets": 0, "models": 0}
    assert census.presence == Presence()


def test_jobs_bytes_and_who_is_there(store: Store, clock: TurnedClock) -> None:
    submit(store)
    clock.turn(5)
    for owner in ("ann", "bob"):
        store.submit(owner, request(), DEFINITION, "inputs/x.json", size=100)
    store.put_dataset("ann", "d", "datasets/d", [], 8)
    store.put_model("ann", DEFINITION)
    store.announce("a:1", 2)
    clock.turn(3)
    census = store.upkeep.census(15)
    assert (census.queued, census.running, census.oldest_seconds) == (3, 0, 8.0)
    first = take(store)
    take(store)
    assert store.publish(first.job.id, first.token, JobState.SUCCEEDED)
    census = store.upkeep.census(15)
    assert (census.queued, census.running) == (1, 1)
    assert census.stored["jobs"] > 200
    assert census.stored["datasets"] == 8
    assert census.stored["models"] > 50
    assert census.presence == Presence(1, 2)
