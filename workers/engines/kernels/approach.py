"""The first part of a climb over many rows of data, on a few of them.

Far from the top, one row of data tells as much of the way there as the hundred that are like it.
What a climb on evenly spaced rows reaches is as far from the top as their number lets it be, some
`D B / n` nats, and Newton's method or L-BFGS is soon through with that: the former first with the
curvature of a part of the rows, which is off by a few percent and costs as much less.
"""

from dataclasses import replace

import torch
from torch import Tensor

from models.cut.surface import Surface
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState, start_ascent, top_at_best
from workers.engines.kernels.lbfgs import start_lbfgs, step_lbfgs
from workers.engines.kernels.newton import SAME, NewtonState, Reached, refined
from workers.engines.kernels.objective import Objective, kept_rows
from workers.engines.kernels.optimizers import OptimizerName
from workers.engines.kernels.spectrum import spectrum

#: Fewer rows than so many times those are climbed over as they are.
WORTH = 8
#: Iterations at the most.
MOST = 60
#: One row in so many has the curvature for the steps to the top, of which there are so many.
CURVED, STEPS = 8, 10


def begin_ascent(objective: Objective, z: Tensor, optimizer: OptimizerName) -> AscentState:
    """Begin a climb at `z`: `C x D`, or nearer to the top, where one goes on by Newton's method."""
    if optimizer != "lbfgs":
        return start_ascent(objective, z, optimizer)
    near = approach(objective, z)
    state = start_ascent(objective, near, optimizer)
    moved = len(z) == 1 and near is not z and objective.density.dim <= HESSIAN_LIMIT
    if not moved or bool(state.rows.stuck):
        return state
    closer = _closer(objective, state)
    if closer is None:
        return top_at_best(objective, state)
    return replace(state, top=NewtonState(*closer, objective.hessian(closer[0])))


def _closer(objective: Objective, state: AscentState) -> Reached | None:
    """Return the only row after Newton steps with a rough Hessian, None where there is none."""
    z, value, gradient = state.rows.z[0], state.rows.value[0], state.rows.gradient[0]
    rough = objective.rough_hessian(z, CURVED)
    shape = None if rough is None else spectrum(rough, z)
    if shape is None or float(shape.values[0]) <= 0:
        return None
    noise = float(objective.noise(value))
    return refined(objective, (z, value, gradient), shape, noise, STEPS, SAME / 10)


def approach(objective: Objective, z: Tensor) -> Tensor:
    """Return `z`: `C x D`, every row of it moved uphill where that could be done at little cost."""
    surface = objective.density.surface(objective.target)
    kept = kept_rows(objective.density.dim)
    if surface is None or surface.rows < WORTH * kept:
        return z
    moved = torch.cat([_moved(objective, surface, row[None], kept) for row in z])
    return z if torch.equal(moved, z) else moved


def _moved(objective: Objective, surface: Surface, z: Tensor, kept: int) -> Tensor:
    thin = surface.thinned(surface.rows // kept)

    def below(at: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = thin.value_and_grad(at.to(z.dtype))
        usable = value.isfinite() & gradient.isfinite().all(1)
        return (-value).masked_fill(~usable, torch.inf), -gradient.to(torch.float64).nan_to_num(0.0)

    state = start_lbfgs(below, z.to(torch.float64))
    active = torch.ones_like(state.value, dtype=torch.bool)
    # What is left to gain on few rows is noise to all of them.
    share = surface.rows / kept
    for _ in range(MOST):
        if bool(state.stuck) or float(state.gain) < share:
            break
        state = step_lbfgs(below, state, active)
    reached = state.z.to(z.dtype)
    return reached if bool(objective.value(reached) < objective.value(z)) else z
