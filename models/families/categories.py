"""Categories and counts over categories."""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.constraints import Constraint

from models.families.family import AbstractFamily
from models.families.truncated import log1mexp
from models.log_sigmoid import log_sigmoid


def ordered_logits(predictor: Tensor, cutpoints: Tensor) -> Tensor:
    """Return the log probabilities of `K + 1` ordered categories between `K` cutpoints.

    sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)) keeps categories far from the
    predictor, where the difference itself is rounding.

    Args:
        predictor: the batch's shape.
        cutpoints: `... x K`, increasing.
    """
    above = cutpoints - predictor.unsqueeze(-1)
    log_below, log_beyond = log_sigmoid(above), log_sigmoid(-above)
    gap = (cutpoints[..., 1:] - cutpoints[..., :-1]).expand_as(above[..., 1:])
    inner = log_below[..., 1:] + log_beyond[..., :-1] + log1mexp(gap)
    return torch.cat([log_below[..., :1], inner, log_beyond[..., -1:]], dim=-1)


class OrderedLogistic(dist.Categorical):  # type: ignore[misc]
    """A category by where predictor + logistic noise falls among the cutpoints.

    Pyro's fills its probabilities in place. A `Categorical`, so that Pyro and torch treat it so.
    """

    def __init__(self, predictor: Tensor, cutpoints: Tensor) -> None:
        super().__init__(logits=ordered_logits(predictor, cutpoints), validate_args=False)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> dist.Categorical:
        return dist.Categorical(logits=self.logits, validate_args=False).expand(batch_shape)


class TotalCount(Constraint):
    """Vectors of counts with a given sum."""

    is_discrete = True
    event_dim = 1

    def __init__(self, total: Tensor) -> None:
        self.total = total

    def check(self, value: Tensor) -> Tensor:
        whole = ((value >= 0) & (value % 1 == 0)).all(-1)
        return whole & (value.sum(-1) == self.total)


class Multinomial(AbstractFamily):
    """Counts over categories; `logits` are normalised log probabilities."""

    ranks: ClassVar = {"logits": 1}

    def __init__(self, total_count: Tensor, logits: Tensor) -> None:
        logits = logits - logits.logsumexp(-1, keepdim=True)
        super().__init__({"total_count": total_count, "logits": logits}, logits.shape[-1:])

    @constraints.dependent_property(is_discrete=True, event_dim=1)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return TotalCount(self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.to(self.logits.dtype)
        ways = torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1)
        return ways + (value * self.logits).sum(-1)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw each category's count from a binomial over what the earlier ones left."""
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            return draw_counts(self.total_count.expand(shape[:-1]), self.logits.exp().expand(shape))


class DirichletMultinomial(AbstractFamily):
    """Multinomial whose probabilities are Dirichlet distributed."""

    ranks: ClassVar = {"concentration": 1}

    def __init__(self, concentration: Tensor, total_count: Tensor) -> None:
        given = {"concentration": concentration, "total_count": total_count}
        super().__init__(given, concentration.shape[-1:])

    @constraints.dependent_property(is_discrete=True, event_dim=1)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return TotalCount(self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        value = value.to(a.dtype)
        total, mass = value.sum(-1), a.sum(-1)
        ways = torch.lgamma(total + 1) - torch.lgamma(value + 1).sum(-1)
        ascent = torch.lgamma(value + a) - torch.lgamma(a)
        return ways + ascent.sum(-1) + torch.lgamma(mass) - torch.lgamma(mass + total)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            gamma = torch._standard_gamma(self.concentration.expand(shape))
            return draw_counts(self.total_count.expand(shape[:-1]), gamma)


def draw_counts(total: Tensor, weights: Tensor) -> Tensor:
    """Return multinomial counts, `... x K`, of `total` trials with probabilities ~ `weights`."""
    left, counts = total.clone(), []
    remaining = weights.flip(-1).cumsum(-1).flip(-1)
    for k in range(weights.shape[-1] - 1):
        share = (weights[..., k] / remaining[..., k]).clamp(0, 1)
        counts.append(torch.binomial(left, share))
        left = left - counts[-1]
    return torch.stack([*counts, left], dim=-1)
