"""Nested lists of numbers to arrays: shape, element type and finiteness, with the path.

Apart from `data.py` because it needs no torch: the process that reads a posted data set starts in
a fraction of a second.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError

#: Dimensions of one array.
MAX_RANK = 16
#: The element types of data, by the type of number that JSON holds.
DTYPES: dict[type, type[np.generic]] = {bool: np.bool_, int: np.int64, float: np.float64}
_LARGEST = int(np.iinfo(np.int64).max)


def array_of(value: Any, path: str, *, empty: bool = False) -> NDArray[Any]:
    """Return a number or nested lists of numbers as booleans, int64 or float64.

    Args:
        value: as JSON holds it; a single number becomes an array without dimensions.
        path: of the value, for complaints.
        empty: whether lists may be empty.

    Raises:
        DataError: with the path to the first entry that is no number, as `data.y[3]`.
    """
    kinds: set[type] = set()
    _shape(value, path, 0, kinds, empty)
    kind = float if float in kinds else int if int in kinds else bool
    return np.asarray(value, dtype=DTYPES[kind])


def _shape(value: Any, path: str, depth: int, kinds: set[type], empty: bool) -> tuple[int, ...]:
    """Return the shape of nested lists of finite numbers; add the numbers' types to `kinds`."""
    if not isinstance(value, list | tuple):
        _check_number(value, path)
        # NumPy's own real numbers are floats of Python's, under another name.
        kinds.add(next(kind for kind in DTYPES if isinstance(value, kind)))
        return ()
    if depth == MAX_RANK:
        raise DataError(path, f"more than {MAX_RANK} dimensions; flatten the array")
    if not value:
        if empty:
            return (0,)
        raise DataError(path, "an empty array; send at least one number")
    row = set(map(type, value))
    if row <= DTYPES.keys() and _is_finite(value):
        # A row of millions of numbers is checked as one; only a faulty one is searched.
        kinds |= row
        return (len(value),)
    first = _shape(value[0], f"{path}[0]", depth + 1, kinds, empty)
    for index in range(1, len(value)):
        here = f"{path}[{index}]"
        if _shape(value[index], here, depth + 1, kinds, empty) != first:
            raise DataError(here, "a ragged array: this row has another shape than the first")
    return (len(value), *first)


def _is_finite(row: Sequence[float]) -> bool:
    try:
        return math.isfinite(math.fsum(row)) and max(map(abs, row)) <= _LARGEST
    except (OverflowError, ValueError):
        return False


def _check_number(value: Any, path: str) -> None:
    if value is None:
        raise DataError(path, "null; missing values are not supported: drop the row or impute it")
    if isinstance(value, str):
        raise DataError(path, f"the text {value[:40]!r}; send a number, text as codes from 0")
    if not isinstance(value, bool | int | float):
        raise DataError(path, "neither a number nor a list of numbers; send one of these")
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(path, "NaN or Infinity; missing values are not supported")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise DataError(path, "an integer beyond 2^63 - 1; send it as a real number, such as 1e19")
