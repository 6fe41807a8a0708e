"""Steps that satisfy the weak Wolfe conditions, each row for itself."""

import torch

from models.density import Target
from tests.workers.densities import FunctionDensity
from workers.engines.kernels.line_search import CURVATURE, SUFFICIENT, line_search
from workers.engines.kernels.objective import Objective


def quartic() -> Objective:
    model = FunctionDensity(lambda x: -((x - 1) ** 4) - x**2, {"x": ((), "real")})
    return Objective(model, Target.LIKELIHOOD)


def test_every_row_meets_both_conditions_from_any_first_step() -> None:
    objective = quartic()
    first = torch.tensor([1e-6, 1e-2, 1.0, 1e3, 1e8], dtype=torch.float64)
    z = torch.full((5, 1), 4.0, dtype=torch.float64)
    value, gradient = objective(z)
    found = line_search(objective, z, value, gradient, -gradient, first, first > 0)
    slope = -(gradient**2).sum(1)
    step = ((found.z - z) / -gradient)[:, 0]
    assert found.moved.all()
    assert (found.value <= value + SUFFICIENT * step * slope).all()
    assert ((found.gradient * -gradient).sum(1) >= CURVATURE * slope).all()


def test_inactive_rows_stay() -> None:
    objective = quartic()
    z = torch.tensor([[4.0], [4.0]], dtype=torch.float64)
    value, gradient = objective(z)
    active = torch.tensor([True, False])
    found = line_search(objective, z, value, gradient, -gradient, torch.ones(2).double(), active)
    assert found.moved.tolist() == [True, False]
    assert found.z[1] == z[1]


def test_an_ascent_direction_moves_nothing() -> None:
    objective = quartic()
    z = torch.tensor([[0.2]], dtype=torch.float64)
    value, gradient = objective(z)
    found = line_search(objective, z, value, gradient, gradient, value * 0 + 1, value > 0)
    assert not found.moved.any()
    assert found.z == z


def test_a_function_that_falls_for_ever_is_followed_to_minus_infinity() -> None:
    def plunge(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.where(z[:, 0] > 10.0, -torch.inf, -z[:, 0]), -torch.ones_like(z)

    z = torch.zeros(1, 1, dtype=torch.float64)
    value, gradient = plunge(z)
    found = line_search(plunge, z, value, gradient, -gradient, value + 1.0, value <= 0)
    assert found.value.tolist() == [-torch.inf]
