"""Dual averaging: moves each chain's step size until its acceptance is the target.

Hoffman and Gelman, The No-U-Turn Sampler (JMLR 15, 2014), section 3.2, equation 6, with Stan's
constants.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

#: Steps by which the first iterations are damped.
T0 = 10.0
#: How fast the average forgets, in ]0.5, 1].
KAPPA = 0.75
#: How strongly the log step size is pulled towards `mu`.
GAMMA = 0.05


@dataclass(frozen=True)
class DualAveraging:
    """The state of the averaging, one entry per chain: all tensors `C` in float64."""

    #: Log step size of the next iteration.
    log_step: Tensor
    #: Weighted average of the log step sizes: what to use once adaptation is over.
    log_average: Tensor
    #: Running error of the acceptance, target minus seen.
    error: Tensor
    #: The point that log step sizes are drawn to, `log(10 eps0)`: rather too large than too small.
    mu: Tensor
    #: Updates so far.
    count: int


def start(step_size: Tensor) -> DualAveraging:
    """Return the state that begins at `step_size`: `C`."""
    log_step = step_size.double().log()
    zero = torch.zeros_like(log_step)
    return DualAveraging(log_step, log_step, zero, log_step + math.log(10.0), 0)


def update(state: DualAveraging, acceptance: Tensor, target: float) -> DualAveraging:
    """Return the state after an iteration that accepted with `acceptance`: `C` in [0, 1]."""
    count = state.count + 1
    weight = 1.0 / (count + T0)
    error = (1.0 - weight) * state.error + weight * (target - acceptance)
    log_step = torch.add(state.mu, error, alpha=-math.sqrt(count) / GAMMA)
    log_average = torch.lerp(state.log_average, log_step, count**-KAPPA)
    return DualAveraging(log_step, log_average, error, state.mu, count)
