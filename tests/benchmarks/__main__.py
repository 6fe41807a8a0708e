"""`make bench`: our gradient and our NUTS beside Pyro's, in one process, one thread, one run.

Run it with nothing else on the machine. Prints a table and writes `build/bench.json`.
"""

import json
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.traced import TracedDensity
from tests.acceptance.posteriors import data, definition
from tests.benchmarks import peers
from workers.draws import MemorySink
from workers.engines import build_engine
from workers.engines.nuts import NutsOptions
from workers.runner import run

MODELS = ("eight_schools", "kidiq", "nes2000")
CHAINS, WARMUP, DRAWS, SEED = 4, 1000, 1000, 20_261_123
PYRO_WARMUP, PYRO_DRAWS = 200, 200
REPEATS, GRADIENTS = 3, 300


class NeverStop:
    """Lets every run go to its end."""

    def stop(self) -> None:
        """Return None: go on."""


@dataclass(frozen=True)
class Row:
    """One model: medians over the repeats."""

    model: str
    dimension: int
    #: Seconds from definition and data to the first gradient.
    cold_seconds: float
    #: Microseconds per gradient of a batch of 4 chains; of one chain of Pyro's.
    gradient_us: float
    pyro_gradient_us: float
    #: Seconds of warmup and draws, and smallest bulk ESS per second.
    seconds: float
    ess_per_second: float
    pyro_ess_per_second: float


def main() -> None:
    """Measure the models named on the command line, or all, and print the table."""
    torch.set_num_threads(1)
    rows = [measure(name) for name in sys.argv[1:] or MODELS]
    print("| model | D | cold s | us / gradient x 4 | Pyro, x 1 | s | ESS/s | Pyro's | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        ratio = row.ess_per_second / row.pyro_ess_per_second
        print(
            f"| {row.model} | {row.dimension} | {row.cold_seconds:.2f} | {row.gradient_us:.0f} "
            f"| {row.pyro_gradient_us:.0f} | {row.seconds:.1f} | {row.ess_per_second:.0f} "
            f"| {row.pyro_ess_per_second:.1f} | {ratio:.0f} |"
        )
    target = Path("build") / "bench.json"
    target.parent.mkdir(exist_ok=True)
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    target.write_text(json.dumps({"versions": versions, "rows": [asdict(r) for r in rows]}))


def measure(name: str) -> Row:
    """Measure one model."""
    start = time.perf_counter()
    density = compile_model(parse_definition(definition(name)), load_data(data(name)))
    z = torch.zeros(CHAINS, density.dim, dtype=torch.float64)
    density.value_and_grad(z)
    cold = time.perf_counter() - start
    ours = [our_nuts(density, SEED + i) for i in range(REPEATS)]
    theirs = [peers.nuts(name, PYRO_WARMUP, PYRO_DRAWS, SEED + i) for i in range(REPEATS)]
    return Row(
        model=name,
        dimension=density.dim,
        cold_seconds=cold,
        gradient_us=gradient_seconds(density, z) * 1e6,
        pyro_gradient_us=peers.gradient_seconds(name, GRADIENTS) * 1e6,
        seconds=statistics.median(seconds for seconds, _ in ours),
        ess_per_second=statistics.median(ess / seconds for seconds, ess in ours),
        pyro_ess_per_second=statistics.median(ess / seconds for seconds, ess in theirs),
    )


def gradient_seconds(density: TracedDensity, z: torch.Tensor) -> float:
    """Seconds per gradient of a batch, replayed."""
    start = time.perf_counter()
    for _ in range(GRADIENTS):
        density.value_and_grad(z)
    return (time.perf_counter() - start) / GRADIENTS


def our_nuts(density: TracedDensity, seed: int) -> tuple[float, float]:
    """Seconds and smallest bulk ESS over the parameters of our NUTS."""
    engine = build_engine(NutsOptions(kind="nuts", chains=CHAINS, warmup=WARMUP, draws=DRAWS))
    sink = MemorySink()
    start = time.perf_counter()
    run(engine, density, seed=seed, sink=sink, control=NeverStop())
    seconds = time.perf_counter() - start
    draws = sink.draws()
    return seconds, peers.smallest_ess({p.name: draws.values(p.name) for p in density.parameters})


if __name__ == "__main__":
    main()
