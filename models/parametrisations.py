"""Distributions that can be given by one or another argument: probs or logits, which matrix.

Each function takes the arguments of its line in the table, of which the alternatives that were
not given are `None`.
"""

import pyro.distributions as dist
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.utils import probs_to_logits

from models.errors import DefinitionError
from models.families import categories, counts, multivariate


def odds(probs: Tensor | None, logits: Tensor | None) -> Tensor:
    """Log odds of success, whichever was given."""
    if logits is not None:
        return logits
    assert probs is not None
    return probs_to_logits(probs, is_binary=True)


def binomial(
    total_count: Tensor,
    probs: Tensor | None = None,
    logits: Tensor | None = None,
    static_count: int | None = None,
) -> Distribution:
    return counts.Binomial(total_count, odds(probs, logits), static_count)


def bernoulli(probs: Tensor | None = None, logits: Tensor | None = None) -> Distribution:
    return counts.Bernoulli(odds(probs, logits))


def geometric(probs: Tensor | None = None, logits: Tensor | None = None) -> Distribution:
    return counts.Geometric(odds(probs, logits))


def negative_binomial(
    total_count: Tensor, probs: Tensor | None = None, logits: Tensor | None = None
) -> counts.NegativeBinomial:
    return counts.NegativeBinomial(total_count, odds(probs, logits))


def zero_inflated_poisson(
    rate: Tensor, gate: Tensor | None = None, gate_logits: Tensor | None = None
) -> Distribution:
    return counts.ZeroInflated(counts.Poisson(rate), odds(gate, gate_logits))


def zero_inflated_negative_binomial(
    total_count: Tensor,
    probs: Tensor | None = None,
    logits: Tensor | None = None,
    gate: Tensor | None = None,
    gate_logits: Tensor | None = None,
) -> Distribution:
    base = negative_binomial(total_count, probs, logits)
    return counts.ZeroInflated(base, odds(gate, gate_logits))


def multinomial(
    total_count: Tensor, probs: Tensor | None = None, logits: Tensor | None = None
) -> Distribution:
    if logits is None:
        assert probs is not None
        logits = probs_to_logits(probs / probs.sum(-1, keepdim=True))
    return categories.Multinomial(total_count, logits)


def multivariate_normal(
    loc: Tensor,
    covariance_matrix: Tensor | None = None,
    precision_matrix: Tensor | None = None,
    scale_tril: Tensor | None = None,
) -> Distribution:
    if covariance_matrix is not None:
        scale_tril = multivariate.cholesky(covariance_matrix)
    elif precision_matrix is not None:
        scale_tril = multivariate.factor_of_inverse(precision_matrix)
    assert scale_tril is not None
    return multivariate.MultivariateNormal(loc, scale_tril)


def mixture(
    mixture_distribution: Distribution, component_distribution: Distribution
) -> Distribution:
    if not isinstance(mixture_distribution, dist.Categorical):
        raise DefinitionError(
            "", "the mixture_distribution of MixtureSameFamily must be a Categorical of the weights"
        )
    weights = mixture_distribution.logits.shape[-1]
    components = component_distribution.batch_shape[-1:]
    if components != (weights,):
        found = f"{components[0]} components" if components else "a single distribution"
        raise DefinitionError(
            "",
            f"MixtureSameFamily has {weights} weights, but its component_distribution is {found}; "
            "give the component_distribution one entry per weight on its last axis",
        )
    return dist.MixtureSameFamily(mixture_distribution, component_distribution, validate_args=False)
