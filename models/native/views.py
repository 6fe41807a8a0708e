"""Views on arrays: other shapes and strides over the same numbers. They cost nothing."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from models.native.values import Shape, Value, contiguous


def dimension(dim: int, rank: int) -> int:
    """Return a dimension counted from the front; a number without dimensions takes 0 and -1."""
    return dim % max(1, rank)


def dimensions(dims: Sequence[int] | int | None, rank: int) -> set[int]:
    """Return what a reduction runs over: the dimensions named, all of them where none is."""
    if isinstance(dims, int):
        dims = [dims]
    return {d % rank for d in dims} if dims and rank else set(range(rank))


def held(shape: Shape, dims: Sequence[int] | int | None) -> Shape:
    """Return a shape with the dimensions that are reduced kept as ones."""
    gone = dimensions(dims, len(shape))
    return tuple(1 if d in gone else n for d, n in enumerate(shape))


def domain_of(shape: Sequence[int]) -> Shape:
    """Return the sizes that a loop over a shape has."""
    return tuple(n for n in shape if n != 1)


def over(values: Sequence[int], shape: Sequence[int]) -> Shape:
    """Return what belongs to the dimensions of a shape that a loop over it has."""
    return tuple(value for value, n in zip(values, shape, strict=True) if n != 1)


def is_whole(value: Value) -> bool:
    """Return whether a view shows every number of its producer once and in order."""
    if value.offset or value.size != value.producer.size:
        return False
    return over(value.strides, value.shape) == contiguous(domain_of(value.shape))


def reshape(value: Value, shape: Shape) -> Value | None:
    """Return the view in another shape; None where its numbers do not lie in such an order."""
    if is_whole(value):
        return replace(value, shape=shape, strides=contiguous(shape))
    if min(value.strides, default=0) < 0:
        return None
    meta = torch.empty_strided(value.shape, value.strides, device="meta")
    try:
        strides = meta.view(shape).stride()
    except RuntimeError:
        return None
    return replace(value, shape=shape, strides=tuple(strides))


def expand(value: Value, shape: Shape) -> Value:
    """Return the view broadcast to a shape."""
    return replace(value, shape=shape, strides=aligned(value.strides, value.shape, shape))


def restride(value: Value, shape: Shape, strides: Shape, shift: int = 0) -> Value:
    """Return another view on the same producer, which starts `shift` numbers further on."""
    return replace(value, shape=shape, strides=strides, offset=value.offset + shift)


def seen_as(x: Any, shape: Shape, strides: Shape) -> Any:
    """Return a value, or an array of data, with another shape and strides from its first number."""
    if isinstance(x, Value):
        return restride(x, shape, strides)
    return replace(x, tensor=x.tensor.as_strided(shape, strides))


def aligned(strides: Sequence[int], shape: Shape, target: Shape) -> Shape:
    """Return strides over a shape that one of `shape` is broadcast to, from the right."""
    lead = len(target) - len(shape)
    return (0,) * lead + tuple(
        0 if size == 1 else stride for size, stride in zip(shape, strides, strict=True)
    )


def ones(x: Value, shape: Shape) -> Value:
    """Return a view with dimensions of size 1 added or dropped."""
    steps = iter(over(x.strides, x.shape))
    return restride(x, shape, tuple(next(steps) if n != 1 else 0 for n in shape))


def permuted(x: Any, order: Sequence[int]) -> Any:
    """Return a view with its dimensions in another order."""
    return seen_as(x, tuple(x.shape[d] for d in order), tuple(x.strides[d] for d in order))


def swapped(x: Any, first: int, second: int) -> Any:
    """Return a view with two dimensions exchanged."""
    order = list(range(len(x.shape)))
    if order:
        order[first], order[second] = order[second], order[first]
    return permuted(x, order)


def select(x: Value, dim: int, index: int) -> Value:
    """Return a view of one index along a dimension, which goes."""
    dim %= len(x.shape)
    shape, strides = list(x.shape), list(x.strides)
    size, step = shape.pop(dim), strides.pop(dim)
    return restride(x, tuple(shape), tuple(strides), index % size * step)


def cut(x: Value, dim: int, start: int | None, end: int | None, step: int) -> Value:
    """Return a view of every `step`-th index from `start` until before `end`."""
    dim %= len(x.shape)
    places = range(*slice(start, end, step).indices(x.shape[dim]))
    shape = tuple(len(places) if d == dim else n for d, n in enumerate(x.shape))
    strides = tuple(s * step if d == dim else s for d, s in enumerate(x.strides))
    return restride(x, shape, strides, places.start * x.strides[dim])


def diagonal(x: Value, offset: int, first: int, second: int) -> Value:
    """Return a view of a diagonal of two dimensions; it comes last."""
    a, b = first % len(x.shape), second % len(x.shape)
    keep = [d for d in range(len(x.shape)) if d not in (a, b)]
    rows, columns = x.shape[a] + min(offset, 0), x.shape[b] - max(offset, 0)
    shift = offset * x.strides[b] if offset >= 0 else -offset * x.strides[a]
    size = max(0, min(rows, columns))
    return restride(
        x,
        (*(x.shape[d] for d in keep), size),
        (*(x.strides[d] for d in keep), x.strides[a] + x.strides[b]),
        shift,
    )


def flipped(x: Value, dims: Sequence[int]) -> Value:
    """Return a view that runs backwards along dimensions."""
    turned = {dimension(d, len(x.shape)) for d in dims} if x.shape else set()
    shift = sum((x.shape[d] - 1) * x.strides[d] for d in turned)
    steps = tuple(-s if d in turned else s for d, s in enumerate(x.strides))
    return restride(x, x.shape, steps, shift)


def without(values: Sequence[int], dim: int) -> Shape:
    """Return shape or strides without one dimension's."""
    return tuple(value for d, value in enumerate(values) if d != dim)


def repeats(value: Value) -> int:
    """Return how often a view shows each number that it shows."""
    pairs = zip(value.shape, value.strides, strict=True)
    return math.prod(size for size, stride in pairs if stride == 0)
