"""nutpie on a PyMC model compiled by Numba. Chains run on threads, one for each core."""

import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import nutpie

from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.pymc_models import build
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, AbstractSampler, Run


class Nutpie(AbstractSampler):
    """NUTS of nutpie with its defaults, a warm-up of 400 among them."""

    packages: ClassVar[tuple[str, ...]] = ("nutpie", "pymc", "pytensor", "numba")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        self._compiled = nutpie.compile_pymc_model(build(row.model, data))

    def run(self, seed: int) -> Run:
        start = time.perf_counter()
        trace = nutpie.sample(
            self._compiled,
            draws=DRAWS,
            chains=CHAINS,
            cores=os.cpu_count(),
            seed=seed,
            progress_bar=False,
        )
        seconds = time.perf_counter() - start
        steps = trace.sample_stats["n_steps"].values
        warm_steps = np.nan_to_num(trace.warmup_sample_stats["n_steps"].values)
        # The phases are not timed apart: every leapfrog is taken to last as long.
        share = float(warm_steps.sum() / (warm_steps.sum() + steps.sum()))
        names = (*self._row.parameters, *self._row.derived)
        return Run(
            warmup=seconds * share,
            sample=seconds * (1 - share),
            draws={name: trace.posterior[name].values for name in names},
            leapfrogs=float(steps.mean()),
            divergences=int(trace.sample_stats["diverging"].values.sum()),
        )

    def gradient_seconds(self) -> None:
        """Its compiled density is a pointer to machine code, not to be called from Python."""
        return


if __name__ == "__main__":
    serve(Nutpie)
