"""Mixing against closed forms and, number by number, against ArviZ."""

import math

import numpy as np
import pytest
from arviz_stats.base import array_stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workers.mixing import Mixing, scores_of

#: By our name, ArviZ's for `C x N` draws of one entry.
ORACLES = {
    "ess_bulk": lambda x: array_stats.ess(x, method="bulk"),
    "ess_tail": lambda x: array_stats.ess(x, method="tail", prob=(0.05, 0.95)),
    "ess_mean": lambda x: array_stats.ess(x, method="mean"),
    "mcse_mean": lambda x: array_stats.mcse(x, method="mean"),
    "r_hat": lambda x: array_stats.rhat(x, method="rank"),
}
#: Chains, draws, entries, superchains.
SHAPES = [
    (1, 1, 2, None),
    (4, 3, 2, 2),
    (1, 4, 3, None),
    (1, 5, 2, None),
    (2, 4, 3, 2),
    (2, 5, 3, 2),
    (3, 6, 1, 3),
    (2, 7, 2, 2),
    (4, 8, 2, 2),
    (5, 9, 2, 5),
    (4, 101, 3, 2),
    (64, 40, 3, 16),
    (64, 41, 2, 8),
    (256, 130, 1, 4),
    (4, 1000, 3, 4),
    (1, 999, 2, None),
]


def superchain_ids(chains: int, superchains: int) -> np.ndarray:
    return np.arange(chains) // (chains // superchains)


def assert_arviz(values: np.ndarray, superchains: int | None = None) -> None:
    """Compare every statistic of `C x N x M` draws, entry by entry."""
    mixing = Mixing(values, superchains)
    oracles = dict(ORACLES)
    if superchains is not None:
        ids = superchain_ids(len(values), superchains)
        oracles["nested_r_hat"] = lambda x: array_stats.rhat_nested(x, ids, method="rank")
    with np.errstate(all="ignore"):
        for name, oracle in oracles.items():
            expected = [float(oracle(values[:, :, k])) for k in range(values.shape[2])]
            found = getattr(mixing, name)
            # Chains that stand still divide by 0 up to rounding: any huge number will do.
            huge = np.array(expected) > 1e6
            assert (~huge | (found > 1e6)).all(), name
            np.testing.assert_allclose(found[~huge], np.array(expected)[~huge], 1e-9, err_msg=name)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def autoregressive(rho: float, *shape: int) -> np.ndarray:
    """AR(1) with unit variance: its ESS of the mean is n (1 - rho) / (1 + rho)."""
    noise = normal(*shape) * math.sqrt(1 - rho**2)
    out = np.empty_like(noise)
    out[:, 0] = normal(shape[0], *shape[2:], seed=1)
    for t in range(1, shape[1]):
        out[:, t] = rho * out[:, t - 1] + noise[:, t]
    return out


@pytest.mark.parametrize("rho", [0.0, 0.9, -0.7])
@pytest.mark.parametrize(("chains", "draws", "entries", "superchains"), SHAPES)
def test_every_shape_has_arviz_s_numbers(chains, draws, entries, superchains, rho) -> None:
    assert_arviz(autoregressive(rho, chains, draws, entries), superchains)


@pytest.mark.parametrize(("chains", "draws", "entries", "superchains"), SHAPES)
def test_ties_have_arviz_s_numbers(chains, draws, entries, superchains) -> None:
    assert_arviz(autoregressive(0.5, chains, draws, entries).round(1), superchains)


