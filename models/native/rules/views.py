"""Views, and copies that change a type at most."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native import views
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.values import Value
from models.native.views import dimension

RULES = Rules()
_ATEN = torch.ops.aten


@RULES.of(
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.clone.default,
    _ATEN.lift_fresh_copy.default,
    _ATEN.contiguous.default,
)
def same(low: Lowering, node: Node, x: Any, *, memory_format: Any = None) -> Any:
    """Copy: nothing is ever written in place, so a copy is its original."""
    return x


@RULES.of(_ATEN._to_copy.default)
def to_copy(low: Lowering, node: Node, x: Any, **_: Any) -> Any:
    """Change the type; devices and memory formats mean nothing here."""
    kind = low.kind(node)
    if isinstance(x, Value) and x.kind == kind:
        return x
    if kind == "bool":
        return low.point(ops.same, [x], shape_of(node), kind, wants="mask")
    return low.point(ops.same, [x], shape_of(node), kind)


@RULES.of(_ATEN.copy.default)
def copy(low: Lowering, node: Node, x: Any, source: Any, non_blocking: bool = False) -> Value:
    """Take other numbers, broadcast and in this one's type."""
    return views.expand(low.lane(to_copy(low, node, source)), shape_of(node))


@RULES.of(_ATEN.empty_like.default)
def empty(low: Lowering, node: Node, x: Value, **_: Any) -> Value:
    """Return an array that is filled before it is read."""
    return fill(low, node, x, 0.0)


@RULES.of(_ATEN.fill.Scalar)
def fill(low: Lowering, node: Node, x: Value, number: float) -> Value:
    """Return one number everywhere."""
    return views.expand(low.lane(float(number), (), low.real(node)), shape_of(node))


@RULES.of(_ATEN.view.default, _ATEN.reshape.default, _ATEN._unsafe_view.default)
def view(low: Lowering, node: Node, x: Value, shape: Any) -> Value:
    """Change the shape, and lay the numbers out anew where their order asks for it."""
    seen = views.reshape(x, shape_of(node)) or views.reshape(low.copy(x), shape_of(node))
    assert seen is not None
    return seen


@RULES.of(_ATEN.unsqueeze.default, _ATEN.squeeze.dim, _ATEN.squeeze.dims, _ATEN.squeeze.default)
def ones(low: Lowering, node: Node, x: Value, dims: Any = None) -> Value:
    """Add or drop dimensions of size 1."""
    return views.ones(x, shape_of(node))


@RULES.of(_ATEN.expand.default)
def expand(low: Lowering, node: Node, x: Value, shape: Any, *, implicit: bool = False) -> Value:
    """Broadcast."""
    return views.expand(x, shape_of(node))


@RULES.of(_ATEN.repeat.default)
def repeat(low: Lowering, node: Node, x: Value, times: Sequence[int]) -> Value:
    """Lay copies side by side."""
    shape = (1,) * (len(times) - len(x.shape)) + x.shape
    strides = (0,) * (len(times) - len(x.shape)) + x.strides
    pairs = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    steps = tuple(s for stride in strides for s in (0, stride))
    return view(low, node, views.restride(x, pairs, steps), None)


@RULES.of(_ATEN.permute.default)
def permute(low: Lowering, node: Node, x: Value, dims: Sequence[int]) -> Value:
    """Put dimensions in another order."""
    return views.permuted(x, [dimension(d, len(x.shape)) for d in dims])


@RULES.of(_ATEN.transpose.int)
def transpose(low: Lowering, node: Node, x: Value, first: int, second: int) -> Value:
    """Exchange two dimensions."""
    return views.swapped(x, first, second)


@RULES.of(_ATEN.t.default)
def t(low: Lowering, node: Node, x: Value) -> Value:
    """Transpose a matrix; leave a vector."""
    return views.permuted(x, range(len(x.shape))[::-1])


@RULES.of(_ATEN.select.int)
def select(low: Lowering, node: Node, x: Value, dim: int, index: int) -> Value:
    """Take one index of a dimension."""
    return views.select(x, dim, index)


@RULES.of(_ATEN.slice.Tensor)
def slices(
    low: Lowering,
    node: Node,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """Take a range of a dimension."""
    return views.cut(x, dim, start, end, step)


@RULES.of(_ATEN.split_with_sizes.default)
def split(low: Lowering, node: Node, x: Value, sizes: Sequence[int], dim: int = 0) -> list[Value]:
    """Cut a dimension into parts."""
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [views.cut(x, dim, end - n, end, 1) for end, n in zip(ends, sizes, strict=True)]


@RULES.of(_ATEN.split.Tensor)
def split_evenly(low: Lowering, node: Node, x: Value, size: int, dim: int = 0) -> list[Value]:
    """Cut a dimension into parts of one size; the last may be smaller."""
    total = x.shape[dim]
    return [views.cut(x, dim, n, n + size, 1) for n in range(0, max(total, 1), max(size, 1))]


@RULES.of(_ATEN.unbind.int)
def unbind(low: Lowering, node: Node, x: Value, dim: int = 0) -> list[Value]:
    """Take every index of a dimension apart."""
    return [views.select(x, dim, i) for i in range(x.shape[dim])]


@RULES.of(operator.getitem)
def item(low: Lowering, node: Node, parts: Any, index: int) -> Any:
    """Take one of several results."""
    return parts[index]


@RULES.of(_ATEN.diagonal.default)
def diagonal(
    low: Lowering, node: Node, x: Value, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Value:
    """Take a diagonal of two dimensions."""
    return views.diagonal(x, offset, dim1, dim2)


@RULES.of(_ATEN.flip.default)
def flip(low: Lowering, node: Node, x: Value, dims: Sequence[int]) -> Value:
    """Run backwards along dimensions."""
    return views.flipped(x, dims)
