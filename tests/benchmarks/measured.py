"""What was measured of one sampler on one row, from what its processes said."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.peers.process import Event, Heard

#: The goal: this many effective draws of every parameter, and an R-hat no larger.
ESS, R_HAT = 1000.0, 1.01


@dataclass(frozen=True)
class Measured:
    """One line of the table; medians over the repeats, None where there is no number."""

    row: str
    sampler: str
    #: Seconds from the start of a fresh process with empty caches to the first run's draws.
    cold: float | None
    #: Seconds of a warm run.
    warmup: float | None
    sample: float | None
    #: The smallest bulk ESS and the largest rank-normalised split R-hat over all parameters.
    ess: float | None
    r_hat: float | None
    leapfrogs: float | None
    divergences: float | None
    #: Seconds per gradient of one chain.
    gradient: float | None
    #: Seconds of a warm run to `ESS` effective draws; see `goal_seconds`.
    goal: float | None
    #: Effective draws a second of a warm run, warm-up and draws together.
    rate: float | None
    #: How many fresh processes and how many warm runs the medians are of.
    colds: int
    warms: int
    #: Why numbers are missing.
    failure: str | None
    versions: Mapping[str, str]


def measured(
    row: str, sampler: str, heard: Heard, colds: Iterable[float], until: bool = False
) -> Measured:
    """Take the medians.

    Args:
        row: the name of the row.
        sampler: the name of the sampler.
        heard: what the process said that ran to the end.
        colds: cold seconds of every process.
        until: the sampler stops by itself at the goal.
    """
    times = list(colds)
    return Measured(
        row=row,
        sampler=sampler,
        cold=_median(times),
        **{name: _median(run[name] for run in heard.runs) for name in _FIELDS},
        gradient=heard.gradient,
        goal=_median(goal_seconds(run, until) for run in heard.runs),
        rate=_median(run["ess"] / (run["warmup"] + run["sample"]) for run in heard.runs),
        colds=len(times),
        warms=len(heard.runs),
        failure=heard.failure,
        versions=heard.versions,
    )


_FIELDS = ("warmup", "sample", "ess", "r_hat", "leapfrogs", "divergences")


def goal_seconds(run: Event, until: bool = False) -> float:
    """Seconds of warm-up, and of as much sampling as `ESS` effective draws would have taken.

    A run of fixed length is rescaled, down as well as up: generous to it, since no one knows
    beforehand how many draws will do. A sampler that stops at the goal by itself is taken at its
    word: what it took, and more where it fell short.
    """
    needed = ESS / run["ess"]
    return float(run["warmup"] + run["sample"] * (max(1.0, needed) if until else needed))


def _median(values: Iterable[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
