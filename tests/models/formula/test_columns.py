"""Columns of data for a formula."""

from typing import Any

import numpy as np
import pytest

from models.errors import DataError, DefinitionError, ModelError
from models.formula.columns import Texts, load_columns
from models.formula.terms import read_formula


def load(formula: str, raw: dict[str, Any]) -> Any:
    return load_columns(raw, read_formula(formula).named)


def test_columns_that_are_not_named_are_ignored_whatever_they_hold() -> None:
    raw = {"y": [1.0, 2.0], "x": [1, 2], "a b": [None], "junk": {"deep": [[], "x"]}}
    found = load("y ~ x", raw)
    assert set(found) == {"y", "x"}
    assert found["x"].dtype == np.int64


def test_texts_have_levels_in_the_order_of_code_points() -> None:
    found = load("y ~ g", {"y": [1, 2, 3, 4], "g": ["b", "é", "B", "b"]})["g"]
    assert isinstance(found, Texts)
    assert found.levels == ("B", "b", "é")
    assert found.codes.tolist() == [1, 2, 0, 1]
    assert (found.shape, found.dtype) == ((4,), "text")
    assert load("y ~ g", {"y": [1], "g": found})["g"] is found


@pytest.mark.parametrize(
    ("raw", "path", "fragment"),
    [
        ({"y": [1, 2]}, "formula, column 5", "no column 'age'; of those sent there are y"),
        ({"y": [1], "ages": [1]}, "formula, column 5", "did you mean 'ages'"),
        ({"y": [1, None], "age": [1, 2]}, "data.y[1]", "missing values are not supported"),
        ({"y": [1, 2], "age": ["a", None]}, "data.age[1]", "missing values are not supported"),
        ({"y": [1, 2], "age": [None, "a"]}, "data.age[0]", "missing values are not supported"),
        ({"y": [1, 2], "age": ["a", 2]}, "data.age[1]", "not both"),
        ({"y": [1, 2], "age": [2, "a"]}, "data.age[0]", "not both"),
        ({"y": [1, 2], "age": []}, "data.age", "an empty array"),
        ({"y": [1, 2], "age": "a"}, "data.age", "the text 'a'"),
    ],
)
def test_a_column_that_cannot_be_used(raw: dict[str, Any], path: str, fragment: str) -> None:
    with pytest.raises(ModelError) as caught:
        load("y ~ age", raw)
    assert isinstance(caught.value, DataError | DefinitionError)
    assert caught.value.path == path
    assert fragment in caught.value.message
