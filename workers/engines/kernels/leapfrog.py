"""The leapfrog: one step of Hamiltonian motion, for all chains at once.

With the momentum `p` in whitened coordinates and the metric's map `A` (see `metric`):

    p <- p + eps/2 A^T grad(z);   z <- z + eps A p;   p <- p + eps/2 A^T grad(z)

Reversible and volume-preserving whatever the gradient's rounding. Neal, MCMC using Hamiltonian
dynamics (2011), section 5.2.3.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.metric import Metric


class Phase(NamedTuple):
    """A point of phase space per chain, with what was computed there."""

    #: `C x D` positions.
    z: Tensor
    #: `C x D` momenta in whitened coordinates.
    p: Tensor
    #: `C x D`.
    gradient: Tensor
    #: `C` in float64.
    log_density: Tensor


class Stride(NamedTuple):
    """How far a step goes, sign included: step size times the metric's scale, and its turn."""

    #: `C x D`: `eps s / 2`.
    half: Tensor
    #: `C x D`: `eps s`.
    full: Tensor
    metric: Metric


def stride(step_size: Tensor, metric: Metric) -> Stride:
    """Return the stride of signed step sizes, `C`, under a metric."""
    full = step_size.to(metric.scale.dtype)[:, None] * metric.scale
    return Stride(full * 0.5, full, metric)


def kick(p: Tensor, by: Tensor, gradient: Tensor, metric: Metric) -> Tensor:
    """Return momenta after the force's push over `by`, `C x D`: half a stride or a full one."""
    if metric.diagonal:
        return torch.addcmul(p, by, gradient)
    return p + metric.turn_back(by * gradient)


def drift(z: Tensor, by: Stride, p: Tensor) -> Tensor:
    """Return positions after a full stride with momenta `p`."""
    return torch.addcmul(z, by.full, by.metric.turn(p))


def leapfrog(density: AbstractLogDensity, phase: Phase, by: Stride) -> Phase:
    """Return the phase one step on: one gradient for all chains."""
    p = kick(phase.p, by.half, phase.gradient, by.metric)
    z = drift(phase.z, by, p)
    log_density, gradient = density.value_and_grad(z)
    return Phase(z, kick(p, by.half, gradient, by.metric), gradient, log_density)


def log_joint(phase: Phase) -> Tensor:
    """Return minus the energy, `C` in float64: log density minus kinetic energy."""
    p = phase.p.double()
    return torch.add(phase.log_density, (p * p).sum(1), alpha=-0.5)


def gain(phase: Phase, initial: Tensor) -> Tensor:
    """Return how much the log joint rose since `initial`: `C`; `-inf` where it is not finite."""
    return torch.nan_to_num(log_joint(phase) - initial, -torch.inf, -torch.inf, -torch.inf)
