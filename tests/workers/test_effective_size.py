"""Effective sizes against closed forms; ArviZ's numbers are compared in `test_mixing`."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from workers import effective_size as module
from workers.effective_size import effective_size


def sizes(halves: np.ndarray) -> np.ndarray:
    """Return the effective sizes of `M x 2C x H` draws."""
    means = halves.mean(2)
    return effective_size(halves - means[:, :, None], means)


@pytest.mark.parametrize(
    ("rho", "halves", "draws"),
    [*((rho, 8, 10_000) for rho in (0.0, 0.5, 0.8, -0.3)), (0.0, 4000, 60), (0.5, 4000, 60)],
)
def test_an_autoregression(rho: float, halves: int, draws: int) -> None:
    """Of AR(1) the effective size is n (1 - rho) / (1 + rho), if halves are many times longer."""
    noise = np.random.default_rng(8).standard_normal((3, halves, draws + 200))
    values = lfilter([1], [1, -rho], noise)[:, :, 200:]
    expected = halves * draws * (1 - rho) / (1 + rho)
    np.testing.assert_allclose(sizes(values), expected, rtol=0.12)


def test_chains_that_stand_still_apart_are_one_draw_each() -> None:
    """All autocorrelations are 1: n over twice the lags that are summed."""
    values = np.repeat(np.random.default_rng(8).standard_normal((1, 40, 1)), 100, axis=2)
    assert 20 <= sizes(values)[0] <= 22


def test_a_constant_is_as_many_draws_as_there_are() -> None:
    assert sizes(np.zeros((2, 4, 30))).tolist() == [120, 120]


def test_antithetic_chains_have_no_more_than_n_log_n() -> None:
    values = np.tile([1.0, -1.0], (1, 4, 50)) + np.random.default_rng(8).normal(0, 0.1, (1, 4, 100))
    np.testing.assert_allclose(sizes(values), 400 * math.log10(400))


@pytest.mark.parametrize("shape", [(3, 40, 20), (2, 64, 64), (1, 5, 2), (2, 3, 101)])
def test_products_at_every_lag_three_ways(monkeypatch: pytest.MonkeyPatch, shape) -> None:
    values = np.random.default_rng(8).standard_normal(shape)
    draws = shape[2]
    expected = np.stack(
        [(values[:, :, lag:] * values[:, :, : draws - lag]).sum((1, 2)) for lag in range(draws)], 1
    )
    scale = 1e-12 * values.size
    np.testing.assert_allclose(module._lag_products(values), expected, atol=scale)
    np.testing.assert_allclose(module._lag_products_of_long(values), expected, atol=scale)
    monkeypatch.setattr(module, "_MOST", 1)  # One row of half chains at a time.
    np.testing.assert_allclose(module._lag_products_of_long(values), expected, atol=scale)
