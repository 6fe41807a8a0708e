"""What a graph being lowered is made of: arrays known beforehand, and values with a lane a chain.

A lane value is a view (shape, strides, offset) on what one producer computes; views cost nothing.
Strides count numbers, whatever their size in bytes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
class Pairs:
    """A matrix whose neighbours in bf16 lie in one number of 32 bits, the first of them below."""

    #: Whether it is the transpose of what is paired.
    turned: bool
    #: 0: neighbours in a column; 1: in a row.
    dim: int

    def of(self, matrix: Tensor) -> Tensor:
        """Return the pairs, an odd one out beside a zero."""
        matrix = (matrix.mT if self.turned else matrix).to(torch.bfloat16)
        if self.dim == 0:
            matrix = matrix.mT
        even = torch.nn.functional.pad(matrix, (0, matrix.shape[1] % 2)).contiguous()
        pairs = even.view(torch.int32)
        return pairs.mT.contiguous() if self.dim == 0 else pairs


@dataclass(frozen=True)
class Recipe:
    """How an array comes from the data: a result of the prologue, its elements' inverses, pairs."""

    name: str
    inverse: bool = False
    pairs: Pairs | None = None

    def make(self, results: Mapping[str, Tensor]) -> Tensor:
        """Return the array, from the prologue's results by name."""
        tensor = results[self.name]
        if self.pairs is not None:
            return self.pairs.of(tensor)
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
