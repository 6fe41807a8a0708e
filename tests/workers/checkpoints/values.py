"""Values of every kind that is kept, drawn by Hypothesis, and when two are the same."""

import dataclasses
import enum
import math
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from pydantic import BaseModel
from torch import Tensor

from workers.checkpoints.checkpoint import Held, Spread
from workers.checkpoints.layout import content
from workers.engines.kernels.initial import Point
from workers.engines.kernels.shared_step import SharedStep
from workers.goal import Goal
from workers.results import Outcome

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
REALS = st.floats(allow_nan=True, allow_infinity=True)
WHOLE = st.integers(-(2**70), 2**70)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any kind: a scalar, an empty one, one with strides, one that repeats itself."""
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    whole = torch.as_tensor(source.integers(-200, 200, [n + 2 for n in shape]) / 7)
    tensor = whole.to(draw(st.sampled_from(DTYPES)))
    for axis, length in enumerate(shape):
        tensor = tensor.narrow(axis, draw(st.integers(0, 2)), length)
    if shape and draw(st.booleans()):
        tensor = tensor.transpose(0, -1)
    if draw(st.booleans()):
        tensor = tensor[None].expand(3, *tensor.shape)
    return tensor.contiguous() if draw(st.booleans()) else tensor


def instances(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Instances of classes of the engines, with anything in their fields."""
    return st.one_of(
        st.builds(Point, inner, inner, inner),
        st.builds(SharedStep, inner, inner, REALS, REALS, WHOLE),
        st.builds(Spread, WHOLE, tensors(), inner),
        st.builds(Held, st.lists(tensors()).map(tuple), st.dictionaries(st.text(), inner)),
    )


LEAVES = st.one_of(
    st.none(), st.booleans(), WHOLE, REALS, st.text(), tensors(), st.sampled_from(Outcome),
    st.builds(Goal, ess_bulk=st.floats(1e-9, 1e9), r_hat=st.none() | st.floats(1.01, 1e9)),
    st.lists(REALS, max_size=4).map(np.array),
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(), inner, max_size=3),
        instances(inner),
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are of the same type and bits, tensors also in their layout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return _same_tensors(one, other)
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, BaseModel | enum.Enum):
        return one == other
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def _same_tensors(one: Tensor, other: Tensor) -> bool:
    alike = (one.dtype, one.shape, one.device) == (other.dtype, other.shape, other.device)
    apart = one.data_ptr() % 64 - other.data_ptr() % 64 if one.numel() else 0
    laid = one.stride() == other.stride() and not apart
    return alike and laid and bytes(content(one)) == bytes(content(other))
