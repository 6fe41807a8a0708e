"""The worker: a plain class that runs one task at a time in a thread and hands out its events.

Ray wraps it in `workers/dispatch/cluster.py`; `workers/dispatch/local.py` uses it as it is.
"""

import contextlib
import os
import socket
import tempfile
import threading
from collections import deque
from importlib.metadata import version
from pathlib import Path

import structlog
import torch
from structlog.contextvars import bound_contextvars

from models.cache import Cache
from models.toolchain import default_cache, find_compiler
from workers.confinement import confine, machine_memory, peak_memory
from workers.devices import CPU, GPU, name_of, repeat_exactly
from workers.dispatch.control import RunControl
from workers.dispatch.task import Batch, Event, Footprint, Greeting, Proposal, Receipt, Task
from workers.enclosure import enclose
from workers.execute import execute
from workers.failure import failure
from workers.logs import Record, configure_logging
from workers.plan import Plan
from workers.sink import StopReason
from workers.store.artifacts import Artifacts
from workers.warm import warm

#: Seconds for which an answer waits for more news: every answer is a write to the store.
GATHER_SECONDS = 0.02
#: Lines of the log that wait for the dispatcher; more push the oldest out.
_RECORDS = 200
log = structlog.get_logger()


class Worker:
    """Runs tasks; every method takes and returns JSON and may be called from any thread."""

    def __init__(self, threads: int | None = None, device: str = CPU) -> None:
        """Make a worker.

        Args:
            threads: whether (not None) this process is a worker's own: it is then confined, and
                torch's thread count is this before the first task, and what the task asks for
                during one.
            device: the torch device that it computes on.
        """
        #: The torch device that it computes on.
        self.device = device
        self._host = socket.gethostname()
        self._owns_threads = threads is not None
        self._there = machine_memory()
        self._records: deque[Record] = deque(maxlen=_RECORDS)
        if threads is not None:
            # Nobody reads a worker's own output: its lines go to the dispatcher.
            configure_logging("worker", style="json", relay=self._records.append)
            torch.set_num_threads(threads)
            confine()
            if device == GPU:
                repeat_exactly()
        self._news = threading.Condition()
        self._events: list[Event] = []
        self._proposal: Proposal | None = None
        self._proposals = 0
        self._receipt: Receipt | None = None
        self._control = RunControl(None, self._propose)
        self._job: str | None = None
        self._thread: threading.Thread | None = None
        # The one thing that a job leaves behind: how its model is computed, without its data.
        self._cache = Cache()

    @property
    def gpus(self) -> int:
        """How many GPUs a task may ask for, and has to."""
        return int(self.device != CPU)

    def warm(self) -> bytes:
        """Make a first small fit, so that the first job does not pay for it.

        Returns:
            A `Greeting` in JSON.
        """
        gpu = name_of(self.device)
        if gpu is not None or not self.gpus:
            warm(self.device)
        greeting = Greeting(
            process=os.getpid(),
            host=self._host,
            version=version("credence-inference"),
            compiler=find_compiler() is not None,
            gpu=gpu,
        )
        return greeting.model_dump_json().encode()

    def start(self, task: bytes) -> None:
        """Start a task (a `Task` in JSON) and return.

        Raises:
            RuntimeError: another one is running.
        """
        order = Task.model_validate_json(task)
        with self._news:
            if self._job is not None:
                raise RuntimeError("a worker runs one task at a time")
            self._job, self._events, self._receipt = order.job, [], None
            self._control = RunControl(order.max_seconds, self._propose)
        arguments, name = (order, self._control), f"job-{order.job}"
        self._thread = threading.Thread(target=self._run, args=arguments, name=name, daemon=True)
        self._thread.start()

    def poll(self, wait: float) -> bytes:
        """Return what happened since the last poll (a `Batch` in JSON), waiting for it if need be.

        Args:
            wait: seconds.
        """
        with self._news:
            if self._news.wait_for(self._has_news, timeout=wait):
                self._news.wait_for(self._is_pressing, timeout=GATHER_SECONDS)
            batch = Batch(
                events=tuple(self._events),
                proposal=self._proposal,
                receipt=self._receipt,
                footprint=self._footprint(),
                records=tuple(self._records.popleft() for _ in range(len(self._records))),
            )
            self._events, self._proposal = [], None
        return batch.model_dump_json().encode()

    def confirm(self, number: int) -> None:
        """Let the run act on the plan that it proposed under this number: it is on the row."""
        with self._news:
            self._control.confirm(number)

    def stop(self, job: str, reason: str) -> None:
        """Ask the job to end at its next step; a request that comes too late changes nothing."""
        with self._news:
            if self._job == job:
                self._control.ask(StopReason(reason))

    def join(self, seconds: float) -> bool:
        """Wait for the end of the task's thread; return whether it came."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, task: Task, control: RunControl) -> None:
        if self._owns_threads:
            # OpenMP keeps the number per thread, so it is set in the thread that computes.
            torch.set_num_threads(task.threads)
        begun = f"attempt {task.token} began on {self._host}"
        where = {"host": self._host, "attempt": task.token}
        self._emit("log", {"level": "info", "message": begun, **where})
        known = {"job": task.job, "owner": task.owner, **where, **task.trail.context()}
        try:
            with bound_contextvars(**known):
                if self._owns_threads:
                    _enclose(task)
                receipt = execute(task, self._emit, control, self._cache, self.device)
        except BaseException as error:
            receipt = failure(error)
        with self._news:
            # A plan that the run does not wait for any more is none.
            self._receipt, self._job, self._proposal = receipt, None, None
            self._news.notify_all()

    def _footprint(self) -> Footprint | None:
        return Footprint(held=peak_memory(), there=self._there) if self._owns_threads else None

    def _has_news(self) -> bool:
        return bool(self._events) or self._is_pressing()

    def _is_pressing(self) -> bool:
        return self._proposal is not None or self._receipt is not None

    def _propose(self, plan: Plan) -> int:
        with self._news:
            self._proposals += 1
            self._proposal = Proposal(number=self._proposals, plan=plan)
            self._news.notify_all()
            return self._proposals

    def _emit(self, kind: str, payload: dict[str, object]) -> None:
        with self._news:
            self._events.append(Event(kind=kind, payload=payload))
            self._news.notify_all()


def _enclose(task: Task) -> None:
    """Leave this thread, of a job, its scratch to write, and no connection but to its store."""
    room = Artifacts(task.artifacts).room(str(Path(task.prefix).parent))
    cache = default_cache()
    with contextlib.suppress(OSError):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = [cache, Path(tempfile.gettempdir()), *([] if room is None else [room])]
    found = enclose([place for place in scratch if place.is_dir()], network=room is None)
    if not (found.files and found.calls):
        log.info("job half enclosed", action="run_unenclosed", job=task.job, **vars(found))
