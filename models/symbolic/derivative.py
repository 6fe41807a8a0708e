"""Symbolic differentiation: the log density as a formula, its derivatives, and their numbers.

Rows are an indexed sum, so a formula's size is that of the model, not of its data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp
import torch
from torch import Tensor
from torch.fx import GraphModule

from models.density import Parameter
from models.derivatives.basis import Basis
from models.derivatives.derivative import Derivative, Question, symmetric
from models.errors import UnavailableError
from models.symbolic.lowering import formula
from models.symbolic.numbers import Array, evaluate

#: The free indices of a derivative by an entry, and by another one.
_FIRST = [sp.Symbol(letter, integer=True, nonnegative=True) for letter in ("m", "n", "o")]
_SECOND = [sp.Symbol(letter, integer=True, nonnegative=True) for letter in ("p", "q", "s")]


@dataclass(frozen=True)
class Formulas:
    """A log density, and its derivative by each parameter, as formulas."""

    value: sp.Expr
    #: By an entry of the parameter, whose free indices are m, n and o.
    gradient: Mapping[str, sp.Expr]


def formulas(expr: sp.Expr, basis: Basis) -> Formulas:
    """Return a formula with its gradient."""
    gradient = {p.name: collapsed(sp.diff(expr, _entry(p, _FIRST))) for p in basis.parameters}
    return Formulas(expr, gradient)


def collapsed(expr: sp.Expr) -> sp.Expr:
    """Return a formula without sums of which one index alone counts: `sum_i d(i, m) f(i) = f(m)`.

    Indices of entries lie within the sum's.
    """

    def is_sum(part: sp.Basic) -> bool:
        return isinstance(part, sp.Sum) and len(part.limits) == 1

    return expr.replace(is_sum, _without_index)


def _without_index(part: sp.Sum) -> sp.Expr:
    index = part.limits[0][0]
    return sp.Add(
        *(_chosen(term, index, part.limits[0]) for term in sp.Add.make_args(part.function))
    )


def _chosen(term: sp.Expr, index: sp.Symbol, limits: sp.Tuple) -> sp.Expr:
    """Return the sum of one term over an index."""
    for factor in sp.Mul.make_args(term):
        if isinstance(factor, sp.KroneckerDelta) and index in factor.args[:2]:
            (other,) = (place for place in factor.args[:2] if place != index)
            if index not in other.free_symbols:
                return (term / factor).subs(index, other)
    return sp.Sum(term, limits)


def symbolic(
    graph: GraphModule, names: list[str], values: Mapping[str, Tensor], basis: Basis, ask: Question
) -> tuple[Derivative, Formulas]:
    """Return the derivatives by symbolic differentiation, and the formulas.

    Args:
        graph: of the log density as a function of parameters and data.
        names: of its inputs.
        values: the inputs by name.
        basis: of the parameters' entries.
        ask: what is asked.

    Raises:
        UnavailableError: the model has no closed form; names the operation.
    """
    if any(len(p.shape) > len(_FIRST) for p in basis.parameters):
        raise UnavailableError("mode", "a parameter has more than three dimensions")
    expr, constants = formula(graph, names)
    found = formulas(expr, basis)
    known: dict[str, Array] = {
        name: value.detach().cpu().numpy() for name, value in {**values, **constants}.items()
    }
    gradient = torch.cat(
        [
            torch.as_tensor(_numbers(found.gradient[p.name], known, p, _FIRST)).reshape(-1)
            for p in basis.parameters
        ]
    )
    hessian = _hessian(found, known, basis) if ask.order == 2 else None
    product = None
    if hessian is not None and ask.direction is not None:
        product = hessian @ ask.direction
    derivative = Derivative(
        torch.tensor(float(evaluate(expr, known)), dtype=torch.float64),
        gradient,
        None if ask.direction is None else gradient @ ask.direction,
        hessian,
        product,
    )
    return derivative, found


def _entry(parameter: Parameter, indices: list[sp.Symbol]) -> sp.Expr:
    """Return what one entry of a parameter is called."""
    if not parameter.shape:
        return sp.Symbol(parameter.name, real=True)
    places = [
        index if size != 1 else sp.Integer(0)
        for index, size in zip(indices, parameter.shape, strict=False)
    ]
    return sp.IndexedBase(parameter.name, real=True)[tuple(places)]


def _live(parameter: Parameter, indices: list[sp.Symbol]) -> list[tuple[sp.Symbol, int]]:
    return list(zip(indices, parameter.shape, strict=False))


def _numbers(
    expr: sp.Expr, known: Mapping[str, Array], parameter: Parameter, indices: list[sp.Symbol]
) -> Array:
    live = _live(parameter, indices)
    found = evaluate(expr, known, tuple(live))
    return np.array(np.broadcast_to(found, parameter.shape), dtype=np.float64)


def _hessian(found: Formulas, known: Mapping[str, Array], basis: Basis) -> Tensor:
    rows = []
    for one in basis.parameters:
        blocks = []
        for other in basis.parameters:
            second = sp.diff(found.gradient[one.name], _entry(other, _SECOND))
            live = (*_live(one, _FIRST), *_live(other, _SECOND))
            shape = (*one.shape, *other.shape)
            numbers = np.broadcast_to(evaluate(second, known, live), shape)
            size = int(np.prod(one.shape))
            blocks.append(torch.as_tensor(np.array(numbers, np.float64)).reshape(size, -1))
        rows.append(torch.cat(blocks, 1))
    return symmetric(torch.cat(rows))
