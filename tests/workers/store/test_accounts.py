"""What jobs count with before and after they are weighed."""

from tests.workers.store.submissions import DEFINITION, request, submit, take
from workers.jobs import JobState
from workers.store.accounts import WEIGHED
from workers.store.quotas import stored_bytes
from workers.store.store import Store


def stored(store: Store, owner: str) -> int:
    with store._read() as connection:
        return stored_bytes(connection, owner)


def test_ended_jobs_are_weighed_once(store: Store) -> None:
    store.submit("ann", request(), DEFINITION, "inputs/x.json", size=10_000)
    waiting = submit(store)
    claim = take(store)
    assert store.accounts.unweighed("ann") == []
    store.publish(claim.job.id, claim.token, JobState.SUCCEEDED)
    assert store.accounts.unweighed("ann") == [claim.job.id]
    assert store.accounts.unweighed("bob") == []
    before = stored(store, "ann")
    store.accounts.weigh("bob", {claim.job.id: 0})
    assert stored(store, "ann") == before, "only its owner's"
    store.accounts.weigh("ann", {claim.job.id: 7})
    assert before - stored(store, "ann") > 9_000
    assert store.accounts.unweighed("ann") == []
    store.request_cancel("ann", waiting.id)
    assert store.accounts.unweighed("ann") == [waiting.id]


def test_some_at_a_time(store: Store) -> None:
    assert WEIGHED > 1
    ids = [submit(store).id for _ in range(3)]
    for job in ids:
        store.request_cancel("ann", job)
    assert store.accounts.unweighed("ann") == ids
