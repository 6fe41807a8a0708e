"""Warm-up of many chains together: when it learns, and what one bad chain does to it."""

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import ensemble
from workers.engines.kernels.ensemble import Plan, ends
from workers.engines.kernels.fixed import Proposed, transition
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.metric import unit


def test_windows_double_and_leave_the_end_to_the_step_size() -> None:
    assert sorted(ends(100)) == [3, 7, 15, 31, 64]
    assert sorted(ends(1000))[-3:] == [161, 324, 649]
    assert not ends(0)
    assert not ends(5)


def test_a_chain_that_is_refused_tries_smaller_steps_and_the_others_go_on() -> None:
    density = GaussianDensity(torch.zeros(3), torch.eye(3))
    source = torch.Generator().manual_seed(1)
    z, p = torch.randn(2, 32, 3, generator=source, dtype=torch.float64)
    point = evaluate(density, z)
    known = ensemble.start(density, point, unit(3, torch.float64, torch.device("cpu")), p)
    first = known.step.size
    log_u = torch.zeros(32, dtype=torch.float64)
    plan = Plan(0, 1000, 0.8, "diagonal", 100)
    for n in range(6):
        made = transition(density, point, p, known.step_sizes(), 2, known.metric, log_u)
        refused = made.made.acceptance.clone()
        refused[5] = 0.0
        bad = Proposed(_with(made.made, refused), made.z, made.p)
        known = ensemble.learn(known, point.z, bad, 2, plan._replace(iteration=n))
    sizes = known.step_sizes()
    assert sizes[5] < sizes[0] / 4
    assert bool((sizes[:5] == known.step.size).all())
    assert known.step.size > first / 2


def _with(made, acceptance: torch.Tensor):
    return type(made)(
        made.point, acceptance, made.divergent, made.energy, made.leapfrogs, made.stats
    )
