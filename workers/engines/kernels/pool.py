"""Recent positions of all chains with their gradients: what a metric is learnt from."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

#: Iterations that are kept, and numbers in their positions, at the most.
MOST_ROWS, MOST_NUMBERS = 512, 1 << 22
#: However large a row is, so many are kept.
FEWEST_ROWS = 8
#: A chain is out of line when it is so many spreads away from the others, or so many times as wide.
FAR, WIDE = 6.0, 30.0


@dataclass(frozen=True)
class Pool:
    """The iterations of a window, thinned evenly where they are many."""

    #: One `C x D` tensor per kept iteration.
    z: tuple[Tensor, ...] = ()
    gradient: tuple[Tensor, ...] = ()
    #: Iterations seen; of these every `every`-th is kept.
    seen: int = 0
    every: int = 1

    @cached_property
    def finite(self) -> tuple[Tensor, Tensor, Tensor]:
        """Positions and gradients of the chains that are finite throughout, `N x C x D` each, and
        which of these are where the others are, `C`."""
        z, gradient = self.stacked()
        whole = (z.isfinite() & gradient.isfinite()).all(2).all(0)
        if not bool(whole.all()):
            z, gradient = z[:, whole], gradient[:, whole]
        few = z.shape[1] <= 2
        near = torch.ones(z.shape[1], dtype=torch.bool, device=z.device) if few else in_line(z)
        return z, gradient, near

    @property
    def in_line(self) -> bool:
        """Whether every chain is finite throughout and where the others are."""
        near = self.finite[2]
        return len(near) == len(self.z[0]) and bool(near.all())

    def stacked(self) -> tuple[Tensor, Tensor]:
        """Return positions and gradients, `N x C x D` each in float64."""
        return torch.stack(self.z).double(), torch.stack(self.gradient).double()


def add(pool: Pool, z: Tensor, gradient: Tensor) -> Pool:
    """Return the pool with one more iteration, `C x D` each."""
    seen = pool.seen + 1
    if pool.seen % pool.every:
        return Pool(pool.z, pool.gradient, seen, pool.every)
    most = max(FEWEST_ROWS, min(MOST_ROWS, MOST_NUMBERS // z.numel()))
    every_z, every_gradient = (*pool.z, z), (*pool.gradient, gradient)
    if len(every_z) <= most:
        return Pool(every_z, every_gradient, seen, pool.every)
    return Pool(every_z[::2], every_gradient[::2], seen, 2 * pool.every)


def in_line(z: Tensor) -> Tensor:
    """Return which chains are where the others are, `C`, from positions `N x C x D`.

    Centre and spread are medians over chains, which a minority of stuck or lost chains cannot move.
    """
    means = z.mean(0)  # C x D
    widths = (z - means).square().mean(0).sqrt()
    away = (means - means.median(0).values).abs()
    width = widths.median(0).values
    spread = torch.maximum(1.4826 * away.median(0).values, width)
    good = (away <= FAR * spread) & (widths <= WIDE * spread)
    return good.all(1)
