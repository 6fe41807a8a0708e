"""Adam on rows of points; of each the lowest point seen counts.

Kingma and Ba, Adam: a method for stochastic optimization (2015), on a gradient without noise. It
needs no line search and minds no kink, and arrives slowly: a row rests when it has found nothing
lower for a while, and then steps less.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels.adam import AdamState, start_adam, step_adam
from workers.engines.kernels.objective import Objective
from workers.engines.kernels.optimizer import AbstractOptimizer, Climbers

#: The first rate, and the one at which a row has arrived.
RATE, LEAST = 0.1, 1e-5
#: Iterations over which progress is looked at; the gain, in nats, that is too little for the
#: present rate; and what the rate is multiplied by then.
PATIENCE, LITTLE, LOWER = 20, 1e-3, 0.5


@dataclass(frozen=True)
class AdamRows:
    """The lowest points so far, and where the rows are now."""

    z: Tensor
    value: Tensor
    gradient: Tensor
    gain: Tensor
    promise: Tensor
    stuck: Tensor
    #: `C x D`: the present points and gradients.
    now: Tensor
    slope: Tensor
    moments: AdamState
    #: `C`: the rate, the lowest value when it was last looked at, and iterations since.
    rate: Tensor
    mark: Tensor
    since: int


class Adam(AbstractOptimizer):
    """Adam with a rate that halves where nothing is gained."""

    def start(self, objective: Objective, z: Tensor) -> AdamRows:
        """Begin at `z`: `C x D` in float64."""
        value, gradient = objective(z)
        far = torch.full_like(value, torch.inf)
        rate = torch.full_like(value, RATE)
        stuck = ~value.isfinite()
        return AdamRows(
            z, value, gradient, far, far, stuck, z, gradient, start_adam((z,)), rate, value, 0
        )

    def step(self, objective: Objective, rows: Climbers, active: Tensor) -> AdamRows:
        """Advance the active rows by one step."""
        assert isinstance(rows, AdamRows)
        going = active & ~rows.stuck
        # Unit steps, to be scaled row by row.
        zero = torch.zeros_like(rows.now)
        moments, (moved,) = step_adam(rows.moments, (zero,), (-rows.slope,), 1.0)
        now = torch.where(going[:, None], rows.now + rows.rate[:, None] * moved, rows.now)
        value, slope = objective(now)
        lost = ~value.isfinite()
        now, slope = _back(lost, rows, now, slope)
        lower = going & (value < rows.value)
        best = torch.where(lower, value, rows.value)
        looking = rows.since + 1 >= PATIENCE
        idle = (rows.mark - best <= LITTLE) & looking
        rate = torch.where(going & (idle | lost), LOWER * rows.rate, rows.rate)
        column = lower[:, None]
        gradient = torch.where(column, slope, rows.gradient)
        return AdamRows(
            torch.where(column, now, rows.z),
            best,
            gradient,
            torch.where(going & (rate > LEAST), torch.inf, 0.0),
            0.5 * rate * gradient.abs().sum(1),
            rows.stuck,
            now,
            slope,
            moments,
            rate,
            best if looking else rows.mark,
            0 if looking else rows.since + 1,
        )


def _back(lost: Tensor, rows: AdamRows, now: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Take rows that left the support back to their lowest point."""
    column = lost[:, None]
    return torch.where(column, rows.z, now), torch.where(column, rows.gradient, slope)
