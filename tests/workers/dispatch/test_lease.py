"""The dispatcher's side of a lease, against the real store."""

import pytest

from tests.workers.dispatch.house import PLAN, House
from workers.dispatch.lease import Lease
from workers.dispatch.task import Event, Receipt
from workers.jobs import JobState
from workers.store.bell import job_topic


@pytest.fixture
def lease(house: House) -> Lease:
    house.submit()
    claim = house.store.claim("here", 30.0)
    assert claim is not None
    return Lease(house.store, house.bell, claim, 30.0)


def test_a_beat_and_a_look_see_a_cancel(house: House, lease: Lease) -> None:
    assert not lease.beat().cancel_requested
    house.cancel(lease.job)
    assert lease.look().cancel_requested
    assert lease.beat().cancel_requested
    assert not lease.lost.is_set()


def test_a_fresh_lease_is_not_due(lease: Lease) -> None:
    assert not lease.due()


def test_what_is_written_rings(house: House, lease: Lease) -> None:
    with house.bell.listen(job_topic(lease.job.id)) as ear:
        lease.append((Event(kind="progress", payload={"done": 1}),))
        assert ear.wait(5.0)
        assert lease.publish(Receipt(state="succeeded", result=True))
        assert ear.wait(5.0)


def test_a_lease_taken_over_writes_nothing(house: House, lease: Lease) -> None:
    house.store.heartbeat(lease.job.id, lease.token, -1.0)
    house.store.requeue_expired()
    before = len(house.store.events(lease.job.id))
    lease.append((Event(kind="progress", payload={"done": 1}),))
    assert lease.lost.is_set()
    assert not lease.publish(Receipt(state="succeeded", result=True))
    assert len(house.store.events(lease.job.id)) == before
    assert not lease.look().alive


def test_a_plan_is_written_while_the_job_is_ours(house: House, lease: Lease) -> None:
    assert lease.record(PLAN)
    assert not lease.lost.is_set()
    assert house.store.get_job(None, lease.job.id).plan == PLAN.model_dump(mode="json")
    house.store.heartbeat(lease.job.id, lease.token, -1.0)
    house.store.requeue_expired()
    assert not lease.record(PLAN.model_copy(update={"compiled_from": 5}))
    assert lease.lost.is_set()
    assert house.store.get_job(None, lease.job.id).plan == PLAN.model_dump(mode="json")


def test_giving_up_costs_an_attempt_and_releasing_does_not(house: House, lease: Lease) -> None:
    lease.give_up("the worker died")
    told = house.store.events(lease.job.id)[-2]
    assert (told.kind, told.payload["message"]) == ("log", "attempt 1 was lost: the worker died")
    seen = house.store.get_job(None, lease.job.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 1)
    claim = house.store.claim("here", 30.0)
    assert claim is not None
    assert Lease(house.store, house.bell, claim, 30.0).release()
    seen = house.store.get_job(None, lease.job.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 1)


def test_an_end_whose_answer_was_lost_is_published(house: House, lease: Lease) -> None:
    receipt = Receipt(state="succeeded", result=True)
    # The connection broke after the commit, so it is published again.
    house.store.publish(lease.job.id, lease.token, JobState.SUCCEEDED, lease.prefix)
    assert lease.publish(receipt)
    assert not lease.publish(Receipt(state="cancelled"))
    assert house.states(lease.job) == ["queued", "running", "succeeded"]


def test_a_job_that_was_deleted_meanwhile_is_lost(house: House, lease: Lease) -> None:
    house.store.publish(lease.job.id, lease.token, JobState.CANCELLED)
    house.store.delete_job(None, lease.job.id)
    assert not lease.look().alive
    assert lease.lost.is_set()
    assert not lease.publish(Receipt(state="succeeded", result=True))


def test_giving_up_says_whether_that_was_the_end(house: House, lease: Lease) -> None:
    assert not lease.give_up("the worker died")
    claim = house.store.claim("here", 30.0)
    assert claim is not None
    house.cancel(lease.job)
    assert Lease(house.store, house.bell, claim, 30.0).give_up("the worker died")
