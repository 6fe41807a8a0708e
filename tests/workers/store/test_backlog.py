"""The queue's count: believed for a moment while there is room, exact near the limit."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event

from tests.workers.store.submissions import submit, take
from workers.store.backlog import SECONDS, Backlog, queued
from workers.store.store import Store


class Watch:
    """A clock that stands, and how often the database was asked."""

    def __init__(self) -> None:
        self.now, self.asked = 0.0, 0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@contextmanager
def reading(store: Store, watch: Watch) -> Iterator[Connection]:
    def count(*_: object) -> None:
        watch.asked += 1

    with store._read() as connection:
        event.listen(connection, "before_cursor_execute", count)
        yield connection


def test_it_counts_no_further_than_asked_and_by_owner(store: Store) -> None:
    for owner in ("ann", "ann", "bob"):
        submit(store, owner)
    take(store)
    with store._read() as connection:
        assert [queued(connection, most) for most in (1, 2, 9)] == [1, 2, 2]
        assert [queued(connection, 9, owner) for owner in ("ann", "bob", "cid")] == [1, 1, 0]


def test_while_there_is_room_it_asks_now_and_then(store: Store, watch: Watch) -> None:
    submit(store)
    backlog = Backlog(watch)
    with reading(store, watch) as connection:
        assert not backlog.roomy(101)
        # A quarter of the room for a hundred, the first with the count itself.
        for _ in range(25):
            assert not backlog.full(connection, 101)
        assert watch.asked == 1
        assert not backlog.full(connection, 101)
        assert watch.asked == 2
        assert backlog.roomy(101)
        assert not backlog.roomy(102), "another limit was not counted to"
        watch.now += SECONDS
        assert not backlog.roomy(101)
        assert not backlog.full(connection, 101)
        assert watch.asked == 3


def test_near_the_limit_every_one_is_counted(store: Store, watch: Watch) -> None:
    backlog = Backlog(watch)
    with reading(store, watch) as connection:
        for number in range(1, 4):
            assert not backlog.full(connection, 3)
            assert watch.asked == number
    for _ in range(3):
        submit(store)
    with reading(store, watch) as connection:
        assert backlog.full(connection, 3)
        assert not backlog.roomy(3)
        assert backlog.full(connection, 3)
