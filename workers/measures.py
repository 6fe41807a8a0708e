"""What is counted of jobs and upkeep: which measures there are, and a tally of one process.

A dispatcher adds its tally to the database's every few seconds (`store/tallies.py`), so the counts
outlive it, and any gateway shows those of all dispatchers. Labels have few values: engines, states,
tiers, causes and kinds, all of our own making.
"""

import json
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

#: Of a tally's entry: the measure's name, its labels in JSON, and what of it: nothing for a count,
#: of a histogram the upper bound of a bucket, or `sum`.
Key: TypeAlias = tuple[str, str, str]
SUM, TOP = "sum", "+Inf"


@dataclass(frozen=True)
class Measure:
    """Something that is counted, or measured into a histogram."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    #: Upper bounds of a histogram's buckets; a counter has none.
    buckets: tuple[float, ...] = ()


_SECONDS = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 36000.0)

ENDED = Measure("credence_jobs_ended", "Jobs ended.", ("engine", "state"))
WAIT = Measure(
    "credence_job_wait_seconds",
    "Seconds from a job's submission to its first start.",
    ("engine",),
    (0.01, *_SECONDS),
)
RUN = Measure(
    "credence_job_run_seconds",
    "Seconds of the attempt that ended a job.",
    ("engine",),
    _SECONDS,
)
COMPILE = Measure(
    "credence_job_compile_seconds",
    "Seconds until a job's model was read, traced and ready for its first step.",
    (),
    (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
TIERS = Measure(
    "credence_jobs_computed",
    "Jobs with a result, by what computed them: `switched` began interpreted and ended compiled.",
    ("engine", "tier"),
)
DRAWS = Measure("credence_draws", "Draws of jobs with a result, over all chains.", ("engine",))
DIVERGENCES = Measure("credence_divergences", "Divergent transitions after warm-up.", ("engine",))
ESS_RATE = Measure(
    "credence_ess_per_second",
    "Effective draws a second of a job, for the entry of its parameters that has the fewest.",
    ("engine",),
    (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6),
)
LOST = Measure(
    "credence_leases_lost",
    "Attempts lost: `worker` died, `silent` dispatcher, or `fenced` off by a later attempt.",
    ("cause",),
)
COLLECTED = Measure("credence_collected", "Things deleted by policy or as left over.", ("kind",))
COLLECTED_BYTES = Measure("credence_collected_bytes", "Bytes of artifacts so deleted.", ("kind",))

MEASURES = (
    *(ENDED, WAIT, RUN, COMPILE, TIERS, DRAWS, DIVERGENCES, ESS_RATE, LOST),
    *(COLLECTED, COLLECTED_BYTES),
)


class Tally:
    """Counts until somebody takes the counts; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[Key, float] = defaultdict(float)

    def count(self, measure: Measure, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[measure.name, _told(measure, labels), ""] += amount

    def observe(self, measure: Measure, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        told = _told(measure, labels)
        place = bisect_left(measure.buckets, value)
        bound = repr(measure.buckets[place]) if place < len(measure.buckets) else TOP
        with self._lock:
            self._counts[measure.name, told, bound] += 1.0
            self._counts[measure.name, told, SUM] += value

    def take(self) -> dict[Key, float]:
        """Return the counts, and begin anew."""
        with self._lock:
            taken, self._counts = self._counts, defaultdict(float)
        return dict(taken)

    def give_back(self, counts: Mapping[Key, float]) -> None:
        """Add counts that were taken and could not be stored."""
        with self._lock:
            for key, amount in counts.items():
                self._counts[key] += amount


def _told(measure: Measure, labels: Mapping[str, str]) -> str:
    if set(labels) != set(measure.labels):
        raise ValueError(f"{measure.name} has the labels {measure.labels}, not {tuple(labels)}")
    return json.dumps(labels, sort_keys=True, separators=(",", ":"))
