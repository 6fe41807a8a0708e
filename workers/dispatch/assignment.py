"""One claimed job on its way through a worker: events out, stop in, and the end published."""

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from workers.dispatch.backend import (
    AbstractBackend,
    AbstractRun,
    MemoryLostError,
    WorkerLostError,
)
from workers.dispatch.lease import Lease
from workers.dispatch.ledger import Entry
from workers.dispatch.task import Batch, Proposal, Receipt, Task
from workers.jobs import JobState
from workers.logs import tell
from workers.store.artifacts import Artifacts
from workers.store.errors import StoreUnavailableError
from workers.store.tidy import tidy
from workers.trail import NOWHERE, Trail

log = structlog.get_logger()

#: Seconds between two looks at the clock while a worker is silent.
POLL_SECONDS = 0.25
#: A worker that answers no poll for so long hangs, and is replaced.
SILENCE_SECONDS = 60.0
#: Pauses between attempts to write to a store that does not answer; the last is repeated.
RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0)

#: Makes the receipt of a run that was ended by force after so many seconds, from what it had
#: written.
Salvage = Callable[[Task, JobState, float], Receipt]

T = TypeVar("T")


class Assignment:
    """Carries one job from claim to publication in a thread of its own."""

    def __init__(
        self,
        lease: Lease,
        backend: AbstractBackend,
        *,
        task: Task,
        grace_seconds: float,
        salvage: Salvage,
        ended: Callable[["Assignment"], None],
        entry: Entry,
    ) -> None:
        """Prepare the assignment; `begin` starts it.

        Args:
            lease: the job, ours.
            backend: where it runs.
            task: what the worker is to do.
            grace_seconds: from asking the run to stop to killing it.
            salvage: see `Salvage`.
            ended: called at the very end, from the assignment's thread.
            entry: takes what becomes of it.
        """
        self.lease = lease
        self._backend = backend
        self._task = task
        self._grace = grace_seconds
        self._salvage = salvage
        self._ended = ended
        self._entry = entry
        self._log = log.bind(attempt=lease.job.attempts, **entry.context())
        self._cancelled_at: float | None = None
        self._aborting = threading.Event()
        self._run: AbstractRun | None = None
        self._thread = threading.Thread(target=self._enter, name=f"job-{task.job}", daemon=True)

    def begin(self) -> None:
        """Start the job; returns at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the run to stop; `grace_seconds` later it is killed."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self._log.info("cancel requested", action="cancel_job")
            if self._run is not None:
                self._run.stop("cancelled")

    def abort(self) -> None:
        """Drop the work at once and put the job back in the queue: the dispatcher goes down."""
        self._aborting.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; return whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _enter(self) -> None:
        with bound_contextvars(**self._entry.context()):
            self._main()
        self._entry.close()

    def _main(self) -> None:
        try:
            self._carry()
        except Exception:
            # Whatever it was, the job is not lost: its lease runs out and it is queued again.
            self._log.exception("assignment failed", action="fail_assignment")
            self._drop()
        finally:
            self._ended(self)

    def _carry(self) -> None:
        try:
            self._run = self._backend.start(self._task)
            self._log.info("job started", action="start_job", engine=self._task.engine.get("kind"))
            if self._cancelled_at is not None:
                self._run.stop("cancelled")
            self._pump(self._run)
        except WorkerLostError as error:
            self._log.warning("worker lost", action="lose_worker", cause=error.detail)
            if self._run is not None:
                self._run.kill()
            cause, memory = error.detail, isinstance(error, MemoryLostError)
            self._entry.lose("worker")
            if error.blameless or self._aborting.is_set():
                self._persist(self.lease.release)
            elif self._persist(lambda: self.lease.give_up(cause, memory=memory)):
                self._tidy(published=False)

    def _pump(self, run: AbstractRun) -> None:
        """Move events from the worker to the store until the run has ended."""
        began = heard = time.monotonic()
        while True:
            batch = run.poll(POLL_SECONDS)
            now = time.monotonic()
            if batch is not None:
                heard = now
                self._take(run, batch)
                if batch.receipt is not None:
                    run.close(fault=batch.receipt.fault)
                    return self._publish(batch.receipt)
            if self.lease.lost.is_set():
                self._log.warning("lease lost", action="lose_lease")
                self._entry.lose("fenced")
                return run.kill()
            if self._aborting.is_set():
                run.kill()
                self._persist(self.lease.release)
                return self._log.info("job put back", action="release_job")
            state = self._overdue(began, now)
            if state is not None:
                return self._force(run, state, now - began)
            if now - heard > SILENCE_SECONDS:
                raise WorkerLostError(f"the worker was silent for {SILENCE_SECONDS:.0f} s")

    def _overdue(self, began: float, now: float) -> JobState | None:
        """Return the state to force when the run should have ended by itself, but has not."""
        if self._cancelled_at is not None and now - self._cancelled_at > self._grace:
            return JobState.CANCELLED
        limit = self._task.max_seconds
        if limit is not None and now - began > limit + self._grace:
            return JobState.EXPIRED
        return None

    def _force(self, run: AbstractRun, state: JobState, seconds: float) -> None:
        run.kill()
        self._log.warning("run killed", action="kill_run", state=state)
        self._publish(self._salvage(self._task, state, seconds))

    def _take(self, run: AbstractRun, batch: Batch) -> None:
        for record in batch.records:
            tell(record)
        if batch.events:
            self._persist(lambda: self.lease.append(batch.events))
        if batch.proposal is not None:
            self._record(run, batch.proposal)

    def _record(self, run: AbstractRun, proposal: Proposal) -> None:
        """Write a plan down, and only then let the run act on it."""
        if self._persist(lambda: self.lease.record(proposal.plan)):
            run.confirm(proposal.number)
            # What is salvaged of the run tells its plan.
            plan = proposal.plan.model_dump(mode="json")
            self._task = self._task.model_copy(update={"plan": plan})
            self._log.info("plan recorded", action="record_plan", why=proposal.plan.why)

    def _publish(self, receipt: Receipt) -> None:
        if receipt.traceback is not None:
            self._log.error("job raised", action="raise_job", traceback=receipt.traceback)
        published = self._persist(lambda: self.lease.publish(receipt))
        action = "end_job" if published else "lose_lease"
        self._log.info("job ended", action=action, state=receipt.state, published=published)
        self._entry.end(receipt, published=published)
        if published:
            self._tidy(published=receipt.result)

    def _tidy(self, *, published: bool) -> None:
        """Delete what nobody needs any more; what stays behind by a fault, the next start finds."""
        try:
            store, task = Artifacts(self._task.artifacts), self._task
            tidy(store, task.job, task.prefix, published=published)
        except Exception as error:
            self._log.warning("not tidied", action="tidy_job", cause=str(error))

    def _persist(self, write: Callable[[], T]) -> T:
        """Write to the store, patiently: a locked or restarting database is no reason to stop.

        While it does not answer, nobody else can take the job either, so there is no end to the
        patience, unless the dispatcher goes down. Any other error is met a few times.
        """
        for failures in itertools.count():
            try:
                return write()
            except Exception as error:
                away = isinstance(error, StoreUnavailableError) and not self._aborting.is_set()
                if failures >= len(RETRY_SECONDS) and not away:
                    raise
                self._log.warning("store failed", action="retry_store", cause=str(error))
            self._aborting.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
        raise AssertionError("counting has no end")

    def _drop(self) -> None:
        if self._run is not None:
            self._run.kill()


def task_of(lease: Lease, *, artifacts: str, threads: int, trail: Trail = NOWHERE) -> Task:
    """Return what a worker must know to do a claimed job.

    Args:
        lease: the claim.
        artifacts: URL of the artifact store.
        threads: torch threads, where the job does not ask for more.
        trail: where the job comes from.
    """
    job, now = lease.job, datetime.now(UTC)
    request = job.request
    # The limit is on computing over all attempts, so that a job that kills its workers ends.
    limit = request["limits"]["max_seconds"] - lease.worked
    return Task(
        job=job.id,
        token=lease.token,
        definition=job.definition,
        input_key=job.input_key,
        engine=job.engine,
        seed=job.seed,
        precision=request["precision"],
        tier=request["tier"],
        plan=job.plan,
        threads=max(threads, request["resources"]["cpus"]),
        gpus=request["resources"]["gpus"],
        max_seconds=max(limit, 0.0),
        queued_seconds=max((now - job.created_at).total_seconds(), 0.0),
        artifacts=artifacts,
        prefix=lease.prefix,
        origin=request.get("origin"),
        owner=job.owner,
        trail=trail,
    )
