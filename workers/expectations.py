"""Expectations of a quantity under a run's draws, with their Monte Carlo errors.

The error of a smooth function of moments is that of its influence function's mean: the delta
method, with the effective size of the very numbers that are averaged (van der Vaart, Asymptotic
Statistics, 1998, chapter 3; Vehtari et al., Bayesian Analysis 16, 2021, for sizes and quantiles).

Shape letters: `C` chains, `N` draws, `M` entries.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workers.mixing import Mixing
from workers.sink import Array

#: The quantiles of a normal one deviation below and above.
_BELOW, _ABOVE = float(stats.norm.cdf(-1.0)), float(stats.norm.cdf(1.0))


@dataclass(frozen=True)
class Estimated:
    """A number per entry and its Monte Carlo standard error, `M` each; nan where there is none."""

    value: Array
    mcse: Array


def moments(values: Array, highest: int) -> dict[str, Estimated]:
    """Return mean, variance, skewness and kurtosis, as many of them as asked for.

    The kurtosis of a normal is 3. A quantity that does not vary has neither of the last two.

    Args:
        values: `C x N x M`, finite.
        highest: 1 to 4.
    """
    centre = values.mean((0, 1))
    c = values - centre
    m2, m3, m4 = ((c**k).mean((0, 1)) for k in (2, 3, 4))
    with np.errstate(all="ignore"):
        spread = np.where(m2 > 0, m2, np.nan)
        skewness, kurtosis = m3 / spread**1.5, m4 / spread**2
        count = values.shape[0] * values.shape[1]
        found = {
            "mean": _estimated(centre, c),
            "variance": _estimated(m2 * count / max(1, count - 1), c**2 - m2),
            "skewness": _estimated(
                skewness,
                (c**3 - m3 - 3 * m2 * c) / spread**1.5 - 1.5 * skewness * (c**2 / spread - 1),
            ),
            "kurtosis": _estimated(
                kurtosis,
                (c**4 - m4 - 4 * m3 * c) / spread**2 - 2 * kurtosis * (c**2 / spread - 1),
            ),
        }
    return dict(list(found.items())[:highest])


def probability(holds: Array) -> Estimated:
    """Return the probability of an event: 1 where it holds and 0 elsewhere, `C x N x M`."""
    share = holds.mean((0, 1))
    return _estimated(share, holds - share)


def below(values: Array, at: float) -> Estimated:
    """Return the distribution function at a number."""
    return probability((values <= at).astype(np.float64))


def quantile(values: Array, level: float) -> Estimated:
    """Return a quantile; its error spans what the effective draws leave open of its rank."""
    flat = np.sort(values.reshape(-1, values.shape[2]), axis=0)
    found = np.quantile(flat, level, axis=0)
    size = Mixing((values <= found).astype(np.float64)).ess_mean
    size = np.minimum(size, len(flat))
    ranks = [stats.beta.ppf(p, size * level + 1, size * (1 - level) + 1) for p in (_BELOW, _ABOVE)]
    low = np.floor(np.maximum(np.nan_to_num(ranks[0] * len(flat) - 1), 0)).astype(int)
    high = np.ceil(np.minimum(np.nan_to_num(ranks[1] * len(flat) - 1), len(flat) - 1)).astype(int)
    entries = np.arange(flat.shape[1])
    error = (flat[high, entries] - flat[low, entries]) / 2
    return Estimated(found, np.where(np.isnan(size), np.nan, error))


def reliable(values: Array) -> dict[str, Array]:
    """Return the statistics that say how far to trust the draws, `M` each."""
    mixing = Mixing(values)
    return {"ess_bulk": mixing.ess_bulk, "ess_tail": mixing.ess_tail, "r_hat": mixing.r_hat}


def _estimated(value: Array, influence: Array) -> Estimated:
    """Return a number with the standard error of the mean of its influence function."""
    finite = np.isfinite(influence).all((0, 1))
    size = Mixing(np.where(finite, influence, 0.0)).ess_mean
    with np.errstate(all="ignore"):
        error = influence.std((0, 1), ddof=1) / np.sqrt(size)
    return Estimated(value, np.where(finite & np.isfinite(value), error, np.nan))