def test_samples_of_every_kind_have_arviz_s_numbers() -> None:
    values = normal(4, 60, 10)
    values[:, :, 1] = values[:, :, 1].cumsum(1)
    values[:, :, 2] += 5 * np.arange(4)[:, None]
    values[2, :, 3] = 0.3  # One chain stands still.
    values[:, :, 4] = np.arange(4)[:, None]  # All do, apart.
    values[:, :, 5] = np.sign(values[:, :, 5])
    values[:, :, 6] = (values[:, :, 6] > 2.5).astype(float)  # Nearly constant.
    values[:, :, 7] = 1e5 + values[:, :, 7]
    values[:, :, 8] = np.exp(3 * values[:, :, 8])
    values[:, 30:, 9] += 3  # Halves that disagree.
    assert_arviz(values, 2)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_small_sample_has_arviz_s_numbers(data: st.DataObject) -> None:
    superchains = data.draw(st.integers(2, 3))
    shape = (superchains * data.draw(st.integers(1, 3)), data.draw(st.integers(4, 15)), 2)
    # Whole numbers and noise: ties and chains that stand still, but no exact tie between sums of
    # autocorrelations, which rounding would decide.
    steps = data.draw(arrays(np.int8, shape, elements=st.integers(-3, 3)))
    noise = normal(*shape, seed=data.draw(st.integers(0, 2**31)))
    moving = data.draw(arrays(np.bool_, (shape[0], 1, 2)))
    assert_arviz(np.where(moving, steps + noise, steps[:, :1]), superchains)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_effective_size_of_an_autoregression(rho: float) -> None:
    mixing = Mixing(autoregressive(rho, 4, 5000, 1))
    expected = 20_000 * (1 - rho) / (1 + rho)
    assert math.isclose(mixing.ess_mean[0], expected, rel_tol=0.15)
    assert math.isclose(mixing.ess_bulk[0], expected, rel_tol=0.15)
    assert math.isclose(mixing.mcse_mean[0], 1 / math.sqrt(expected), rel_tol=0.15)


def test_nested_r_hat_of_superchains_apart() -> None:
    """Of means m and unit variance within, both groups large: sqrt(1 + var(m) / 1)."""
    values = normal(400, 100, 1)
    values[200:] += 0.2
    found = Mixing(values, 2).nested_r_hat
    # Rank normalisation keeps a normal distribution nearly normal.
    assert math.isclose(found[0], math.sqrt(1 + 0.2**2 / 2 / (1 + 0.01)), rel_tol=2e-3)


def test_nested_r_hat_ignores_what_chains_of_one_start_do_apart() -> None:
    """Chains of few draws that disagree within each superchain but not between them."""
    values = normal(64, 8, 1) * 0.1 + np.tile(normal(8, 1, 1, seed=2), (8, 1, 1))
    mixing = Mixing(values, 8)
    assert mixing.nested_r_hat[0] < 1.01 < 3 < mixing.r_hat[0]


def test_chains_that_stand_still_apart_have_an_infinite_r_hat() -> None:
    values = np.repeat(np.array([0.1, 0.1, 0.7, 0.7])[:, None, None], 50, axis=1)
    mixing = Mixing(values, 2)
    assert mixing.r_hat.tolist() == mixing.nested_r_hat.tolist() == [math.inf]


def test_a_constant_has_no_r_hat_and_as_many_draws_as_there_are() -> None:
    mixing = Mixing(np.full((4, 50, 1), 0.1), 2)
    assert np.isnan([mixing.r_hat, mixing.nested_r_hat]).all()
    sizes = (mixing.ess_bulk, mixing.ess_tail, mixing.ess_mean)
    assert np.array(sizes).ravel().tolist() == [200] * 3
    assert mixing.mcse_mean[0] < 1e-15


def test_units_do_not_matter() -> None:
    """ArviZ takes a range below 1e-15 for a constant; a parameter may be that small."""
    values = autoregressive(0.5, 4, 100, 1)
    small, large = Mixing(values * 2.0**-100), Mixing(values * 2.0**100)
    for name in ("ess_bulk", "ess_tail", "ess_mean", "r_hat"):
        assert getattr(small, name) == getattr(large, name) == getattr(Mixing(values), name)


def test_entries_do_not_depend_on_each_other_and_a_table_may_be_shared() -> None:
    values = autoregressive(0.3, 4, 51, 6).round(1)
    together = Mixing(values)
    for k in range(6):
        alone = Mixing(values[:, :, k : k + 1], table=scores_of(4, 51))
        for name in ORACLES:
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[k], 1e-12)


def test_the_draws_are_left_as_they_were() -> None:
    values = np.moveaxis(normal(2, 4, 30), 0, 2)  # Contiguous as entries, chains, draws.
    before = values.copy()
    mixing = Mixing(values, 2)
    for name in (*ORACLES, "nested_r_hat"):
        getattr(mixing, name)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("superchains", [0, 1, 3, 8])
def test_superchains_are_two_or_more_of_equal_size(superchains: int) -> None:
    with pytest.raises(ValueError, match="superchains of equal size"):
        Mixing(normal(4, 10, 1), superchains)
