"""The pace that chains share, and what one bad chain does to it."""

from dataclasses import replace

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import ensemble
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.metric import unit
from workers.engines.kernels.pace import leaps_at, learn
from workers.engines.kernels.transition import Proposed


def test_a_chain_that_is_refused_tries_smaller_steps_and_the_others_go_on() -> None:
    density = GaussianDensity(torch.zeros(3), torch.eye(3))
    source = torch.Generator().manual_seed(1)
    z, p = torch.randn(2, 32, 3, generator=source, dtype=torch.float64)
    point, metric = evaluate(density, z), unit(3, torch.float64, torch.device("cpu"))
    pace = ensemble.start(density, point, metric, p).pace
    first = pace.step.size
    log_u = torch.zeros(32, dtype=torch.float64)
    for _ in range(6):
        made = transition(density, point, p, pace.step_sizes(), 2, metric, log_u)
        refused = made.made.acceptance.clone()
        refused[5] = 0.0
        bad = Proposed(replace(made.made, acceptance=refused), made.z, made.p)
        pace = learn(pace, point.z, bad, metric, leaps=2, target=0.8, longest=100)
    sizes = pace.step_sizes()
    assert sizes[5] < sizes[0] / 4
    assert bool((sizes[:5] == pace.step.size).all())
    assert pace.step.size > first / 2
    assert bool((pace.resting() == pace.step.average).all())


def test_lengths_are_spread_evenly_and_bounded() -> None:
    leaps = [leaps_at(n, 10.0, 0.5, 1000) for n in range(1023)]
    assert abs(sum(leaps) / len(leaps) - 10.5) < 0.1
    assert (min(leaps), max(leaps)) == (1, 20)
    assert leaps_at(0, 10.0, 0.001, 64) == 64
    assert leaps_at(0, 0.1, 10.0, 64) == 1
