"""The rows of the basket as Stan programs: their text, and the data that a program must be told."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.benchmarks.basket import HERE, Row


def source(row: Row) -> str:
    """Return the program."""
    return (HERE / "stan" / f"{row.model}.stan").read_text()


def with_sizes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's data and what a program is told beside them.

    `N` is the length of the arrays, `K` that of their rows.
    """
    first = next(value for value in data.values() if np.ndim(value))
    shape = np.shape(data.get("x", first))
    return {"N": len(first), **({"K": shape[1]} if len(shape) == 2 else {}), **data}
