"""Functions of one number, applied to every entry of an array; the result keeps its shape."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from models.context import Context, StaticInt, Value, is_integer
from models.functions.table import Function, common
from models.log_sigmoid import log_sigmoid

Operation = Callable[[Tensor], Tensor]


def _real(name: str, operation: Operation) -> Function:
    """A function whose value is real, also of integers."""

    def apply(context: Context, /, input: Value) -> Value:
        return operation(context.real(input))

    return Function(name, apply)


def _numeric(name: str, operation: Operation) -> Function:
    """A function that keeps integers integer."""

    def apply(context: Context, /, input: Value) -> Value:
        return operation(context.tensor(input))

    return Function(name, apply)


def _absolute(context: Context, /, input: Value) -> Value:
    if isinstance(input, StaticInt):
        return StaticInt(abs(input.value), input.names)
    if is_integer(input):
        return abs(input)
    return torch.abs(context.tensor(input))


def _clamp(context: Context, /, input: Value, min: Value = None, max: Value = None) -> Value:
    value = input
    if min is not None:
        value = _maximum(context, value, min)
    if max is not None:
        value = _minimum(context, value, max)
    return value if isinstance(value, Tensor) else context.tensor(value)


def _minimum(context: Context, /, input: Value, other: Value) -> Value:
    return torch.minimum(*common(context, input, other))


def _maximum(context: Context, /, input: Value, other: Value) -> Value:
    return torch.maximum(*common(context, input, other))


def _where(context: Context, /, condition: Value, input: Value, other: Value) -> Value:
    chosen = condition if isinstance(condition, Tensor) else context.tensor(condition)
    return torch.where(
        chosen if chosen.dtype == torch.bool else chosen != 0, *common(context, input, other)
    )


def _pow(context: Context, /, input: Value, exponent: Value) -> Value:
    return torch.pow(context.real(input), context.real(exponent))


def _logaddexp(context: Context, /, input: Value, other: Value) -> Value:
    return torch.logaddexp(context.real(input), context.real(other))


def _atan2(context: Context, /, input: Value, other: Value) -> Value:
    return torch.atan2(context.real(input), context.real(other))


def _xlogy(context: Context, /, input: Value, other: Value) -> Value:
    return torch.xlogy(context.real(input), context.real(other))


_REAL: dict[str, Operation] = {
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "log2": torch.log2,
    "log10": torch.log10,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "logsigmoid": log_sigmoid,
    "logit": torch.logit,
    "lgamma": torch.lgamma,
    "digamma": torch.digamma,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "ndtr": torch.special.ndtr,
    "reciprocal": torch.reciprocal,
}

_NUMERIC: dict[str, Operation] = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": torch.sign,
    "square": torch.square,
    "relu": torch.relu,
}

TABLE = (
    *(_real(name, operation) for name, operation in _REAL.items()),
    *(_numeric(name, operation) for name, operation in _NUMERIC.items()),
    Function("abs", _absolute),
    Function("clamp", _clamp),
    Function("minimum", _minimum),
    Function("maximum", _maximum),
    Function("where", _where, method=False),
    Function("pow", _pow),
    Function("logaddexp", _logaddexp),
    Function("atan2", _atan2),
    Function("xlogy", _xlogy),
)
