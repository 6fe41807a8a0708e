"""What an optimiser is to a climb: rows of points, each on its own path, advanced together."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workers.engines.kernels.objective import Objective


class Climbers(Protocol):
    """Where `C` rows stand; `C` each, or `C x D`."""

    @property
    def z(self) -> Tensor:
        """The points."""

    @property
    def value(self) -> Tensor:
        """The objective there."""

    @property
    def gradient(self) -> Tensor:
        """Its gradient."""

    @property
    def gain(self) -> Tensor:
        """How much the last iteration gained."""

    @property
    def promise(self) -> Tensor:
        """What the next step may gain, by the optimiser's own estimate."""

    @property
    def stuck(self) -> Tensor:
        """Whether the row finds no lower point."""


@dataclass(frozen=True)
class Descent:
    """The rows of an optimiser that remembers little."""

    z: Tensor
    value: Tensor
    gradient: Tensor
    gain: Tensor
    promise: Tensor
    stuck: Tensor
    #: `C`: how far it dares to step, in the optimiser's own units; 0 before the first step.
    reach: Tensor


class AbstractOptimizer(ABC):
    """A way down. Stateless: all that moves is in the rows."""

    #: Whether it takes a matrix of `D x D` per row.
    square: bool = False

    @abstractmethod
    def start(self, objective: Objective, z: Tensor) -> Climbers:
        """Begin at `z`: `C x D` in float64."""

    @abstractmethod
    def step(self, objective: Objective, rows: Climbers, active: Tensor) -> Climbers:
        """Advance the active rows, `C` booleans, by one iteration."""


def start_descent(objective: Objective, z: Tensor) -> Descent:
    """Return rows that have gone nowhere yet."""
    value, gradient = objective(z)
    far = torch.full_like(value, torch.inf)
    return Descent(z, value, gradient, far, far, ~value.isfinite(), torch.zeros_like(value))
