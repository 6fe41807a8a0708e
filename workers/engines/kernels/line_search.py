"""Bracketing line search, every row with a step of its own."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from workers.engines.kernels.objective import Function, Rows, namespace

#: Armijo's constant: the share of the predicted decrease that a step must achieve.
SUFFICIENT = 1e-4
#: Wolfe's constant: the share of the slope that may be left.
CURVATURE = 0.9
MAX_EVALUATIONS = 30


@dataclass(frozen=True)
class LineResult:
    """Where a line search ended; rows that did not succeed stay where they were."""

    #: `C x D`, `C`, `C x D`.
    z: Rows
    value: Rows
    gradient: Rows
    #: `C`: the row found a lower point.
    moved: Rows


def line_search(
    objective: Function,
    z: Rows,
    value: Rows,
    gradient: Rows,
    direction: Rows,
    first: Rows,
    active: Rows,
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
    xp = namespace(z)
    slope = xp.linalg.vecdot(gradient, direction)
    at_start = (rows.tolist() for rows in (value, slope, first, active))
    searches = [_Search(*row) for row in zip(*at_start, strict=True)]
    best = LineResult(z, value, gradient, xp.zeros_like(active))
    for _ in range(MAX_EVALUATIONS):
        if not any(search.open for search in searches):
            break
        step = _like(z, [search.step if search.open else 0.0 for search in searches])
        trial = z + step[:, None] * direction
        f, g = objective(trial)
        found = zip(searches, f.tolist(), xp.linalg.vecdot(g, direction).tolist(), strict=True)
        lower = [search.tell(*row) for search, *row in found]
        best = _keep(best, LineResult(trial, f, g, _like(z, lower)), all(lower))
    return best


class _Search:
    """The search along one row, in plain numbers: vectors of a few rows take longer."""

    def __init__(self, value: float, slope: float, step: float, active: bool) -> None:
        self._value, self._slope = value, slope
        self._best = value
        self._low, self._high = 0.0, math.inf
        #: The step to try next.
        self.step = step
        #: Whether the search goes on.
        self.open = active

    def tell(self, f: float, slope: float) -> bool:
        """Learn value and slope at the step tried; return whether it is the lowest point yet."""
        if not self.open:
            return False
        enough = f <= self._value + SUFFICIENT * self.step * self._slope
        lower = enough and f < self._best
        if lower:
            self._best = f
        steep = slope < CURVATURE * self._slope
        if (enough and not steep) or f == -math.inf:
            self.open = False
        elif enough:
            self._low = self.step
            self.step = self._middle if math.isfinite(self._high) else 4.0 * self.step
        else:
            self._high = self.step
            self.step = self._inside(f)
        return lower

    @property
    def _middle(self) -> float:
        return self._low + (self._high - self._low) / 2.0

    def _inside(self, f: float) -> float:
        """Return the next step after one that went too far; never in the outer tenth.

        From `low = 0` it is the minimum of the parabola through the value and slope at 0 and the
        value there; otherwise the middle.
        """
        rise = 2.0 * (f - self._value - self._slope * self.step)
        parabola = -self._slope * self.step * self.step / rise if rise else math.inf
        usable = self._low == 0.0 and math.isfinite(parabola)
        margin = 0.1 * (self._high - self._low)
        step = parabola if usable else self._middle
        return min(max(step, self._low + margin), self._high - margin)


def _keep(best: LineResult, trial: LineResult, everywhere: bool) -> LineResult:
    """Take the trial in the rows where it is lower."""
    if everywhere:
        return trial
    xp = namespace(trial.z)
    column = trial.moved[:, None]
    return LineResult(
        xp.where(column, trial.z, best.z),
        xp.where(trial.moved, trial.value, best.value),
        xp.where(column, trial.gradient, best.gradient),
        best.moved | trial.moved,
    )


def _like(rows: Rows, values: list[float] | list[bool]) -> Rows:
    """Return numbers on the device where the rows are."""
    if isinstance(rows, np.ndarray):
        return np.array(values)
    kind = torch.bool if isinstance(values[0], bool) else rows.dtype
    return torch.tensor(values, dtype=kind, device=rows.device)
