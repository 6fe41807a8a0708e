"""The Jacobian of a function with many results."""

from torch import Tensor

from models.derivatives import forward, reverse
from models.derivatives.derivative import Function


def jacobian(function: Function, at: Tensor) -> Tensor:
    """Return the derivatives, `M x E`, of `M` results with respect to `E` entries.

    By forward mode, which costs no more for many results, or where there is none by reverse mode.
    """
    try:
        return forward.jacobian(function, at)
    except NotImplementedError:
        return reverse.jacobian(function, at)
