"""The LKJ distribution over Cholesky factors of correlation matrices."""

import math

import torch
from pyro.distributions import constraints
from torch import Tensor

from models.families.family import AbstractFamily


class LKJCholesky(AbstractFamily):
    """det(L L') ** (concentration - 1) over the strict lower triangle's correlations.

    Lewandowski, Kurowicka, Joe 2009, "Generating random correlation matrices based on vines and
    extended onion method", pages 1999 and 2000. torch's builds an inner Beta that validates.

    Args:
        dim: rows of the matrix, at least 2.
        concentration: 1 is uniform over correlation matrices, more favours the identity.
    """

    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Tensor) -> None:
        super().__init__({"concentration": concentration}, (dim, dim))
        self.dim = dim

    def log_prob(self, value: Tensor) -> Tensor:
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        row = torch.arange(2, self.dim + 1, dtype=diagonal.dtype, device=diagonal.device)
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - row
        return (powers * diagonal.log()).sum(-1) - self._log_normalizer(row)

    def _log_normalizer(self, row: Tensor) -> Tensor:
        """The onion's factors: row i + 1 adds i correlations, on a ball of that dimension."""
        added = row - 1
        alpha = (self.concentration + 0.5 * (self.dim - 1)).unsqueeze(-1)
        balls = 0.5 * added * math.log(math.pi) + torch.lgamma(alpha - 0.5 * added)
        return (balls - torch.lgamma(alpha)).sum(-1)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw row by row: a Beta distributed length, in a uniform direction (section 3.2)."""
        with torch.no_grad():
            direction = self._normal(sample_shape).tril(-1)[..., 1:, :]
            direction = direction / direction.norm(dim=-1, keepdim=True)
            length2 = self._lengths(direction.shape[:-2])
            rows = length2.sqrt().unsqueeze(-1) * direction
            first = torch.zeros_like(rows[..., :1, :])
            last = torch.cat([torch.ones_like(length2[..., :1]), (1 - length2).sqrt()], dim=-1)
            return torch.cat([first, rows], dim=-2) + torch.diag_embed(last)

    def _lengths(self, shape: torch.Size) -> Tensor:
        """Squared length left of the diagonal in rows 2 ... dim, away from 0 and 1."""
        like = self.concentration
        row = torch.arange(self.dim - 1, dtype=like.dtype, device=like.device)
        gained = 0.5 * (row + 1)
        lost = (like + 0.5 * (self.dim - 2)).unsqueeze(-1) - 0.5 * row
        a = torch._standard_gamma(gained.expand(*shape, -1))
        b = torch._standard_gamma(lost.expand(*shape, -1))
        eps = torch.finfo(like.dtype).eps
        return (a / (a + b)).clamp(eps, 1 - eps)
