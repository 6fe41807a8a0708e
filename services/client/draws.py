"""Draws as arrays: what the service sends as Arrow columns, put back into each shape."""

import re
from typing import Any

import numpy as np

from services.client.arrow import ipc_table

#: `theta[0,1]`: a name and the indices of one entry.
_COLUMN = re.compile(r"(?P<name>[^\[]+)(?:\[(?P<indices>[\d,]+)\])?")

Array = np.ndarray[Any, Any]


def arrays(content: bytes) -> dict[str, Array]:
    """Return draws by name, each `C x N x shape` in float64.

    Args:
        content: an Arrow file or stream with columns `chain`, `draw`, `mu`, `theta[0]`, ...
            Chains cut off early are filled up with nan.
    """
    table = ipc_table(content)
    chain, draw = (table.column(name).to_numpy() for name in ("chain", "draw"))
    block = (int(chain.max()) + 1, int(draw.max()) + 1) if len(chain) else (0, 0)
    entries: dict[str, dict[tuple[int, ...], Array]] = {}
    for column in table.column_names:
        if column in ("chain", "draw"):
            continue
        name, index = entry(column)
        values = np.full(block, np.nan)
        values[chain, draw] = table.column(column).to_numpy()
        entries.setdefault(name, {})[index] = values
    return {name: _stacked(parts, block) for name, parts in entries.items()}


def entry(column: str) -> tuple[str, tuple[int, ...]]:
    """Return the name and the indices of a column: `theta[0,1]` is `("theta", (0, 1))`."""
    match = _COLUMN.fullmatch(column)
    if match is None:
        return column, ()
    indices = match["indices"]
    return match["name"], tuple(int(i) for i in indices.split(",")) if indices else ()


def _stacked(parts: dict[tuple[int, ...], Array], block: tuple[int, int]) -> Array:
    shape = tuple(max(index) + 1 for index in zip(*parts, strict=True))
    # entries first: shape x C x N
    whole = np.full((*shape, *block), np.nan)
    for index, values in parts.items():
        whole[index] = values
    # C x N x shape
    return np.moveaxis(whole, (-2, -1), (0, 1))
