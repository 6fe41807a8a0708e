"""The service under test: real processes, which may be looked at, stopped and killed."""

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.processes import end_with_parent
from services.serve import Address, is_ready
from tests import processes
from tests.chaos.clock import Clock
from tests.chaos.disk import Disk
from tests.workers.postgres import PostgresServer, free_port
from workers.dispatch import guard
from workers.store.artifacts import Artifacts
from workers.store.store import Store, create_store

#: The variable that marks every process of a service, wherever it has gone.
MARK = "CHAOS_SERVICE"
#: Seconds to become ready, and to end.
READY_SECONDS, END_SECONDS = 180.0, 15.0
#: Lines of a log that an error shows.
_TAIL = 20
#: What an actor's process calls itself.
_ACTOR = "ray::Worker"


class ServiceError(Exception):
    """The service did not start, or did not recover."""


class Service:
    """`credence serve`, and beside it a second dispatcher if that is wanted."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        postgres: PostgresServer | None = None,
        disk: Disk | None = None,
        clock: Clock | None = None,
        cluster: str = "local",
        workers: int = 2,
        lease: float = 6.0,
        partner: bool = False,
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            folder: of its own; its path is short, so that Ray's sockets lie in it.
            database: its URL; None: SQLite in the home.
            postgres: the server that has the database.
            disk: where artifacts lie; None: in the home.
            clock: what its processes are told of the time.
            cluster: `local` or `inprocess`.
            workers: of the first dispatcher.
            lease: seconds of a lease.
            partner: whether there is a second dispatcher, with one worker in its own process.
        """
        self.folder, self.home = folder, folder / "home"
        self.postgres, self.disk, self.clock = postgres, disk, clock
        self.database = database or f"sqlite:///{self.home / 'credence.db'}"
        where = self.home / "artifacts" if disk is None else disk.folder / "artifacts"
        self.cluster, self.size, self.lease = cluster, workers, lease
        self.address = Address("127.0.0.1", free_port())
        self.artifacts = Artifacts(where.as_uri())
        self._wants_partner = partner
        self._mark = secrets.token_hex(8)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._partner: subprocess.Popen[bytes] | None = None
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The database, as an onlooker reads it; made by the service before."""
        if self._store is None:
            self._store = create_store(self.database)
        return self._store

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.address.url

    def start(self) -> None:
        """Start it, and wait until it is whole."""
        serve = ["services.cli", "serve", "--port", str(self.address.port)]
        where = ["--home", str(self.home), "--database", self.database]
        where += ["--artifacts", self.artifacts.url]
        self._supervisor = self._run([*serve, *where, "--cluster", self.cluster])
        self.await_whole()
        if self._wants_partner:
            self._start_partner(where)

    def _start_partner(self, where: list[str]) -> None:
        alone = ["--cluster", "inprocess", "--workers", "1"]
        self._partner = self._run(["workers", *where, *alone])

    def _run(self, module: list[str]) -> "subprocess.Popen[bytes]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CREDENCE_")}
        settings = {
            "CREDENCE_WORKERS": str(self.size),
            "CREDENCE_LEASE_SECONDS": str(self.lease),
            "CREDENCE_CACHE": str(self.folder / "cache"),
            # The disk that is filled is a small one.
            "CREDENCE_LEAST_FREE_BYTES": str(1 << 20),
            # As many threads in a worker that is none of its own as in one that is.
            "OMP_NUM_THREADS": "1",
            MARK: self._mark,
            **(self.clock.environment if self.clock else {}),
        }
        with (self.folder / f"{module[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", *module],
                env={**kept, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def is_whole(self) -> bool:
        """Return whether every part is there and the gateway says that it is ready."""
        parts = self.dispatcher() is not None and self.gateway() is not None
        actors = self.cluster != "local" or len(self.actors()) == self.size
        return parts and actors and is_ready(self.address)

    def await_whole(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it is.

        Raises:
            ServiceError: it is not in time, or the supervisor has given up.
        """
        end = time.monotonic() + seconds
        while not self.is_whole():
            if self._supervisor is None or self._supervisor.poll() is not None:
                raise ServiceError(f"the supervisor has ended\n{self._last_words()}")
            if time.monotonic() > end:
                raise ServiceError(f"not whole after {seconds:.0f} s\n{self._last_words()}")
            time.sleep(0.2)

    def _last_words(self) -> str:
        """Return the last lines of every log."""
        logs = [*self.folder.glob("*.log"), *(self.home / "logs").glob("*.log")]
        tails = {log: log.read_text(errors="replace").splitlines()[-_TAIL:] for log in logs}
        return "\n".join(f"{log}:\n" + "\n".join(lines) for log, lines in tails.items())

    def dispatcher(self) -> int | None:
        """Return the process of the supervised dispatcher; None while there is none."""
        return self._part("-m workers ")

    def gateway(self) -> int | None:
        """Return the first process of the gateway; None while there is none."""
        return self._part("-m services.gateway ")

    def answering(self) -> list[int]:
        """Return the processes of the gateway that answer."""
        first = self.gateway()
        found = [] if first is None else processes.children(first)
        return [process.number for process in found if "-m services.gateway " in process.command]

    def _part(self, words: str) -> int | None:
        if self._supervisor is None:
            return None
        found = processes.children(self._supervisor.pid)
        # What a part that was killed leaves behind for a moment leads no session.
        parts = (child.number for child in found if child.leads and words in child.command)
        return next(parts, None)

    def actors(self) -> list[int]:
        """Return the processes of the workers that Ray runs for the dispatcher."""
        dispatcher = self.dispatcher()
        found = [] if dispatcher is None else processes.below(dispatcher)
        return [process.number for process in found if process.command.startswith(_ACTOR)]

    def ray(self, name: str | None = None) -> list[int]:
        """Return the processes of the dispatcher's cluster, or those of a program."""
        dispatcher = self.dispatcher()
        found = [] if dispatcher is None else processes.below(dispatcher)
        marked = processes.marked(guard.MARK)
        ours = [process for process in found if process.number in marked]
        return [process.number for process in ours if name is None or process.name == name]

    def kill(self) -> None:
        """Kill every process, in such an order that none hears of another's end."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGSTOP)
        top = {self._supervisor.pid}
        end = time.monotonic() + END_SECONDS
        while left := processes.marked(MARK, self._mark) - top:
            processes.send(left, signal.SIGKILL)
            self._reap_partner()
            if time.monotonic() > end:
                raise ServiceError(f"these cannot be killed: {sorted(left)}")
            time.sleep(0.05)
        self._supervisor.kill()
        self._supervisor.wait()

    def _reap_partner(self) -> None:
        if self._partner is not None:
            self._partner.poll()

    def stop(self) -> list[str]:
        """End it politely; return the commands of the processes that are left, and kill them."""
        started = [each for each in (self._supervisor, self._partner) if each is not None]
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        left = processes.await_end(processes.marked(MARK, self._mark), END_SECONDS)
        known = processes.table()
        processes.send(left, signal.SIGKILL)
        if self._store is not None:
            self._store.close()
            self._store = None
        return [known[number].command for number in left if number in known]

    def strays(self) -> list[str]:
        """Return what a whole service should not have: adopted orphans, surplus actors."""
        assert self._supervisor is not None
        known = {self.dispatcher(), self.gateway()}
        adopted = [p for p in processes.children(self._supervisor.pid) if p.number not in known]
        found = [f"orphan {process.number}: {process.command}" for process in adopted]
        surplus = len(self.actors()) - (self.size if self.cluster == "local" else 0)
        return [*found, *([f"{surplus} actors too many"] if surplus > 0 else [])]
