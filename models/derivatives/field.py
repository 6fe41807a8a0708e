"""A vector-valued deterministic site as a field over a parameter: Jacobian, divergence, curl."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Field:
    """The derivatives of a field with `M` components with respect to `E` entries."""

    #: `M`.
    value: Tensor
    #: `M x E`.
    jacobian: Tensor
    #: The trace of the Jacobian with respect to a parameter of `M` entries; None where none is
    #: named.
    divergence: Tensor | None = None
    #: `3`: the curl with respect to a parameter of 3 entries; None where the field is another.
    curl: Tensor | None = None


def field(value: Tensor, jacobian: Tensor, over: slice | None) -> Field:
    """Return a field's derivatives.

    Args:
        value: `M`.
        jacobian: `M x E`.
        over: the entries, `M` of them, of the space that the field is over; None without.
    """
    if over is None:
        return Field(value, jacobian)
    square = jacobian[:, over]
    curl = None
    if len(value) == 3:
        # The curl is the antisymmetric part, read as a vector.
        twist = square - square.T
        curl = torch.stack([twist[2, 1], twist[0, 2], twist[1, 0]])
    return Field(value, jacobian, square.diagonal().sum(), curl)
