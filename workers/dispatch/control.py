"""The worker's end of what a run asks: whether to stop, and whether its plan is on the row."""

import threading
import time
from collections.abc import Callable

from workers.plan import Plan
from workers.sink import StopReason

#: Seconds after which a plan that nobody confirmed is proposed again: messages may get lost.
REPEAT_SECONDS = 5.0


class RunControl:
    """Whether a run should stop (asked to, or out of time), and may act on its plan."""

    def __init__(self, max_seconds: float | None, propose: Callable[[Plan], int]) -> None:
        """Let the run go on.

        Args:
            max_seconds: until its deadline; None: it has none.
            propose: hands a plan to the dispatcher; returns its number, which counts up.
        """
        self._asked: StopReason | None = None
        self._end = None if max_seconds is None else time.monotonic() + max_seconds
        self._propose = propose
        self._answered = threading.Condition()
        #: The number of the latest plan that is on the job's row.
        self._confirmed = 0

    def ask(self, reason: StopReason) -> None:
        """Stop at the next step; the first reason stands."""
        with self._answered:
            self._asked = self._asked or reason
            self._answered.notify_all()

    def confirm(self, number: int) -> None:
        """Let the run act on the plan with this number."""
        with self._answered:
            self._confirmed = max(self._confirmed, number)
            self._answered.notify_all()

    def commit(self, plan: Plan) -> bool:
        """Propose the plan until it is confirmed; return False if the run is to stop first.

        For the thread that runs the task: plans are proposed one after the other.
        """
        first = None
        while self.stop() is None:
            number = self._propose(plan)
            first = first or number
            if self._is_confirmed(first):
                return True
        return False

    def _is_confirmed(self, number: int) -> bool:
        """Wait for the confirmation, but not past the deadline and no longer than is patient."""
        left = REPEAT_SECONDS
        if self._end is not None:
            left = min(left, max(self._end - time.monotonic(), 0.0))
        with self._answered:
            self._answered.wait_for(
                lambda: self._confirmed >= number or self._asked is not None, timeout=left
            )
            return self._confirmed >= number

    def stop(self) -> StopReason | None:
        """Return the reason to stop, or None; the deadline is one as soon as it has passed."""
        if self._asked is None and self._end is not None and time.monotonic() >= self._end:
            self._asked = StopReason.DEADLINE
        return self._asked
