"""Normal guides on the unconstrained space, with Pyro's distributions inside a frame.

A guide's parameters are a tuple of tensors, so that Adam, averages and checkpoints need not know
what they mean. Shape letters: `S` particles, `D` coordinates.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import pyro.distributions as dist
import torch
from torch import Tensor

from workers.engines.kernels.frame import Frame

Parameters = tuple[Tensor, ...]


class AbstractGuide(ABC):
    """A family of distributions over `w`, the frame's coordinates."""

    #: Whether its frame should carry correlations.
    dense: bool

    @abstractmethod
    def start(self, frame: Frame) -> Parameters:
        """Return the parameters of the standard normal."""

    @abstractmethod
    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        """Return `w`: `S x D`, from standard normal `noise`: `S x D`."""

    @abstractmethod
    def pull(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        """Return the gradient of the ELBO with respect to the parameters.

        Args:
            parameters: of the guide.
            noise: `S x D`, as given to `place`.
            gradient: `S x D`, of the log density with respect to `w`.
        """

    @abstractmethod
    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        """Return the distribution of `w`, in float64."""

    def entropy(self, parameters: Parameters, frame: Frame) -> Tensor:
        """Return the entropy of the distribution of `z`, a scalar in float64."""
        entropy: Tensor = self.distribution(parameters).entropy()
        return entropy + frame.log_det()


class MeanField(AbstractGuide):
    """Independent normals: parameters `loc`: `D` and `log_scale`: `D`."""

    dense = False

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        return zeros, zeros

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        loc, log_scale = parameters
        return loc + log_scale.exp() * noise

    def pull(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        # The entropy is the sum of log_scale and a constant: it adds 1.
        scale = parameters[1].exp()
        return gradient.mean(0), scale * (gradient * noise).mean(0) + 1

    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        loc, log_scale = (p.to(torch.float64) for p in parameters)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)


class FullRank(AbstractGuide):
    """A multivariate normal: parameters `loc`: `D`, `log_diagonal`: `D`, `lower`: `D x D`.

    Its Cholesky factor has exp(log_diagonal) on the diagonal and `lower` below it.
    """

    dense = True

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        return zeros, zeros, torch.zeros_like(frame.root)

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return parameters[0] + noise @ _cholesky(parameters).T

    def pull(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        outer = gradient.T @ noise / len(noise)  # D x D
        diagonal = parameters[1].exp() * outer.diagonal() + 1
        return gradient.mean(0), diagonal, outer.tril(-1)

    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        exact = tuple(p.to(torch.float64) for p in parameters)
        return dist.MultivariateNormal(exact[0], scale_tril=_cholesky(exact), validate_args=False)


def _cholesky(parameters: Parameters) -> Tensor:
    return parameters[2].tril(-1) + torch.diag(parameters[1].exp())


GuideName = Literal["mean_field", "full_rank"]
GUIDES: dict[str, type[AbstractGuide]] = {"mean_field": MeanField, "full_rank": FullRank}


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
