"""The watch of a run: what it remembers, when it looks, and what makes it say stop."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats

from tests.workers.densities import FunctionDensity, GaussianDensity
from workers.engines.kernels.watch import LATEST, Watch
from workers.goal import FIRST_CHECK, Goal, Progress, is_check, measure

DENSITY = GaussianDensity(torch.zeros(2), torch.eye(2))


def normal(chains: int, draws: int, seed: int = 1) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(chains, draws, 2, generator=source, dtype=torch.float64)


def fed(watch: Watch, z: torch.Tensor, most: int = 25) -> list[Watch]:
    """Hand draws over in the blocks that the watch has room for, until it has enough."""
    steps, at = [watch], 0
    while at < z.shape[1] and not steps[-1].met:
        count = steps[-1].room(min(most, z.shape[1] - at))
        steps.append(steps[-1].take(DENSITY, z[:, at : at + count]))
        at += count
    return steps


def test_without_a_goal_nothing_is_remembered() -> None:
    watch = Watch(None)
    after = watch.take(DENSITY, normal(4, 100))
    assert after is watch
    assert after.memory.seen == after.memory.held == 0
    assert watch.room(25) == 25
    assert watch.numbers() == {}


def looks(steps: list[Watch]) -> list[int]:
    return [after.looked for before, after in pairwise(steps) if after.looked > before.looked]


@pytest.mark.parametrize("most", [1, 7, 8, 25, 400])
def test_far_from_the_goal_it_looks_ever_more_rarely(most: int) -> None:
    steps = fed(Watch(Goal(ess_bulk=1e9)), normal(4, 400), most)
    times = looks(steps)
    assert times[0] == FIRST_CHECK
    checks = [n for n in range(401) if is_check(n)]
    # The first check at which the draws are twice as many as at the latest look.
    assert times[1:] == [min(n for n in checks if n >= LATEST * at) for at in times[:-1]]
    assert steps[-1].memory.seen == 400


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("goal", [Goal(ess_bulk=600, r_hat=1.05), Goal(ess_bulk=900), Goal()])
def test_no_check_that_would_do_is_left_out(goal: Goal, seed: int) -> None:
    z = normal(8, 1000, seed)
    end = fed(Watch(goal), z)[-1]
    enough = (n for n in range(1001) if is_check(n) and goal.met(measure({"x": z[:, :n].numpy()})))
    assert end.met
    assert end.memory.seen == end.looked == next(enough)


def test_blocks_do_not_matter() -> None:
    z = normal(4, 300)
    ends = [fed(Watch(Goal(ess_bulk=500)), z, most)[-1] for most in (1, 25)]
    assert ends[0].memory.seen == ends[1].memory.seen
    assert ends[0].progress == ends[1].progress
    assert (ends[0].memory.values() == ends[1].memory.values()).all()


def test_it_stops_at_the_first_look_that_meets_the_goal() -> None:
    goal = Goal(ess_bulk=600, r_hat=1.05)
    steps = fed(Watch(goal), normal(4, 1000))
    assert steps[-1].met
    assert not any(step.met for step in steps[:-1])
    assert is_check(steps[-1].memory.seen)
    assert steps[-1].memory.seen < 1000
    held = steps[-1].memory.values()
    sizes = [array_stats.ess(held[..., k], method="bulk") for k in range(2)]
    assert steps[-1].progress.ess_bulk == pytest.approx(min(sizes), rel=1e-9)
    assert steps[-1].numbers() == {"ess_bulk": pytest.approx(min(sizes), rel=1e-9)}


def test_chains_apart_never_meet_it() -> None:
    z = normal(4, 400) + 3.0 * torch.arange(4).double()[:, None, None]
    end = fed(Watch(Goal(ess_bulk=1)), z)[-1]
    assert not end.met
    assert end.progress.r_hat is not None
    assert end.progress.r_hat > 1.5


def test_chains_that_stand_still_never_meet_it() -> None:
    z = normal(4, 1).expand(4, 50, 2)
    end = fed(Watch(Goal(ess_bulk=None, r_hat=1e6)), z)[-1]
    assert end.progress.r_hat == math.inf
    assert not end.met


def test_superchains_are_what_is_compared() -> None:
    # Chains of one superchain apart, superchains alike: nested R-hat is what it is about.
    shifts = torch.tensor([-2.0, 2.0, -2.0, 2.0, -2.0, 2.0, -2.0, 2.0]).double()
    z = normal(8, 200) + shifts[:, None, None]
    goal = Goal(ess_bulk=None, r_hat=1.05)
    nested, plain = (fed(Watch(goal, superchains=n), z)[-1] for n in (4, None))
    assert nested.met
    assert not plain.met


def test_it_measures_constrained_parameters_and_no_deterministics() -> None:
    density = FunctionDensity(
        lambda x: -x,
        {"rate": ((), "positive"), "x": ((), "real")},
        deterministics={"constant": lambda x: 0.0 * x[:, 0] + torch.arange(len(x))},
    )
    z = normal(4, 13)
    watch = Watch(Goal(ess_bulk=1e9)).take(density, z)
    values = [z[..., 0].exp().numpy(), z[..., 1].numpy()]
    least = min(array_stats.ess(value, method="bulk") for value in values)
    assert watch.progress.ess_bulk == pytest.approx(least, rel=1e-9)


def test_draws_that_are_not_finite_count_in_neither_number() -> None:
    z = normal(4, 50)
    z[0, 3, 0] = torch.nan
    alone = normal(4, 50)[..., 1].numpy()
    end = fed(Watch(Goal(ess_bulk=None, r_hat=1 + 1e-9)), z)[-1]
    expected = array_stats.ess(alone[:, : end.looked], method="bulk")
    assert end.progress.ess_bulk == pytest.approx(expected, rel=1e-9)
    assert np.isfinite(end.progress.r_hat)


def test_nothing_is_known_before_the_first_look() -> None:
    watch = Watch(Goal(ess_bulk=None, r_hat=1e6)).take(DENSITY, normal(4, 7))
    assert watch.progress == Progress(None, None)
    assert not watch.met
    assert watch.room(25) == 6


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_the_first_look_is_not_fooled(memory: float) -> None:
    # An autoregression, 64 chains, whose effective size is known.
    z = normal(64, 40)
    for t in range(1, 40):
        z[:, t] = memory * z[:, t - 1] + math.sqrt(1 - memory**2) * z[:, t]
    first = Watch(Goal(ess_bulk=1e9)).take(DENSITY, z[:, :FIRST_CHECK])
    lags = range(1, FIRST_CHECK)
    time = 1 + 2 * sum((1 - k / FIRST_CHECK) * memory**k for k in lags)
    assert first.progress.ess_bulk is not None
    assert first.progress.ess_bulk < 1.8 * 64 * FIRST_CHECK / time


def test_r_hat_is_not_computed_where_the_effective_size_is_too_small() -> None:
    watch = Watch(Goal(ess_bulk=1e9)).take(DENSITY, normal(4, FIRST_CHECK))
    assert watch.progress.ess_bulk is not None
    assert watch.progress.r_hat is None
    assert Watch(Goal(ess_bulk=1.0)).take(DENSITY, normal(4, FIRST_CHECK)).progress.r_hat
