"""Pyro's own samplers on the same model texts and data."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from arviz_stats.base import array_stats
from pyro.distributions.transforms import biject_to
from pyro.infer import MCMC, NUTS
from pyro.infer.mcmc.util import initialize_model

from tests.acceptance.posteriors import data, definition

#: The deepest nesting among our models; Pyro would else find it by sampling the prior.
PLATES = 1


def pyro_model(name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The model text as a Python function, and its data as tensors in float64."""
    scope: dict[str, Any] = {"pyro": pyro, "dist": dist, "torch": torch}
    exec(compile(definition(name)["source"], name, "exec"), scope)
    arrays = {k: torch.as_tensor(v, dtype=torch.float64) for k, v in data(name).items()}
    sizes = {k: int(v) for k, v in data(name).items() if isinstance(v, int)}
    return scope["model"], {**arrays, **sizes}


def start_near_zero(site: dict[str, Any]) -> torch.Tensor:
    """Start a site uniformly in (-2, 2), unconstrained: Pyro's own way samples the prior first,
    which a flat one cannot be.
    """
    support = biject_to(site["fn"].support)
    shape = support.inverse_shape(site["fn"].shape())
    return support(4 * torch.rand(shape, dtype=torch.float64) - 2)


def gradient_seconds(name: str, repeats: int) -> float:
    """Seconds per gradient of one chain, through Pyro's potential function."""
    model, arrays = pyro_model(name)
    initial, potential, _, _ = initialize_model(
        model, model_kwargs=arrays, init_strategy=start_near_zero, max_plate_nesting=PLATES
    )
    names = list(initial)
    z = [initial[n].detach().requires_grad_() for n in names]

    def gradient() -> None:
        energy = potential(dict(zip(names, z, strict=True)))
        torch.autograd.grad(energy, z)

    for _ in range(10):
        gradient()
    start = time.perf_counter()
    for _ in range(repeats):
        gradient()
    return (time.perf_counter() - start) / repeats


def nuts(name: str, warmup: int, draws: int, seed: int) -> tuple[float, float]:
    """Seconds and smallest bulk ESS of one chain of Pyro's NUTS."""
    model, arrays = pyro_model(name)
    pyro.set_rng_seed(seed)
    kernel = NUTS(model, init_strategy=start_near_zero, max_plate_nesting=PLATES)
    mcmc = MCMC(kernel, num_samples=draws, warmup_steps=warmup, disable_progbar=True)
    start = time.perf_counter()
    mcmc.run(**arrays)
    seconds = time.perf_counter() - start
    return seconds, smallest_ess({k: v[None].numpy() for k, v in mcmc.get_samples().items()})


def smallest_ess(values: dict[str, np.ndarray[Any, Any]]) -> float:
    """The smallest bulk ESS over every entry; each array is chains x draws x shape."""
    columns = [v.reshape(*v.shape[:2], -1) for v in values.values()]
    entries = [column[..., i] for column in columns for i in range(column.shape[-1])]
    return min(float(array_stats.ess(entry, method="bulk")) for entry in entries)
