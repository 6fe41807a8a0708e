"""Indexing and slicing of arrays, with the index values of discrete sites and of data."""

import torch
from torch import Tensor

from models.context import Context, StaticInt, Value, describe, is_integer
from models.errors import DataError


def subscript(context: Context, value: Value, index: Value, *, booleans: bool = False) -> Value:
    """Return `value[index]`.

    Arrays of integers index, also those that arithmetic or a distribution made real.

    Args:
        context: dtype, device and checks of the run.
        value: an array or a list.
        index: what stands in the brackets.
        booleans: whether a boolean array stands for the indices 0 and 1. In torch it would select
            a number of entries that is only known while running; without `booleans` it is refused.

    Raises:
        DataError: with checks on, an index outside the array.
        TypeError: the value cannot be indexed so.
    """
    if isinstance(value, tuple):
        return _member(context, value, index)
    if not isinstance(value, Tensor):
        raise TypeError(f"{describe(value)} has no parts to index")
    parts = index if isinstance(index, tuple) else (index,)
    if booleans:
        parts = tuple(part.long() if _is_boolean(part) else part for part in parts)
    return _select(context, value, tuple(_part(context, part) for part in parts))


def _member(context: Context, value: tuple[Value, ...], index: Value) -> Value:
    if isinstance(index, slice):
        return tuple(value[index])
    if not is_integer(index):
        return subscript(context, context.tensor(value), index)
    position = context.static(index, "an index of a list")
    if not -len(value) <= position < len(value):
        raise IndexError(f"index {position} of a list of {len(value)}; indices start at 0")
    return value[position]


def _part(context: Context, part: Value) -> Value:
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if isinstance(part, bool) or _is_boolean(part):
        raise TypeError(
            "a boolean index; write where(condition, a, b), or an index of integers with .long() "
            "or 1 * condition"
        )
    if isinstance(part, int | StaticInt):
        return context.static(part, "an index")
    return _whole(context, context.tensor(part))


def _is_boolean(part: Value) -> bool:
    return isinstance(part, Tensor) and part.dtype == torch.bool


def _whole(context: Context, index: Tensor) -> Tensor:
    """Return an index array as int64; discrete distributions and arithmetic make it real."""
    if context.checks and index.is_floating_point() and bool((index != index.floor()).any()):
        raise TypeError("an index that is not a whole number; indices are integers from 0")
    return index.long()


def _select(context: Context, value: Tensor, parts: tuple[Value, ...]) -> Tensor:
    parts = _without_ellipsis(value, parts)
    if context.checks:
        _check_range(value, parts)
    # torch reads a 0-d index with `.item()`, which neither tracing nor vmap can do.
    if any(isinstance(part, Tensor) and part.dim() == 0 for part in parts):
        return _select_scalars(value, parts)
    return value[parts]


def _select_scalars(value: Tensor, parts: tuple[Value, ...]) -> Tensor:
    arrays = [part for part in parts if isinstance(part, Tensor)]
    if any(part.dim() > 0 for part in arrays):
        return value[tuple(_lifted(part) for part in parts)]
    # Slices first; then each 0-d index takes its dimension away, the last one first.
    sliced = value[tuple(slice(None) if isinstance(part, Tensor) else part for part in parts)]
    kept = [part for part in parts if not isinstance(part, int)]
    for place in reversed(range(len(kept))):
        if isinstance(kept[place], Tensor):
            before = (slice(None),) * place
            sliced = sliced[(*before, kept[place].reshape(1))].squeeze(place)
    return sliced


def _lifted(part: Value) -> Value:
    return part.reshape(1) if isinstance(part, Tensor) and part.dim() == 0 else part


def _without_ellipsis(value: Tensor, parts: tuple[Value, ...]) -> tuple[Value, ...]:
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > value.dim():
        raise IndexError(
            f"{used} indices for an array of {value.dim()} dimensions, shape {tuple(value.shape)}"
        )
    places = [place for place, part in enumerate(parts) if part is Ellipsis]
    if not places:
        return parts
    fill = (slice(None),) * (value.dim() - used)
    return parts[: places[0]] + fill + parts[places[0] + 1 :]


def _check_range(value: Tensor, parts: tuple[Value, ...]) -> None:
    dimension = 0
    for part in parts:
        if part is None:
            continue
        size = value.shape[dimension]
        if isinstance(part, Tensor) and part.numel():
            low, high = int(part.min()), int(part.max())
            if low < -size or high >= size:
                worst = high if high >= size else low
                raise DataError(
                    "",
                    f"index {worst} is out of range for dimension {dimension} of size {size}; "
                    f"indices start at 0 and end at {size - 1}",
                )
        dimension += 1
