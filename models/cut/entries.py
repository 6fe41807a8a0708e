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
    def matrix(self, rows: slice, like: Tensor) -> Tensor:
        """Return some rows of the map's matrix, `N x P`, in the dtype of `like`."""


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

    def matrix(self, rows: slice, like: Tensor) -> Tensor:
        """See `AbstractEntry`."""
        return self.factor[rows]


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

    def matrix(self, rows: slice, like: Tensor) -> Tensor:
        """See `AbstractEntry`."""
        places = self.places[rows]
        return like.new_zeros(len(places), self.size).scatter_(1, places[:, None], 1.0)


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

    def matrix(self, rows: slice, like: Tensor) -> Tensor:
        """See `AbstractEntry`."""
        return like.new_ones(len(range(self.rows)[rows]), 1)
