"""Stein's discrepancy of particles, and the direction in which moving them lowers it fastest.

Liu and Wang, Stein variational gradient descent (2016), eq. 8, with their kernel
`k(x, y) = exp(-|x - y|^2 / h)`, `h` the median squared distance over the log of the number of
particles. The direction's norm in the kernel's space is the kernelised Stein discrepancy of Liu,
Lee and Jordan (2016), eq. 6, and of Chwialkowski, Strathmann and Gretton (2016), summed over all
pairs. Zero says that no function of that space tells the particles from the target by Stein's
identity. The kernel is near constant in many dimensions, where it sees means but hardly spreads.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Stein(NamedTuple):
    """What the kernel says of `S` particles in `D` dimensions."""

    #: `S x D`: where to move each.
    direction: Tensor
    #: The discrepancy; and what it is, in the root of the mean square, of as many independent draws
    #: of the target that lie as these do.
    discrepancy: float
    independent: float


def stein(x: Tensor, score: Tensor) -> Stein:
    """Measure particles `x`: `S x D`, of a target with gradients `score`: `S x D` there."""
    count, dim = x.shape
    squares = (x * x).sum(1)
    apart = (squares[:, None] + squares - 2.0 * x @ x.T).clamp(min=0.0)
    width = _width(apart)
    kernel = (-apart / width).exp()
    pull = 2.0 / width
    direction = (kernel @ score + pull * (x * kernel.sum(1, keepdim=True) - kernel @ x)) / count
    own, across = (score * x).sum(1), score @ x.T
    along = own[:, None] + own - across - across.T
    pairs = score @ score.T + pull * (along + dim) - (pull * pull) * apart
    each = (score * score).sum(1) + pull * dim
    total = float((kernel * pairs).mean())
    # Rounding may take a discrepancy of nothing below zero.
    return Stein(direction, math.sqrt(max(total, 0.0)), math.sqrt(float(each.mean()) / count))


def spread(x: Tensor, score: Tensor) -> float:
    """Return how wide particles lie, as a share of the target's variance, over all coordinates.

    By Stein's identity the mean of `(mean - x) score` over the target is 1 in every coordinate. Of
    particles whose variance is too small it is as much smaller, exactly so for a normal.
    """
    count, dim = x.shape
    share = float(((x.mean(0) - x) * score).sum()) / (count * dim)
    return share * count / (count - 1)


def _width(apart: Tensor) -> float:
    """Return `h` from the squared distances, `S x S`."""
    median = float(apart[~torch.eye(len(apart), dtype=torch.bool, device=apart.device)].median())
    # Particles may lie in one place.
    return max(median, torch.finfo(apart.dtype).eps) / math.log(len(apart) + 1)
