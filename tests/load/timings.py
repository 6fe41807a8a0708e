"""How long answers took: counted, and shown by percentiles."""

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Timings:
    """The answers to one kind of request."""

    #: Seconds of each that was answered as expected.
    seconds: list[float] = field(default_factory=list)
    #: How often something else was answered: by status, 0 for a broken connection.
    refused: Counter[int] = field(default_factory=Counter)
    #: Seconds over which all this happened.
    over: float = 0.0

    def note(self, seconds: float, status: int, expected: int) -> None:
        """Count an answer."""
        if status == expected:
            self.seconds.append(seconds)
        else:
            self.refused[status] += 1

    @property
    def rate(self) -> float:
        """Expected answers a second."""
        return len(self.seconds) / self.over if self.over else math.nan

    def percentile(self, percent: float) -> float:
        """Return the seconds within which so many per cent of the expected answers came.

        The smallest that at least so many per cent do not exceed ("nearest rank"): a number that
        was measured, and never one between two.
        """
        if not self.seconds:
            return math.nan
        ordered = sorted(self.seconds)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    def milliseconds(self) -> tuple[float, float, float]:
        """Return the 50th, 95th and 99th percentile in milliseconds."""
        p50, p95, p99 = (1000 * self.percentile(p) for p in (50, 95, 99))
        return p50, p95, p99
