"""The supervisor starts all, says so once, and leaves nothing, whatever befalls its children."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from services.client import Client
from services.serve import Address, Child, ServeError, free_port, is_ready
from tests import processes
from tests.conftest import LOG, end, ready_url, start

#: Seconds in which everything has ended once it was asked to; there is no promise, but an end too,
#: when the supervisor itself is killed.
PROMISE, PATIENCE = 10.0, 60.0

NORMAL = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 5}},
        {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 1}, "observed": "y"},
    ],
}


def find(root: int, word: str) -> int:
    """Return the part that runs a program; what it has forked leads no session."""
    return next(p.number for p in processes.below(root) if word in p.command and p.leads)


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)


def terminate_while_the_dispatcher_hangs(process: "subprocess.Popen[bytes]") -> None:
    os.kill(find(process.pid, "workers --home"), signal.SIGSTOP)
    process.terminate()


def terminate_after_the_dispatcher_died(process: "subprocess.Popen[bytes]") -> None:
    os.kill(find(process.pid, "workers --home"), signal.SIGKILL)
    process.terminate()


def kill_the_supervisor(process: "subprocess.Popen[bytes]") -> None:
    process.kill()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize(
    "finish",
    [
        interrupt,
        terminate_while_the_dispatcher_hangs,
        terminate_after_the_dispatcher_died,
        kill_the_supervisor,
    ],
)
def test_no_process_is_left(
    tmp_path: Path, finish: Callable[["subprocess.Popen[bytes]"], None]
) -> None:
    process = start(tmp_path)
    try:
        url = ready_url(process, tmp_path / LOG)
        assert (tmp_path / LOG).read_text() == f"ready {url}\n"
        assert httpx.get(f"{url}/readyz").status_code == 200
        raylet_by = time.monotonic() + 60.0
        while not any("raylet" in p.command for p in processes.below(process.pid)):
            assert time.monotonic() < raylet_by, "Ray did not start"
            time.sleep(0.2)
        family = {p.number for p in processes.below(process.pid)}
        promised = PATIENCE if finish is kill_the_supervisor else PROMISE
        asked = time.monotonic()
        finish(process)
        process.wait(PROMISE)
        left = processes.await_end(family, promised - (time.monotonic() - asked))
        assert left == set()
    finally:
        end(process)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "attempts"), [("services.gateway --home", 1), ("workers --home", 2)]
)
def test_a_job_outlives_the_death_of_a_part(tmp_path: Path, victim: str, attempts: int) -> None:
    process = start(tmp_path)
    try:
        with Client(ready_url(process, tmp_path / LOG)) as client:
            job = client.submit(NORMAL, {"y": [1.0, 2.0]}, {"kind": "hmc", "draws": 10_000}, seed=1)
            for event in client.events(job):
                if event.kind == "progress":
                    break
            os.kill(find(process.pid, victim), signal.SIGKILL)
            ended = client.wait(job, timeout=240.0)
            ids = [event.id for event in client.events(job)]
        assert ended["state"] == "succeeded"
        assert ended["attempts"] == attempts
        assert ids == list(range(1, len(ids) + 1))
        assert "starting it again" in (tmp_path / LOG).read_text()
    finally:
        end(process)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_killed_as_a_whole_and_started_again_it_finishes_its_job(tmp_path: Path) -> None:
    engine = {"kind": "nuts", "chains": 2, "draws": 300_000}
    process = start(tmp_path)
    try:
        with Client(ready_url(process, tmp_path / LOG)) as client:
            job = client.submit(NORMAL, {"y": [1.0, 2.0]}, engine, seed=1, tier="compiled")
            for event in client.events(job):
                if event.kind == "checkpoint" and event.data["draws"]:
                    break
        family = {process.pid, *(p.number for p in processes.below(process.pid))}
        processes.send(family, signal.SIGKILL)
        process.wait()
        assert processes.await_end(family, PATIENCE) == set()
        process = start(tmp_path)
        with Client(ready_url(process, tmp_path / LOG)) as client:
            ended = client.wait(job, timeout=240.0)
            assert (ended["state"], ended["attempts"]) == ("succeeded", 2)
            said = [e.data["message"] for e in client.events(job) if e.kind == "log"]
            assert any(message.startswith("goes on from step") for message in said)
            whole = client.submit(NORMAL, {"y": [1.0, 2.0]}, engine, seed=1, tier="compiled")
            client.wait(whole, timeout=240.0)
            draws, expected = (client.draws(each)["mu"] for each in (job, whole))
            assert (draws == expected).all()
    finally:
        end(process)


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"cannot listen on 127.0.0.1:{port}: Address already"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port
    assert free_port("127.0.0.1", 0) > 0


def test_a_host_that_is_not_here_is_a_sentence() -> None:
    with pytest.raises(ServeError, match="cannot listen on"):
        free_port("203.0.113.1", 0)


def test_addresses_are_urls() -> None:
    assert Address("127.0.0.1", 80).url == "http://127.0.0.1:80"
    assert Address("::1", 80).url == "http://[::1]:80"
    assert not is_ready(Address("127.0.0.1", 1))


def test_a_child_that_dies_again_and_again_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"]
    child = Child("gateway", command, tmp_path, dict(os.environ))

    def watch() -> None:
        while True:
            child.process.wait()
            child.revive()

    with pytest.raises(ServeError, match="gateway ended with code 3") as caught:
        watch()
    assert "    no such table\n" in str(caught.value)


def test_a_service_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    program = f"""
from services.serve import Address, Supervisor, free_port
from workers.settings import Settings
settings = Settings(home={str(tmp_path)!r}, database="nosuch://here", cluster="inprocess")
Supervisor(Address("127.0.0.1", free_port("127.0.0.1", 0)), settings, insecure=False).run()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "nosuch" in ended.stderr
    assert "ended with code 1" in ended.stderr
    assert ended.stdout == ""
