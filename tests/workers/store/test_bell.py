"""The bell, across processes and on every database."""

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from workers.store.bell import QUEUE, WORK, AbstractBell, SocketBell, create_bell, job_topic


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory whose name alone is longer than a socket's address may be."""
    path = tmp_path / ("long" * 30)
    path.mkdir()
    return path


@pytest.fixture
def bell(database: str, home: Path) -> Iterator[AbstractBell]:
    with contextlib.closing(create_bell(database, home)) as made:
        yield made


def answer(database: str, home: Path, ready: "multiprocessing.synchronize.Event") -> None:
    """Ring back for every ring that is heard; run in a process of its own."""
    bell = create_bell(database, home)
    with bell.listen(WORK) as ear:
        ready.set()
        while ear.wait(20):
            bell.ring(job_topic("echo"))


def test_another_process_is_woken_and_wakes_us(
    bell: AbstractBell, database: str, home: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=answer, args=(database, home, ready), daemon=True)
    other.start()
    assert ready.wait(60)
    try:
        with bell.listen("job/") as ear:
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                bell.ring(WORK)
                assert ear.wait(10) == {"job/echo"}
                seconds.append(time.perf_counter() - start)
        # Far below any polling interval, with room for a busy machine.
        assert min(seconds) < 0.05
    finally:
        other.terminate()
        other.join(10)


def test_a_ring_between_two_waits_is_heard(bell: AbstractBell) -> None:
    with bell.listen() as ear:
        bell.ring(job_topic("a"))
        bell.ring(job_topic("b"))
        heard = ear.wait(5)
        while len(heard) < 2:
            heard |= ear.wait(5)
        assert heard == {"job/a", "job/b"}
        assert ear.wait(0.0) == frozenset()


def test_only_topics_with_the_prefix_are_heard(bell: AbstractBell) -> None:
    with bell.listen(job_topic("a")) as ear:
        bell.ring(WORK)
        bell.ring(job_topic("b"))
        assert ear.wait(0.2) == frozenset()


def test_silence_lasts_as_long_as_was_said(bell: AbstractBell) -> None:
    start = time.monotonic()
    assert not bell.wait(WORK, 0.2)
    assert 0.15 < time.monotonic() - start < 5


def test_an_ear_that_is_closed_is_no_trouble(bell: AbstractBell) -> None:
    bell.listen(WORK).close()
    bell.ring(WORK)
    assert not bell.wait(WORK, 0.05)


@pytest.mark.parametrize("prefix", ["a b", "a\n", "../x", "x" * 65])
def test_a_topic_is_a_word(bell: AbstractBell, prefix: str) -> None:
    with pytest.raises(ValueError, match="no topic"):
        bell.listen(prefix)


def test_a_full_ear_says_that_rings_may_be_lost(home: Path) -> None:
    with contextlib.closing(SocketBell(home)) as bell, bell.listen("job/") as ear:
        for number in range(20 * QUEUE):
            bell.ring(job_topic(str(number)))
        assert "job/" in ear.wait(0.0)


def test_the_socket_of_a_dead_process_is_swept(home: Path) -> None:
    with contextlib.closing(SocketBell(home)) as bell:
        ear = bell.listen(WORK)
        # As a killed process leaves it: closed and not unlinked.
        ear._socket.close()  # type: ignore[attr-defined]
        assert len(list(home.iterdir())) == 1
        bell.ring(WORK)
        assert list(home.iterdir()) == []
        ear.close()


@pytest.mark.postgres
def test_a_broken_connection_is_made_again(postgres: object, tmp_path: Path) -> None:
    url = postgres.create_database()  # type: ignore[attr-defined]
    with contextlib.closing(create_bell(url, tmp_path)) as bell, bell.listen(WORK) as ear:
        bell.ring(WORK)
        assert ear.wait(5)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        deaf_until = time.monotonic() + 10
        while not ear.wait(0.1):
            assert time.monotonic() < deaf_until
        bell.ring(WORK)
        assert ear.wait(5) == {WORK}


@pytest.mark.postgres
def test_what_rings_at_once_is_told_at_once(postgres: object, tmp_path: Path) -> None:
    url = postgres.create_database()  # type: ignore[attr-defined]
    with contextlib.closing(create_bell(url, tmp_path)) as bell, bell.listen() as ear:
        for number in range(1000):
            bell.ring(job_topic(str(number % 10)))
        heard: set[str] = set()
        end = time.monotonic() + 30
        while len(heard) < 10 and time.monotonic() < end:
            heard |= ear.wait(5)
        assert heard == {job_topic(str(number)) for number in range(10)}


@pytest.mark.postgres
def test_a_bell_that_closes_has_told_everything(postgres: object, tmp_path: Path) -> None:
    url = postgres.create_database()  # type: ignore[attr-defined]
    with (
        contextlib.closing(create_bell(url, tmp_path)) as listening,
        listening.listen(WORK) as ear,
    ):
        with contextlib.closing(create_bell(url, tmp_path)) as bell:
            bell.ring(WORK)
        assert ear.wait(5) == {WORK}
