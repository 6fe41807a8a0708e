"""Forward mode: dual numbers carry the derivative along one direction with the value.

Griewank and Walther, Evaluating Derivatives (2008), chapter 3; the Hessian is forward over forward.
"""

import warnings
from functools import cache
from importlib import import_module

import torch
from torch import Tensor

from models.derivatives.along import along
from models.derivatives.derivative import Derivative, Function, Question, symmetric
from models.errors import UnavailableError


@cache
def _load_rules() -> None:
    """Import torch's rules for forward mode.

    torch does so at the first forward derivative, and its own text warns there. It takes a tenth of
    a second, which a process that asks for none need not spend.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit.script`", category=DeprecationWarning)
        import_module("torch._decomp.decompositions_for_jvp")


def forward(function: Function, question: Question) -> Derivative:
    """Return the derivatives by forward mode.

    Raises:
        UnavailableError: torch has no forward derivative of an operation of the model.
    """
    try:
        return _forward(function, question)
    except NotImplementedError as error:
        first = str(error).splitlines()[0][:200]
        raise UnavailableError(
            "mode", f"the model has no derivative by forward mode; write 'reverse': {first}"
        ) from None


def _forward(function: Function, question: Question) -> Derivative:
    at, direction = question.at, question.direction
    value = function(at).detach()
    gradient = along(lambda v: _slope(function, at, v), _eye(at)).detach()
    directional = None if direction is None else _slope(function, at, direction).detach()
    hessian, product = None, None
    if question.order == 2:
        hessian = symmetric(along(lambda v: _row(function, at, v), _eye(at)).detach())
        if direction is not None:
            product = _row(function, at, direction).detach()
    return Derivative(value, gradient, directional, hessian, product)


def jacobian(function: Function, at: Tensor) -> Tensor:
    """Return the derivatives, `M x E`, of a function with `M` results."""
    return along(lambda v: _slope(function, at, v), _eye(at)).detach().T


def _slope(function: Function, at: Tensor, direction: Tensor) -> Tensor:
    """Return the derivative along a direction."""
    _load_rules()
    slope: Tensor = torch.func.jvp(function, (at,), (direction,))[1]
    return slope


def _row(function: Function, at: Tensor, direction: Tensor) -> Tensor:
    """Return the Hessian's product with a direction, `E`."""

    def slope(x: Tensor) -> Tensor:
        return _slope(function, x, direction)

    return along(lambda v: _slope(slope, at, v), _eye(at))


def _eye(at: Tensor) -> Tensor:
    return torch.eye(len(at), dtype=at.dtype, device=at.device)
