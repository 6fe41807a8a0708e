"""Arrays put together from parts, and parts put into arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Node

from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import UnsupportedError, Value, whole
from models.native.views import cut, diagonal, restride, select

RULES = Rules()
_ATEN = torch.ops.aten
View = Callable[[Value], Value]


@RULES.of(_ATEN.cat.default)
def cat(low: Lowering, node: Node, parts: Sequence[Any], dim: int = 0) -> Value:
    """Join along a dimension; an empty vector joins anything."""
    target = whole(low.fresh(shape_of(node), low.kind(node)))
    first = 0
    for part in parts:
        if part.shape != (0,):
            end = first + part.shape[dim]
            low.store(cut(target, dim, first, end, 1), part)
            first = end
    return target


@RULES.of(_ATEN.stack.default)
def stack(low: Lowering, node: Node, parts: Sequence[Any], dim: int = 0) -> Value:
    """Join along a new dimension."""
    target = whole(low.fresh(shape_of(node), low.kind(node)))
    for index, part in enumerate(parts):
        low.store(select(target, dim, index), part)
    return target


def _into(low: Lowering, node: Node, x: Any, view: View, fill: float = 0.0) -> Value:
    """Write into a part of an array that holds one number."""
    target = whole(low.fresh(shape_of(node), low.kind(node), fill))
    low.store(view(target), x)
    return target


@RULES.of(_ATEN.select_backward.default)
def select_backward(low: Lowering, node: Node, g: Any, size: Any, dim: int, index: int) -> Value:
    """Put into zeros what was selected."""
    return _into(low, node, g, lambda x: select(x, dim, index))


@RULES.of(_ATEN.slice_backward.default)
def slice_backward(
    low: Lowering, node: Node, g: Any, size: Any, dim: int, start: int, end: int, step: int
) -> Value:
    """Put into zeros what was cut out."""
    return _into(low, node, g, lambda x: cut(x, dim, start, end, step))


@RULES.of(_ATEN.diagonal_backward.default)
def diagonal_backward(
    low: Lowering, node: Node, g: Any, size: Any, offset: int, dim1: int, dim2: int
) -> Value:
    """Put a diagonal into zeros."""
    return _into(low, node, g, lambda x: diagonal(x, offset, dim1, dim2))


@RULES.of(_ATEN.diag_embed.default)
def diag_embed(
    low: Lowering, node: Node, x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Value:
    """Put a vector on a diagonal."""
    return _into(low, node, x, lambda y: diagonal(y, offset, dim1, dim2))


@RULES.of(_ATEN.constant_pad_nd.default)
def pad(low: Lowering, node: Node, x: Any, pads: Sequence[int], value: float = 0) -> Value:
    """Put numbers around; `pads` has two counts a dimension, the last one first."""
    if min(pads, default=0) < 0:
        raise UnsupportedError("negative padding")

    def inside(y: Value) -> Value:
        shift = sum(n * y.strides[-1 - pair] for pair, n in enumerate(pads[::2]))
        return restride(y, x.shape, y.strides, shift)

    return _into(low, node, x, inside, float(value))


def _onto(low: Lowering, node: Node, x: Any, g: Any, view: View) -> Value:
    """Write over a part of a copy."""
    target = whole(low.fresh(shape_of(node), low.kind(node)))
    first = low.store(target, x)
    low.store(view(target), g, after=[first])
    return target


@RULES.of(_ATEN.slice_scatter.default)
def slice_scatter(
    low: Lowering,
    node: Node,
    x: Any,
    g: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """Replace a range of a dimension."""
    return _onto(low, node, x, g, lambda y: cut(y, dim, start, end, step))


@RULES.of(_ATEN.select_scatter.default)
def select_scatter(low: Lowering, node: Node, x: Any, g: Any, dim: int, index: int) -> Value:
    """Replace one index of a dimension."""
    return _onto(low, node, x, g, lambda y: select(y, dim, index))


@RULES.of(_ATEN.diagonal_scatter.default)
def diagonal_scatter(
    low: Lowering, node: Node, x: Any, g: Any, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Value:
    """Replace a diagonal."""
    return _onto(low, node, x, g, lambda y: diagonal(y, offset, dim1, dim2))
