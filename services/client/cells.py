"""Cells of one column of a CSV file: from texts to numbers, booleans or texts."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from services.client.errors import InputError

#: What people and programs write where there is no number.
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", ".", "inf", "+inf", "-inf"})


def read_cells(texts: Sequence[str], where: Callable[[int], str], *, with_texts: bool) -> list[Any]:
    """Return a column in the one type that all its cells have.

    Integers alone stay integers, usable as an index; other numbers are float64.

    Args:
        texts: the cells.
        where: names a row's cell for a complaint.
        with_texts: whether a column of booleans or texts will do.

    Raises:
        InputError: a cell is no finite number, or is missing; or is unlike the others.
    """
    try:
        return [_integer(text) for text in texts]
    except ValueError:
        pass
    if not with_texts or any(_is_number(text) for text in texts):
        return [_number(where(row), text) for row, text in enumerate(texts)]
    lowered = [text.lower() for text in texts]
    for row, text in enumerate(lowered):
        if text in _MISSING:
            raise InputError(where(row), f"{texts[row]!r}: missing values are not supported")
    if set(lowered) <= {"true", "false"}:
        return [text == "true" for text in lowered]
    return list(texts)


def _integer(text: str) -> int:
    # int() alone would also take `1_000`.
    if not text.lstrip("+-").isdecimal():
        raise ValueError(text)
    return int(text)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _number(where: str, text: str) -> float:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        raise InputError(where, f"{text!r} is no number") from None
    if not math.isfinite(number):
        raise InputError(where, f"{text!r} is no finite number; missing values are not supported")
    return number
