"""Random walks."""

import math

import torch
from pyro.distributions import constraints
from torch import Tensor

from models.families.family import AbstractFamily


class GaussianRandomWalk(AbstractFamily):
    """x[0] ~ Normal(0, scale), x[t] ~ Normal(x[t - 1], scale): NumPyro's, which Pyro lacks.

    Args:
        scale: standard deviation of every step, the first from 0 included.
        num_steps: length of the walk.
    """

    support = constraints.real_vector

    def __init__(self, scale: Tensor, num_steps: int) -> None:
        super().__init__({"scale": scale}, (num_steps,))
        self.num_steps = num_steps

    def log_prob(self, value: Tensor) -> Tensor:
        step = torch.cat([value[..., :1], value[..., 1:] - value[..., :-1]], dim=-1)
        z = step / self.scale.unsqueeze(-1)
        constant = self.scale.log() + 0.5 * math.log(2 * math.pi)
        return -0.5 * (z * z).sum(-1) - self.num_steps * constant

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return self.scale.unsqueeze(-1) * self._normal(sample_shape).cumsum(-1)
