"""The audit log: everything that was done, by whom, and nothing of it ever changed."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.workers.store.conftest import TurnedClock
from tests.workers.store.submissions import DEFINITION, request
from workers.store.audit import expire
from workers.store.connection import writer
from workers.store.errors import JobActiveError
from workers.store.store import Store


def told(store: Store, owner: str | None = None) -> list[tuple[str | None, ...]]:
    entries, _ = store.accounts.audit(owner)
    return [(e.owner, e.key_id, e.action, e.object, e.outcome) for e in reversed(entries)]


def test_whatever_is_done_is_written_down(store: Store, clock: TurnedClock) -> None:
    store.accounts.create_key("k1", "digest", "ann", ("read",))
    model, _ = store.put_model("ann", DEFINITION, by="k1")
    store.put_model("ann", DEFINITION, by="k1")
    store.put_dataset("ann", "d", "datasets/d", [], 1, by="k1")
    arguments = ("ann", request(), DEFINITION, "inputs/x.json", "key", "digest")
    job = store.submit(*arguments, by="k1")[0].id
    store.submit(*arguments, by="k1")
    with pytest.raises(JobActiveError):
        store.delete_job("ann", job, by="k1")
    store.request_cancel("ann", job, by="k1")
    store.delete_job("ann", job)
    store.delete_dataset("ann", "d", by="k1")
    store.accounts.revoke_key("k1")
    store.accounts.note("bob", "k2", "submit_job", None, "quota-exceeded")
    expected = [
        ("ann", None, "create_key", "k1", "done"),
        ("ann", "k1", "create_model", model, "done"),
        ("ann", "k1", "create_model", model, "known"),
        ("ann", "k1", "create_dataset", "d", "done"),
        ("ann", "k1", "submit_job", job, "done"),
        ("ann", "k1", "submit_job", job, "known"),
        ("ann", "k1", "cancel_job", job, "done"),
        ("ann", None, "delete_job", job, "done"),
        ("ann", "k1", "delete_dataset", "d", "done"),
        ("ann", None, "revoke_key", "k1", "done"),
        ("bob", "k2", "submit_job", None, "quota-exceeded"),
    ]
    assert told(store) == expected
    assert told(store, "ann") == expected[:-1]
    assert told(store, "cid") == []


def test_pages_run_newest_first(store: Store, clock: TurnedClock) -> None:
    for number in range(5):
        store.accounts.note("ann", None, "act", str(number), "done")
        clock.turn(1)
    first, token = store.accounts.audit(None, page_size=3)
    rest, end = store.accounts.audit(None, page_size=3, page_token=token)
    assert [entry.object for entry in first + rest] == ["4", "3", "2", "1", "0"]
    assert end is None
    assert (clock.now - first[0].at).total_seconds() == 1


@pytest.mark.parametrize("statement", ["UPDATE audit SET outcome = 'no'", "DELETE FROM audit"])
def test_the_database_itself_refuses_a_change(store: Store, statement: str) -> None:
    store.accounts.note("ann", None, "act", None, "done")
    with (
        pytest.raises(DBAPIError, match="append-only"),
        writer(store._reader).begin() as connection,
    ):
        connection.execute(text(statement))
    assert told(store) == [("ann", None, "act", None, "done")]


def test_what_is_older_than_the_policy_keeps_is_deleted_and_that_is_told(
    store: Store, clock: TurnedClock
) -> None:
    for number in range(3):
        store.accounts.note("ann", None, "act", str(number), "done")
        clock.turn(86400)
    age = timedelta(days=1.5)
    assert store.upkeep.expire_audit(age, dry_run=True) == 2
    assert len(told(store)) == 3
    assert store.upkeep.expire_audit(age) == 2
    expected = [
        ("ann", None, "act", "2", "done"),
        ("credence", None, "expire_audit", "2 entries", "done"),
    ]
    assert told(store) == expected
    assert store.upkeep.expire_audit(age) == 0
    assert told(store) == expected
    # And the database refuses it to others as before.
    for statement in ("UPDATE audit SET outcome = 'no'", "DELETE FROM audit"):
        with (
            pytest.raises(DBAPIError, match="append-only"),
            writer(store._reader).begin() as connection,
        ):
            connection.execute(text(statement))


def test_a_deletion_that_fails_leaves_the_log_closed(store: Store, clock: TurnedClock) -> None:
    store.accounts.note("ann", None, "act", None, "done")
    clock.turn(86400)

    def fail() -> None:
        with writer(store._reader).begin() as connection:
            expire(connection, clock.now, clock.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(told(store)) == 1
    with (
        pytest.raises(DBAPIError, match="append-only"),
        writer(store._reader).begin() as connection,
    ):
        connection.execute(text("DELETE FROM audit"))
