"""Flat priors."""

import torch
from torch import Tensor
from torch.distributions.constraints import Constraint

from models.families.family import AbstractFamily


class ImproperUniform(AbstractFamily):
    """Log density 0 on a support, in the value's dtype (Pyro's is in torch's default one)."""

    def __init__(
        self, support: Constraint, batch_shape: tuple[int, ...], event_shape: tuple[int, ...]
    ) -> None:
        super().__init__({}, event_shape)
        self._batch_shape = torch.Size(batch_shape)
        self._support = support

    @property
    def support(self) -> Constraint:
        return self._support

    def log_prob(self, value: Tensor) -> Tensor:
        batch = value.shape[: value.dim() - len(self.event_shape)]
        return value.new_zeros(()).expand(torch.broadcast_shapes(batch, self.batch_shape))

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        raise NotImplementedError("a flat prior cannot be sampled")
