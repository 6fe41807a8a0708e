"""Running mean and variance of each chain's positions.

Welford, Note on a method for calculating corrected sums of squares (Technometrics 4, 1962).
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Welford:
    """Moments so far, in float64."""

    count: int
    #: `C x D`.
    mean: Tensor
    #: `C x D`: sum of squared deviations from the mean.
    squares: Tensor


def start(chains: int, dim: int, device: torch.device) -> Welford:
    """Return the moments of nothing."""
    zero = torch.zeros(chains, dim, dtype=torch.float64, device=device)
    return Welford(0, zero, zero)


def update(state: Welford, z: Tensor) -> Welford:
    """Return the moments with one more position per chain, `z`: `C x D`."""
    count = state.count + 1
    away = z.double() - state.mean
    mean = torch.add(state.mean, away, alpha=1.0 / count)
    return Welford(count, mean, torch.addcmul(state.squares, away, z - mean))


def variance(state: Welford) -> Tensor:
    """Return the sample variance, `C x D`; zero before the second position."""
    return state.squares / max(1, state.count - 1)
