"""A model whose observations are rows of the data, looked at some rows at a time.

Two ways to do so. `estimate` takes a few rows for all of them and is right on average, whatever the
unknowns: for stochastic ascent and variational inference. `blocks` cuts all rows into parts that
are added up: exact, in bounded memory (`models/blocks.py`). Neither records anything anew: the
data are inputs of a graph that is recorded once for a number of rows.

Shape letters: `B` data rows, `C` points, `D` unconstrained dimension.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from models.density import Target
from models.rows import Rows
from models.traced import TracedDensity

#: Up to this many times the rows of a minibatch, it is a sample without repetition; of more rows
#: a repetition is rare, and shuffling all of them takes longer than a step.
SHUFFLED = 16


class MinibatchModel:
    """The rows of a model, a few at a time.

    Args:
        density: the whole model.
        rows: what of its data is by row (`models.rows.find_rows`).
    """

    def __init__(self, density: TracedDensity, rows: Rows) -> None:
        self.density = density
        self.rows = rows
        self._inputs = density.data[1]
        self._templates: dict[int, TracedDensity] = {}

    def sample(self, generator: torch.Generator, size: int) -> Tensor:
        """Return the numbers of `size` rows, each of the `B` as likely as any other."""
        count, device = self.rows.count, generator.device
        if count <= SHUFFLED * size:
            drawn = torch.randperm(count, generator=generator, device=device)[:size]
        else:
            drawn = torch.randint(count, (size,), generator=generator, device=device)
        return drawn.to(self.density.device)

    def estimate(
        self, z: Tensor, rows: Tensor, target: Target = Target.POSTERIOR
    ) -> tuple[Tensor, Tensor]:
        """Return log density and gradient, the likelihood of these rows taken for that of all.

        The likelihood counts `B / len(rows)` times, the prior once. Over samples of the rows both
        results are the whole model's on average.

        Args:
            z: `C x D`.
            rows: their numbers.
            target: the log density.

        Returns:
            `C` in float64, and `C x D` in the run's dtype.
        """
        weight = self.rows.count / len(rows)
        return self.part(z, rows, target, weight)

    def part(
        self, z: Tensor, rows: Tensor, target: Target, weight: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Return prior plus `weight` times the likelihood of these rows, and the gradient."""
        arguments = self.rows.arguments(self._inputs, rows)
        return self._of_size(len(rows)).weighted(z, target, weight, tuple(arguments.values()))

    def bound(self, rows: Tensor) -> TracedDensity:
        """Return the density of these rows alone."""
        return self.rows.bound(self.density, rows)

    def blocks(self, size: int) -> Iterator[Tensor]:
        """Yield the numbers of all rows in order, `size` at a time; the last are what is left."""
        yield from torch.arange(self.rows.count, device=self.density.device).split(size)

    def _of_size(self, size: int) -> TracedDensity:
        """The density of the first rows, whose recorded graphs serve any so many rows."""
        if size not in self._templates:
            self._templates[size] = self.bound(torch.arange(size, device=self.density.device))
        return self._templates[size]
