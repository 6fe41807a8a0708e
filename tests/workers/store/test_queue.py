"""The order of the queue: owners in turn, priorities within one, limits kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import Job, JobState
from workers.store.quotas import Quotas, Terms
from workers.store.store import Store


def limited(store: Store, owner: str, running: int | None) -> Job:
    terms = Terms(quotas=Quotas(running_jobs=running))
    return store.submit(owner, request(), DEFINITION, "inputs/x.json", terms=terms)[0]


def test_owners_take_turns_however_many_jobs_each_has(store: Store) -> None:
    for owner, count in (("ann", 5), ("bob", 2), ("cid", 1)):
        for _ in range(count):
            submit(store, owner)
    turns = [take(store).job.owner for _ in range(8)]
    assert turns == ["ann", "bob", "cid", "ann", "bob", "ann", "ann", "ann"]
    assert store.claim("worker", 30) is None


def test_a_newcomer_waits_for_one_job_of_each_at_most(store: Store) -> None:
    for _ in range(20):
        submit(store, "ann")
    for _ in range(10):
        take(store)
    late = submit(store, "bob")
    assert take(store).job.id == late.id


def test_the_higher_priority_first_then_the_older(store: Store) -> None:
    jobs = [submit(store, priority=priority) for priority in (0, 5, -3, 5)]
    plain = submit(store)
    expected = [jobs[1], jobs[3], jobs[0], plain, jobs[2]]
    assert [take(store).job.id for _ in range(5)] == [job.id for job in expected]


def test_priorities_do_not_count_between_owners(store: Store) -> None:
    submit(store, "ann")
    submit(store, "bob", priority=100)
    submit(store, "bob", priority=100)
    assert [take(store).job.owner for _ in range(3)] == ["ann", "bob", "bob"]


def test_no_more_run_than_may(store: Store) -> None:
    jobs = [limited(store, "ann", 2) for _ in range(4)]
    other = limited(store, "bob", None)
    first, second, third = take(store), take(store), take(store)
    assert {claim.job.id for claim in (first, second, third)} == {
        jobs[0].id,
        jobs[1].id,
        other.id,
    }
    assert store.claim("worker", 30) is None
    ours = first if first.job.owner == "ann" else second
    store.publish(ours.job.id, ours.token, JobState.SUCCEEDED)
    assert take(store).job.id == jobs[2].id
    assert store.claim("worker", 30) is None
    assert store.get_job(None, jobs[3].id).state is JobState.QUEUED


def test_a_limit_that_is_lifted_is_lifted_for_all_that_wait(store: Store) -> None:
    limited(store, "ann", 1)
    limited(store, "ann", 1)
    take(store)
    assert store.claim("worker", 30) is None
    limited(store, "ann", None)
    assert take(store).job.owner == take(store).job.owner == "ann"


@pytest.mark.parametrize("limit", [None, 3])
def test_claims_at_once_keep_turns_and_limits(store: Store, limit: int | None) -> None:
    for owner in ("ann", "bob"):
        for _ in range(8):
            limited(store, owner, limit)
    start = threading.Barrier(4)

    def run(worker: int) -> list[str]:
        start.wait()
        claims = (store.claim(f"worker-{worker}", 30) for _ in range(2))
        return [claim.job.owner for claim in claims if claim is not None]

    with ThreadPoolExecutor(4) as pool:
        taken = [owner for owners in pool.map(run, range(4)) for owner in owners]
    each = 4 if limit is None else 3
    assert sorted(taken) == ["ann"] * each + ["bob"] * each


def test_jobs_are_claimed_for_workers_that_have_what_they_ask_for(store: Store) -> None:
    fast = submit(store, "ann", resources={"gpus": 1})
    plain = submit(store, "ann")
    other = submit(store, "bob", resources={"gpus": 1})
    assert take(store).job.id == plain.id
    assert store.claim("worker", 30) is None
    last = submit(store, "bob")
    # It is not long since ann was served.
    claims = [store.claim("worker", 30, gpus) for gpus in ([1], [0, 1], [0, 1], [0, 1])]
    assert [c and c.job.id for c in claims] == [other.id, fast.id, last.id, None]
