"""The log density of one reading of a program, in its parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.density import Target
from models.enumeration import Factor, sum_out
from models.trace import Reading


@dataclass(frozen=True)
class Evaluation:
    """The log density of one point in its parts, each a scalar in float64."""

    log_prior: Tensor
    log_likelihood: Tensor
    log_det: Tensor
    #: By site or group of sites; pointwise factors of the likelihood under the same names.
    priors: dict[str, Tensor]
    likelihoods: dict[str, Factor]

    def value(self, target: Target, weight: Tensor | None = None) -> Tensor:
        """Return the log density that an engine asks for, its likelihood times a weight."""
        likelihood = self.log_likelihood if weight is None else weight * self.log_likelihood
        if target is Target.LIKELIHOOD:
            return likelihood
        joint = self.log_prior + likelihood
        return joint if target is Target.JOINT else joint + self.log_det


def evaluate(reading: Reading) -> Evaluation:
    """Sum the factors of a reading; discrete latents are summed out into the likelihood."""
    free = [f for f in reading.priors if not f.latents]
    tied = [f for f in reading.priors if f.latents]
    likelihoods = sum_out([*reading.likelihoods, *reading.discrete], reading.enumerated)
    log_likelihood = total(likelihoods)
    log_prior = total(free)
    if tied:
        # The prior of a continuous latent given a discrete one cannot be split from the
        # likelihood: what it adds to the joint density counts as prior.
        both = [*reading.likelihoods, *reading.discrete, *tied]
        log_prior = log_prior + total(sum_out(both, reading.enumerated)) - log_likelihood
    return Evaluation(
        log_prior,
        log_likelihood,
        _sum(list(reading.log_dets.values())),
        {f.name: total([f]) for f in free},
        {f.name: f for f in likelihoods},
    )


def summands(reading: Reading) -> list[Tensor]:
    """Return tensors whose entries add up to the log density of the posterior."""
    free = [f for f in reading.priors if not f.latents]
    tied = [f for f in reading.priors if f.latents]
    rest = sum_out([*reading.likelihoods, *reading.discrete, *tied], reading.enumerated)
    return [*(f.value for f in (*free, *rest)), *reading.log_dets.values()]


def total(factors: Sequence[Factor]) -> Tensor:
    """Return the sum of factors, a scalar in float64."""
    return _sum([f.value.sum(dtype=torch.float64) for f in factors])


def _sum(values: Sequence[Tensor]) -> Tensor:
    if not values:
        return torch.zeros((), dtype=torch.float64)
    return torch.stack(list(values)).sum() if len(values) > 1 else values[0]
