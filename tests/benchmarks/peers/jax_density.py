"""A NumPyro model as functions of an unconstrained point, and what one gradient of it costs."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from numpyro.infer.util import initialize_model

from tests.benchmarks.peers.numpyro_models import MODELS
from tests.benchmarks.peers.sampler import CHAINS
from tests.benchmarks.peers.timing import seconds_per_call

numpyro.enable_x64()

Point = dict[str, jax.Array]
#: Gradients in one timed call.
_STEPS = 50


def model(name: str, data: Mapping[str, Any]) -> Callable[[], None]:
    """A row's model with its data as constants."""
    arrays = {
        key: jnp.asarray(value) if hasattr(value, "ndim") else value for key, value in data.items()
    }
    return lambda: MODELS[name](**arrays)


def parts(
    bound: Callable[[], None], key: jax.Array
) -> tuple[Point, Callable[[Point], jax.Array], Callable[[Point], Point]]:
    """Return a starting point, the potential, and the map to constrained values."""
    info = initialize_model(key, bound)
    return info.param_info.z, info.potential_fn, info.postprocess_fn


def gradient_seconds(bound: Callable[[], None]) -> float:
    """Seconds per gradient of one chain, as the samplers compute it: four chains at a time."""
    point, potential, _ = parts(bound, jax.random.key(1))
    gradient = jax.vmap(jax.grad(potential))

    @jax.jit
    def walk(points: Point) -> Point:
        def step(_: int, now: Point) -> Point:
            return jax.tree.map(lambda z, g: z - 1e-12 * g, now, gradient(now))

        return jax.lax.fori_loop(0, _STEPS, step, points)

    points = jax.tree.map(lambda z: jnp.stack([z] * CHAINS), point)
    call = lambda: jax.block_until_ready(walk(points))  # noqa: E731
    return seconds_per_call(call) / (_STEPS * CHAINS)
