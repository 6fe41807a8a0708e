"""Coordinates around one point of constrained values that leave their supports in no direction.

Most parameters have a support with as many dimensions as entries, and their coordinates are the
entries. A simplex or a correlation matrix has fewer: beside it a program may reject a point, and
what it would say there is no part of the model. Such a parameter moves along the tangent space of
its support, and a derivative by its entries is the vector in that space.

Shape letters: `E` entries of all parameters' values together, `U` coordinates.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.density import Parameter
from models.derivatives.basis import Basis
from models.derivatives.derivative import Derivative, Question
from models.stan.density import StanDensity

#: A tangent direction counts when it is at least this share of the longest.
_THIN = 1e-6


@dataclass(frozen=True)
class Chart:
    """The map `entries = base + along @ u` and its inverse near a point."""

    #: `E`.
    base: Tensor
    #: `E x U`, with orthonormal columns.
    along: Tensor
    #: `U`: the coordinates of the point.
    at: Tensor

    def entries(self, u: Tensor) -> Tensor:
        """Return the entries, `C x E`, at coordinates: `C x U`."""
        return self.base + u @ self.along.T

    def question(self, asked: Question) -> Question:
        """Return a question about entries as one about the coordinates."""
        direction = None if asked.direction is None else self.along.T @ asked.direction
        return Question(self.at, asked.order, direction)

    def lift(self, found: Derivative) -> Derivative:
        """Return derivatives by the coordinates as derivatives by the entries."""
        hessian, product, error = found.hessian, found.hessian_vector, found.gradient_error
        return replace(
            found,
            gradient=self._lift(found.gradient[:, None])[:, 0],
            hessian=None if hessian is None else self._lift(self._lift(hessian).T).T,
            hessian_vector=None if product is None else self._lift(product[:, None])[:, 0],
            gradient_error=None if error is None else self._widened(error),
        )

    def _lift(self, columns: Tensor) -> Tensor:
        """Return `along @ columns`, `E x M`, where what is not finite stays where it is."""
        finite = columns.isfinite()
        lifted = self.along @ columns.where(finite, 0.0)
        touched = self._touching @ (~finite).to(columns.dtype)
        return lifted.masked_fill(touched > 0.0, torch.nan)

    def _widened(self, error: Tensor) -> Tensor:
        """Return how far entries may be off, `E`, where coordinates may be so far, `U`."""
        finite = error.isfinite()
        widened = self.along.abs() @ error.where(finite, 0.0)
        return widened.masked_fill(self._touching @ (~finite).to(error.dtype) > 0.0, torch.inf)

    @property
    def _touching(self) -> Tensor:
        return (self.along != 0.0).to(self.along.dtype)


def chart_at(density: StanDensity, at: Tensor) -> Chart:
    """Return the coordinates around entries, `E`, inside their supports."""
    values = Basis(density.parameters).split(at)
    blocks, bases = [], []
    jacobian: dict[str, Tensor] | None = None
    for parameter in density.parameters:
        value = values[parameter.name].reshape(-1)
        if not _is_thin(parameter):
            blocks.append(torch.eye(len(value), dtype=at.dtype))
            bases.append(torch.zeros_like(value))
            continue
        if jacobian is None:
            z = density.unconstrain({name: value[None] for name, value in values.items()})
            jacobian = density.jacobian(z)
        own = slice(parameter.offset, parameter.offset + parameter.size)
        blocks.append(_tangent(jacobian[parameter.name][0].reshape(len(value), -1)[:, own]))
        bases.append(value)
    along = torch.block_diag(*blocks) if blocks else at.new_zeros(0, 0)
    base = torch.cat(bases) if bases else at
    return Chart(base, along, along.T @ (at - base))


def _is_thin(parameter: Parameter) -> bool:
    """Return whether a support has fewer dimensions than entries."""
    # A unit vector has as many unconstrained coordinates as entries.
    return parameter.size != math.prod(parameter.shape) or parameter.support == "sphere"


def _tangent(jacobian: Tensor) -> Tensor:
    """Return an orthonormal basis of what the columns of a matrix span."""
    if not jacobian.shape[1]:
        return jacobian
    vectors, lengths, _ = torch.linalg.svd(jacobian, full_matrices=False)
    return vectors[:, lengths > _THIN * lengths.max()]
