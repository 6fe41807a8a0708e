"""The measured process: runs a sampler on one row and says JSON lines on its stdout.

    {"event": "drawn"}                          the first draws are there
    {"event": "run", "warmup": 0.1, ...}        one warm run
    {"event": "gradient", "seconds": 2e-6}
    {"event": "summary", "entries": {"mu": [4.4, 3.3, ...]}, ...}    see `quality.summary`
    {"event": "versions", "packages": {"stanli": "0.24.0"}}

The process that started it notes when lines arrive: it knows when this one began.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TextIO

import numpy as np

from tests.benchmarks.basket import ROWS, Row
from tests.benchmarks.peers.sampler import AbstractSampler, Run
from tests.benchmarks.peers.timing import repeats

Say = Callable[..., None]


def serve(sampler_class: type[AbstractSampler]) -> None:
    """Do the task that the command line's one argument describes; see `process.Task`."""
    say = _speaker()
    task = json.loads(sys.argv[1])
    row = ROWS[task["row"]]
    sampler = sampler_class(row, _load(task["data"]), task["settings"])
    first = sampler.run(task["seed"])
    say("drawn")
    last = _warm_runs(sampler, row, task, say) or first
    if task["gradient"]:
        say("gradient", seconds=sampler.gradient_seconds())
    if task["summary"]:
        _summarise(last, row, say)
    say("versions", packages={name: version(name) for name in sampler_class.packages})


def _warm_runs(sampler: AbstractSampler, row: Row, task: dict[str, Any], say: Say) -> Run | None:
    done, count, run = 0, task["warm"], None
    while done < count:
        done += 1
        run = sampler.run(task["seed"] + done)
        count = repeats(run.warmup + run.sample, count)
        say("run", **_numbers(run, row))
    return run


def _numbers(run: Run, row: Row) -> dict[str, Any]:
    from tests.benchmarks.peers.quality import worst

    ess, r_hat = worst(run.draws, row.parameters, run.superchains)
    return {
        "warmup": run.warmup,
        "sample": run.sample,
        "ess": ess,
        "r_hat": r_hat,
        "leapfrogs": run.leapfrogs,
        "divergences": run.divergences,
    }


def _summarise(run: Run, row: Row, say: Say) -> None:
    from tests.benchmarks.peers.quality import summary, worst

    names = dict.fromkeys((*row.parameters, *row.derived))
    ess, r_hat = worst(run.draws, row.parameters, run.superchains)
    say("summary", entries=summary(run.draws, names), ess=ess, r_hat=r_hat)


def _load(path: str) -> dict[str, Any]:
    """The data by name; 0-d arrays become Python's numbers."""
    with np.load(path) as file:
        return {name: file[name] if file[name].ndim else file[name].item() for name in file}


def _speaker() -> Say:
    """Keep stdout for JSON lines; whatever else is printed goes to stderr."""
    stdout: TextIO = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(event: str, **fields: Any) -> None:
        stdout.write(json.dumps({"event": event, **fields}) + "\n")
        stdout.flush()

    return say
