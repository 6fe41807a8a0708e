"""Columns of Parquet and Arrow files, as numbers and nested lists."""

import math
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.client.errors import InputError


def read_table(
    path: Path, *, texts: bool = False, only: Container[str] | None = None
) -> dict[str, list[Any]]:
    """Return the columns of a `.parquet` or `.arrow` file (IPC file or stream) by name.

    Integers stay integers, booleans booleans; lists of numbers become nested lists.

    Args:
        path: the file.
        texts: whether columns may hold texts.
        only: names of the columns to read; all when absent.

    Raises:
        InputError: the file cannot be read, a name occurs twice, or a column holds something else
            than finite numbers.
    """
    try:
        table = (
            _parquet(path) if path.suffix.lower() == ".parquet" else ipc_table(path.read_bytes())
        )
    except (pa.ArrowException, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(str(path), f"the file cannot be read ({reason})") from None
    names = table.column_names
    for name in names:
        if names.count(name) > 1:
            raise InputError(str(path), f"the name {name!r} occurs twice")
    wanted = [name for name in names if only is None or name in only]
    read = _texts if texts else _numbers
    return {name: read(path, name, table.column(name)) for name in wanted}


def ipc_table(content: bytes) -> Any:
    """Return the table in an Arrow IPC file or stream."""
    buffer = pa.py_buffer(content)
    if content.startswith(b"ARROW1"):
        return pa.ipc.open_file(buffer).read_all()
    return pa.ipc.open_stream(buffer).read_all()


def _parquet(path: Path) -> Any:
    # Not `read_table`, which would make columns of folders named `x=1`.
    with pq.ParquetFile(path) as file:
        return file.read()


def _texts(path: Path, name: str, column: Any) -> list[Any]:
    """Return a column of texts, or one of numbers."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return _numbers(path, name, column)
    values: list[Any] = column.to_pylist()
    if column.null_count:
        row = values.index(None)
        where = f"{path}, column {name}, row {row}"
        raise InputError(where, "null; missing values are not supported")
    return values


def _numbers(path: Path, name: str, column: Any) -> list[Any]:
    where = f"{path}, column {name}"
    kind = column.type
    while _is_list(kind):
        kind = kind.value_type
    known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    if not any(test(kind) for test in known):
        raise InputError(where, f"it holds {kind}; give numbers only")
    values: list[Any] = column.to_pylist()
    if column.null_count or _is_list(column.type) or pa.types.is_floating(kind):
        for place, found in _unusable(values, ""):
            sentence = f"{found} is no finite number; missing values are not supported"
            raise InputError(f"{where}, row {place}", sentence)
    return values


def _is_list(kind: Any) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists)


def _unusable(values: list[Any], place: str) -> Iterator[tuple[str, str]]:
    """Yield where something is missing or not finite; rows count from 0, as in an answer's path."""
    for index, value in enumerate(values):
        here = f"{place}[{index}]" if place else str(index)
        if isinstance(value, list):
            yield from _unusable(value, here)
        elif value is None or not math.isfinite(value):
            yield here, "null" if value is None else str(value)
