"""Four gigabytes of draws through two: run by the test of this name, in a process of its own.

Prints the summary, the diagnostics and the seconds that both took, as JSON. The draws are
autoregressions with known means, spreads and effective sizes.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

from tests.workers.densities import FunctionDensity
from workers.diagnostics import diagnose
from workers.draw_buffer import DrawBuffer
from workers.engines.engine import Info
from workers.store.artifacts import Artifacts
from workers.store.draws import ArrowDraws, ArrowSink
from workers.summaries import summarize

LIMIT = 2 << 30
CHAINS, DRAWS, ENTRIES, RHO = 64, 4_000, 2_000, 0.5
#: Means and spreads of the entries.
MEANS, SPREADS = torch.arange(ENTRIES) / 10, 1 + torch.arange(ENTRIES) / 100


def limit_memory() -> None:
    """Let the process allocate no more than the limit, as a small worker's container would.

    The limit is on data (heap and private memory, which Linux counts since 4.7), not on address
    space: torch maps gigabytes of libraries that it never touches, and a file that is mapped to be
    read takes addresses but no memory that the kernel could not take back at any time.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    try:
        np.ones(LIMIT // 8)
    except MemoryError:
        return
    raise AssertionError("the limit does not hold")


def sample(url: str) -> ArrowDraws:
    """Write the draws as a run does, a step at a time."""
    density = FunctionDensity(lambda x: -x.sum(1), {"x": ((ENTRIES,), "real")})
    sink = ArrowSink(Artifacts(url), "jobs/a/1", lambda kind, payload: None)
    buffer = DrawBuffer(density, sink)
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(CHAINS, ENTRIES, generator=generator, dtype=torch.float64)
    for step in range(DRAWS):
        noise = torch.randn(CHAINS, ENTRIES, generator=generator, dtype=torch.float64)
        z = RHO * z + (1 - RHO**2) ** 0.5 * noise
        stats = {"divergent": z[:, :1] > 3, "energy": z[:, :1], "acceptance": noise[:, :1]}
        buffer.add(Info("sample", step, DRAWS, (MEANS + SPREADS * z)[:, None], stats))
    buffer.flush()
    return sink.draws()


def main(folder: Path) -> None:
    limit_memory()
    torch.set_num_threads(1)  # Steps this small are slower on more.
    began = time.perf_counter()
    draws = sample(folder.as_uri())
    written = time.perf_counter()
    summary = summarize(draws, superchains=8)
    diagnostics = diagnose(draws, summary)
    answer = {
        "summary": summary["x"].model_dump(),
        "diagnostics": diagnostics.model_dump(),
        "seconds": {"write": written - began, "read": time.perf_counter() - written},
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
