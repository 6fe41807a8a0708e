"""The different points at which the starts of a climb came to rest."""

from collections.abc import Iterator

from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.ascent import HESSIAN_LIMIT, AscentState
from workers.engines.kernels.intervals import numbers
from workers.engines.kernels.newton import NEGATIVE
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.spectrum import spectrum
from workers.results import Mode

#: Points belong together that differ by less than this in nats and, by the curvature at the
#: highest, in standard errors.
NATS, ERRORS = 1e-2, 0.2
#: A start is at rest where a Newton step promises less than this, in nats.
REST = 1e-3
#: Modes that are listed, and points that are looked at for them, the highest ones.
MOST, LOOKED_AT = 10, 30


def modes(
    density: AbstractLogDensity, target: Target, state: AscentState, noise: float = 0.0
) -> list[Mode]:
    """Return the different maxima, best first, each with the number of starts that came there.

    Starts that had not arrived anywhere are left out.

    Args:
        density: what was climbed.
        target: which of its log densities.
        state: the climb at its end.
        noise: squared standard errors by which points may miss the one that they belong to.
    """
    z, height = state.rows.z.clone(), -state.rows.value
    if state.top is not None:
        z[state.best], height[state.best] = state.top.z, -state.top.value
    found = _gathered(state, z, height, noise)
    kept = list(_at_rest(Objective(density, target), state, z, found[:LOOKED_AT]))[:MOST]
    if not kept:
        return []
    values = [density.constrain_one(z[members[0]].to(density.dtype)) for members in kept]
    return [
        Mode(
            height=float(height[members[0]]),
            starts=len(members),
            estimate={p.name: numbers(values[i][p.name].double()) for p in density.parameters},
        )
        for i, members in enumerate(kept)
    ]


def _gathered(state: AscentState, z: Tensor, height: Tensor, noise: float) -> list[list[int]]:
    """Return the rows that belong together, the highest first."""
    order = height.argsort(descending=True, stable=True)
    found: list[list[int]] = []
    for row in order[height[order].isfinite()].tolist():
        near = [
            members
            for members in found
            if float(height[members[0]] - height[row]) < NATS + noise
            and _distance(state, z[row] - z[members[0]], z[members[0]]) < ERRORS + noise**0.5
        ]
        if near:
            near[0].append(row)
        else:
            found.append([row])
    return found


def _at_rest(
    objective: Objective, state: AscentState, z: Tensor, found: list[list[int]]
) -> Iterator[list[int]]:
    """Yield the first, which has been judged, and the others whose first row is at a maximum."""
    yield from found[:1]
    for members in found[1:]:
        row = members[0]
        if objective.density.dim > HESSIAN_LIMIT:
            rests = float(state.rows.promise[row]) < REST
        else:
            hessian = objective.hessian(z[row])
            shape = spectrum(hessian, z[row]) if bool(hessian.isfinite().all()) else None
            rests = (
                shape is not None
                and float(shape.values[0]) > -NEGATIVE
                and shape.decrement(state.rows.gradient[row]) < REST
            )
        if rests:
            yield members


def _distance(state: AscentState, away: Tensor, at: Tensor) -> float:
    if state.top is None or not bool(state.top.hessian.isfinite().all()):
        return float((away.abs() / at.abs().clamp(min=1.0)).max())
    return float((away @ state.top.hessian @ away).clamp(min=0.0).sqrt())
