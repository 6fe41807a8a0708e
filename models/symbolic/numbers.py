"""The value of a formula where its names have values: NumPy arrays, an axis per index.

Nodes are looked up in a table; no text is made or read on the way.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from models.errors import UnavailableError

Array = np.ndarray[Any, Any]
#: The indices that are live, outermost first, with their sizes.
Live = tuple[tuple[sp.Symbol, int], ...]


def evaluate(expr: sp.Basic, values: Mapping[str, Array], live: Live = ()) -> Array:
    """Return a formula's values, an array with an axis for each live index (of size 1 or its own).

    Args:
        expr: the formula.
        values: by name.
        live: free indices.

    Raises:
        UnavailableError: it has a function without a rule.
    """
    if isinstance(expr, sp.Sum):
        return _sum(expr, values, live)
    if isinstance(expr, sp.Indexed):
        places = [evaluate(index, values, live).astype(np.int64) for index in expr.indices]
        found: Array = values[expr.base.label.name][tuple(places)]
        return found
    if isinstance(expr, sp.Symbol):
        return _symbol(expr, values, live)
    if expr.is_number:
        return np.asarray(float(expr))
    if isinstance(expr, sp.Piecewise):
        return _piecewise(expr, values, live)
    rule = _RULES.get(expr.func)
    if rule is None:
        raise UnavailableError("mode", f"the function '{expr.func.__name__}' has no numbers here")
    with np.errstate(all="ignore"):
        result: Array = rule(*(evaluate(part, values, live) for part in expr.args))
    return result


def _symbol(expr: sp.Symbol, values: Mapping[str, Array], live: Live) -> Array:
    for place, (index, size) in enumerate(live):
        if index == expr:
            shape = [1] * len(live)
            shape[place] = size
            return np.arange(size).reshape(shape)
    return np.asarray(values[expr.name])


def _sum(expr: sp.Sum, values: Mapping[str, Array], live: Live) -> Array:
    body, *limits = expr.args
    over = tuple((index, int(last) - int(first) + 1) for index, first, last in limits)
    within = evaluate(body, values, (*live, *over))
    # What does not depend on an index is as often there.
    sizes = tuple(size for _, size in over)
    shape = np.broadcast_shapes(within.shape, (1,) * len(live) + sizes)
    total: Array = np.broadcast_to(within, shape).sum(tuple(range(-len(over), 0)))
    return total


def _piecewise(expr: sp.Piecewise, values: Mapping[str, Array], live: Live) -> Array:
    result: Array = np.asarray(np.nan)
    for part, condition in reversed(expr.args):
        value = evaluate(part, values, live)
        holds = True if condition == sp.true else evaluate(condition, values, live).astype(bool)
        result = np.where(holds, value, result)
    return result


def _reduced(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def rule(*parts: Array) -> Array:
        result = parts[0]
        for part in parts[1:]:
            result = function(result, part)
        return result

    return rule


def _polygamma(order: Array, x: Array) -> Array:
    found: Array = special.polygamma(int(order), x) if int(order) else special.digamma(x)
    return found


_RULES: Mapping[type, Callable[..., Any]] = {
    sp.Add: _reduced(np.add),
    sp.Mul: _reduced(np.multiply),
    sp.Pow: np.power,
    sp.exp: np.exp,
    sp.log: np.log,
    sp.Abs: np.abs,
    sp.sign: np.sign,
    sp.Max: _reduced(np.maximum),
    sp.Min: _reduced(np.minimum),
    sp.Heaviside: lambda x, at_zero: np.heaviside(x, at_zero),
    # A kink's second derivative is nothing but at the kink.
    sp.DiracDelta: lambda x, *_: np.zeros_like(x),
    sp.sin: np.sin,
    sp.cos: np.cos,
    sp.tanh: np.tanh,
    sp.atan: np.arctan,
    sp.erf: special.erf,
    sp.loggamma: special.gammaln,
    sp.polygamma: _polygamma,
    sp.KroneckerDelta: lambda i, j, *_: np.equal(i, j).astype(np.float64),
    sp.floor: np.floor,
    sp.Mod: np.mod,
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.Equality: np.equal,
    sp.Unequality: np.not_equal,
    sp.And: _reduced(np.logical_and),
    sp.Or: _reduced(np.logical_or),
    sp.Not: np.logical_not,
}
