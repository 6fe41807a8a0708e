"""Transitions of a crowd in step: each chain takes the same number of leapfrogs.

On the compiled tier a call's transitions, with all that is learnt from them, are native code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.fixed import transition
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.pace import Pace, leaps_at, learn
from workers.engines.kernels.steps import Steps
from workers.engines.kernels.transition import Transition
from workers.engines.native import transitions as native


def march(
    density: AbstractLogDensity,
    metric: Metric,
    point: Point,
    pace: Pace,
    momenta: Tensor,
    log_u: Tensor,
    *,
    first: int,
    longest: int,
    target: float | None = None,
) -> Steps:
    """Return `K` transitions of every chain. A pure function of its arguments.

    Args:
        density: of what is drawn.
        metric: under which the chains move.
        point: where the chains are.
        pace: at which they move.
        momenta: `K x C x D`, standard normal: whitened coordinates.
        log_u: `K x C` in float64: logs of uniform numbers, to accept by.
        first: the number of the first transition in the run, from 0.
        longest: leapfrogs of a transition at the most.
        target: the common acceptance that the pace is moved to; without it nothing is learnt, and
            the pace is what was learnt on average.
    """
    if density.handle is not None:
        return native.march(
            density.handle, metric, point, pace, momenta, log_u, first, longest, target
        )
    made: list[Transition] = []
    for n, (p, accept) in enumerate(zip(momenta.unbind(0), log_u.unbind(0), strict=True), first):
        if target is None:
            leaps = leaps_at(n, pace.length.average, pace.step.average, longest)
            sizes = pace.resting()
        else:
            leaps, sizes = leaps_at(n, pace.length.now, pace.step.size, longest), pace.step_sizes()
        proposed = transition(density, point, p, sizes, leaps, metric, accept)
        if target is not None:
            pace = learn(pace, point.z, proposed, metric, leaps, target, longest)
        made.append(proposed.made)
        point = proposed.made.point
    return _gathered(pace, made)


def _gathered(pace: Pace, made: Sequence[Transition]) -> Steps:
    return Steps(
        point=made[-1].point,
        pace=pace,
        draws=torch.stack([one.point.z for one in made], 1),
        gradients=torch.stack([one.point.gradient for one in made], 1),
        log_density=torch.stack([one.point.log_density for one in made], 1),
        acceptance=torch.stack([one.acceptance for one in made], 1),
        energy=torch.stack([one.energy for one in made], 1),
        divergent=torch.stack([one.divergent for one in made], 1),
        leapfrogs=torch.stack([one.leapfrogs[0] for one in made]),
    )
