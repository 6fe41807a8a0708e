"""Columns of a CSV file: a header row, then cells."""

import csv
import io
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from services.client.cells import read_cells
from services.client.document import read_text
from services.client.errors import InputError


def read_columns(
    path: Path, *, texts: bool = False, only: Container[str] | None = None
) -> dict[str, list[Any]]:
    """Return a CSV file's columns by name.

    A column of integers alone stays integer (usable as an index); any other is float64.

    Args:
        path: the file.
        texts: whether columns may hold booleans and texts.
        only: names of the columns to read; all when absent.

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
    return {
        name: read_cells(
            [row[index].strip() for _, row in rows[1:]],
            _placed(path, rows[1:], index),
            with_texts=texts,
        )
        for index, name in enumerate(names)
        if only is None or name in only
    }


def _placed(path: Path, rows: list[tuple[int, list[str]]], index: int) -> Callable[[int], str]:
    return lambda row: f"{path}, line {rows[row][0]}, column {index + 1}"


def _names(path: Path, line: int, header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    for index, name in enumerate(names):
        where = f"{path}, line {line}, column {index + 1}"
        if not name:
            raise InputError(where, "the header has no name here")
        if name in names[:index]:
            raise InputError(where, f"the name {name!r} occurs twice")
    return names
