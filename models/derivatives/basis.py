"""One vector of entries, cut by parameter: the coordinates of derivatives.

Shape letter: `E` entries of all parameters' constrained values together.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.density import Parameter


class Basis:
    """Where each parameter's entries stand in the vector."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self._sizes = [math.prod(p.shape) for p in parameters]

    @property
    def size(self) -> int:
        """`E`."""
        return sum(self._sizes)

    def join(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the vector of values by parameter, each in its shape; 0 for those left out."""
        parts = []
        for parameter, size in zip(self.parameters, self._sizes, strict=True):
            value = values.get(parameter.name)
            parts.append(torch.zeros(size).double() if value is None else value.reshape(size))
        return torch.cat(parts) if parts else torch.zeros(0).double()

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Return values by parameter, `... x shape`, of vectors `... x E`."""
        pieces = vector.split(self._sizes, dim=-1)
        return {
            parameter.name: piece.reshape((*vector.shape[:-1], *parameter.shape))
            for parameter, piece in zip(self.parameters, pieces, strict=True)
        }

    def blocks(self, matrix: Tensor) -> dict[str, dict[str, Tensor]]:
        """Return the blocks of a matrix, `E x E`, by two parameters, `shape x shape` each."""
        found = {}
        for parameter, rows in zip(self.parameters, matrix.split(self._sizes), strict=True):
            of_rows = self.split(rows)
            found[parameter.name] = {
                name: block.reshape((*parameter.shape, *block.shape[1:]))
                for name, block in of_rows.items()
            }
        return found

    def name(self, index: int) -> str:
        """Return an entry's name: `mu`, or `theta[2]`, or `L[1,0]`."""
        for parameter, size in zip(self.parameters, self._sizes, strict=True):
            if index < size:
                places = itertools.product(*map(range, parameter.shape))
                place = next(itertools.islice(places, index, None))
                inside = ",".join(map(str, place))
                return f"{parameter.name}[{inside}]" if inside else parameter.name
            index -= size
        raise IndexError(index)
