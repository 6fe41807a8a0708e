"""Our own engines, measured as a peer is: the runner of the workers, in a fresh process.

Settings, all of them optional:

    {"engine": {"kind": "nuts", "chains": 4, ...}, "precision": "float64", "threads": 1}
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Array, Run
from tests.benchmarks.peers.timing import seconds_per_call
from workers.draws import MemoryDraws, MemorySink
from workers.engines import AnyEngineOptions, build_engine
from workers.runner import run

ENGINE = {"kind": "nuts", "chains": CHAINS, "warmup": WARMUP, "draws": DRAWS}
DEFAULTS = {"engine": ENGINE, "precision": "float64", "threads": 1}


class NeverStop:
    """Lets every run go to its end."""

    def stop(self) -> None:
        """Return None: go on."""


class Ours(AbstractSampler):
    """An engine of ours on a compiled model."""

    packages: ClassVar[tuple[str, ...]] = ("credence-inference", "torch")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        chosen = {**DEFAULTS, **settings}
        torch.set_num_threads(chosen["threads"])
        self._row = row
        self._options = TypeAdapter(AnyEngineOptions).validate_python(chosen["engine"])
        self._density = compile_model(
            parse_definition(row.definition()),
            load_data(data),
            precision_name=chosen["precision"],
        )

    def run(self, seed: int) -> Run:
        sink = MemorySink()
        start = time.perf_counter()
        engine = build_engine(self._options)
        _, phases = run(engine, self._density, seed=seed, sink=sink, control=NeverStop())
        draws = sink.draws()
        seconds = time.perf_counter() - start
        warmup = phases.get("warmup", 0.0)
        return Run(
            warmup=warmup,
            # What is neither phase (the start, the diagnostics) counts too.
            sample=seconds - warmup,
            draws={
                name: draws.values(name) for name in (*self._row.parameters, *self._row.derived)
            },
            leapfrogs=_mean(draws, "leapfrogs"),
            divergences=_count(draws, "divergent"),
        )

    def gradient_seconds(self) -> float:
        generator = torch.Generator(self._density.device).manual_seed(1)
        z = 0.1 * torch.randn(
            CHAINS, self._density.dim, dtype=self._density.dtype, generator=generator
        )
        return seconds_per_call(lambda: self._density.value_and_grad(z)) / CHAINS


def _mean(draws: MemoryDraws, name: str) -> float | None:
    values: Array | None = draws.stats(name)
    return None if values is None else float(values.mean())


def _count(draws: MemoryDraws, name: str) -> int | None:
    values: Array | None = draws.stats(name)
    return None if values is None else int(values.sum())


if __name__ == "__main__":
    serve(Ours)
