"""Design matrices against patsy's, by way of statsmodels' formulas."""

import time
import warnings

import numpy as np
import pandas as pd
import patsy
import pytest

from models.definition import parse_definition
from models.errors import DataError, TooLargeError
from models.formula.columns import load_columns
from models.formula.design import design
from models.formula.factors import Factors
from models.formula.matrices import Matrix, check_rank, design_matrix
from models.formula.terms import read_formula
from tests.models.formula.columns_of_data import table

DATA = table(200)
FRAME = pd.DataFrame(DATA)


def matrix(right: str, data: dict[str, object] = DATA) -> Matrix:
    formula = read_formula(f"y ~ {right}")
    return design_matrix(formula.population, Factors(load_columns(data, formula.named), {}))


@pytest.mark.parametrize(
    "right",
    [
        "x",
        "x + z + x:z",
        "g",
        "0 + g",
        "g*h",
        "g:h",
        "0 + g:h",
        "g + g:h",
        "x*g",
        "x:g",
        "0 + x + x:g",
        "x + x:g:h",
        "x:z:g + x:z",
        "g*h*C(whole)",
        "g:h:C(whole)",
        "x/g",
        "(g + h)**2 + x",
    ],
)
def test_columns_span_what_patsys_do(right: str) -> None:
    ours = matrix(right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = np.asarray(patsy.dmatrix(right, FRAME))
    mine = ours.values
    if not right.startswith("0"):
        mine = np.column_stack([np.ones(len(mine)), mine])
    assert mine.shape == theirs.shape
    assert np.linalg.matrix_rank(mine) == mine.shape[1]
    fitted = mine @ np.linalg.lstsq(mine, theirs, rcond=None)[0]
    np.testing.assert_allclose(fitted, theirs, atol=1e-9)


def test_labels_say_what_a_column_is() -> None:
    found = matrix("x*g + C(whole):h + poly(z, 2)")
    assert found.labels[:6] == ("x", "g[b]", "g[c]", "poly(z, 2)[0]", "poly(z, 2)[1]", "x:g[b]")
    by_label = dict(zip(found.labels, found.values.T, strict=True))
    x, in_b = np.array(DATA["x"]), np.array(DATA["g"]) == "b"
    np.testing.assert_array_equal(by_label["x:g[b]"], x * in_b)
    whole, in_l = np.array(DATA["whole"]), np.array(DATA["h"]) == "l"
    np.testing.assert_array_equal(by_label["C(whole)[2]:h[l]"], (whole == 2) & in_l)
    # What completes the coding of an interaction belongs to it.
    assert {term.label for term in found.terms} == {"x", "g", "poly(z, 2)", "x:g", "C(whole):h"}


def test_levels_may_look_like_anything() -> None:
    odd = ["v0", "[1]", "a:b", "~", "x" * 300, ""]
    found = matrix("g", {"y": [0.0] * 12, "g": odd * 2})
    assert found.labels == tuple(f"g[{level}]" for level in sorted(odd)[1:])


@pytest.mark.parametrize(
    ("right", "fragment"),
    [
        ("x + I(2*x + 1)", "I(2 * x + 1) is a combination of"),
        ("x + I(x - x + 3)", "I(x - x + 3) is constant"),
        ("g + I(1 - flag) + flag", "flag is a combination of"),
    ],
)
def test_dependent_columns_are_named(right: str, fragment: str) -> None:
    definition = parse_definition({"language": "formula", "formula": f"y ~ {right}"})
    with pytest.raises(DataError, match="cannot be told apart") as caught:
        design(definition, DATA)
    assert fragment in caught.value.message
    assert caught.value.path.startswith("formula, column")


def test_nearly_dependent_columns_pass() -> None:
    x = np.linspace(0, 1, 50)
    values = np.column_stack([x, x + 1e-7 * np.cos(40 * x)])
    found = matrix("x + z")
    check_rank(Matrix(values, found.labels, found.terms), values - values.mean(0))


def test_more_columns_than_rows_are_dependent() -> None:
    with pytest.raises(DataError, match="cannot be told apart"):
        design(
            parse_definition({"language": "formula", "formula": "y ~ x + z"}),
            {"y": [1.0, 2.0], "x": [0.3, 0.1], "z": [1.0, 0.5]},
        )


def test_a_factor_needs_two_levels_and_not_too_many() -> None:
    with pytest.raises(DataError, match="the factor h has one level, 'k'") as caught:
        matrix("x + h", {**DATA, "h": ["k"] * 200})
    assert caught.value.path == "formula, column 9"
    many = {"y": [0.0] * 20_000, "g": [f"{i % 10_002}" for i in range(20_000)]}
    with pytest.raises(TooLargeError, match=r"vary by group, as `\(1 \| g\)`"):
        matrix("g", many)


@pytest.mark.slow
def test_a_million_rows_of_fifty_columns_take_less_than_five_seconds() -> None:
    draw = np.random.default_rng(0)
    data = {f"x{i}": draw.normal(size=1_000_000) for i in range(50)}
    names = " + ".join(data)
    definition = parse_definition({"language": "formula", "formula": f"y ~ {names}"})
    data["y"] = draw.normal(size=1_000_000)
    began = time.process_time()
    found = design(definition, data)
    assert time.process_time() - began < 5
    assert found.arrays["X"].shape == (1_000_000, 50)
