"""BlackJAX's NUTS and window adaptation on the potential of the NumPyro model, in float64."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import blackjax
import jax
import numpy as np

from tests.benchmarks.basket import Row
from tests.benchmarks.peers import jax_density
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Run

Tree = Any


class BlackJax(AbstractSampler):
    """NUTS of BlackJAX, four chains by `vmap`, each adapted by itself."""

    packages: ClassVar[tuple[str, ...]] = ("blackjax", "jax", "jaxlib")

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        self._model = jax_density.model(row.model, data)
        _, self._potential, self._constrain = jax_density.parts(self._model, jax.random.key(0))
        self._warm_up = jax.jit(jax.vmap(self._warmed))
        self._draw = jax.jit(jax.vmap(self._drawn))

    def run(self, seed: int) -> Run:
        start = time.perf_counter()
        first, second = jax.random.split(jax.random.key(seed))
        adapted = jax.block_until_ready(self._warm_up(jax.random.split(first, CHAINS)))
        warm = time.perf_counter()
        keys = jax.random.split(second, CHAINS)
        values, steps, diverging = jax.block_until_ready(self._draw(keys, *adapted))
        draws = {name: np.asarray(value) for name, value in values.items()}
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

    def _log_density(self, z: jax_density.Point) -> jax.Array:
        return -self._potential(z)

    def _warmed(self, key: jax.Array) -> Tree:
        start, warm = jax.random.split(key)
        point, _, _ = jax_density.parts(self._model, start)
        adaptation = blackjax.window_adaptation(blackjax.nuts, self._log_density)
        (state, parameters), _ = adaptation.run(warm, point, WARMUP)
        return state, parameters["step_size"], parameters["inverse_mass_matrix"]

    def _drawn(self, key: jax.Array, state: Tree, step_size: Tree, metric: Tree) -> Tree:
        kernel = blackjax.nuts(self._log_density, step_size, metric)

        def step(now: Tree, key: jax.Array) -> tuple[Tree, Tree]:
            after, info = kernel.step(key, now)
            return after, (
                self._constrain(after.position),
                info.num_integration_steps,
                info.is_divergent,
            )

        return jax.lax.scan(step, state, jax.random.split(key, DRAWS))[1]


if __name__ == "__main__":
    serve(BlackJax)
