"""Continuous scalar families: twins of Pyro's that keep the dtype and never validate inside."""

import math
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.constraints import Constraint

from models.families.family import AbstractFamily

_LOG_2PI = math.log(2 * math.pi)


def log_student(y: Tensor, df: Tensor, scale: Tensor) -> Tensor:
    """Return the log density of Student's t at `y` standard deviations from its centre."""
    normalizer = (
        scale.log()
        + 0.5 * (df.log() + math.log(math.pi))
        + torch.lgamma(0.5 * df)
        - torch.lgamma(0.5 * (df + 1))
    )
    return -0.5 * (df + 1) * torch.log1p(y * y / df) - normalizer


class LogNormal(AbstractFamily):
    """log x ~ Normal(loc, scale)."""

    support = constraints.positive

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__({"loc": loc, "scale": scale})

    def log_prob(self, value: Tensor) -> Tensor:
        log_value = value.log()
        z = (log_value - self.loc) / self.scale
        return -0.5 * (z * z + _LOG_2PI) - self.scale.log() - log_value

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return (self.loc + self.scale * self._normal(sample_shape)).exp()


class StudentT(AbstractFamily):
    """Student's t; torch's builds an inner Chi2 that validates."""

    support = constraints.real

    def __init__(self, df: Tensor, loc: Tensor, scale: Tensor) -> None:
        super().__init__({"df": df, "loc": loc, "scale": scale})

    def log_prob(self, value: Tensor) -> Tensor:
        return log_student((value - self.loc) / self.scale, self.df, self.scale)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            half = 0.5 * self.df.expand(self._extended_shape(sample_shape))
            ratio = torch.rsqrt(torch._standard_gamma(half) / half)
            return self.loc + self.scale * self._normal(sample_shape) * ratio


class HalfStudentT(AbstractFamily):
    """|x| of x ~ StudentT(df, 0, scale)."""

    support = constraints.positive

    def __init__(self, df: Tensor, scale: Tensor) -> None:
        super().__init__({"df": df, "scale": scale})

    def log_prob(self, value: Tensor) -> Tensor:
        return log_student(value / self.scale, self.df, self.scale) + math.log(2)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        whole = StudentT(self.df, torch.zeros_like(self.df), self.scale)
        return whole.sample(sample_shape).abs()


class InverseGamma(AbstractFamily):
    """1 / x ~ Gamma(concentration, rate)."""

    support = constraints.positive

    def __init__(self, concentration: Tensor, rate: Tensor) -> None:
        super().__init__({"concentration": concentration, "rate": rate})

    def log_prob(self, value: Tensor) -> Tensor:
        shape, log_value = self.concentration, value.log()
        return (
            shape * self.rate.log()
            - torch.lgamma(shape)
            - (shape + 1) * log_value
            - self.rate / value
        )

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self.concentration.expand(self._extended_shape(sample_shape))
            tiny = torch.finfo(shape.dtype).tiny
            return self.rate / torch._standard_gamma(shape).clamp(min=tiny)


class Uniform(AbstractFamily):
    """Uniform on the closed interval; torch's excludes the upper end, where rounding can land."""

    def __init__(self, low: Tensor, high: Tensor) -> None:
        super().__init__({"low": low, "high": high})

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return constraints.interval(self.bound("low"), self.bound("high"))

    def log_prob(self, value: Tensor) -> Tensor:
        inside = (self.low <= value) & (value <= self.high)
        return torch.where(inside, -(self.high - self.low).log(), -math.inf)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return self.low + (self.high - self.low) * self._uniform(sample_shape)


class Weibull(AbstractFamily):
    """(x / scale) ** concentration ~ Exponential(1)."""

    support = constraints.positive

    def __init__(self, scale: Tensor, concentration: Tensor) -> None:
        super().__init__({"scale": scale, "concentration": concentration})

    def log_prob(self, value: Tensor) -> Tensor:
        shape, log_value = self.concentration, value.log()
        log_z = shape * (log_value - self.scale.log())
        return shape.log() + log_z - log_value - log_z.exp()

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            exponential = -self._uniform(sample_shape).log()
            return self.scale * exponential ** (1 / self.concentration)


class Pareto(AbstractFamily):
    """log(x / scale) ~ Exponential(alpha)."""

    def __init__(self, scale: Tensor, alpha: Tensor) -> None:
        super().__init__({"scale": scale, "alpha": alpha})

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        return constraints.greater_than_eq(self.bound("scale"))

    def log_prob(self, value: Tensor) -> Tensor:
        log_value = value.log()
        inside = self.alpha.log() + self.alpha * (self.scale.log() - log_value) - log_value
        return torch.where(value >= self.scale, inside, -math.inf)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return self.scale * (-self._uniform(sample_shape).log() / self.alpha).exp()


class Gumbel(AbstractFamily):
    """The largest of many: exp(-(x - loc) / scale) ~ Exponential(1)."""

    support = constraints.real

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__({"loc": loc, "scale": scale})

    def log_prob(self, value: Tensor) -> Tensor:
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return self.loc - self.scale * (-self._uniform(sample_shape).log()).log()


class VonMises(AbstractFamily):
    """The normal distribution of the circle, up to a multiple of 2 pi.

    torch's normalizer is a polynomial good to 1e-7; this one is `i0e`, good to rounding.
    """

    support = constraints.real

    def __init__(self, loc: Tensor, concentration: Tensor) -> None:
        super().__init__({"loc": loc, "concentration": concentration})

    def log_prob(self, value: Tensor) -> Tensor:
        kappa = self.concentration
        return kappa * (torch.cos(value - self.loc) - 1) - torch.special.i0e(kappa).log() - _LOG_2PI

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        inner: Any = torch.distributions.VonMises(self.loc, self.concentration, validate_args=False)
        return inner.sample(torch.Size(sample_shape))
