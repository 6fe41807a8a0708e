"""The guard: what a process started under its mark ends with that process, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from workers.dispatch.guard import MARK, Guard, sweep

SECONDS = 30.0

#: Starts a process that ignores polite requests, in a session of its own, and one of those its own.
DRIVER = """
import subprocess, sys, time
from pathlib import Path
from tests import processes
from workers.dispatch.guard import Guard

guard = Guard(Path(sys.argv[1]))
with guard.marking():
    command = ["setsid", "sh", "-c", "trap '' TERM HUP INT; sleep 600; true"]
    subprocess.Popen(command, stdout=subprocess.DEVNULL)
bystander = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
print(bystander.pid, flush=True)
if sys.argv[2] == "close":
    guard.close()
else:
    time.sleep(600)
"""


def bearing(directory: Path) -> set[int]:
    """Return the processes that bear the mark of a directory."""
    return processes.marked(MARK, str(directory))


def wait_for(count: int, directory: Path) -> None:
    end = time.monotonic() + SECONDS
    while len(bearing(directory)) != count:
        assert time.monotonic() < end, bearing(directory)
        time.sleep(0.02)


@contextlib.contextmanager
def driving(directory: Path, way: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", DRIVER, str(directory), way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    bystander = int(process.stdout.readline())
    try:
        yield process, bystander
    finally:
        process.kill()
        os.kill(bystander, signal.SIGKILL)
        process.communicate()


def test_a_killed_process_takes_along_what_it_started_under_the_mark(tmp_path: Path) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    with driving(directory, "wait") as (process, bystander):
        wait_for(2, directory)
        process.kill()
        wait_for(0, directory)
        os.kill(bystander, 0)
    end = time.monotonic() + SECONDS
    while directory.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_closing_ends_them_before_it_returns(tmp_path: Path) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "socket").write_text("")
    with driving(directory, "close") as (process, bystander):
        assert process.wait(SECONDS) == 0
        assert bearing(directory) == set()
        os.kill(bystander, 0)
    assert not directory.exists()


def test_the_mark_is_not_passed_on_afterwards(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "own")
    before = dict(os.environ)
    with guard.marking():
        assert os.environ[MARK] == str(tmp_path / "own")
    assert dict(os.environ) == before
    guard.close()


#: Hands on to the next process a hundred times a second: one look at the list never sees them all.
#: Every one leaves a dot, and the last, after some twenty seconds, ends by itself.
RELAY = """
import os, sys, time
for _ in range(2000):
    time.sleep(0.01)
    if os.fork(): os._exit(0)
    with open(sys.argv[1], "a") as file: file.write(".")
"""


def test_what_is_started_meanwhile_is_ended_too(tmp_path: Path) -> None:
    told = tmp_path / "told"
    process = subprocess.Popen(
        [sys.executable, "-c", RELAY, str(told)],
        env={**os.environ, MARK: str(tmp_path / "own")},
    )
    process.wait(SECONDS)
    while not told.exists():
        time.sleep(0.01)
    sweep(tmp_path / "own")
    count = told.stat().st_size
    time.sleep(0.5)
    assert told.stat().st_size == count < 2000


@pytest.mark.parametrize("other", ["own2", "ow"])
def test_the_mark_of_another_is_no_mark(tmp_path: Path, other: str) -> None:
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(tmp_path / other)})
    try:
        sweep(tmp_path / "own")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
