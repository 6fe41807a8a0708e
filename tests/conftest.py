"""What tests of several floors share: a running service."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from services.processes import end_with_parent

# One thread: on small tensors OpenMP's waiting threads cost more than they bring, and two busy
# processes on two cores would slow each other down tenfold.
torch.set_num_threads(1)

#: Seconds for the service to become ready, and to end.
START, END = 200.0, 12.0

LOG = "serve.log"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a real `credence serve`, one for the session, with a home of its own."""
    folder = tmp_path_factory.mktemp("service")
    process = start(folder)
    try:
        yield ready_url(process, folder / LOG)
    finally:
        end(process)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a service in a folder: its home is `home` there, what it prints goes to `serve.log`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CREDENCE_")}
    command = [sys.executable, "-P", "-m", "services.cli", "serve", "--port", "0"]
    with (folder / LOG).open("wb") as sink:
        return subprocess.Popen(
            [*command, "--home", str(folder / "home"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def ready_url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return the address that a starting service prints."""
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith("ready "):
                return line.removeprefix("ready ")
        time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text()}")


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a service: politely, then its whole group by force."""
    process.terminate()
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
