"""What a graph being lowered is made of: arrays known beforehand, and values with a lane a chain.

A lane value is a view (shape, strides, offset) on what one producer computes; views cost nothing.
Strides count numbers, whatever their size in bytes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Shape = tuple[int, ...]


class UnsupportedError(Exception):
    """The graph has an operation that is not lowered; the model runs on the interpreted tier."""


@dataclass(eq=False)
class Producer:
    """One thing that is computed: an array of vectors, contiguous, of a given element type."""

    name: str
    shape: Shape
    #: `real`, `double`, `bfloat` (a float that was rounded) or `bool`.
    kind: str
    #: What its mask's elements are, for `bool`: `real` or `double`.
    mask: str = "real"
    #: What it holds before anything is written, where parts of it are written or summed up.
    initial: float | None = None

    @property
    def size(self) -> int:
        """How many numbers it has per chain."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Value:
    """A view on a producer's array."""

    producer: Producer
    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def kind(self) -> str:
        """The element type."""
        return self.producer.kind

    @property
    def size(self) -> int:
        """How many numbers it shows per chain."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Recipe:
    """How an array comes from the data: a result of the prologue, or its elements' inverses."""

    name: str
    inverse: bool = False

    def make(self, results: Mapping[str, Tensor]) -> Tensor:
        """Return the array, from the prologue's results by name."""
        tensor = results[self.name]
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.float()
        return tensor.reciprocal() if self.inverse else tensor


@dataclass(frozen=True)
class Known:
    """An array that is the same for every chain."""

    index: int
    #: Its numbers for the data at hand; of them only shape, strides and dtype shape the code.
    tensor: Tensor
    #: Its number, where all are one that comes from the text and not from data.
    literal: float | None = None
    #: None for numbers of the text.
    recipe: Recipe | None = None

    @property
    def shape(self) -> Shape:
        """Its shape."""
        return tuple(self.tensor.shape)

    @property
    def strides(self) -> Shape:
        """Its strides as it lies in memory."""
        return self.tensor.stride()


Operand = Value | Known | float


def contiguous(shape: Sequence[int]) -> Shape:
    """Return the strides of an array that lies in memory row by row."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def whole(producer: Producer) -> Value:
    """Return the view that shows all of a producer in its own shape."""
    return Value(producer, producer.shape, contiguous(producer.shape))


def is_whole(value: Value) -> bool:
    """Return whether a view shows every number of its producer once and in order."""
    if value.offset or value.size != value.producer.size:
        return False
    pairs = [(n, s) for n, s in zip(value.shape, value.strides, strict=True) if n != 1]
    step = 1
    for size, stride in reversed(pairs):
        if stride != step:
            return False
        step *= size
    return True


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
    """Return the view broadcast to a shape (`-1` keeps a size)."""
    lead = len(shape) - len(value.shape)
    sizes = (1,) * lead + value.shape
    strides = (0,) * lead + value.strides
    target = tuple(s if n == -1 else n for n, s in zip(shape, sizes, strict=True))
    steps = tuple(
        0 if size == 1 and want != 1 else stride
        for want, size, stride in zip(target, sizes, strides, strict=True)
    )
    return replace(value, shape=target, strides=steps)


def restride(value: Value, shape: Shape, strides: Shape, shift: int = 0) -> Value:
    """Return another view on the same producer."""
    return replace(value, shape=shape, strides=strides, offset=value.offset + shift)


def aligned(strides: Sequence[int], shape: Shape, domain: Shape) -> Shape:
    """Return strides over a loop's domain for an operand of `shape`, broadcast from the right.

    `domain` keeps every dimension, those of size 1 included.
    """
    lead = len(domain) - len(shape)
    return (0,) * lead + tuple(
        0 if size == 1 else stride for size, stride in zip(shape, strides, strict=True)
    )
