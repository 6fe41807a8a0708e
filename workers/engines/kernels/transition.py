"""What a transition is: from one point per chain to the next, leaving the target invariant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric


@dataclass(frozen=True)
class Transition:
    """The outcome of one transition of every chain."""

    point: Point
    #: `C`: mean acceptance probability, what the step size is tuned on.
    acceptance: Tensor
    #: `C`: whether the energy error went out of bounds.
    divergent: Tensor
    #: `C`: the Hamiltonian at the point drawn.
    energy: Tensor
    #: `C`: gradients used.
    leapfrogs: Tensor
    #: More statistics by name, each `C`.
    stats: Mapping[str, Tensor]


class Proposed(NamedTuple):
    """A transition, and the proposal that it took or left."""

    made: Transition
    #: `C x D`: the end of the trajectory, and its momentum in whitened coordinates.
    z: Tensor
    p: Tensor


class Kernel(Protocol):
    """A way to make transitions."""

    def __call__(
        self,
        density: AbstractLogDensity,
        point: Point,
        step_size: Tensor,
        metric: Metric,
        generator: torch.Generator,
    ) -> Transition:
        """Return the next transition.

        Args:
            density: the target.
            point: where the chains are.
            step_size: `C` in float64.
            metric: under which the chains move.
            generator: randomness; every call takes the same amount, whatever the chains do.
        """
