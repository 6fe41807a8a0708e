"""What came out of a climb: a maximum, a ridge, a slope without end, or none of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.newton import NEGATIVE, NewtonState
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import Climbers
from workers.engines.kernels.probes import endless_direction, flat_directions
from workers.engines.kernels.spectrum import spectrum
from workers.results import Outcome

#: A bounded parameter further out than this, on the scale of its logarithm, has left for its
#: bound if it still rises: exp(-200) is no scale that data could determine.
FAR = 200.0
#: From here on it has left for its bound if the climb got stuck: differences of numbers of
#: size one are rounding at exp(-30).
EDGE = 30.0
#: A climb that still rises after so many iterations beyond the edge will not come back.
PATIENCE = 50
#: An unbounded parameter further out than this has left for infinity.
FAR_REAL = 1e12


@dataclass(frozen=True)
class Verdict:
    """How a climb ended."""

    outcome: Outcome
    #: The row it is about, where it is not the highest.
    row: int | None = None
    #: `D x K`: unconstrained directions along which the density is flat.
    flat: Tensor | None = None
    #: `D`: the unconstrained direction along which it rises without end.
    endless: Tensor | None = None
    #: `D`: the unconstrained direction along which a saddle rises.
    saddle: Tensor | None = None
    #: No higher point was found although there is a slope.
    stuck: bool = False


def judge(objective: Objective, at: NewtonState) -> Verdict:
    """Judge the point where Newton's method came to rest."""
    if not bool(at.hessian.isfinite().all()):
        return _stuck(objective.density, at.z)
    shape = spectrum(at.hessian, at.z)
    level = shape.decrement(at.gradient) < 1e-6
    if at.stuck and not level:
        return _stuck(objective.density, at.z)
    if float(shape.values[0]) < -NEGATIVE:
        return Verdict(Outcome.MAX_ITERATIONS, saddle=shape.scale * shape.vectors[:, 0])
    endless = endless_direction(objective, at, shape)
    if endless is not None:
        return Verdict(Outcome.UNBOUNDED, endless=endless)
    flat = flat_directions(objective, at, shape)
    if flat.shape[1]:
        return Verdict(Outcome.UNIDENTIFIED, flat=shape.scale[:, None] * flat)
    return Verdict(Outcome.CONVERGED)


def judge_without_hessian(objective: Objective, rows: Climbers, best: int) -> Verdict:
    """Judge the highest row by the optimiser's own estimate of what it could still gain."""
    noise = objective.noise(rows.value)[best]
    if float(rows.promise[best]) <= max(1e-6, 10 * float(noise)):
        return Verdict(Outcome.CONVERGED)
    return _stuck(objective.density, rows.z[best])


def ran_away(density: AbstractLogDensity, rows: Climbers, edge: Tensor) -> Verdict | None:
    """Return a verdict when a row has left for infinity, or reached an infinite density."""
    reach = rows.z.abs() / torch.where(_bounded(density), FAR, FAR_REAL)
    infinite = rows.value == -torch.inf
    away = ((rows.gain > 0) & ((reach.amax(1) > 1) | (edge > PATIENCE))) | infinite
    if not bool(away.any()):
        return None
    row = int(away.to(torch.int64).argmax())
    furthest = reach[row] >= 0.5 * reach[row].max()
    return Verdict(Outcome.UNBOUNDED, row=row, endless=furthest * rows.z[row].sign())


def at_edge(density: AbstractLogDensity, z: Tensor) -> Tensor:
    """Return which rows of `z`: `C x D` have a bounded parameter at the edge of its support."""
    return (_bounded(density) & (z.abs() > EDGE)).any(1)


def _stuck(density: AbstractLogDensity, z: Tensor) -> Verdict:
    edge = _bounded(density) & (z.abs() > EDGE)
    if bool(edge.any()):
        return Verdict(Outcome.UNBOUNDED, endless=edge * z.sign())
    return Verdict(Outcome.MAX_ITERATIONS, stuck=True)


def _bounded(density: AbstractLogDensity) -> Tensor:
    flags = [p.support != "real" for p in density.parameters for _ in range(p.size)]
    return torch.tensor(flags, dtype=torch.bool, device=density.device)
