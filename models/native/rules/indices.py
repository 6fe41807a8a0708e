"""Reads and writes at indices from data; negative ones count from the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.statements import Access, Table
from models.native.values import Known, Shape, UnsupportedError, Value, whole
from models.native.views import aligned, over, restride

RULES = Rules()
_ATEN = torch.ops.aten


@dataclass(frozen=True)
class Places:
    """What is read or written: a view, and the tables that find the rest of its address."""

    shape: Shape
    strides: Shape
    offset: int
    tables: tuple[Table, ...]


def _found(
    shape: Shape, strides: Sequence[int], picks: Sequence[tuple[Any, int, int, int]]
) -> Places:
    """Return places from indices: each with where its dimensions stand, its stride and its size.

    Indices of the text that go up in even steps are strides.
    """
    steps, offset, tables = list(strides), 0, []
    for known, at, stride, size in picks:
        even = _even(known, size)
        if even is not None:
            offset += even[0] * stride
            for d, step in enumerate(even[1]):
                steps[at + d] += step * stride
            continue
        tail = len(shape) - at - len(known.shape)
        spread = aligned(known.strides + (0,) * tail, known.shape + (1,) * tail, shape)
        tables.append(Table(known, over(spread, shape), stride, size))
    return Places(shape, tuple(steps), offset, tuple(tables))


def _even(known: Known, size: int) -> tuple[int, Shape] | None:
    """Return first and steps of indices that the text gives and that go up evenly."""
    if known.recipe is not None or not known.tensor.numel():
        return None
    picks = known.tensor.long() % size
    origin = (0,) * picks.dim()
    first = int(picks[origin])
    steps = tuple(
        int(picks[(*origin[:d], 1, *origin[d + 1 :])]) - first if n > 1 else 0
        for d, n in enumerate(picks.shape)
    )
    even = torch.full_like(picks, first)
    for d, step in enumerate(steps):
        along = step * torch.arange(picks.shape[d])
        even += along.reshape(-1, *(1 for _ in picks.shape[d + 1 :]))
    return (first, steps) if torch.equal(even, picks) else None


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
    ends = first + len(middle)
    picks = [(indices[d], ends - len(indices[d].shape), x.strides[d], x.shape[d]) for d in used]
    return _found(shape, strides, picks)


def _along(x: Value, dim: int, index: Any) -> Places:
    """Return what `gather` and `scatter` mean: the index's shape decides."""
    _checked(x, index)
    dim %= len(x.shape)
    strides = tuple(0 if d == dim else s for d, s in enumerate(x.strides))
    return _found(index.shape, strides, [(index, 0, x.strides[dim], x.shape[dim])])


def _at(dim: int, index: Any, x: Value) -> Places:
    """Return what `index_select` and `index_add` mean."""
    if len(getattr(index, "shape", ())) != 1:
        raise UnsupportedError("an index that is not a vector")
    return _places(x, [None] * (dim % max(1, len(x.shape))) + [index])


def _read(low: Lowering, x: Value, places: Places) -> Value:
    seen = restride(x, places.shape, places.strides, places.offset)
    if not places.tables:
        return seen
    out = low.fresh(places.shape, x.kind)
    out.mask = x.producer.mask
    access = Access(x.producer, over(seen.strides, seen.shape), seen.offset, places.tables)
    return low.read_into(out, access)


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
    found = places(target)
    seen = restride(target, found.shape, found.strides, found.offset)
    first = low.store(target, x)
    low.store(seen, g, [first], found.tables, accumulate)
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
