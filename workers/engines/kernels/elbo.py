"""The evidence lower bound and its gradient by reparameterisation.

Kingma and Welling, Auto-encoding variational Bayes (2014), eq. 7; Kucukelbir et al., Automatic
differentiation variational inference, JMLR 18 (2017), eq. 5: the entropy is analytic.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.density import AbstractLogDensity, Target
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import AbstractGuide, Parameters, standard_normal
from workers.engines.kernels.objective import log_density


class Estimate(NamedTuple):
    """One Monte Carlo estimate."""

    #: A scalar in float64; `nan` where a particle was not finite.
    elbo: float
    gradient: Parameters


def estimate_elbo(
    density: AbstractLogDensity,
    guide: AbstractGuide,
    frame: Frame,
    parameters: Parameters,
    generator: torch.Generator,
    particles: int,
) -> Estimate:
    """Return E_q[log p(z)] + H(q) from `particles` draws, summed in float64, and its gradient."""
    noise = standard_normal(generator, particles, frame.centre)
    value, gradient = density.value_and_grad(frame.place(guide.place(parameters, noise)))
    elbo = value.mean() + guide.entropy(parameters, frame)
    uphill = guide.pull(parameters, noise, frame.pull(gradient))
    # A sum is finite where its terms are: one look at the device for all of them.
    usable = bool(torch.stack([g.sum() for g in uphill]).isfinite().all())
    return Estimate(float(elbo) if usable else float("nan"), uphill)


def log_weights(
    density: AbstractLogDensity,
    guide: AbstractGuide,
    frame: Frame,
    parameters: Parameters,
    generator: torch.Generator,
    count: int,
    batch: int,
) -> tuple[Tensor, Tensor]:
    """Return draws of the guide, `count x D`, and log p(z) - log q(z) of each, in float64.

    The draws come in antithetic pairs, so that their mean is the guide's. The density is
    evaluated `batch` at a time, as often before.
    """
    noise = standard_normal(generator, count, frame.centre)
    w = guide.place(parameters, noise)
    z = frame.place(w)
    log_q = guide.distribution(parameters).log_prob(w.to(torch.float64)) - frame.log_det()
    log_p, _ = log_density(density, z, Target.POSTERIOR, batch)
    return z, log_p - log_q
