"""The gateway as a process: real sockets, live streams, and an end within seconds."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from services.gateway.auth import UnsafeBindError
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.server import serve_gateway
from services.gateway.settings import GatewaySettings
from workers.settings import Settings

pytestmark = pytest.mark.slow

PROCESSES = 2
BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}


#: Its address and its process.
Gateway: TypeAlias = tuple[str, "subprocess.Popen[bytes]"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def process(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    port = free_port()
    home = tmp_path_factory.mktemp("home")
    command = ["-m", "services.gateway", "--port", str(port), "--home", str(home)]
    command += ["--gateway-processes", str(PROCESSES)]
    with subprocess.Popen([sys.executable, *command]) as found:
        url = f"http://127.0.0.1:{port}"
        _await(found, url)
        yield url, found
        found.kill()


def _await(gateway: "subprocess.Popen[bytes]", url: str) -> None:
    until = time.monotonic() + 120
    while not _ready(url):
        assert gateway.poll() is None
        assert time.monotonic() < until
        time.sleep(0.2)


def _ready(url: str) -> bool:
    try:
        checks = httpx.get(f"{url}/readyz").json()["checks"]
        # There is no dispatcher behind this gateway.
        return set(checks.values()) == {"ok", "no dispatcher"}
    except httpx.TransportError:
        return False


def test_a_stream_is_live(process: Gateway) -> None:
    url, _ = process
    job = httpx.post(f"{url}/v1/jobs", json=BODY, timeout=60).json()
    with httpx.stream("GET", url + job["links"]["events"], timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "id: 1"
        # The stream is open: what happens from now on has not been written yet.
        httpx.post(url + job["links"]["cancel"])
        data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert data == [{"state": "queued"}, {"state": "cancelled"}]


def test_a_body_over_the_limit_gets_its_answer(process: Gateway) -> None:
    url, _ = process
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{url}/v1/jobs", content=b" " * (64 * 2**20 + 1), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_foreign_host_is_refused(process: Gateway) -> None:
    url, _ = process
    assert httpx.get(f"{url}/v1/jobs", headers={"Host": "evil.example"}).status_code == 403


def test_its_processes_count_together(process: Gateway) -> None:
    url, gateway = process
    asked = 40
    for _ in range(asked):
        # Each by a connection of its own: any process may take it.
        httpx.get(f"{url}/v1/catalog")
    counted = 'credence_requests_total{method="GET",route="/v1/catalog",status="200"}'
    assert f"{counted} {asked}.0" in httpx.get(f"{url}/metrics").text
    job = httpx.post(f"{url}/v1/jobs", json={**BODY, "seed": 2}, timeout=60).json()
    with httpx.stream("GET", url + job["links"]["events"], timeout=30) as answer:
        # Its end would close the stream.
        lines = answer.iter_lines()
        next(lines)
        assert "credence_event_streams 1.0" in httpx.get(f"{url}/metrics").text
        for child in map(int, _listed(gateway.pid).split()):
            os.kill(child, signal.SIGKILL)
    _await(gateway, url)
    text = httpx.get(f"{url}/metrics").text
    assert f"{counted} {asked}.0" in text
    assert "credence_event_streams 0.0" in text


def test_it_ends_on_a_signal_though_a_stream_is_open(
    process: Gateway,
) -> None:
    url, gateway = process
    job = httpx.post(f"{url}/v1/jobs", json={**BODY, "seed": 1}, timeout=60).json()
    children = _below(gateway.pid)
    # Of each that answers and each that checks.
    assert len(children) >= PROCESSES + 1
    with httpx.stream("GET", url + job["links"]["events"], timeout=30) as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.monotonic()
        gateway.send_signal(signal.SIGINT)
        gateway.wait(10)
    assert time.monotonic() - began < 10
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def _below(pid: int) -> list[int]:
    children = [int(child) for child in _listed(pid).split()]
    return [*children, *(each for child in children for each in _below(child))]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _listed(pid: int) -> str:
    return "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))


def test_what_it_has_no_time_for_is_told_to_come_back(tmp_path: Path) -> None:
    port = free_port()
    command = ["-m", "services.gateway", "--port", str(port), "--home", str(tmp_path)]
    with subprocess.Popen([sys.executable, *command]) as gateway:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while not _alive(url):
            assert time.monotonic() < until
            time.sleep(0.02)
        # No checker will get warm, and so the server's patience is over before the question's.
        checkers = [child for child in _below(gateway.pid) if "validator_child" in _command(child)]
        for checker in checkers:
            os.kill(checker, signal.SIGSTOP)
        asking = threading.Timer(0.3, gateway.terminate)
        asking.start()
        answer = httpx.post(f"{url}/v1/jobs", json=BODY, timeout=60)
        asking.join()
        for checker in checkers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(checker, signal.SIGKILL)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
        assert gateway.wait(10) == 0


def _alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_it_does_not_bind_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UnsafeBindError, match="loopback"):
        serve_gateway(GatewaySettings(host="0.0.0.0"), Settings(home=tmp_path))
