"""Chains that got lost in warm-up: found by their log density, moved to where the others are.

A chain that wandered to where a scale is nearly zero, say, sits on a plateau that it leaves in
hundreds of iterations, while all the mass is elsewhere. Warm-up is there to find the typical set,
so such a chain is put where another chain is; what was done is told with the result.
"""

import torch
from torch import Tensor

from workers.engines.kernels.initial import Point

#: How far below the middle a chain's log density may lie, in deviations: at the typical set of a
#: normal it has the deviation `sqrt(D / 2)`, elsewhere what the other chains show.
FARTHEST = 10.0
#: The deviation of normal numbers in units of their median distance from the median.
NORMAL = 1.4826


def lost(point: Point) -> Tensor:
    """Return which chains are lost, `C`; of fewer than four, none."""
    height = point.log_density
    if len(height) < 4:
        return torch.zeros_like(height, dtype=torch.bool)
    away = height - height.median()
    spread = NORMAL * float(away.abs().median())
    return away < -FARTHEST * max(spread, (point.z.shape[1] / 2) ** 0.5)


def rescue(point: Point, superchains: int) -> tuple[Point, int]:
    """Return the chains with the lost ones moved, and how many these are.

    A lost chain takes the place of the next good one of its superchain; where there is none, of
    the next good one of all.

    Args:
        point: where the chains are.
        superchains: groups of adjacent chains that share a start.
    """
    bad = lost(point)
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
