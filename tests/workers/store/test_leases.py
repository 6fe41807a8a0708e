"""The contract of leases, on every database: one worker a job, one end a job."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import submit, take
from workers.jobs import LONGEST_LEASE, JobState
from workers.store.events import LONGEST_SILENCE
from workers.store.leases import MAX_ATTEMPTS
from workers.store.store import Store, create_store

ENDS = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED]


class TestClaim:
    def test_jobs_are_taken_oldest_first_and_once(self, store: Store, clock: TurnedClock) -> None:
        ids = [submit(store).id for _ in range(2)]
        clock.turn(1)
        claims = [take(store), take(store)]
        assert [claim.job.id for claim in claims] == ids
        assert store.claim("worker", 30) is None
        job = store.get_job(None, ids[0])
        assert (job.state, job.attempts, job.token) == (JobState.RUNNING, 1, claims[0].token)
        assert job.started_at == clock.now

    def test_claims_at_once_take_different_jobs(self, store: Store) -> None:
        ids = {submit(store).id for _ in range(20)}
        start = threading.Barrier(4)

        def run(worker: int) -> list[str]:
            start.wait()
            taken = []
            while (claim := store.claim(f"worker-{worker}", 30)) is not None:
                taken.append(claim.job.id)
            return taken

        with ThreadPoolExecutor(4) as pool:
            taken = [job for jobs in pool.map(run, range(4)) for job in jobs]
        assert len(taken) == 20
        assert set(taken) == ids


class TestPublish:
    @pytest.mark.parametrize("state", ENDS)
    def test_the_first_end_stands(self, store: Store, clock: TurnedClock, state: JobState) -> None:
        submit(store)
        claim = take(store)
        error = {"type": "urn:x", "detail": "no"} if state is JobState.FAILED else None
        clock.turn(2)
        assert store.publish(claim.job.id, claim.token, state, "jobs/x/1", error)
        ended = store.get_job(None, claim.job.id)
        assert (ended.state, ended.result_prefix, ended.error) == (state, "jobs/x/1", error)
        assert ended.finished_at == clock.now
        for other in ENDS:
            assert not store.publish(claim.job.id, claim.token, other, "jobs/x/2")
        assert not store.release(claim.job.id, claim.token)
        assert store.get_job(None, claim.job.id) == ended
        assert store.events(ended.id)[-1].payload == {"state": str(state)}

    def test_another_token_publishes_nothing(self, store: Store) -> None:
        submit(store)
        claim = take(store)
        assert not store.publish(claim.job.id, claim.token + 1, JobState.SUCCEEDED, "jobs/x/2")
        assert store.get_job(None, claim.job.id).state is JobState.RUNNING

    def test_a_job_does_not_end_as_queued(self, store: Store) -> None:
        submit(store)
        claim = take(store)
        with pytest.raises(ValueError, match="does not end"):
            store.publish(claim.job.id, claim.token, JobState.QUEUED)

    def test_of_many_at_once_one_wins(self, store: Store) -> None:
        submit(store)
        claim = take(store)
        start = threading.Barrier(6)

        def run(number: int) -> bool:
            start.wait()
            prefix = f"jobs/x/{number}"
            return store.publish(claim.job.id, claim.token, ENDS[number % 4], prefix)

        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(run, range(6)))
        assert sum(won) == 1
        assert store.get_job(None, claim.job.id).result_prefix == f"jobs/x/{won.index(True)}"
        assert [event.id for event in store.events(claim.job.id)] == [1, 2, 3]


class TestPlan:
    def test_it_is_read_back_bit_for_bit_and_replaced_whole(
        self, store: Store, database: str
    ) -> None:
        job = submit(store)
        assert (job.plan, store.get_job(None, job.id).plan) == (None, None)
        claim = take(store)
        plan = {"engine": {"kind": "nuts", "target_accept": 0.1 + 0.2}, "why": ["§ 5: «1e-300»"]}
        assert store.record_plan(job.id, claim.token, plan)
        other = create_store(database)
        assert other.get_job(None, job.id).plan == plan
        other.close()
        assert store.record_plan(job.id, claim.token, {"compiled_from": 137})
        assert store.get_job(None, job.id).plan == {"compiled_from": 137}
        assert [event.kind for event in store.events(job.id)] == ["state", "state"]

    def test_the_next_attempts_find_it(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        first = take(store, 10)
        store.record_plan(job.id, first.token, {"threads": 2})
        clock.turn(11)
        store.requeue_expired()
        second = take(store)
        assert second.job.plan == {"threads": 2}
        store.release(job.id, second.token)
        third = take(store)
        assert third.job.plan == {"threads": 2}
        store.publish(job.id, third.token, JobState.SUCCEEDED, "jobs/x/3")
        assert store.get_job(None, job.id).plan == {"threads": 2}

    def test_a_late_worker_writes_none(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        assert not store.record_plan(job.id, 0, {"threads": 1}), "nobody has it"
        late = take(store, 10)
        clock.turn(11)
        store.requeue_expired()
        assert not store.record_plan(job.id, late.token, {"threads": 1})
        claim = take(store)
        assert not store.record_plan(job.id, late.token, {"threads": 1})
        assert store.get_job(None, job.id).plan is None
        assert store.record_plan(job.id, claim.token, {"threads": 2})
        store.publish(job.id, claim.token, JobState.SUCCEEDED, "jobs/x/2")
        assert not store.record_plan(job.id, claim.token, {"threads": 3})
        assert store.get_job(None, job.id).plan == {"threads": 2}


class TestLostLease:
    def test_a_heartbeat_keeps_the_job(self, store: Store, clock: TurnedClock) -> None:
        submit(store)
        claim = take(store, 10)
        for _ in range(3):
            clock.turn(9)
            beat = store.heartbeat(claim.job.id, claim.token, 10)
            assert (beat.alive, beat.cancel_requested) == (True, False)
            assert store.requeue_expired() == []

    def test_silence_gives_it_to_another(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        late = take(store, 10)
        clock.turn(11)
        assert store.requeue_expired() == [job.id]
        assert store.requeue_expired() == []
        assert store.get_job(None, job.id).state is JobState.QUEUED
        # The late worker wakes up, before and after the next claim: it changes nothing.
        for _ in range(2):
            assert not store.heartbeat(job.id, late.token, 10).alive
            assert not store.append_events(job.id, late.token, [("log", {"message": "late"})])
            assert not store.publish(job.id, late.token, JobState.SUCCEEDED, "jobs/x/late")
            store.claim("worker", 10)
        current = store.get_job(None, job.id)
        assert (current.token, current.attempts) == (late.token + 1, 2)
        assert store.publish(job.id, current.token, JobState.SUCCEEDED, "jobs/x/2")
        states = [event.payload["state"] for event in store.events(job.id)]
        assert states == ["queued", "running", "queued", "running", "succeeded"]

    def test_the_first_start_is_kept(self, store: Store, clock: TurnedClock) -> None:
        submit(store)
        started = take(store, 10).job.started_at
        clock.turn(11)
        store.requeue_expired()
        assert take(store, 10).job.started_at == started

    def test_after_the_last_attempt_it_fails(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        for _ in range(MAX_ATTEMPTS):
            take(store, 10)
            clock.turn(11)
            assert store.requeue_expired() == [job.id]
        ended = store.get_job(None, job.id)
        assert (ended.state, ended.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
        assert ended.error is not None
        assert ended.error["type"].endswith("lease-lost")
        assert ended.finished_at == clock.now

    def test_a_job_that_was_to_be_cancelled_is(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        take(store, 10)
        store.request_cancel("ann", job.id)
        clock.turn(11)
        assert store.requeue_expired() == [job.id]
        assert store.get_job(None, job.id).state is JobState.CANCELLED

    def test_the_moment_may_be_given(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        take(store, 10)
        assert store.requeue_expired(clock.now) == []
        clock.turn(11)
        assert store.requeue_expired(clock.now) == [job.id]

    def test_a_lease_from_before_the_clock_went_back_has_run_out(
        self, store: Store, clock: TurnedClock
    ) -> None:
        job = submit(store)
        take(store, LONGEST_LEASE)
        assert store.requeue_expired() == []
        clock.turn(-3600)
        assert store.requeue_expired() == [job.id]

    def test_whoever_asks_keeps_its_own(self, store: Store, clock: TurnedClock) -> None:
        job = submit(store)
        claim = take(store, 10)
        clock.turn(11)
        assert store.requeue_expired(spare={(job.id, claim.token)}) == []
        assert store.requeue_expired(spare={(job.id, claim.token + 1)}) == [job.id]

    def test_an_attempt_that_wrote_a_checkpoint_is_none_of_the_last(
        self, store: Store, clock: TurnedClock
    ) -> None:
        job = submit(store)
        kept = ("checkpoint", {"step": 9, "draws": 0, "bytes": 1})
        for gets_on in (False, False, True, False, False):
            claim = take(store, 10)
            store.append_events(job.id, claim.token, [kept] if gets_on else [])
            clock.turn(11)
            store.requeue_expired()
            assert store.get_job(None, job.id).state is JobState.QUEUED
        assert store.give_up(job.id, take(store).token, "the worker died")
        ended = store.get_job(None, job.id)
        assert (ended.state, ended.attempts) == (JobState.FAILED, 6)


class TestWork:
    def test_a_claim_knows_how_long_others_have_worked(
        self, store: Store, clock: TurnedClock
    ) -> None:
        job = submit(store)
        clock.turn(100)
        claim = take(store)
        assert claim.worked == 0.0
        clock.turn(5)
        store.append_events(job.id, claim.token, [("log", {"message": "x"})])
        clock.turn(7)
        store.give_up(job.id, claim.token, "the worker died")
        clock.turn(8 * 3600)
        claim = take(store)
        assert claim.worked == 12.0
        # The clock jumps forth and back, and the dispatcher falls silent.
        for jump in (3600, -3600, 2):
            clock.turn(jump)
            store.append_events(job.id, claim.token, [("log", {"message": "x"})])
        clock.turn(3600)
        store.requeue_expired()
        assert take(store).worked == 12.0 + LONGEST_SILENCE + 2.0


class TestGivingUp:
    def test_it_is_as_if_the_lease_had_run_out(self, store: Store) -> None:
        job = submit(store)
        claim = take(store)
        assert store.give_up(job.id, claim.token, "the worker died")
        seen = store.get_job(None, job.id)
        assert (seen.state, seen.attempts) == (JobState.QUEUED, 1)
        kinds = [(event.id, event.kind) for event in store.events(job.id)]
        assert kinds == [(1, "state"), (2, "state"), (3, "log"), (4, "state")]
        message = store.events(job.id)[2].payload["message"]
        assert message == f"attempt {claim.token} was lost: the worker died"
        assert not store.give_up(job.id, claim.token, "the worker died again"), "it is not ours"
        assert len(store.events(job.id)) == 4

    def test_the_last_cause_is_the_jobs_problem(self, store: Store) -> None:
        job = submit(store)
        for number in range(MAX_ATTEMPTS):
            assert store.give_up(job.id, take(store).token, f"of cause {number}")
        ended = store.get_job(None, job.id)
        assert ended.state is JobState.FAILED
        assert ended.error is not None
        assert f"because of cause {MAX_ATTEMPTS - 1}" in ended.error["detail"]

    def test_want_of_memory_is_a_problem_of_its_own(self, store: Store) -> None:
        job = submit(store)
        cause = "the worker died, killed because no memory was left (it held 3.1 GiB at most)"
        for _ in range(MAX_ATTEMPTS):
            assert store.give_up(job.id, take(store).token, cause, memory=True)
        ended = store.get_job(None, job.id)
        assert (ended.state, ended.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
        assert ended.error is not None
        assert ended.error["type"] == "urn:credence:problem:out-of-memory"
        assert cause in ended.error["detail"]

    def test_a_job_that_was_to_be_cancelled_is(self, store: Store) -> None:
        job = submit(store)
        claim = take(store)
        store.request_cancel("ann", job.id)
        assert store.give_up(job.id, claim.token, "the worker died")
        assert store.get_job(None, job.id).state is JobState.CANCELLED


class TestRelease:
    def test_the_attempt_is_not_counted(self, store: Store) -> None:
        job = submit(store)
        claim = take(store)
        assert store.release(job.id, claim.token)
        assert store.get_job(None, job.id).attempts == 0
        again = take(store)
        assert (again.job.attempts, again.token) == (1, claim.token + 1)
        assert not store.release(job.id, claim.token)

    def test_a_job_that_was_to_be_cancelled_is(self, store: Store) -> None:
        job = submit(store)
        claim = take(store)
        store.request_cancel("ann", job.id)
        assert store.release(job.id, claim.token)
        seen = store.get_job(None, job.id)
        assert (seen.state, seen.attempts) == (JobState.CANCELLED, 0)
        assert store.events(job.id)[-1].payload == {"state": "cancelled"}


def test_without_a_clock_the_database_tells_the_time(database: str) -> None:
    store = create_store(database)
    job = submit(store)
    assert job.created_at.utcoffset() is not None
    claim = take(store, 0.0)
    assert store.requeue_expired() == [claim.job.id]
    store.close()
