"""Draws -> posterior summary. The statistics of Markov chains are ArviZ's.

Vehtari, Gelman, Simpson, Carpenter and Bürkner, Rank-normalization, folding, and localization: an
improved R-hat (Bayesian Analysis 16, 2021). Shape letters: `C` chains, `N` draws, `M` entries of a
quantity.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from arviz_stats.base import array_stats

from workers.engines.engine import Draws
from workers.results import Summary, Values
from workers.sink import Array

#: Probabilities whose quantiles, and whose ESS as "tail", are reported.
QUANTILES = (0.05, 0.95)


def summarize(draws: Draws, quantiles: Sequence[float] = QUANTILES) -> dict[str, Summary]:
    """Return the summary of every quantity, in its shape; of no draws, nothing.

    A number that does not exist is None: all of an entry with a draw that is not finite; MCSE,
    ESS and R-hat of an entry without variance; R-hat of a single chain.

    Args:
        draws: of the run.
        quantiles: probabilities to report, in ]0, 1[.
    """
    if not draws.draws:
        return {}
    return {name: summarize_array(draws.values(name), quantiles) for name in draws.names()}


def summarize_array(values: Array, quantiles: Sequence[float] = QUANTILES) -> Summary:
    """Return the summary of one quantity's draws, `C x N x shape`."""
    shape = values.shape[2:]
    flat = values.reshape(*values.shape[:2], -1)  # C x N x M
    finite = np.isfinite(flat).all((0, 1))
    # Entries with a draw that is not finite are computed on zeros, then hidden.
    pooled = np.where(finite, flat, 0.0).reshape(-1, flat.shape[2])  # C N x M
    points = np.quantile(pooled, [0.5, *quantiles], axis=0)
    moving = finite & (flat.max((0, 1)) > flat.min((0, 1)))
    numbers = {"mean": pooled.mean(0), "sd": _sd(pooled, moving), "median": points[0]}
    numbers |= markov(flat, moving)
    hidden = {name: np.where(finite, number, np.nan) for name, number in numbers.items()}
    return Summary(
        quantiles={
            str(q): listed(np.where(finite, point, np.nan), shape)
            for q, point in zip(quantiles, points[1:], strict=True)
        },
        **{name: listed(number, shape) for name, number in hidden.items()},
    )


def _sd(pooled: Array, moving: Array) -> Array:
    """Return standard deviations, exactly 0 where nothing moves; of a single draw there is none."""
    if len(pooled) < 2:
        return np.full(pooled.shape[1], np.nan)
    return np.where(moving, pooled.std(0, ddof=1), 0.0)


def markov(flat: Array, usable: Array) -> dict[str, Array]:
    """Return MCSE of the mean, bulk and tail ESS and R-hat, each `M`; nan where not usable.

    Args:
        flat: draws, `C x N x M`.
        usable: the entries, `M`, that are finite and vary.
    """
    names = ("mcse_mean", "ess_bulk", "ess_tail", "r_hat")
    numbers = {name: np.full(flat.shape[2], np.nan) for name in names}
    chosen = flat[:, :, usable]
    if not chosen.size:
        return numbers
    axes = {"chain_axis": 0, "draw_axis": 1}
    # A quantity that is constant in each chain divides by zero: its R-hat is infinite.
    with np.errstate(all="ignore"):
        numbers["mcse_mean"][usable] = array_stats.mcse(chosen, method="mean", **axes)
        numbers["ess_bulk"][usable] = array_stats.ess(chosen, method="bulk", **axes)
        numbers["ess_tail"][usable] = array_stats.ess(chosen, method="tail", prob=QUANTILES, **axes)
        numbers["r_hat"][usable] = array_stats.rhat(chosen, method="rank", **axes)
    return numbers


def listed(numbers: Array, shape: tuple[int, ...]) -> Values:
    """Return numbers as nested lists of `shape`, None where they are not finite."""
    objects: Any = numbers.astype(object)
    objects[~np.isfinite(numbers)] = None
    return objects.reshape(shape).tolist() if shape else objects.reshape(-1)[0]
