"""The metric: how far, and along which directions, a unit of momentum moves a chain.

A metric is the linear map `A` from whitened to unconstrained coordinates: the covariance it stands
for, the inverse mass, is `A A^T`. Momenta are kept whitened, where they are standard normal, so the
kinetic energy is half their squared norm whatever the metric, and Hamilton's equations read

    dz/dt = A p,    dp/dt = A^T grad(z).

Neal, MCMC using Hamiltonian dynamics (2011), section 5.4.1. How one is learnt: `fisher`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, Any]
#: Shapes of a metric.
Kind = Literal["diagonal", "low_rank", "dense"]


@dataclass(frozen=True)
class Metric:
    """`A = diag(scale) B`, the same for every chain, where `B` is the identity (diagonal), a lower
    triangular `root` (dense, with a scale of ones) or `I + U diag(stretch) U^T` (low rank)."""

    #: `D`, positive.
    scale: Tensor
    #: `D x D`, lower triangular with a positive diagonal.
    root: Tensor | None = None
    #: `U`, `D x R` with orthonormal columns, and `R` numbers above -1.
    vectors: Tensor | None = None
    stretch: Tensor | None = None

    @property
    def diagonal(self) -> bool:
        """Whether `B` is the identity."""
        return self.root is None and self.vectors is None

    def turn(self, p: Tensor) -> Tensor:
        """Return `B p`: `C x D`."""
        if self.root is not None:
            return p @ self.root.T
        if self.vectors is not None:
            return torch.addmm(p, p @ self._stretched, self.vectors.T)
        return p

    def turn_back(self, g: Tensor) -> Tensor:
        """Return `B^T g`: `C x D`."""
        if self.root is not None:
            return g @ self.root
        return self.turn(g)

    def move(self, p: Tensor) -> Tensor:
        """Return the motion `A p` of whitened momenta: `C x D`."""
        return self.turn(p) * self.scale

    def pull(self, g: Tensor) -> Tensor:
        """Return the whitened force `A^T g` of gradients: `C x D`."""
        return self.turn_back(g * self.scale)

    def whiten(self, x: Tensor) -> Tensor:
        """Return `A^-1 x`: `C x D` in whitened coordinates."""
        x = x / self.scale
        if self.root is not None:
            return x @ self._inverse.T
        if self.vectors is not None:
            return torch.addmm(x, x @ self._shrunk, self.vectors.T)
        return x

    def whiten_array(self, x: Array) -> Array:
        """Return `A^-1 x` of NumPy's `x`: `C x D`, for callers to whom the overhead matters."""
        scale, right, left = self._arrays
        x = x / scale
        if right is None:
            return x
        return x @ right if left is None else x + (x @ right) @ left

    @cached_property
    def _arrays(self) -> tuple[Array, Array | None, Array | None]:
        scale = self.scale.cpu().numpy()
        if self.root is not None:
            return scale, self._inverse.T.cpu().numpy(), None
        if self.vectors is not None:
            return scale, self._shrunk.cpu().numpy(), self.vectors.T.cpu().numpy()
        return scale, None, None

    def deviations(self) -> Tensor:
        """Return the standard deviations that it stands for, `D`: the norms of the rows of `A`."""
        if self.root is not None:
            return self.scale * self.root.norm(dim=1)
        if self.vectors is not None and self.stretch is not None:
            extra = self.vectors**2 @ (self.stretch * (2.0 + self.stretch))
            return self.scale * (1.0 + extra).sqrt()
        return self.scale

    @cached_property
    def _stretched(self) -> Tensor:
        assert self.vectors is not None
        assert self.stretch is not None
        return self.vectors * self.stretch

    @cached_property
    def _shrunk(self) -> Tensor:
        assert self.vectors is not None
        assert self.stretch is not None
        return self.vectors * (-self.stretch / (1.0 + self.stretch))

    @cached_property
    def _inverse(self) -> Tensor:
        assert self.root is not None
        eye = torch.eye(len(self.scale), dtype=self.root.dtype, device=self.root.device)
        return torch.linalg.solve_triangular(self.root, eye, upper=False)


def unit(dim: int, dtype: torch.dtype, device: torch.device) -> Metric:
    """Return the metric before anything is learnt: the identity."""
    return Metric(torch.ones(dim, dtype=dtype, device=device))
