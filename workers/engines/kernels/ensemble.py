"""Warm-up of many chains together: one metric, one step size, one trajectory length."""

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels import fisher, length, pool, shared_step
from workers.engines.kernels.fixed import Proposed
from workers.engines.kernels.initial import Point
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.length import Length
from workers.engines.kernels.metric import Kind, Metric
from workers.engines.kernels.pool import Pool
from workers.engines.kernels.shared_step import SharedStep

#: The part of the warm-up by whose end the last metric is taken; each window before is half as
#: long, down to the shortest.
LEARNING, SHORTEST = 0.65, 4
#: The first trajectory length in units of the slowest direction's deviation. With lengths uniform
#: on ]0, T[ the criterion of `length` for a standard normal is `1/2 - sin(2 T) / (4 T)`, largest at
#: `tan(2 T) = 2 T`.
LENGTH = 2.247
#: Where a coordinate takes more iterations than this to forget, the length is longer, up to so many
#: times: a trajectory's way grows with its length, and a random walk's time with its square.
PROMPT, LONGER = 3.0, 4.0
#: A chain that accepts less than this is refused; after so many refusals running its step is
#: halved, and again with each one more.
REFUSED, PATIENCE = 0.1, 2


@dataclass(frozen=True)
class Ensemble:
    """What has been learnt so far."""

    metric: Metric
    step: SharedStep
    length: Length
    #: The positions in the present window.
    pool: Pool
    #: `C`: refusals running.
    refusals: Tensor

    def step_sizes(self) -> Tensor:
        """Return the step sizes to try next during warm-up, `C` in float64.

        A chain that is stuck, as at a bad start, tries ever smaller steps: it comes free while the
        others go on.
        """
        halvings = (self.refusals - PATIENCE).clamp(min=0.0)
        return torch.exp2(-halvings) * self.step.size


class Plan(NamedTuple):
    """Where in the warm-up an iteration stands, and what is aimed at."""

    #: Its number, from 0, of `warmup`.
    iteration: int
    warmup: int
    #: The common acceptance.
    target: float
    #: The shape of the metric.
    kind: Kind
    #: Leapfrogs of a transition at the most.
    longest: int


@functools.cache
def ends(warmup: int) -> frozenset[int]:
    """Return the iterations, from 0, after which a new metric is taken.

    Example:
        >>> sorted(ends(100))
        [3, 7, 15, 31, 64]
    """
    found, last = set(), LEARNING * warmup
    while last >= SHORTEST:
        found.add(int(last) - 1)
        last /= 2
    return frozenset(found)


def start(density: AbstractLogDensity, point: Point, metric: Metric, momentum: Tensor) -> Ensemble:
    """Return what is known before the first transition.

    Args:
        density: the target.
        point: where the chains are.
        metric: a first guess.
        momentum: `C x D`, standard normal, for the first step size.
    """
    phase = Phase(point.z, momentum, point.gradient, point.log_density)
    initial = log_joint(phase)
    one = torch.ones_like(initial)

    def gains(size: float) -> Tensor:
        return gain(leapfrog(density, phase, stride(one * size, metric)), initial)

    size = shared_step.first(1.0, gains)
    zero = torch.zeros_like(initial)
    return Ensemble(metric, shared_step.start(size), length.start(LENGTH), Pool(), zero)


def learn(known: Ensemble, before: Tensor, proposed: Proposed, leaps: int, plan: Plan) -> Ensemble:
    """Return what is known after a transition of the warm-up.

    Args:
        known: before.
        before: where the chains were, `C x D`.
        proposed: the transition.
        leaps: its leapfrogs.
        plan: what is aimed at, and where in the warm-up it stands.
    """
    acceptance = proposed.made.acceptance
    size = known.step.size
    slope = length.slope(before, proposed, known.metric, leaps * size)
    known = Ensemble(
        metric=known.metric,
        step=shared_step.update(known.step, shared_step.common(acceptance), plan.target),
        length=length.update(known.length, slope, least=size, most=plan.longest * size),
        pool=pool.add(known.pool, proposed.made.point),
        refusals=torch.where(acceptance < REFUSED, known.refusals + 1.0, 0.0),
    )
    return _remeasure(known, plan.kind) if plan.iteration in ends(plan.warmup) else known


def _remeasure(known: Ensemble, kind: Kind) -> Ensemble:
    """Take the window's metric; step size and length begin anew near what they were."""
    metric = fisher.learn(kind, known.pool, known.metric)
    slow = fisher.slowest(metric, known.pool)
    longer = min(LONGER, max(1.0, (fisher.sluggishness(known.pool) / PROMPT) ** 0.5))
    return replace(
        known,
        metric=metric,
        step=shared_step.start(known.step.average),
        length=length.start(LENGTH * slow * longer),
        pool=Pool(),
    )
