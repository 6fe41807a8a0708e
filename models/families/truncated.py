"""The normal distribution between bounds, exact far out in its tails."""

import math

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions.constraints import Constraint

from models.families.family import AbstractFamily


def log1mexp(x: Tensor) -> Tensor:
    """Return log(1 - exp(-x)) for x > 0.

    Two forms, each where it is exact (Maechler 2012, "Accurately computing log(1 - exp(-|a|))",
    equation 7); the arguments are masked first, so that gradients stay finite.
    """
    small = x < math.log(2)
    near = torch.where(small, x, 1.0)
    far = torch.where(small, 1.0, x)
    return torch.where(small, (-torch.expm1(-near)).log(), torch.log1p(-torch.exp(-far)))


def log_ndtr(z: Tensor) -> Tensor:
    """Return log Phi(z), exact in both tails.

    torch's `special.log_ndtr` has no batching rule; this is the same two forms by hand.
    """
    tail = z < -1
    near = torch.where(tail, -1.0, z)
    far = torch.where(tail, z, -1.0) * math.sqrt(0.5)
    log_tail = (0.5 * torch.special.erfcx(-far)).log() - far * far
    return torch.where(tail, log_tail, torch.log1p(-0.5 * torch.erfc(near * math.sqrt(0.5))))


def log_normal_mass(low: Tensor, high: Tensor) -> Tensor:
    """Return log(Phi(high) - Phi(low)), reflected so that the interval lies in the left tail."""
    reflect = low + high > 0
    a = torch.where(reflect, -high, low)
    b = torch.where(reflect, -low, high)
    log_b = log_ndtr(b)
    return log_b + log1mexp(log_b - log_ndtr(a))


class TruncatedNormal(AbstractFamily):
    """Normal(loc, scale) given that low <= x <= high; a bound left out is infinite."""

    def __init__(
        self, loc: Tensor, scale: Tensor, low: Tensor | None = None, high: Tensor | None = None
    ) -> None:
        given = {"loc": loc, "scale": scale, "low": low, "high": high}
        self.low: Tensor | None = None
        self.high: Tensor | None = None
        super().__init__({name: tensor for name, tensor in given.items() if tensor is not None})

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Constraint:
        if self.low is not None and self.high is not None:
            return constraints.interval(self.bound("low"), self.bound("high"))
        if self.low is not None:
            return constraints.greater_than_eq(self.bound("low"))
        return constraints.real if self.high is None else constraints.less_than(self.bound("high"))

    def log_prob(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        log_density = -0.5 * (z * z + math.log(2 * math.pi)) - self.scale.log() - self._log_mass()
        if self.low is not None:
            log_density = torch.where(value >= self.low, log_density, -math.inf)
        if self.high is not None:
            log_density = torch.where(value <= self.high, log_density, -math.inf)
        return log_density

    def _log_mass(self) -> Tensor:
        low, high = self._standardized()
        if low is not None and high is not None:
            return log_normal_mass(low, high)
        if low is not None:
            return log_ndtr(-low)
        return torch.zeros_like(self.loc) if high is None else log_ndtr(high)

    def _standardized(self) -> tuple[Tensor | None, Tensor | None]:
        low = None if self.low is None else (self.low - self.loc) / self.scale
        high = None if self.high is None else (self.high - self.loc) / self.scale
        return low, high

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw by the inverse of the distribution function, in float64, on the left side."""
        with torch.no_grad():
            low, high = self._standardized()
            none = torch.full_like(self.loc, math.inf)
            low = (-none if low is None else low).double()
            high = (none if high is None else high).double()
            reflect = low + high > 0
            a = torch.where(reflect, -high, low)
            b = torch.where(reflect, -low, high)
            u = self._uniform(sample_shape).double()
            left, right = torch.special.ndtr(a), torch.special.ndtr(b)
            tiny = torch.finfo(torch.float64).tiny
            z = torch.special.ndtri((left + (right - left) * u).clamp(min=tiny))
            z = torch.minimum(torch.maximum(z, a), b)
            z = torch.where(reflect, -z, z).to(self.loc.dtype)
            x = self.loc + self.scale * z
            if self.low is not None:
                x = torch.maximum(x, self.low)
            return x if self.high is None else torch.minimum(x, self.high)
