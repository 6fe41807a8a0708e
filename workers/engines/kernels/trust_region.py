"""Newton's method in a trust region: exact Hessians from every start.

Moré and Sorensen, Computing a trust region step (SIAM J. Sci. Stat. Comput. 4, 1983); Nocedal and
Wright, Numerical Optimization (2006), algorithm 4.1. The region is a ball in the units of
`spectrum`, in which every coordinate has information 1.
"""

import math

import torch
from torch import Tensor

from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import AbstractOptimizer, Climbers, Descent, start_descent
from workers.engines.kernels.spectrum import Spectrum, spectrum

#: The first radius, the largest, and the one at which a row gives up.
FIRST, LARGEST, LEAST = 1.0, 1e6, 1e-10
#: Shares of the predicted gain: a step is taken from the first on; below the second the region
#: shrinks, above the third it grows.
TAKEN, POOR, GOOD = 1e-4, 0.25, 0.75
#: Bisections for the multiplier.
BISECTIONS = 60


class Newton(AbstractOptimizer):
    """The minimum of the second-order Taylor polynomial where that can be trusted."""

    square = True

    def start(self, objective: Objective, z: Tensor) -> Descent:
        """Begin at `z`: `C x D` in float64."""
        return start_descent(objective, z)

    def step(self, objective: Objective, rows: Climbers, active: Tensor) -> Descent:
        """Advance the active rows by one trial step each; those that gain too little stay."""
        assert isinstance(rows, Descent)
        going = active & ~rows.stuck
        radius = torch.where(rows.reach > 0.0, rows.reach, FIRST)
        moves, promise, at_edge = torch.zeros_like(rows.z), torch.zeros_like(radius), []
        for row in range(len(rows.z)):
            edge = False
            if bool(going[row]):
                shape = spectrum(objective.hessian(rows.z[row]), rows.z[row])
                moves[row], promise[row], edge = _within(
                    shape, rows.gradient[row], float(radius[row])
                )
            at_edge.append(edge)
        value, gradient = objective(rows.z + moves)
        share = (rows.value - value) / promise.clamp(min=1e-300)
        # Of a promise that is rounding, nothing can be said.
        tiny = promise <= objective.noise(rows.value)
        taken = going & value.isfinite() & ((share > TAKEN) | (tiny & (value <= rows.value)))
        held = torch.tensor(at_edge, device=radius.device)
        poor = ~(share >= POOR) & ~tiny
        reach = torch.where(poor, 0.25 * radius, radius)
        reach = torch.where((share > GOOD) & held, (2.0 * radius).clamp(max=LARGEST), reach)
        column = taken[:, None]
        return Descent(
            torch.where(column, rows.z + moves, rows.z),
            torch.where(taken, value, rows.value),
            torch.where(column, gradient, rows.gradient),
            # A trial that failed gained nothing, and yet is no sign of having arrived.
            torch.where(going, torch.where(taken, rows.value - value, promise), 0.0),
            torch.where(going, promise, rows.promise),
            rows.stuck | (going & (reach < LEAST)),
            torch.where(going, reach, rows.reach),
        )


def _within(shape: Spectrum, gradient: Tensor, radius: float) -> tuple[Tensor, float, bool]:
    """Return the step of least predicted value no longer than the radius, and what it promises.

    And whether the radius holds it back. The step is `-(H + mu I)^-1 g` with the least `mu >= 0`
    that makes the matrix positive definite and the step short enough.
    """
    if not bool(shape.values.isfinite().all()):
        return -gradient * 0.0, 0.0, False
    parts = shape.vectors.T @ (shape.scale * gradient)
    lowest = float(shape.values[0])

    def move(mu: float) -> Tensor:
        return -parts / (shape.values + mu).clamp(min=1e-300)

    mu, edge = 0.0, False
    if lowest <= 0.0 or float(move(0.0).norm()) > radius:
        edge = True
        low = max(0.0, -lowest)
        high = low + float(parts.norm()) / radius + 1e-12
        for _ in range(BISECTIONS):
            mu = (low + high) / 2.0
            low, high = (mu, high) if float(move(mu).norm()) > radius else (low, mu)
        mu = high
    u = move(mu)
    promise = -float(parts @ u + 0.5 * (shape.values * u * u).sum())
    if not math.isfinite(promise):
        return -gradient * 0.0, 0.0, False
    return shape.scale * (shape.vectors @ u), max(0.0, promise), edge
