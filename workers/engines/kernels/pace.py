"""The pace of a crowd: the step size and trajectory length that all its chains share."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engines.kernels import length, shared_step
from workers.engines.kernels.halton import halton
from workers.engines.kernels.length import Length
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.shared_step import SharedStep
from workers.engines.kernels.transition import Proposed

#: A chain that accepts less than this is refused; after so many refusals running its step is
#: halved, and again with each one more.
REFUSED, PATIENCE = 0.1, 2


@dataclass(frozen=True)
class Pace:
    """What moves at every transition of a warm-up; `native/crowd.h` does the same."""

    step: SharedStep
    length: Length
    #: `C` in float64: refusals running.
    refusals: Tensor

    def step_sizes(self) -> Tensor:
        """Return the step sizes to try next during warm-up, `C` in float64.

        A chain that is stuck, as at a bad start, tries ever smaller steps: it comes free while the
        others go on.
        """
        halvings = (self.refusals - PATIENCE).clamp(min=0.0)
        return torch.exp2(-halvings) * self.step.size

    def resting(self) -> Tensor:
        """Return the step sizes to sample with, `C` in float64."""
        return torch.full_like(self.refusals, self.step.average)


def learn(
    pace: Pace,
    before: Tensor,
    proposed: Proposed,
    metric: Metric,
    leaps: int,
    target: float,
    longest: int,
) -> Pace:
    """Return the pace after a transition of the warm-up.

    Args:
        pace: before.
        before: where the chains were, `C x D`.
        proposed: the transition.
        metric: under which it was made.
        leaps: its leapfrogs.
        target: the common acceptance to reach.
        longest: leapfrogs of a transition at the most.
    """
    acceptance, size = proposed.made.acceptance, pace.step.size
    slope = length.slope(before, proposed, metric, leaps * size)
    return Pace(
        step=shared_step.update(pace.step, shared_step.common(acceptance), target),
        length=length.update(pace.length, slope, least=size, most=longest * size),
        refusals=torch.where(acceptance < REFUSED, pace.refusals + 1.0, 0.0),
    )


def leaps_at(iteration: int, length: float, size: float, longest: int) -> int:
    """Return an iteration's number of leapfrogs: lengths are jittered uniformly on ]0, T[."""
    return max(1, min(longest, math.ceil(halton(iteration) * length / size)))
