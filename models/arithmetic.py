"""Operators between values: static integers stay integers, everything real is in the run's dtype.

A Python number meets a tensor as late as possible, and never through torch's default dtype.
"""

import ast
import math
import operator
from collections.abc import Callable

import torch
from torch import Tensor

from models.context import (
    LARGEST_INTEGER,
    Context,
    StaticInt,
    Value,
    bounded,
    describe,
    finite,
    is_integer,
    is_real,
)
from models.functions.linear import matmul

_ARITHMETIC: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}

_COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

#: Texts are site names such as "z_" + str(t).
_LONGEST_TEXT = 200
#: Entries of a list, those of the lists in it included: whoever takes it looks at each.
_MOST_ENTRIES = 100_000


def binary(context: Context, kind: type[ast.operator], left: Value, right: Value) -> Value:
    """Return `left (operator) right`."""
    if kind is ast.MatMult:
        return matmul(context, left, right)
    if kind in (ast.BitAnd, ast.BitOr):
        return _logical(context, kind, left, right)
    if kind is ast.Add and isinstance(left, str | tuple):
        return _joined(left, right)
    for value in (left, right):
        if not isinstance(value, Tensor | StaticInt | int | float):
            raise TypeError(f"cannot compute with {describe(value)}; write numbers or arrays")
    if kind is ast.Pow:
        return _power(context, left, right)
    operation = _ARITHMETIC[kind]
    if is_integer(left) and is_integer(right) and kind is not ast.Div:
        return _integers(operation, left, right)
    if _is_plain(left) and _is_plain(right):
        return finite(operation(left, right))
    return operation(*_promoted(context, left, right, real=kind is ast.Div))


def unary(context: Context, kind: type[ast.unaryop], value: Value) -> Value:
    """Return `(operator) value`."""
    if kind is ast.Not:
        return not context.truth(value)
    if kind is ast.Invert:
        return torch.logical_not(_truths(context, value))
    if kind is ast.UAdd:
        return value if not isinstance(value, tuple) else context.tensor(value)
    if isinstance(value, StaticInt):
        return StaticInt(-value.value, value.names)
    if isinstance(value, int | float):
        return -value
    return torch.neg(context.tensor(value))


def compare(context: Context, kind: type[ast.cmpop], left: Value, right: Value) -> Value:
    """Return `left (comparison) right`: a bool of static values, else a boolean array."""
    if kind in (ast.Is, ast.IsNot):
        if left is not None and right is not None:
            raise TypeError("`is` only compares with None; write == or !=")
        return (left is right) == (kind is ast.Is)
    operation = _COMPARISONS[kind]
    if _is_known(left) and _is_known(right):
        # The outcome is a Python bool, and may decide a branch: its data are static.
        return operation(_static(context, left), _static(context, right))
    if isinstance(left, str | tuple) and type(left) is type(right):
        return operation(left, right)
    return operation(*_promoted(context, left, right, real=False))


def both(left: Value, right: Value) -> Value:
    """Return the conjunction of two links of a chain of comparisons."""
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return left & right
    return left and right


def counted(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return a list, or raise if it has too many entries: `[x, x]` doubles them at every turn."""
    left, inside = _MOST_ENTRIES, [values]
    while inside:
        some = inside.pop()
        left -= len(some)
        if left < 0:
            raise ValueError(f"a list of more than {_MOST_ENTRIES} entries; send them as data")
        if tuple in set(map(type, some)):
            inside += [part for part in some if type(part) is tuple]
    return values


def _static(context: Context, value: Value) -> float:
    return context.static(value) if isinstance(value, StaticInt) else value


def _is_plain(value: Value) -> bool:
    return isinstance(value, int | float)


def _is_known(value: Value) -> bool:
    return isinstance(value, StaticInt | int | float)


def _joined(left: Value, right: Value) -> Value:
    if type(left) is not type(right):
        raise TypeError(f"cannot join {describe(left)} and {describe(right)}; write str(i)")
    if isinstance(left, str) and len(left) + len(right) > _LONGEST_TEXT:
        raise ValueError(f"a text longer than {_LONGEST_TEXT} characters; shorten the name")
    return left + right if isinstance(left, str) else counted(left + right)


def _integers(operation: Callable[[Value, Value], Value], left: Value, right: Value) -> Value:
    names: frozenset[str] = frozenset()
    numbers = []
    for value in (left, right):
        names |= value.names if isinstance(value, StaticInt) else frozenset()
        numbers.append(value.value if isinstance(value, StaticInt) else int(value))
    result = bounded(operation(*numbers))
    return StaticInt(result, names) if names else result


def _power(context: Context, base: Value, exponent: Value) -> Value:
    if isinstance(exponent, StaticInt):
        # Whether the power of an integer is an integer hangs on the exponent's sign.
        exponent = context.static(exponent)
    if is_integer(base) and isinstance(exponent, int) and exponent >= 0:
        size = base.value if isinstance(base, StaticInt) else int(base)
        _check_power(size, exponent)
        return _integers(operator.pow, base, exponent)
    if _is_plain(base) and _is_plain(exponent):
        return finite(_plain_power(base, exponent))
    real = isinstance(exponent, int | float) and exponent < 0
    return operator.pow(*_promoted(context, base, exponent, real=real))


def _check_power(base: int, exponent: int) -> None:
    """Refuse a power beyond an int64 without computing it."""
    if abs(base) > 1 and exponent * (abs(base).bit_length() - 1) > LARGEST_INTEGER.bit_length():
        bounded(LARGEST_INTEGER + 1)


def _plain_power(base: float, exponent: float) -> float:
    if base < 0 and exponent != int(exponent):
        raise ValueError("a negative number to a power that is no integer; it is not real")
    try:
        return float(base) ** exponent
    except OverflowError:
        return math.inf


def _promoted(context: Context, left: Value, right: Value, *, real: bool) -> tuple[Value, Value]:
    """Return both operands ready for torch: in one dtype, plain numbers left to the operator."""
    real = real or is_real(left) or is_real(right)
    convert = context.real if real else context.tensor
    left, right = (int(v) if isinstance(v, bool) else v for v in (left, right))
    return (
        left if _is_plain(left) else convert(left),
        right if _is_plain(right) else convert(right),
    )


def _truths(context: Context, value: Value) -> Tensor:
    if isinstance(value, Tensor) and value.dtype == torch.bool:
        return value
    if isinstance(value, Tensor | bool):
        return context.tensor(value) != 0
    raise TypeError(f"expected a comparison of arrays, got {describe(value)}")


def _logical(context: Context, kind: type[ast.operator], left: Value, right: Value) -> Value:
    operation = torch.logical_and if kind is ast.BitAnd else torch.logical_or
    return operation(_truths(context, left), _truths(context, right))
