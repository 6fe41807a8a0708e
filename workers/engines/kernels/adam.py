"""Adam, as a function from state to state.

Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FIRST, SECOND = 0.9, 0.99
EPSILON = 1e-8


@dataclass(frozen=True)
class AdamState:
    """Moving moments of the gradient of every parameter tensor."""

    steps: int
    mean: tuple[Tensor, ...]
    square: tuple[Tensor, ...]


def start_adam(parameters: tuple[Tensor, ...]) -> AdamState:
    """Begin with moments of zero."""
    zeros = tuple(torch.zeros_like(p) for p in parameters)
    return AdamState(0, zeros, zeros)


def step_adam(
    state: AdamState, parameters: tuple[Tensor, ...], uphill: tuple[Tensor, ...], rate: float
) -> tuple[AdamState, tuple[Tensor, ...]]:
    """Move the parameters up the gradient; each entry by about `rate` at most.

    The second moment forgets faster than in the paper (0.99, not 0.999): the scale of the gradient
    falls by orders of magnitude on the way, and the steps should follow.
    """
    count = state.steps + 1
    mean = tuple(FIRST * m + (1 - FIRST) * g for m, g in zip(state.mean, uphill, strict=True))
    square = tuple(
        SECOND * s + (1 - SECOND) * g**2 for s, g in zip(state.square, uphill, strict=True)
    )
    first, second = 1 - FIRST**count, 1 - SECOND**count
    moved = tuple(
        p + rate * (m / first) / ((s / second).sqrt() + EPSILON)
        for p, m, s in zip(parameters, mean, square, strict=True)
    )
    return AdamState(count, mean, square), moved
