"""What is known of a function's derivatives at a point.

Shape letter: `E` entries of the point.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

#: A scalar function of a vector, `E`, in float64.
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Question:
    """What is asked."""

    #: Where: `E`.
    at: Tensor
    #: The highest derivative, 1 or 2.
    order: int = 1
    #: `E`: a direction, for the derivative along it and the Hessian's product with it.
    direction: Tensor | None = None


@dataclass(frozen=True)
class Derivative:
    """The answer of one way of differentiation."""

    #: A scalar, and `E`.
    value: Tensor
    gradient: Tensor
    #: A scalar: gradient . direction.
    directional: Tensor | None = None
    #: `E x E`, symmetric, and `E`: its product with the direction.
    hessian: Tensor | None = None
    hessian_vector: Tensor | None = None
    #: How far the numbers may be off, in their shapes, where the way of differentiation knows it.
    gradient_error: Tensor | None = None
    hessian_error: Tensor | None = None


def symmetric(matrix: Tensor) -> Tensor:
    """Return the symmetric part of a matrix."""
    return (matrix + matrix.T) / 2
