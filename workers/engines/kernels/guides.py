"""Guides on the unconstrained space, inside a frame."""

import math
from functools import lru_cache
from typing import Literal

import pyro.distributions as dist
import torch
from torch import Tensor

from models.density import Parameter
from workers.engines.kernels import natural
from workers.engines.kernels.arrow import arrow_of, factor
from workers.engines.kernels.delta import Delta
from workers.engines.kernels.flow import Flow
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guide import (
    AbstractGuide,
    AbstractNatural,
    AbstractNormal,
    Parameters,
    lead,
)
from workers.engines.kernels.structured import Structured

CPU = torch.device("cpu")


class MeanField(AbstractNatural):
    """Independent normals: parameters `loc`: `D` and `log_scale`: `D`."""

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        return zeros, zeros

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        loc, log_scale = parameters
        return loc + log_scale.exp() * noise

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        return gradient.sum(0), parameters[1].exp() * (gradient * noise).sum(0)

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        # The entropy is the sum of log_scale and a constant.
        loc, log_scale = parameters
        return torch.zeros_like(loc), torch.ones_like(log_scale)

    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        loc, log_scale = (p.to(torch.float64) for p in parameters)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)

    def score_apart(self, parameters: Parameters, w: Tensor, own: Tensor) -> Parameters:
        """Return the gradient of the ELBO, each coordinate's score weighed by its own terms.

        The mean of the other particles' is a baseline.

        Args:
            parameters: of the guide.
            w: `S x D`.
            own: by coordinate, the sum of the log density's terms that it takes part in: `S x D`.
        """
        loc, log_scale = (p.to(torch.float64) for p in parameters)
        away = (w - loc) / log_scale.exp()
        excess = own + 0.5 * away**2 + log_scale
        share = lead(excess) / len(w)
        by_loc = (share * away).sum(0) / log_scale.exp()
        by_scale = (share * (away**2 - 1.0)).sum(0)
        return by_loc.to(w.dtype), by_scale.to(w.dtype)

    def bend(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        slope = parameters[1].exp() * gradient
        return slope.mean(0), natural.bend_of_each(noise, slope)

    def turn(self, parameters: Parameters, uphill: Parameters, rate: float) -> Parameters:
        (loc, log_scale), (slope, bend) = parameters, uphill
        wider = natural.stretch(bend, rate)
        return loc + rate * log_scale.exp() * slope / wider, log_scale - 0.5 * wider.log()


class FullRank(AbstractNatural):
    """A multivariate normal: parameters `loc`: `D`, `log_diagonal`: `D`, `lower`: `D x D`.

    Its Cholesky factor has exp(log_diagonal) on the diagonal and `lower` below it.
    """

    dense = True

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        return zeros, zeros, torch.zeros_like(frame.root)

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        return parameters[0] + noise @ _cholesky(parameters).T

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        outer = gradient.T @ noise  # D x D
        return gradient.sum(0), parameters[1].exp() * outer.diagonal(), outer.tril(-1)

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        loc, log_diagonal, lower = parameters
        return torch.zeros_like(loc), torch.ones_like(log_diagonal), torch.zeros_like(lower)

    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        exact = tuple(p.to(torch.float64) for p in parameters)
        return dist.MultivariateNormal(exact[0], scale_tril=_cholesky(exact), validate_args=False)

    def bend(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        slope = gradient @ _cholesky(parameters)
        return slope.mean(0), natural.bend(noise, slope)

    def turn(self, parameters: Parameters, uphill: Parameters, rate: float) -> Parameters:
        root, (slope, bend) = _cholesky(parameters), uphill
        step, inner = natural.turned(slope, bend, rate)
        after = root @ inner
        return parameters[0] + root @ step, after.diagonal().log(), after.tril(-1)


def _cholesky(parameters: Parameters) -> Tensor:
    return factor(*parameters[1:])


class LowRank(AbstractNormal):
    """A normal with a diagonal and `R` directions: `loc`: `D`, `log_scale`: `D`, `factor`: `D x R`.

    Its covariance is `diag(scale)^2 + factor factor^T`; `R` is about the square root of `D`.
    """

    def noise(self, dim: int) -> int:
        return dim + _rank(dim)

    def start(self, frame: Frame) -> Parameters:
        zeros = torch.zeros_like(frame.centre)
        dim = len(zeros)
        # Where the factor is zero its gradient is too. No two columns are alike.
        place = torch.arange(1.0, dim * _rank(dim) + 1).to(zeros)
        return zeros, zeros, 0.1 * place.cos().reshape(dim, _rank(dim))

    def place(self, parameters: Parameters, noise: Tensor) -> Tensor:
        loc, log_scale, factor = parameters
        own, shared = noise.split([len(loc), factor.shape[1]], dim=1)
        return loc + log_scale.exp() * own + shared @ factor.T

    def path(self, parameters: Parameters, noise: Tensor, gradient: Tensor) -> Parameters:
        loc, log_scale, factor = parameters
        own, shared = noise.split([len(loc), factor.shape[1]], dim=1)
        return gradient.sum(0), log_scale.exp() * (gradient * own).sum(0), gradient.T @ shared

    def entropy_slope(self, parameters: Parameters, noise: Tensor) -> Parameters:
        # Half of log |D + F F^T|, by Woodbury: its gradient is the inverse times F, and times D.
        loc, log_scale, factor = parameters
        variance = (2.0 * log_scale).exp()
        scaled = factor / variance[:, None]
        inner = torch.eye(factor.shape[1], dtype=factor.dtype, device=factor.device)
        solved = torch.linalg.solve(inner + factor.T @ scaled, scaled.T).T  # D x R
        share = 1.0 - (factor * solved).sum(1)
        return torch.zeros_like(loc), share, solved

    def distribution(self, parameters: Parameters) -> dist.TorchDistribution:
        loc, log_scale, factor = (p.to(torch.float64) for p in parameters)
        return dist.LowRankMultivariateNormal(
            loc, factor, (2.0 * log_scale).exp(), validate_args=False
        )


def _rank(dim: int) -> int:
    return max(1, round(math.sqrt(dim)))


GuideName = Literal["mean_field", "full_rank", "low_rank", "structured", "flow", "delta"]
#: What may be asked for: `auto` is `mean_field`, and serves discrete unknowns besides.
GuideChoice = Literal["auto", GuideName]
GUIDES: dict[str, type[AbstractGuide]] = {
    "mean_field": MeanField,
    "full_rank": FullRank,
    "low_rank": LowRank,
    "structured": Structured,
    "flow": Flow,
    "delta": Delta,
}


@lru_cache(maxsize=16)
def build_guide(
    name: GuideName, parameters: tuple[Parameter, ...], device: torch.device = CPU
) -> AbstractGuide:
    """Return the guide of that name for a model's parameters."""
    guide = GUIDES[name]
    return guide(arrow_of(parameters, device)) if guide is Structured else guide()
