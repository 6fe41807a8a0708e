"""Reductions over some dimensions, or all."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import UnsupportedError, Value
from models.native.views import held, ones

RULES = Rules()
_ATEN = torch.ops.aten
Dims = Sequence[int] | int | None
#: Float32 counts up to here.
_EXACT = 2**24


@RULES.of(_ATEN.sum.default, _ATEN.sum.dim_IntList)
def total(
    low: Lowering, node: Node, x: Any, dims: Dims = None, keep: bool = False, *, dtype: Any = None
) -> Value:
    """Sum, in the result's type; what is counted is counted in real numbers."""
    counted = isinstance(x, Value) and x.kind == "bool" and x.size < _EXACT and dtype is None
    return low.fold("sum", x, dims, shape_of(node), "real" if counted else low.kind(node))


@RULES.of(_ATEN.prod.default)
def product(low: Lowering, node: Node, x: Any, *, dtype: Any = None) -> Value:
    """Multiply all numbers."""
    return low.fold("prod", x, None, shape_of(node), low.kind(node))


@RULES.of(_ATEN.prod.dim_int)
def product_along(
    low: Lowering, node: Node, x: Any, dim: int, keep: bool = False, *, dtype: Any = None
) -> Value:
    """Multiply along a dimension."""
    return low.fold("prod", x, dim, shape_of(node), low.kind(node))


@RULES.of(_ATEN.amax.default, _ATEN.max.default)
def largest(low: Lowering, node: Node, x: Any, dims: Dims = None, keep: bool = False) -> Value:
    """Return the largest number; NaN is larger than all."""
    return low.fold("max", x, dims, shape_of(node), low.kind(node))


@RULES.of(_ATEN.amin.default, _ATEN.min.default)
def smallest(low: Lowering, node: Node, x: Any, dims: Dims = None, keep: bool = False) -> Value:
    """Return the smallest number; NaN is smaller than all."""
    return low.fold("min", x, dims, shape_of(node), low.kind(node))


@RULES.of(_ATEN.mean.default, _ATEN.mean.dim)
def mean(
    low: Lowering, node: Node, x: Any, dims: Dims = None, keep: bool = False, *, dtype: Any = None
) -> Value:
    """Average; NaN of nothing."""
    shape, kind = shape_of(node), low.kind(node)
    return low.times(low.fold("sum", x, dims, shape, kind), 1 / _count(x, shape), shape, kind)


def _count(x: Any, shape: Sequence[int]) -> float:
    """Return how many numbers of `x` go into each number of a result; NaN for none."""
    results = math.prod(shape)
    return (math.prod(x.shape) / results if results else 0.0) or math.nan


@RULES.of(_ATEN.var.correction)
def variance(
    low: Lowering,
    node: Node,
    x: Any,
    dims: Dims = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Value:
    """Return the mean square distance from the mean, with the count less a correction."""
    kind, kept = low.kind(node), held(x.shape, dims)
    count = _count(x, kept)
    mean = low.times(low.fold("sum", x, dims, kept, kind), 1 / count, kept, kind)
    square: ops.Template = lambda v, m: f"(({v} - {m}) * ({v} - {m}))"  # noqa: E731
    away = low.point(square, [x, mean], x.shape, kind)
    rest = count - (1 if correction is None else correction)
    share = 1 / rest if rest > 0 else math.inf if rest <= 0 else math.nan
    scaled = low.times(low.fold("sum", away, dims, kept, kind), share, kept, kind)
    return ones(scaled, shape_of(node))


@RULES.of(_ATEN.std.correction)
def deviation(
    low: Lowering,
    node: Node,
    x: Any,
    dims: Dims = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Value:
    """Return the root of the variance."""
    square = variance(low, node, x, dims, correction=correction, keepdim=keepdim)
    return low.point(ops.power(0.5), [square], square.shape, low.kind(node))


@RULES.of(_ATEN.linalg_vector_norm.default)
def norm(
    low: Lowering,
    node: Node,
    x: Any,
    order: float = 2,
    dims: Dims = None,
    keep: bool = False,
    *,
    dtype: Any = None,
) -> Value:
    """Return the Euclidean length."""
    if order != 2:
        raise UnsupportedError(f"the norm of order {order}")
    kind, shape = low.kind(node), shape_of(node)
    squares = low.times(x, x, x.shape, kind)
    return low.point(ops.power(0.5), [low.fold("sum", squares, dims, shape, kind)], shape, kind)
