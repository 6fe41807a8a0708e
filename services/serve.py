"""The supervisor: gateway, dispatcher and its Ray as one service that starts and ends whole."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.gateway.prefork import bound
from services.processes import adopt_orphans, end_with_parent, kill_descendants, reap
from workers.settings import Settings

#: Seconds for the service to answer after its start.
START_SECONDS = 180.0
#: Seconds for the children to end by themselves, then for those that do not, to be killed.
GRACE_SECONDS, KILL_SECONDS = 5.0, 2.0
#: A child that ended more often within so many seconds is not started again.
RESTARTS, RESTART_WINDOW = 3, 60.0
#: Seconds between two looks at the children.
_TICK = 0.1


class ServeError(Exception):
    """The service cannot start or go on."""


@dataclass(frozen=True)
class Address:
    """Where the service listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class Child:
    """A process of the service, started again when it dies."""

    def __init__(self, name: str, command: list[str], cwd: Path, environment: dict[str, str]):
        self.name = name
        self.log = cwd / "logs" / f"{name}.log"
        self._command, self._cwd, self._environment = command, cwd, environment
        self._ends: deque[float] = deque(maxlen=RESTARTS + 1)
        self.process = self._start()

    def revive(self) -> None:
        """Start the process again if it has ended.

        Raises:
            ServeError: it ends again and again.
        """
        if self.process.poll() is None:
            return
        now = time.monotonic()
        self._ends.append(now)
        if len(self._ends) > RESTARTS and now - self._ends[0] < RESTART_WINDOW:
            raise ServeError(f"{self.epitaph()} {RESTARTS + 1} times within a minute")
        print(f"{self.epitaph()}; starting it again", file=sys.stderr, flush=True)
        self.process = self._start()

    def epitaph(self) -> str:
        """Return how the process ended, and the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        tail = "".join(f"    {line}\n" for line in lines)
        return f"{tail}{self.name} ended with code {self.process.returncode} (log: {self.log})"

    def _start(self) -> "subprocess.Popen[bytes]":
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("ab") as log:
            # An own session: a Ctrl-C in the terminal reaches the supervisor alone.
            return subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )


def say_ready(url: str) -> None:
    """Print the line that tells programs and people that the service answers."""
    print(f"ready {url}", flush=True)


class Supervisor:
    """Starts the service, watches over it and ends it."""

    def __init__(
        self,
        address: Address,
        settings: Settings,
        *,
        insecure: bool,
        require_keys: bool = False,
        announce: Callable[[str], None] = say_ready,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            address: where to listen, a real port.
            settings: home, database, artifacts and cluster.
            insecure: listen beyond loopback without keys.
            require_keys: ask for keys wherever it listens.
            announce: takes the address once the service answers there.
        """
        self._address, self._settings = address, settings
        self._insecure, self._require_keys = insecure, require_keys
        self._announce = announce
        self._children: list[Child] = []
        self._signals = 0

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; all processes have ended on return.

        Raises:
            ServeError: the service did not start, or a part of it dies again and again.
        """
        self._listen_to_signals()
        adopt_orphans()
        try:
            self._start()
            if self._await_ready():
                self._announce(self._address.url)
                self._watch()
        finally:
            self._end()

    def _listen_to_signals(self) -> None:
        def note(number: int, frame: object) -> None:
            self._signals += 1

        # SIGINT too where a shell's `&` had it ignored; SIGHUP not where `nohup` had.
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGTERM, note)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, note)

    def _start(self) -> None:
        home = self._settings.make_home()
        environment = {
            **os.environ,
            # Addresses can hold passwords, and command lines are public.
            "CREDENCE_DATABASE": self._settings.database_url,
            "CREDENCE_ARTIFACTS": self._settings.artifacts_url,
            "PYTHONUNBUFFERED": "1",
        }
        # -P, and home as the directory: folders named like ours beside the user are not imported.
        python = [sys.executable, "-P", "-m"]
        shared = ["--home", str(home)]
        host, port = self._address.host, str(self._address.port)
        how = ["--insecure"] * self._insecure + ["--require-keys"] * self._require_keys
        commands = {
            "dispatcher": ["workers", *shared, "--cluster", self._settings.cluster],
            "gateway": ["services.gateway", *shared, "--host", host, "--port", port, *how],
        }
        for name, command in commands.items():
            self._children.append(Child(name, [*python, *command], home, environment))

    def _await_ready(self) -> bool:
        """Wait until the service answers; False when it was asked to end before."""
        deadline = time.monotonic() + START_SECONDS
        while not self._signals:
            for child in self._children:
                if child.process.poll() is not None:
                    raise ServeError(child.epitaph())
            if is_ready(self._address):
                return True
            if time.monotonic() > deadline:
                logs = self._settings.home / "logs"
                raise ServeError(f"not ready within {START_SECONDS:g} s; the logs are in {logs}")
            time.sleep(_TICK)
        return False

    def _watch(self) -> None:
        while not self._signals:
            for child in self._children:
                child.revive()
            reap({child.process.pid for child in self._children})
            time.sleep(_TICK)

    def _end(self) -> None:
        """End all processes: by themselves in the grace time, by force after it or a new signal."""
        deadline, signals = time.monotonic() + GRACE_SECONDS, self._signals
        for child in self._children:
            child.process.terminate()
        while any(child.process.poll() is None for child in self._children):
            if time.monotonic() > deadline or self._signals > signals:
                break
            time.sleep(_TICK / 2)
        left = kill_descendants(KILL_SECONDS)
        for child in self._children:
            child.process.poll()
        reap(set())
        if left:
            raise ServeError(f"these processes could not be ended: {sorted(left)}")


def serve(
    host: str,
    port: int,
    settings: Settings,
    *,
    insecure: bool = False,
    require_keys: bool = False,
    announce: Callable[[str], None] = say_ready,
) -> None:
    """Run the service until it is asked to end.

    Args:
        host: name or address to listen on.
        port: 0 for any free one.
        settings: home, database, artifacts and cluster.
        insecure: listen beyond loopback without keys.
        require_keys: ask for keys wherever it listens.
        announce: takes the address once the service answers there.

    Raises:
        ServeError: it cannot start, or a part of it dies again and again.
    """
    address = Address(host, free_port(host, port))
    Supervisor(
        address, settings, insecure=insecure, require_keys=require_keys, announce=announce
    ).run()


def free_port(host: str, port: int) -> int:
    """Return the port, or a free one for 0.

    Raises:
        ServeError: somebody else listens there, or the host is not this machine's.
    """
    try:
        with bound(host, port) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ServeError(f"cannot listen on {host}:{port}: {error.strerror}") from None


def is_ready(address: Address) -> bool:
    """Return whether the service at an address says that it is ready."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=5.0)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
