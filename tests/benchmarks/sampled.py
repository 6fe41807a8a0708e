"""A run of one of our engines as a worker makes it: planned, on the tier that there is."""

import time
from dataclasses import dataclass

from models.compile import CompiledDensity
from models.toolchain import default_cache
from workers.draws import MemoryDraws, MemorySink
from workers.engines import build_engine
from workers.engines.engine import EngineOptions
from workers.planner import Planner
from workers.runner import run
from workers.tier import Wish
from workers.unattended import Unattended


@dataclass(frozen=True)
class Sampled:
    """What a run gave."""

    draws: MemoryDraws
    #: Seconds of the plan and of the warm-up.
    warmup: float
    #: Groups of adjacent chains that share a start; None where each has its own.
    superchains: int | None


def sampled(density: CompiledDensity, options: EngineOptions, wish: Wish, seed: int) -> Sampled:
    """Draw from a density.

    Args:
        density: interpreted.
        options: of the engine; those of `auto` are chosen here.
        wish: the tier.
        seed: of the run.
    """
    sink, control = MemorySink(), Unattended()
    start = time.perf_counter()
    planner = Planner(options, density, wish=wish, cache_dir=default_cache(), control=control)
    planner.begin()
    planned = time.perf_counter() - start
    _, phases = run(
        build_engine(planner.options),
        density,
        seed=seed,
        sink=sink,
        control=control,
        before=planner.before,
    )
    draws, starts = sink.draws(), getattr(planner.options, "starts", None)
    shared = starts if starts and starts < draws.chains else None
    return Sampled(draws, planned + phases.get("warmup", 0.0), shared)
