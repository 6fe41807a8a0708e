"""Triangles of matrices: cut out, factored, solved with."""

from typing import Any

import torch
from torch.fx import Node

from models.native import operations as ops
from models.native.lowering import Lowering, shape_of
from models.native.rule import Rules
from models.native.statements import Cholesky, Point, Solve
from models.native.values import Shape, Value, whole
from models.native.views import domain_of, over, restride, seen_as, swapped

RULES = Rules()
_ATEN = torch.ops.aten


@RULES.of(_ATEN.tril.default)
def lower(low: Lowering, node: Node, x: Any, diagonal: int = 0) -> Value:
    """Keep what is on a diagonal and below."""
    return _triangle(low, node, x, "<=", diagonal)


@RULES.of(_ATEN.triu.default)
def upper(low: Lowering, node: Node, x: Any, diagonal: int = 0) -> Value:
    """Keep what is on a diagonal and above."""
    return _triangle(low, node, x, ">=", diagonal)


def _triangle(low: Lowering, node: Node, x: Any, sign: str, diagonal: int) -> Value:
    shape, kind = shape_of(node), low.real(node)
    loops = iter(range(len(shape)))
    where = [next(loops) if n != 1 else None for n in shape][-2:]

    def inside(places: list[str]) -> str:
        row, column = ("0" if d is None else places[d] for d in where)
        return f"{column} {sign} {row} + ({diagonal})"

    out = low.fresh(shape, kind)
    compute = low.common([x], kind)
    step = Point(
        out, domain_of(shape), [low.access(x, shape)], ops.same, [compute], compute, inside
    )
    low.statements.append(step)
    return whole(out)


@RULES.of(_ATEN.linalg_cholesky_ex.default)
def cholesky(
    low: Lowering, node: Node, x: Value, *, upper: bool = False, check_errors: bool = False
) -> list[Value]:
    """Return the factor, NaN where there is none, and 0: the NaN says what the second would."""
    batch, order = x.shape[:-2], x.shape[-1]
    target = whole(low.fresh(x.shape, low.kind_of(node.meta["val"][0].dtype), 0.0))
    read = low.access(restride(x, batch, x.strides[:-2]), batch)
    steps = (x.strides[-2], x.strides[-1])
    places = over(target.strides[:-2], batch)
    low.statements.append(Cholesky(target.producer, domain_of(batch), [read], order, steps, places))
    return [swapped(target, -1, -2) if upper else target, low.lane(0.0, batch)]


@RULES.of(_ATEN.linalg_solve_triangular.default)
def solve(
    low: Lowering,
    node: Node,
    a: Any,
    b: Any,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Value:
    """Return `a^-1 b`, or `b a^-1`, from one triangle of `a`."""
    target = whole(low.fresh(shape_of(node), low.kind(node)))
    if left:
        _solve(low, a, low.lane(b), target, upper, unitriangular)
    else:
        a, b, turned = (swapped(x, -1, -2) for x in (a, low.lane(b), target))
        _solve(low, a, b, turned, not upper, unitriangular)
    return target


@RULES.of(_ATEN.cholesky_solve.default)
def cholesky_solve(low: Lowering, node: Node, b: Any, factor: Any, upper: bool = False) -> Value:
    """Return `(L L')^-1 b` from the factor."""
    shape, kind = shape_of(node), low.kind(node)
    lower = swapped(factor, -1, -2) if upper else factor
    between, target = (whole(low.fresh(shape, kind)) for _ in range(2))
    _solve(low, lower, low.lane(b), between, upper=False)
    _solve(low, swapped(lower, -1, -2), between, target, upper=True)
    return target


def _solve(low: Lowering, a: Any, b: Value, target: Value, upper: bool, unit: bool = False) -> None:
    """Add `target = a^-1 b`, a column at a time."""
    columns = (*target.shape[:-2], target.shape[-1])
    factor = seen_as(a, (*a.shape[:-2], 1), (*a.strides[:-2], 0))
    reads = [low.access(factor, columns), low.access(_first_row(b), columns)]
    places = over(_first_row(target).strides, columns)
    order, rows = a.shape[-1], (a.strides[-2], a.strides[-1], b.strides[-2])
    step = Solve(
        target.producer,
        domain_of(columns),
        reads,
        order,
        rows,
        upper,
        unit,
        places,
        target.strides[-2],
    )
    low.statements.append(step)


def _first_row(x: Value) -> Value:
    shape: Shape = (*x.shape[:-2], x.shape[-1])
    return restride(x, shape, (*x.strides[:-2], x.strides[-1]))
