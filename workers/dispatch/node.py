"""`python -m workers.dispatch.node head|worker`: this machine as a node of a Ray cluster.

A head runs Ray's head and the dispatcher, a worker the processes in which jobs are computed. The
address is the setting `cluster`: a head listens there, a worker joins there. All that was started
ends when a part of it ends, and when this process does, however that happens: whoever watches over
it (a container's engine, systemd) starts it again whole.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import structlog
from pydantic import ValidationError

from workers.dispatch.connection import (
    ENVIRONMENT,
    OBJECT_STORE_BYTES,
    await_port,
    discreet,
    host_and_port,
    private_directory,
)
from workers.dispatch.guard import Guard
from workers.errors import WorkerError
from workers.logs import configure_logging
from workers.settings import INPROCESS, LOCAL, Settings, complaint

log = structlog.get_logger()

HEAD, WORKER = "head", "worker"
#: Where every node listens, so that firewalls and health checks know it.
NODE_PORT, OBJECT_PORT = 6380, 6381
#: Seconds for a node's own port to open.
START_SECONDS = 120.0
#: Seconds for processes to end by themselves.
GRACE_SECONDS = 8.0
#: Seconds between two looks at them.
_TICK = 0.2

#: Ray finds out that a node is gone by asking: so often, and so often in vain. A raylet that hears
#: nothing from its head for so many seconds ends.
_WATCHFULNESS = {
    "RAY_health_check_period_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
}


def ray_command(role: str, settings: Settings, directory: Path) -> list[str]:
    """Return the command that starts Ray and stays.

    Args:
        role: `head` or `worker`.
        settings: where the cluster is, and what this machine gives it.
        directory: for Ray's sockets and logs.
    """
    cpus, gpus = settings.cpus, settings.gpus
    if role == HEAD:
        # The head keeps the cluster together; jobs on it would put all others at risk.
        cpus, gpus = cpus or 0, gpus or 0
        _, port = host_and_port(settings.cluster)
        place = ["--head", f"--port={port}", "--include-dashboard=false"]
    else:
        place = [f"--address={settings.cluster}"]
    sizes = {"--num-cpus": cpus, "--num-gpus": gpus}
    return [
        *(sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block"),
        *place,
        f"--node-ip-address={own_address(settings.cluster)}",
        f"--node-manager-port={NODE_PORT}",
        f"--object-manager-port={OBJECT_PORT}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--temp-dir={directory}",
        "--disable-usage-stats",
        *(f"{option}={size}" for option, size in sizes.items() if size is not None),
    ]


def own_address(cluster: str) -> str:
    """Return by which of its addresses this machine speaks to the cluster's head.

    Raises:
        WorkerError: the head's name is unknown.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            *host_and_port(cluster), type=socket.SOCK_DGRAM
        )[0]
        # Nothing is sent: connecting a datagram socket only asks for the route.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise WorkerError(f"cannot find the way to the Ray head {cluster}: {error}") from error


def check_token() -> None:
    """See that there is a token: Ray would let nobody in, and say so to nobody.

    Raises:
        WorkerError: there is none.
    """
    if os.environ.get("RAY_AUTH_TOKEN"):
        return
    path = os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    try:
        if path and Path(path).read_text().strip():
            return
        reason = f"{path} is empty" if path else "RAY_AUTH_TOKEN_PATH is not set"
    except OSError as error:
        reason = str(error)
    raise WorkerError(
        f"the cluster's nodes know each other by a token, and there is none ({reason}); write 64 "
        "random hexadecimal digits to a file, the same for all, and name it there"
    )


class Family:
    """Processes that end together."""

    def __init__(self, directory: Path) -> None:
        """Start with none.

        Args:
            directory: of this user alone; gone at the end.
        """
        self._guard = Guard(directory)
        self._members: dict[str, subprocess.Popen[bytes]] = {}
        self._asked = threading.Event()

    def ask(self) -> None:
        """Let `watch` return; may be called from a signal handler."""
        self._asked.set()

    def start(self, name: str, command: list[str]) -> None:
        """Start a process."""
        with self._guard.marking():
            self._members[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def watch(self, address: str | None = None) -> bool:
        """Wait until something listens at an address; without one, for ever.

        Returns:
            Whether it does; False when this process was asked to end.

        Raises:
            WorkerError: a process has ended, or nothing listens after `START_SECONDS`.
        """
        end = time.monotonic() + START_SECONDS
        while not self._asked.wait(_TICK):
            for name, process in self._members.items():
                if process.poll() is not None:
                    raise WorkerError(f"{name} ended with code {process.returncode}")
            if address is not None:
                with contextlib.suppress(WorkerError):
                    await_port(address, 0.0)
                    return True
                if time.monotonic() > end:
                    raise WorkerError(f"nothing listens at {address} after {START_SECONDS:g} s")
        return False

    def close(self) -> None:
        """End all, by themselves in the grace time, and by force after it."""
        for process in self._members.values():
            process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        for process in self._members.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0.0))
        self._guard.close()
        for process in self._members.values():
            process.wait()


def run(role: str, settings: Settings) -> None:
    """Be a node until SIGTERM or SIGINT.

    Raises:
        WorkerError: the node cannot start, or a part of it has ended.
    """
    check_token()
    if role == WORKER:
        await_port(settings.cluster, settings.join_seconds)
    settings.make_home()
    os.environ.update(
        {
            "RAY_AUTH_MODE": "token",
            **{name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()},
            **{name: os.environ.get(name, value) for name, value in _WATCHFULNESS.items()},
        }
    )
    directory = private_directory(settings.home)
    family = Family(directory)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: family.ask())
    try:
        with discreet():
            family.start("Ray", ray_command(role, settings, directory / "r"))
        here = f"{own_address(settings.cluster)}:{NODE_PORT}"
        if not family.watch(here):
            return
        log.info("node started", action="start_node", role=role, cluster=settings.cluster)
        if role == HEAD:
            family.start("the dispatcher", [sys.executable, "-P", "-m", "workers"])
        family.watch()
    finally:
        family.close()


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and the environment, and be a node; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.dispatch.node", description=__doc__)
    parser.add_argument("role", choices=[HEAD, WORKER])
    role = parser.parse_args(arguments).role
    try:
        settings = Settings()
    except ValidationError as error:
        parser.error(complaint(error))
    if settings.cluster in (LOCAL, INPROCESS):
        parser.error("the variable CREDENCE_CLUSTER must be HOST:PORT of the Ray head")
    configure_logging("node", level=settings.log_level, style=settings.log_style)
    try:
        run(role, settings)
    except WorkerError as error:
        log.error("node failed", action="fail_node", role=role, cause=error.detail)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
