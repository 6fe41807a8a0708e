"""A Stan program's log density as a function of its parameters' values, as they stand.

It is that of a second program, whose parameters have the same names and shapes and no constraints:
its coordinates are their entries, there is no Jacobian, and the library's reverse mode
differentiates by them.

Shape letter: `E` entries of all parameters' values together, in the order of `Basis`.
"""

import numpy as np
import torch
from torch import Tensor

from models.errors import UnavailableError
from models.stan.density import StanDensity
from models.stan.link import RefusedError
from models.stan.quantities import quantities
from models.stan.text import StanText


class StanEntries:
    """The log density of a program by its entries, in a process of its own.

    Args:
        density: of the program.

    Raises:
        UnavailableError: the program means something else, or nothing, without the constraints.
    """

    def __init__(self, density: StanDensity) -> None:
        text = StanText(density.process.source)
        try:
            self._process = density.process.beside(text.unconstrained())
        except RefusedError as error:
            said = " ".join(str(error).split())[:200]
            raise UnavailableError(
                "model.source",
                f"the program cannot be read without the constraints of its parameters, which "
                f"derivatives by their values need: {said}",
            ) from None
        places = {q.name: q.columns for q in quantities(self._process.facts.coordinates)}
        parts = [places[parameter.name].reshape(-1) for parameter in density.parameters]
        #: Where each entry stands among the program's coordinates: `E`.
        self._order = np.concatenate([np.zeros(0, dtype=np.int64), *parts])

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
