"""Factors over data: numbers and categories."""

import numpy as np
import pytest

from models.errors import DataError, DefinitionError
from models.formula.columns import load_columns
from models.formula.factors import Categories, Factors
from models.formula.terms import read_formula
from tests.models.formula.columns_of_data import table

DATA = table()


def factors(text: str, **orders: list[object]) -> tuple[Factors, list[object]]:
    formula = read_formula(f"y ~ {text}")
    found = Factors(load_columns(DATA, formula.named), orders)
    return found, [found.of(f) for term in formula.population.terms for f in term.factors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log(x)", np.log(DATA["x"])),
        ("I(x**2 - -3*(z + 1)/x)", np.square(DATA["x"]) + 3 * (np.add(DATA["z"], 1)) / DATA["x"]),
        ("I(-x**2)", -np.square(DATA["x"])),
        ("center(x)", np.array(DATA["x"]) - np.mean(DATA["x"])),
        ("scale(x)", (np.array(DATA["x"]) - np.mean(DATA["x"])) / np.std(DATA["x"])),
        ("sqrt(exp(z))", np.exp(np.divide(DATA["z"], 2))),
        ("flag", np.asarray(DATA["flag"], dtype=float)),
    ],
)
def test_numbers(text: str, expected: np.ndarray) -> None:
    (_, (values,)) = factors(text)
    np.testing.assert_allclose(values, expected, rtol=1e-13)


def test_orthogonal_polynomials_and_splines_are_formulaes() -> None:
    (_, (poly, spline)) = factors("poly(x, 3) + bs(z, df=5)")
    assert poly.shape == (60, 3)
    np.testing.assert_allclose(poly.T @ poly, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(poly.sum(0), 0, atol=1e-12)
    assert spline.shape == (60, 5)
    np.testing.assert_allclose(spline.sum(0), 0, atol=1e-12)


def test_categories_are_sorted_or_as_told() -> None:
    (_, (text, whole, flag)) = factors("g + C(whole) + C(flag)")
    assert isinstance(text, Categories)
    assert text.labels == ("a", "b", "c")
    assert whole.labels == ("0", "1", "2", "3")
    assert flag.labels == ("false", "true")
    assert [text.levels[code] for code in text.codes] == DATA["g"]
    (_, (told,)) = factors("g", g=["c", "unused", "a", "b"])
    assert told.labels == ("c", "a", "b")
    assert [told.levels[code] for code in told.codes] == DATA["g"]


@pytest.mark.parametrize(
    ("text", "path", "fragment"),
    [
        ("log(z)", "formula, column 5", "is no finite number at row"),
        ("log(g)", "formula, column 9", "holds texts"),
        ("C(x)", "formula, column 7", "holds reals"),
        ("log(poly(x, 2))", "formula, column 5", "is of one column"),
        ("bs(x, df=2)", "formula, column 5", "df=2 is too small"),
    ],
)
def test_a_factor_that_does_not_suit_its_column(text: str, path: str, fragment: str) -> None:
    with pytest.raises((DataError, DefinitionError)) as caught:
        factors(text)
    assert caught.value.path == path
    assert fragment in caught.value.message


def test_levels_that_are_left_out_are_named() -> None:
    with pytest.raises(DataError, match="the level 'c' is not among `levels`") as caught:
        factors("g", g=["a", "b"])
    assert caught.value.path == f"data.g[{DATA['g'].index('c')}]"


def test_columns_have_one_length() -> None:
    named = read_formula("y ~ x").named
    with pytest.raises(DataError, match="3 rows, but 'y' has 2"):
        Factors(load_columns({"y": [1, 2], "x": [1, 2, 3]}, named), {})
    with pytest.raises(DataError, match="a column of a formula is a list"):
        Factors(load_columns({"y": [1, 2], "x": [[1], [2]]}, named), {})
