"""A goal is met by draws that are good enough, and checked at fixed numbers of them."""

import math

import numpy as np
import pytest
from arviz_stats.base import array_stats
from pydantic import ValidationError

from workers import entries as entries_module
from workers.goal import Goal, Progress, is_check, measure


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("goal", "progress", "met"),
    [
        (Goal(), Progress(1000.0, 1.01), True),
        (Goal(), Progress(999.0, 1.0), False),
        (Goal(), Progress(1e6, 1.011), False),
        (Goal(), Progress(1e6, math.inf), False),
        (Goal(), Progress(None, 1.0), False),
        (Goal(), Progress(1e6, None), False),
        (Goal(r_hat=None), Progress(1e6, None), True),
        (Goal(ess_bulk=None), Progress(None, 1.0), True),
        (Goal(ess_bulk=None), Progress(1e6, 1.2), False),
        (Goal(ess_bulk=50, r_hat=1.1), Progress(60.0, 1.05), True),
    ],
)
def test_met(goal: Goal, progress: Progress, met: bool) -> None:
    assert goal.met(progress) is met


@pytest.mark.parametrize(
    "posted",
    [{"ess_bulk": 0}, {"ess_bulk": -1}, {"r_hat": 1}, {"r_hat": math.nan}, {"ess_tail": 100}],
)
def test_goals_that_make_no_sense_are_refused(posted) -> None:
    with pytest.raises(ValidationError):
        Goal.model_validate(posted)


def test_the_worst_entry_counts() -> None:
    good, slow, apart = normal(4, 200, 2), normal(4, 200).cumsum(1), normal(4, 200)
    apart = apart + np.arange(4)[:, None]
    progress = measure({"good": good, "slow": slow, "apart": apart})
    each = [good[..., 0], good[..., 1], slow, apart]
    sizes = [array_stats.ess(x, method="bulk") for x in each]
    ratios = [array_stats.rhat(x, method="rank") for x in each]
    assert progress.ess_bulk == pytest.approx(min(sizes), rel=1e-9)
    assert progress.r_hat == pytest.approx(max(ratios), rel=1e-9)


def test_groups_of_entries_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"a": normal(4, 50, 3), "b": normal(4, 50, seed=1), "c": normal(4, 50, 5, seed=2)}
    together = measure(values)
    monkeypatch.setattr(entries_module, "MOST", 400)
    assert measure(values) == together


def test_superchains_are_measured_by_nested_r_hat() -> None:
    """Few draws per chain, chains that differ within each superchain: R-hat cannot be small."""
    values = normal(64, 8) * 0.1 + np.tile(normal(8, 1, seed=2), (8, 1))
    nested, plain = measure({"x": values}, superchains=8), measure({"x": values})
    assert nested.ess_bulk == plain.ess_bulk
    assert nested.r_hat < 1.01 < plain.r_hat


@pytest.mark.parametrize("superchains", [None, 2])
def test_entries_without_variance_or_not_finite_count_neither_way(superchains) -> None:
    values = normal(4, 100, 4)
    values[:, :, 1] = 0.1
    values[1, 3, 2] = np.nan
    values[1, 3, 3] = np.inf
    assert measure({"x": values}, superchains) == measure({"x": values[:, :, 0]}, superchains)
    assert measure({"x": values[:, :, 1:]}, superchains) == Progress(None, None)


@pytest.mark.parametrize("superchains", [None, 2])
def test_an_entry_that_stands_still_in_every_chain_makes_r_hat_infinite(superchains) -> None:
    values = normal(4, 100, 2)
    # Apart within each superchain, alike between them: nested R-hat alone would be 1.
    values[:, :, 1] = np.array([0.0, 1.0, 0.0, 1.0])[:, None]
    assert measure({"x": values}, superchains).r_hat == math.inf


def test_the_middle_draw_of_an_odd_number_decides_only_whether_an_entry_counts() -> None:
    varying, broken = np.full((4, 51), 0.1), normal(4, 51)
    varying[2, 25], broken[2, 25] = 0.2, np.nan
    assert measure({"x": varying}) == Progress(200.0, None)
    assert measure({"x": broken}) == Progress(None, None)


def test_quantities_without_entries_have_no_numbers() -> None:
    assert measure({"x": normal(4, 50, 0)}, 2) == Progress(None, None)
    assert measure({"x": normal(4, 50, 0), "y": normal(4, 50)}) == measure({"y": normal(4, 50)})


@pytest.mark.parametrize("shape", [(0, 0), (4, 3), (2, 1)])
def test_too_few_draws_have_no_numbers(shape: tuple[int, int]) -> None:
    assert measure({"x": normal(*shape)}) == Progress(None, None)


def test_one_chain_has_no_r_hat() -> None:
    progress = measure({"x": normal(1, 100)})
    assert progress.r_hat is None
    assert progress.ess_bulk > 40


def test_checks_grow_by_a_quarter() -> None:
    times = [n for n in range(100_000) if is_check(n)]
    assert times[:9] == [13, 16, 20, 25, 31, 39, 49, 61, 76]
    ratios = np.array(times[5:-1]) / np.array(times[6:])
    np.testing.assert_allclose(ratios, 0.8, atol=0.02)
    # Checks together cost about five times the last, if a check costs as many draws as it sees.
    assert sum(times) < 5.1 * times[-1]


def test_an_entry_without_enough_is_enough_to_know() -> None:
    values = {"a": normal(4, 200, 2), "b": normal(4, 200)}
    whole = measure(values, None, 1e6)
    assert whole.worst in (0, 1, 2)
    flat = (values["a"][..., 0], values["a"][..., 1], values["b"])
    for place in range(3):
        first = measure(values, None, 1e6, place)
        assert first.worst == place
        assert first.ess_bulk == measure({"x": flat[place]}, None, 1e6).ess_bulk
    # Where it has enough the others count too.
    assert measure(values, None, 1.0, 0) == measure(values, None, 1.0)


def test_the_worst_entry_counts_those_that_stand_still() -> None:
    values = {"still": np.ones((4, 50, 3)), "x": normal(4, 50, 2)}
    values["x"][:, :, 1] = values["x"][:, :, 1].cumsum(1)
    assert measure(values).worst == 4
