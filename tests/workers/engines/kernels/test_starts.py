"""Where chains start, and which of them together."""

import torch

from tests.workers.densities import GaussianDensity
from workers.engines.kernels import starts

PATHS, ROWS = 8, 64


def source(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian() -> GaussianDensity:
    sd = torch.logspace(-1, 2, 6, dtype=torch.float64)
    correlation = 0.3 * torch.eye(6) + 0.7 * torch.ones(6, 6)
    return GaussianDensity(10 * torch.ones(6), sd[:, None] * correlation.double() * sd)


def test_chains_of_a_superchain_start_together_and_the_origin_is_told() -> None:
    start = starts.begin(gaussian(), source(), ROWS, PATHS, "pathfinder", "dense")
    groups = start.point.z.reshape(PATHS, ROWS // PATHS, -1)
    assert bool((groups == groups[:, :1]).all())
    assert len(groups[:, 0].unique(dim=0)) == PATHS
    assert "Pathfinder" in start.origin
    ratio = start.metric.deviations() / gaussian().covariance.diagonal().sqrt()
    assert 0.4 < float(ratio.min()) <= float(ratio.max()) < 2.5


def test_prior_starts_have_a_unit_metric() -> None:
    start = starts.begin(gaussian(), source(), 8, 8, "prior", "dense")
    assert start.metric.diagonal
    assert start.origin == "8 points drawn from the prior."
