"""Counts: twins whose log mass takes integer or real values and stays in the parameters' dtype.

Pyro's take lgamma of the value itself, which lands in torch's default dtype when it is an integer.
"""

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.constraints import Constraint

from models.families.family import AbstractFamily
from models.log_sigmoid import log_sigmoid


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    """Return log B(a, b)."""
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def log_choose(n: Tensor, k: Tensor) -> Tensor:
    """Return the log of the binomial coefficient."""
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def counts_up_to(total: int | None, like: Tensor, batch: torch.Size, expand: bool) -> Tensor:
    """Return 0 ... total along a new first dimension, as `enumerate_support` does."""
    if total is None:
        raise NotImplementedError("total_count is not one integer known before the model runs")
    values = torch.arange(total + 1, dtype=like.dtype, device=like.device)
    values = values.reshape(-1, *(1 for _ in batch))
    return values.expand(-1, *batch) if expand else values


class Bernoulli(AbstractFamily):
    """Success, 1, or failure, 0."""

    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, logits: Tensor) -> None:
        super().__init__({"logits": logits})

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.to(self.logits.dtype)
        return value * self.logits + log_sigmoid(-self.logits)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return counts_up_to(1, self.logits, self.batch_shape, expand)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            won = self._uniform(sample_shape) < self.logits.sigmoid()
            return won.to(self.logits.dtype)


class Poisson(AbstractFamily):
    """Counts of independent events at a rate."""

    support = constraints.nonnegative_integer

    def __init__(self, rate: Tensor) -> None:
        super().__init__({"rate": rate})

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.to(self.rate.dtype)
        return torch.xlogy(value, self.rate) - self.rate - torch.lgamma(value + 1)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))


class Geometric(AbstractFamily):
    """Failures before the first success."""

    support = constraints.nonnegative_integer

    def __init__(self, logits: Tensor) -> None:
        super().__init__({"logits": logits})

    def log_prob(self, value: Tensor) -> Tensor:
        return value.to(self.logits.dtype) * log_sigmoid(-self.logits) + log_sigmoid(self.logits)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return (self._uniform(sample_shape).log() / log_sigmoid(-self.logits)).floor()


class Binomial(AbstractFamily):
    """Successes in `total_count` trials.

    Args:
        static_count: `total_count` where it is one plain integer: then the values can be listed.
    """

    def __init__(
        self, total_count: Tensor, logits: Tensor, static_count: int | None = None
    ) -> None:
        super().__init__({"total_count": total_count, "logits": logits})
        self.static_count = static_count

    @property
    def has_enumerate_support(self) -> bool:
        return self.static_count is not None

    @constraints.dependent_property(is_discrete=True, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        n, k = self.total_count, value.to(self.logits.dtype)
        won, lost = log_sigmoid(self.logits), log_sigmoid(-self.logits)
        return log_choose(n, k) + k * won + (n - k) * lost

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return counts_up_to(self.static_count, self.logits, self.batch_shape, expand)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            probs = self.logits.sigmoid().expand(shape)
            return torch.binomial(self.total_count.expand(shape).contiguous(), probs.contiguous())


class BetaBinomial(AbstractFamily):
    """Binomial whose probability is Beta distributed."""

    def __init__(
        self,
        concentration1: Tensor,
        concentration0: Tensor,
        total_count: Tensor,
        static_count: int | None = None,
    ) -> None:
        given = {"concentration1": concentration1, "concentration0": concentration0}
        super().__init__({**given, "total_count": total_count})
        self.static_count = static_count

    @property
    def has_enumerate_support(self) -> bool:
        return self.static_count is not None

    @constraints.dependent_property(is_discrete=True, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        a, b, n = self.concentration1, self.concentration0, self.total_count
        k = value.to(a.dtype)
        return log_choose(n, k) + log_beta(k + a, n - k + b) - log_beta(a, b)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return counts_up_to(self.static_count, self.concentration1, self.batch_shape, expand)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            won = torch._standard_gamma(self.concentration1.expand(shape))
            lost = torch._standard_gamma(self.concentration0.expand(shape))
            return torch.binomial(self.total_count.expand(shape).contiguous(), won / (won + lost))


class NegativeBinomial(AbstractFamily):
    """Successes, each with odds exp(logits), before `total_count` failures."""

    support = constraints.nonnegative_integer

    def __init__(self, total_count: Tensor, logits: Tensor) -> None:
        super().__init__({"total_count": total_count, "logits": logits})

    def log_prob(self, value: Tensor) -> Tensor:
        r, k = self.total_count, value.to(self.logits.dtype)
        ways = torch.lgamma(r + k) - torch.lgamma(k + 1) - torch.lgamma(r)
        return ways + r * log_sigmoid(-self.logits) + k * log_sigmoid(self.logits)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            gamma = torch._standard_gamma(self.total_count.expand(shape))
            return torch.poisson(gamma * self.logits.exp())


class GammaPoisson(AbstractFamily):
    """Poisson whose rate is Gamma(concentration, rate) distributed."""

    support = constraints.nonnegative_integer

    def __init__(self, concentration: Tensor, rate: Tensor) -> None:
        super().__init__({"concentration": concentration, "rate": rate})

    def log_prob(self, value: Tensor) -> Tensor:
        c, k = self.concentration, value.to(self.rate.dtype)
        ways = torch.lgamma(c + k) - torch.lgamma(k + 1) - torch.lgamma(c)
        return ways + c * self.rate.log() - (c + k) * torch.log1p(self.rate)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            return torch.poisson(
                torch._standard_gamma(self.concentration.expand(shape)) / self.rate
            )


class ZeroInflated(AbstractFamily):
    """Zero with probability sigmoid(gate_logits), otherwise a draw of another count.

    Args:
        base: the count.
        gate_logits: log odds of an extra zero.
    """

    support = constraints.nonnegative_integer

    def __init__(self, base: AbstractFamily, gate_logits: Tensor) -> None:
        batch = torch.broadcast_shapes(gate_logits.shape, base.batch_shape)
        super().__init__({"gate_logits": gate_logits.expand(batch)})
        self.base = base.expand(batch)

    def expand(
        self, batch_shape: tuple[int, ...], _instance: AbstractFamily | None = None
    ) -> "ZeroInflated":
        return ZeroInflated(self.base.expand(batch_shape), self.gate_logits.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.to(self.gate_logits.dtype)
        counted = self.base.log_prob(value) + log_sigmoid(-self.gate_logits)
        zero = torch.logaddexp(log_sigmoid(self.gate_logits).expand_as(counted), counted)
        return torch.where(value == 0, zero, counted)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            extra = self._uniform(sample_shape) < self.gate_logits.sigmoid()
            return torch.where(extra, 0.0, self.base.sample(sample_shape))
