"""Walks away from an optimum that tell a maximum from a flat ridge and from a slope without end.

The Hessian alone cannot: a singular one may be rounding, and on the slope of a separated logistic
regression, where the likelihood rises for ever towards one, it is as regular as at a maximum.
"""

import torch
from torch import Tensor

from workers.engines.kernels.newton import NewtonState, start_newton, step_newton
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.spectrum import Spectrum

#: Scaled eigenvalues below this are looked at.
SUSPECT = 1e-6
#: Directions whose flatness is confirmed by a walk; the rest of a large flat space is believed.
MOST_WALKS = 6
#: Newton steps that a walk takes back to the ridge.
RETURN_STEPS = 8
#: Between one over this and this times its own is a curvature that stays.
STEADY = 2.0
#: One row of data in so many may say that a curvature stays.
SOME = 8
#: Nats that a likelihood may change by along a flat direction.
FLAT = 1e-6


def flat_directions(objective: Objective, at: NewtonState, shape: Spectrum) -> Tensor:
    """Return directions along which the objective does not change: `D x K` scaled, orthonormal.

    From one unit along a suspect direction Newton's method goes back down. If it ends at the same
    height somewhere else, the optimum is a ridge, straight or curved; if it comes back, the
    direction is poorly determined, and yet determined.
    """
    suspects = [i for i in range(len(shape.values)) if abs(float(shape.values[i])) < SUSPECT]
    walked = [i for i in suspects[:MOST_WALKS] if _is_ridge(objective, at, shape, i)]
    if len(walked) == MOST_WALKS:
        walked = [i for i in suspects if i in walked or abs(float(shape.values[i])) < 1e-9]
    return shape.vectors[:, walked]


def _is_ridge(objective: Objective, at: NewtonState, shape: Spectrum, index: int) -> bool:
    along = shape.vectors[:, index]
    for length in (1.0, -1.0, 0.1, -0.1):
        state = start_newton(objective, at.z + length * shape.scale * along)
        if not bool(state.value.isfinite()):
            continue
        for _ in range(RETURN_STEPS):
            if state.converged or state.stuck:
                break
            state = step_newton(objective, state, FLAT / 100)
        level = abs(float(state.value - at.value)) <= max(FLAT, float(objective.noise(at.value)))
        left = float(along @ ((state.z - at.z) / shape.scale)) / length
        return level and left > 0.5
    return False


def endless_direction(objective: Objective, at: NewtonState, shape: Spectrum) -> Tensor | None:
    """Return a direction, `D`, along which the objective never comes up again, or None.

    At a maximum the likelihood falls by about 2 at two standard errors on either side, along each
    parameter with the others following (Wald's own approximation). Where it falls on one side
    and not on the other, the point lies on a slope towards infinity.

    Where a Hessian costs less than all these walks, it is asked first whether it stays.
    """
    if objective.curves_cheaply and is_steady(objective, at, shape):
        return None
    directions = 2 * _candidates(at, shape)
    rises = torch.stack(
        [_rise(objective, at, directions), _rise(objective, at, -directions)], dim=1
    )
    still = max(FLAT, float(objective.noise(at.value)))
    # An overflow says nothing about the slope on the way to it.
    level, falls = rises <= still, (rises > 0.1) & rises.isfinite()
    for i in range(len(directions)):
        if bool(level[i, 0] & falls[i, 1]):
            return directions[i]
        if bool(level[i, 1] & falls[i, 0]):
            return -directions[i]
    return None


def is_steady(objective: Objective, at: NewtonState, shape: Spectrum) -> bool:
    """Return whether the curvature stays, in every direction, one standard error away in all.

    On a slope without end it cannot. Where an objective falls towards its bound as `exp(-t)` or as
    a power of `t`, a point at which a Newton step promises no more than `p` nats has the standard
    error `p^-1/2` times the length on which slope and curvature change; climbs end with `p` below
    1e-6. The move goes along every eigenvector by one standard error, to a side drawn by lot, so
    no direction is left out, and its curvature changes by orders of magnitude, not by half.

    Where rows of data are many, some of them are asked first: what they say stays, does stay.
    """
    if float(shape.values[0]) < SUSPECT:
        return False
    lots = torch.Generator().manual_seed(0)
    sides = 2.0 * torch.randint(2, (len(at.z),), generator=lots).to(shape.values) - 1.0
    half = shape.scale[:, None] * shape.vectors / shape.values.sqrt()
    there = at.z + half @ sides
    rough = objective.rough_hessian(there, SOME)
    return (rough is not None and _stays(rough, half)) or _stays(objective.hessian(there), half)


def _stays(hessian: Tensor, half: Tensor) -> bool:
    """Return whether a Hessian is what it was, `half^-T half^-1`, by every direction."""
    if not bool(hessian.isfinite().all()):
        return False
    curvature = torch.linalg.eigvalsh(half.T @ hessian @ half)
    return bool(curvature[0] > 1 / STEADY) and bool(curvature[-1] < STEADY)


def _candidates(at: NewtonState, shape: Spectrum) -> Tensor:
    """Return directions one standard error long: the Newton step, eigenvectors, profiles, axes.

    The axes stop at 5 and at 50 units, so that a parameter which runs to its bound meets no
    overflow.
    """
    values = shape.values.clamp(min=1e-9)
    half = shape.scale[:, None] * shape.vectors / values.sqrt()
    covariance = half @ half.T
    profiles = covariance / covariance.diagonal().clamp(min=1e-300).sqrt()
    step = -shape.solve(at.gradient)
    length = (2 * shape.decrement(at.gradient)) ** 0.5
    errors = covariance.diagonal().sqrt()
    axes = [torch.diag(errors.clamp(max=most)) for most in (5.0, 50.0)]
    rows = [half.T, profiles.T, *axes]
    if length > 0:
        rows.insert(0, (step / length)[None])
    return torch.cat(rows)


def _rise(objective: Objective, at: NewtonState, directions: Tensor) -> Tensor:
    return objective.value(at.z + directions) - at.value
