"""stanli: Stan programs without a C++ toolchain. Chains run on threads, one for each core."""

import contextlib
import io
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import stanli

from tests.benchmarks import stan_programs
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.phases import warmup_share
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Run
from tests.benchmarks.peers.timing import seconds_per_call


class Stanli(AbstractSampler):
    """NUTS of stanli with its defaults."""

    packages: ClassVar[tuple[str, ...]] = ("stanli",)

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        self._model = stanli.Model(
            stan_code=stan_programs.source(row), data=stan_programs.with_sizes(data)
        )

    def run(self, seed: int) -> Run:
        printed = io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(printed):
            fit = self._model.sample(
                chains=CHAINS, seed=seed, warmup=WARMUP, samples=DRAWS, refresh=WARMUP + DRAWS
            )
        seconds = time.perf_counter() - start
        # What it prints is the one place where it tells how long a chain took to what.
        share = warmup_share(printed.getvalue(), WARMUP / (WARMUP + DRAWS))
        steps = fit.sampler_stats[:, :, stanli.SAMPLER_COLUMNS.index("n_leapfrog__")]
        return Run(
            warmup=seconds * share,
            sample=seconds * (1 - share),
            draws={n: fit.draws(n) for n in (*self._row.parameters, *self._row.derived)},
            leapfrogs=float(steps.mean()),
            divergences=int(fit.divergences.sum()),
        )

    def gradient_seconds(self) -> float:
        point = 0.1 * np.random.default_rng(1).standard_normal(self._model.n_unconstrained)
        return seconds_per_call(lambda: self._model.log_prob_grad(point))


if __name__ == "__main__":
    serve(Stanli)
