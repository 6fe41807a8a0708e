"""Derivatives by differences, for what has no derivative of its own."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Where the errors of the fourth order and of rounding meet: eps^(1/5).
_STEP = float(np.finfo(np.float64).eps) ** 0.2


def jacobian(function: Callable[[Array], Array], z: Array) -> Array:
    """Return the derivative of a function of rows at one point, `M x D`.

    Central differences of two widths, extrapolated to none (Richardson, 1911): for a step `h`,
    `(4 d(h/2) - d(h)) / 3`, whose error is of the order of `h^4`.

    Args:
        function: of points, `C x D`, to values, `C x M`.
        z: the point, `D`. Entries whose values are not finite have no derivative: NaN.
    """
    width = _STEP * np.maximum(np.abs(z), 1.0)
    moves = np.diag(width)
    points = np.concatenate([z + moves, z - moves, z + moves / 2, z - moves / 2])
    with np.errstate(invalid="ignore"):
        above, below, near_above, near_below = np.split(function(points), 4)
        wide = (above - below) / (2 * width[:, None])
        narrow = (near_above - near_below) / width[:, None]
        found: Array = ((4 * narrow - wide) / 3).T
    return found
