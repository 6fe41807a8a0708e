"""Summaries against closed forms and against ArviZ itself."""

import json
import math

import numpy as np
import pytest
from arviz_stats.base import array_stats

from workers.draws import MemoryDraws
from workers.summaries import summarize, summarize_array


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def autoregressive(rho: float, chains: int = 4, draws: int = 5000) -> np.ndarray:
    """AR(1) with unit variance: its ESS of the mean is n (1 - rho) / (1 + rho)."""
    noise = normal(chains, draws) * math.sqrt(1 - rho**2)
    out = np.empty_like(noise)
    out[:, 0] = normal(chains, seed=1)
    for t in range(1, draws):
        out[:, t] = rho * out[:, t - 1] + noise[:, t]
    return out


def test_moments_and_quantiles_of_all_draws() -> None:
    values = normal(4, 300, 2, 3)
    summary = summarize_array(values, (0.1, 0.9))
    flat = values.reshape(1200, 2, 3)
    np.testing.assert_allclose(summary.mean, flat.mean(0))
    np.testing.assert_allclose(summary.sd, flat.std(0, ddof=1))
    np.testing.assert_allclose(summary.median, np.median(flat, 0))
    np.testing.assert_allclose(summary.quantiles["0.1"], np.quantile(flat, 0.1, axis=0))
    assert set(summary.quantiles) == {"0.1", "0.9"}


def test_markov_chain_statistics_are_arvizs_entry_by_entry() -> None:
    values = normal(4, 200, 2).cumsum(1)
    summary = summarize_array(values)
    for k in range(2):
        one = values[:, :, k]
        assert summary.ess_bulk[k] == array_stats.ess(one, method="bulk")
        assert summary.ess_tail[k] == array_stats.ess(one, method="tail", prob=(0.05, 0.95))
        assert summary.r_hat[k] == array_stats.rhat(one, method="rank")
        assert summary.mcse_mean[k] == array_stats.mcse(one, method="mean")


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_effective_size_of_an_autoregression(rho: float) -> None:
    summary = summarize_array(autoregressive(rho))
    expected = 20_000 * (1 - rho) / (1 + rho)
    assert math.isclose(summary.ess_bulk, expected, rel_tol=0.15)
    assert math.isclose(summary.mcse_mean, 1 / math.sqrt(expected), rel_tol=0.15)
    assert summary.r_hat < 1.01


def test_chains_at_different_places_have_a_large_r_hat() -> None:
    values = normal(2, 500) + np.array([[0.0], [3.0]])
    assert summarize_array(values).r_hat > 1.5


def test_a_scalar_is_a_number_and_shapes_are_kept() -> None:
    assert isinstance(summarize_array(normal(2, 50)).mean, float)
    matrix = summarize_array(normal(2, 50, 2, 3))
    for values in (matrix.mean, matrix.r_hat, matrix.quantiles["0.05"]):
        assert np.shape(values) == (2, 3)


def test_a_constant_has_no_markov_chain_statistics() -> None:
    values = np.full((4, 100, 2), 0.1)
    values[:, :, 1] = normal(4, 100)
    summary = summarize_array(values)
    assert summary.sd[0] == 0.0
    for numbers in (summary.r_hat, summary.ess_bulk, summary.ess_tail, summary.mcse_mean):
        assert numbers[0] is None
        assert isinstance(numbers[1], float)


def test_an_entry_that_is_not_finite_has_no_summary_and_harms_no_other() -> None:
    values = normal(4, 100, 3)
    values[1, 7, 0] = np.inf
    values[2, 3, 1] = np.nan
    summary = summarize_array(values)
    for numbers in (summary.mean, summary.sd, summary.median, summary.quantiles["0.95"]):
        assert numbers[:2] == [None, None]
        assert isinstance(numbers[2], float)
    assert summary.r_hat[2] == summarize_array(values[:, :, 2]).r_hat


def test_chains_that_stand_still_apart_have_an_absurd_r_hat_or_none() -> None:
    values = np.repeat([[0.0], [1.0]], 100, axis=1)
    summary = summarize_array(values)
    assert summary.sd > 0
    # The variance within chains is zero up to rounding.
    assert summary.r_hat is None or summary.r_hat > 1e6


@pytest.mark.parametrize("shape", [(1, 400), (1, 1), (2, 1), (4, 2), (4, 3)])
def test_few_draws_or_one_chain_give_null_and_valid_json(shape) -> None:
    summary = summarize_array(normal(*shape))
    json.loads(summary.model_dump_json())
    assert summary.r_hat is None
    json.dumps(summary.model_dump(), allow_nan=False)


def test_quantities_keep_their_order_and_no_draws_give_nothing() -> None:
    draws = MemoryDraws({"b": normal(2, 50), "a": normal(2, 50, 2)}, {})
    assert list(summarize(draws)) == ["b", "a"]
    assert summarize(MemoryDraws({}, {})) == {}
