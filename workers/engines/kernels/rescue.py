"""Chains that got lost in warm-up: found by their log density, moved to where the others are.

A chain that wandered to where a scale is nearly zero, say, sits on a plateau that it leaves in
hundreds of iterations, while all the mass is elsewhere. Warm-up is there to find the typical set,
so such a chain is put where another chain is; what was done is told with the result.
"""

import torch
from torch import Tensor

from workers.engines.kernels.initial import Point

#: How far below the middle a chain's height, its mean log density, may lie: so many deviations of
#: what the other chains show; and as far as a normal's log density falls with a probability of
#: `exp(-SELDOM)`.
OF_OTHERS, SELDOM = 10.0, 12.0
#: The deviation of normal numbers in units of their median distance from the median.
NORMAL = 1.4826


def lost(height: Tensor, dim: int) -> Tensor:
    """Return which chains are lost, `C`, by their heights; of fewer than four, none."""
    if len(height) < 4:
        return torch.zeros_like(height, dtype=torch.bool)
    away = height - height.median()
    spread = NORMAL * float(away.abs().median())
    return away < -max(OF_OTHERS * spread, depth(dim))


def depth(dim: int) -> float:
    """Return how far a standard normal's log density seldom falls below its mean, in nats.

    Half a chi-square's upper tail (Laurent and Massart 2000, Annals of Statistics 28, lemma 1).
    """
    return (dim * SELDOM) ** 0.5 + SELDOM


def rescue(point: Point, height: Tensor, superchains: int) -> tuple[Point, int]:
    """Return the chains with the lost ones moved, and how many these are.

    A lost chain takes the place of the next good one of its superchain; where there is none, of
    the next good one of all.

    Args:
        point: where the chains are.
        height: `C`: the mean log density of each over some iterations: one alone says little.
        superchains: groups of adjacent chains that share a start.
    """
    bad = lost(height, point.z.shape[1])
    count = int(bad.sum())
    if not count:
        return point, 0
    chains = len(bad)
    each = chains // superchains
    good, places = (~bad).tolist(), list(range(chains))
    for chain in range(chains):
        if good[chain]:
            continue
        first = chain // each * each
        near = [first + (chain - first + step) % each for step in range(1, each)]
        others = [(chain + step) % chains for step in range(1, chains)]
        places[chain] = next(c for c in (*near, *others) if good[c])
    row = torch.tensor(places, device=bad.device)
    return Point(*(x[row] for x in point)), count
