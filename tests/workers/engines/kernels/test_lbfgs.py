"""L-BFGS on problems with known minima."""

import numpy as np
import torch
from torch import Tensor

from models.density import Target
from tests.workers.densities import FunctionDensity, GaussianDensity
from workers.engines.kernels.lbfgs import (
    LbfgsState,
    inverse_hessian_product,
    start_lbfgs,
    step_lbfgs,
)
from workers.engines.kernels.objective import Objective


def rosenbrock(x: Tensor) -> Tensor:
    return -100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 - (1 - x[:, :-1]) ** 2


def descend(objective: Objective, z: Tensor, iterations: int) -> LbfgsState:
    state = start_lbfgs(objective, z)
    for _ in range(iterations):
        state = step_lbfgs(objective, state, torch.ones(len(z), dtype=torch.bool))
    return state


def test_rosenbrock_in_ten_dimensions_from_many_starts() -> None:
    model = FunctionDensity(rosenbrock, {"x": ((10,), "real")})
    start = model.initial(torch.Generator().manual_seed(0), 5)
    state = descend(Objective(model, Target.LIKELIHOOD), start, 150)
    # The function has a second local minimum near (-1, 1, ..., 1) with value 3.99.
    good = state.value < 1
    assert good.sum() >= 3
    torch.testing.assert_close(state.z[good], torch.ones_like(state.z[good]), atol=1e-4, rtol=0)


def test_rows_do_not_touch_each_other() -> None:
    model = FunctionDensity(rosenbrock, {"x": ((3,), "real")})
    start = model.initial(torch.Generator().manual_seed(0), 3)
    objective = Objective(model, Target.LIKELIHOOD)
    together = descend(objective, start, 12)
    alone = descend(objective, start[1:2], 12)
    torch.testing.assert_close(together.z[1:2], alone.z, rtol=1e-6, atol=1e-8)


def test_the_memory_learns_the_inverse_hessian_of_a_quadratic() -> None:
    covariance = torch.diag(torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64))
    objective = Objective(GaussianDensity(torch.zeros(3), covariance), Target.POSTERIOR)
    start = torch.tensor([[1.0, -1.0, 2.0]], dtype=torch.float64)
    state = descend(objective, start, 6)
    learnt = inverse_hessian_product(state, state.changes[-1])
    torch.testing.assert_close(learnt, state.steps[-1], atol=1e-12, rtol=1e-6)  # secant equation
    state = descend(objective, start, 30)
    torch.testing.assert_close(state.z, torch.zeros_like(state.z), atol=1e-5, rtol=0)
    assert float(state.promise[0]) < 1e-9


def test_a_start_outside_the_support_is_stuck() -> None:
    model = FunctionDensity(lambda x: x.log() - x, {"x": ((), "real")})
    state = descend(Objective(model, Target.LIKELIHOOD), torch.tensor([[-1.0], [3.0]]).double(), 20)
    assert state.stuck.tolist()[0] is True
    torch.testing.assert_close(state.z[1], torch.ones(1, dtype=torch.float64))


def test_the_product_is_that_of_the_two_loops() -> None:
    model = FunctionDensity(rosenbrock, {"x": ((3,), "real")})
    start = model.initial(torch.Generator().manual_seed(0), 4)
    state = descend(Objective(model, Target.LIKELIHOOD), start, 12)
    q, alphas = state.gradient, []
    pairs = list(zip(state.steps, state.changes, strict=True))[-12:]
    for s, y in reversed(pairs):
        alphas.append((s * q).sum(1) / (s * y).sum(1))
        q = q - alphas[-1][:, None] * y
    s, y = pairs[-1]
    q = ((s * y).sum(1) / (y * y).sum(1))[:, None] * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - (y * q).sum(1) / (s * y).sum(1))[:, None] * s
    filled = (state.inverse.diagonal(0, 1, 2) > 0).sum(1) == 12
    assert bool(filled.any())
    product = inverse_hessian_product(state, state.gradient)
    torch.testing.assert_close(product[filled], q[filled], rtol=1e-6, atol=1e-12)


def test_arrays_take_the_same_path_as_tensors() -> None:
    model = FunctionDensity(rosenbrock, {"x": ((3,), "real")})
    objective = Objective(model, Target.LIKELIHOOD)
    start = model.initial(torch.Generator().manual_seed(0), 3)

    def of_arrays(z):
        value, gradient = objective(torch.from_numpy(z))
        return value.numpy(), gradient.numpy()

    state = start_lbfgs(of_arrays, start.numpy(), 3)
    for _ in range(8):
        state = step_lbfgs(of_arrays, state, np.ones(3, bool))
    expected = start_lbfgs(objective, start, 3)
    for _ in range(8):
        expected = step_lbfgs(objective, expected, torch.ones(3, dtype=torch.bool))
    assert isinstance(state.z, np.ndarray)
    torch.testing.assert_close(torch.from_numpy(state.z), expected.z, rtol=1e-8, atol=1e-10)
