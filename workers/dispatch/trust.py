"""When a lease that seems to have run out may be believed to have.

Leases are measured by the database's clock, which may jump, and prolonged through the database,
which may be away: after either, the leases of dispatchers that live and work seem to have run out
too, until they come to beat them again.
"""

import math
import time
from collections.abc import Callable
from datetime import datetime


class Trust:
    """One dispatcher's trust in leases."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Trust them from the start: a dispatcher that comes after a crash is not to wait.

        Args:
            seconds: how long a lease lasts; a third of it is how often it is prolonged.
            clock: seconds that only move forward.
        """
        self._seconds = seconds
        self._clock = clock
        self._again = -math.inf
        #: What the database's clock told, and ours, when they were compared last.
        self._compared: tuple[datetime, float] | None = None

    def doubt(self) -> None:
        """Trust no lease until every dispatcher that lives has had the time to prolong its own."""
        self._again = self._clock() + self._seconds / 2

    def holds(self, now: datetime) -> bool:
        """Return whether leases may be judged by this moment of the database's clock."""
        here = self._clock()
        if self._compared is not None:
            then, there = self._compared
            jump = (now - then).total_seconds() - (here - there)
            if abs(jump) > self._seconds / 3:
                self.doubt()
        self._compared = (now, here)
        return here >= self._again
