"""What draws are worth: effective sizes, R-hat, and means with their Monte Carlo errors.

Computed by ArviZ in the measured process, after its clock has stopped.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def worst(
    draws: Mapping[str, Array], names: Iterable[str], superchains: int | None = None
) -> tuple[float, float]:
    """Return the smallest bulk ESS and the largest rank-normalised split R-hat over all entries.

    The R-hat of chains that share starts is the nested one (arXiv 2110.13017): that of many short
    chains is pessimistic without need.
    """
    from arviz_stats.base import array_stats

    columns = [column for _, column in _entries(draws, names)]
    ess = min(float(array_stats.ess(c, method="bulk")) for c in columns)
    if superchains is not None:
        groups = np.arange(len(columns[0])) // (len(columns[0]) // superchains)
        return ess, max(float(array_stats.rhat_nested(c, groups, method="rank")) for c in columns)
    if len(columns[0]) == 1:  # one chain: its halves are compared with each other
        columns = [c.reshape(2, -1) for c in columns]
    return ess, max(float(array_stats.rhat(c, method="rank")) for c in columns)


def summary(draws: Mapping[str, Array], names: Iterable[str]) -> dict[str, list[float]]:
    """Return mean, standard deviation, their Monte Carlo errors, and `one_draw`, by entry.

    ArviZ 0.8 takes the effective size of the mean for the error of the standard deviation: where
    NUTS is antithetic, and squares mix worse than the draws, that is too small by a factor of 2.
    """
    from arviz_stats.base import array_stats

    return {
        label: [
            float(column.mean()),
            float(column.std()),
            float(array_stats.mcse(column, method="mean")),
            one_draw(column) / float(array_stats.ess(column, method="sd")) ** 0.5,
            one_draw(column),
        ]
        for label, column in _entries(draws, names)
    }


def one_draw(column: Array) -> float:
    """The error of a standard deviation from `n` independent draws, times the root of `n`."""
    sd = column.std()
    kurtosis = np.mean(((column - column.mean()) / sd) ** 4)
    return float(sd * np.sqrt(kurtosis - 1) / 2)


def _entries(draws: Mapping[str, Array], names: Iterable[str]) -> Iterator[tuple[str, Array]]:
    """Every entry, `C x N`, under the label that `label` gives it."""
    for name in names:
        values = np.asarray(draws[name], dtype=np.float64)
        flat = values.reshape(*values.shape[:2], -1)
        for i in range(flat.shape[-1]):
            yield label(name, i if values.ndim > 2 else None), np.ascontiguousarray(flat[..., i])


def label(name: str, index: int | None) -> str:
    """`mu`, or `theta[0]`."""
    return name if index is None else f"{name}[{index}]"
