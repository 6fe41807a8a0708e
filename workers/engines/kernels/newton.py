"""Newton's method from a point near the optimum: tight estimates on any scale of the data."""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from workers.engines.kernels.line_search import line_search
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.spectrum import Spectrum, spectrum

#: A scaled eigenvalue below minus this is negative curvature, not rounding.
NEGATIVE = 1e-7
#: The most steps taken with one Hessian, to the last digits.
REFINEMENTS = 5
#: Where a step promises less than so many nats, the Hessian of the point before will do for it: a
#: thirtieth of a standard error away it is nearly the same, and costs as much as several gradients.
NEAR = 1e-3
#: A move of so many nats, a millionth of a standard error, leaves a Hessian as it was, and one of
#: so few, a millionth of that, is none.
SAME, NOTHING = 1e-12, 1e-24


#: A point with its value and gradient.
Reached: TypeAlias = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class NewtonState:
    """One point with its derivatives."""

    #: `D`, scalar, `D`, `D x D`.
    z: Tensor
    value: Tensor
    gradient: Tensor
    hessian: Tensor
    #: The last step met the convergence test, or rounding allows no better.
    converged: bool = False
    #: No lower point was found although the Hessian promises one.
    stuck: bool = False


def start_newton(objective: Objective, z: Tensor) -> NewtonState:
    """Begin at `z`: `D` in float64."""
    value, gradient = objective(z[None])
    return NewtonState(z, value[0], gradient[0], objective.hessian(z))


def step_newton(objective: Objective, state: NewtonState, tolerance: float) -> NewtonState:
    """Take one step; at a saddle, leave it along the most negative curvature.

    Converged means that a full step promises to gain less than `tolerance` nats, half the squared
    Newton decrement (Boyd and Vandenberghe, Convex Optimization (2004), sec. 9.5.1): a number that
    does not depend on the parameters' units. Such steps are still taken where they help.
    """
    if not bool(state.hessian.isfinite().all()):
        return _ended(state, converged=False)
    shape = spectrum(state.hessian, state.z)
    noise = float(objective.noise(state.value))
    promise = shape.decrement(state.gradient)
    if promise > max(tolerance, noise):
        return _descend(objective, state, shape, noise)
    if float(shape.values[0]) < -NEGATIVE:
        return _leave_saddle(objective, state, shape)
    return _last(objective, state, shape, noise)


def _descend(
    objective: Objective, state: NewtonState, shape: Spectrum, noise: float
) -> NewtonState:
    one = torch.ones_like(state.value)[None]
    direction = -shape.solve(state.gradient)
    found = line_search(
        objective,
        state.z[None],
        state.value[None],
        state.gradient[None],
        direction[None],
        one,
        one > 0,
    )
    if not bool(found.moved):
        return _ended(state, converged=shape.decrement(state.gradient) < 1e3 * noise)
    reached = (found.z[0], found.value[0], found.gradient[0])
    if shape.decrement(reached[2]) < NEAR:
        reached = refined(objective, reached, shape, noise)
    return NewtonState(*reached, _hessian(objective, state, shape, reached[0]))


def _leave_saddle(objective: Objective, state: NewtonState, shape: Spectrum) -> NewtonState:
    direction = shape.scale * shape.vectors[:, 0] / shape.values[0].abs().sqrt()
    lengths = torch.tensor([1.0, -1.0, 0.1, -0.1, 0.01, -0.01], dtype=direction.dtype)
    trials = state.z + lengths.to(direction.device)[:, None] * direction
    values, _ = objective(trials)
    best = int(values.argmin())
    if float(values[best]) >= float(state.value):
        return _ended(state, converged=False)
    return start_newton(objective, trials[best])


def _last(objective: Objective, state: NewtonState, shape: Spectrum, noise: float) -> NewtonState:
    """Go to the last digits."""
    start = (state.z, state.value, state.gradient)
    z, top, gradient = refined(objective, start, shape, noise)
    return NewtonState(z, top, gradient, _hessian(objective, state, shape, z), converged=True)


def _hessian(objective: Objective, state: NewtonState, shape: Spectrum, z: Tensor) -> Tensor:
    """Return the Hessian at `z`, a Newton step from a state: there is one if that step is none."""
    same = shape.decrement(state.gradient) < SAME
    return state.hessian if same else objective.hessian(z)


def refined(
    objective: Objective,
    start: Reached,
    shape: Spectrum,
    noise: float,
    most: int = REFINEMENTS,
    enough: float = NOTHING,
) -> Reached:
    """Take steps with the same Hessian as long as each halves what the next one promises.

    Args:
        objective: what is minimised.
        start: where from.
        shape: of the Hessian.
        noise: by how much the objective may seem to rise.
        most: steps.
        enough: a step that promises less is not taken.
    """
    z, top, gradient = start
    for _ in range(most):
        if shape.decrement(gradient) < enough:
            break
        trial = z - shape.solve(gradient)
        value, slope = objective(trial[None])
        better = shape.decrement(slope[0]) < 0.5 * shape.decrement(gradient)
        if float(value[0]) > float(start[1]) + noise or not better:
            break
        z, top, gradient = trial, value[0], slope[0]
    return z, top, gradient


def _ended(state: NewtonState, converged: bool) -> NewtonState:
    return NewtonState(
        state.z, state.value, state.gradient, state.hessian, converged, not converged
    )
