"""One doubling of NUTS: a subtree of `2^depth` leapfrogs from the end of the trajectory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.density import AbstractLogDensity
from workers.engines.kernels.leapfrog import Phase, Stride, gain, leapfrog
from workers.engines.kernels.ledger import DIVERGENCE, Ledger
from workers.engines.kernels.turning import Checkpoints


@dataclass(frozen=True)
class Subtree:
    """What one doubling found; only where it is whole do the other fields mean something."""

    #: `C`: whether it is complete, without divergence and without U-turn.
    whole: Tensor
    #: The last leaf; the momentum of the first; the sum of all: `C x D`.
    end: Phase
    begin: Tensor
    rho: Tensor
    #: `C`: log of the sum of the leaves' weights `exp(gain)`.
    log_weight: Tensor
    #: A leaf drawn by the weights: its row in the ledger (`C`), position and gradient (`C x D`).
    row: Tensor
    z: Tensor
    gradient: Tensor


def grow(
    density: AbstractLogDensity,
    edge: Phase,
    by: Stride,
    initial: Tensor,
    noise: Tensor,
    active: Tensor,
    ledger: Ledger,
) -> Subtree:
    """Integrate `L = 2^depth` leapfrogs from `edge`, or until every chain has ended.

    The leaf is drawn as the largest of `gain + Gumbel noise`, which is the multinomial draw with
    weights `exp(gain)`. Chains that have ended move on with the others unseen: nothing of theirs
    is used. One look at the device per leapfrog.

    Args:
        density: the target.
        edge: where the trajectory ends in the direction of growth.
        by: the stride, sign included.
        initial: log joint at the start of the transition, `C`.
        noise: `L x C` standard Gumbel numbers.
        active: `C`: the chains that still grow.
        ledger: takes every leaf.
    """
    leaves, first = len(noise), len(ledger)
    checkpoints = Checkpoints(leaves.bit_length() - 1)
    phase = edge
    begin = rho = z = gradient = best = edge.p
    for n, perturbation in enumerate(noise.unbind(0)):
        last, before = phase.p, rho
        phase = leapfrog(density, phase, by)
        rise = gain(phase, initial)
        ledger.add(rise, phase.log_density, active)
        active = active & (rise >= -DIVERGENCE)
        score = rise + perturbation
        if n == 0:
            begin = rho = phase.p
            before = torch.zeros_like(rho)
            z, gradient, best = phase.z, phase.gradient, score
        else:
            rho = rho + phase.p
            better = (score > best)[:, None]
            best = torch.maximum(best, score)
            z = torch.where(better, phase.z, z)
            gradient = torch.where(better, phase.gradient, gradient)
        if n % 2 == 0:
            checkpoints.put(n, phase.p, last, before)
        else:
            active = active & checkpoints.straight(n, phase.p, rho)
        if n < leaves - 1 and not bool(active.any()):
            break
    gains = ledger.gains(first)
    row = (gains + noise[: len(gains)]).argmax(0) + first
    return Subtree(active, phase, begin, rho, gains.logsumexp(0), row, z, gradient)
