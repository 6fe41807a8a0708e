"""Linear algebra. Products follow the context's precision policy; factorisations never raise.

A matrix that is not positive definite, or singular, gives `nan`: an engine treats such a point as
outside the support.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from models.context import Context, Value
from models.functions.table import Function, keep


def matmul(context: Context, /, input: Value, other: Value) -> Tensor:
    """Return the matrix product in the run's dtype, computed by the precision policy."""
    left, right = context.real(input), context.real(other)
    if left.dim() == 0 or right.dim() == 0:
        raise TypeError("a matrix product needs two arrays; multiply a single number with *")
    return context.real(context.matmul(left, right))


def _dot(context: Context, /, input: Value, other: Value) -> Value:
    left, right = context.real(input), context.real(other)
    if left.dim() != 1 or right.dim() != 1:
        raise TypeError("dot needs two vectors; write a @ b for matrices")
    return matmul(context, left, right)


def _outer(context: Context, /, input: Value, vec2: Value) -> Value:
    left, right = context.real(input), context.real(vec2)
    if left.dim() != 1 or right.dim() != 1:
        raise TypeError("outer needs two vectors")
    return left.unsqueeze(-1) * right.unsqueeze(-2)


def _diag(context: Context, /, input: Value) -> Value:
    tensor = context.tensor(input)
    if tensor.dim() not in (1, 2):
        raise TypeError("diag needs a vector or a matrix")
    return torch.diag_embed(tensor) if tensor.dim() == 1 else tensor.diagonal()


def _diag_embed(context: Context, /, input: Value) -> Value:
    return torch.diag_embed(context.tensor(input))


def _diagonal(context: Context, /, input: Value) -> Value:
    tensor = context.tensor(input)
    return tensor.diagonal(dim1=-2, dim2=-1)


def _valid(result: Tensor, info: Tensor, trailing: int) -> Tensor:
    """Return `result`, with `nan` where LAPACK's `info` reports a failure."""
    for _ in range(trailing):
        info = info.unsqueeze(-1)
    return torch.where(
        info == 0, result, torch.full((), float("nan"), dtype=result.dtype, device=result.device)
    )


def _cholesky(context: Context, /, input: Value) -> Value:
    factor, info = torch.linalg.cholesky_ex(context.real(input))
    return _valid(factor, info, 2)


def _inverse(context: Context, /, input: Value) -> Value:
    inverse, info = torch.linalg.inv_ex(context.real(input))
    return _valid(inverse, info, 2)


def _solve(context: Context, /, A: Value, B: Value) -> Value:
    matrix, right = context.real(A), context.real(B)
    vector = right.dim() == 1
    result, info = torch.linalg.solve_ex(matrix, right.unsqueeze(-1) if vector else right)
    checked = _valid(result, info, 2)
    return checked.squeeze(-1) if vector else checked


def _solve_triangular(context: Context, /, A: Value, B: Value, upper: Value = False) -> Value:
    matrix, right = context.real(A), context.real(B)
    vector = right.dim() == 1
    result = torch.linalg.solve_triangular(
        matrix, right.unsqueeze(-1) if vector else right, upper=keep(context, upper)
    )
    return result.squeeze(-1) if vector else result


def _cholesky_solve(context: Context, /, B: Value, L: Value, upper: Value = False) -> Value:
    return torch.cholesky_solve(context.real(B), context.real(L), upper=keep(context, upper))


def _triangle(name: str, operation: Callable[[Tensor], Tensor]) -> Function:
    def apply(context: Context, /, input: Value) -> Value:
        return operation(context.tensor(input))

    return Function(name, apply)


def _logdet(context: Context, /, input: Value) -> Value:
    return torch.logdet(context.real(input))


TABLE = (
    Function("matmul", matmul),
    Function("dot", _dot),
    Function("outer", _outer),
    Function("diag", _diag),
    Function("diag_embed", _diag_embed),
    Function("diagonal", _diagonal),
    Function("cholesky", _cholesky),
    Function("inverse", _inverse),
    Function("solve", _solve, method=False),
    Function("solve_triangular", _solve_triangular, method=False),
    Function("cholesky_solve", _cholesky_solve, method=False),
    Function("logdet", _logdet),
    _triangle("tril", torch.tril),
    _triangle("triu", torch.triu),
)
