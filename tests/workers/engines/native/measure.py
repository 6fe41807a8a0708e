"""What a leapfrog and a call cost: `python -m tests.workers.engines.native.measure`.

Two densities that are as fast as C++ makes them: a standard normal, where the runtime itself is
what is measured, and one of 50 operations per coordinate.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from models.native.handle import DensityHandle
from models.toolchain import default_cache
from tests.workers.engines.native.compiled import described
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric
from workers.engines.native.metric import NativeMetric, bind
from workers.engines.native.outcomes import Moves
from workers.engines.native.runtime import Runtime, load_runtime

# The lanes as vectors. `work` is done to every coordinate.
SOURCE = """
#include "density.h"

typedef REAL real;
constexpr int64_t D = DIM, W = 64 / sizeof(real);
typedef real V __attribute__((vector_size(64)));

static V work(V x) {
  V y = x;
  for (int n = 0; n < WORK; ++n) y = y * real(0.5) + x * real(0.5);
  return y;
}
static void both(const void* const*, const void* z, double* value, void* gradient, void*) {
  V sum = {};
  for (int64_t d = 0; d < D; ++d) {
    const V x = ((const V*)z)[d];
    const V y = work(x);
    sum += x * y;
    ((V*)gradient)[d] = -y;
  }
  for (int64_t l = 0; l < W; ++l) value[l] = -0.5 * sum[l];
}
static void force(const void* const*, const void* z, void* gradient, void*) {
  for (int64_t d = 0; d < D; ++d) ((V*)gradient)[d] = -work(((const V*)z)[d]);
}
extern "C" void describe(CredenceDensity* density, const void* const* arrays) {
  *density = {D, W, sizeof(real), SCRATCH, arrays, both, force};
}
"""


def seconds(run: Callable[[], object], threads: int = 1, repeats: int = 9) -> float:
    """Return the shortest time of one call, over batches of about 20 ms.

    One thread's time is its own, whatever else the machine does; several threads' is the clock's.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    begin = clock()
    run()
    count = max(1, int(0.02 / (clock() - begin)))
    best = float("inf")
    for _ in range(repeats):
        begin = clock()
        for _ in range(count):
            run()
        best = min(best, (clock() - begin) / count)
    return best


def report(
    runtime: Runtime, density: DensityHandle, metric: NativeMetric, chains: int, threads: int
) -> str:
    """Return one line of numbers."""
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(chains, density.dim, generator=generator, dtype=torch.float64)
    z, p = z.to(density.dtype), z.flip(0).to(density.dtype).contiguous()
    point = Point(z, *runtime.evaluate(density, z))
    size = torch.full((chains,), 0.1, dtype=torch.float64)
    log_u = torch.zeros_like(size)

    def hmc(leaps: int) -> float:
        count = torch.full((chains,), leaps, dtype=torch.int64)
        return seconds(
            lambda: runtime.hmc(density, metric, point, p, size, count, log_u, threads=threads),
            threads,
        )

    streams, step = runtime.streams(1, chains), 3 * size

    def nuts() -> Moves:
        return runtime.nuts(density, metric, point, streams, step, 50, 10, threads=threads)

    leapfrog = seconds(nuts, threads) * chains / float(nuts().leapfrogs.sum())
    one, many = hmc(1), hmc(201)
    evaluation = seconds(lambda: runtime.evaluate(density, z, threads), threads)
    return (
        f"hmc {(many - one) / 200 * 1e6:7.2f} us a leapfrog, a call of one {one * 1e6:6.1f} us;"
        f" nuts {leapfrog * 1e6:7.2f} us; evaluate {evaluation * 1e6:6.1f} us"
    )


def metrics(dim: int, dtype: torch.dtype) -> dict[str, NativeMetric]:
    """Return the identity as a metric of each kind."""
    scale, eye = torch.ones(dim, dtype=dtype), torch.eye(dim, dtype=dtype)
    rank = min(4, dim)
    low = Metric(scale, vectors=eye[:, :rank], stretch=torch.zeros(rank, dtype=dtype))
    kinds = {"diagonal": Metric(scale), "low rank": low, "dense": Metric(scale, root=eye)}
    return {name: bind(metric) for name, metric in kinds.items()}


def main(cache_dir: Path) -> None:
    """Print a table."""
    torch.set_num_threads(1)
    runtime = load_runtime(cache_dir)
    cases = [
        (64, 10, 0, 1), (64, 10, 25, 1), (64, 10, 25, 2), (4, 10, 0, 1), (1024, 10, 25, 1),
        (1024, 10, 25, 2), (64, 100, 25, 1), (64, 1000, 25, 1),
    ]  # fmt: skip
    for dtype in (torch.float64, torch.float32):
        for chains, dim, work, threads in cases:
            density = described(SOURCE, {"WORK": str(work)}, dim, cache_dir, dtype)
            for name, metric in metrics(dim, dtype).items():
                line = report(runtime, density, metric, chains, threads)
                print(
                    f"{str(dtype)[6:]} {chains:5} chains x {dim:4} {2 * work:3} flops "
                    f"{threads} threads {name:9} {line}",
                    flush=True,
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default_cache())
