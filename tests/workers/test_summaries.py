"""Summaries against closed forms and against ArviZ itself."""

import json

import numpy as np
import pytest
from arviz_stats.base import array_stats

from workers import entries
from workers.draws import MemoryDraws
from workers.summaries import summarize, summarize_array


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


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
        tail = array_stats.ess(one, method="tail", prob=(0.05, 0.95))
        assert summary.ess_bulk[k] == pytest.approx(array_stats.ess(one, method="bulk"), rel=1e-9)
        assert summary.ess_tail[k] == pytest.approx(tail, rel=1e-9)
        assert summary.r_hat[k] == pytest.approx(array_stats.rhat(one, method="rank"), rel=1e-9)
        assert summary.mcse_mean[k] == pytest.approx(array_stats.mcse(one, method="mean"), rel=1e-9)


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


@pytest.mark.parametrize("superchains", [None, 2])
def test_chains_that_stand_still_apart_have_no_r_hat_though_they_vary(superchains) -> None:
    values = np.repeat([[0.0], [0.0], [1.0], [1.0]], 100, axis=1)
    summary = summarize_array(values, superchains=superchains)
    assert summary.sd > 0
    assert summary.r_hat is None
    assert summary.nested_r_hat is None


def test_nested_r_hat_is_there_when_chains_share_starts_and_absent_otherwise() -> None:
    values = normal(8, 20, 2)
    values[:, :, 1] = 3.0
    with_starts, without = summarize_array(values, superchains=4), summarize_array(values)
    known = array_stats.rhat_nested(values[:, :, 0], np.arange(8) // 2, method="rank")
    assert with_starts.nested_r_hat == [pytest.approx(float(known), rel=1e-9), None]
    assert "nested_r_hat" not in without.model_fields_set
    assert with_starts.r_hat == without.r_hat


def test_numbers_too_large_to_square_have_a_mean_and_no_spread() -> None:
    summary = summarize_array(normal(4, 100) * 1e200)
    assert abs(summary.mean) < 1e200
    assert summary.sd is None
    assert summary.mcse_mean is None
    assert summary.r_hat < 1.1


def test_groups_of_entries_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"a": normal(4, 50), "b": normal(4, 50, 3, 2, seed=1), "c": normal(4, 50, seed=2)}
    together = summarize(MemoryDraws(values, {}), superchains=2)
    monkeypatch.setattr(entries, "MOST", 800)
    apart = summarize(MemoryDraws(values, {}), superchains=2)
    for name, one in together.items():
        for field, numbers in one:
            if field == "quantiles":
                assert numbers == apart[name].quantiles
            else:
                np.testing.assert_allclose(getattr(apart[name], field), numbers, 1e-12)


def test_a_quantity_without_entries_has_an_empty_summary() -> None:
    draws = MemoryDraws({"none": normal(4, 50, 0), "x": normal(4, 50)}, {})
    summary = summarize(draws)
    assert summary["none"].mean == summary["none"].r_hat == []
    assert summary["x"].mean == summarize_array(normal(4, 50)).mean
    assert summarize(MemoryDraws({"none": normal(4, 50, 0)}, {}))["none"].quantiles["0.05"] == []


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
