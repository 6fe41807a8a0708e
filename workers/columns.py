"""Columns of a stored data set: arrays of one shape each, and the Arrow file that keeps them.

The file has one row: every cell is a whole array, so that numbers, vectors of different lengths and
matrices stand side by side, and each is read as a view of the mapped file. The shape is in the
field's metadata. A text column is kept as codes into its levels, which are sorted by code point.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Array = NDArray[Any]

_SHAPE = b"shape"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One named array."""

    name: str
    #: Booleans, int64 or float64; of a text column the codes, `0 ... len(levels) - 1`.
    values: Array
    #: The distinct texts of a text column, sorted, as an Arrow array; None for numbers.
    levels: Any = None

    @property
    def dtype(self) -> str:
        """`bool`, `int64`, `float64` or `text`."""
        return self.values.dtype.name if self.levels is None else "text"

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        texts = () if self.levels is None else _texts(self.levels)
        return int(self.values.nbytes + sum(part.nbytes for part in texts))

    def described(self) -> dict[str, Any]:
        """Return what a listing shows of it."""
        levels = None if self.levels is None else len(self.levels)
        shape = list(self.values.shape)
        return {"name": self.name, "dtype": self.dtype, "shape": shape, "levels": levels}


def digest(columns: Iterable[Column]) -> str:
    """Return the digest of the columns, whatever file they came in and in whatever order."""
    found = hashlib.sha256()
    for column in sorted(columns, key=lambda column: column.name):
        head = json.dumps([column.name, column.dtype, column.values.shape]).encode()
        parts: list[Any] = [head, np.ascontiguousarray(column.values).data]
        if column.levels is not None:
            parts += _texts(column.levels)
        for part in parts:
            found.update(memoryview(part).nbytes.to_bytes(8, "big"))
            found.update(part)
    return found.hexdigest()


def write_columns(path: Path, columns: Iterable[Column]) -> None:
    """Write an Arrow file."""
    fields, cells = [], []
    for column in columns:
        cell = _cell(pa.array(column.values.reshape(-1)))
        if column.levels is not None:
            levels = _cell(column.levels)
            cell = pa.StructArray.from_arrays([cell, levels], names=["codes", "levels"])
        metadata = {_SHAPE: json.dumps(column.values.shape).encode()}
        fields.append(pa.field(column.name, cell.type, metadata=metadata))
        cells.append(cell)
    schema = pa.schema(fields)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(cells, schema=schema))


def read_columns(content: memoryview) -> Mapping[str, Column]:
    """Return the columns of a file by name, as views of its bytes."""
    batch = pa.ipc.open_file(pa.py_buffer(content)).get_batch(0)
    columns = zip(batch.schema, batch.columns, strict=True)
    return {field.name: _column(field, cell) for field, cell in columns}


def _texts(levels: Any) -> tuple[Any, Any]:
    """Return where each text begins and ends, and all texts one after another."""
    _, offsets, data = levels.buffers()
    bounds = np.frombuffer(offsets, np.int64)[levels.offset : levels.offset + len(levels) + 1]
    return bounds - bounds[0], memoryview(data)[bounds[0] : bounds[-1]]


def _cell(values: Any) -> Any:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


def _column(field: Any, cell: Any) -> Column:
    levels = None
    if pa.types.is_struct(field.type):
        levels = cell.field("levels").values
        cell = cell.field("codes")
    shape = tuple(json.loads(field.metadata[_SHAPE]))
    # Only booleans are copied: Arrow packs eight of them into a byte.
    values = cell.values.to_numpy(zero_copy_only=False)
    return Column(name=field.name, values=values[: math.prod(shape)].reshape(shape), levels=levels)
