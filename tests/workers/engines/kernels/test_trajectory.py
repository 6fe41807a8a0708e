"""The NUTS transition: against Stan's recursion, invariance, masking, divergence, depth."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.densities import GaussianDensity, half_space
from tests.workers.engines.kernels.recursive import RecursiveNuts
from workers.engines.kernels.initial import Point, evaluate
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.trajectory import nuts
from workers.engines.kernels.transition import Transition

COVARIANCE = torch.tensor([[1.0, 1.8], [1.8, 4.0]], dtype=torch.float64)


def generator(seed: int = 8) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(dtype: torch.dtype = torch.float64) -> GaussianDensity:
    return GaussianDensity(torch.zeros(2), COVARIANCE, dtype)


def exact(chains: int) -> Point:
    """Points drawn from the target itself."""
    unit = torch.randn(chains, 2, generator=generator(), dtype=torch.float64)
    return evaluate(gaussian(), unit @ torch.linalg.cholesky(COVARIANCE).T)


def move(density, point: Point, step: float, seed: int = 9, max_depth: int = 10) -> Transition:
    size = torch.full((len(point.z),), step, dtype=torch.float64)
    ones = Metric(torch.ones_like(point.z[0]))
    return nuts(density, point, size, ones, generator(seed), max_depth)


def mean_and_error(values: Tensor) -> tuple[float, float]:
    values = values.double()
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def test_the_target_is_invariant() -> None:
    point = exact(20_000)
    after = move(gaussian(), point, 0.5).point.z
    for function in (lambda z: z[:, 0], lambda z: z[:, 0] * z[:, 1], lambda z: z[:, 1] ** 4):
        mean, error = mean_and_error(function(after) - function(point.z))
        assert abs(mean) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.1, 0.5, 1.2])
def test_it_does_what_stans_recursion_does(step: float) -> None:
    start = exact(3000)
    made = move(gaussian(), start, step)
    precision = np.linalg.inv(COVARIANCE.numpy())

    def density(z: np.ndarray) -> tuple[float, np.ndarray]:
        return float(-0.5 * z @ precision @ z), -precision @ z

    reference = RecursiveNuts(density, step, 10, np.random.default_rng(3))
    rows = []
    for z in start.z.numpy():
        jump = ((reference.transition(z) - z) ** 2).sum()
        rows.append((reference.leapfrogs, reference.depth, reference.acceptance, jump))
    expected = torch.tensor(rows).T
    jump = ((made.point.z - start.z) ** 2).sum(1)
    seen = (made.leapfrogs, made.stats["tree_depth"], made.acceptance, jump)
    for ours, theirs in zip(seen, expected, strict=True):
        (a, error_a), (b, error_b) = mean_and_error(ours), mean_and_error(theirs)
        assert abs(a - b) < 4 * math.hypot(error_a, error_b) + 1e-12


def test_another_chain_changes_no_bit_of_a_chain() -> None:
    start = exact(4)
    alone = move(gaussian(), start, 0.02)
    z = start.z.clone()
    z[2] = torch.tensor([50.0, -50.0])  # diverges at once or runs far longer
    other = move(gaussian(), evaluate(gaussian(), z), 0.02)
    assert not bool((other.leapfrogs == alone.leapfrogs).all())
    for chain in (0, 1, 3):
        assert bool((other.point.z[chain] == alone.point.z[chain]).all())
        assert other.energy[chain] == alone.energy[chain]
        assert other.leapfrogs[chain] == alone.leapfrogs[chain]


def test_a_chain_with_too_large_a_step_diverges_and_stays() -> None:
    start = exact(3)
    size = torch.tensor([0.5, 1e4, 0.5], dtype=torch.float64)
    made = nuts(gaussian(), start, size, Metric(torch.ones_like(start.z[0])), generator(), 10)
    assert made.divergent.tolist() == [False, True, False]
    assert bool((made.point.z[1] == start.z[1]).all())
    assert made.leapfrogs[1] == 1
    assert made.acceptance[1] == 0.0
    assert made.stats["tree_depth"][1] == 0


def test_a_nan_beyond_a_wall_is_a_divergence() -> None:
    density = half_space(0.0)
    point = evaluate(density, torch.full((64, 2), 0.3, dtype=torch.float64))
    made = move(density, point, 0.4, max_depth=6)
    assert 0 < int(made.divergent.sum()) < 64
    assert bool((made.point.z > 0).all())
    assert bool(made.point.gradient.isfinite().all())


def test_a_target_with_a_wall_is_invariant() -> None:
    density = half_space(0.0)
    normal = torch.randn(8000, 2, generator=generator(), dtype=torch.float64)
    point = evaluate(density, normal.abs())
    after = move(density, point, 0.5, max_depth=4).point.z
    for power in (1, 2, 4):
        mean, error = mean_and_error((after**power - point.z**power).sum(1))
        assert abs(mean) < 4 * error


def test_the_depth_is_bounded() -> None:
    made = move(gaussian(), exact(8), 1e-3, max_depth=4)
    assert made.leapfrogs.tolist() == [15] * 8
    assert made.stats["tree_depth"].tolist() == [4] * 8


def test_the_draw_carries_its_own_density_gradient_and_energy() -> None:
    made = move(gaussian(), exact(16), 0.3)
    again = evaluate(gaussian(), made.point.z)
    torch.testing.assert_close(made.point.log_density, again.log_density)
    torch.testing.assert_close(made.point.gradient, again.gradient)
    # The energy is the log density and a kinetic part that is never negative.
    assert bool((made.energy + made.point.log_density >= 0).all())


def test_the_generator_moves_on_by_a_fixed_amount() -> None:
    states = []
    for step in (0.01, 1.0):
        source = generator()
        size = torch.full((4,), step, dtype=torch.float64)
        nuts(gaussian(), exact(4), size, Metric(torch.ones(2, dtype=torch.float64)), source, 10)
        states.append(source.get_state())
    assert bool((states[0] == states[1]).all())


def test_float32_positions_have_float64_energies() -> None:
    density = gaussian(torch.float32)
    made = move(density, evaluate(density, exact(4).z.float()), 0.3)
    assert made.point.z.dtype == made.point.gradient.dtype == torch.float32
    assert made.energy.dtype == made.acceptance.dtype == torch.float64
