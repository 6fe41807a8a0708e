"""The contract of jobs, on every database."""

import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import JobState
from workers.store import jobs
from workers.store.errors import (
    IdempotencyConflictError,
    JobActiveError,
    JobNotFoundError,
    PageError,
    QuotaExceededError,
)
from workers.store.leases import Claim
from workers.store.quotas import Quotas, Terms
from workers.store.store import Store, create_store


class TestSubmit:
    def test_a_job_is_read_back_as_it_was_submitted(self, store: Store, clock: TurnedClock) -> None:
        largest = 2**63 - 1
        job, new = store.submit(
            "ann", request(seed=largest, labels={"study": "a"}), DEFINITION, "inputs/x.json"
        )
        assert new
        assert store.get_job("ann", job.id) == job
        assert job.state is JobState.QUEUED
        assert (job.seed, job.labels, job.engine["kind"]) == (largest, {"study": "a"}, "nuts")
        assert (job.definition, job.input_key) == (DEFINITION, "inputs/x.json")
        assert (job.created_at, job.started_at, job.attempts) == (clock.now, None, 0)

    def test_the_answer_shows_what_the_contract_lists(self, store: Store) -> None:
        shown = json.loads(submit(store).model_dump_json())
        assert set(shown) == {
            *("id", "state", "engine", "seed", "created_at", "started_at", "finished_at"),
            *("attempts", "progress", "error", "labels", "origin"),
        }
        assert shown["created_at"] == "2026-01-01T00:00:00Z"

    def test_it_is_committed_when_acknowledged(self, store: Store, database: str) -> None:
        job = submit(store)
        other = create_store(database)
        assert other.get_job("ann", job.id).id == job.id
        other.close()

    def test_a_caller_sees_only_its_own(self, store: Store) -> None:
        job = submit(store, "ann")
        for action in (store.get_job, store.request_cancel, store.delete_job):
            with pytest.raises(JobNotFoundError):
                action("bob", job.id)
        assert store.list_jobs("bob") == ([], None)
        assert store.get_job(None, job.id).owner == "ann"


class TestTogether:
    """Submissions of many threads, which are stored by few commits."""

    def posted(self, owner: str, number: int, **more: Any) -> tuple[jobs.Submission, None]:
        definition = {**DEFINITION, "plates": {"number": number}}
        labels = {"number": str(number)}
        return (
            jobs.Submission(
                owner=owner,
                request=request(seed=number, labels=labels),
                definition=definition,
                input_key=f"inputs/{number}.json",
                **more,
            ),
            None,
        )

    def test_each_becomes_a_job_of_its_own(self, store: Store) -> None:
        posted = [self.posted("ann" if n % 2 else "bob", n) for n in range(6)]
        stored = store._submit(posted)
        assert [new for _, new in stored] == [True] * 6
        for number, (job, _) in enumerate(stored):
            assert store.get_job(None, job.id) == job
            assert (job.seed, job.owner) == (number, "ann" if number % 2 else "bob")
            assert [(e.id, e.payload) for e in store.events(job.id)] == [(1, {"state": "queued"})]
            (labelled,), _ = store.list_jobs(None, label=f"number={number}")
            assert labelled == job
        listed, _ = store.list_jobs(None)
        assert [job.id for job in listed] == [job.id for job, _ in reversed(stored)]
        audited, _ = store.accounts.audit(None)
        done = {(e.owner, e.object, e.action, e.outcome) for e in audited}
        assert done == {(job.owner, job.id, "submit_job", "done") for job, _ in stored}

    def test_one_key_twice_makes_one_job(self, store: Store) -> None:
        same = {"idempotency_key": "k", "body_digest": "d"}
        (first, new), (again, newer), (other, newest) = store._submit(
            [self.posted("ann", 1, **same), self.posted("ann", 2, **same), self.posted("ann", 3)]
        )
        assert (again, new, newer, newest) == (first, True, False, True)
        assert {job.id for job in store.list_jobs("ann")[0]} == {first.id, other.id}

    def test_one_that_is_refused_leaves_nothing_of_all(self, store: Store) -> None:
        refused = Terms(quotas=Quotas(queued_jobs=1))
        with pytest.raises(QuotaExceededError):
            store._submit([self.posted("ann", 1), self.posted("ann", 2, terms=refused)])
        assert store.list_jobs(None) == ([], None)

    def test_a_quota_counts_those_before_it(self, store: Store) -> None:
        terms = Terms(quotas=Quotas(queued_jobs=2))
        posted = [self.posted("ann", n, terms=terms) for n in range(3)]
        with pytest.raises(QuotaExceededError):
            store._submit(posted)
        assert len(store._submit(posted[:2])) == 2

    def test_many_threads_get_what_each_asked_for(self, store: Store) -> None:
        store.submit("ann", request(), DEFINITION, "inputs/x.json", "taken", "digest")
        start = threading.Barrier(16)

        def run(number: int) -> str:
            start.wait()
            key, digest = ("taken", "other") if number % 4 == 0 else (f"key-{number}", "digest")
            try:
                job, _ = store.submit(
                    "ann", request(seed=number), DEFINITION, "inputs/x.json", key, digest
                )
            except IdempotencyConflictError:
                return "conflict"
            assert job.seed == number
            return job.id

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(run, range(16)))
        assert answers.count("conflict") == 4
        assert len(set(answers)) == 13
        assert len(store.list_jobs("ann")[0]) == 13


