"""Warm-up: what a chain learns before its draws count - its step size and the common metric."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels import dual_averaging, fisher, pool, step_size
from workers.engines.kernels.dual_averaging import DualAveraging
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Kind, Metric
from workers.engines.kernels.pool import Pool
from workers.engines.kernels.starts import Start
from workers.engines.kernels.windows import Schedule

#: Updates after which the average of dual averaging is used.
SETTLED = 5


@dataclass(frozen=True)
class Adaptation:
    """What has been learnt so far."""

    step: DualAveraging
    metric: Metric
    #: The positions in the present window.
    pool: Pool

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


def start(density: AbstractLogDensity, begun: Start, generator: torch.Generator) -> Adaptation:
    """Return what is known before the first transition: the start's metric and a step size."""
    point = begun.point
    chains = len(point.z)
    one = torch.ones(chains, dtype=torch.float64, device=density.device)
    first = step_size.reasonable(density, point, one, begun.metric, generator)
    return Adaptation(dual_averaging.start(first), begun.metric, Pool())


def learn(
    known: Adaptation,
    density: AbstractLogDensity,
    point: Point,
    acceptance: Tensor,
    iteration: int,
    schedule: Schedule,
    target: float,
    kind: Kind,
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
        kind: the shape of the metric.
        generator: randomness.
    """
    known = replace(known, step=dual_averaging.update(known.step, acceptance, target))
    if iteration in schedule.slow:
        known = replace(known, pool=pool.add(known.pool, point.z, point.gradient))
    if iteration in schedule.ends:
        known = remeasure(known, density, point, kind, generator)
    return known


def remeasure(
    known: Adaptation,
    density: AbstractLogDensity,
    point: Point,
    kind: Kind,
    generator: torch.Generator,
) -> Adaptation:
    """Take the window's metric, and begin the step size and the next window anew."""
    learnt = fisher.learn(kind, known.pool, known.metric)
    first = step_size.reasonable(density, point, known.step_size, learnt, generator)
    return Adaptation(dual_averaging.start(first), learnt, Pool())
