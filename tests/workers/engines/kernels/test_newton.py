"""Newton's method: to the last digits, out of saddles, on any scale."""

import math

import torch

from models.density import Target
from tests.workers.densities import FunctionDensity, GaussianDensity
from workers.engines.kernels.newton import NewtonState, start_newton, step_newton
from workers.engines.kernels.objective import Objective


def descend(objective: Objective, z: list[float]) -> NewtonState:
    state = start_newton(objective, torch.tensor(z, dtype=torch.float64))
    for _ in range(50):
        if state.converged or state.stuck:
            break
        state = step_newton(objective, state, 1e-10)
    return state


def test_a_quadratic_takes_one_step_whatever_its_scale() -> None:
    covariance = torch.diag(torch.tensor([1e-12, 1.0, 1e12], dtype=torch.float64))
    loc = torch.tensor([1e-6, 2.0, -3e6], dtype=torch.float64)
    objective = Objective(GaussianDensity(loc, covariance), Target.POSTERIOR)
    state = step_newton(objective, start_newton(objective, torch.ones(3).double()), 1e-10)
    torch.testing.assert_close(state.z, loc, rtol=1e-9, atol=1e-12)
    assert step_newton(objective, state, 1e-10).converged


def test_a_saddle_is_left_along_its_negative_curvature() -> None:
    model = FunctionDensity(
        lambda x: x[:, :1] ** 2 - x[:, :1] ** 4 - x[:, 1:] ** 2, {"x": ((2,), "real")}
    )
    state = descend(Objective(model, Target.LIKELIHOOD), [0.0, 0.0])
    assert state.converged
    assert abs(abs(float(state.z[0])) - math.sqrt(0.5)) < 1e-9


def test_a_corner_where_no_step_helps_is_stuck() -> None:
    # The gradient at the kink says uphill on both sides.
    model = FunctionDensity(lambda x: -(x.abs() + 1e-3 * x**2), {"x": ((), "real")})
    state = descend(Objective(model, Target.LIKELIHOOD), [1.0])
    assert state.stuck or state.converged
    assert abs(float(state.z)) < 1.0
