"""The dispatcher against the real store, with runs that a test drives."""

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.workers.dispatch.house import PLAN, House
from tests.workers.dispatch.scripted import ScriptedBackend
from workers.dispatch import assignment
from workers.dispatch.backend import ClusterLostError, MemoryLostError, WorkerLostError
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.task import Batch, Event, Receipt, Task
from workers.jobs import Job, JobState
from workers.store.errors import StoreUnavailableError

DONE = Receipt(state="succeeded", result=True)


def progress(house: House, job: object) -> list[int]:
    events = house.store.events(job.id)  # type: ignore[attr-defined]
    return [event.payload["done"] for event in events if event.kind == "progress"]


def test_events_arrive_in_order_before_the_end(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run()
        run.tell(1, 2)
        run.tell(3)
        run.end(DONE)
        ended = house.wait(job)
    assert ended.state is JobState.SUCCEEDED
    assert ended.result_prefix == f"jobs/{job.id}/1"
    assert progress(house, job) == [1, 2, 3]
    assert house.states(job) == ["queued", "running", "succeeded"]
    assert house.store.events(job.id)[-1].kind == "state"


def test_a_failed_job_has_its_problem_and_no_result(house: House) -> None:
    backend = ScriptedBackend()
    error = {"type": "urn:credence:problem:model-error", "title": "t", "detail": "d"}
    with house.dispatching(backend):
        job = house.submit()
        backend.run().end(Receipt(state="failed", error=error))
        ended = house.wait(job)
    assert (ended.state, ended.error, ended.result_prefix) == (JobState.FAILED, error, None)


def test_a_job_is_picked_up_at_the_ring(house: House) -> None:
    backend = ScriptedBackend()
    delays = []
    with house.dispatching(backend):
        for number in range(5):
            time.sleep(0.05)
            job, submitted = house.submit(), time.monotonic()
            backend.run(number).end(DONE)
            delays.append(time.monotonic() - submitted)
            house.wait(job)
    assert min(delays) < 0.2


def test_no_more_jobs_are_claimed_than_there_is_room_for(house: House) -> None:
    backend = ScriptedBackend(places=2)
    with house.dispatching(backend):
        jobs = [house.submit() for _ in range(4)]
        backend.run(1)
        time.sleep(0.3)
        states = [house.store.get_job(None, job.id).state for job in jobs]
        assert states == [JobState.RUNNING] * 2 + [JobState.QUEUED] * 2
        for number in range(4):
            backend.run(number).end(DONE)
        assert {house.wait(job).state for job in jobs} == {JobState.SUCCEEDED}


def test_a_cancelled_run_is_asked_to_stop_and_its_partial_result_published(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run()
        asked = time.monotonic()
        house.cancel(job)
        while not run.stops:
            assert time.monotonic() - asked < 2.0
            time.sleep(0.005)
        run.end(Receipt(state="cancelled", result=True))
        ended = house.wait(job)
    assert run.stops[0] == "cancelled"
    assert not run.killed.is_set()
    assert (ended.state, ended.result_prefix) == (JobState.CANCELLED, f"jobs/{job.id}/1")


def test_a_run_that_does_not_stop_is_killed_after_the_grace_time(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend, grace_seconds=0.3):
        job = house.submit()
        run = backend.run()
        house.cancel(job)
        ended = house.wait(job, seconds=10)
    assert run.killed.is_set()
    assert (ended.state, ended.result_prefix) == (JobState.CANCELLED, None)


def test_a_run_past_its_limit_and_the_grace_time_is_killed(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend, grace_seconds=0.2):
        job = house.submit(limits={"max_seconds": 0.2})
        ended = house.wait(job, seconds=10)
    assert backend.run().killed.is_set()
    assert ended.state is JobState.EXPIRED


def test_a_lost_worker_costs_an_attempt_and_the_job_runs_again(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        backend.run(0).tell(1)
        backend.run(0).script.append(WorkerLostError("gone"))
        backend.run(1).end(DONE)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 2)
    assert ended.result_prefix == f"jobs/{job.id}/2"
    assert house.states(job) == ["queued", "running", "queued", "running", "succeeded"]


def test_a_job_that_kills_its_workers_fails_in_the_end(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        for number in range(3):
            cause = "gone" if number == 2 else "away"
            backend.run(number).script.append(WorkerLostError(cause))
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.FAILED, 3)
    assert ended.error is not None
    assert ended.error["type"].endswith("lease-lost")
    assert "the last time because gone" in ended.error["detail"]


def test_a_job_whose_workers_are_killed_for_want_of_memory_is_told_so(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        for number in range(3):
            lost = MemoryLostError("it was killed because no memory was left (it held 9.9 GiB)")
            backend.run(number).script.append(lost)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.FAILED, 3)
    assert ended.error is not None
    assert ended.error["type"].endswith(":out-of-memory")
    assert "9.9 GiB" in ended.error["detail"]


def test_a_worker_that_does_not_take_the_job_is_survived(house: House) -> None:
    backend = ScriptedBackend()
    backend.refuse = 1
    with house.dispatching(backend):
        job = house.submit()
        backend.run(0).end(DONE)
        assert house.wait(job).state is JobState.SUCCEEDED


def test_a_run_whose_lease_was_lost_is_killed_and_changes_nothing(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run(0)
        # Another dispatcher finds the lease run out, as after a long pause of this one.
        house.store.heartbeat(job.id, 1, -1.0)
        house.store.requeue_expired()
        claim = house.store.claim("another", 60.0)
        if claim is None:  # This one was quicker and has the job again, under another token.
            backend.run(1).end(DONE)
        else:
            house.store.publish(job.id, claim.token, JobState.SUCCEEDED, "jobs/other/2")
        assert run.killed.wait(10)
        run.end(Receipt(state="failed"))
        assert house.wait(job).state is JobState.SUCCEEDED
    assert house.states(job).count("succeeded") == 1


def test_a_plan_is_confirmed_once_it_is_on_the_row(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ScriptedBackend()
    record = house.store.record_plan
    attempts: list[list[int]] = []

    def slow(*arguments: Any) -> bool:
        # The database fails twice, once before and once after it has written.
        attempts.append(list(run.confirmed))
        if len(attempts) == 1:
            raise StoreUnavailableError
        done = record(*arguments)
        if len(attempts) == 2:
            raise StoreUnavailableError
        return done

    monkeypatch.setattr(house.store, "record_plan", slow)
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run()
        run.tell(1)
        run.propose(1, PLAN)
        run.tell(2)
        run.end(DONE)
        ended = house.wait(job)
    assert attempts == [[], [], []]
    assert run.confirmed == [1]
    assert ended.plan == PLAN.model_dump(mode="json")
    assert progress(house, job) == [1, 2]


def test_the_next_attempt_gets_the_plan_and_may_go_on_with_it(house: House) -> None:
    backend = ScriptedBackend()
    changed = PLAN.model_copy(update={"compiled_from": 137})
    with house.dispatching(backend):
        job = house.submit()
        backend.run(0).propose(1, PLAN)
        backend.run(0).propose(2, changed)
        backend.run(0).script.append(WorkerLostError("gone"))
        backend.run(1).end(DONE)
        ended = house.wait(job)
    assert backend.run(0).confirmed == [1, 2]
    assert backend.run(0).task.plan is None
    assert backend.run(1).task.plan == changed.model_dump(mode="json") == ended.plan


def test_what_is_salvaged_knows_the_plan(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    salvaged: list[Any] = []

    def salvage(task: Task, state: JobState, seconds: float) -> Receipt:
        salvaged.append(task.plan)
        return Receipt(state=state)

    monkeypatch.setattr("workers.dispatch.dispatcher._salvage", salvage)
    backend = ScriptedBackend()
    with house.dispatching(backend, grace_seconds=0.2):
        job = house.submit()
        backend.run().propose(1, PLAN)
        while not backend.run().confirmed:
            time.sleep(0.005)
        house.cancel(job)
        house.wait(job)
    assert salvaged == [PLAN.model_dump(mode="json")]


def test_a_plan_that_comes_too_late_is_neither_recorded_nor_confirmed(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run(0)
        # Its owner is another dispatcher by now.
        house.store.heartbeat(job.id, 1, -1.0)
        house.store.requeue_expired()
        run.propose(1, PLAN)
        assert run.killed.wait(10)
        backend.run(1).end(DONE)
        ended = house.wait(job)
    assert run.confirmed == []
    assert ended.plan is None


def test_a_silent_dispatchers_job_is_taken_over(house: House) -> None:
    job = house.submit()
    claim = house.store.claim("silent", 0.5)
    assert claim is not None
    backend = ScriptedBackend()
    with house.dispatching(backend):
        backend.run(0).end(DONE)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 2)


def test_leases_are_prolonged_while_a_run_goes_on(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend, lease_seconds=1.0):
        job = house.submit()
        backend.run(0)
        time.sleep(2.5)
        backend.run(0).end(DONE)
        assert house.wait(job).attempts == 1


def test_jobs_in_hand_are_put_back_uncounted_when_the_dispatcher_stops(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run(0)
    seen = house.store.get_job(None, job.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 0)
    assert run.killed.is_set()


def write_in_vain(house: House, job: Job) -> None:
    """Write what an attempt does that had just come to its end, and could not say so any more."""
    for name in ("draws.arrow", "result.json"):
        house.artifacts.put(f"jobs/{job.id}/1/{name}", b"x")


def assert_cancelled_without_a_result(house: House, job: Job) -> None:
    ended = house.store.get_job(None, job.id)
    assert (ended.state, ended.result_prefix) == (JobState.CANCELLED, None)
    assert house.artifacts.list("jobs") == [f"jobs/{job.id}/1/draws.arrow"]


def test_a_job_to_be_cancelled_ends_with_the_dispatcher_and_keeps_no_result(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend, grace_seconds=60.0):
        job = house.submit()
        run = backend.run(0)
        house.cancel(job)
        write_in_vain(house, job)
    assert run.killed.is_set()
    assert_cancelled_without_a_result(house, job)


def test_a_result_of_a_worker_that_died_before_it_was_heard_goes(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend, grace_seconds=60.0):
        job = house.submit()
        run = backend.run(0)
        house.cancel(job)
        write_in_vain(house, job)
        run.script.append(WorkerLostError("the worker died"))
        house.wait(job)
    assert_cancelled_without_a_result(house, job)


def test_what_is_left_of_the_time_limit_counts_over_attempts(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit(limits={"max_seconds": 100})
        time.sleep(0.3)
        backend.run(0).script.append(WorkerLostError("gone"))
        limit = backend.run(1).task.max_seconds
        backend.run(1).end(DONE)
        house.wait(job)
    assert limit is not None
    assert 90 < limit < 99.9


def test_a_dispatcher_is_present_while_it_runs(house: House) -> None:
    with house.dispatching(ScriptedBackend(places=2)):
        end = time.monotonic() + 10
        while house.store.present(15).warm != 2:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert house.store.present(15).dispatchers == 0


def test_what_keeps_workers_away_is_announced_at_once(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        house.wait(house.submit(), JobState.RUNNING)
        began = time.monotonic()
        backend.complaint = "refused: n2"
        while house.store.present(15).troubles != ("refused: n2",):
            assert time.monotonic() - began < 2
            time.sleep(0.01)


def test_a_lost_cluster_ends_the_dispatcher_and_puts_its_jobs_back(house: House) -> None:
    backend = ScriptedBackend()
    dispatcher = Dispatcher(house.store, house.bell, backend, artifacts=house.url)

    def lose() -> None:
        backend.run()
        backend.lost = True

    job = house.submit()
    losing = threading.Thread(target=lose)
    losing.start()
    with pytest.raises(ClusterLostError):
        dispatcher.run()
    losing.join()
    seen = house.store.get_job(None, job.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 0)
    assert house.store.present(15).dispatchers == 0


def test_a_store_that_is_away_for_long_costs_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ScriptedBackend()
    append, failures = house.store.append_events, iter(range(20))

    def away(*arguments: Any) -> bool:
        if next(failures, None) is not None:
            raise StoreUnavailableError
        return append(*arguments)

    monkeypatch.setattr(assignment, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(house.store, "append_events", away)
    with house.dispatching(backend):
        job = house.submit()
        backend.run().tell(1)
        backend.run().end(DONE)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 1)
    assert progress(house, job) == [1]
    assert not backend.run().killed.is_set()


def test_an_error_that_does_not_pass_is_met_a_few_times(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, asked = ScriptedBackend(), []

    def wrong(*arguments: Any) -> bool:
        asked.append(arguments)
        raise ValueError

    monkeypatch.setattr(assignment, "RETRY_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(house.store, "append_events", wrong)
    with house.dispatching(backend):
        house.submit()
        backend.run().tell(1)
        assert backend.run().killed.wait(10)
    assert len(asked) == 3


def test_a_worker_that_was_dead_before_costs_no_attempt(house: House) -> None:
    backend = ScriptedBackend()
    with house.dispatching(backend):
        job = house.submit()
        for number in range(5):
            backend.run(number).script.append(WorkerLostError("dead", blameless=True))
        backend.run(5).end(DONE)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 1)


def test_a_job_that_gets_on_may_lose_any_number_of_workers(house: House) -> None:
    backend = ScriptedBackend()
    kept = Event(kind="checkpoint", payload={"step": 1, "draws": 0, "bytes": 1})
    with house.dispatching(backend):
        job = house.submit()
        for number in range(5):
            backend.run(number).script.append(Batch(events=(kept,)))
            backend.run(number).script.append(WorkerLostError("gone"))
        backend.run(5).end(DONE)
        ended = house.wait(job)
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 6)


def test_a_clock_that_jumps_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = ScriptedBackend(places=2)
    jump = timedelta()
    monkeypatch.setattr(house.store, "_clock", lambda: datetime.now(UTC) + jump)
    with house.dispatching(backend, lease_seconds=2.0):
        jobs = [house.submit(), house.submit()]
        backend.run(1)
        for hours in (1, -1):
            jump = timedelta(hours=hours)
            time.sleep(2.5)
        states = [house.store.get_job(None, job.id).state for job in jobs]
        assert states == [JobState.RUNNING] * 2
        for number in range(2):
            backend.run(number).end(DONE)
        assert [house.wait(job).attempts for job in jobs] == [1, 1]


def test_a_cancel_is_passed_on_while_the_database_takes_no_writes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ScriptedBackend()
    announce, free = house.store.announce, threading.Event()

    def wait(*arguments: Any) -> None:
        # Locked from the moment of the cancel on.
        if house.store.get_job(None, job.id).cancel_requested:
            free.wait(20)
        announce(*arguments)

    # There is always something to announce.
    monkeypatch.setattr(backend, "warm", itertools.count(1).__next__)
    with house.dispatching(backend):
        job = house.submit()
        run = backend.run()
        monkeypatch.setattr(house.store, "announce", wait)
        house.cancel(job)
        end = time.monotonic() + 5
        while not run.stops:
            assert time.monotonic() < end
            time.sleep(0.005)
        free.set()
        run.end(Receipt(state="cancelled"))
        house.wait(job)


def test_what_an_ended_job_left_is_collected_at_the_start(house: House) -> None:
    job = house.submit()
    claim = house.store.claim("killed", 30.0)
    assert claim is not None
    house.artifacts.put(f"jobs/{job.id}/1/checkpoint.0", b"x")
    house.artifacts.put(f"jobs/{job.id}/1/result.json", b"{}")
    house.store.publish(job.id, claim.token, JobState.SUCCEEDED, f"jobs/{job.id}/1")
    with house.dispatching(ScriptedBackend()):
        end = time.monotonic() + 10
        while house.artifacts.exists(f"jobs/{job.id}/1/checkpoint.0"):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert house.artifacts.list("jobs") == [f"jobs/{job.id}/1/result.json"]


def test_a_job_whose_lease_was_its_last_is_tidied_up_after(house: House) -> None:
    job = house.submit()
    assert house.store.claim("silent", 0.1) is not None
    house.cancel(job)
    for name in ("checkpoint.1", "draws.arrow", "result.json"):
        house.artifacts.put(f"jobs/{job.id}/1/{name}", b"x")
    with house.dispatching(ScriptedBackend()):
        assert house.wait(job).state is JobState.CANCELLED
        end = time.monotonic() + 10
        while house.artifacts.exists(f"jobs/{job.id}/1/checkpoint.1"):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert house.artifacts.list("jobs") == [f"jobs/{job.id}/1/draws.arrow"]
