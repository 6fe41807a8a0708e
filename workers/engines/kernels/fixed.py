"""Hamiltonian transitions of a length that is known beforehand.

Neal, MCMC using Hamiltonian dynamics (2011), sections 5.3 and 5.4.2. `transition` is the
interpreted tier's: all its randomness comes in as arguments, so that native code can be held to it.
"""

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.initial import Point, choose
from workers.engines.kernels.leapfrog import (
    Phase,
    Stride,
    drift,
    gain,
    kick,
    leapfrog,
    log_joint,
    stride,
)
from workers.engines.kernels.ledger import DIVERGENCE
from workers.engines.kernels.metric import Metric
from workers.engines.kernels.transition import Proposed, Transition
from workers.engines.native import transitions as native

#: Half the width of the step size's jitter in `hmc`, relative: no period of the target matches the
#: trajectory.
JITTER = 0.2
#: Leapfrogs of one transition at the most, and at the most during warm-up, where dual averaging
#: tries very small steps.
LONGEST, LONGEST_WARM = 1024, 128


def transition(
    density: AbstractLogDensity,
    point: Point,
    momentum: Tensor,
    step_size: Tensor,
    leaps: int,
    metric: Metric,
    log_u: Tensor,
) -> Proposed:
    """Return one transition of `leaps` leapfrogs of every chain, on the interpreted tier.

    A pure function of its arguments. Only the force is asked for on the way; the log density, of
    the end alone.

    Args:
        density: the target.
        point: where the chains are.
        momentum: `C x D`, standard normal: whitened coordinates.
        step_size: `C` in float64.
        leaps: at least 1.
        metric: under which the chains move.
        log_u: `C` in float64: logs of uniform numbers, to accept by.
    """
    counts = torch.full_like(log_u, leaps, dtype=torch.int64)
    start = Phase(point.z, momentum, point.gradient, point.log_density)
    end = _fly(density, start, stride(step_size, metric), leaps)
    return Proposed(_settle(point, start, end, log_u, counts), end.z, end.p)


def hmc(
    density: AbstractLogDensity,
    point: Point,
    step_size: Tensor,
    metric: Metric,
    generator: torch.Generator,
    trajectory_length: float,
    longest: int = LONGEST,
) -> Transition:
    """Return one HMC transition (see `transition.Kernel`) with a jittered step size.

    Each chain takes `ceil(trajectory_length / step_size)` leapfrogs, `longest` at the most. A chain
    that is done goes on with a step of zero, which moves nothing.
    """
    z = point.z
    p = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
    u = torch.rand(2, len(step_size), generator=generator, dtype=torch.float64, device=z.device)
    leaps = (trajectory_length / step_size).ceil().clamp(1, longest).long()
    jittered = step_size * (1.0 + JITTER * (2.0 * u[0] - 1.0))
    if density.handle is not None:
        move = native.fly(density.handle, point, p, jittered, leaps, metric, u[1].log())
        return Transition(move.point, move.acceptance, move.divergent, move.energy, leaps, {})
    start = Phase(z, p, point.gradient, point.log_density)
    end = _integrate(density, start, jittered, metric, leaps)
    return _settle(point, start, end, u[1].log(), leaps)


def _settle(point: Point, start: Phase, end: Phase, log_u: Tensor, leaps: Tensor) -> Transition:
    """Accept or refuse the end of a trajectory (Metropolis)."""
    initial = log_joint(start)
    rise = gain(end, initial)
    accepted = log_u < rise
    kept = torch.where(accepted, rise, 0.0)
    return Transition(
        point=choose(accepted, Point(end.z, end.log_density, end.gradient), point),
        acceptance=rise.clamp(max=0.0).exp(),
        divergent=rise < -DIVERGENCE,
        energy=-(initial + kept),
        leapfrogs=leaps,
        stats={},
    )


def _fly(density: AbstractLogDensity, start: Phase, by: Stride, leaps: int) -> Phase:
    """Return the phase after `leaps` leapfrogs; the half kicks between two of them are joined."""
    z, metric = start.z, by.metric
    p = kick(start.p, by.half, start.gradient, metric)
    for _ in range(leaps - 1):
        z = drift(z, by, p)
        p = kick(p, by.full, density.force(z), metric)
    z = drift(z, by, p)
    log_density, gradient = density.value_and_grad(z)
    return Phase(z, kick(p, by.half, gradient, metric), gradient, log_density)


def _integrate(
    density: AbstractLogDensity, phase: Phase, step_size: Tensor, metric: Metric, leaps: Tensor
) -> Phase:
    shortest, longest = (int(n) for n in leaps.aminmax())
    by = stride(step_size, metric)
    for n in range(longest):
        if n >= shortest:
            by = stride(step_size * (leaps > n), metric)
        phase = leapfrog(density, phase, by)
    return phase
