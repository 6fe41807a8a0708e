"""Every optimiser on the same ground; and whose path depends on how the parameters are mixed."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.density import Target
from models.errors import TooLargeError
from tests.workers.densities import FunctionDensity, GaussianDensity, regression
from tests.workers.engines.climbing import climb, logistic, tensor
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizers import OPTIMIZERS
from workers.engines.map import Map, MapOptions
from workers.engines.mle import Mle, MleOptions
from workers.results import Outcome

RNG = np.random.default_rng(3)
DESIGN = tensor(RNG.normal(size=(150, 3)))
Y = tensor((RNG.random(150) < 1 / (1 + np.exp(-(DESIGN.numpy() @ [0.5, -1.0, 0.2])))) * 1.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_logistic_regressions_maximum(optimizer: str) -> None:
    exact = climb(Mle(MleOptions()), logistic(DESIGN, Y)).mle
    found = climb(Mle(MleOptions(optimizer=optimizer)), logistic(DESIGN, Y))
    assert found.outcome == Outcome.CONVERGED
    assert found.mle is not None
    assert exact is not None
    assert found.mle.estimate["beta"].value == pytest.approx(exact.estimate["beta"].value, abs=1e-8)
    # All starts have arrived, not the polished one alone.
    assert found.mle.restarts == pytest.approx([exact.log_likelihood] * 4, abs=0.01)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_mode_with_a_prior(optimizer: str) -> None:
    y = tensor(DESIGN.numpy() @ [1.0, 0.0, -2.0]) + tensor(RNG.normal(size=150))
    density = regression(DESIGN, y, prior_scale=0.5)
    exact = climb(Map(MapOptions()), density).mle
    found = climb(Map(MapOptions(optimizer=optimizer)), density).mle
    assert found is not None
    assert exact is not None
    assert found.estimate["beta"].value == pytest.approx(exact.estimate["beta"].value, abs=1e-7)


@pytest.mark.parametrize("optimizer", ["lbfgs", "newton"])
def test_a_valley_that_bends(optimizer: str) -> None:
    def likelihood(x: Tensor) -> Tensor:
        return -(100 * (x[:, 1:] - x[:, :1] ** 2) ** 2 + (1 - x[:, :1]) ** 2)

    density = FunctionDensity(likelihood, {"x": ((2,), "real")})
    found = climb(Mle(MleOptions(optimizer=optimizer)), density)
    assert found.mle is not None
    assert found.mle.estimate["x"].value == pytest.approx([1.0, 1.0], abs=1e-6)
    assert found.mle.restarts == pytest.approx([0.0] * 4, abs=1e-3)


def test_newton_takes_one_step_on_a_quadratic() -> None:
    density = GaussianDensity(torch.tensor([1.0, -2.0]), torch.diag(torch.tensor([4.0, 0.25])))
    objective = Objective(density, Target.LIKELIHOOD, 3)
    newton = OPTIMIZERS["newton"]
    z = density.loc + 0.3 * torch.eye(2, dtype=torch.float64).repeat(2, 1)[:3]
    rows = newton.step(objective, newton.start(objective, z), torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(rows.z, density.loc.expand(3, 2), rtol=0, atol=1e-12)


def test_newton_leaves_a_region_of_negative_curvature() -> None:
    density = FunctionDensity(lambda x: -(x**4) + 4 * x**2, {"x": ((1,), "real")})
    objective = Objective(density, Target.LIKELIHOOD, 2)
    newton = OPTIMIZERS["newton"]
    rows = newton.start(objective, torch.tensor([[0.1], [-0.2]], dtype=torch.float64))
    for _ in range(30):
        rows = newton.step(objective, rows, torch.ones(2, dtype=torch.bool))
    torch.testing.assert_close(rows.z.abs(), torch.full((2, 1), 2.0).double().sqrt())


MIX = tensor([[2.0, 0.5, 0.0], [0.0, 0.3, -0.2], [1.0, 0.0, 1.5]])


def path(optimizer: str, design: Tensor, start: Tensor, steps: int = 6) -> Tensor:
    objective = Objective(logistic(design, Y), Target.LIKELIHOOD, 1)
    rows = OPTIMIZERS[optimizer].start(objective, start[None])
    points = [rows.z[0]]
    for _ in range(steps):
        rows = OPTIMIZERS[optimizer].step(objective, rows, torch.ones(1, dtype=torch.bool))
        points.append(rows.z[0])
    return torch.stack(points)


def test_the_natural_gradients_path_is_the_same_in_other_parameters() -> None:
    # With beta = MIX gamma the design is DESIGN MIX, and the path is mapped point by point.
    start = tensor([0.4, 0.4, -0.4])
    plain = path("natural_gradient", DESIGN, MIX @ start)
    mixed = path("natural_gradient", DESIGN @ MIX, start)
    torch.testing.assert_close(mixed @ MIX.T, plain, rtol=0, atol=1e-8)
    steps = path("gradient_descent", DESIGN, MIX @ start)
    other = path("gradient_descent", DESIGN @ MIX, start) @ MIX.T
    assert float((steps - other).abs().max()) > 0.05


@pytest.mark.parametrize("optimizer", ["newton", "natural_gradient"])
def test_matrices_that_would_not_fit_are_refused_with_their_size(optimizer: str) -> None:
    with pytest.raises(TooLargeError, match="MB"):
        MleOptions(optimizer=optimizer).check(10_000)
    MleOptions(optimizer="adam").check(10_000)


def test_a_row_outside_the_support_stays_put() -> None:
    density = FunctionDensity(
        lambda x: torch.where(x > 0, -((x - 1) ** 2), torch.nan), {"x": ((1,), "real")}
    )
    objective = Objective(density, Target.LIKELIHOOD, 2)
    for optimizer in OPTIMIZERS.values():
        rows = optimizer.start(objective, torch.tensor([[-1.0], [2.0]], dtype=torch.float64))
        for _ in range(5):
            rows = optimizer.step(objective, rows, torch.ones(2, dtype=torch.bool))
        assert float(rows.z[0, 0]) == -1.0
        assert bool(rows.stuck[0])
        assert float(rows.value[1]) < 1.0
