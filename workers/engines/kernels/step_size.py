"""A first step size: the power of two at which one leapfrog's acceptance crosses 0.8.

Hoffman and Gelman (2014), algorithm 4, with Stan's threshold.
"""

import math

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.initial import Point
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.metric import Metric

_THRESHOLD = math.log(0.8)
#: Doublings or halvings at the most: from 1 down to 1e-15 or up to 1e15.
_MOST = 50


def reasonable(
    density: AbstractLogDensity,
    point: Point,
    step_size: Tensor,
    metric: Metric,
    generator: torch.Generator,
) -> Tensor:
    """Return a step size per chain, `C`, to begin dual averaging with.

    Args:
        density: the target.
        point: where the chains are.
        step_size: where the search starts, `C`.
        metric: under which steps are taken.
        generator: randomness; the same amount whatever the search does.
    """
    z = point.z
    p = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
    start = Phase(z, p, point.gradient, point.log_density)
    initial = log_joint(start)

    def small_enough(step_size: Tensor) -> Tensor:
        return gain(leapfrog(density, start, stride(step_size, metric)), initial) > _THRESHOLD

    step_size = step_size.double()
    doubling = small_enough(step_size)
    factor = torch.where(doubling, 2.0, 0.5).double()
    searching = torch.ones_like(doubling)
    for _ in range(_MOST):
        step_size = torch.where(searching, step_size * factor, step_size)
        searching = searching & (small_enough(step_size) == doubling)
        if not bool(searching.any()):
            break
    return step_size
