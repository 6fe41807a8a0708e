"""Columns of a CSV file: a header row, then numbers. Integers stay integers."""

import csv
import io
import math
from pathlib import Path

from services.client.document import read_text
from services.client.errors import InputError


def read_columns(path: Path) -> dict[str, list[int] | list[float]]:
    """Return a CSV file's columns by name.

    A column of integers alone stays integer (usable as an index); any other is float64.

    Raises:
        InputError: the file cannot be read, a row is ragged, a name is missing or occurs twice,
            or an entry is no finite number; with line and column.
    """
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if row:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}", f"this is no CSV ({error})") from None
    if len(rows) < 2:
        raise InputError(str(path), "write a header row, then at least one row of numbers")
    names = _names(path, *rows[0])
    for line, row in rows[1:]:
        if len(row) != len(names):
            where = f"{path}, line {line}"
            raise InputError(where, f"{len(row)} entries under {len(names)} names")
    return {name: _column(path, index, rows[1:]) for index, name in enumerate(names)}


def _names(path: Path, line: int, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    for index, name in enumerate(names):
        where = f"{path}, line {line}, column {index + 1}"
        if not name:
            raise InputError(where, "the header has no name here")
        if name in names[:index]:
            raise InputError(where, f"the name {name!r} occurs twice")
    return names


def _column(path: Path, index: int, rows: list[tuple[int, list[str]]]) -> list[int] | list[float]:
    texts = [row[index].strip() for _, row in rows]
    try:
        return [_integer(text) for text in texts]
    except ValueError:
        pass
    numbers = []
    for (line, _), text in zip(rows, texts, strict=True):
        where = f"{path}, line {line}, column {index + 1}"
        numbers.append(_number(where, text))
    return numbers


def _integer(text: str) -> int:
    # int() alone would also take `1_000`.
    if not text.lstrip("+-").isdecimal():
        raise ValueError(text)
    return int(text)


def _number(where: str, text: str) -> float:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        raise InputError(where, f"{text!r} is no number") from None
    if not math.isfinite(number):
        raise InputError(where, f"{text!r} is no finite number; missing values are not supported")
    return number
