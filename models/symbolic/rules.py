"""What each recorded operation does to formulas.

A rule takes the operation's arguments, tensors among them as templates, and the shape of its
result, and returns the formula of an entry. An operation without a rule has no closed form here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp
import torch

from models.symbolic.template import Stack, Template, axis

_ATEN = torch.ops.aten
Shape = tuple[int, ...]
Rule = Callable[..., Template]

#: Probabilities this close to 0 and 1 are moved by torch, for rounding's sake.
ROUNDING = 1e-6
#: Constants that densities are written with.
_KNOWN = {
    math.log(2.0): sp.log(2),
    math.log(math.pi): sp.log(sp.pi),
    math.log(2.0 * math.pi): sp.log(2 * sp.pi),
    0.5 * math.log(2.0 * math.pi): sp.log(2 * sp.pi) / 2,
    0.5 * math.log(math.pi): sp.log(sp.pi) / 2,
    0.5 * math.log(2.0 / math.pi): sp.log(2 / sp.pi) / 2,
    math.log(2.0 / math.pi): sp.log(2 / sp.pi),
    math.sqrt(2.0): sp.sqrt(2),
    math.sqrt(0.5): sp.sqrt(2) / 2,
    math.pi: sp.pi,
    math.e: sp.E,
}


def number(value: float | int | bool) -> sp.Basic:
    """Return a number, in its closed form where it is a known one."""
    if isinstance(value, bool):
        return sp.true if value else sp.false
    if isinstance(value, int) or math.isinf(value) or math.isnan(value):
        return sp.sympify(value) if isinstance(value, int) else sp.Float(value)
    for known, form in _KNOWN.items():
        if math.isclose(abs(value), known, rel_tol=1e-15):
            return form if value > 0 else -form
    near = Fraction(value).limit_denominator(1000)
    if float(near) == value:
        return sp.Rational(near.numerator, near.denominator)
    return sp.Float(value, 17)


class Bound:
    """Names for the indices of sums: i, j, k, l, then i1, j1, ..."""

    def __init__(self) -> None:
        self._made = 0

    def fresh(self) -> sp.Symbol:
        """Return an index that no other sum has."""
        letter = "ijkl"[self._made % 4]
        turn = self._made // 4
        self._made += 1
        return sp.Symbol(f"{letter}{turn or ''}", integer=True, nonnegative=True)


def total(template: Template, place: int, bound: Bound) -> sp.Basic:
    """Return the formula summed over a dimension; the other indices stay."""
    size = template.size(place)
    index = axis(place)
    if index not in template.expr.free_symbols:
        return size * template.expr
    over = bound.fresh()
    return sp.Sum(template.expr.subs(index, over), (over, 0, size - 1))


def _entry(value: Any) -> sp.Basic:
    return value.expr if isinstance(value, Template) else number(value)


def _elementwise(function: Callable[..., sp.Basic]) -> Rule:
    def rule(shape: Shape, bound: Bound, *args: Any) -> Template:
        return Template(function(*map(_entry, args)), shape)

    return rule


def _scaled(function: Callable[..., sp.Basic]) -> Rule:
    """A sum or a difference whose second operand has a factor `alpha`."""

    def rule(shape: Shape, bound: Bound, a: Any, b: Any, alpha: Any = 1) -> Template:
        return Template(function(_entry(a), number(alpha) * _entry(b)), shape)

    return rule


def _same(shape: Shape, bound: Bound, x: Template, *_: Any) -> Template:
    return Template(x.expr, shape)


def _full(value: float | int) -> Rule:
    def rule(shape: Shape, bound: Bound, *_: Any, **__: Any) -> Template:
        return Template(number(value), shape)

    return rule


def _filled(place: int) -> Rule:
    def rule(shape: Shape, bound: Bound, *args: Any, **_: Any) -> Template:
        return Template(_entry(args[place]), shape)

    return rule


def _arange(shape: Shape, bound: Bound, *args: Any, **_: Any) -> Template:
    bounds = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    index = axis(0) if shape[0] != 1 else sp.Integer(0)
    return Template(number(bounds[0]) + number(bounds[2]) * index, shape)


def _view(shape: Shape, bound: Bound, x: Template, *_: Any, **__: Any) -> Template:
    """Dimensions of size 1 come and go; otherwise an index is split or two are joined."""
    old = [(n, size) for n, size in enumerate(reversed(x.shape)) if size != 1]
    new = [(n, size) for n, size in enumerate(reversed(shape)) if size != 1]
    if [size for _, size in old] == [size for _, size in new]:
        return x.at({o: axis(n) for (o, _), (n, _) in zip(old, new, strict=True)}, shape)
    flat, stride = sp.Integer(0), 1
    for place, size in new:
        flat, stride = flat + stride * axis(place), stride * size
    indices, stride = {}, 1
    for place, size in old:
        indices[place] = sp.Mod(sp.floor(flat / stride), size) if stride > 1 else sp.Mod(flat, size)
        stride *= size
    return x.at(indices, shape)


def _permuted(order: Callable[..., Sequence[int]]) -> Rule:
    def rule(shape: Shape, bound: Bound, x: Template, *args: Any) -> Template:
        rank = len(shape)
        # New dimension n is the old dimension order[n].
        dims = [d % rank for d in order(rank, *args)]
        return x.at({rank - 1 - old: axis(rank - 1 - new) for new, old in enumerate(dims)}, shape)

    return rule


def _swapped(rank: int, one: int, other: int) -> list[int]:
    order = list(range(rank))
    order[one], order[other] = order[other], order[one]
    return order


def _select(shape: Shape, bound: Bound, x: Template, dim: int, index: int) -> Template:
    rank = len(x.shape)
    chosen = rank - 1 - dim % rank
    where = {place: axis(place) for place in range(chosen)}
    where[chosen] = sp.Integer(index % x.size(chosen))
    where |= {place: axis(place - 1) for place in range(chosen + 1, rank)}
    return x.at(where, shape)


def _slice(
    shape: Shape,
    bound: Bound,
    x: Template,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Template:
    rank = len(x.shape)
    place = rank - 1 - dim % rank
    first = start or 0
    first = first + x.size(place) if first < 0 else first
    index = axis(place) if shape[len(shape) - 1 - place] != 1 else sp.Integer(0)
    return x.at({place: first + step * index}, shape)


def _index(shape: Shape, bound: Bound, x: Template, indices: Sequence[Template | None]) -> Template:
    """Entries of the first dimension, by an array of places."""
    first, *rest = indices
    if first is None or any(other is not None for other in rest):
        raise KeyError("an index of several dimensions")
    tail = len(x.shape) - 1
    moved = first.at({n: axis(n + tail) for n in range(len(first.shape))}, shape)
    return x.at({tail: moved.expr, **{n: axis(n) for n in range(tail)}}, shape)


def _stack(shape: Shape, bound: Bound, parts: Sequence[Template], dim: int = 0) -> Template:
    """Scalars only: an array of formulas has no common one."""
    if any(part.shape for part in parts):
        raise KeyError("a stack of arrays")
    exprs = tuple(part.expr for part in parts)
    pieces = [(expr, sp.Eq(axis(0), n)) for n, expr in enumerate(exprs)]
    return Stack(sp.Piecewise(*pieces) if len(pieces) > 1 else exprs[0], shape, exprs)


def _sum(
    shape: Shape,
    bound: Bound,
    x: Template,
    dims: Sequence[int] | None = None,
    keepdim: bool = False,
    **_: Any,
) -> Template:
    if isinstance(x, Stack):
        return Template(sp.Add(*x.parts), shape)
    rank = len(x.shape)
    chosen = sorted(rank - 1 - d % rank for d in dims) if dims else list(range(rank))
    current = x
    for place in chosen:
        current = Template(total(current, place, bound), current.shape)
    if keepdim:
        return Template(current.expr, shape)
    kept = [place for place in range(rank) if place not in chosen]
    return current.at({place: axis(n) for n, place in enumerate(kept)}, shape)


def _mean(shape: Shape, bound: Bound, x: Template, *args: Any, **kwargs: Any) -> Template:
    summed = _sum(shape, bound, x, *args, **kwargs)
    count = sp.Rational(math.prod(shape), math.prod(x.shape))
    return Template(summed.expr * count, shape)


def _matmul(shape: Shape, bound: Bound, a: Template, b: Template) -> Template:
    """Products of a matrix or vector with a matrix or vector."""
    over = bound.fresh()
    rows = {0: over} | ({1: axis(len(b.shape) - 1)} if len(a.shape) == 2 else {})
    columns = {len(b.shape) - 1: over} | ({0: axis(0)} if len(b.shape) == 2 else {})
    product = a.at(rows, shape).expr * b.at(columns, shape).expr
    if a.shape[-1] == 1:
        return Template(product.subs(over, 0), shape)
    return Template(sp.Sum(product, (over, 0, a.shape[-1] - 1)), shape)


def _clamp(
    shape: Shape, bound: Bound, x: Template, low: float | None = None, high: float | None = None
) -> Template:
    """A bound that only keeps probabilities from 0 and 1 is no part of the formula."""
    expr = x.expr
    if low is not None and not 0.0 < low < ROUNDING:
        expr = sp.Max(expr, number(low))
    if high is not None and not 1.0 - ROUNDING < high < 1.0:
        expr = sp.Min(expr, number(high))
    return Template(expr, shape)


def _softplus(x: sp.Basic, beta: sp.Basic = sp.S.One, threshold: sp.Basic = sp.S.One) -> sp.Basic:
    # The threshold is where rounding makes it the identity.
    if beta != 1:
        raise KeyError("a softplus of another steepness")
    return sp.log(1 + sp.exp(x))


def _sigmoid(x: sp.Basic) -> sp.Basic:
    return 1 / (1 + sp.exp(-x))


def _where(condition: sp.Basic, yes: sp.Basic, no: sp.Basic) -> sp.Basic:
    return sp.Piecewise((yes, condition), (no, True))


def _xlogy(x: sp.Basic, y: sp.Basic) -> sp.Basic:
    return x * sp.log(y)


_ELEMENTWISE: Mapping[Any, Callable[..., sp.Basic]] = {
    _ATEN.mul.Tensor: lambda a, b: a * b,
    _ATEN.mul.Scalar: lambda a, b: a * b,
    _ATEN.div.Tensor: lambda a, b: a / b,
    _ATEN.div.Scalar: lambda a, b: a / b,
    _ATEN.neg.default: lambda a: -a,
    _ATEN.pow.Tensor_Scalar: lambda a, b: a**b,
    _ATEN.pow.Tensor_Tensor: lambda a, b: a**b,
    _ATEN.pow.Scalar: lambda a, b: a**b,
    _ATEN.square.default: lambda a: a**2,
    _ATEN.exp.default: sp.exp,
    _ATEN.log.default: sp.log,
    _ATEN.log1p.default: lambda a: sp.log(1 + a),
    _ATEN.expm1.default: lambda a: sp.exp(a) - 1,
    _ATEN.sqrt.default: sp.sqrt,
    _ATEN.rsqrt.default: lambda a: 1 / sp.sqrt(a),
    _ATEN.reciprocal.default: lambda a: 1 / a,
    _ATEN.abs.default: sp.Abs,
    _ATEN.sin.default: sp.sin,
    _ATEN.cos.default: sp.cos,
    _ATEN.tanh.default: sp.tanh,
    _ATEN.atan.default: sp.atan,
    _ATEN.erf.default: sp.erf,
    _ATEN.sigmoid.default: _sigmoid,
    _ATEN.softplus.default: _softplus,
    _ATEN.lgamma.default: sp.loggamma,
    _ATEN.digamma.default: lambda a: sp.polygamma(0, a),
    _ATEN.xlogy.Tensor: _xlogy,
    _ATEN.maximum.default: sp.Max,
    _ATEN.minimum.default: sp.Min,
    _ATEN.where.self: _where,
    _ATEN.masked_fill.Scalar: lambda x, mask, value: _where(mask, value, x),
    _ATEN.masked_fill.Tensor: lambda x, mask, value: _where(mask, value, x),
    _ATEN.gt.Scalar: lambda a, b: a > b,
    _ATEN.gt.Tensor: lambda a, b: a > b,
    _ATEN.ge.Scalar: lambda a, b: a >= b,
    _ATEN.ge.Tensor: lambda a, b: a >= b,
    _ATEN.lt.Scalar: lambda a, b: a < b,
    _ATEN.lt.Tensor: lambda a, b: a < b,
    _ATEN.le.Scalar: lambda a, b: a <= b,
    _ATEN.le.Tensor: lambda a, b: a <= b,
    _ATEN.eq.Scalar: sp.Eq,
    _ATEN.eq.Tensor: sp.Eq,
    _ATEN.logical_and.default: sp.And,
    _ATEN.bitwise_and.Tensor: sp.And,
    _ATEN.logical_not.default: sp.Not,
}

RULES: Mapping[Any, Rule] = {
    **{target: _elementwise(function) for target, function in _ELEMENTWISE.items()},
    _ATEN.add.Tensor: _scaled(lambda a, b: a + b),
    _ATEN.add.Scalar: _scaled(lambda a, b: a + b),
    _ATEN.sub.Tensor: _scaled(lambda a, b: a - b),
    _ATEN.sub.Scalar: _scaled(lambda a, b: a - b),
    _ATEN.rsub.Scalar: _scaled(lambda a, b: b - a),
    _ATEN.view.default: _view,
    _ATEN.reshape.default: _view,
    _ATEN._unsafe_view.default: _view,
    _ATEN.unsqueeze.default: _view,
    _ATEN.squeeze.default: _view,
    _ATEN.squeeze.dim: _view,
    _ATEN.squeeze.dims: _view,
    _ATEN.expand.default: _same,
    _ATEN._to_copy.default: _same,
    _ATEN.alias.default: _same,
    _ATEN.detach.default: _same,
    _ATEN.clone.default: _same,
    _ATEN.lift_fresh_copy.default: _same,
    _ATEN.permute.default: _permuted(lambda rank, order: order),
    _ATEN.t.default: _permuted(lambda rank: list(reversed(range(rank)))),
    _ATEN.transpose.int: _permuted(_swapped),
    _ATEN.select.int: _select,
    _ATEN.slice.Tensor: _slice,
    _ATEN.index.Tensor: _index,
    _ATEN.stack.default: _stack,
    _ATEN.clamp.default: _clamp,
    _ATEN.sum.default: _sum,
    _ATEN.sum.dim_IntList: _sum,
    _ATEN.mean.default: _mean,
    _ATEN.mean.dim: _mean,
    _ATEN.mv.default: _matmul,
    _ATEN.mm.default: _matmul,
    _ATEN.dot.default: _matmul,
    _ATEN.full.default: _filled(1),
    _ATEN.full_like.default: _filled(1),
    _ATEN.new_full.default: _filled(2),
    _ATEN.scalar_tensor.default: _filled(0),
    _ATEN.zeros.default: _full(0),
    _ATEN.zeros_like.default: _full(0),
    _ATEN.new_zeros.default: _full(0),
    _ATEN.ones.default: _full(1),
    _ATEN.ones_like.default: _full(1),
    _ATEN.new_ones.default: _full(1),
    _ATEN.arange.default: _arange,
    _ATEN.arange.start: _arange,
}
