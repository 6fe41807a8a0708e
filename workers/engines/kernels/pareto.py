"""Pareto k: whether importance weights, and so the approximation behind them, can be trusted."""

from arviz_stats.base import array_stats
from torch import Tensor

#: A relative variance of the weights, the chi-squared divergence, that is as good as none. The
#: shape of a tail does not depend on its size, so a fit that is nearly perfect could be blamed for
#: a few weights that stand out by a hair.
NEGLIGIBLE = 0.01


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
    if len(log_weights) < 25 or not bool(log_weights.isfinite().all()):
        return None
    weights = (log_weights - log_weights.max()).exp()
    if float(weights.var()) < NEGLIGIBLE * float(weights.mean()) ** 2:
        return 0.0
    # ArviZ takes what LOO gives it, the log likelihood, and negates it.
    return float(array_stats.psislw(-log_weights.cpu().numpy())[1])
