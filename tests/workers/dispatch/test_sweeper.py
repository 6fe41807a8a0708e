"""What lost attempts left is collected, and nothing else."""

from tests.workers.dispatch.house import House
from workers.dispatch.sweeper import Sweeper
from workers.jobs import Job, JobState
from workers.store.leases import MAX_ATTEMPTS


def leave(house: House, job: str, *tokens: int) -> None:
    for token in tokens:
        for name in ("draws.arrow", "checkpoint.0", "result.json"):
            house.artifacts.put(f"jobs/{job}/{token}/{name}", b"x")


def ended(house: House, prefix: str | None, lost: int = 0) -> Job:
    job = house.submit()
    for _ in range(lost):
        claim = house.store.claim("lost", 30.0)
        assert claim is not None
        house.store.give_up(job.id, claim.token, "the worker died")
    claim = house.store.claim("here", 30.0)
    if claim is not None:
        where = None if prefix is None else f"jobs/{job.id}/{prefix}"
        house.store.publish(job.id, claim.token, JobState.CANCELLED, where)
    return job


def test_of_an_ended_job_what_was_published_stays(house: House) -> None:
    job = ended(house, "2", lost=1)
    leave(house, job.id, 1, 2)
    Sweeper(house.store, house.url).sweep_all()
    kept = [f"jobs/{job.id}/2/{name}" for name in ("draws.arrow", "result.json")]
    assert house.artifacts.list("jobs") == kept


def test_without_a_published_result_the_last_draws_stay(house: House) -> None:
    job = ended(house, None, lost=MAX_ATTEMPTS)
    assert house.store.get_job(None, job.id).state is JobState.FAILED
    leave(house, job.id, *range(1, MAX_ATTEMPTS + 1))
    assert Sweeper(house.store, house.url).sweep(job.id)
    assert house.artifacts.list("jobs") == [f"jobs/{job.id}/{MAX_ATTEMPTS}/draws.arrow"]


def test_what_runs_and_what_others_own_is_left_alone(house: House) -> None:
    running = house.submit()
    house.store.claim("here", 30.0)
    for name in (running.id, "anothers"):
        leave(house, name, 1, 2)
    house.artifacts.put("jobs/stray", b"x")
    before = house.artifacts.list("jobs")
    Sweeper(house.store, house.url).sweep_all()
    assert house.artifacts.list("jobs") == before


def test_a_store_that_is_away_is_no_failure(house: House) -> None:
    Sweeper(house.store, "nowhere://known").sweep_all()
