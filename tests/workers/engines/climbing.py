"""A climb to its end without the runner, and densities to climb."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.density import AbstractLogDensity
from tests.workers.densities import FunctionDensity
from workers.engines.map import Map
from workers.engines.mle import Mle
from workers.results import Findings


class NoDraws:
    """What an optimiser has."""

    chains = 0
    draws = 0

    def names(self) -> tuple[str, ...]:
        return ()

    def values(self, name: str) -> np.ndarray:
        raise KeyError(name)

    def stats(self, name: str) -> None:
        return None


def climb(engine: Mle | Map, density: AbstractLogDensity, seed: int = 1) -> Findings:
    state = engine.init(density, torch.Generator().manual_seed(seed))
    while (outcome := engine.done(state)) is None:
        state, _ = engine.step(density, state)
    return engine.finish(density, state, outcome, NoDraws())


def normal(x: Tensor, loc: Tensor | float, scale: Tensor | float) -> Tensor:
    scale = torch.as_tensor(scale, dtype=x.dtype)
    return -0.5 * ((x - loc) / scale) ** 2 - scale.log() - 0.5 * np.log(2 * np.pi)


def tensor(values: object) -> Tensor:
    return torch.tensor(np.array(values, dtype=float))


def logistic(design: Tensor, y: Tensor) -> FunctionDensity:
    def likelihood(x: Tensor) -> Tensor:
        eta = x @ design.T
        return y * eta - softplus(eta)

    return FunctionDensity(likelihood, {"beta": ((design.shape[1],), "real")})


def poisson(design: Tensor, y: Tensor) -> FunctionDensity:
    def likelihood(x: Tensor) -> Tensor:
        eta = x @ design.T
        return y * eta - eta.exp() - torch.lgamma(y + 1)

    return FunctionDensity(likelihood, {"beta": ((design.shape[1],), "real")})
