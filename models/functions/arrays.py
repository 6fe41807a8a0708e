"""Functions that make, join and reshape arrays."""

import enum
from collections.abc import Callable

import torch
from torch import Tensor

from models.context import Context, StaticInt, Value, bounded
from models.functions.table import Function, common, dimension, listed, sizes


class ElementType(enum.StrEnum):
    """What `dtype=` may say; every real type is the run's dtype."""

    REAL = "real"
    INTEGER = "integer"
    BOOLEAN = "boolean"


def cast(context: Context, value: Value, dtype: Value) -> Tensor:
    """Return `value` as an array of an element type."""
    match dtype:
        case None | ElementType.REAL:
            return context.real(value)
        case ElementType.INTEGER:
            return context.tensor(value).long()
        case ElementType.BOOLEAN:
            return value if _is_boolean(value) else context.tensor(value) != 0
    raise TypeError("dtype is one of torch.float, torch.long and torch.bool")


def _is_boolean(value: Value) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bool


def _filled(name: str, number: float) -> Function:
    def apply(context: Context, /, *size: Value, dtype: Value = None) -> Value:
        shape = sizes(context, size)
        filled = torch.full(shape, number, dtype=context.dtype, device=context.device)
        return cast(context, filled, dtype)

    return Function(name, apply, method=False)


def _filled_like(name: str, number: float) -> Function:
    def apply(context: Context, /, input: Value) -> Value:
        return torch.full_like(context.real(input), number)

    return Function(name, apply, method=False)


def _full(context: Context, /, size: Value, fill_value: Value, dtype: Value = None) -> Value:
    return cast(context, fill_value, dtype).expand(sizes(context, (size,)))


def _arange(
    context: Context,
    /,
    start: Value,
    end: Value = None,
    step: Value = 1,
    dtype: Value = None,
) -> Value:
    low, high = (0, start) if end is None else (start, end)
    bounds = [_plain(context, bound) for bound in (low, high, step)]
    return cast(context, torch.arange(*bounds, dtype=context.dtype, device=context.device), dtype)


def _linspace(context: Context, /, start: Value, end: Value, steps: Value) -> Value:
    low, high = _plain(context, start), _plain(context, end)
    count = context.static(steps, "the number of steps")
    return torch.linspace(low, high, count, dtype=context.dtype, device=context.device)


def _plain(context: Context, value: Value) -> float:
    return value if isinstance(value, float) else context.static(value, "a bound")


def _eye(context: Context, /, n: Value, m: Value = None) -> Value:
    rows = context.static(n, "a size")
    columns = rows if m is None else context.static(m, "a size")
    return torch.eye(rows, columns, dtype=context.dtype, device=context.device)


def _tensor(context: Context, /, data: Value, dtype: Value = None) -> Value:
    return context.tensor(data) if dtype is None else cast(context, data, dtype)


def _stack(context: Context, /, tensors: Value, dim: Value = 0) -> Value:
    parts = common(context, *listed(tensors))
    return torch.stack(parts, context.static(dim, "a dimension"))


def _cat(context: Context, /, tensors: Value, dim: Value = 0) -> Value:
    parts = common(context, *listed(tensors))
    return torch.cat(parts, context.static(dim, "a dimension"))


def _reshape(context: Context, /, input: Value, *shape: Value) -> Value:
    return context.tensor(input).reshape(sizes(context, shape))


def _expand(context: Context, /, input: Value, *size: Value) -> Value:
    return context.tensor(input).expand(sizes(context, size))


def _expand_as(context: Context, /, input: Value, other: Value) -> Value:
    return context.tensor(input).expand(context.tensor(other).shape)


def _unsqueeze(context: Context, /, input: Value, dim: Value) -> Value:
    return context.tensor(input).unsqueeze(context.static(dim, "a dimension"))


def _squeeze(context: Context, /, input: Value, dim: Value = None) -> Value:
    tensor = context.tensor(input)
    if dim is None:
        return tensor.reshape([size for size in tensor.shape if size != 1])
    return tensor.squeeze(dimension(context, dim))


def _transpose(context: Context, /, input: Value, dim0: Value = -2, dim1: Value = -1) -> Value:
    tensor = context.tensor(input)
    return tensor.transpose(
        context.static(dim0, "a dimension"), context.static(dim1, "a dimension")
    )


def _t(context: Context, /, input: Value) -> Value:
    tensor = context.tensor(input)
    return tensor if tensor.dim() < 2 else _transpose(context, tensor)


def _permute(context: Context, /, input: Value, *dims: Value) -> Value:
    return context.tensor(input).permute(sizes(context, dims))


def _flatten(context: Context, /, input: Value) -> Value:
    return context.tensor(input).reshape(-1)


def _flip(context: Context, /, input: Value, *dims: Value) -> Value:
    return context.tensor(input).flip(sizes(context, dims))


def _one_hot(context: Context, /, input: Value, num_classes: Value) -> Value:
    count = context.static(num_classes, "the number of classes")
    classes = torch.arange(count, dtype=torch.int64, device=context.device)
    return context.real(context.tensor(input).long().unsqueeze(-1) == classes)


def _cast_method(name: str, dtype: ElementType) -> Function:
    def apply(context: Context, /, input: Value) -> Value:
        return cast(context, input, dtype)

    return Function(name, apply)


def _size(context: Context, /, input: Value, dim: Value = None) -> Value:
    shape = tuple(context.tensor(input).shape)
    return shape if dim is None else shape[context.static(dim, "a dimension")]


def _rank(context: Context, /, input: Value) -> Value:
    return context.tensor(input).dim()


def _count(context: Context, /, input: Value) -> Value:
    return context.tensor(input).numel()


def _integer(context: Context, /, x: Value) -> Value:
    if isinstance(x, float):
        return bounded(int(x))
    if isinstance(x, Tensor):
        return x.long()
    return x if isinstance(x, StaticInt) else context.static(x, "int(...)")


def _text(context: Context, /, x: Value) -> Value:
    return str(context.static(x, "str(...)"))


def _clone(context: Context, /, input: Value) -> Value:
    return context.tensor(input)


_Implementation = Callable[..., Value]
_MAKING: dict[str, _Implementation] = {
    "full": _full,
    "arange": _arange,
    "linspace": _linspace,
    "eye": _eye,
    "tensor": _tensor,
    "stack": _stack,
    "cat": _cat,
}
_SHAPING: dict[str, _Implementation] = {
    "reshape": _reshape,
    "expand": _expand,
    "expand_as": _expand_as,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "permute": _permute,
    "flatten": _flatten,
    "flip": _flip,
}

TABLE = (
    _filled("zeros", 0.0),
    _filled("ones", 1.0),
    _filled_like("zeros_like", 0.0),
    _filled_like("ones_like", 1.0),
    *(Function(name, implementation, method=False) for name, implementation in _MAKING.items()),
    *(Function(name, implementation) for name, implementation in _SHAPING.items()),
    Function("one_hot", _one_hot, method=False),
    _cast_method("float", ElementType.REAL),
    Function("int", _integer, method=False),
    Function("str", _text, method=False),
)

#: Functions that exist only as methods of an array.
METHODS_ONLY = {
    function.name: function
    for function in (
        _cast_method("long", ElementType.INTEGER),
        _cast_method("int", ElementType.INTEGER),
        _cast_method("double", ElementType.REAL),
        _cast_method("bool", ElementType.BOOLEAN),
        Function("view", _reshape),
        Function("t", _t),
        Function("size", _size),
        Function("dim", _rank),
        Function("numel", _count),
        Function("clone", _clone),
    )
}
