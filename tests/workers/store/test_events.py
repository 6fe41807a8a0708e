"""The contract of events, on every database: ids 1, 2, 3, ... whoever writes at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import submit, take
from workers.jobs import Progress
from workers.store.store import Store


def test_a_reader_resumes_after_any_id(store: Store, clock: TurnedClock) -> None:
    job = submit(store)
    claim = take(store)
    clock.turn(1)
    batch = [("log", {"message": str(number)}) for number in range(5)]
    assert store.append_events(job.id, claim.token, batch)
    events = store.events(job.id)
    assert [event.id for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [event.kind for event in events] == ["state", "state", *["log"] * 5]
    assert store.events(job.id, after=4) == events[4:]
    assert store.events(job.id, after=4, limit=2) == events[4:6]
    assert store.events(job.id, after=7) == []
    assert events[-1].created_at == clock.now
    assert store.get_job(None, job.id).event_count == 7


def test_an_empty_batch_writes_nothing(store: Store) -> None:
    job = submit(store)
    claim = take(store)
    assert store.append_events(job.id, claim.token, [])
    assert len(store.events(job.id)) == 2


def test_the_latest_progress_becomes_the_job_s(store: Store) -> None:
    job = submit(store)
    claim = take(store)
    points = [
        ("progress", {"done": done, "total": 9, "rate": 2.5, "phase": "warmup", "step_size": 0.1})
        for done in (1, 2)
    ]
    store.append_events(job.id, claim.token, [*points, ("log", {"message": "x"})])
    progress = store.get_job(None, job.id).progress
    assert progress == Progress(done=2, total=9, rate=2.5, phase="warmup")
    assert store.events(job.id, after=2)[0].payload["step_size"] == 0.1


def test_a_number_that_is_not_finite_is_null(store: Store) -> None:
    job = submit(store)
    claim = take(store)
    values = [1.0, float("nan"), float("inf")]
    store.append_events(job.id, claim.token, [("elbo", {"steps": [1, 2, 3], "values": values})])
    assert store.events(job.id, after=2)[0].payload["values"] == [1.0, None, None]


def test_concurrent_writers_leave_no_gap(store: Store) -> None:
    job = submit(store)
    claim = take(store)
    start = threading.Barrier(4)

    def run(writer: int) -> bool:
        start.wait()
        return all(
            store.append_events(job.id, claim.token, [("log", {"by": writer, "n": n})] * 3)
            for n in range(10)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(4)))
    events = store.events(job.id)
    assert [event.id for event in events] == list(range(1, 123))
    for writer in range(4):
        order = [event.payload["n"] for event in events if event.payload.get("by") == writer]
        assert order == sorted(order)


def test_events_are_shown_to_their_owner(store: Store) -> None:
    job = submit(store, "ann")
    assert len(store.events(job.id, owner="ann")) == 1
    assert store.events(job.id, owner="bob") == []
    assert len(store.events(job.id)) == 1
