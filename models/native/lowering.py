"""What the rules of operations are made of: each method adds steps and returns their result.

A recorded graph is that of a single `z`: `D`; chains come in as the lanes of every number, so
nothing is batched and nothing has to be batchable.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from models.native import operations as ops
from models.native.exponentials import Exponentials
from models.native.statements import Access, Fold, Point, Statement, Store, Table
from models.native.values import (
    Known,
    Operand,
    Pairs,
    Producer,
    Recipe,
    Shape,
    UnsupportedError,
    Value,
    contiguous,
    whole,
)
from models.native.views import (
    aligned,
    dimensions,
    domain_of,
    expand,
    over,
    restride,
    seen_as,
)

_INITIAL = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}
_KINDS = {torch.float64: "double", torch.bfloat16: "bfloat", torch.bool: "bool"}
#: What arrays of data are read as; those of half precision are widened.
_STORED = (torch.float64, torch.float32, torch.int64, torch.int32, torch.bool)
_HALVES = (torch.bfloat16, torch.float16)


def shape_of(node: Node) -> Shape:
    """Return the shape of a node's result."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else ()


class Lowering:
    """Collects the steps of one function.

    Args:
        dtype: of the run.
        knowns: arrays of data that functions lowered before use; this one's are added.
        prefix: begins the names of its arrays.
        pairs: whether the processor multiplies pairs of numbers in bf16 at once.
    """

    def __init__(
        self, dtype: torch.dtype, knowns: list[Known], prefix: str, pairs: bool = False
    ) -> None:
        self.statements: list[Statement] = []
        self.knowns = knowns
        self.pairs = pairs
        self._dtype, self._prefix = dtype, prefix
        self._count = 0
        self._inverses: dict[tuple[Value, str], Value] = {}
        #: Exponentials computed so far.
        self.exponentials = Exponentials()

    def kind(self, node: Node) -> str:
        """Return the element type of a node's result."""
        return self.kind_of(node.meta["val"].dtype)

    def real(self, node: Node) -> str:
        """Return the element type of a node's result, which is a number.

        Raises:
            UnsupportedError: it is a condition.
        """
        kind = self.kind(node)
        if kind == "bool":
            raise UnsupportedError("arithmetic of conditions")
        return kind

    def kind_of(self, dtype: torch.dtype) -> str:
        """Return our name of a dtype."""
        if dtype == self._dtype:
            return "real"
        if dtype not in _KINDS or (dtype, self._dtype) == (torch.bfloat16, torch.float64):
            raise UnsupportedError(f"values of {dtype} that depend on the parameters")
        return _KINDS[dtype]

    def know(self, tensor: Tensor, recipe: Recipe | None = None) -> Known:
        """Return an array of data, or of the text's numbers where it has no recipe."""
        if tensor.dtype in _HALVES:
            tensor = tensor.float()
        if tensor.dtype not in _STORED:
            raise UnsupportedError(f"data of {tensor.dtype}")
        literal = None if recipe else _one_number(tensor)
        known = Known(len(self.knowns), tensor, literal, recipe)
        self.knowns.append(known)
        return known

    def paired(self, matrix: Known, dim: int) -> Known | None:
        """Return a matrix in bf16 as pairs along a dimension; None where it has no such form."""
        base = self.knowns[matrix.index]
        if not self.pairs or base.recipe is None or base.recipe.inverse or len(base.shape) != 2:
            return None
        turned = (matrix.shape, matrix.strides) != (base.shape, base.strides)
        if turned and (matrix.shape, matrix.strides) != (base.shape[::-1], base.strides[::-1]):
            return None
        pairs = Pairs(turned, dim)
        return self.know(pairs.of(base.tensor), Recipe(base.recipe.name, pairs=pairs))

    def fresh(self, shape: Shape, kind: str, initial: float | None = None) -> Producer:
        """Return a new array to be computed."""
        self._count += 1
        return Producer(f"{self._prefix}{self._count}", shape, kind, initial=initial)

    def access(self, operand: Any, shape: Shape) -> Access | float:
        """Return where an operand lies over the loop of a shape."""
        if isinstance(operand, bool | int | float):
            return float(operand)
        if isinstance(operand, Known) and operand.literal is not None:
            return operand.literal
        kept = over(aligned(operand.strides, operand.shape, shape), shape)
        if isinstance(operand, Known):
            return Access(operand, kept)
        return Access(operand.producer, kept, operand.offset)

    def lane(self, operand: Any, shape: Shape | None = None, kind: str = "real") -> Value:
        """Return an operand as an array with lanes, copying what is known."""
        if isinstance(operand, Value):
            return operand
        size = shape if shape is not None else getattr(operand, "shape", ())
        return self.point(ops.same, [operand], tuple(size), kind)

    def copy(self, x: Value) -> Value:
        """Return the numbers of a view laid out row by row."""
        out = self.fresh(x.shape, x.kind)
        out.mask = x.producer.mask
        return self.read_into(out, Access(x.producer, over(x.strides, x.shape), x.offset))

    def read_into(self, out: Producer, read: Access) -> Value:
        """Add a step that fills an array with what it reads."""
        compute = "double" if "double" in (out.kind, out.mask) else "real"
        want = "mask" if out.kind == "bool" else compute
        domain = domain_of(out.shape)
        self.statements.append(Point(out, domain, [read], ops.same, [want], compute))
        return whole(out)

    # Elementwise.

    def point(
        self,
        template: ops.Template,
        operands: Sequence[Any],
        shape: Shape,
        kind: str,
        compute: str | None = None,
        wants: Sequence[str] | str | None = None,
    ) -> Value:
        """Add an elementwise step over a shape; operands are broadcast.

        What no operand changes along is computed once and shown expanded.
        """
        compute = compute or self.common(operands, kind)
        less = self._differing(operands, shape)
        chosen = [wants or compute] * len(operands) if not isinstance(wants, list) else wants
        out = self.fresh(less, kind)
        out.mask = compute
        reads = [self.access(_squeezed(operand, less), less) for operand in operands]
        step = Point(out, domain_of(less), reads, template, [str(w) for w in chosen], compute)
        self.statements.append(step)
        return expand(whole(out), shape)

    def times(self, a: Any, b: Any, shape: Shape, kind: str) -> Value:
        """Add a product of numbers at the same place."""
        return self.point(ops.product, [a, b], shape, kind)

    def _differing(self, operands: Sequence[Any], shape: Shape) -> Shape:
        """Return the shape without the dimensions along which no operand changes."""
        moving = [n == 0 for n in shape]
        for operand in operands:
            if isinstance(operand, Value) or is_array(operand):
                steps = aligned(operand.strides, operand.shape, shape)
                moving = [m or step != 0 for m, step in zip(moving, steps, strict=True)]
        return tuple(n if m else 1 for m, n in zip(moving, shape, strict=True))

    def common(self, operands: Sequence[Any], kind: str = "bool") -> str:
        """Return the type to compute in: `double` where any operand or the result is."""
        return "double" if "double" in (kind, *map(self.type_of, operands)) else "real"

    def type_of(self, operand: Any) -> str:
        """Return the type of an operand's numbers: `real` or `double`.

        An array of data without dimensions takes the other operand's, as a number does.
        """
        if isinstance(operand, Value):
            kind = operand.producer.mask if operand.kind == "bool" else operand.kind
            return "double" if kind == "double" else "real"
        dimensioned = isinstance(operand, Known) and operand.tensor.dim()
        if dimensioned and operand.tensor.dtype == torch.float64 != self._dtype:
            return "double"
        return "real"

    def divide(self, a: Any, b: Any, shape: Shape, kind: str) -> Value:
        """Add a division, as a product where the inverse can be had once for many numbers.

        Half an ulp is lost. Infinity, zero and NaN come out as in a division; what differs is a
        divisor below the normal numbers, whose inverse is infinite.
        """
        compute = self.common([a, b], kind)
        if isinstance(b, Value):
            once = math.prod(self._differing([b], b.shape))
            if once < math.prod(self._differing([a, b], shape)):
                return self.times(a, self._inverse(b, compute), shape, kind)
        if isinstance(b, Known) and is_array(b) and b.tensor.dtype == self._real(compute):
            recipe = Recipe(b.recipe.name, inverse=True) if b.recipe else None
            return self.times(a, self.know(b.tensor.reciprocal(), recipe), shape, kind)
        return self.point(ops.quotient, [a, b], shape, kind)

    def _real(self, compute: str) -> torch.dtype:
        return torch.float64 if compute == "double" else self._dtype

    def _inverse(self, b: Value, compute: str) -> Value:
        if (b, compute) not in self._inverses:
            self._inverses[b, compute] = self.point(ops.reciprocal, [b], b.shape, compute)
        return self._inverses[b, compute]

    # Reductions.

    def fold(
        self, operation: str, x: Any, dims: Sequence[int] | int | None, shape: Shape, kind: str
    ) -> Value:
        """Add a reduction of `x` over dimensions (all, if none is named) to `shape`."""
        if kind == "bool":
            raise UnsupportedError("a reduction of conditions")
        x = self.lane(x)
        wide = "real" if kind == "bfloat" else kind
        gone = dimensions(dims, len(x.shape))
        same = [d for d in gone if x.strides[d] == 0 and x.shape[d] > 1]
        if same and x.size and operation != "prod":
            less = tuple(1 if d in same else n for d, n in enumerate(x.shape))
            small = restride(x, less, x.strides)
            folded = self.fold(operation, small, sorted(gone), shape, kind)
            count = math.prod(x.shape[d] for d in same) if operation == "sum" else 1
            return folded if count == 1 else self.times(folded, float(count), shape, kind)
        out = self.fresh(shape, wide, _INITIAL[operation])
        kept = iter(contiguous([n for d, n in enumerate(x.shape) if d not in gone]))
        steps = [0 if d in gone else next(kept) for d in range(len(x.shape))]
        read = self.access(x, x.shape)
        step = Fold(out, domain_of(x.shape), [read], operation, over(steps, x.shape))
        self.statements.append(step)
        return self.rounded(whole(out), kind)

    def rounded(self, x: Value, kind: str) -> Value:
        """Return a sum in bf16, which is rounded once, after all has been summed."""
        return self.point(ops.same, [x], x.shape, kind) if kind == "bfloat" else x

    # Writes.

    def store(
        self,
        target: Value,
        x: Any,
        after: Sequence[Statement] = (),
        tables: tuple[Table, ...] = (),
        accumulate: bool = False,
    ) -> Store:
        """Add a write of `x`, broadcast, into a view of an array.

        What is written in parts and starts from nothing must be written wholly before it is read.
        """
        place = Access(target.producer, over(target.strides, target.shape), target.offset, tables)
        reads = [self.access(x, target.shape)]
        step = Store(
            target.producer, domain_of(target.shape), reads, place, accumulate, list(after)
        )
        self.statements.append(step)
        return step

    def into(self, out: Producer, x: Any, view: Callable[[Value], Value]) -> Value:
        """Add a write of `x` into a part of an array that starts from one number."""
        target = whole(out)
        self.store(view(target), x)
        return target


def is_array(operand: Operand) -> bool:
    return isinstance(operand, Known) and operand.literal is None


def _one_number(tensor: Tensor) -> float | None:
    """Return the number that all entries are, or None."""
    if not tensor.numel():
        return None
    first = tensor.reshape(-1)[0]
    same = (tensor == first) & (tensor.signbit() == first.signbit())
    return float(first) if bool(same.all()) else None


def _squeezed(operand: Any, shape: Shape) -> Any:
    """Return an operand cut to a shape in which some of its dimensions shrank to one."""
    if not isinstance(operand, Value) and not is_array(operand):
        return operand
    last = shape[len(shape) - len(operand.shape) :]
    cut = tuple(min(n, m) for n, m in zip(operand.shape, last, strict=True))
    return operand if cut == operand.shape else seen_as(operand, cut, operand.strides)
