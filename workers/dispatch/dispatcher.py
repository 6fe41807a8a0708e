"""The dispatcher: claims jobs by lease, gives them to a backend, and keeps the store in step.

One process may have several jobs in hand, each an `Assignment` with a thread; the dispatcher's own
thread claims, beats and passes on requests to cancel. All that it knows is in the store: killed at
any point, its leases run out and another dispatcher, or its own successor, takes the jobs over.
"""

import contextlib
import os
import socket
import threading
import time

import structlog

from workers.dispatch.assignment import Assignment, task_of
from workers.dispatch.backend import AbstractBackend, ClusterLostError
from workers.dispatch.lease import Lease
from workers.dispatch.ledger import Ledger
from workers.dispatch.sweeper import Sweeper
from workers.dispatch.task import Receipt, Task
from workers.dispatch.trust import Trust
from workers.jobs import JobState
from workers.store.bell import WORK, AbstractBell, job_topic
from workers.store.errors import StoreUnavailableError
from workers.store.store import Store

log = structlog.get_logger()

#: Seconds after which the dispatcher looks at the store although nobody rang.
WAKE_SECONDS = 0.5
#: Seconds between searches for jobs of dispatchers that fell silent.
REQUEUE_SECONDS = 1.0
#: Seconds between announcements that nothing but time asks for.
ANNOUNCE_SECONDS = 3.0
#: Seconds that jobs in hand get to be put back when the dispatcher goes down.
CLOSE_SECONDS = 2.5


class Dispatcher:
    """Runs jobs until it is stopped."""

    def __init__(
        self,
        store: Store,
        bell: AbstractBell,
        backend: AbstractBackend,
        *,
        artifacts: str,
        threads: int = 1,
        lease_seconds: float = 15.0,
        grace_seconds: float = 5.0,
        ledger: Ledger | None = None,
    ) -> None:
        """Make a dispatcher; `run` starts it.

        Args:
            store: jobs and events.
            bell: rung by whoever submits or cancels a job, and by us when there are new events.
            backend: where jobs run.
            artifacts: URL of the artifact store, passed on to the workers.
            threads: torch threads of a job that does not ask for more.
            lease_seconds: how long a job stays ours without a heartbeat.
            grace_seconds: from asking a run to stop to killing it.
            ledger: takes what becomes of the attempts.
        """
        self._store = store
        self._bell = bell
        self._backend = backend
        self._artifacts = artifacts
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._ledger = ledger or Ledger()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._trust = Trust(lease_seconds)
        self._sweeper = Sweeper(store, artifacts)
        self._lock = threading.Lock()
        self._assignments: set[Assignment] = set()
        self._stopping = threading.Event()
        self._searched = float("-inf")
        #: When the dispatcher last announced itself, and what it said.
        self._announced: tuple[float, tuple[int, str | None, int]] = (float("-inf"), (-1, None, 0))

    def run(self) -> None:
        """Work until `stop` is called; then put the jobs in hand back and return.

        Raises:
            ClusterLostError: there is nothing left to work with; the jobs are put back as well.
        """
        log.info("dispatcher started", action="start_dispatcher", dispatcher=self._name)
        threading.Thread(target=self._sweeper.sweep_all, name="sweeper", daemon=True).start()
        try:
            with self._bell.listen(WORK) as ear:
                while not self._stopping.is_set():
                    self._turn_safely()
                    ear.wait(WAKE_SECONDS)
        finally:
            self._put_back()
            with contextlib.suppress(StoreUnavailableError):
                self._store.withdraw(self._name)
                self._ledger.settle(self._store.upkeep)
            log.info("dispatcher stopped", action="stop_dispatcher", dispatcher=self._name)

    def _turn_safely(self) -> None:
        try:
            self.turn()
        except ClusterLostError:
            raise
        except Exception:
            # A database that restarts must not end the dispatcher. Others may have missed it, too.
            log.exception("turn failed", action="fail_turn")
            self._trust.doubt()

    def stop(self) -> None:
        """Make `run` return soon; may be called from any thread and from a signal handler."""
        self._stopping.set()

    def turn(self) -> None:
        """Pass on cancels, announce, beat the leases, requeue lost jobs, claim for what is free.

        Reading comes first: where another process holds the database's lock, writing waits for it.
        """
        for assignment in self._in_hand():
            if assignment.lease.look().cancel_requested:
                assignment.cancel()
        self._announce()
        for assignment in self._in_hand():
            if assignment.lease.due():
                assignment.lease.beat()
        self._requeue()
        while (kinds := self._free()) and self._claim(kinds):
            pass

    def _announce(self) -> None:
        backend, now = self._backend, time.monotonic()
        word = (backend.warm(), backend.trouble(), backend.gpus())
        if word != self._announced[1] or now - self._announced[0] >= ANNOUNCE_SECONDS:
            self._store.announce(self._name, *word)
            self._announced = (now, word)
            self._ledger.settle(self._store.upkeep)

    def _requeue(self) -> None:
        now = time.monotonic()
        if now - self._searched < REQUEUE_SECONDS:
            return
        self._searched = now
        # Told before the search, which may have to wait: a lease cannot run out meanwhile.
        moment = self._store.time()
        if not self._trust.holds(moment):
            return
        spare = {(found.lease.job.id, found.lease.token) for found in self._in_hand()}
        for job in self._store.requeue_expired(moment, spare):
            log.warning("lease ran out", action="requeue_job", job=job)
            self._ledger.fall_silent()
            self._bell.ring(job_topic(job))
            self._sweep(job)

    def _sweep(self, job: str) -> None:
        """Tidy up, where the lease was the job's last."""
        try:
            self._sweeper.sweep(job)
        except Exception as error:
            # The next start looks again.
            log.warning("not tidied", action="tidy_job", job=job, cause=str(error))

    def _free(self) -> list[int]:
        """Return how many GPUs a job may ask for to be started now."""
        return [gpus for gpus in (0, 1) if self._backend.free(gpus) > 0]

    def _claim(self, gpus: list[int]) -> bool:
        claim = self._store.claim(self._name, self._lease_seconds, gpus)
        if claim is None:
            return False
        lease = Lease(self._store, self._bell, claim, self._lease_seconds)
        lease.ring()
        entry = self._ledger.open(claim.job)
        assignment = Assignment(
            lease,
            self._backend,
            task=task_of(
                lease, artifacts=self._artifacts, threads=self._threads, trail=entry.trail
            ),
            grace_seconds=self._grace_seconds,
            salvage=_salvage,
            ended=self._ended,
            entry=entry,
        )
        with self._lock:
            self._assignments.add(assignment)
        assignment.begin()
        return True

    def _ended(self, assignment: Assignment) -> None:
        with self._lock:
            self._assignments.discard(assignment)
        self._bell.ring(WORK)

    def _in_hand(self) -> list[Assignment]:
        with self._lock:
            return list(self._assignments)

    def _put_back(self) -> None:
        assignments = self._in_hand()
        for assignment in assignments:
            assignment.abort()
        end = time.monotonic() + CLOSE_SECONDS
        for assignment in assignments:
            if assignment.join(max(end - time.monotonic(), 0.0)):
                # One that was to be cancelled is not put back: it has ended.
                self._sweep(assignment.lease.job.id)


def _salvage(task: Task, state: JobState, seconds: float) -> Receipt:
    try:
        # Only when it is needed: this process can else do without torch and ArviZ.
        from workers.salvage import salvage

        return salvage(task, state, seconds)
    except Exception:
        log.exception("nothing salvaged", action="fail_salvage", job=task.job)
        return Receipt(state=state)
