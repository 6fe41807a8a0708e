"""An answer that is good for a while: costly questions that anybody may ask, asked less often."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Keeps the latest answer to one question; who asks meanwhile waits for whoever asked first."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet.

        Args:
            seconds: for how long an answer is good.
            clock: tells seconds that never go back.
        """
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._answers: list[T] = []
        self._asked = 0.0

    def answer(self, ask: Callable[[], T]) -> T:
        """Return the answer; what `ask` raises is raised, and not remembered."""
        with self._lock:
            if not self._answers or self._clock() - self._asked >= self._seconds:
                self._answers = []
                self._answers = [ask()]
                self._asked = self._clock()
            return self._answers[0]
