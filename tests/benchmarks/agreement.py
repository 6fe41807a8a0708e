"""Whether all samplers drew from the same posterior: means and spreads within Monte Carlo error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tests.acceptance.posteriors import Reference
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.process import Event, Heard
from tests.benchmarks.peers.quality import label

#: Standard errors. Some 500 entries are compared for each sampler, twice, and the errors themselves
#: are estimates.
LIMIT = 4.5
#: Below this bulk ESS a chain does not know its own error.
FEWEST = 100.0

#: Mean, standard deviation, the Monte Carlo error of either, and what the error of the standard
#: deviation would be from one draw; see `quality.summary`.
Entries = Mapping[str, list[float]]


@dataclass(frozen=True)
class Distance:
    """How far a sampler is from what is taken as true, in standard errors, at the worst entry."""

    row: str
    sampler: str
    #: What it is compared with: `reference`, or another sampler.
    truth: str
    entry: str
    mean: float
    sd: float
    #: Entries compared.
    count: int
    ess: float

    @property
    def agrees(self) -> bool:
        """Whether both are within `LIMIT`; a chain with few draws is not judged."""
        return self.ess < FEWEST or max(self.mean, self.sd) < LIMIT


def distances(row: Row, heard: Mapping[str, Heard]) -> list[Distance]:
    """Compare every sampler with the reference of the row, or with the first that drew."""
    drawn = {name: h.summary for name, h in heard.items() if h.summary is not None}
    published = row.reference()
    if published is not None:
        return [
            _distance(row.name, name, "reference", said, _as_entries(published, said["entries"]))
            for name, said in drawn.items()
        ]
    truth = next(iter(drawn), "")
    entries = drawn.pop(truth)["entries"] if truth else {}
    return [_distance(row.name, name, truth, said, entries) for name, said in drawn.items()]


def _as_entries(
    published: Mapping[tuple[str, int | None], Reference], entries: Mapping[str, list[float]]
) -> Entries:
    """The reference with errors: its draws are independent, its tails are as heavy as ours."""
    result = {}
    for key, known in published.items():
        name, root = label(*key), math.sqrt(known.draws)
        result[name] = [known.mean, known.sd, known.sd / root, entries[name][4] / root]
    return result


def _distance(row: str, sampler: str, truth: str, said: Event, entries: Entries) -> Distance:
    mine = said["entries"]
    means = {name: _errors(mine[name], entries[name], 0) for name in entries}
    sds = {name: _errors(mine[name], entries[name], 1) for name in entries}
    worst = max(means, key=lambda name: max(means[name], sds[name]))
    return Distance(
        row,
        sampler,
        truth,
        worst,
        max(means.values()),
        max(sds.values()),
        len(means),
        said["ess"],
    )


def _errors(mine: list[float], theirs: list[float], which: int) -> float:
    """The distance of means (0) or standard deviations (1) over its Monte Carlo error."""
    error = math.hypot(mine[which + 2], theirs[which + 2])
    return abs(mine[which] - theirs[which]) / error


def report(found: list[Distance]) -> str:
    """Return a Markdown table of the distances."""
    lines = [
        "| model | sampler | against | entries | mean off | sd off | worst | ESS | agrees |",
        "|---|---|---|---:|---:|---:|---|---:|---|",
    ]
    lines += [
        f"| {d.row} | {d.sampler} | {d.truth} | {d.count} | {d.mean:.1f} | {d.sd:.1f} "
        f"| {d.entry} | {d.ess:.0f} | {_verdict(d)} |"
        for d in found
    ]
    return "\n".join(lines)


def _verdict(d: Distance) -> str:
    if d.ess < FEWEST:
        return "too few draws"
    return "yes" if d.agrees else "NO"
