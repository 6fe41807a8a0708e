"""When warm-up learns what: Stan's schedule of windows.

Step size alone, then windows of doubling length that each end with a new metric, then step size
alone. Stan Reference Manual, "Automatic parameter tuning".
"""

from dataclasses import dataclass

#: Iterations that only find the typical set, and that only settle the step size at the end.
FIRST, LAST = 75, 50
#: Length of the first window.
BASE = 25
#: Below this no metric is learnt.
SHORTEST = 20


@dataclass(frozen=True)
class Schedule:
    """The parts of a warm-up, in iterations: `first + sum(windows) + last` is its length."""

    first: int
    windows: tuple[int, ...]
    last: int

    @property
    def slow(self) -> range:
        """The iterations, from 0, whose positions count for the metric."""
        return range(self.first, self.first + sum(self.windows))

    @property
    def ends(self) -> frozenset[int]:
        """The iterations, from 0, after which a new metric is taken."""
        ends, at = set(), self.first
        for length in self.windows:
            at += length
            ends.add(at - 1)
        return frozenset(ends)


def schedule(warmup: int) -> Schedule:
    """Return the schedule of `warmup` iterations.

    A warm-up too short for Stan's buffers is cut 15 : 50 : 35 (Stan's 15 : 75 : 10 leaves dual
    averaging, which begins ten times too large, too few iterations to come down); one of under 20
    iterations only learns the step size. A window is followed by one of twice its length as long
    as that fits; otherwise it takes all that is left, so no window is shorter than the one before.

    Example:
        >>> schedule(1000)
        Schedule(first=75, windows=(25, 50, 100, 200, 500), last=50)
    """
    if warmup < SHORTEST:
        return Schedule(warmup, (), 0)
    if warmup < FIRST + BASE + LAST:
        first, last = int(0.15 * warmup), int(0.35 * warmup)
        return Schedule(first, (warmup - first - last,), last)
    return Schedule(FIRST, _doubling(warmup - FIRST - LAST), LAST)


def _doubling(left: int) -> tuple[int, ...]:
    lengths, length = [], BASE
    while left >= 3 * length:
        lengths.append(length)
        left -= length
        length *= 2
    return (*lengths, left)
