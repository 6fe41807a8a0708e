"""A store, a bell and artifacts in a directory, and jobs to put in them."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workers.dispatch.backend import AbstractBackend
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.task import Task
from workers.jobs import Job, JobState
from workers.plan import Plan
from workers.request import JobRequest
from workers.store.artifacts import Artifacts
from workers.store.bell import WORK, create_bell
from workers.store.store import create_store

#: A normal mean: one parameter, so that a step takes little.
NORMAL: dict[str, Any] = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 10}},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "mu", "scale": "sigma"},
            "observed": "y",
        },
    ],
}
DATA: dict[str, Any] = {"y": [1.0, 2.0, 3.0], "sigma": [1.0, 1.0, 2.0]}
SHORT = {"kind": "nuts", "chains": 2, "warmup": 50, "draws": 50}
#: Hours of work in steps of milliseconds.
LONG = {"kind": "nuts", "chains": 2, "warmup": 20, "draws": 1_000_000}
#: What a run of `SHORT` might have chosen.
PLAN = Plan(engine={**SHORT, "target_accept": 0.1 + 0.2}, threads=2, tier="interpreted")


class House:
    """Everything that a dispatcher shares with the rest of the service."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = f"sqlite:///{home / 'credence.db'}"
        self.url = (home / "artifacts").as_uri()
        self.store = create_store(self.database)
        self.bell = create_bell(self.database, home)
        self.artifacts = Artifacts(self.url)

    def close(self) -> None:
        """Let go of connections and sockets."""
        self.bell.close()
        self.store.close()

    def submit(
        self,
        engine: Mapping[str, Any] = SHORT,
        *,
        definition: Mapping[str, Any] = NORMAL,
        data: Mapping[str, Any] = DATA,
        **more: Any,
    ) -> Job:
        """Queue a job as the gateway does."""
        request = JobRequest.model_validate(
            {"model": definition, "data": data, "engine": engine, "seed": 7, **more}
        )
        key = self.artifacts.put_input(json.dumps(data).encode())
        job, _ = self.store.submit("", request.stored(), definition, key)
        self.bell.ring(WORK)
        return job

    def cancel(self, job: Job) -> None:
        """Ask for a job's end as the gateway does."""
        self.store.request_cancel(None, job.id)
        self.bell.ring(WORK)

    def wait(self, job: Job, *states: JobState, seconds: float = 60.0) -> Job:
        """Wait until the job is in one of the states; terminal ones when none is given."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = self.store.get_job(None, job.id)
            if seen.state in states or (not states and seen.state.terminal):
                return seen
            time.sleep(0.005)
        raise AssertionError(f"after {seconds} s the job is {seen.state}: {seen}")

    def wait_for_phase(self, job: Job, phase: str = "sample", seconds: float = 60.0) -> None:
        """Wait until the job has told that it is in a phase."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            events = self.store.events(job.id)
            if any(event.payload.get("phase") == phase for event in events):
                return
            time.sleep(0.005)
        raise AssertionError(f"no phase {phase} after {seconds} s: {events}")

    def wait_for_checkpoint(self, job: Job, seconds: float = 60.0) -> None:
        """Wait until the job has told of a checkpoint with draws."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for event in self.store.events(job.id):
                if event.kind == "checkpoint" and event.payload["draws"]:
                    return
            time.sleep(0.005)
        raise AssertionError(f"no checkpoint after {seconds} s")

    def result(self, job: Job) -> dict[str, Any]:
        """Read a published result."""
        assert job.result_prefix is not None, job
        content: dict[str, Any] = json.loads(self.artifacts.get(f"{job.result_prefix}/result.json"))
        return content

    def states(self, job: Job) -> list[str]:
        """Return the states that the job's events tell, having checked that no id is left out."""
        events = self.store.events(job.id, limit=100_000)
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        return [event.payload["state"] for event in events if event.kind == "state"]

    @contextmanager
    def dispatching(self, backend: AbstractBackend, **options: Any) -> Iterator[Dispatcher]:
        """Run a dispatcher in a thread of its own."""
        dispatcher = Dispatcher(
            self.store, self.bell, backend, artifacts=self.url, **{"grace_seconds": 2.0, **options}
        )
        thread = threading.Thread(target=dispatcher.run)
        thread.start()
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            thread.join(20)
            assert not thread.is_alive()

    def task(self, engine: Mapping[str, Any] = SHORT, **more: Any) -> Task:
        """Return a task as the dispatcher makes it."""
        key = self.artifacts.put_input(json.dumps(more.pop("data", DATA)).encode())
        fields = {"definition": NORMAL, "engine": dict(engine), "seed": 7, **more}
        return Task(
            job="job", token=1, input_key=key, artifacts=self.url, prefix="jobs/job/1", **fields
        )
