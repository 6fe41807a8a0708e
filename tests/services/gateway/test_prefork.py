"""Several processes at one address: all answer, one that dies is replaced, all end together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gateway.prefork import PreforkError, listening, reserved

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

#: Seconds for anything to happen.
PATIENCE = 20.0
#: A server that says which process it is, or what else `serve` does.
PROGRAM = """
import os, sys, time
from services.gateway.prefork import PreforkError, listening, prefork, reserved

def serve():
    {serve}

with reserved("127.0.0.1", 0) as port:
    print(port, flush=True)
    try:
        prefork(2, serve, lambda process: print("ended", process, flush=True))
    except PreforkError as error:
        sys.exit(str(error))
"""
ANSWER = """
    with listening("127.0.0.1", port) as server:
        server.listen()
        while True:
            with server.accept()[0] as connection:
                connection.sendall(str(os.getpid()).encode())
"""


@contextlib.contextmanager
def program(serve: str) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM.format(serve=serve.strip())]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def ask(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        return int(connection.recv(100))


def answering(port: int, number: int) -> set[int]:
    """Wait until so many processes answer, and return them."""
    found: set[int] = set()
    until = time.monotonic() + PATIENCE
    while len(found) < number and time.monotonic() < until:
        with contextlib.suppress(ConnectionError, ValueError):
            found.add(ask(port))
    assert len(found) == number
    return found


def is_there(number: int) -> bool:
    """Return whether a process lives, even if nobody has waited for its end."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def await_end(numbers: set[int]) -> None:
    until = time.monotonic() + PATIENCE
    while any(map(is_there, numbers)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_all_answer_and_end_together() -> None:
    with program(ANSWER) as process:
        port = port_of(process)
        both = answering(port, 2)
        assert process.pid not in both
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not any(map(is_there, both))
        with pytest.raises(ConnectionRefusedError):
            ask(port)


def test_one_that_dies_is_replaced_while_the_other_answers() -> None:
    with program(ANSWER) as process:
        port = port_of(process)
        victim, other = answering(port, 2)
        os.kill(victim, signal.SIGKILL)
        assert process.stdout is not None
        assert process.stdout.readline() == f"ended {victim}\n"
        assert other in answering(port, 2)


def test_all_end_with_the_first() -> None:
    with program(ANSWER) as process:
        both = answering(port_of(process), 2)
        process.kill()
        await_end(both)


@pytest.mark.parametrize("serve", ["sys.exit('no disk')", "raise ValueError('no disk')"])
def test_one_that_ends_again_and_again(serve: str) -> None:
    with program(serve) as process:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "processes of the gateway ended within a minute" in errors
        assert "no disk" in errors


def test_an_address_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.prefork.PATIENCE", 0.2)
    with listening("127.0.0.1", 0) as other:
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PreforkError, match=f"127.0.0.1:{port}: Address already in use"):
            reserved("127.0.0.1", port).__enter__()


def test_an_address_that_is_left_in_time() -> None:
    with listening("127.0.0.1", 0) as other:
        other.listen()
        port = other.getsockname()[1]
        leaving = threading.Timer(0.3, other.close)
        leaving.start()
        with reserved("127.0.0.1", port) as found:
            assert found == port
        leaving.join()


def test_no_host_of_this_machine() -> None:
    with pytest.raises(PreforkError, match=r"cannot listen on 203\.0\.113\.1:1"):
        reserved("203.0.113.1", 1).__enter__()
