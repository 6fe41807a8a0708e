"""The leapfrog: one step of Hamiltonian motion, for all chains at once.

With the momentum `p` in whitened coordinates (see `metric`) and the scale `s`:

    p <- p + eps/2 s grad(z);   z <- z + eps s p;   p <- p + eps/2 s grad(z)

Reversible and volume-preserving whatever the gradient's rounding. Neal, MCMC using Hamiltonian
dynamics (2011), section 5.2.3.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity


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
    """How far a step goes, sign included: `C x D` each."""

    #: `eps s / 2`.
    half: Tensor
    #: `eps s`.
    full: Tensor


def stride(step_size: Tensor, scale: Tensor) -> Stride:
    """Return the stride of signed step sizes, `C`, under a scale, `C x D`."""
    full = step_size.to(scale.dtype)[:, None] * scale
    return Stride(full * 0.5, full)


def leapfrog(density: AbstractLogDensity, phase: Phase, by: Stride) -> Phase:
    """Return the phase one step on: one gradient for all chains."""
    p = torch.addcmul(phase.p, by.half, phase.gradient)
    z = torch.addcmul(phase.z, by.full, p)
    log_density, gradient = density.value_and_grad(z)
    return Phase(z, torch.addcmul(p, by.half, gradient), gradient, log_density)


def log_joint(phase: Phase) -> Tensor:
    """Return minus the energy, `C` in float64: log density minus kinetic energy."""
    p = phase.p.double()
    return torch.add(phase.log_density, (p * p).sum(1), alpha=-0.5)


def gain(phase: Phase, initial: Tensor) -> Tensor:
    """Return how much the log joint rose since `initial`: `C`; `-inf` where it is not finite."""
    return torch.nan_to_num(log_joint(phase) - initial, -torch.inf, -torch.inf, -torch.inf)
