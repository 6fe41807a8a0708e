"""Our own engines, measured as a peer is: the runner of the workers, in a fresh process.

Settings, all of them optional:

    {"engine": {"kind": "auto"}, "precision": "float64", "threads": 2, "tier": "auto"}
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter

from models.cache import Cache
from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.toolchain import default_cache
from models.traced import TracedDensity
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import AbstractSampler, Array, Run
from tests.benchmarks.peers.timing import seconds_per_call
from workers.choice import MANY
from workers.draws import MemoryDraws, MemorySink
from workers.engines import AnyEngineOptions, build_engine
from workers.planner import Planner
from workers.runner import run
from workers.tier import BUILDER
from workers.unattended import Unattended

DEFAULTS: dict[str, Any] = {
    "engine": {"kind": "auto"},
    "precision": "float64",
    "threads": 2,
    "tier": "auto",
}


class Ours(AbstractSampler):
    """An engine of ours, as a worker runs it: planned, on the tier that there is."""

    packages: ClassVar[tuple[str, ...]] = ("credence-inference", "torch")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._chosen = {**DEFAULTS, **settings}
        self._row = row
        self._definition, self._data = parse_definition(row.definition()), load_data(data)
        #: What a worker keeps of models that it has seen.
        self._cache = Cache()
        self._options = TypeAdapter(AnyEngineOptions).validate_python(self._chosen["engine"])
        self._density = self._compiled()

    def _compiled(self) -> TracedDensity:
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
        self._density = self._compiled()
        sink, control = MemorySink(), Unattended()
        planner = Planner(
            self._options,
            self._density,
            wish=self._chosen["tier"],
            cache_dir=default_cache(),
            control=control,
        )
        planner.begin()
        began = time.perf_counter()
        _, phases = run(
            build_engine(planner.options),
            self._density,
            seed=seed,
            sink=sink,
            control=control,
            before=planner.before,
        )
        draws = sink.draws()
        end = time.perf_counter()
        # The model's part and the plan count as warm-up, the summary as sampling.
        warmup = began - start + phases.get("warmup", 0.0)
        starts = getattr(planner.options, "starts", None)
        return Run(
            warmup=warmup,
            sample=end - start - warmup,
            draws={
                name: draws.values(name) for name in (*self._row.parameters, *self._row.derived)
            },
            leapfrogs=_mean(draws, "leapfrogs"),
            divergences=_count(draws, "divergent"),
            superchains=starts if starts and starts < draws.chains else None,
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
