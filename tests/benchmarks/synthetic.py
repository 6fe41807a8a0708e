"""The data of the rows that no one published: drawn once and for all from fixed seeds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.acceptance.posteriors import Reference

Data = dict[str, Any]

SEED = 20_261_126
GROUPS, GROUP_ROWS = 85, 900
SIZE, CORRELATION = 100, 0.94


def logistic(rows: int, columns: int) -> Data:
    """Standard normal predictors, coefficients from Normal(0, 0.5), an intercept of 0.5.

    Args:
        rows: `B`, the number of observations.
        columns: the number of predictors.
    """
    generator = np.random.default_rng([SEED, rows, columns])
    x = generator.standard_normal((rows, columns))
    beta = 0.5 * generator.standard_normal(columns)
    probability = 1 / (1 + np.exp(-(0.5 + x @ beta)))
    return {"x": x, "y": (generator.random(rows) < probability).astype(np.int64)}


def hierarchy() -> Data:
    """85 groups of unequal sizes, none empty, with intercepts and slopes of their own."""
    generator = np.random.default_rng([SEED, GROUPS, GROUP_ROWS])
    weights = generator.dirichlet(np.full(GROUPS, 1.0))
    extra = generator.choice(GROUPS, size=GROUP_ROWS - GROUPS, p=weights)
    group = np.sort(np.concatenate([np.arange(GROUPS), extra]))
    a = 1.4 + 0.4 * generator.standard_normal(GROUPS)
    b = -0.6 + 0.3 * generator.standard_normal(GROUPS)
    x = generator.standard_normal(GROUP_ROWS)
    y = a[group] + b[group] * x + 0.75 * generator.standard_normal(GROUP_ROWS)
    return {"group": group, "x": x, "y": y, "groups": GROUPS}


def correlated_gaussian() -> Data:
    """The Cholesky factor of a stationary AR(1) covariance: its condition number is about 1 000."""
    return {"scale_tril": np.linalg.cholesky(_covariance()), "y": 0.5}


def gaussian_reference() -> dict[tuple[str, int | None], Reference]:
    """The exact posterior of `correlated_gaussian`, by Gaussian conditioning."""
    covariance, weights = _covariance(), np.full(SIZE, 1 / SIZE)
    gain = covariance @ weights / (weights @ covariance @ weights + 1.0)
    mean = gain * correlated_gaussian()["y"]
    sd = np.sqrt(np.diag(covariance - np.outer(gain, weights @ covariance)))
    return {("x", i): _normal(float(mean[i]), float(sd[i])) for i in range(SIZE)}


def _covariance() -> np.ndarray[Any, Any]:
    index = np.arange(SIZE)
    return CORRELATION ** np.abs(index[:, None] - index[None, :])


def _normal(mean: float, sd: float) -> Reference:
    """A normal as a reference, as sure as if from a billion draws."""
    return Reference(mean, sd, mean - 1.6449 * sd, mean, mean + 1.6449 * sd, 10**9)


DATA: dict[str, Callable[[], Data]] = {
    "logistic_10k": lambda: logistic(10_000, 50),
    "logistic_100k": lambda: logistic(100_000, 20),
    "hierarchy": hierarchy,
    "correlated_gaussian": correlated_gaussian,
}
