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

    def __init__(self, workers: int = 1, device: str | None = None) -> None:
        """Make `workers` of them.

        Args:
            workers: those that compute on the CPU.
            device: a torch device that one more computes on, for jobs that ask for a GPU; None:
                there is no such worker.
        """
        self._lock = threading.Lock()
        self._idle = [Worker() for _ in range(workers)]
        if device is not None:
            self._idle.append(Worker(device=device))
        self._abandoned: list[Worker] = []
        self._size, self._gpus = len(self._idle), int(device is not None)
        self._compiles = find_compiler() is not None

    def free(self, gpus: int = 0) -> int:
        """Return the number of idle workers with so many GPUs."""
        with self._lock:
            return sum(worker.gpus == gpus for worker in self._idle)

    def warm(self) -> int:
        """Return the size of the pool: a thread needs no warming."""
        return self._size

    def gpus(self) -> int:
        """Return the number of workers with a GPU."""
        return self._gpus

    def trouble(self) -> str | None:
        """Return what makes work slow: threads have no trouble to start."""
        return None if self._compiles else "no C++ compiler, so jobs are computed interpreted"

    def start(self, task: Task) -> AbstractRun:
        """Hand a task to an idle worker."""
        with self._lock:
            worker = next((w for w in reversed(self._idle) if w.gpus == task.gpus), None)
            if worker is None:
                raise WorkerLostError("no worker is free", blameless=True)
            self._idle.remove(worker)
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
            self._idle.append(Worker(device=worker.device))


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
