"""The different points at which the starts of a climb came to rest."""

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.ascent import AscentState
from workers.engines.kernels.intervals import numbers
from workers.results import Mode

#: Points belong together that differ by less than this in nats and, by the curvature at the
#: highest, in standard errors.
NATS, ERRORS = 1e-2, 0.2
#: Modes that are listed, the highest ones.
MOST = 10


def modes(density: AbstractLogDensity, state: AscentState, noise: float = 0.0) -> list[Mode]:
    """Return the different points, best first, each with the number of starts that came there.

    Args:
        density: what was climbed.
        state: the climb at its end.
        noise: squared standard errors by which points may miss the one that they belong to.
    """
    z, height = state.rows.z.clone(), -state.rows.value
    if state.top is not None:
        z[state.best], height[state.best] = state.top.z, -state.top.value
    order = height.argsort(descending=True, stable=True)
    order = order[height[order].isfinite()]
    found: list[list[int]] = []
    for row in order.tolist():
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
    found = found[:MOST]
    if not found:
        return []
    values = density.constrain(z[[members[0] for members in found]].to(density.dtype))
    return [
        Mode(
            height=float(height[members[0]]),
            starts=len(members),
            estimate={p.name: numbers(values[p.name][i].double()) for p in density.parameters},
        )
        for i, members in enumerate(found)
    ]


def _distance(state: AscentState, away: Tensor, at: Tensor) -> float:
    if state.top is None or not bool(state.top.hessian.isfinite().all()):
        return float((away.abs() / at.abs().clamp(min=1.0)).max())
    squared = float(away @ state.top.hessian @ away)
    return float(torch.tensor(squared).clamp(min=0.0).sqrt())
