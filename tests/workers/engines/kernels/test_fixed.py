"""The HMC transition: invariance, masking, divergence, length."""

import math

import torch

from tests.workers.densities import GaussianDensity, half_space
from workers.engines.kernels.fixed import LONGEST, hmc
from workers.engines.kernels.initial import Point, evaluate
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.transition import Transition


def density() -> GaussianDensity:
    return GaussianDensity(torch.zeros(2), torch.diag(torch.tensor([1.0, 4.0])))


def exact(chains: int) -> Point:
    unit = torch.randn(chains, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return evaluate(density(), unit * torch.tensor([1.0, 2.0], dtype=torch.float64))


def move(target, point: Point, step, length: float = 1.5) -> Transition:
    size = torch.as_tensor(step, dtype=torch.float64).expand(len(point.z))
    source = torch.Generator().manual_seed(2)
    return hmc(target, point, size, Metric(torch.ones_like(point.z[0])), source, length)


def test_the_target_is_invariant() -> None:
    point = exact(20_000)
    after = move(density(), point, 0.7).point.z
    for power in (1, 2, 4):
        change = (after**power - point.z**power).mean(0)
        error = (after**power - point.z**power).std(0) / math.sqrt(len(after))
        assert bool((change.abs() < 4 * error).all())


def test_each_chain_takes_its_own_number_of_leapfrogs() -> None:
    start = exact(3)
    made = move(density(), start, torch.tensor([0.5, 0.1, 1.5]))
    assert made.leapfrogs.tolist() == [3, 15, 1]
    alone = move(density(), start, torch.tensor([0.5, 0.5, 1.5]))
    assert bool((made.point.z[0] == alone.point.z[0]).all())
    assert bool((made.point.z[2] == alone.point.z[2]).all())


def test_the_number_of_leapfrogs_is_bounded() -> None:
    made = move(density(), exact(1), 1e-9)
    assert made.leapfrogs.tolist() == [LONGEST]


def test_too_large_a_step_diverges_and_stays() -> None:
    start = exact(2)
    made = move(density(), start, torch.tensor([1e4, 0.5]))
    assert made.divergent.tolist() == [True, False]
    assert bool((made.point.z[0] == start.z[0]).all())
    assert made.acceptance[0] == 0.0


def test_a_nan_beyond_a_wall_is_a_divergence() -> None:
    target = half_space(0.0)
    point = evaluate(target, torch.full((64, 2), 0.3, dtype=torch.float64))
    made = move(target, point, 0.4)
    assert 0 < int(made.divergent.sum()) < 64
    assert bool((made.point.z > 0).all())


def test_the_energy_is_that_of_the_draw() -> None:
    made = move(density(), exact(32), 0.5)
    assert bool((made.energy + made.point.log_density >= 0).all())
