"""Warm-up of many chains together: one metric, one step size, one trajectory length."""

import functools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels import fisher, length, pool, shared_step
from workers.engines.kernels.initial import Point
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.metric import Kind, Metric
from workers.engines.kernels.pace import Pace
from workers.engines.kernels.pool import Pool
from workers.engines.kernels.steps import Steps

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
#: A window of so many iterations at least shows whether there is more to learn. There is not, where
#: all chains are in line and whitened positions and gradients are by no direction wider than so
#: much, and every coordinate forgets within so many iterations.
SHOWN, FITTING, QUICK = 8, 1.3, 2.0
#: Iterations for the last step size and length, when there is no more to learn.
LAST = 10


@dataclass(frozen=True)
class Ensemble:
    """What has been learnt so far."""

    metric: Metric
    #: Step size and trajectory length.
    pace: Pace
    #: The positions in the present window.
    pool: Pool
    #: `C`: the sum of the log densities in the present window.
    heights: Tensor

    @property
    def height(self) -> Tensor:
        """The chains' mean log densities in the present window, `C`."""
        return self.heights / max(1, self.pool.seen)


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


def window_end(iteration: int, warmup: int) -> int:
    """Return the number of iterations done when the window of one, in [0, `warmup`[, is over."""
    return min((end + 1 for end in ends(warmup) if end >= iteration), default=warmup)


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
    zeros = torch.zeros_like(initial)
    pace = Pace(shared_step.start(size), length.start(LENGTH), zeros)
    return Ensemble(metric, pace, Pool(), zeros)


def learn(known: Ensemble, steps: Steps) -> Ensemble:
    """Return what is known after transitions of one window, `steps`, with their gradients."""
    assert steps.gradients is not None
    window = known.pool
    for z, gradient in zip(steps.draws.unbind(1), steps.gradients.unbind(1), strict=True):
        window = pool.add(window, z, gradient)
    heights = known.heights + steps.log_density.sum(1)
    return Ensemble(known.metric, steps.pace, window, heights)


def settled(known: Ensemble) -> bool:
    """Return whether the window that is over shows that its metric fits and its chains mix.

    The metric of that window is better still, so that a further one would hardly differ.
    """
    pool = known.pool
    if pool.seen < SHOWN or not pool.in_line:
        return False
    return (
        fisher.sluggishness(pool) <= QUICK
        and fisher.slowest(known.metric, pool) <= FITTING
        and fisher.fastest(known.metric, pool) <= FITTING
    )


def remeasure(known: Ensemble, kind: Kind) -> Ensemble:
    """Take the metric, of a shape, of the window that is over.

    Step size and length begin anew near what they were.
    """
    metric = fisher.learn(kind, known.pool, known.metric)
    slow = fisher.slowest(metric, known.pool)
    longer = min(LONGER, max(1.0, (fisher.sluggishness(known.pool) / PROMPT) ** 0.5))
    pace = replace(
        known.pace,
        step=shared_step.start(known.pace.step.average),
        length=length.start(LENGTH * slow * longer),
    )
    return Ensemble(metric, pace, Pool(), torch.zeros_like(known.heights))
