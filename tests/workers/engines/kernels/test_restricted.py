"""A density of fewer unknowns is the whole one at the fixed ones' values."""

import numpy as np
import torch

from models.density import Target
from tests.workers.densities import regression
from workers.engines.kernels.restricted import RestrictedDensity

DESIGN = torch.from_numpy(np.random.default_rng(0).normal(size=(10, 3)))
WHOLE = regression(DESIGN, DESIGN.sum(1))
FIXED = torch.tensor([False, True, False, True])
POINT = torch.tensor([9.0, 0.5, 9.0, -0.3], dtype=torch.float64)
Z = torch.tensor([[0.2, 0.7], [1.0, -1.0]], dtype=torch.float64)
FULL = torch.tensor([[0.2, 0.5, 0.7, -0.3], [1.0, 0.5, -1.0, -0.3]], dtype=torch.float64)


def test_everything_is_the_whole_density_s() -> None:
    density = RestrictedDensity(WHOLE, FIXED, POINT)
    free = [0, 2]
    value, gradient = density.value_and_grad(Z, Target.LIKELIHOOD)
    exact, slope = WHOLE.value_and_grad(FULL, Target.LIKELIHOOD)
    torch.testing.assert_close(value, exact)
    torch.testing.assert_close(density.value(Z, Target.LIKELIHOOD), exact)
    torch.testing.assert_close(gradient, slope[:, free])
    hessian = WHOLE.hessian(FULL, Target.LIKELIHOOD)[:, free][:, :, free]
    torch.testing.assert_close(density.hessian(Z, Target.LIKELIHOOD), hessian)
    torch.testing.assert_close(density.scores(Z), WHOLE.scores(FULL)[..., free])
    products = WHOLE.score_products(FULL[0])[free][:, free]
    torch.testing.assert_close(density.score_products(Z[0]), products)
    torch.testing.assert_close(density.terms(Z).log_likelihood, exact)
    values = density.constrain(Z)
    torch.testing.assert_close(values["beta"], FULL[:, :3])
    torch.testing.assert_close(density.unconstrain(values), Z)
    torch.testing.assert_close(density.jacobian(Z)["beta"], WHOLE.jacobian(FULL)["beta"][..., free])
    assert density.initial(torch.Generator().manual_seed(0), 3).shape == (3, 2)


def test_parameters_are_those_that_are_left() -> None:
    density = RestrictedDensity(WHOLE, FIXED, POINT)
    assert density.dim == 2
    (beta,) = density.parameters
    assert (beta.name, beta.size, beta.offset) == ("beta", 2, 0)
