"""The Laplace approximation: exact on normals, and honest elsewhere."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from models.errors import TooLargeError
from tests.workers.densities import FunctionDensity, GaussianDensity, half_space, regression
from tests.workers.engines.runs import finished
from tests.workers.engines.test_vi import gaussian
from workers.engines.laplace import LaplaceOptions
from workers.results import Outcome


@pytest.mark.parametrize("dim", [1, 6])
def test_it_is_exact_on_a_normal(dim: int) -> None:
    density = gaussian(dim)
    found = finished(LaplaceOptions(draws=4000), density).findings
    assert found.outcome == Outcome.CONVERGED
    assert found.approximation is not None
    evidence = found.approximation.log_evidence
    assert evidence.laplace == pytest.approx(0.0, abs=1e-8)
    assert evidence.importance == pytest.approx(0.0, abs=1e-8)
    assert found.approximation.pareto_k == 0.0
    sd = density.covariance.diagonal().sqrt().numpy()
    covariance = np.array(found.approximation.covariance)
    np.testing.assert_allclose(
        covariance / np.outer(sd, sd), density.covariance.numpy() / np.outer(sd, sd), atol=1e-8
    )
    np.testing.assert_allclose(found.approximation.mode["x"], density.loc.numpy(), rtol=1e-8)
    assert found.summary is not None
    away = (np.array(found.summary["x"].mean) - density.loc.numpy()) / sd
    assert abs(away).max() < 4 / math.sqrt(4000)


def test_the_evidence_of_a_gamma_is_nearly_that_of_quadrature() -> None:
    # On the log scale a Gamma(9, 2) is nearly normal: Stirling's series says how nearly.
    shape, rate = 9.0, 2.0
    density = FunctionDensity(
        lambda x: torch.zeros_like(x),
        {"s": ((), "positive")},
        prior=lambda x: (shape - 1) * x[:, 0].log() - rate * x[:, 0],
    )
    found = finished(LaplaceOptions(), density).findings
    exact, _ = integrate.quad(lambda s: s ** (shape - 1) * math.exp(-rate * s), 0, np.inf)
    assert found.approximation is not None
    evidence = found.approximation.log_evidence
    assert evidence.laplace == pytest.approx(math.log(exact) - 1 / (12 * shape), abs=1e-4)
    assert evidence.importance is not None
    assert evidence.standard_error is not None
    assert abs(evidence.importance - math.log(exact)) < 4 * evidence.standard_error
    assert found.approximation.coordinates == ["s"]
    assert found.approximation.mode["s"] == pytest.approx(shape / rate)
    assert found.approximation.covariance == [[pytest.approx(1 / shape)]]


def test_heavy_tails_are_told_by_pareto_k() -> None:
    density = FunctionDensity(lambda x: -torch.log1p(x**2), {"x": ((3,), "real")})  # Cauchy
    found = finished(LaplaceOptions(), density)
    assert found.findings.approximation is not None
    assert found.findings.approximation.pareto_k > 0.7
    assert found.codes() == ["pareto_k"]


def test_a_posterior_without_a_mode_has_no_draws() -> None:
    density = FunctionDensity(lambda x: x[:, :1], {"x": ((1,), "real")})
    found = finished(LaplaceOptions(), density)
    assert found.findings.outcome == Outcome.UNBOUNDED
    assert "x[0] goes to infinity" in found.findings.message
    assert found.findings.summary is None
    assert found.findings.approximation is not None
    assert found.findings.approximation.log_evidence.laplace is None
    assert found.draws.draws == 0


def test_the_highest_of_two_modes_is_taken() -> None:
    def likelihood(x: torch.Tensor) -> torch.Tensor:
        one = -0.5 * (x + 4) ** 2
        other = -0.5 * (x - 4) ** 2 + 1.0
        return torch.logaddexp(one, other)

    density = FunctionDensity(likelihood, {"x": ((1,), "real")})
    found = finished(LaplaceOptions(paths=32), density, seed=3).findings
    assert found.approximation is not None
    assert found.approximation.mode["x"] == pytest.approx([4.0], abs=0.01)
    assert found.approximation.paths[-1] == pytest.approx(found.approximation.paths[0] - 1, abs=0.1)


def test_a_regression_with_unknown_noise() -> None:
    rng = np.random.default_rng(2)
    design, y = rng.normal(size=(200, 2)), rng.normal(size=200)
    density = regression(torch.tensor(design), torch.tensor(y), prior_scale=5.0)
    found = finished(LaplaceOptions(draws=8000), density).findings
    assert found.summary is not None
    assert found.approximation is not None
    assert found.approximation.pareto_k < 0.5
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    sd = math.sqrt((residual**2).sum() / 198)
    assert found.summary["sigma"].mean == pytest.approx(sd, rel=0.02)
    assert stats.chi2.cdf(198, 198) == pytest.approx(0.5, abs=0.02)


def test_too_many_coordinates_are_refused_with_the_memory() -> None:
    density = GaussianDensity(torch.zeros(1001), torch.eye(1001))
    with pytest.raises(TooLargeError, match="MB"):
        finished(LaplaceOptions(), density)


def test_a_start_outside_the_support_is_redrawn() -> None:
    assert finished(LaplaceOptions(paths=8), half_space()).findings.message
