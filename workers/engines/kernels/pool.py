"""Recent positions of all chains with their gradients: what a metric is learnt from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels.initial import Point

#: Iterations that are kept, and numbers in their positions, at the most.
MOST_ROWS, MOST_NUMBERS = 512, 1 << 22
#: However large a row is, so many are kept.
FEWEST_ROWS = 8


@dataclass(frozen=True)
class Pool:
    """The iterations of a window, thinned evenly where they are many."""

    #: One `C x D` tensor per kept iteration.
    z: tuple[Tensor, ...] = ()
    gradient: tuple[Tensor, ...] = ()
    #: Iterations seen; of these every `every`-th is kept.
    seen: int = 0
    every: int = 1

    def stacked(self) -> tuple[Tensor, Tensor]:
        """Return positions and gradients, `N x C x D` each in float64."""
        return torch.stack(self.z).double(), torch.stack(self.gradient).double()


def add(pool: Pool, point: Point) -> Pool:
    """Return the pool with one more iteration."""
    seen = pool.seen + 1
    if pool.seen % pool.every:
        return Pool(pool.z, pool.gradient, seen, pool.every)
    z, gradient = (*pool.z, point.z), (*pool.gradient, point.gradient)
    if len(z) <= max(FEWEST_ROWS, min(MOST_ROWS, MOST_NUMBERS // point.z.numel())):
        return Pool(z, gradient, seen, pool.every)
    return Pool(z[::2], gradient[::2], seen, 2 * pool.every)
