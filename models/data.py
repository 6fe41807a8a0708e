"""Named arrays in: shape, element type and finiteness checked once, with the path."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.binding import did_you_mean
from models.context import LARGEST_INTEGER
from models.errors import DataError
from models.nested import DTYPES, array_of
from models.vocabulary import NAME

Array = NDArray[Any]


class _Reads(Protocol):
    data_names: tuple[str, ...]


def load_data(raw: Mapping[str, Any], *, empty: bool = False) -> dict[str, Array]:
    """Return arrays by name: booleans, int64 or float64, 0-d for single numbers.

    Args:
        raw: numbers and nested lists of numbers by name, as JSON holds them.
        empty: whether arrays may be empty.

    Raises:
        DataError: with the path to the first entry that is no number, as `data.y[3]`.
    """
    return {name: _load(name, value, empty) for name, value in raw.items()}


def check_names(program: _Reads, data: Mapping[str, Any]) -> None:
    """Check that the data are exactly what a program reads.

    Raises:
        DataError: data are missing or surplus.
    """
    for name in program.data_names:
        if name not in data:
            raise DataError(f"data.{name}", f"the model reads '{name}', which is missing; send it")
    for name in data:
        if name not in program.data_names:
            wanted = list(program.data_names)
            hint = did_you_mean(name, wanted) or "; remove it"
            raise DataError(f"data.{name[:64]}", f"the model does not read '{name[:64]}'{hint}")


def _load(name: str, value: Any, empty: bool) -> Array:
    if not NAME.fullmatch(name):
        raise DataError(
            f"data.{name[:64]}", "a name is up to 64 letters A-Z, a-z, digits and _; rename it"
        )
    path = f"data.{name}"
    if isinstance(value, np.ndarray):
        return _checked(value, path, empty)
    return array_of(value, path, empty=empty)


def _checked(array: Array, path: str, empty: bool) -> Array:
    kind = {"b": bool, "i": int, "u": int, "f": float}.get(array.dtype.kind)
    if kind is None:
        raise DataError(path, f"an array of {array.dtype}; send numbers")
    if array.size == 0:
        if empty:
            return array.astype(DTYPES[kind])
        raise DataError(path, "an empty array; send at least one number")
    if kind is float and not np.isfinite(array).all():
        where = "".join(f"[{i}]" for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(path + where, "NaN or Infinity; missing values are not supported")
    if array.dtype.kind == "u" and int(array.max()) > LARGEST_INTEGER:
        raise DataError(path, "an integer beyond 2^63 - 1; send it as a real number")
    # The compiler takes a copy of its own.
    return array.astype(DTYPES[kind], copy=False)
