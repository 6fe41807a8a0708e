"""The test densities themselves: derivatives against autograd, round trips, terms that add up."""

import pytest
import torch

from models.density import Target
from tests.workers.densities import FunctionDensity, GaussianDensity, funnel, regression


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def gaussian() -> GaussianDensity:
    factor = torch.randn(3, 3, generator=generator(), dtype=torch.float64)
    return GaussianDensity(torch.arange(3.0), factor @ factor.T + torch.eye(3))


def linear() -> FunctionDensity:
    design = torch.randn(12, 2, generator=generator(), dtype=torch.float64)
    y = design @ torch.tensor([1.0, -1.0], dtype=torch.float64)
    return regression(design, y + 0.1, prior_scale=2.0)


@pytest.mark.parametrize("make", [gaussian, linear, funnel])
@pytest.mark.parametrize("target", list(Target))
def test_derivatives_agree_with_autograd(make, target) -> None:
    density = make()
    z = density.initial(generator(), 5).requires_grad_()
    value, gradient = density.value_and_grad(z.detach(), target)
    (expected,) = torch.autograd.grad(density.value(z, target).sum(), z)
    torch.testing.assert_close(value, density.value(z, target).detach())
    torch.testing.assert_close(gradient, expected)
    one = torch.autograd.functional.hessian(lambda row: density.value(row[None], target)[0], z[0])
    torch.testing.assert_close(density.hessian(z.detach(), target)[0], one)


@pytest.mark.parametrize("make", [gaussian, linear, funnel])
def test_terms_add_up_and_values_round_trip(make) -> None:
    density = make()
    z = density.initial(generator(), 4)
    terms = density.terms(z)
    total = terms.log_prior + terms.log_likelihood + terms.log_det
    torch.testing.assert_close(total, density.value(z))
    torch.testing.assert_close(density.unconstrain(density.constrain(z)), z)
    assert {n: tuple(j.shape) for n, j in density.jacobian(z).items()} == {
        n: (*v.shape, density.dim) for n, v in density.constrain(z).items()
    }


def test_gaussian_is_normalised() -> None:
    density = gaussian()
    reference = torch.distributions.MultivariateNormal(density.loc, density.covariance)
    z = density.initial(generator(), 4)
    torch.testing.assert_close(density.value(z), reference.log_prob(z))
