"""Reads and writes at indices from data; negative ones count from the end."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Node

from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.statements import Access, Table
from models.native.values import Shape, UnsupportedError, Value, whole
from models.native.views import aligned, over, restride

RULES = Rules()
_ATEN = torch.ops.aten
#: Shape and strides of what is read or written, and the tables that find it.
Places = tuple[Shape, Shape, tuple[Table, ...]]


def _table(known: Any, shape: Shape, at: int, stride: int, size: int) -> Table:
    """Return indices, whose dimensions stand at `at ...` of a shape, as part of an address."""
    tail = len(shape) - at - len(known.shape)
    steps = aligned(known.strides + (0,) * tail, known.shape + (1,) * tail, shape)
    return Table(known, over(steps, shape), stride, size)


def _checked(x: Value, *indices: Any) -> None:
    if any(isinstance(index, Value) for index in indices):
        raise UnsupportedError("indices that depend on the parameters")
    dtypes = {index.tensor.dtype for index in indices}
    if not indices or not dtypes <= {torch.int64, torch.int32}:
        raise UnsupportedError("masks as indices")
    if not x.shape:
        raise UnsupportedError("an index of a number")


def _places(x: Value, indices: Sequence[Any]) -> Places:
    """Return what `x[indices]` means."""
    used = [d for d, index in enumerate(indices) if index is not None]
    _checked(x, *(indices[d] for d in used))
    first, end = used[0], used[-1] + 1
    if used != list(range(first, end)):
        raise UnsupportedError("indices with a gap between them")
    middle = tuple(torch.broadcast_shapes(*(indices[d].shape for d in used)))
    shape = (*x.shape[:first], *middle, *x.shape[end:])
    strides = (*x.strides[:first], *(0 for _ in middle), *x.strides[end:])
    tables = []
    for d in used:
        at = first + len(middle) - len(indices[d].shape)
        tables.append(_table(indices[d], shape, at, x.strides[d], x.shape[d]))
    return shape, strides, tuple(tables)


def _along(x: Value, dim: int, index: Any) -> Places:
    """Return what `gather` and `scatter` mean: the index's shape decides."""
    _checked(x, index)
    dim %= len(x.shape)
    strides = tuple(0 if d == dim else s for d, s in enumerate(x.strides))
    table = _table(index, index.shape, 0, x.strides[dim], x.shape[dim])
    return index.shape, strides, (table,)


def _at(dim: int, index: Any, x: Value) -> Places:
    """Return what `index_select` and `index_add` mean."""
    if len(getattr(index, "shape", ())) != 1:
        raise UnsupportedError("an index that is not a vector")
    return _places(x, [None] * (dim % max(1, len(x.shape))) + [index])


def _read(low: Lowering, x: Value, places: Places) -> Value:
    shape, strides, tables = places
    out = low.fresh(shape, x.kind)
    out.mask = x.producer.mask
    return low.read_into(out, Access(x.producer, over(strides, shape), x.offset, tables))


@RULES.of(_ATEN.index.Tensor)
def index(low: Lowering, node: Node, x: Any, indices: Sequence[Any]) -> Value:
    """Read at indices of several dimensions."""
    x = low.lane(x)
    return _read(low, x, _places(x, indices))


@RULES.of(_ATEN.index_select.default)
def index_select(low: Lowering, node: Node, x: Any, dim: int, picks: Any) -> Value:
    """Read at indices of one dimension."""
    x = low.lane(x)
    return _read(low, x, _at(dim, picks, x))


@RULES.of(_ATEN.gather.default)
def gather(
    low: Lowering, node: Node, x: Any, dim: int, picks: Any, *, sparse_grad: bool = False
) -> Value:
    """Read at an index of one dimension for every place."""
    x = low.lane(x)
    return _read(low, x, _along(x, dim, picks))


def _put(
    low: Lowering,
    node: Node,
    x: Any,
    g: Any,
    accumulate: bool,
    places: Callable[[Value], Places],
) -> Value:
    """Write `g` at places of a copy of `x`, one after another."""
    kind = low.kind(node)
    if accumulate and kind == "bool":
        raise UnsupportedError("a sum of conditions")
    wide = "real" if kind == "bfloat" and accumulate else kind
    target = whole(low.fresh(shape_of(node), wide))
    shape, strides, tables = places(target)
    first = low.store(target, x)
    low.store(restride(target, shape, strides), g, [first], tables, accumulate)
    return low.rounded(target, kind) if wide != kind else target


@RULES.of(_ATEN.index_put.default)
def index_put(
    low: Lowering, node: Node, x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Value:
    """Write, or add, at indices of several dimensions."""
    return _put(low, node, x, values, accumulate, lambda target: _places(target, indices))


@RULES.of(_ATEN.index_add.default)
def index_add(
    low: Lowering, node: Node, x: Any, dim: int, picks: Any, g: Any, *, alpha: float = 1
) -> Value:
    """Add at indices of one dimension."""
    if alpha != 1:
        raise UnsupportedError(f"alpha = {alpha}")
    return _put(low, node, x, g, True, lambda target: _at(dim, picks, target))


@RULES.of(_ATEN.scatter_add.default)
def scatter_add(low: Lowering, node: Node, x: Any, dim: int, picks: Any, g: Any) -> Value:
    """Add at an index of one dimension for every place of the index."""
    return _put(low, node, x, g, True, lambda target: _along(target, dim, picks))


@RULES.of(_ATEN.scatter.src, _ATEN.scatter.value)
def scatter(low: Lowering, node: Node, x: Any, dim: int, picks: Any, g: Any) -> Value:
    """Write at an index of one dimension for every place of the index."""
    return _put(low, node, x, g, False, lambda target: _along(target, dim, picks))
