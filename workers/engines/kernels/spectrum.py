"""The Hessian's eigenvalues in units in which every coordinate has information 1.

An eigenvalue near zero of the raw Hessian may only say that one parameter is measured in pounds
and another in tons. After scaling the diagonal to one (van der Sluis, 1969: within a factor `D` of
the best scaling) it says that a combination of parameters cannot be told from another.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

#: A coordinate's unit is at most this many times its own size (or 1, if that is more): one that
#: carries no information at all has no unit of its own.
LARGEST_UNIT = 1e3
#: Below this the scaled Hessian's eigenvalues are rounding.
FLOOR = 1e-10


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and vectors of `S H S`, where `S` is the diagonal matrix of units."""

    #: `D`: the unit of each coordinate.
    scale: Tensor
    #: `D`, ascending, and `D x D`, in columns.
    values: Tensor
    vectors: Tensor

    def solve(self, gradient: Tensor) -> Tensor:
        """Return `|H|^-1 gradient`: `D`, with the eigenvalues' signs taken off.

        Along directions of negative curvature a Newton step would climb; with the absolute
        value it descends (saddle-free Newton: Dauphin et al., 2014, arXiv 1406.2572).
        """
        parts = self.vectors.T @ (self.scale * gradient)
        return self.scale * (self.vectors @ (parts / self.values.abs().clamp(min=FLOOR)))

    def decrement(self, gradient: Tensor) -> float:
        """Return half the squared Newton decrement: what a Newton step promises to gain."""
        return float(gradient @ self.solve(gradient)) / 2

    def covariance(self) -> Tensor:
        """Return the inverse of the Hessian: `D x D`."""
        half = self.scale[:, None] * self.vectors
        return (half / self.values) @ half.T


def spectrum(hessian: Tensor, z: Tensor) -> Spectrum:
    """Decompose the Hessian, `D x D`, of an objective at `z`: `D`."""
    information = hessian.diagonal().abs()
    largest = LARGEST_UNIT * z.abs().clamp(min=1.0)
    scale = torch.minimum(information.clamp(min=1e-300).rsqrt(), largest)
    values, vectors = torch.linalg.eigh(scale[:, None] * hessian * scale)
    return Spectrum(scale, values, vectors)
