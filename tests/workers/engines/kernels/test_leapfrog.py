"""The leapfrog as physics: reversible, volume-preserving, energy error of second order."""

import math

import pytest
import torch

from tests.workers.densities import FunctionDensity, GaussianDensity, funnel
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.metric import Metric


def oscillator(dtype: torch.dtype = torch.float64) -> GaussianDensity:
    return GaussianDensity(torch.zeros(1), torch.eye(1), dtype)


def launch(density, chains: int = 3, seed: int = 5) -> Phase:
    generator = torch.Generator().manual_seed(seed)
    z = density.initial(generator, chains)
    p = torch.randn(z.shape, generator=generator, dtype=z.dtype)
    value, gradient = density.value_and_grad(z)
    return Phase(z, p, gradient, value)


def fly(density, phase: Phase, step: float, count: int, scale: float = 1.0) -> Phase:
    by = stride(torch.full((len(phase.z),), step), Metric(torch.full_like(phase.z[0], scale)))
    for _ in range(count):
        phase = leapfrog(density, phase, by)
    return phase


@pytest.mark.parametrize("make", [oscillator, funnel])
def test_going_back_arrives_at_the_start(make) -> None:
    density = make()
    start = launch(density)
    there = fly(density, start, 0.05, 100, scale=0.7)
    back = fly(density, there, -0.05, 100, scale=0.7)
    torch.testing.assert_close(back.z, start.z, rtol=0, atol=1e-10)
    torch.testing.assert_close(back.p, start.p, rtol=0, atol=1e-10)


def test_the_oscillator_ends_where_physics_says() -> None:
    density = oscillator()
    start = launch(density)
    end = fly(density, start, 1e-3, 1000)
    expected = start.z * math.cos(1.0) + start.p * math.sin(1.0)
    torch.testing.assert_close(end.z, expected, rtol=0, atol=1e-6)


def test_the_energy_error_is_of_second_order() -> None:
    density = oscillator()
    start = launch(density)
    initial = log_joint(start)
    errors = [float(gain(fly(density, start, 1.3 / n, n), initial).abs().max()) for n in (20, 40)]
    assert math.isclose(errors[0] / errors[1], 4.0, rel_tol=0.02)


def test_volume_is_preserved() -> None:
    density = funnel(2)
    start = launch(density, chains=1)

    def flow(both: torch.Tensor) -> torch.Tensor:
        z, p = both[None].split(3, dim=1)
        value, gradient = density.value_and_grad(z)
        end = fly(density, Phase(z, p, gradient, value), 0.1, 7)
        return torch.cat([end.z, end.p], dim=1)[0]

    both = torch.cat([start.z, start.p], dim=1)[0]
    step = 1e-5 * torch.eye(6, dtype=torch.float64)
    jacobian = torch.stack([(flow(both + d) - flow(both - d)) / 2e-5 for d in step], dim=1)
    assert math.isclose(float(torch.linalg.det(jacobian)), 1.0, rel_tol=1e-6)


def test_a_step_of_zero_moves_nothing() -> None:
    density = funnel()
    start = launch(density)
    end = fly(density, start, 0.0, 3)
    assert bool((end.z == start.z).all())
    assert bool((end.p == start.p).all())


def test_energies_are_float64_and_nowhere_nan() -> None:
    density = oscillator(torch.float32)
    start = launch(density)
    assert log_joint(start).dtype == torch.float64
    lost = start._replace(p=torch.full_like(start.p, torch.nan))
    assert bool((gain(lost, log_joint(start)) == -torch.inf).all())


def test_an_infinite_density_counts_as_lost() -> None:
    density = FunctionDensity(lambda x: x / 0.0, {"x": ((), "real")})
    phase = fly(density, launch(oscillator()), 0.1, 1)
    assert bool((gain(phase, torch.zeros(3)) == -torch.inf).all())
