"""Backlog: whether the queue of all is full, without counting it for every job.

Counting costs more the more jobs wait, and it matters only near the limit. So a count is believed
for a moment, and for as many jobs as a quarter of the room that it found: near the limit every job
is counted. Several gateways, each with its own count, may exceed the limit by what the others let
in within that moment.
"""

import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, func, select

from workers.jobs import JobState
from workers.store.schema import jobs

#: Seconds for which a count is believed.
SECONDS = 1.0


class Backlog:
    """The queued jobs of all owners, counted now and then. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet.

        Args:
            clock: tells seconds that never go back.
        """
        self._clock = clock
        self._lock = threading.Lock()
        #: The limit that was counted to, how many more jobs may be let in, and until when.
        self._most, self._left, self._until = 0, 0, float("-inf")

    def roomy(self, most: int) -> bool:
        """Return whether one more may be let in by what is known already; lets nothing in."""
        with self._lock:
            return self._known(most)

    def full(self, connection: Connection, most: int) -> bool:
        """Return whether at least `most` jobs wait; if not, one more is let in."""
        with self._lock:
            if self._known(most):
                self._left -= 1
                return False
        # Not under the lock, which nobody shall hold while a database thinks.
        found = queued(connection, most)
        with self._lock:
            self._most, self._until = most, self._clock() + SECONDS
            self._left = (most - found) // 4 - 1
        return found >= most

    def _known(self, most: int) -> bool:
        return self._left > 0 and most == self._most and self._clock() < self._until


def queued(connection: Connection, most: int, owner: str | None = None) -> int:
    """Count the jobs that wait, of one owner or of all, no further than to `most`."""
    waiting = select(jobs.c.number).where(jobs.c.state == JobState.QUEUED)
    if owner is not None:
        waiting = waiting.where(jobs.c.owner == owner)
    some = waiting.limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
