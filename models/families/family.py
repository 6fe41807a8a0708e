"""The one base of our own distributions: named parameters, expanded together, never validated."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions.constraints import Constraint


class AbstractFamily(TorchDistribution):  # type: ignore[misc]
    """A distribution that is a function of named parameter tensors.

    A family names its parameters' event dimensions in `ranks`; the rest of each parameter's shape
    is batch, and the batches are broadcast against one another.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    #: Parameter -> number of its event dimensions, where that is not 0.
    ranks: ClassVar[dict[str, int]] = {}
    #: Arguments that were plain numbers: bounds of a support that are known without any tensor.
    literals: Mapping[str, float] = MappingProxyType({})

    def __init__(self, parameters: dict[str, Tensor], event_shape: tuple[int, ...] = ()) -> None:
        shapes = [self._batch_of(name, tensor) for name, tensor in parameters.items()]
        batch_shape = torch.broadcast_shapes(*shapes)
        self.parameters = parameters
        for name, tensor in parameters.items():
            own = tensor.shape[tensor.dim() - self.ranks.get(name, 0) :]
            setattr(self, name, tensor.expand(batch_shape + own))
        super().__init__(batch_shape, torch.Size(event_shape), validate_args=False)

    def _batch_of(self, name: str, tensor: Tensor) -> torch.Size:
        return tensor.shape[: tensor.dim() - self.ranks.get(name, 0)]

    def expand(
        self, batch_shape: tuple[int, ...], _instance: "AbstractFamily | None" = None
    ) -> "AbstractFamily":
        """Return the distribution with its batch dimensions expanded, as torch's `expand`."""
        batch_shape = torch.Size(batch_shape)
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        for name, tensor in self.parameters.items():
            own = tensor.shape[tensor.dim() - self.ranks.get(name, 0) :]
            setattr(new, name, getattr(self, name).expand(batch_shape + own))
        new._batch_shape = batch_shape
        return new

    def bound(self, name: str) -> Tensor | float:
        """Return an argument as a bound of the support: a number where it was given as one."""
        tensor: Tensor = getattr(self, name)
        return self.literals.get(name, tensor)

    @property
    def _any(self) -> Tensor:
        """A parameter, to make others of its dtype and device."""
        return next(iter(self.parameters.values()))

    def _uniform(self, sample_shape: tuple[int, ...]) -> Tensor:
        """Uniform numbers strictly between 0 and 1, in the shape of a sample."""
        shape = self._extended_shape(sample_shape)
        tiny = torch.finfo(self._any.dtype).tiny
        return torch.rand(shape, dtype=self._any.dtype, device=self._any.device).clamp(min=tiny)

    def _normal(self, sample_shape: tuple[int, ...]) -> Tensor:
        """Standard normal numbers in the shape of a sample."""
        shape = self._extended_shape(sample_shape)
        return torch.randn(shape, dtype=self._any.dtype, device=self._any.device)
