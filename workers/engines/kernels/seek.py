"""Where a variational fit starts: the best normal along a climb to the mode.

A climb passes through the bulk of the posterior on its way, and may end far from it: the mode of a
hierarchical model can lie at scale zero, in an infinitely narrow neck. So points on the path are
scored by the ELBO of the normal with the curvature there, as in Pathfinder (Zhang, Carpenter,
Gelman and Vehtari, JMLR 23 (2022)), and the best is kept. Here the curvature is the Hessian itself.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.ascent import HESSIAN_LIMIT
from workers.engines.kernels.frame import Frame, frame_of, round_frame
from workers.engines.kernels.guide import AbstractGuide, standard_normal
from workers.engines.kernels.lbfgs import LbfgsState, start_lbfgs, step_lbfgs
from workers.engines.kernels.newton import NewtonState, start_newton, step_newton
from workers.engines.kernels.objective import Objective

CLIMB, POLISH = 100, 20
#: Every so many iterations the path is looked at.
EVERY = 5
#: Factors by which a normal is narrowed when looked at: the Hessian may be flatter than the bulk.
NARROWER = (1.0, 0.3, 0.1)
#: L-BFGS rests where it gains less than this, in nats.
REST = 1e-3


@dataclass(frozen=True)
class SeekState:
    """A climb and the best normal that it has met."""

    rows: LbfgsState
    top: NewtonState | None
    iterations: int
    frame: Frame
    #: ELBO estimate of that normal.
    score: float
    done: bool = False


def start_seek(density: AbstractLogDensity, guide: AbstractGuide, z: Tensor) -> SeekState:
    """Begin at `z`: `C x D`."""
    rows = start_lbfgs(Objective(density, guide.target, len(z)), z.to(torch.float64))
    frame = round_frame(rows.z[0], 0.1, guide.dense)
    return SeekState(rows, None, 0, frame, -torch.inf)


def step_seek(
    density: AbstractLogDensity, guide: AbstractGuide, state: SeekState, generator: torch.Generator
) -> SeekState:
    """Climb by one iteration; look at the point reached every few iterations and at the end."""
    objective = Objective(density, guide.target, len(state.rows.z))
    state = _climb(objective, state) if state.top is None else _polish(objective, state)
    state = replace(state, iterations=state.iterations + 1)
    turned = state.top is not None and state.iterations % EVERY == 0
    if state.done or turned or state.iterations % EVERY == 1:
        return _look(objective, guide, state, generator)
    return state


def _climb(objective: Objective, state: SeekState) -> SeekState:
    rows = state.rows
    active = (rows.gain > REST) & ~rows.stuck
    rows = step_lbfgs(objective, rows, active)
    moving = bool((active & (rows.gain > REST) & ~rows.stuck).any())
    if moving and state.iterations + 1 < CLIMB:
        return replace(state, rows=rows)
    if objective.density.dim > HESSIAN_LIMIT or bool((rows.value == -torch.inf).any()):
        return replace(state, rows=rows, done=True)
    return replace(state, rows=rows, top=start_newton(objective, rows.z[_highest(rows)]))


def _polish(objective: Objective, state: SeekState) -> SeekState:
    assert state.top is not None
    top = step_newton(objective, state.top, REST)
    return replace(
        state, top=top, done=top.converged or top.stuck or state.iterations >= CLIMB + POLISH
    )


def _look(
    objective: Objective, guide: AbstractGuide, state: SeekState, generator: torch.Generator
) -> SeekState:
    for frame in _frames(objective, guide, state):
        score = _score(objective, guide, frame, generator)
        if score > state.score:
            state = replace(state, frame=frame, score=score)
    return state


def _frames(objective: Objective, guide: AbstractGuide, state: SeekState) -> list[Frame]:
    rows = state.rows
    row = _highest(rows)
    z = rows.z[row] if state.top is None else state.top.z
    if objective.density.dim > HESSIAN_LIMIT:
        frame = round_frame(z, _lbfgs_scale(rows, row), guide.dense)
    else:
        hessian = objective.hessian(z) if state.top is None else state.top.hessian
        if not bool(hessian.isfinite().all()):
            return []
        frame = frame_of(z, hessian, guide.dense)
    return [frame.shrink(factor) for factor in NARROWER]


def _highest(rows: LbfgsState) -> int:
    finite = rows.value.masked_fill(~rows.value.isfinite(), torch.inf)
    return int(finite.argmin())


def _lbfgs_scale(rows: LbfgsState, row: int) -> float:
    """Return the standard deviation that the last step of L-BFGS saw."""
    step, change = rows.steps[-1, row], rows.changes[-1, row]
    return float(((step @ change) / (change @ change)).clamp(min=0.0).sqrt())


def _score(
    objective: Objective, guide: AbstractGuide, frame: Frame, generator: torch.Generator
) -> float:
    if guide.point:
        return -float(objective(frame.centre[None])[0])
    noise = standard_normal(generator, objective.rows or 1, frame.centre)
    score = float(frame.log_det() - objective(frame.place(noise))[0].mean())
    return score if score == score else -torch.inf
