"""The Hamiltonian transition of fixed length, with a jittered step.

Neal, MCMC using Hamiltonian dynamics (2011), section 5.3; the step size varies by 20 % from
transition to transition (section 5.4.2.2), so that no period of the target matches the trajectory.
"""

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.initial import Point, choose
from workers.engines.kernels.leapfrog import Phase, gain, leapfrog, log_joint, stride
from workers.engines.kernels.ledger import DIVERGENCE
from workers.engines.kernels.transition import Transition

#: Half the width of the step size's jitter, relative.
JITTER = 0.2
#: Leapfrogs of one transition at the most, and at the most during warm-up, where dual averaging
#: tries very small steps.
LONGEST, LONGEST_WARM = 1024, 128


def hmc(
    density: AbstractLogDensity,
    point: Point,
    step_size: Tensor,
    scale: Tensor,
    generator: torch.Generator,
    trajectory_length: float,
    longest: int = LONGEST,
) -> Transition:
    """Return one HMC transition (see `transition.Kernel`).

    Each chain takes `ceil(trajectory_length / step_size)` leapfrogs, `longest` at the most. A chain
    that is done goes on with a step of zero, which moves nothing.
    """
    p = torch.randn(point.z.shape, generator=generator, dtype=scale.dtype, device=scale.device)
    u = torch.rand(2, len(step_size), generator=generator, dtype=torch.float64, device=scale.device)
    leaps = (trajectory_length / step_size).ceil().clamp(1, longest).long()
    jittered = step_size * (1.0 + JITTER * (2.0 * u[0] - 1.0))
    start = Phase(point.z, p, point.gradient, point.log_density)
    initial = log_joint(start)
    end = _integrate(density, start, jittered, scale, leaps)
    rise = gain(end, initial)
    accepted = u[1].log() < rise
    kept = torch.where(accepted, rise, 0.0)
    return Transition(
        point=choose(accepted, Point(end.z, end.log_density, end.gradient), point),
        acceptance=rise.clamp(max=0.0).exp(),
        divergent=rise < -DIVERGENCE,
        energy=-(initial + kept),
        leapfrogs=leaps,
        stats={},
    )


def _integrate(
    density: AbstractLogDensity, phase: Phase, step_size: Tensor, scale: Tensor, leaps: Tensor
) -> Phase:
    shortest, longest = (int(n) for n in leaps.aminmax())
    by = stride(step_size, scale)
    for n in range(longest):
        if n >= shortest:
            by = stride(step_size * (leaps > n), scale)
        phase = leapfrog(density, phase, by)
    return phase
