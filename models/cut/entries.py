"""The linear maps by which few numbers become one for every row of the data.

Shape letters: `B` rows, `P` numbers that enter, `N` rows of a block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from models.cut.tape import Step


@dataclass(frozen=True, eq=False)
class AbstractEntry(ABC):
    """A map from the `P` numbers of a step to `B` rows."""

    #: Where the numbers come from.
    head: Step
    #: `P`.
    size: int

    @abstractmethod
    def value(self, numbers: Tensor, rows: slice) -> Tensor:
        """Return the image of `numbers`: `P`, in some rows: `N`."""

    @abstractmethod
    def back(self, weights: Tensor, rows: slice) -> Tensor:
        """Return the transposed map of `weights`: `N` in some rows: `P`."""

    @abstractmethod
    def weighted(self, weights: Tensor, rows: slice) -> Tensor:
        """Return some rows of the map's matrix, each times its weight: `N x P`."""

    @abstractmethod
    def across(self, other: AbstractEntry, weights: Tensor, rows: slice) -> Tensor:
        """Return the transposed map of the other's weighted rows: `P x P'`."""


@dataclass(frozen=True, eq=False)
class Product(AbstractEntry):
    """A matrix times the numbers."""

    #: `B x P`.
    factor: Tensor

    def value(self, numbers: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return torch.mv(self.factor[rows], numbers)

    def back(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return torch.mv(self.factor[rows].T, weights)

    def weighted(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return weights[:, None] * self.factor[rows]

    def across(self, other: AbstractEntry, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        if isinstance(other, Product):
            return self.factor[rows].T @ other.weighted(weights, rows)
        return other.across(self, weights, rows).T


@dataclass(frozen=True, eq=False)
class Pick(AbstractEntry):
    """One of the numbers for each row."""

    #: `B`, each 0 to `P - 1`.
    places: Tensor

    def value(self, numbers: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return numbers[self.places[rows]]

    def back(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return weights.new_zeros(self.size).index_add_(0, self.places[rows], weights)

    def weighted(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        places = self.places[rows]
        matrix = weights.new_zeros(len(places), self.size)
        return matrix.scatter_(1, places[:, None], weights[:, None])

    def across(self, other: AbstractEntry, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        if isinstance(other, Spread):
            return other.across(self, weights, rows).T
        found = weights.new_zeros(self.size, other.size)
        if isinstance(other, Pick):
            pairs = (self.places[rows], other.places[rows])
            return found.index_put_(pairs, weights, accumulate=True)
        return found.index_add_(0, self.places[rows], other.weighted(weights, rows))


@dataclass(frozen=True, eq=False)
class Spread(AbstractEntry):
    """One number for all rows."""

    rows: int

    def value(self, numbers: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return numbers.expand(len(range(self.rows)[rows]))

    def back(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return weights.sum()[None]

    def weighted(self, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return weights[:, None]

    def across(self, other: AbstractEntry, weights: Tensor, rows: slice) -> Tensor:
        """See `AbstractEntry`."""
        return other.back(weights, rows)[None]
