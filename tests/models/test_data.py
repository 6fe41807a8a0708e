"""Data are checked once, and every fault has its path."""

import json
from typing import Any

import numpy as np
import pytest

from models.data import check_names, load_data
from models.errors import DataError


@pytest.mark.parametrize(
    ("raw", "dtype", "shape"),
    [
        (1, "int64", ()),
        (1.0, "float64", ()),
        (True, "bool", ()),
        ([1, 2], "int64", (2,)),
        ([1, 2.5], "float64", (2,)),
        ([True, False], "bool", (2,)),
        ([True, 2], "int64", (2,)),
        ([[1, 2], [3, 4.0]], "float64", (2, 2)),
        ([[[0]]], "int64", (1, 1, 1)),
        ([2**63 - 1, -(2**63) + 1], "int64", (2,)),
        (np.arange(3, dtype=np.int32), "int64", (3,)),
        (np.ones((2, 2), dtype=np.float32), "float64", (2, 2)),
    ],
)
def test_element_types_and_shapes(raw: Any, dtype: str, shape: tuple[int, ...]) -> None:
    array = load_data({"x": raw})["x"]
    assert array.dtype == np.dtype(dtype)
    assert array.shape == shape


def test_numbers_are_kept_exactly() -> None:
    raw = [2**53 + 1, -(2**62), 2**63 - 1]
    assert load_data({"x": raw})["x"].tolist() == raw


@pytest.mark.parametrize(
    ("raw", "path", "fragment"),
    [
        ([], "data.x", "empty"),
        ([[], []], "data.x[0]", "empty"),
        ([[1, 2], [3]], "data.x[1]", "ragged"),
        ([1, [2]], "data.x[1]", "ragged"),
        ([[1], 2], "data.x[1]", "ragged"),
        ([[[1], [2]], [[1], [2, 3]]], "data.x[1][1]", "ragged"),
        ("a", "data.x", "the text 'a'"),
        ([1, "2"], "data.x[1]", "the text '2'"),
        (None, "data.x", "null"),
        ([1, 2, None], "data.x[2]", "missing values are not supported"),
        ([[1, 2], [3, None]], "data.x[1][1]", "null"),
        (float("nan"), "data.x", "NaN or Infinity"),
        ([1.0, float("inf")], "data.x[1]", "NaN or Infinity"),
        ([1.0, 2, float("-inf"), float("nan")], "data.x[2]", "NaN or Infinity"),
        ([1, 2**63], "data.x[1]", "beyond 2^63"),
        ([1.5, 10**400], "data.x[1]", "beyond 2^63"),
        ({"a": 1}, "data.x", "neither a number nor a list"),
        ([{"a": 1}], "data.x[0]", "neither a number nor a list"),
        (np.array(["a"]), "data.x", "send numbers"),
        (np.array([1j]), "data.x", "send numbers"),
        (np.array([]), "data.x", "empty"),
        (np.array([[1.0, np.nan]]), "data.x[0][1]", "NaN or Infinity"),
    ],
)
def test_faults(raw: Any, path: str, fragment: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data({"x": raw})
    assert caught.value.path == path
    assert fragment in caught.value.message


def test_large_finite_numbers_whose_sum_is_not() -> None:
    assert load_data({"x": [1e308, 1e308]})["x"].tolist() == [1e308, 1e308]


@pytest.mark.parametrize("name", ["", "1x", "x y", "é", "x" * 65, "x.y"])
def test_names(name: str) -> None:
    with pytest.raises(DataError, match="a name is up to 64"):
        load_data({name: 1})


def test_deep_nesting() -> None:
    with pytest.raises(DataError, match="more than 16 dimensions"):
        load_data({"x": json.loads("[" * 60 + "1" + "]" * 60)})


class Reads:
    data_names = ("y", "sigma")


def test_missing_and_surplus_names() -> None:
    check_names(Reads(), {"y": 1, "sigma": 2})
    with pytest.raises(DataError, match=r"data\.sigma: .*missing"):
        check_names(Reads(), {"y": 1})
    with pytest.raises(DataError, match=r"data\.sigmas: .*did you mean 'sigma'"):
        check_names(Reads(), {"y": 1, "sigma": 2, "sigmas": 3})
    with pytest.raises(DataError, match=r"data\.q: .*remove it"):
        check_names(Reads(), {"y": 1, "sigma": 2, "q": 3})
