"""Starts from quasi-Newton paths: exact on a normal, sane where there is no mode."""

import pytest
import torch

from tests.workers.densities import FunctionDensity, GaussianDensity, funnel, half_space
from workers.engines.kernels import pathfinder, paths
from workers.engines.kernels.initial import Point, find_initial
from workers.engines.kernels.pathfinder import Found

PATHS, ROWS = 8, 64


def source(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian() -> GaussianDensity:
    sd = torch.logspace(-1, 2, 6, dtype=torch.float64)
    correlation = 0.3 * torch.eye(6) + 0.7 * torch.ones(6, 6)
    return GaussianDensity(10 * torch.ones(6), sd[:, None] * correlation.double() * sd)


def find(density) -> Found:
    drawn = find_initial(density, source(), ROWS)
    return pathfinder.find(density, Point(*(x[:PATHS] for x in drawn)), ROWS, source())


def test_starts_on_a_normal_are_dispersed_around_its_mean() -> None:
    density = gaussian()
    found = find(density)
    assert (found.failed, found.lost) == (0, 0)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(density.covariance), (found.point.z - density.loc).T, upper=False
    )
    assert 0.8 < float(white.square().mean().sqrt()) < 2.5
    assert len(found.point.z.unique(dim=0)) == PATHS


@pytest.mark.parametrize("make", [funnel, lambda: half_space(0.0)])
def test_hard_targets_give_finite_starts(make) -> None:
    density = make()
    found = find(density)
    assert bool(found.point.log_density.isfinite().all())
    assert bool(found.point.gradient.isfinite().all())
    assert float(found.point.z.abs().max()) < 1e3


def test_a_density_without_maximum_ends_within_its_budget() -> None:
    asked = []

    def likelihood(x: torch.Tensor) -> torch.Tensor:
        asked.append(len(x))
        return x[:, 0]  # uphill for ever

    density = FunctionDensity(likelihood, {"x": ((2,), "real")})
    found = find(density)
    assert bool(found.point.z.isfinite().all())
    assert len(asked) < 2 * paths.MOST_EVALUATIONS + 40


def test_arrays_and_tensors_give_the_same_starts(monkeypatch) -> None:
    small = find(gaussian())
    monkeypatch.setattr(paths, "SMALL", 0)
    large = find(gaussian())
    torch.testing.assert_close(large.point, small.point, rtol=1e-6, atol=1e-6)
