"""What a guide is: a family of distributions, its parameters a tuple of tensors.

So Adam, averages and checkpoints need not know what they mean. Shape letters: `S` particles, `D`
coordinates, `Q` numbers of noise that a particle takes.
"""

import math
from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch
from torch import Tensor

from models.density import Target
from workers.engines.kernels.frame import Frame

Parameters = tuple[Tensor, ...]


class AbstractGuide(ABC):
    """A family of distributions over `w`, the frame's coordinates."""

    #: Whether its frame should carry correlations.
    dense: bool = False
    #: Whether it is a single point, without spread, entropy or log density.
    point: bool = False
    #: The log density that it is fitted to.
    target: Target = Target.POSTERIOR

    def noise(self, dim: int) -> int:
        """Return `Q`, for `D` coordinates."""
        return dim

    @abstractmethod
    def start(self, frame: Frame) -> Parameters:
        """Return the parameters of the standard normal, or of a distribution near it."""

    @abstractmethod
    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        """Return `w`: `S x D`, from standard normal `noise`: `S x Q`."""

    @abstractmethod
    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        """Return the sum over particles of `gradient` carried along the way from the noise.

        Args:
            parameters: of the guide.
            noise: `S x Q`, as given to `place`.
            gradient: `S x D`, of anything with respect to `w`.
        """

    @abstractmethod
    def entropy(self, parameters: Parameters, noise: Tensor) -> Tensor:
        """Return the entropy of `w`, or its estimate from the noise; a scalar in float64."""

    @abstractmethod
    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        """Return its gradient with respect to the parameters."""

    @abstractmethod
    def log_prob(self, parameters: Parameters, noise: Tensor, w: Tensor) -> Tensor:
        """Return the log density, `S` in float64, of `w`: `S x D`, which `noise` led to."""

    def pull(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        """Return the gradient of the ELBO: `gradient` is that of the log density by `w`."""
        ways = self.path(parameters, noise, gradient / len(noise))
        slopes = self.entropy_slope(parameters, noise)
        return tuple(way + slope for way, slope in zip(ways, slopes, strict=True))


class AbstractNormal(AbstractGuide):
    """A normal: its density is known at any point, and its entropy exactly."""

    @abstractmethod
    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        """Return the distribution of `w`, in float64."""

    def entropy(self, parameters: Parameters, noise: Tensor) -> Tensor:
        entropy: Tensor = self.distribution(parameters).entropy()
        return entropy

    def log_prob(self, parameters: Parameters, noise: Tensor, w: Tensor) -> Tensor:
        log_prob: Tensor = self.distribution(parameters).log_prob(w.to(torch.float64))
        return log_prob

    def slope(self, parameters: Parameters, w: Tensor) -> Tensor:
        """Return the gradient of the log density with respect to `w`: `S x D`."""
        at = w.detach().to(torch.float64).requires_grad_()
        with torch.enable_grad():
            total = self.distribution(parameters).log_prob(at).sum()
        return torch.autograd.grad(total, at)[0].to(w.dtype)

    def score(self, parameters: Parameters, w: Tensor, weights: Tensor) -> Parameters:
        """Return the sum over particles of `weights`: `S` times the log density's gradient.

        With respect to the parameters, at `w`: `S x D` held fixed.
        """
        tracked = tuple(p.detach().requires_grad_() for p in parameters)
        with torch.enable_grad():
            log_prob = self.distribution(tracked).log_prob(w.to(torch.float64))
        return torch.autograd.grad((weights * log_prob).sum(), tracked)


class AbstractNatural(AbstractNormal):
    """A normal that can step along its natural gradient, see `natural`."""

    @abstractmethod
    def bend(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        """Return the natural gradient of the ELBO, in coordinates in which the normal is standard.

        Args:
            parameters: of the guide.
            noise: `S x Q`, as given to `place`.
            gradient: `S x D`, that of the log density by `w`.
        """

    @abstractmethod
    def turn(self, parameters: Parameters, uphill: Parameters, rate: float) -> Parameters:
        """Return the parameters after a step along that gradient."""


def standard_normal(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
    """Return `count x D` noise in antithetic pairs: each draw and its mirror image.

    The pairs cancel every odd term of the log density, so that on a normal posterior the gradient
    with respect to the location has no noise at all.
    """
    half = torch.randn(
        math.ceil(count / 2),
        like.shape[-1],
        generator=generator,
        dtype=like.dtype,
        device=like.device,
    )
    return torch.cat([half, -half])[:count]


def lead(excess: Tensor) -> Tensor:
    """Return how far each particle is ahead of the mean of the others: `S x ...` from `S x ...`."""
    return excess - (excess.sum(0) - excess) / (len(excess) - 1)


def independent_normal(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
    """Return `count x D` noise whose rows have nothing to do with each other."""
    return torch.randn(
        count, like.shape[-1], generator=generator, dtype=like.dtype, device=like.device
    )
