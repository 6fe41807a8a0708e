"""R-hat of a run under way: cheap enough for a progress bar.

The potential scale reduction of Gelman and Rubin (Statistical Science 7, 1992) in the form of
Vehtari et al. (2021), equations 1 to 4, neither split nor rank-normalised: the result's own R-hat
is stricter. Shape letters: `C` chains, `K` draws of a block, `D` unconstrained dimension.
"""

import torch
from torch import Tensor

from workers.checkpoints.checkpoint import Spread

#: Draws per chain below which there is no number.
FEWEST = 4


class RunningRHat:
    """Mean and spread of every chain so far; no draw is kept."""

    def __init__(self, earlier: Spread | None = None) -> None:
        """Begin, or go on from what an interrupted run had seen."""
        self._count = 0
        #: `C x D` each: means, and sums of squared distances from them.
        self._mean = self._spread = torch.zeros(())
        if earlier is not None:
            self._count, self._mean, self._spread = earlier.count, earlier.mean, earlier.spread

    def spread(self) -> Spread | None:
        """Return all that was seen; None where that is nothing."""
        return Spread(self._count, self._mean, self._spread) if self._count else None

    def add(self, z: Tensor) -> None:
        """Take `C x K x D` unconstrained draws.

        Two blocks are joined as by Chan, Golub and LeVeque (1983), equation 2.1.
        """
        z = z.detach().to(torch.float64)
        count = z.shape[1]
        mean = z.mean(1)
        spread = (z - mean[:, None]).square().sum(1)
        if self._count:
            total = self._count + count
            shift = mean - self._mean
            spread = spread + self._spread + shift.square() * (self._count * count / total)
            mean = self._mean + shift * (count / total)
        self._count += count
        self._mean, self._spread = mean, spread

    def value(self) -> float | None:
        """Return the largest R-hat over the dimensions.

        None before there are enough draws, of a single chain, and where no dimension varies.
        """
        if self._count < FEWEST or len(self._mean) < 2:
            return None
        within = (self._spread / (self._count - 1)).mean(0)
        ratios = ((self._count - 1) / self._count + self._mean.var(0) / within).sqrt()
        known = ratios[ratios.isfinite()]
        return float(known.max()) if len(known) else None
