"""Bracketing line search, every row with a step of its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels.objective import Function

#: Armijo's constant: the share of the predicted decrease that a step must achieve.
SUFFICIENT = 1e-4
#: Wolfe's constant: the share of the slope that may be left.
CURVATURE = 0.9
MAX_EVALUATIONS = 30


@dataclass(frozen=True)
class LineResult:
    """Where a line search ended; rows that did not succeed stay where they were."""

    #: `C x D`, `C`, `C x D`.
    z: Tensor
    value: Tensor
    gradient: Tensor
    #: `C`: the row found a lower point.
    moved: Tensor


def line_search(
    objective: Function,
    z: Tensor,
    value: Tensor,
    gradient: Tensor,
    direction: Tensor,
    first: Tensor,
    active: Tensor,
) -> LineResult:
    """Find steps that satisfy the weak Wolfe conditions, by bisection and interpolation.

    The bracket `[low, high]` of each row shrinks until a step decreases the objective enough
    (Armijo) and has lost enough of the slope (Wolfe). Lewis and Overton, Nonsmooth optimization
    via quasi-Newton methods, Math. Program. 141 (2013), algorithm 2.6; interpolation added.

    Args:
        objective: what is minimised.
        z: `C x D`, with its `value`: `C` and `gradient`: `C x D`.
        direction: `C x D`, a descent direction in the active rows.
        first: `C`, the first step tried.
        active: `C` booleans; the other rows stay.
    """
    slope = (gradient * direction).sum(1)
    low, high = torch.zeros_like(value), torch.full_like(value, torch.inf)
    low_value = value
    step, searching = first.clone(), active.clone()
    best = LineResult(z, value, gradient, torch.zeros_like(active))
    for _ in range(MAX_EVALUATIONS):
        if not bool(searching.any()):
            break
        trial = torch.where(searching[:, None], z + step[:, None] * direction, z)
        f, g = objective(trial)
        enough = f <= value + SUFFICIENT * step * slope
        steep = (g * direction).sum(1) < CURVATURE * slope
        best = _keep_best(best, trial, f, g, searching & enough)
        searching = searching & ~(enough & ~steep) & (f > -torch.inf)
        low_value = torch.where(searching & enough, f, low_value)
        low = torch.where(searching & enough, step, low)
        high = torch.where(searching & ~enough, step, high)
        inner = _interpolate(low, high, value, slope, step, f, enough)
        step = torch.where(searching, inner, step)
    return best


def _keep_best(best: LineResult, z: Tensor, f: Tensor, g: Tensor, good: Tensor) -> LineResult:
    good = good & (f < best.value)
    row = good[:, None]
    return LineResult(
        torch.where(row, z, best.z),
        torch.where(good, f, best.value),
        torch.where(row, g, best.gradient),
        best.moved | good,
    )


def _interpolate(
    low: Tensor,
    high: Tensor,
    value: Tensor,
    slope: Tensor,
    step: Tensor,
    f: Tensor,
    enough: Tensor,
) -> Tensor:
    """Return the next step: four times the last while nothing is too far, else inside the bracket.

    After a step that went too far from `low = 0`, the minimum of the parabola through the value
    and slope at 0 and the value there; otherwise the middle. Never in the outer tenth.
    """
    parabola = -slope * step**2 / (2 * (f - value - slope * step))
    usable = ~enough & (low == 0) & parabola.isfinite()
    width = high - low
    inside = torch.where(usable, parabola, low + width / 2)
    inside = torch.minimum(torch.maximum(inside, low + 0.1 * width), high - 0.1 * width)
    return torch.where(high.isinf(), 4 * step, inside)
