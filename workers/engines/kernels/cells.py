"""The guide's factor of a discrete unknown: probabilities of cells of consecutive values.

Where a cell holds a single value, any distribution on so many values is among them, so of entries
that are independent the best guide is the posterior itself. A wide distribution has wider cells,
within which all values are equally likely: with 64 of them over twelve standard deviations of a
normal count, that costs 0.0015 nats. Values on which the posterior has no mass lie in no cell: a
family on all counts, as the negative binomials, would have an ELBO of minus infinity wherever data
bound a count. A logit of each cell is the guide's parameter.

Shape letters: `S` particles, `K` discrete entries, `W` cells.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cells:
    """Where the cells of every entry lie, in order."""

    #: The least value of each: `K x W` in float64.
    start: Tensor
    #: How many values it holds: `K x W` in float64; 0 of a cell that is not there.
    width: Tensor
    #: Whether there are values with a density below the first cell and above the last: `K x 2`.
    beyond: Tensor

    @property
    def middle(self) -> Tensor:
        """A value of each cell near its middle: `K x W`."""
        return self.start + ((self.width - 1.0).clamp(min=0.0) / 2.0).floor()

    def shares(self, logits: Tensor) -> Tensor:
        """Return the log probabilities of cells, `K x W`, from the parameters: `K x W`."""
        return logits.masked_fill(self.width == 0.0, -math.inf).log_softmax(1)

    def draw(self, logits: Tensor, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Return the cells of `count` independent draws, `S x K`, and their values, `S x K`."""
        chosen = torch.multinomial(
            self.shares(logits).exp(), count, replacement=True, generator=generator
        )  # K x S
        within = torch.rand(
            chosen.shape, generator=generator, dtype=torch.float64, device=chosen.device
        )
        width = self.width.gather(1, chosen)
        # A product that rounds up to the width would lie in the next cell.
        offset = (within * width).floor().minimum(width - 1.0)
        return chosen.T, (self.start.gather(1, chosen) + offset).T

    def log_prob(self, logits: Tensor, chosen: Tensor) -> Tensor:
        """Return the log probability of a value in each of the cells `chosen`: `S x K`."""
        return (self.shares(logits) - self.width.log()).gather(1, chosen.T).T

    def entropy(self, logits: Tensor) -> Tensor:
        """Return the entropy of all entries, a scalar in float64."""
        shares = self.shares(logits)
        surprise = (self.width.log() - shares).nan_to_num(0.0, 0.0, 0.0)
        return (shares.exp() * surprise).sum()

    def score(self, logits: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Return the sum over particles of `weights` times the log probabilities' gradient.

        Args:
            logits: `K x W`.
            chosen: the particles' cells: `S x K`.
            weights: `S x K`.
        """
        met = torch.zeros_like(logits).scatter_add_(1, chosen.T, weights.T)
        return met - self.shares(logits).exp() * weights.sum(0)[:, None]

    def crowded(self, logits: Tensor, share: float) -> bool:
        """Return whether more than a share lies in a cell beyond which there are more values."""
        there = self.width > 0.0
        first = there & (there.cumsum(1) == 1) & self.beyond[:, :1]
        last = there & (there.flip(1).cumsum(1).flip(1) == 1) & self.beyond[:, 1:]
        return bool((self.shares(logits).exp()[first | last] > share).any())
