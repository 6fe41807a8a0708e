"""A backend whose runs do what a test says: for runs that hang, die or lie."""

import threading
import time
from collections import deque

from workers.dispatch.backend import (
    AbstractBackend,
    AbstractRun,
    ClusterLostError,
    WorkerLostError,
)
from workers.dispatch.task import Batch, Event, Proposal, Receipt, Task
from workers.plan import Plan


class ScriptedRun(AbstractRun):
    """Hands out what the test puts in; an exception in the script is raised."""

    def __init__(self, backend: "ScriptedBackend", task: Task) -> None:
        self.backend = backend
        self.task = task
        self.script: deque[Batch | Exception | None] = deque()
        self.stops: list[str] = []
        self.confirmed: list[int] = []
        self.killed = threading.Event()
        self.closed = threading.Event()

    def poll(self, wait: float) -> Batch | None:
        if not self.script:
            time.sleep(min(wait, 0.01))
            return Batch()
        entry = self.script.popleft()
        if isinstance(entry, Exception):
            raise entry
        return entry

    def confirm(self, number: int) -> None:
        self.confirmed.append(number)

    def stop(self, reason: str) -> None:
        self.stops.append(reason)

    def kill(self) -> None:
        self.killed.set()
        self.close(fault=True)

    def close(self, *, fault: bool = False) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self.backend.places += 1

    def tell(self, *numbers: int) -> None:
        """Hand out progress events with these numbers."""
        events = tuple(Event(kind="progress", payload={"done": number}) for number in numbers)
        self.script.append(Batch(events=events))

    def propose(self, number: int, plan: Plan) -> None:
        """Hand out a plan."""
        self.script.append(Batch(proposal=Proposal(number=number, plan=plan)))

    def end(self, receipt: Receipt) -> None:
        """Hand out the receipt."""
        self.script.append(Batch(receipt=receipt))


class ScriptedBackend(AbstractBackend):
    """Keeps the runs that it started for the test to drive."""

    def __init__(self, places: int = 1) -> None:
        self.places = places
        self.runs: list[ScriptedRun] = []
        self.refuse = 0
        self.size = places
        self.lost = False
        self.complaint: str | None = None

    def free(self, gpus: int = 0) -> int:
        return self.places if gpus == 0 else 0

    def gpus(self) -> int:
        return 0

    def warm(self) -> int:
        if self.lost:
            raise ClusterLostError
        return self.size

    def trouble(self) -> str | None:
        return self.complaint

    def start(self, task: Task) -> AbstractRun:
        if self.refuse > 0:
            self.refuse -= 1
            raise WorkerLostError("no worker took it")
        self.places -= 1
        self.runs.append(ScriptedRun(self, task))
        return self.runs[-1]

    def close(self) -> None:
        pass

    def run(self, number: int = 0, seconds: float = 10.0) -> ScriptedRun:
        """Return the run with that number, once it has started."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.runs) > number:
                return self.runs[number]
            time.sleep(0.005)
        raise AssertionError(f"run {number} has not started")
