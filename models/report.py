"""What is reported of a point: parameters and deterministics, in one row of numbers or by name."""

import math
from collections.abc import Sequence

from torch import Tensor

from models.density import Deterministic, Parameter


class Report:
    """The order and shapes of what is reported.

    Args:
        parameters: come first.
        deterministics: follow.
    """

    def __init__(
        self, parameters: Sequence[Parameter], deterministics: Sequence[Deterministic]
    ) -> None:
        quantities: list[Parameter | Deterministic] = [*parameters, *deterministics]
        self.names = tuple(quantity.name for quantity in quantities)
        self._shapes = tuple(quantity.shape for quantity in quantities)
        self._widths = [math.prod(shape) for shape in self._shapes]

    @property
    def width(self) -> int:
        """`M`, how many numbers there are."""
        return sum(self._widths)

    def cut(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut rows, `C x M x ...`, into the quantities by name, each `C x shape x ...`."""
        parts = zip(flat.split(self._widths, dim=1), self._shapes, strict=True)
        values = [part.reshape(len(flat), *shape, *flat.shape[2:]) for part, shape in parts]
        return dict(zip(self.names, values, strict=True))
