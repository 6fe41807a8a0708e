"""Pareto k: whether importance weights, and so the approximation behind them, can be trusted."""

import math

import numpy as np
import torch
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

#: A relative variance of the weights, the chi-squared divergence, that is as good as none. The
#: shape of a tail does not depend on its size, so a fit that is nearly perfect could be blamed for
#: a few weights that stand out by a hair.
NEGLIGIBLE = 0.01
#: The share of the tail that equal weights may be, and the digits by which they are.
SHARED, DIGITS = 0.1, 9
#: Weights that have a tail to speak of.
FEWEST = 25


def pareto_k(log_weights: Tensor) -> float | None:
    """Return the shape of the generalised Pareto distribution fitted to the largest weights.

    Vehtari, Simpson, Gelman, Yao and Gabry, Pareto smoothed importance sampling, JMLR 25 (2024);
    Yao et al., Yes, but did it work? (2018): below 0.7 the guide is close to the posterior.

    Args:
        log_weights: `N`, log p - log q of draws from q.

    Returns:
        k; 0 where the weights are practically equal; None where one is not finite or there are
        too few.
    """
    if len(log_weights) < FEWEST or not bool(log_weights.isfinite().all()):
        return None
    weights = (log_weights - log_weights.max()).exp()
    if float(weights.var()) < NEGLIGIBLE * float(weights.mean()) ** 2:
        return 0.0
    # ArviZ takes what LOO gives it, the log likelihood, and negates it.
    return float(array_stats.psislw(-_untied(log_weights.cpu().numpy()))[1])


def _untied(given: Array) -> Array:
    """Spread weights that many draws share, in the tail, evenly over the gap to the next smaller.

    Draws of discrete unknowns come again and again, and a tail that begins with many of its least
    value has no shape. Quantiles stay where they are, up to the gaps.
    """
    # The same values may differ in their last digit.
    log_weights = given.round(DIGITS)
    tail = np.sort(log_weights)[-math.ceil(3.0 * math.sqrt(len(log_weights))) :]
    if np.unique(tail, return_counts=True)[1].max() <= len(tail) * SHARED:
        return given
    values, place, counts = np.unique(log_weights, return_inverse=True, return_counts=True)
    gaps = np.diff(values, prepend=values[0] - (values[-1] - values[0]) / len(values))
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    spread: Array = log_weights - gaps[place] * rank / counts[place]
    return spread


def smoothed(log_weights: Tensor) -> Tensor:
    """Return the weights with their largest replaced by what their tail's fit expects: `N`.

    Weights that are not finite are zero; of too few, none is replaced.
    """
    known = log_weights.isfinite()
    log_weights = torch.where(known, log_weights, -torch.inf)
    if int(known.sum()) >= FEWEST:
        fitted = array_stats.psislw(-log_weights[known].cpu().numpy())[0]
        log_weights[known] = torch.as_tensor(fitted, dtype=log_weights.dtype).to(known.device)
    weights = (log_weights - log_weights.max()).exp()
    return weights / weights.sum()


def log_evidence(log_weights: Tensor) -> tuple[float | None, float | None]:
    """Return the log of the weights' mean, and its Monte Carlo error (delta method)."""
    if len(log_weights) < 2 or not bool(log_weights.isfinite().all()):
        return None, None
    largest = log_weights.max()
    weights = (log_weights - largest).exp()
    mean, count = float(weights.mean()), len(weights)
    return float(largest) + math.log(mean), float(weights.std()) / mean / math.sqrt(count)
