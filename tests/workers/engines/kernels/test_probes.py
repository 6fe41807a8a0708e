"""Ridges and endless slopes, told from maxima."""

import pytest
import torch
from torch import Tensor

from models.density import Target
from tests.workers.densities import FunctionDensity
from workers.engines.kernels.newton import NewtonState, start_newton, step_newton
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.probes import endless_direction, flat_directions
from workers.engines.kernels.spectrum import spectrum

TWO = {"x": ((2,), "real")}


def at_rest(objective: Objective, z: list[float]) -> NewtonState:
    state = start_newton(objective, torch.tensor(z, dtype=torch.float64))
    while not (state.converged or state.stuck):
        state = step_newton(objective, state, 1e-10)
    return state


def line(x: Tensor) -> Tensor:
    return -((x[:, :1] + x[:, 1:] - 1) ** 2)


def hyperbola(x: Tensor) -> Tensor:
    return -((x[:, :1] * x[:, 1:] - 1) ** 2)


def nearly_flat(x: Tensor) -> Tensor:
    return -((x[:, :1] + x[:, 1:] - 1) ** 2) - 1e-8 * (x[:, :1] - x[:, 1:]) ** 2


@pytest.mark.parametrize(("likelihood", "flat"), [(line, 1), (hyperbola, 1), (nearly_flat, 0)])
def test_ridges_straight_and_curved(likelihood: object, flat: int) -> None:
    objective = Objective(FunctionDensity(likelihood, TWO), Target.LIKELIHOOD)  # type: ignore[arg-type]
    at = at_rest(objective, [0.3, 1.1])
    shape = spectrum(at.hessian, at.z)
    assert flat_directions(objective, at, shape).shape == (2, flat)
    assert endless_direction(objective, at, shape) is None


def test_a_slope_towards_an_asymptote_is_endless() -> None:
    model = FunctionDensity(lambda x: -((-x[:, :1]).exp()) - x[:, 1:] ** 2, TWO)
    objective = Objective(model, Target.LIKELIHOOD)
    at = at_rest(objective, [3.0, 1.0])
    endless = endless_direction(objective, at, spectrum(at.hessian, at.z))
    assert endless is not None
    assert float(endless[0]) > 10 * abs(float(endless[1]))
