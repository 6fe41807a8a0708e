"""Our own engines, measured as a peer is: the runner of the workers, in a fresh process.

Settings, all of them optional:

    {"engine": {"kind": "auto"}, "precision": "float64", "threads": 2, "tier": "auto",
     "language": "pyro"}

With `"language": "stan"` the row's Stan program is run instead of its text.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter

from models.cache import Cache
from models.compile import CompiledDensity, compile_model
from models.data import load_data
from models.definition import parse_definition
from models.stan.density import StanDensity
from tests.benchmarks import stan_programs
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import AbstractSampler, Array, Run
from tests.benchmarks.peers.timing import seconds_per_call
from tests.benchmarks.sampled import sampled
from workers.choice import MANY
from workers.draws import MemoryDraws
from workers.engines import AnyEngineOptions
from workers.tier import BUILDER

DEFAULTS: dict[str, Any] = {
    "engine": {"kind": "auto"},
    "precision": "float64",
    "threads": 2,
    "tier": "auto",
    "language": "pyro",
}


class Ours(AbstractSampler):
    """An engine of ours, as a worker runs it: planned, on the tier that there is."""

    packages: ClassVar[tuple[str, ...]] = ("credence-inference", "torch")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._chosen = {**DEFAULTS, **settings}
        self._row = row
        definition, posted = row.definition(), data
        if self._chosen["language"] == "stan":
            definition = {"language": "stan", "source": stan_programs.source(row)}
            posted = stan_programs.with_sizes(data)
        self._definition, self._data = parse_definition(definition), load_data(posted)
        #: What a worker keeps of models that it has seen.
        self._cache = Cache()
        self._options = TypeAdapter(AnyEngineOptions).validate_python(self._chosen["engine"])
        self._density = self._compiled()

    def _compiled(self) -> CompiledDensity:
        return compile_model(
            self._definition,
            self._data,
            precision_name=self._chosen["precision"],
            cache=self._cache,
        )

    def run(self, seed: int) -> Run:
        torch.set_num_threads(self._chosen["threads"])
        await_compiler()
        start = time.perf_counter()
        density = self._compiled()
        built = time.perf_counter() - start
        found = sampled(density, self._options, self._chosen["tier"], seed)
        # The model's part and the plan count as warm-up, the summary as sampling.
        warmup, draws = built + found.warmup, found.draws
        sample = time.perf_counter() - start - warmup
        if isinstance(density, StanDensity):
            # As a worker does after a job: a process waits for the next program.
            density.close()
        else:
            self._density = density
        return Run(
            warmup=warmup,
            sample=sample,
            draws={
                name: draws.values(name) for name in (*self._row.parameters, *self._row.derived)
            },
            leapfrogs=_mean(draws, "leapfrogs"),
            divergences=_count(draws, "divergent"),
            superchains=found.superchains,
        )

    def gradient_seconds(self) -> float:
        generator = torch.Generator(self._density.device).manual_seed(1)
        z = 0.1 * torch.randn(
            MANY, self._density.dim, dtype=self._density.dtype, generator=generator
        )
        return seconds_per_call(lambda: self._density.value_and_grad(z)) / MANY


def await_compiler() -> None:
    """Wait until nothing compiles in the background: a run after that is a warm one."""
    for thread in threading.enumerate():
        if thread.name == BUILDER:
            thread.join()


def _mean(draws: MemoryDraws, name: str) -> float | None:
    values: Array | None = draws.stats(name)
    return None if values is None else float(values.mean())


def _count(draws: MemoryDraws, name: str) -> int | None:
    values: Array | None = draws.stats(name)
    return None if values is None else int(values.sum())


if __name__ == "__main__":
    serve(Ours)
