"""How many answers may be under way that last as long as their readers like."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import BusyError


class Gate:
    """Counts streams of events and of draws."""

    def __init__(self, most: int = 1000) -> None:
        """Let so many through at a time."""
        self._most = most
        self._lock = threading.Lock()
        self.inside = 0

    def check(self) -> None:
        """Refuse one more where it is full; before a stream begins, for then it has its status.

        Raises:
            BusyError: there are as many as may be.
        """
        if self.inside >= self._most:
            raise BusyError("Too many streams are open; close some, or try again in a few seconds.")

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Count a stream while the block runs."""
        with self._lock:
            self.inside += 1
        try:
            yield
        finally:
            with self._lock:
                self.inside -= 1
