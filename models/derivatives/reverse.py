"""Reverse mode: one sweep back through the computation gives the whole gradient.

Griewank and Walther, Evaluating Derivatives (2008), chapter 3; the Hessian is reverse over reverse.
"""

import torch
from torch import Tensor

from models.derivatives.along import along
from models.derivatives.derivative import Derivative, Function, Question, symmetric


def reverse(function: Function, question: Question) -> Derivative:
    """Return the derivatives by reverse mode."""
    at, direction = question.at, question.direction
    gradient_of = torch.func.grad(function)
    value, gradient = function(at).detach(), gradient_of(at).detach()
    hessian, product = None, None
    if question.order == 2:
        back = torch.func.vjp(gradient_of, at)[1]
        rows = along(lambda row: back(row)[0], torch.eye(len(at), dtype=at.dtype))
        hessian = symmetric(rows.detach())
        if direction is not None:
            product = back(direction)[0].detach()
    directional = None if direction is None else gradient @ direction
    return Derivative(value, gradient, directional, hessian, product)


def jacobian(function: Function, at: Tensor) -> Tensor:
    """Return the derivatives, `M x E`, of a function with `M` results."""
    value, back = torch.func.vjp(function, at)[:2]
    return along(lambda row: back(row)[0], torch.eye(len(value), dtype=value.dtype)).detach()
