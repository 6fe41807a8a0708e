"""NumPyro's NUTS: four chains as one vectorised program, in float64.

NumPyro's `MCMC` compiles anew at every run. Its kernel is driven here by a loop of ours, compiled
once, so that a warm run is sampling alone.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np
from numpyro.infer import NUTS

from tests.benchmarks.basket import Row
from tests.benchmarks.peers import jax_density
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Run

#: The state after the warm-up, or what is kept of each draw.
Tree = Any


class NumPyro(AbstractSampler):
    """NUTS of NumPyro with its defaults."""

    packages: ClassVar[tuple[str, ...]] = ("numpyro", "jax", "jaxlib")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        self._model = jax_density.model(row.model, data)
        self._kernel = NUTS(self._model)
        self._warm_up, self._draw = jax.jit(self._warmed), jax.jit(self._drawn)

    def run(self, seed: int) -> Run:
        start = time.perf_counter()
        keys = jax.random.split(jax.random.key(seed), CHAINS)
        state = jax.block_until_ready(self._warm_up(keys))
        warm = time.perf_counter()
        values, steps, diverging = jax.block_until_ready(self._draw(state))
        draws = {name: np.swapaxes(np.asarray(value), 0, 1) for name, value in values.items()}
        end = time.perf_counter()
        return Run(
            warmup=warm - start,
            sample=end - warm,
            draws=draws,
            leapfrogs=float(steps.mean()),
            divergences=int(diverging.sum()),
        )

    def gradient_seconds(self) -> float:
        return jax_density.gradient_seconds(self._model)

    def _warmed(self, keys: jax.Array) -> Tree:
        state = self._kernel.init(keys, WARMUP, None, (), {})
        return jax.lax.fori_loop(0, WARMUP, lambda _, now: self._kernel.sample(now, (), {}), state)

    def _drawn(self, state: Tree) -> Tree:
        constrain = jax.vmap(self._kernel.postprocess_fn((), {}))

        def step(now: Tree, _: None) -> tuple[Tree, Tree]:
            after = self._kernel.sample(now, (), {})
            return after, (constrain(after.z), after.num_steps, after.diverging)

        return jax.lax.scan(step, state, None, length=DRAWS)[1]


if __name__ == "__main__":
    serve(NumPyro)