class TestIdempotency:
    def test_the_same_body_gives_the_first_job(self, store: Store) -> None:
        first, new = store.submit("ann", request(), DEFINITION, "inputs/x.json", "key", "digest")
        again, newer = store.submit(
            "ann", request(seed=8), DEFINITION, "inputs/x.json", "key", "digest"
        )
        assert (new, newer) == (True, False)
        assert (again.id, again.seed) == (first.id, 7)
        assert len(store.list_jobs("ann")[0]) == 1

    def test_another_body_is_a_conflict(self, store: Store) -> None:
        store.submit("ann", request(), DEFINITION, "inputs/x.json", "key", "digest")
        with pytest.raises(IdempotencyConflictError):
            store.submit("ann", request(), DEFINITION, "inputs/x.json", "key", "other")

    def test_keys_belong_to_their_owner(self, store: Store) -> None:
        first, _ = store.submit("ann", request(), DEFINITION, "inputs/x.json", "key", "digest")
        other, new = store.submit("bob", request(), DEFINITION, "inputs/x.json", "key", "other")
        assert new
        assert other.id != first.id

    def test_two_at_once_make_one_job(self, store: Store) -> None:
        start = threading.Barrier(8)

        def run(_: int) -> tuple[str, bool]:
            start.wait()
            job, new = store.submit("ann", request(), DEFINITION, "inputs/x.json", "key", "digest")
            return job.id, new

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(run, range(8)))
        assert len({job for job, _ in answers}) == 1
        assert sum(new for _, new in answers) == 1


class TestList:
    def test_pages_run_newest_first_and_stay_stable(self, store: Store) -> None:
        ids = [submit(store).id for _ in range(5)]
        seen, token = store.list_jobs("ann", page_size=2)
        late = submit(store)
        pages = [[job.id for job in seen]]
        while token is not None:
            seen, token = store.list_jobs("ann", page_size=2, page_token=token)
            pages.append([job.id for job in seen])
        assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
        assert store.list_jobs("ann", page_size=1)[0][0].id == late.id

    def test_a_last_full_page_has_no_next(self, store: Store) -> None:
        submit(store)
        submit(store)
        assert store.list_jobs("ann", page_size=2)[1] is None

    def test_filters_by_state_and_label(self, store: Store) -> None:
        first = submit(store, labels={"study": "a", "arm": "1"})
        second = submit(store, labels={"study": "b", "arm": "1"})
        claim = take(store)
        assert claim.job.id == first.id

        def listed(**filters: object) -> set[str]:
            return {job.id for job in store.list_jobs("ann", **filters)[0]}  # type: ignore[arg-type]

        assert listed(state=JobState.RUNNING) == {first.id}
        assert listed(state=JobState.QUEUED) == {second.id}
        assert listed(label="study=b") == {second.id}
        assert listed(label="arm=1") == {first.id, second.id}
        assert listed(label="arm=1", state=JobState.RUNNING) == {first.id}
        assert listed(label="study=") == set()

    @pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "AAAAAAAAAAI=="])
    def test_a_token_that_is_not_ours_is_refused(self, store: Store, token: str) -> None:
        with pytest.raises(PageError):
            store.list_jobs("ann", page_token=token)

    def test_a_page_has_at_least_one_entry(self, store: Store) -> None:
        with pytest.raises(PageError):
            store.list_jobs("ann", page_size=0)


