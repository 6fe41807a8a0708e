"""`python -m workers` as a process: it does jobs and goes without leaving any process behind."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import processes
from tests.workers.dispatch.house import LONG, House
from workers.jobs import JobState

MARK = "TEST_OF_CREDENCE"
REAL = [
    pytest.param("inprocess", id="inprocess"),
    pytest.param("local", id="ray", marks=pytest.mark.ray),
]


def marked(mark: str) -> list[str]:
    """Return the command lines of all processes that inherited the mark."""
    found, known = processes.marked(MARK, mark), processes.table()
    return [known[number].command for number in found if number in known]


@contextmanager
def dispatching(home: Path, cluster: str, mark: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "workers", "--home", str(home), "--cluster", cluster]
    process = subprocess.Popen(
        [*command, "--workers", "1"], env={**os.environ, MARK: mark}, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def house() -> Iterator[House]:
    # Short, so that Ray's sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="c-") as home:
        made = House(Path(home))
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.parametrize("cluster", REAL)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_does_jobs_and_ends_whole(house: House, cluster: str, number: signal.Signals) -> None:
    mark = secrets.token_hex(8)
    with dispatching(house.home, cluster, mark) as process:
        done = house.submit()
        assert house.wait(done, seconds=240).state is JobState.SUCCEEDED
        running = house.submit(LONG)
        house.wait_for_phase(running)
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        taken = time.monotonic() - asked
    assert taken < 10
    assert marked(mark) == []
    seen = house.store.get_job(None, running.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 0), "put back unharmed"


@pytest.mark.ray
def test_killed_it_takes_its_processes_along(house: House) -> None:
    mark = secrets.token_hex(8)
    with dispatching(house.home, "local", mark) as process:
        job = house.submit(LONG)
        house.wait(job, JobState.RUNNING, seconds=240)
        # The agents write their own title over their arguments, and would over their environment.
        end = time.monotonic() + 60
        while not any(line.startswith("ray::DashboardAgent") for line in marked(mark)):
            assert time.monotonic() < end, marked(mark)
            time.sleep(0.1)
        process.kill()
        end = time.monotonic() + 15
        while marked(mark):
            assert time.monotonic() < end, marked(mark)
            time.sleep(0.1)
    # Its successor sweeps up, and takes the job over once the lease has run out.
    with dispatching(house.home, "local", mark) as process:
        house.cancel(job)
        assert house.wait(job, seconds=240).state is JobState.CANCELLED
        house.wait(house.submit(), seconds=240)
        assert len(list((house.home / "ray").iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert list((house.home / "ray").iterdir()) == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("part", ["gcs_server", "raylet"])
def test_without_a_part_of_its_cluster_it_ends_and_puts_its_jobs_back(
    house: House, part: str
) -> None:
    mark = secrets.token_hex(8)
    with dispatching(house.home, "local", mark) as process:
        job = house.submit(LONG)
        house.wait_for_phase(job, seconds=240)
        (victim,) = (p for p in processes.children(process.pid) if p.name == part)
        os.kill(victim.number, signal.SIGKILL)
        assert process.wait(15) == 1
        end = time.monotonic() + 10
        while marked(mark):
            assert time.monotonic() < end, marked(mark)
            time.sleep(0.1)
    seen = house.store.get_job(None, job.id)
    assert (seen.state, seen.attempts) == (JobState.QUEUED, 0), "put back unharmed"
