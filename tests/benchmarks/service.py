"""Eight schools as a Stan program that the service has never seen: from submission to result.

    python -m tests.benchmarks.service [--repeats 5]

A service of its own, warmed with other programs, as it is after some jobs. Then one program after
the other is submitted over REST, each with a comment of its own, so that nothing at all is known of
it, and fitted by `auto`. Prints the client's clock beside the worker's.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from services.client import Client
from services.embedded import embedded
from tests.benchmarks import stan_programs
from tests.benchmarks.basket import ROWS

REPEATS = 5
AUTO = {"kind": "auto"}
#: Jobs at once that warm the service, so that every worker has had one; seconds of rest after them.
WARMING, REST = 4, 1.0
OTHER = """\
data { int N; vector[N] x; vector[N] y; }
parameters { real a; real b; real<lower=0> s; }
model { a ~ normal(0, 5); b ~ normal(0, 5); s ~ normal(0, 5); y ~ normal(a + b * x, s); }
"""
OTHER_DATA = {
    "N": 6,
    "x": [-1.4, -0.9, -0.3, 0.2, 0.7, 1.2],
    "y": [-2.3, -1.7, -0.6, 0.9, 0.5, 4.9],
}


@dataclass(frozen=True)
class Timing:
    """Seconds of one job."""

    #: By the client's clock: until the service had accepted the job, and until the result was read.
    accepted: float
    client: float
    #: By the worker's: before it looked at the job; to build the model and choose; and the whole.
    queued: float
    compile: float
    total: float


def measure(repeats: int) -> list[Timing]:
    """Start a service, warm it, and time jobs one after the other."""
    row = ROWS["eight_schools"]
    source, data = stan_programs.source(row), stan_programs.with_sizes(row.data())
    with embedded() as url, Client(url) as client:
        for run in range(2):
            warm = [f"// {run}, {n}\n{OTHER}" for n in range(WARMING)]
            jobs = [client.submit(_program(text), OTHER_DATA, AUTO, seed=run) for text in warm]
            for job in jobs:
                client.wait(job)
        time.sleep(REST)
        return [_timed(client, f"// {n}\n{source}", data, n) for n in range(repeats)]


def _program(source: str) -> dict[str, Any]:
    return {"language": "stan", "source": source}


def _timed(client: Client, source: str, data: Any, seed: int) -> Timing:
    start = time.perf_counter()
    job = client.submit(_program(source), data, AUTO, seed=seed)
    accepted = time.perf_counter() - start
    client.wait(job)
    result = client.result(job)
    seconds = time.perf_counter() - start
    if result["outcome"] != "converged":
        raise RuntimeError(f"the fit ended with {result['outcome']}: {result['message']}")
    told = result["timing"]
    return Timing(accepted, seconds, told["queued"], told["compile"], told["total"])


def table(timings: Sequence[Timing]) -> str:
    """Return a Markdown table of milliseconds, with medians in its last line."""
    names = [field.name for field in fields(Timing)]
    lines = [f"| run | {' | '.join(f'{name} ms' for name in names)} |"]
    lines.append(f"| --- |{' ---: |' * len(names)}")
    rows = [(str(n), astuple(timing)) for n, timing in enumerate(timings, 1)]
    medians = tuple(
        statistics.median(column) for column in zip(*map(astuple, timings), strict=True)
    )
    for name, seconds in [*rows, ("median", medians)]:
        lines.append(f"| {name} | {' | '.join(f'{1e3 * s:.0f}' for s in seconds)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.service")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="jobs; %(default)s")
    print(table(measure(parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
