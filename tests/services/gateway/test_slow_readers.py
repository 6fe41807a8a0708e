"""Readers that take nothing cost the gateway no memory, over real sockets."""

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from services.gateway.app import create_app
from services.gateway.deps import Deps
from tests.services.gateway.ended import BODY, ended
from tests.services.gateway.web import Web
from workers.jobs import JobState

pytestmark = pytest.mark.slow

READERS = 12
#: Bytes that all readers may cost: each holds a piece of its answer, of csv 50 000 numbers.
ALLOWED = 64 * 2**20


@pytest.fixture
def port(deps: Deps) -> Iterator[int]:
    config = uvicorn.Config(
        create_app(deps), port=0, log_level="warning", ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    thread.join()


def private() -> int:
    """Bytes of this process that are no file's."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def ask(port: int, path: str) -> socket.socket:
    """Send a request and read the first bytes of the answer alone."""
    reader = socket.create_connection(("127.0.0.1", port))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


def whole(port: int, path: str) -> int:
    """Return the length of the answer to a reader that takes it all."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=100)) as reader:
        reader.request("GET", path)
        answer = reader.getresponse()
        return sum(len(block) for block in iter(lambda: answer.read(2**20), b""))


def cost(port: int, path: str) -> int:
    """Return the bytes that many slow readers cost."""
    size = whole(port, path)
    assert size * READERS > 1.5 * ALLOWED, "or this would show nothing"
    before = private()
    readers = [ask(port, path) for _ in range(READERS)]
    try:
        time.sleep(2.0)
        return private() - before
    finally:
        for reader in readers:
            reader.close()


@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_draws(deps: Deps, port: int, form: str) -> None:
    values = np.random.default_rng(1).normal(size=(4, 3000, 100))
    job = ended(Web(create_app(deps)), deps, {"x": values}, block=100)
    assert cost(port, f"/v1/jobs/{job['id']}/draws?format={form}") < ALLOWED


def test_events(deps: Deps, port: int) -> None:
    job = Web(create_app(deps)).post("/v1/jobs", BODY).json()["id"]
    claim = deps.store.claim("w", 30)
    assert claim is not None
    for _ in range(10):
        deps.store.append_events(job, claim.token, [("log", {"message": "x" * 2000})] * 500)
    deps.store.publish(job, claim.token, JobState.SUCCEEDED)
    assert cost(port, f"/v1/jobs/{job}/events") < ALLOWED
