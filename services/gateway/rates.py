"""Rate limits: a bucket of tokens for every key, filled steadily, in this process alone."""

import time
from collections import OrderedDict
from collections.abc import Callable

#: Buckets kept; one that has not been used for longest is as good as full.
MOST = 10_000


class Rates:
    """Buckets by name."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Fill every bucket.

        Args:
            per_second: tokens that flow into a bucket; 0 for no limit.
            burst: tokens that it holds.
            clock: tells seconds that never go back.
        """
        self._per_second, self._burst, self._clock = per_second, burst, clock
        #: Name -> tokens, and when there were so many; the least recently used first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token; return 0, or the seconds after which there will be one."""
        if self._per_second == 0:
            return 0.0
        now = self._clock()
        tokens, then = self._buckets.pop(name, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - then) * self._per_second)
        wait = max(0.0, 1.0 - tokens) / self._per_second
        self._buckets[name] = (tokens if wait else tokens - 1.0, now)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return wait
