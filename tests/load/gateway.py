"""The gateway as a process, on a real store, with nobody behind it who would do the work."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.processes import end_with_parent
from services.serve import free_port
from tests.workers.postgres import postgres_server
from workers.store.artifacts import Artifacts
from workers.store.store import Store, create_store

#: Seconds until it must answer.
START = 120.0
#: What it says of its parts when all are there but a dispatcher.
_READY = {"ok", "no dispatcher"}


@dataclass(frozen=True)
class Gateway:
    """Where it listens and what it works with."""

    #: Of its database: `sqlite` or `postgresql`.
    kind: str
    port: int
    pid: int
    database: str
    home: Path

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Open its store beside it."""
        with contextlib.closing(create_store(self.database)) as found:
            yield found

    @contextlib.contextmanager
    def artifacts(self) -> Iterator[Artifacts]:
        """Open its artifacts beside it."""
        url = (self.home / "artifacts").as_uri()
        with contextlib.closing(Artifacts(url)) as found:
            yield found


@contextlib.contextmanager
def gateway(kind: str) -> Iterator[Gateway]:
    """Run one while the block lasts.

    Args:
        kind: of its database: `sqlite`, or `postgresql`, a server of its own whose commits wait
            for the disk as SQLite's do.
    """
    with (
        tempfile.TemporaryDirectory(prefix="credence-load-") as folder,
        _database(kind, Path(folder)) as url,
        _process(url, Path(folder)) as (port, pid),
    ):
        yield Gateway(kind, port, pid, url, Path(folder))


@contextlib.contextmanager
def _database(kind: str, home: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{home / 'credence.db'}"
        return
    with postgres_server(durable=True) as server:
        yield server.create_database()


@contextlib.contextmanager
def _process(database: str, home: Path) -> Iterator[tuple[int, int]]:
    port = free_port("127.0.0.1", 0)
    arguments = ["--port", str(port), "--home", str(home), "--database", database]
    # Settings of another service are not for this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CREDENCE_")}
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "services.gateway", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
        )
    try:
        _await(process, port, home / "gateway.log")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START
    while not _ready(port):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the gateway did not start:\n{log.read_text()}")
        time.sleep(0.2)


def _ready(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asking:
        try:
            asking.request("GET", "/readyz")
            checks = json.loads(asking.getresponse().read())["checks"]
        except OSError:
            return False
    return set(checks.values()) == _READY
