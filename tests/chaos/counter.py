"""Where orders wait: handed out one by one, and no faster than somebody allows."""

import threading
from collections.abc import Sequence

from tests.chaos.workload import Order


class Counter:
    """Orders for customers in several threads."""

    def __init__(self, orders: Sequence[Order], allowed: int | None = None) -> None:
        """Put them in a row.

        Args:
            orders: in this order.
            allowed: how many may be handed out; None: all.
        """
        self._orders = orders
        self._allowed = len(orders) if allowed is None else allowed
        self._handed = 0
        self._changed = threading.Condition()

    def allow(self, count: int) -> None:
        """Let so many be handed out in all."""
        with self._changed:
            self._allowed = max(self._allowed, min(count, len(self._orders)))
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
            return self._orders[self._handed - 1]
