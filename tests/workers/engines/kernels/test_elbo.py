"""The ELBO of normals in closed form."""

import math

import torch

from tests.workers.densities import GaussianDensity, half_space
from workers.engines.kernels.elbo import estimate_elbo, log_weights
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import FullRank, MeanField

LOC = torch.tensor([3.0, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[4.0, 1.0], [1.0, 0.5]], dtype=torch.float64)


def test_at_the_posterior_weights_are_constant_and_the_location_has_no_gradient() -> None:
    density = GaussianDensity(LOC, COVARIANCE)
    frame, guide = Frame(LOC, torch.linalg.cholesky(COVARIANCE)), FullRank()
    known, generator = guide.start(frame), torch.Generator().manual_seed(0)
    z, weights = log_weights(density, guide, frame, known, generator, 100, 16)
    torch.testing.assert_close(weights, torch.zeros(100).double(), atol=1e-10, rtol=0)
    torch.testing.assert_close(z.mean(0), LOC)
    estimate = estimate_elbo(density, guide, frame, known, generator, 16)
    torch.testing.assert_close(estimate.gradient[0], torch.zeros(2).double(), atol=1e-10, rtol=0)


def test_the_elbo_is_minus_the_divergence() -> None:
    density = GaussianDensity(torch.zeros(1), torch.ones(1, 1))
    scale, away, guide = 0.5, 1.0, MeanField()
    frame = Frame(torch.tensor([away]).double(), torch.tensor([scale]).double())
    generator = torch.Generator().manual_seed(0)
    found = estimate_elbo(density, guide, frame, guide.start(frame), generator, 20_000)
    exact = -0.5 * (scale**2 + away**2 - 1) + math.log(scale)
    # The square of a normal with variance 1/4 has standard deviation 0.35.
    assert abs(found.elbo - exact) < 4 * 0.5 * 0.36 / math.sqrt(10_000)


def test_particles_outside_the_support_make_no_estimate() -> None:
    frame = Frame(torch.zeros(2).double(), torch.ones(2).double())
    guide = MeanField()
    generator = torch.Generator().manual_seed(0)
    found = estimate_elbo(half_space(), guide, frame, guide.start(frame), generator, 16)
    assert math.isnan(found.elbo)
