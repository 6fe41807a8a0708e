"""Warm-up: what a chain learns before its draws count - its step size and the common metric."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels import dual_averaging, metric, step_size, welford
from workers.engines.kernels.dual_averaging import DualAveraging
from workers.engines.kernels.initial import Point
from workers.engines.kernels.welford import Welford
from workers.engines.kernels.windows import Schedule

#: Updates after which the average of dual averaging is used.
SETTLED = 5


@dataclass(frozen=True)
class Adaptation:
    """What has been learnt so far."""

    step: DualAveraging
    #: The scale of the metric, `C x D`.
    scale: Tensor
    #: Of the positions in the present window.
    moments: Welford

    @property
    def step_size(self) -> Tensor:
        """The step size to try next during warm-up, `C` in float64."""
        return self.step.log_step.exp()

    @property
    def final_step_size(self) -> Tensor:
        """The step size to sample with, `C` in float64.

        Dual averaging begins ten times too large; until it has come down, its start is better.
        """
        if self.step.count < SETTLED:
            return self.step.mu.exp() / 10.0
        return self.step.log_average.exp()


def start(density: AbstractLogDensity, point: Point, generator: torch.Generator) -> Adaptation:
    """Return what is known before the first transition: a unit metric and a step size for it."""
    chains = len(point.z)
    scale = metric.unit(chains, density.dim, density.dtype, density.device)
    one = torch.ones(chains, dtype=torch.float64, device=density.device)
    first = step_size.reasonable(density, point, one, scale, generator)
    moments = welford.start(chains, density.dim, density.device)
    return Adaptation(dual_averaging.start(first), scale, moments)


def learn(
    known: Adaptation,
    density: AbstractLogDensity,
    point: Point,
    acceptance: Tensor,
    iteration: int,
    schedule: Schedule,
    target: float,
    generator: torch.Generator,
) -> Adaptation:
    """Return what is known after a transition of the warm-up.

    Args:
        known: before.
        density: the target, for a new step size when the metric changes.
        point: where the transition led.
        acceptance: its statistic, `C`.
        iteration: its number, from 0.
        schedule: the windows.
        target: the acceptance to aim at.
        generator: randomness.
    """
    known = replace(known, step=dual_averaging.update(known.step, acceptance, target))
    if iteration in schedule.slow:
        known = replace(known, moments=welford.update(known.moments, point.z))
    if iteration in schedule.ends:
        known = _remeasure(known, density, point, generator)
    return known


def _remeasure(
    known: Adaptation, density: AbstractLogDensity, point: Point, generator: torch.Generator
) -> Adaptation:
    """Take the window's metric, and begin the step size and the next window anew."""
    scale = metric.learn(known.moments, known.scale)
    first = step_size.reasonable(density, point, known.step_size, scale, generator)
    moments = welford.start(len(point.z), density.dim, density.device)
    return Adaptation(dual_averaging.start(first), scale, moments)
