"""The first step size: where one leapfrog's acceptance crosses 0.8, chain by chain."""

import math

import pytest
import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import step_size
from workers.engines.kernels.initial import evaluate
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.metric import Metric


@pytest.mark.parametrize("sd", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("first", [1e-2, 1.0, 30.0])
def test_the_acceptance_crosses_its_threshold_within_a_factor_of_two(sd, first) -> None:
    density = GaussianDensity(torch.zeros(5), sd**2 * torch.eye(5))
    z = sd * torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    point = evaluate(density, z)
    scale = Metric(torch.ones_like(z[0]))
    found = step_size.reasonable(
        density,
        point,
        torch.full((3,), first),
        scale,
        torch.Generator().manual_seed(2),
    )
    p = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype)
    start = Phase(z, p, point.gradient, point.log_density)

    def accepts(size: torch.Tensor) -> torch.Tensor:
        end = leapfrog(density, start, stride(size, scale))
        return gain(end, log_joint(start)) > math.log(0.8)

    before = torch.where(found > first, found / 2, found * 2)
    assert bool((accepts(found) != accepts(before)).all())
    assert found.dtype == torch.float64


def test_a_flat_density_ends_the_search() -> None:
    density = GaussianDensity(torch.zeros(1), 1e40 * torch.eye(1, dtype=torch.float64))
    point = evaluate(density, torch.ones(2, 1, dtype=torch.float64))
    one = torch.ones(2)
    found = step_size.reasonable(density, point, one, Metric(one[:1].double()), torch.Generator())
    assert bool(found.isfinite().all())
