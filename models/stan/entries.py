"""A Stan program's log density as a function of its parameters' values, as they stand.

It is that of a second program, whose parameters have the same names and shapes and no constraints:
its coordinates are their entries, there is no Jacobian, and the library's reverse mode
differentiates by them.

Shape letter: `E` entries of all parameters' values together, in the order of `Basis`.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.density import Target
from models.derivatives.basis import Basis
from models.errors import UnavailableError
from models.stan.declarations import declarations
from models.stan.density import StanDensity
from models.stan.link import RefusedError
from models.stan.quantities import Quantity, quantities
from models.stan.text import StanText


class StanEntries:
    """The log density of a program by its entries, in a process of its own.

    Args:
        density: of the program.

    Raises:
        UnavailableError: the program means something else, or nothing, without the constraints.
    """

    def __init__(self, density: StanDensity) -> None:
        source = StanText(density.process.source).unconstrained()
        try:
            self._process = density.process.beside(source)
        except RefusedError as error:
            said = " ".join(str(error).split())[:200]
            raise UnavailableError(
                "model.source",
                f"the program cannot be read without the constraints of its parameters, which "
                f"derivatives by their values need: {said}",
            ) from None
        places = _places(source, quantities(self._process.facts.coordinates))
        parts = [places[parameter.name] for parameter in density.parameters]
        #: Where each entry stands among the program's coordinates: `E`.
        self._order = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        self._check(density)

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def value_and_grad(self, entries: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log density, `C`, and its gradient, `C x E`, at entries: `C x E` in float64.

        Both are nan where the program rejects a point.
        """
        points = np.empty(entries.shape)
        points[:, self._order] = entries.numpy()
        value, gradient = self._process.gradients(points)
        refused = ~np.isfinite(value)
        value[refused], gradient[refused] = np.nan, np.nan
        return torch.from_numpy(value), torch.from_numpy(gradient[:, self._order])

    def _check(self, density: StanDensity) -> None:
        """Hold the two programs against each other, where the first one's coordinates are 0."""
        z = torch.zeros(1, density.dim, dtype=density.dtype)
        values = {name: value[0] for name, value in density.constrain_parameters(z).items()}
        wanted = density.value(z, Target.JOINT)
        found, _ = self.value_and_grad(Basis(density.parameters).join(values)[None])
        both = bool(found.isfinite().all() and wanted.isfinite().all())
        if both and not torch.allclose(found, wanted, rtol=1e-6, atol=1e-6):
            raise UnavailableError(
                "model.source",
                "without the constraints of its parameters the program means something else, so "
                "there are no derivatives by their values; ask for the gradient at /log_density",
            )


def _places(source: str, declared: Iterable[Quantity]) -> dict[str, NDArray[np.int64]]:
    """Return where each entry of every parameter stands among the coordinates, by parameter.

    The library names coordinates as it names columns, but it reads an array entry by entry, and a
    matrix column by column.

    Args:
        source: a program without constraints.
        declared: its parameters in their order.
    """
    types = {d.name: d.type for d in declarations(StanText(source).block("parameters"))}
    found, first = {}, 0
    for quantity in declared:
        size = quantity.columns.size
        places = np.arange(first, first + size)
        if types[quantity.name] == "matrix":
            *outer, rows, columns = quantity.shape
            places = places.reshape(*outer, columns, rows).swapaxes(-1, -2)
        found[quantity.name] = places.reshape(-1)
        first += size
    return found
