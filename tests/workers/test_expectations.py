"""Moments, probabilities and quantiles of draws: exact values, and honest errors."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from workers.expectations import below, moments, probability, quantile, reliable

SEED, CHAINS, DRAWS = 7, 4, 500


def normal(seed: int, *, correlation: float = 0.0, runs: int = 1) -> np.ndarray:
    """AR(1) chains of standard normals, `C x N x runs`."""
    source = np.random.default_rng(seed)
    noise = source.standard_normal((CHAINS, DRAWS, runs))
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0]
    for n in range(1, DRAWS):
        x[:, n] = correlation * x[:, n - 1] + np.sqrt(1 - correlation**2) * noise[:, n]
    return x


def test_moments_are_scipys() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=(CHAINS, DRAWS, 3))
    flat = values.reshape(-1, 3)
    found = moments(values, 4)
    assert list(found) == ["mean", "variance", "skewness", "kurtosis"]
    np.testing.assert_allclose(found["mean"].value, flat.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["variance"].value, flat.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(found["skewness"].value, stats.skew(flat), rtol=1e-10)
    np.testing.assert_allclose(found["kurtosis"].value, stats.kurtosis(flat) + 3, rtol=1e-10)
    assert list(moments(values, 1)) == ["mean"]


def test_the_error_of_the_mean_is_arvizs() -> None:
    values = normal(3, correlation=0.6)
    expected = array_stats.mcse(values[:, :, 0], 0, 1, method="mean")
    assert moments(values, 1)["mean"].mcse[0] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_quantiles_and_their_errors_are_arvizs(level: float) -> None:
    values = normal(4, correlation=0.5)
    found = quantile(values, level)
    expected = array_stats.mcse(values[:, :, 0], 0, 1, method="quantile", prob=level)
    assert found.value[0] == pytest.approx(np.quantile(values, level), rel=1e-12)
    assert found.mcse[0] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_errors_cover_what_is_known(correlation: float) -> None:
    # 200 independent runs: the standardised errors have a deviation of about 1.
    values = normal(SEED, correlation=correlation, runs=200)
    truths = {"mean": 0.0, "variance": 1.0, "skewness": 0.0, "kurtosis": 3.0}
    found = dict(moments(values, 4))
    found |= {"cdf": below(values, 1.0), "quantile": quantile(values, 0.75)}
    truths |= {"cdf": stats.norm.cdf(1.0), "quantile": stats.norm.ppf(0.75)}
    for name, truth in truths.items():
        z = (found[name].value - truth) / found[name].mcse
        # Four standard errors of a deviation of 200 numbers; kurtosis is skewed itself.
        slack = 4 / np.sqrt(2 * 200) + (0.15 if name == "kurtosis" else 0.05)
        assert abs(z.std() - 1.0) < slack, name
        assert abs(z.mean()) < 4 / np.sqrt(200) + 0.25, name


def test_a_probability_is_a_share() -> None:
    holds = (normal(5) > 0.5) * 1.0
    found = probability(holds)
    assert found.value[0] == holds.mean()
    assert found.mcse[0] == pytest.approx(np.sqrt(0.3085 * 0.6915 / holds.size), rel=0.3)


def test_what_does_not_vary_has_no_shape() -> None:
    found = moments(np.full((CHAINS, DRAWS, 1), 2.5), 4)
    assert (found["mean"].value[0], found["mean"].mcse[0]) == (2.5, 0.0)
    assert found["variance"].value[0] == 0.0
    assert np.isnan(found["skewness"].value[0])
    assert np.isnan(found["kurtosis"].mcse[0])


def test_numbers_that_are_not_finite_have_no_average() -> None:
    values = normal(6, runs=2)
    values[1, 3, 0] = np.nan
    found = moments(values, 2)
    assert np.isnan(found["mean"].value[0])
    assert np.isnan(found["mean"].mcse[0])
    assert np.isfinite(found["mean"].mcse[1])
    assert np.isnan(quantile(values, 0.5).value[0])


def test_how_far_to_trust_the_draws() -> None:
    found = reliable(normal(8, correlation=0.9))
    assert found["ess_bulk"][0] < 400
    assert 0.99 < found["r_hat"][0] < 1.1
