"""Stein's discrepancy and its direction against sums of automatic derivatives."""

import math

import pytest
import torch
from torch import Tensor

from workers.engines.kernels.adam import start_adam, step_adam
from workers.engines.kernels.stein import spread, stein


def particles(count: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64)


def score(x: Tensor) -> Tensor:
    return -(x**3) + 0.3 * x.sum(1, keepdim=True)


def width(x: Tensor) -> float:
    apart = torch.pdist(x) ** 2
    both = torch.cat([apart, apart])
    return float(both.median()) / math.log(len(x) + 1)


def test_direction_and_discrepancy_are_the_sums_of_their_definitions() -> None:
    x = particles(4, 3)
    slope, h = score(x), width(x)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (-((a - b) ** 2).sum() / h).exp()

    first = torch.func.grad(kernel)
    second = torch.func.grad(kernel, 1)
    both = torch.func.jacrev(second)
    direction, total = torch.zeros_like(x), 0.0
    for i in range(4):
        for j in range(4):
            a, b = x[i], x[j]
            direction[i] += (kernel(b, a) * slope[j] + first(b, a)) / 4
            pair = kernel(a, b) * (slope[i] @ slope[j]) + both(a, b).trace()
            total += float(pair + slope[i] @ second(a, b) + first(a, b) @ slope[j]) / 16
    found = stein(x, slope)
    torch.testing.assert_close(found.direction, direction)
    assert found.discrepancy == pytest.approx(math.sqrt(total))


def test_independent_draws_have_the_discrepancy_foretold() -> None:
    squares = []
    for seed in range(200):
        x = particles(30, 2, seed)
        found = stein(x, -x)
        squares.append((found.discrepancy**2, found.independent**2))
    mine, foretold = torch.tensor(squares, dtype=torch.float64).T
    error = float((mine - foretold).std()) / math.sqrt(len(squares))
    # The width is the particles' own, which the expectation leaves out: a few hundredths.
    assert abs(float((mine - foretold).mean())) < 4 * error + 0.05 * float(foretold.mean())


def test_the_spread_is_the_variance_of_a_normal_and_one_of_draws() -> None:
    x = particles(2000, 3)
    assert spread(x, -x) == pytest.approx(float(x.var(0).mean()))
    assert spread(0.5 * x, -0.5 * x) == pytest.approx(0.25 * float(x.var(0).mean()))
    # Any target: exp(-cosh) in each coordinate, whose draws are made by its quantiles.
    grid = torch.linspace(-6.0, 6.0, 20_001, dtype=torch.float64)
    mass = (-grid.cosh()).exp().cumsum(0)
    uniform = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    draws = grid[torch.searchsorted(mass / mass[-1], uniform)][:, None]
    assert spread(draws, -draws.sinh()) == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize(("dim", "count"), [(40, 50), (80, 30)])
def test_in_many_dimensions_the_variance_is_the_log_of_the_number_over_them(
    dim: int, count: int
) -> None:
    x = particles(count, dim)
    adam = start_adam((x,))
    for done in range(600):
        rate = 0.05 if done < 400 else 0.01
        adam, (x,) = step_adam(adam, (x,), (stein(x, -x).direction,), rate)
    assert float(x.var(0).mean()) == pytest.approx(math.log(count) / dim, rel=0.1)


def test_particles_in_one_place_are_told_to_climb() -> None:
    x = torch.ones(4, 2, dtype=torch.float64)
    found = stein(x, -x)
    torch.testing.assert_close(found.direction, -x)
    assert math.isfinite(found.discrepancy)
