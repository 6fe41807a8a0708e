"""Workers as threads of this process, without Ray: for tests, and where one process must do."""

import threading
import time

import structlog

from models.toolchain import find_compiler
from workers.dispatch.actor import Worker
from workers.dispatch.backend import AbstractBackend, AbstractRun, WorkerLostError
from workers.dispatch.task import Batch, Task

log = structlog.get_logger()

#: Seconds for abandoned runs to come to their next step when the process ends.
CLOSE_SECONDS = 4.0


class LocalBackend(AbstractBackend):
    """A pool of workers in this process. A thread cannot be killed: a killed run is abandoned."""

    def __init__(self, workers: int = 1) -> None:
        """Make `workers` of them."""
        self._lock = threading.Lock()
        self._idle = [Worker() for _ in range(workers)]
        self._abandoned: list[Worker] = []
        self._size = workers
        self._compiles = find_compiler() is not None

    def free(self) -> int:
        """Return the number of idle workers."""
        with self._lock:
            return len(self._idle)

    def warm(self) -> int:
        """Return the size of the pool: a thread needs no warming."""
        return self._size

    def trouble(self) -> str | None:
        """Return what makes work slow: threads have no trouble to start."""
        return None if self._compiles else "no C++ compiler, so jobs are computed interpreted"

    def start(self, task: Task) -> AbstractRun:
        """Hand a task to an idle worker."""
        with self._lock:
            if not self._idle:
                raise WorkerLostError("no worker is free", blameless=True)
            worker = self._idle.pop()
        worker.start(task.model_dump_json().encode())
        return LocalRun(self, worker, task.job)

    def close(self) -> None:
        """Wait a little for abandoned runs; the process's end takes along what goes on."""
        end = time.monotonic() + CLOSE_SECONDS
        with self._lock:
            self._idle.clear()
        for worker in self._abandoned:
            if not worker.join(max(end - time.monotonic(), 0.0)):
                log.warning("run goes on", action="abandon_run")

    def accept(self, worker: Worker) -> None:
        """Take a worker back into the pool."""
        with self._lock:
            self._idle.append(worker)

    def replace(self, worker: Worker) -> None:
        """Take a new worker into the pool for one that is not to be used again."""
        with self._lock:
            self._abandoned = [other for other in self._abandoned if not other.join(0.0)]
            self._abandoned.append(worker)
            self._idle.append(Worker())


class LocalRun(AbstractRun):
    """A task in a thread."""

    def __init__(self, pool: LocalBackend, worker: Worker, job: str) -> None:
        self._pool = pool
        self._worker = worker
        self._job = job
        self._held = True

    def poll(self, wait: float) -> Batch | None:
        """Return the next events."""
        return Batch.model_validate_json(self._worker.poll(wait))

    def confirm(self, number: int) -> None:
        """Let the run act on its plan."""
        self._worker.confirm(number)

    def stop(self, reason: str) -> None:
        """Ask the run to end."""
        self._worker.stop(self._job, reason)

    def kill(self) -> None:
        """Abandon the thread; it ends at its next step, unseen."""
        self.stop("cancelled")
        self.close(fault=True)

    def close(self, *, fault: bool = False) -> None:
        """Give the worker back; only the first call counts."""
        held, self._held = self._held, False
        if held and fault:
            self._pool.replace(self._worker)
        elif held:
            self._pool.accept(self._worker)
