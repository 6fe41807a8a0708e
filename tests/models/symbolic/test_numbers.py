"""Formulas evaluated without text."""

import numpy as np
import pytest
import sympy as sp

from models.errors import UnavailableError
from models.symbolic.numbers import evaluate

I = sp.Symbol("i", integer=True, nonnegative=True)  # noqa: E741
J = sp.Symbol("j", integer=True, nonnegative=True)
X = sp.IndexedBase("x", real=True)
A = sp.Symbol("a", real=True)
VALUES = {"x": np.array([1.0, -2.0, 3.0]), "a": np.array(2.0)}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (A**2 + sp.pi, 4 + np.pi),
        (sp.Sum(X[I] ** 2, (I, 0, 2)), 14.0),
        (sp.Sum(A, (I, 0, 4)), 10.0),
        (sp.Sum(sp.Sum(X[I] * X[J], (I, 0, 2)), (J, 0, 2)), 4.0),
        (sp.Sum(sp.KroneckerDelta(I, 1) * X[I], (I, 0, 2)), -2.0),
        (sp.Piecewise((A, A > 1), (-A, True)), 2.0),
        (sp.Piecewise((A, A > 3), (-A, True)), -2.0),
        (sp.loggamma(A + 3), np.log(24.0)),
        (sp.polygamma(0, A), 0.42278433509846713),
        (sp.Abs(X[1]) * sp.sign(X[1]), -2.0),
        (sp.Max(A, 5, X[2]), 5.0),
    ],
)
def test_values(expr: sp.Expr, expected: float) -> None:
    assert float(evaluate(expr, VALUES)) == pytest.approx(expected)


def test_free_indices_are_axes() -> None:
    found = evaluate(X[I] * X[J], VALUES, ((I, 3), (J, 3)))
    np.testing.assert_allclose(found, np.outer(VALUES["x"], VALUES["x"]))


def test_a_function_without_a_rule_is_named() -> None:
    with pytest.raises(UnavailableError, match="zeta"):
        evaluate(sp.zeta(A), VALUES)
