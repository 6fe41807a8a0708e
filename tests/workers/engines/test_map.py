"""Modes of the joint density, without Jacobian."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.densities import FunctionDensity, regression
from tests.workers.engines.climbing import climb, normal, tensor
from tests.workers.engines.test_mle import POSITIVE, REAL, SCHOOLS, SCHOOLS_SD
from workers.engines.map import Map, MapOptions
from workers.results import Outcome


def test_ridge_regression_in_closed_form() -> None:
    rng = np.random.default_rng(0)
    design, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    found = climb(Map(MapOptions()), regression(tensor(design), tensor(y), prior_scale=0.3))
    assert found.outcome == Outcome.CONVERGED
    assert found.mle is not None
    variance = found.mle.estimate["sigma"].value ** 2
    beta = np.linalg.solve(design.T @ design / variance + np.eye(3) / 0.09, design.T @ y / variance)
    assert found.mle.estimate["beta"].value == pytest.approx(beta, abs=1e-8)
    assert found.mle.aic is None
    assert found.mle.log_prior is not None


def test_the_mode_of_a_gamma_has_no_jacobian() -> None:
    shape, rate = 3.0, 2.0
    model = FunctionDensity(
        lambda x: torch.zeros_like(x),
        {"s": POSITIVE},
        prior=lambda x: (shape - 1) * x[:, 0].log() - rate * x[:, 0],
    )
    found = climb(Map(MapOptions()), model)
    assert found.mle is not None
    estimate = found.mle.estimate["s"]
    assert estimate.value == pytest.approx((shape - 1) / rate, abs=1e-8)
    # Observed information of s at its mode: (shape - 1) / mode^2.
    assert estimate.standard_error == pytest.approx(1 / np.sqrt(2.0), rel=1e-7)
    assert estimate.interval is not None
    assert 0 < estimate.interval.lower < 1 < estimate.interval.upper


def test_a_hierarchical_mode_at_zero_scale_is_unbounded() -> None:
    def prior(x: Tensor) -> Tensor:
        return normal(x[:, 0], 0.0, 5.0) + normal(x[:, 2:], x[:, :1], x[:, 1:2]).sum(1)

    model = FunctionDensity(
        lambda x: normal(SCHOOLS, x[:, 2:], SCHOOLS_SD),
        {"mu": REAL, "tau": POSITIVE, "theta": ((8,), "real")},
        prior=prior,
        random_effects=("theta",),
    )
    found = climb(Map(MapOptions()), model)
    assert found.outcome == Outcome.UNBOUNDED
    assert "tau goes to 0" in found.message
    assert found.diagnostics is not None
    assert found.diagnostics.warnings[0].code == "random_effect"
