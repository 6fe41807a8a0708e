"""A task on an actor of a cluster."""

import time
from typing import TYPE_CHECKING, Any

from workers.confinement import memory_kills, sizes
from workers.dispatch.backend import AbstractRun, MemoryLostError, WorkerLostError
from workers.dispatch.seat import Seat
from workers.dispatch.task import Batch, Footprint

if TYPE_CHECKING:
    from workers.dispatch.cluster import ClusterBackend

#: Seconds for a call that does no work; a worker that is slower is taken for dead.
CALL_SECONDS = 20.0
#: Seconds that a worker holds back the answer to a poll when there is no news.
LONG_POLL_SECONDS = 5.0
#: A worker elsewhere that dies with so much of its memory taken was killed for want of it.
FULL = 0.9


class ClusterRun(AbstractRun):
    """A task on an actor."""

    def __init__(
        self, pool: "ClusterBackend", ray: Any, seat: Seat, job: str, order: Any, *, own: bool
    ) -> None:
        self._pool = pool
        self._ray = ray
        self._seat = seat
        self._job = job
        #: The order to start, until the worker has taken it.
        self._order = order
        self._began = time.monotonic()
        #: Why the run is to stop, if somebody said so.
        self._reason: str | None = None
        #: The poll that waits for news at the worker.
        self._asked: Any = None
        self._held = True
        #: What the worker told last of the memory that it takes.
        self._footprint: Footprint | None = None
        #: How many processes of this machine had been killed for want of it; None elsewhere.
        self._kills = memory_kills() if own else None

    def poll(self, wait: float) -> Batch | None:
        """Return the next events; the question stays open when the worker is slow to answer."""
        if self._seat.lost:
            raise self._lost(f"the node {self._seat.node.host} is gone")
        if self._order is not None and not self._taken(wait):
            return None
        if self._asked is None:
            self._asked = self._seat.actor.poll.remote(LONG_POLL_SECONDS)
        answered, _ = self._ray.wait([self._asked], timeout=wait)
        if not answered:
            return None
        try:
            words = self._ray.get(self._asked, timeout=CALL_SECONDS)
        except self._ray.exceptions.RayError as error:
            killed = isinstance(error, self._ray.exceptions.OutOfMemoryError)
            raise self._lost("the worker died", cause_of(error), killed=killed) from error
        self._asked = None
        batch = Batch.model_validate_json(words)
        self._footprint = batch.footprint or self._footprint
        return batch

    def _taken(self, wait: float) -> bool:
        """Return whether the worker has taken the job, after a while of waiting for it."""
        answered, _ = self._ray.wait([self._order], timeout=wait)
        if not answered:
            if time.monotonic() - self._began > CALL_SECONDS:
                raise WorkerLostError(f"the worker did not take the job in {CALL_SECONDS:.0f} s")
            return False
        try:
            self._ray.get(self._order, timeout=CALL_SECONDS)
        except self._ray.exceptions.RayError as error:
            # It was dead before the job came.
            dead = isinstance(error, self._ray.exceptions.RayActorError)
            raise WorkerLostError(
                f"the worker did not take the job: {cause_of(error)}", blameless=dead
            ) from error
        self._order = None
        if self._reason is not None:
            self.stop(self._reason)
        return True

    def confirm(self, number: int) -> None:
        """Send the confirmation; a worker that it does not reach proposes again."""
        self._seat.actor.confirm.remote(number)

    def stop(self, reason: str) -> None:
        """Send the request; a worker that cannot hear it is killed after the grace time."""
        self._reason = reason
        # Sent before the worker has taken the job, it might overtake the order.
        if self._order is None:
            self._seat.actor.stop.remote(self._job, reason)

    def kill(self) -> None:
        """Kill the actor and start another."""
        self.close(fault=True)

    def _lost(self, what: str, why: str = "", *, killed: bool = False) -> WorkerLostError:
        """Return what is known of the worker's end: was it memory, and how much did it hold?"""
        last = self._footprint
        told = "" if last is None else sizes(last.held, last.there)
        if killed or self._was_memory():
            return MemoryLostError(f"{what}, killed because no memory was left{told}")
        said = f"{what}{told}{': ' if why else ''}{why}"
        return WorkerLostError(said, blameless=self._pool.is_lost())

    def _was_memory(self) -> bool:
        if self._kills is not None:
            return (memory_kills() or 0) > self._kills
        last = self._footprint
        return last is not None and last.there is not None and last.held > FULL * last.there

    def close(self, *, fault: bool = False) -> None:
        """Give the actor back; only the first call counts."""
        held, self._held = self._held, False
        if held and fault:
            self._pool.replace(self._seat)
        elif held:
            self._pool.release(self._seat)


def cause_of(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
