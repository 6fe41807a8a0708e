"""Functions that reduce, accumulate or order along dimensions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from models.context import Context, StaticInt, Value, is_integer
from models.functions.table import Function, common, dimension, keep


class Pair(NamedTuple):
    """What torch returns of `max`, `min` and `sort` along a dimension."""

    values: Tensor
    indices: Tensor


def _every(tensor: Tensor) -> tuple[int, ...]:
    return tuple(range(tensor.dim()))


def _along(name: str, operation: Callable[..., Tensor], real: bool) -> Function:
    """A reduction along one or several dimensions, or along all."""

    def apply(
        context: Context, /, input: Value, dim: Value = None, keepdim: Value = False
    ) -> Value:
        tensor = context.real(input) if real else context.tensor(input)
        if tensor.dim() == 0:
            return operation(tensor.reshape(1), dim=0)
        dims = _every(tensor) if dim is None else dimension(context, dim)
        return operation(tensor, dim=dims, keepdim=keep(context, keepdim))

    return Function(name, apply)


def _prod(context: Context, /, input: Value, dim: Value = None, keepdim: Value = False) -> Value:
    tensor = context.tensor(input)
    if dim is None:
        return torch.prod(tensor)
    return torch.prod(tensor, context.static(dim, "a dimension"), keep(context, keepdim))


def _spread(name: str, operation: Callable[..., Tensor]) -> Function:
    """Variance or standard deviation; torch's default divides by n - 1."""

    def apply(
        context: Context,
        /,
        input: Value,
        dim: Value = None,
        unbiased: Value = True,
        keepdim: Value = False,
    ) -> Value:
        tensor = context.real(input)
        dims = _every(tensor) if dim is None else dimension(context, dim)
        correction = 1 if keep(context, unbiased) else 0
        return operation(tensor, dim=dims, correction=correction, keepdim=keep(context, keepdim))

    return Function(name, apply)


def _extreme(name: str, operation: Callable[..., Tensor], pick: Callable[..., int]) -> Function:
    """The largest or smallest entry; of two plain integers, the one of Python's builtin."""

    def apply(
        context: Context, /, input: Value, dim: Value = None, keepdim: Value = False
    ) -> Value:
        if is_integer(input) and dim is not None:
            return pick(context.static(input), context.static(dim, f"the other number of {name}"))
        tensor = context.tensor(input)
        if dim is None:
            return operation(tensor.reshape(-1), dim=0)
        return operation(tensor, dim=dimension(context, dim), keepdim=keep(context, keepdim))

    return Function(name, apply)


def _torch_extreme(name: str, operation: Callable[..., tuple[Tensor, Tensor]]) -> Function:
    """Torch's own `max` and `min`: along a dimension they return values and indices."""

    def apply(
        context: Context, /, input: Value, dim: Value = None, keepdim: Value = False
    ) -> Value:
        if isinstance(dim, Tensor):
            elementwise = torch.maximum if name == "max" else torch.minimum
            return elementwise(*common(context, input, dim))
        tensor = context.tensor(input)
        if dim is None:
            return operation(tensor.reshape(-1), 0)[0]
        values, indices = operation(
            tensor, context.static(dim, "a dimension"), keepdim=keep(context, keepdim)
        )
        return Pair(values, indices)

    return Function(name, apply)


def _position(name: str, operation: Callable[..., Tensor]) -> Function:
    def apply(
        context: Context, /, input: Value, dim: Value = None, keepdim: Value = False
    ) -> Value:
        tensor = context.tensor(input)
        if dim is None:
            return operation(tensor.reshape(-1), 0)
        return operation(tensor, context.static(dim, "a dimension"), keepdim=keep(context, keepdim))

    return Function(name, apply)


def _normalizing(name: str, operation: Callable[..., Tensor], real: bool) -> Function:
    """A function along one dimension that keeps the shape."""

    def apply(context: Context, /, input: Value, dim: Value = -1) -> Value:
        tensor = context.real(input) if real else context.tensor(input)
        return operation(tensor, context.static(dim, "a dimension"))

    return Function(name, apply)


def _sort(context: Context, /, input: Value, dim: Value = -1, descending: Value = False) -> Value:
    return torch_sort(context, input, dim, descending).values


def torch_sort(
    context: Context, /, input: Value, dim: Value = -1, descending: Value = False
) -> Pair:
    """Return the sorted entries and where they were."""
    values, indices = torch.sort(
        context.tensor(input), context.static(dim, "a dimension"), keep(context, descending)
    )
    return Pair(values, indices)


def _length(context: Context, /, input: Value) -> Value:
    if isinstance(input, tuple):
        return len(input)
    if isinstance(input, Tensor) and input.dim() > 0:
        return int(input.shape[0])
    raise TypeError("len needs an array with at least one dimension, and this is a single number")


def _norm(
    context: Context, /, input: Value, p: Value = 2, dim: Value = None, keepdim: Value = False
) -> Value:
    order = context.static(p) if isinstance(p, StaticInt) else p
    if not isinstance(order, int | float):
        raise TypeError("the order of a norm is a plain number, such as 2")
    dims = None if dim is None else dimension(context, dim)
    return torch.linalg.vector_norm(
        context.real(input), order, dims, keepdim=keep(context, keepdim)
    )


TABLE = (
    _along("sum", torch.sum, real=False),
    _along("mean", torch.mean, real=True),
    _along("logsumexp", torch.logsumexp, real=True),
    Function("prod", _prod),
    _spread("var", torch.var),
    _spread("std", torch.std),
    _extreme("max", torch.amax, max),
    _extreme("min", torch.amin, min),
    _along("amax", torch.amax, real=False),
    _along("amin", torch.amin, real=False),
    _position("argmax", torch.argmax),
    _position("argmin", torch.argmin),
    _normalizing("softmax", torch.softmax, real=True),
    _normalizing("log_softmax", torch.log_softmax, real=True),
    _normalizing("cumsum", torch.cumsum, real=False),
    _normalizing("cumprod", torch.cumprod, real=False),
    _normalizing("logcumsumexp", torch.logcumsumexp, real=True),
    Function("sort", _sort),
    Function("len", _length, method=False),
    Function("norm", _norm),
)

#: What `torch.max(x, dim)` and `x.max(dim)` mean, where torch differs from the bare name.
TORCH = {
    "max": _torch_extreme("max", torch.max),
    "min": _torch_extreme("min", torch.min),
    "sort": Function("sort", torch_sort),
}
