"""From the library's flat columns to quantities by name and shape.

The library counts indices from 1 and lets the first one run fastest; a quantity here is an array
as anywhere else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UnavailableError

_INDEXED = re.compile(r"([A-Za-z]\w*)((?:\.\d+)*)")


@dataclass(frozen=True)
class Quantity:
    """A parameter, transformed parameter or generated quantity with at least one number."""

    name: str
    shape: tuple[int, ...]
    #: The column of every entry, in the quantity's shape.
    columns: NDArray[np.int64]


def quantities(names: Sequence[str]) -> tuple[Quantity, ...]:
    """Return the quantities that these columns, such as `mu` and `theta.2.1`, are the entries of.

    Raises:
        UnavailableError: a column is of another kind of type.
    """
    places: dict[str, list[tuple[tuple[int, ...], int]]] = {}
    for column, name in enumerate(names):
        found = _INDEXED.fullmatch(name)
        if found is None:
            raise UnavailableError(
                "model.source",
                f"'{name[:64]}' is of a complex or tuple type, which is not available; declare "
                "its parts as variables of their own",
            )
        index = tuple(int(part) - 1 for part in found[2].split(".")[1:])
        places.setdefault(found[1], []).append((index, column))
    return tuple(_quantity(name, entries) for name, entries in places.items())


def _quantity(name: str, entries: Sequence[tuple[tuple[int, ...], int]]) -> Quantity:
    shape = tuple(max(places) + 1 for places in zip(*(index for index, _ in entries), strict=True))
    columns = np.zeros(shape, dtype=np.int64)
    for index, column in entries:
        columns[index] = column
    return Quantity(name, shape, columns)


def sizes(coordinates: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the first coordinate and the number of coordinates of every parameter.

    Args:
        coordinates: named after their parameters, in order: `mu`, `p.1`, `p.2`.
    """
    found: dict[str, tuple[int, int]] = {}
    for at, coordinate in enumerate(coordinates):
        name = coordinate.partition(".")[0]
        first, count = found.get(name, (at, 0))
        found[name] = (first, count + 1)
    return found
