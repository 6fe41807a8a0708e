"""Quotas: each refuses what is one too many, names itself, and lets in what fits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request, take
from workers.jobs import Job, JobState
from workers.store.connection import dump_json
from workers.store.errors import QueueFullError, QuotaExceededError
from workers.store.quotas import NAMES, Quotas, Terms
from workers.store.store import Store

#: Bytes of a job's definition, and of a model's.
BARE = len(dump_json(DEFINITION))


def submit(
    store: Store, owner: str = "ann", size: int = 0, queue: int | None = None, **quotas: float
) -> Job:
    terms = Terms(quotas=Quotas().changed(quotas), queue=queue)
    return store.submit(owner, request(), DEFINITION, "inputs/x.json", size=size, terms=terms)[0]


def test_their_names() -> None:
    assert NAMES == ("running_jobs", "queued_jobs", "cpu_seconds", "stored_bytes")
    assert Quotas(queued_jobs=1).changed({"cpu_seconds": 5.0}) == Quotas(
        queued_jobs=1, cpu_seconds=5.0
    )


def test_jobs_that_wait(store: Store) -> None:
    for _ in range(3):
        submit(store, queued_jobs=3)
    with pytest.raises(QuotaExceededError, match="queued_jobs is used up: 3 of 3") as caught:
        submit(store, queued_jobs=3)
    error = caught.value
    assert (error.quota, error.limit, error.used) == ("queued_jobs", 3, 3)
    assert error.retry_after > 0
    assert len(store.list_jobs("ann")[0]) == 3
    submit(store, "bob", queued_jobs=3)
    take(store)
    submit(store, queued_jobs=3)


def test_cpu_time_of_the_day(store: Store, clock: TurnedClock) -> None:
    job = submit(store, cpu_seconds=60.0)
    claim = take(store)
    clock.turn(59)
    submit(store, cpu_seconds=60.0)
    clock.turn(1)
    with pytest.raises(QuotaExceededError, match="cpu_seconds is used up: 60 of 60") as caught:
        submit(store, cpu_seconds=60.0)
    assert caught.value.retry_after == 86400 - 60
    store.publish(job.id, claim.token, JobState.SUCCEEDED)
    with pytest.raises(QuotaExceededError):
        submit(store, cpu_seconds=60.0)
    clock.turn(86400 - 60)
    submit(store, cpu_seconds=60.0)


def test_bytes_of_jobs_models_and_data_sets(store: Store) -> None:
    limit = 2 * BARE + 1000
    quotas = Quotas(stored_bytes=limit)
    store.put_model("ann", DEFINITION, quotas=quotas)
    store.put_dataset("ann", "d", "datasets/d", [], 600, quotas=quotas)
    job = submit(store, size=400, stored_bytes=limit)
    with pytest.raises(QuotaExceededError, match=f"{limit} of {limit}, and this asks for") as one:
        submit(store, size=1, stored_bytes=limit)
    assert (one.value.quota, one.value.used) == ("stored_bytes", limit)
    with pytest.raises(QuotaExceededError, match="asks for 1 more"):
        store.put_dataset("ann", "e", "datasets/e", [], 1, quotas=quotas)
    assert len(store.list_datasets("ann")[0]) == 1
    other = {"language": "catalog", "name": "eight_schools"}
    with pytest.raises(QuotaExceededError):
        store.put_model("ann", other, quotas=quotas)
    assert len(store.list_models("ann")[0]) == 1
    # What is there already needs no more room.
    assert store.put_model("ann", DEFINITION, quotas=quotas)[1] is False
    assert store.put_dataset("ann", "d", "datasets/f", [], 600, quotas=quotas)[1] is False
    submit(store, "bob", size=400, stored_bytes=limit)
    store.request_cancel("ann", job.id)
    store.delete_job("ann", job.id)
    submit(store, size=400, stored_bytes=limit)
    store.delete_dataset("ann", "d")
    store.put_dataset("ann", "e", "datasets/e", [], 600, quotas=quotas)


def test_a_full_queue_is_full_for_all(store: Store) -> None:
    submit(store, "ann", queue=2)
    submit(store, "bob", queue=2)
    with pytest.raises(QueueFullError):
        submit(store, "cid", queue=2)
    take(store)
    submit(store, "cid", queue=2)


def test_of_many_at_once_no_more_get_in_than_may(store: Store) -> None:
    start = threading.Barrier(6)

    def run(_: int) -> bool:
        start.wait()
        try:
            submit(store, queued_jobs=2)
        except QuotaExceededError:
            return False
        return True

    submit(store)
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(run, range(6))) == 1
    assert len(store.list_jobs("ann")[0]) == 2
