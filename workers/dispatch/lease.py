"""The dispatcher's side of a lease: one claimed job, its fencing token, and when to prolong it."""

import threading
import time

from workers.dispatch.task import Event, Receipt
from workers.jobs import Job, JobState
from workers.plan import Plan
from workers.store.bell import WORK, AbstractBell, job_topic
from workers.store.errors import JobNotFoundError
from workers.store.leases import Beat, Claim
from workers.store.store import Store


class Lease:
    """A job that is ours while the store says so; safe to use from several threads."""

    def __init__(self, store: Store, bell: AbstractBell, claim: Claim, seconds: float) -> None:
        """Hold a claim.

        Args:
            store: where the job lives.
            bell: rung after everything that is written.
            claim: what the store gave us.
            seconds: how long it lasts without a heartbeat.
        """
        self.job = claim.job
        self.token = claim.token
        #: Seconds for which earlier attempts have worked on the job.
        self.worked = claim.worked
        self._store = store
        self._bell = bell
        self._seconds = seconds
        self._beaten = time.monotonic()
        #: Set once the job belongs to somebody else, or has ended: its work is to be dropped.
        self.lost = threading.Event()

    @property
    def prefix(self) -> str:
        """Where this attempt's artifacts lie."""
        return f"jobs/{self.job.id}/{self.token}"

    def due(self) -> bool:
        """Return whether a third of the lease has passed, so that two heartbeats may get lost."""
        return time.monotonic() - self._beaten > self._seconds / 3

    def beat(self) -> Beat:
        """Prolong the lease and learn whether the job is to be cancelled."""
        beaten = time.monotonic()
        beat = self._store.heartbeat(self.job.id, self.token, self._seconds)
        self._beaten = beaten
        return self._note(beat)

    def look(self) -> Beat:
        """Learn the same without writing."""
        job = self._row()
        if job is None:
            return self._note(Beat(False))
        ours = job.token == self.token and job.state is JobState.RUNNING
        return self._note(Beat(ours, job.cancel_requested))

    def append(self, events: tuple[Event, ...]) -> None:
        """Write events, in order."""
        batch = [(event.kind, event.payload) for event in events]
        if batch and not self._store.append_events(self.job.id, self.token, batch):
            self.lost.set()
        self.ring()

    def record(self, plan: Plan) -> bool:
        """Write the job's plan; return False if the job was no longer ours."""
        done = self._store.record_plan(self.job.id, self.token, plan.model_dump(mode="json"))
        if not done:
            self.lost.set()
        self.ring()
        return done

    def publish(self, receipt: Receipt) -> bool:
        """End the job as the receipt says; return False if it was no longer ours."""
        prefix = self.prefix if receipt.result else None
        state = JobState(receipt.state)
        done = self._store.publish(self.job.id, self.token, state, prefix, receipt.error)
        done = done or self._is_published(state, prefix)
        self.lost.set()
        self.ring()
        return done

    def release(self) -> bool:
        """Put the job back in the queue unharmed; the attempt is not counted."""
        self.lost.set()
        released = self._store.release(self.job.id, self.token)
        self.ring()
        self._bell.ring(WORK)
        return released

    def give_up(self, cause: str, *, memory: bool = False) -> bool:
        """Let the job be taken from us, its worker being lost; the attempt is counted.

        Args:
            cause: a clause for the job's log, and for its problem if this was the last attempt.
            memory: whether it was killed for want of memory.

        Returns:
            Whether this has ended the job.
        """
        self.lost.set()
        self._store.give_up(self.job.id, self.token, cause, memory=memory)
        self.ring()
        self._bell.ring(WORK)
        row = self._row()
        return row is not None and row.state.terminal

    def ring(self) -> None:
        """Wake the streams that follow the job."""
        self._bell.ring(job_topic(self.job.id))

    def _row(self) -> Job | None:
        """Return the job as it stands; None where it has been deleted, having ended elsewhere."""
        try:
            return self._store.get_job(None, self.job.id)
        except JobNotFoundError:
            return None

    def _is_published(self, state: JobState, prefix: str | None) -> bool:
        """Return whether an earlier call has published this, though its answer was lost."""
        row = self._row()
        found = None if row is None else (row.token, row.state, row.result_prefix)
        return found == (self.token, state, prefix)

    def _note(self, beat: Beat) -> Beat:
        if not beat.alive:
            self.lost.set()
        return beat
