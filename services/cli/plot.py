"""A curve drawn with characters."""

import math
from collections.abc import Sequence
from itertools import pairwise

#: A point in the upper and in the lower half of a character cell.
_HALVES = ("▀", "▄")
_ASCII = ("'", ".")


def curve(
    values: Sequence[float], *, width: int = 72, height: int = 10, encoding: str = "utf-8"
) -> list[str]:
    """Return a curve as lines of text, highest first, with its range at the left.

    The lower end is the 5 % quantile, and what is lower lies on it: a trace that climbs out of a
    deep valley would else look flat everywhere but at its start.

    Args:
        values: the curve at even distances; entries that are not finite are left out.
        width: columns of the curve, at most; a column is the mean of its neighbours.
        height: lines.
        encoding: of the terminal; one without half blocks gets ASCII.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    points = _thinned(finite, width)
    low, high = sorted(points)[len(points) // 20], max(points)
    span = (high - low) or 1.0
    upper, lower = _HALVES if _can_encode(encoding) else _ASCII
    cells = [[" "] * len(points) for _ in range(height)]
    for column, point in enumerate(points):
        # Half cells from the top.
        depth = round((2 * height - 1) * min(1.0, (high - point) / span))
        cells[depth // 2][column] = lower if depth % 2 else upper
    labels = {0: f"{high:.2f}", height - 1: f"{low:.2f}"}
    return [f"{labels.get(n, ''):>10} |{''.join(row)}" for n, row in enumerate(cells)]


def _thinned(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` means of neighbours."""
    count = min(width, len(values))
    edges = [index * len(values) // count for index in range(count + 1)]
    pieces = [values[begin:end] for begin, end in pairwise(edges)]
    return [sum(piece) / len(piece) for piece in pieces]


def _can_encode(encoding: str) -> bool:
    try:
        "".join(_HALVES).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
