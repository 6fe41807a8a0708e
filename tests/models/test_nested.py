"""Nested lists to arrays, without torch."""

import subprocess
import sys

import numpy as np
import pytest

from models.errors import DataError
from models.nested import array_of


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (True, "bool", ()),
        ([1, 2], "int64", (2,)),
        ([1, 2.5], "float64", (2,)),
        ([[True], [2]], "int64", (2, 1)),
    ],
)
def test_types_and_shapes(value: object, dtype: str, shape: tuple[int, ...]) -> None:
    found = array_of(value, "y")
    assert (found.dtype.name, found.shape) == (dtype, shape)
    assert np.array_equal(found, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "path"),
    [([1, None], "y[1]"), ([[1], [1, 2]], "y[1]"), ([[1, "a"]], "y[0][1]"), ([], "y")],
)
def test_the_first_mistake_is_named(value: object, path: str) -> None:
    with pytest.raises(DataError) as caught:
        array_of(value, "y")
    assert caught.value.path == path


def test_numbers_of_numpy_are_real_numbers() -> None:
    found = array_of([np.float64(0.5), np.float64(-2)], "y")
    assert (found.dtype, found.tolist()) == (np.float64, [0.5, -2.0])


def test_it_needs_no_torch() -> None:
    script = "import sys, models.nested; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