class TestCancel:
    def test_a_queued_job_ends_at_once(self, store: Store, clock: TurnedClock) -> None:
        job = store.request_cancel("ann", submit(store).id)
        assert (job.state, job.finished_at) == (JobState.CANCELLED, clock.now)
        assert [event.payload["state"] for event in store.events(job.id)] == ["queued", "cancelled"]
        assert store.claim("worker", 30) is None

    def test_a_running_job_is_asked(self, store: Store) -> None:
        submit(store)
        claim = take(store)
        job = store.request_cancel("ann", claim.job.id)
        assert (job.state, job.cancel_requested) == (JobState.RUNNING, True)
        assert store.heartbeat(job.id, claim.token, 30).cancel_requested

    def test_an_ended_job_stays_as_it_is(self, store: Store) -> None:
        submit(store)
        claim = take(store)
        store.publish(claim.job.id, claim.token, JobState.SUCCEEDED, "jobs/x/1")
        before = store.get_job("ann", claim.job.id)
        assert store.request_cancel("ann", claim.job.id) == before

    def test_none_is_lost_while_the_job_changes_hands(self, store: Store) -> None:
        def give_back(claim: Claim) -> None:
            start.wait()
            store.release(claim.job.id, claim.token)
            store.claim("another", 30)

        def cancel(claim: Claim) -> None:
            start.wait()
            store.request_cancel("ann", claim.job.id)

        for _ in range(20):
            submit(store)
            claim, start = take(store), threading.Barrier(2)
            with ThreadPoolExecutor(2) as pool:
                both = [pool.submit(action, claim) for action in (give_back, cancel)]
                for done in both:
                    done.result(30)
            seen = store.get_job(None, claim.job.id)
            assert seen.cancel_requested
            assert seen.state in (JobState.CANCELLED, JobState.RUNNING)
            store.publish(seen.id, seen.token, JobState.CANCELLED)


class TestDelete:
    def test_an_ended_job_goes_with_its_events(self, store: Store) -> None:
        job = submit(store, labels={"study": "a"})
        store.request_cancel("ann", job.id)
        assert store.delete_job("ann", job.id).state is JobState.CANCELLED
        assert store.events(job.id) == []
        assert store.list_jobs("ann", label="study=a") == ([], None)
        with pytest.raises(JobNotFoundError):
            store.get_job("ann", job.id)

    def test_a_job_that_has_not_ended_stays(self, store: Store) -> None:
        job = submit(store)
        with pytest.raises(JobActiveError):
            store.delete_job("ann", job.id)
        take(store)
        with pytest.raises(JobActiveError):
            store.delete_job("ann", job.id)
        assert store.get_job("ann", job.id).id == job.id


def fill(database: str, owner: str, count: int) -> None:
    """Submit jobs; run in a process of its own."""
    store = create_store(database)
    for _ in range(count):
        submit(store, owner)
    store.close()


def test_processes_share_a_store_that_none_has_made(database: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(database, name, 10)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = create_store(database)
    assert len(store.list_jobs(None)[0]) == 30
    store.close()
