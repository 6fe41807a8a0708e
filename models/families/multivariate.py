"""Multivariate normal and Student t, by whichever matrix is given."""

import math
from typing import ClassVar

import torch
from pyro.distributions import constraints
from torch import Tensor

from models.families.family import AbstractFamily


def cholesky(matrix: Tensor) -> Tensor:
    """Return the lower Cholesky factor, `nan` where the matrix is not positive definite.

    Never an exception, so that a sampler's excursion ends in a rejected point.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    return torch.where((info == 0)[..., None, None], factor, math.nan)


def factor_of_inverse(matrix: Tensor) -> Tensor:
    """Return the lower Cholesky factor of the inverse of a positive definite matrix.

    With J the reversal, chol(J P J) = R gives inv(P) = (J inv(R)' J)(J inv(R)' J)', lower
    triangular.
    """
    reversed_factor = cholesky(matrix.flip(-2, -1)).flip(-2, -1).mT
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.solve_triangular(reversed_factor, eye, upper=False)


def standardize(deviation: Tensor, scale_tril: Tensor) -> Tensor:
    """Return inv(scale_tril) @ deviation.

    Args:
        deviation: `... x n`.
        scale_tril: `... x n x n`, lower triangular.
    """
    solved = torch.linalg.solve_triangular(scale_tril, deviation.unsqueeze(-1), upper=False)
    return solved.squeeze(-1)


def log_diagonal(scale_tril: Tensor) -> Tensor:
    """Return log |det scale_tril|."""
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def transform(scale_tril: Tensor, noise: Tensor) -> Tensor:
    """Return scale_tril @ noise, `... x n`."""
    return (scale_tril @ noise.unsqueeze(-1)).squeeze(-1)


class MultivariateNormal(AbstractFamily):
    """Normal vectors with a Cholesky factor of their covariance."""

    support = constraints.real_vector
    ranks: ClassVar = {"loc": 1, "scale_tril": 2}

    def __init__(self, loc: Tensor, scale_tril: Tensor) -> None:
        loc = loc.expand(*loc.shape[:-1], scale_tril.shape[-1])
        super().__init__({"loc": loc, "scale_tril": scale_tril}, loc.shape[-1:])

    def log_prob(self, value: Tensor) -> Tensor:
        z = standardize(value - self.loc, self.scale_tril)
        squared = (z * z).sum(-1) + z.shape[-1] * math.log(2 * math.pi)
        return -0.5 * squared - log_diagonal(self.scale_tril)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            return self.loc + transform(self.scale_tril, self._normal(sample_shape))


class MultivariateStudentT(AbstractFamily):
    """Student t vectors with a Cholesky factor of their scale matrix."""

    support = constraints.real_vector
    ranks: ClassVar = {"loc": 1, "scale_tril": 2}

    def __init__(self, df: Tensor, loc: Tensor, scale_tril: Tensor) -> None:
        loc = loc.expand(*loc.shape[:-1], scale_tril.shape[-1])
        super().__init__({"df": df, "loc": loc, "scale_tril": scale_tril}, loc.shape[-1:])

    def log_prob(self, value: Tensor) -> Tensor:
        z = standardize(value - self.loc, self.scale_tril)
        n, df = z.shape[-1], self.df
        normalizer = (
            log_diagonal(self.scale_tril)
            + 0.5 * n * (df.log() + math.log(math.pi))
            + torch.lgamma(0.5 * df)
            - torch.lgamma(0.5 * (df + n))
        )
        return -0.5 * (df + n) * torch.log1p((z * z).sum(-1) / df) - normalizer

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)[:-1]
            half = 0.5 * self.df.expand(shape)
            ratio = torch.rsqrt(torch._standard_gamma(half) / half).unsqueeze(-1)
            return self.loc + ratio * transform(self.scale_tril, self._normal(sample_shape))
