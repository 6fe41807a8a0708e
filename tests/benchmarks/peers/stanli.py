"""stanli: Stan programs without a C++ toolchain. Chains run on threads, one for each core."""

import contextlib
import io
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import stanli

from tests.benchmarks.basket import HERE, Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Run
from tests.benchmarks.peers.timing import seconds_per_call

#: The one place where stanli tells how long a chain warmed up and sampled is what it prints.
_SECONDS = re.compile(r"([\d.]+) seconds \((Warm-up|Sampling)\)")


class Stanli(AbstractSampler):
    """NUTS of stanli with its defaults."""

    packages: ClassVar[tuple[str, ...]] = ("stanli",)

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        program = HERE / "stan" / f"{row.model}.stan"
        self._model = stanli.Model(stan_file=str(program), data={**sizes(data), **data})

    def run(self, seed: int) -> Run:
        printed = io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(printed):
            fit = self._model.sample(
                chains=CHAINS, seed=seed, warmup=WARMUP, samples=DRAWS, refresh=WARMUP + DRAWS
            )
        seconds = time.perf_counter() - start
        share = _warmup_share(printed.getvalue())
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


def sizes(data: Mapping[str, Any]) -> dict[str, int]:
    """What a Stan program must be told: `N`, the length of the arrays, and `K`, of their rows."""
    first = next(value for value in data.values() if np.ndim(value))
    shape = np.shape(data.get("x", first))
    return {"N": len(first), **({"K": shape[1]} if len(shape) == 2 else {})}


def _warmup_share(printed: str) -> float:
    """Of the chains' seconds together, the part that was warm-up."""
    sums = {"Warm-up": 0.0, "Sampling": 0.0}
    for seconds, phase in _SECONDS.findall(printed):
        sums[phase] += float(seconds)
    total = sum(sums.values())
    # Runs of a few milliseconds are printed as 0.000.
    return sums["Warm-up"] / total if total > 0 else WARMUP / (WARMUP + DRAWS)


if __name__ == "__main__":
    serve(Stanli)
