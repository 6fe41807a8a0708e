"""What default priors take from the data: the response's and the predictors' location and scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.formula.families import Response
from models.formula.regression import Regression
from models.formula.responses import Observed

Array = NDArray[Any]

#: Rows that are looked at together.
BLOCK = 4096
#: Standard deviations that a coefficient may reasonably be away from its prior's location.
REACH = 2.5


@dataclass(frozen=True)
class Scales:
    """The scale of a linear predictor, as the response shows it."""

    #: Where the predictor is expected when the predictors are at their means.
    loc: float
    #: How far it is expected to spread.
    spread: float
    #: Of the response itself.
    deviation: float

    def slopes(self, values: Array) -> Array:
        """Return the scale of a slope's prior for every column of `B x K`.

        A constant column, such as the intercept's, counts by its size.
        """
        mean = values.mean(axis=0)
        spread, size = _deviations(values, mean), np.abs(mean)
        size = np.where(size > 0, size, 1.0)
        return REACH * self.spread / np.where(spread > 1e-12 * size, spread, size)

    @property
    def intercept(self) -> float:
        """The scale of the intercept's prior."""
        return REACH * self.spread


def scales(regression: Regression, seen: Observed, offset: Array) -> Scales:
    """Return the scales of a response.

    Args:
        regression: the formula.
        seen: its response.
        offset: what enters the predictor as it is; its mean is taken off the location.
    """
    values = seen.values
    real = regression.family.response is Response.REAL
    deviation = (float(values.std(ddof=1)) if len(values) > 1 else 0.0) or 1.0
    identity = real and regression.link == "identity"
    loc = _location(regression, float(values.mean()))
    spread = deviation if identity else 1.0
    return Scales(loc - float(offset.mean()) if loc else 0.0, spread, deviation)


def _deviations(values: Array, mean: Array) -> Array:
    """Return the standard deviation of every column of `B x K`, some rows at a time.

    Of all rows at once there would be a second matrix.
    """
    squares = np.zeros(values.shape[1])
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK] - mean
        squares += np.einsum("ij,ij->j", block, block)
    deviations: Array = np.sqrt(squares / len(values))
    return deviations


def _location(regression: Regression, mean: float) -> float:
    match regression.link:
        case "identity":
            return mean
        case "log":
            return float(np.log(mean)) if mean > 0 else 0.0
        case "sqrt":
            return float(np.sqrt(mean))
    return 0.0
