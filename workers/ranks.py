"""Pooled draws in order, one ordering per entry shared by all statistics that need one.

Rank normalisation is that of Vehtari, Gelman, Simpson, Carpenter and Bürkner, Rank-normalization,
folding, and localization (Bayesian Analysis 16, 2021), equation 14, with the offset 3/8 of Blom
(1958). Shape letters: `M` entries, `S` pooled draws of an entry.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

Array = np.ndarray[Any, Any]


def normal_scores(draws: int) -> Array:
    """Return the scores of all ranks of so many draws, `2 S - 1`: of 1, 1.5, 2, ... S.

    Half ranks are those of an even number of equal draws.
    """
    ranks = np.arange(2, 2 * draws + 1) / 2
    scores: Array = ndtri((ranks - 3 / 8) / (draws + 1 / 4))
    return scores


@dataclass(frozen=True)
class Ranks:
    """Draws of every entry in ascending order."""

    #: `M x S`: where they were, as positions in the flat array.
    order: Array
    #: `M x S`: what they are.
    values: Array

    @classmethod
    def of(cls, pooled: Array) -> "Ranks":
        """Order the draws of each entry, `M x S`."""
        entries, draws = pooled.shape
        order = np.argsort(pooled, axis=1)
        order += np.arange(entries)[:, None] * draws
        return cls(order, pooled.reshape(-1)[order])

    def where(self, kept: Array) -> "Ranks":
        """Keep draws by a mask, `M x S`, of as many in each entry."""
        entries = len(self.order)
        return Ranks(self.order[kept].reshape(entries, -1), self.values[kept].reshape(entries, -1))

    def quantile(self, probability: float) -> Array:
        """Return a quantile of each entry, `M`, between the two nearest draws.

        The last digit is NumPy's too: draws that equal a quantile are counted with those below.
        """
        draws = self.values.shape[1]
        at = probability * (draws - 1)
        below = min(int(at), draws - 1)
        share = at - below
        low, high = self.values[:, below], self.values[:, min(below + 1, draws - 1)]
        step = high - low
        quantile: Array = high - step * (1 - share) if share >= 0.5 else low + step * share
        return quantile

    def median(self) -> Array:
        """Return the median of each entry, `M`: NumPy's, which may differ from its quantile of 0.5.

        By the last digit; that decides whether the two middle draws are equally far from it.
        """
        middle = self.values.shape[1] // 2
        if self.values.shape[1] % 2:
            return self.values[:, middle]
        median: Array = (self.values[:, middle - 1] + self.values[:, middle]) / 2
        return median

    def folded(self) -> "Ranks":
        """Return the order of the distances from the median."""
        half = self.values.shape[1] // 2
        # Two runs that rise, from the median down and up: a stable sort merges them in linear time.
        order, values = (
            np.concatenate((all_[:, :half][:, ::-1], all_[:, half:]), axis=1)
            for all_ in (self.order, self.values)
        )
        distances = np.abs(values - self.median()[:, None])
        merged = np.argsort(distances, axis=1, kind="stable")
        merged += np.arange(len(merged))[:, None] * merged.shape[1]
        return Ranks(order.reshape(-1)[merged], distances.reshape(-1)[merged])

    def scores(self, table: Array, size: int) -> Array:
        """Return the normal scores where the draws were, in a flat array of so many numbers.

        Args:
            table: `normal_scores(S)`.
            size: numbers in the array that `order` points into; those not ordered become 0.
        """
        scores = np.zeros(size)
        scores[self.order] = table[self._twice_ranks()]
        return scores

    def _twice_ranks(self) -> Array:
        """Return first + last position, from 0, of the draws equal to each; `M x S`.

        The mean rank from 1 is half of it plus 1.
        """
        entries, draws = self.values.shape
        new = np.ones((entries, draws), bool)
        np.not_equal(self.values[:, 1:], self.values[:, :-1], out=new[:, 1:])
        first = np.flatnonzero(new)  # Of every run of equal draws, in the flat array.
        last = np.append(first[1:], new.size) - 1
        run = np.cumsum(new) - 1  # Of every draw.
        twice: Array = (first + last)[run].reshape(entries, draws)
        twice -= 2 * draws * np.arange(entries)[:, None]
        return twice
