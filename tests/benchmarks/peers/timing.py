"""How often a thing is measured, and how long one call takes."""

import time
from collections.abc import Callable

#: A run longer than this is measured 3 times, and one longer than `VERY_SLOW` once.
SLOW, VERY_SLOW = 10.0, 60.0


def repeats(seconds: float, most: int) -> int:
    """How often to measure what takes so long: `most` times, 3 or 1."""
    if seconds > VERY_SLOW:
        return min(1, most)
    return min(3, most) if seconds > SLOW else most


def seconds_per_call(call: Callable[[], object], budget: float = 1.0) -> float:
    """The fastest of five averages, all within about `budget` seconds."""
    call()
    start = time.perf_counter()
    call()
    count = max(1, int(budget / 5 / max(time.perf_counter() - start, 1e-7)))
    return min(_average(call, count) for _ in range(5))


def _average(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count
