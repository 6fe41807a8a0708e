"""A model with discrete unknowns that are not summed out: its log density by their terms.

Shape letters: `C` points, `D` continuous coordinates, `K` discrete entries.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.blankets import Blankets
from models.density import AbstractLogDensity
from models.traced import TracedDensity


class Told(NamedTuple):
    """What a model says of `C` points."""

    #: `C` in float64.
    log_density: Tensor
    #: With respect to the continuous coordinates: `C x D`.
    gradient: Tensor
    #: The terms that each discrete entry takes part in, added up: `C x K` in float64.
    own: Tensor


class MixedDensity:
    """The log density of continuous coordinates and discrete values side by side.

    Args:
        density: with discrete parameters.
    """

    def __init__(self, density: TracedDensity) -> None:
        self.density = density
        discrete = torch.zeros(density.dim, dtype=torch.bool, device=density.device)
        for p in density.parameters:
            discrete[p.offset : p.offset + p.size] = p.discrete
        self._discrete, self._continuous = discrete, ~discrete
        #: `D`.
        self.dim = int(self._continuous.sum())

    @property
    def blankets(self) -> Blankets:
        """Which terms hang on which discrete values, and how large these may be."""
        return self.density.blankets

    def given(self, values: Tensor) -> TracedDensity:
        """Return the density of the continuous unknowns given discrete values: `K`."""
        return self.density.given(values)

    def initial(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Return draws of the prior, `count x D` and `count x K` in float64."""
        points = self.density.initial(generator, count)
        return points[:, self._continuous], points[:, self._discrete].to(torch.float64)

    def join(self, z: Tensor, values: Tensor) -> Tensor:
        """Return points of the density, `C x (D + K)`, from `z`: `C x D` and values: `C x K`."""
        points = z.new_empty(len(z), self.density.dim)
        points[:, self._continuous] = z
        points[:, self._discrete] = values.to(z.dtype)
        return points

    def tell(self, z: Tensor, values: Tensor, rows: int) -> Told:
        """Return what the model says of points, evaluated `rows` at a time, as often before.

        Args:
            z: `C x D`.
            values: `C x K`.
            rows: of one evaluation; it is recorded for a number of them.
        """
        points = self.join(z, values)
        missing = -len(points) % rows
        filled = torch.cat([points, points[-1:].expand(missing, -1)])
        parts = [self._told(part) for part in filled.split(rows)]
        return Told(*(torch.cat(column)[: len(z)] for column in zip(*parts, strict=True)))

    def _told(self, points: Tensor) -> Told:
        terms, gradient = self.density.scored(points)
        return Told(terms.sum(1), gradient[:, self._continuous], self.blankets.sums(terms))


def mixed_of(density: AbstractLogDensity) -> MixedDensity | None:
    """Return the same model with its discrete unknowns apart; None where it has none."""
    if not any(p.discrete for p in density.parameters):
        return None
    assert isinstance(density, TracedDensity)
    return MixedDensity(density)
