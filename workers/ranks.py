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
        return cls(order, pooled.take(order))

    def where(self, kept: Array) -> "Ranks":
        """Keep draws by a mask of where they were, `M S`, of as many in each entry."""
        entries = len(self.order)
        chosen = kept.take(self.order)
        order, values = (all_[chosen].reshape(entries, -1) for all_ in (self.order, self.values))
        return Ranks(order, values)

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
        order, distances = (
            np.concatenate((all_[:, :half][:, ::-1], all_[:, half:]), axis=1)
            for all_ in (self.order, self.values)
        )
        distances -= self.median()[:, None]
        np.abs(distances, out=distances)
        merged = np.argsort(distances, axis=1, kind="stable")
        merged += np.arange(len(merged))[:, None] * merged.shape[1]
        return Ranks(order.take(merged), distances.take(merged))

    def scores(self, table: Array, size: int) -> Array:
        """Return the normal scores where the draws were, in a flat array of so many numbers.

        Args:
            table: `normal_scores(S)`.
            size: numbers in the array that `order` points into; those not ordered become 0.
        """
        scores = np.zeros(size)
        scores[self.order] = self._in_order(table)
        return scores

    def _in_order(self, table: Array) -> Array:
        """Return the normal scores of the draws in ascending order, `M x S`."""
        entries, draws = self.values.shape
        scores = np.tile(table[::2], (entries, 1))  # Of whole ranks, as if no two were equal.
        equal, first, last = self._ties()
        # The mean rank of a run, from 1, is half of first + last within the entry, plus 1.
        start = first // draws * draws
        scores.reshape(-1)[equal] = np.repeat(table[first + last - 2 * start], last - first + 1)
        return scores

    def _ties(self) -> tuple[Array, Array, Array]:
        """Return the draws that equal a neighbour, and of each run of them the first and the last.

        All three are positions in the flat array, ascending.
        """
        entries, draws = self.values.shape
        # Whether the draws on both sides of a gap are equal; the outermost gaps have one side.
        same = np.zeros((entries, draws + 1), bool)
        np.equal(self.values[:, 1:], self.values[:, :-1], out=same[:, 1:-1])
        left, right = same[:, :-1], same[:, 1:]
        ends = np.flatnonzero(left != right)
        return np.flatnonzero(left | right), ends[::2], ends[1::2]
