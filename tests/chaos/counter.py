"""Where orders wait: handed out one by one, and no faster than somebody allows."""

import threading
from collections.abc import Sequence

from tests.chaos.workload import Order


class Counter:
    """Orders for customers in several threads."""

    def __init__(self, orders: Sequence[Order]) -> None:
        """Put them in a row; none may be handed out yet."""
        self._orders = orders
        self._allowed = 0
        self._handed = 0
        self._changed = threading.Condition()

    def allow(self, parts: int = 1) -> None:
        """Let one of so many equal parts of those that are left be handed out, one at the least."""
        with self._changed:
            left = len(self._orders) - self._handed
            self._allowed = max(self._allowed, self._handed + -(-left // parts))
            self._changed.notify_all()

    def following(self) -> Order | None:
        """Return the next order as soon as it is allowed; None when there are no more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._handed < self._allowed or self._handed == len(self._orders)
            )
            if self._handed == len(self._orders):
                return None
            self._handed += 1
            # Whoever waits for one that does not come any more.
            self._changed.notify_all()
            return self._orders[self._handed - 1]
