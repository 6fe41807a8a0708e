"""Products of matrices and vectors."""

from typing import Any

import torch
from torch.fx import Node

from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.statements import Access, Contract, Spread
from models.native.values import Known, Shape, UnsupportedError, Value, whole
from models.native.views import domain_of, ones, over, seen_as, swapped

RULES = Rules()
_ATEN = torch.ops.aten
#: The longest vector that is packed in pairs, on the stack.
PAIRED = 1024


@RULES.of(_ATEN.mm.default, _ATEN.bmm.default)
def matrices(low: Lowering, node: Node, a: Any, b: Any) -> Value:
    """Multiply matrices, or as many pairs of them as there are."""
    kind = low.kind(node)
    return low.rounded(contract(low, a, b, shape_of(node), kind), kind)


@RULES.of(_ATEN.mv.default)
def matrix_and_vector(low: Lowering, node: Node, a: Any, x: Any) -> Value:
    """Multiply a matrix and a vector."""
    kind = low.kind(node)
    return low.rounded(_columns(low, a, x, shape_of(node), kind), kind)


@RULES.of(_ATEN.dot.default, _ATEN.vdot.default)
def vectors(low: Lowering, node: Node, a: Any, b: Any) -> Value:
    """Multiply vectors."""
    kind = low.kind(node)
    products = low.times(a, b, a.shape, _wide(kind))
    return low.fold("sum", products, None, (), kind)


@RULES.of(_ATEN.addmm.default, _ATEN.addmv.default, _ATEN.baddbmm.default)
def sum_and_product(
    low: Lowering, node: Node, c: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1
) -> Value:
    """Return `c + a b`."""
    if (beta, alpha) != (1, 1):
        raise UnsupportedError(f"beta = {beta}, alpha = {alpha}")
    kind, shape = low.kind(node), shape_of(node)
    if len(b.shape) == 1:
        product = _columns(low, a, b, shape, kind)
    else:
        product = contract(low, a, b, shape, kind)
    return low.point(lambda x, y: f"({x} + {y})", [c, product], shape, kind)


def _columns(low: Lowering, a: Any, x: Any, shape: Shape, kind: str) -> Value:
    column = seen_as(x, (x.shape[0], 1), (x.strides[0], 0))
    return ones(contract(low, a, column, (*shape, 1), kind), shape)


def _wide(kind: str) -> str:
    """A product in bf16 is rounded once, after it has been summed."""
    return "real" if kind == "bfloat" else kind


def contract(low: Lowering, a: Any, b: Any, shape: Shape, kind: str) -> Value:
    """Add `out[..., i, j] = sum_k a[..., i, k] b[..., k, j]`, not rounded to its kind yet."""
    rows, columns = shape[-2:]
    length = a.shape[-1]
    if len(shape) == 2 and isinstance(a, Known) and isinstance(b, Value) and rows < length:
        return spread(low, a, b, shape, kind, (columns, 1))
    if len(shape) == 2 and isinstance(b, Known) and isinstance(a, Value) and columns < length:
        return spread(low, swapped(b, 0, 1), swapped(a, 0, 1), shape, kind, (1, columns))
    if kind == "bfloat" and isinstance(a, Known) and isinstance(b, Value):
        found = _in_pairs(low, a, b, shape)
        if found is not None:
            return found
    left = seen_as(a, (*a.shape[:-1], columns), (*a.strides[:-1], 0))
    right = seen_as(b, (*b.shape[:-2], rows, columns), (*b.strides[:-2], 0, b.strides[-1]))
    out = low.fresh(shape, _wide(kind))
    reads = [low.access(left, shape), low.access(right, shape)]
    steps = (a.strides[-1], b.strides[-2])
    low.statements.append(Contract(out, domain_of(shape), reads, length, steps))
    return whole(out)


def _in_pairs(low: Lowering, a: Known, b: Value, shape: Shape) -> Value | None:
    """Add the product of a matrix of data and a vector, two numbers at a time, if it can be."""
    if len(shape) != 2 or shape[0] < 2 or shape[1] != 1 or not 2 <= a.shape[1] <= PAIRED:
        return None
    matrix = low.paired(a, 1)
    if matrix is None:
        return None
    right = seen_as(b, shape, (0, 0))
    out = low.fresh(shape, "real")
    lines = Access(matrix, over((matrix.strides[0], 0), shape))
    reads = [lines, low.access(right, shape)]
    steps = (1, b.strides[0])
    low.statements.append(Contract(out, domain_of(shape), reads, a.shape[1], steps, pairs=True))
    return whole(out)


def spread(
    low: Lowering, matrix: Known, x: Value, shape: Shape, kind: str, steps: tuple[int, int]
) -> Value:
    """Add `out[j, c] += matrix[j, k] x[k, c]`, which walks along the longer `k`.

    Args:
        low: gets the step.
        matrix: `J x K`.
        x: `K x C`.
        shape: of the result.
        kind: of the result.
        steps: the strides of `j` and `c` in the result.
    """
    across, along = matrix.strides
    length, alone = matrix.shape[0], kind == "bfloat" and len(x.shape) == 2 and x.shape[1] == 1
    pairs = low.paired(swapped(matrix, 0, 1), 0) if alone and x.shape[0] > 1 else None
    if pairs is not None:
        matrix, (along, across) = pairs, pairs.strides
    lines = Access(matrix, over((along, 0), x.shape))
    out = low.fresh(shape, _wide(kind), 0.0)
    reads = [lines, low.access(x, x.shape)]
    places = over((0, steps[1]), x.shape)
    low.statements.append(
        Spread(
            out,
            domain_of(x.shape),
            reads,
            length,
            across,
            places,
            steps[0],
            pairs=pairs is not None,
        )
    )
    return whole(out)
