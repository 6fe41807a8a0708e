"""Idempotency keys: a day long, and gone with their job."""

import pytest
from sqlalchemy import func, select

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request
from workers.jobs import Job
from workers.store.errors import IdempotencyConflictError
from workers.store.idempotency import LIFETIME
from workers.store.quotas import Quotas, Terms
from workers.store.schema import idempotency_keys
from workers.store.store import Store


def submit(store: Store, key: str, digest: str = "digest", owner: str = "ann") -> tuple[Job, bool]:
    return store.submit(owner, request(), DEFINITION, "inputs/x.json", key, digest)


def kept(store: Store) -> int:
    with store._read() as connection:
        count = select(func.count()).select_from(idempotency_keys)
        return connection.execute(count).scalar_one()


def test_a_key_counts_for_a_day(store: Store, clock: TurnedClock) -> None:
    first, _ = submit(store, "key")
    clock.turn(LIFETIME.total_seconds() - 1)
    assert submit(store, "key") == (first, False)
    with pytest.raises(IdempotencyConflictError):
        submit(store, "key", "other")
    clock.turn(1)
    second, new = submit(store, "key", "other")
    assert new
    assert second.id != first.id
    assert submit(store, "key", "other") == (second, False)
    assert store.get_job("ann", first.id) == first


def test_a_deleted_job_frees_its_key(store: Store) -> None:
    first, _ = submit(store, "key")
    store.request_cancel("ann", first.id)
    store.delete_job("ann", first.id)
    assert kept(store) == 0
    assert submit(store, "key", "other")[1]


def test_a_refused_job_leaves_its_key_free(store: Store) -> None:
    full = Terms(quotas=Quotas(queued_jobs=0))
    for _ in range(2):
        with pytest.raises(Exception, match="queued_jobs"):
            store.submit("ann", request(), DEFINITION, "inputs/x", "key", "digest", terms=full)
    assert kept(store) == 0
    assert submit(store, "key", "other")[1]


def test_the_first_job_is_given_again_though_no_other_would_be_let_in(store: Store) -> None:
    first, _ = submit(store, "key")
    full = Terms(quotas=Quotas(queued_jobs=0), queue=1)
    arguments = ("ann", request(), DEFINITION, "inputs/x", "key", "digest")
    assert store.submit(*arguments, terms=full) == (first, False)
    assert store.accounts.check_job("ann", full, "key") is False


def test_expired_keys_are_forgotten(store: Store, clock: TurnedClock) -> None:
    for number in range(30):
        submit(store, f"key-{number}")
    clock.turn(LIFETIME.total_seconds())
    submit(store, "new", owner="bob")
    assert kept(store) == 11
    submit(store, "newer", owner="bob")
    assert kept(store) == 2
