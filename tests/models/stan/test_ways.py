"""Derivatives of Stan programs by the values of their parameters, against closed forms."""

import numpy as np
import pytest
import torch

from models.derivatives.derivative import Question
from models.errors import UnavailableError
from models.stan.ways import ways_of
from tests.models.stan.programs import built

NORMAL = """
data { int N; vector[N] y; }
parameters { real<lower=0> s; real mu; }
model { y ~ normal(mu, s); }
"""
Y = np.array([1.0, 2.5, -0.5])
S, MU = 0.05, 0.3


@pytest.mark.parametrize(("mode", "tolerance"), [("reverse", 1e-8), ("numeric", 1e-6)])
def test_all_of_a_normals_derivatives(mode: str, tolerance: float) -> None:
    ways = ways_of(built(NORMAL, {"N": 3, "y": Y.tolist()}), "log_density")
    direction = torch.tensor([0.0, 2.0], dtype=torch.float64)
    at = torch.tensor([S, MU], dtype=torch.float64)
    found = ways.modes[mode](Question(at, 2, direction))
    r = Y - MU
    gradient = np.array([-3 / S + (r**2).sum() / S**3, r.sum() / S**2])
    cross = -2 * r.sum() / S**3
    hessian = np.array([[3 / S**2 - 3 * (r**2).sum() / S**4, cross], [cross, -3 / S**2]])
    np.testing.assert_allclose(found.gradient.numpy(), gradient, rtol=tolerance)
    assert found.hessian is not None
    np.testing.assert_allclose(found.hessian.numpy(), hessian, rtol=tolerance)
    assert found.hessian_error is not None
    assert float(found.hessian_error.max()) < tolerance * np.abs(hessian).max()
    assert float(found.directional) == pytest.approx(2 * gradient[1], rel=tolerance)
    assert found.hessian_vector is not None
    np.testing.assert_allclose(found.hessian_vector.numpy(), 2 * hessian[1], rtol=tolerance)
    assert (found.gradient_error is None) is (mode == "reverse")
    assert float(found.value) == pytest.approx(float(ways.value(at)))


@pytest.mark.parametrize(("mode", "tolerance"), [("reverse", 1e-9), ("numeric", 1e-7)])
def test_on_a_simplex_derivatives_lie_along_the_support(mode: str, tolerance: float) -> None:
    density = built("parameters { simplex[3] p; } model { p ~ dirichlet([2, 3, 4]'); }")
    p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    found = ways_of(density, "log_density").modes[mode](Question(p, 2))
    # Derivatives of sum (a - 1) log p, without their part across the support.
    powers = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    along = torch.eye(3).double() - 1 / 3
    torch.testing.assert_close(found.gradient, along @ (powers / p), rtol=tolerance, atol=tolerance)
    hessian = along @ torch.diag(-powers / p**2) @ along
    bound = 100 * tolerance
    torch.testing.assert_close(found.hessian, hessian, rtol=bound, atol=bound)


def test_a_covariance_is_differentiated_along_symmetric_matrices() -> None:
    density = built("parameters { cov_matrix[2] x; } model { x ~ wishart(4, [[2, 0], [0, 1]]); }")
    at = torch.tensor([2.0, 0.5, 0.5, 1.0], dtype=torch.float64)
    ways = ways_of(density, "log_density")
    # (nu - K - 1) / 2 log |X| - tr(V^-1 X) / 2 with nu = 4, K = 2.
    matrix = at.reshape(2, 2)
    wanted = 0.5 * torch.linalg.inv(matrix) - 0.5 * torch.diag(
        torch.tensor([0.5, 1.0], dtype=torch.float64)
    )
    for mode in ("reverse", "numeric"):
        found = ways.modes[mode](Question(at)).gradient.reshape(2, 2)
        torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("part", ["log_likelihood", "log_prior"])
def test_prior_and_likelihood_are_not_told_apart(part: str) -> None:
    with pytest.raises(UnavailableError, match="log_density") as caught:
        ways_of(built("parameters { real a; } model { a ~ normal(0, 1); }"), part)
    assert caught.value.path == "of"


def test_there_is_no_forward_mode_and_no_formula() -> None:
    ways = ways_of(built("parameters { real a; } model { a ~ normal(0, 1); }"), "log_density")
    question = Question(torch.zeros(1).double())
    with pytest.raises(UnavailableError, match="reverse mode alone"):
        ways.modes["forward"](question)
    with pytest.raises(UnavailableError, match="no formula"):
        ways.symbolic(question)


def test_without_parameters_there_is_a_value() -> None:
    density = built("generated quantities { real x = normal_rng(0, 1); }")
    ways = ways_of(density, "log_density")
    for mode in ("reverse", "numeric"):
        found = ways.modes[mode](Question(torch.zeros(0).double(), 2))
        assert float(found.value) == 0.0
        assert found.gradient.shape == (0,)
