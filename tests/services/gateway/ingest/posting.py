"""Ready-made files: tables in every format, and what a reader makes of them."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.gateway.ingest.caps import Caps
from services.gateway.ingest.child import READERS
from workers.columns import Column

CAPS = Caps(columns=1000, bytes=2**24)


def read(form: str, body: bytes, folder: Path, caps: Caps = CAPS) -> dict[str, Column]:
    """Return the columns of a body by name."""
    (folder / "posted").write_bytes(body)
    return {column.name: column for column in READERS[form](folder / "posted", caps)}


def shown(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return (type, values or texts) by name."""
    return {
        name: (column.dtype, column.values.tolist() if column.levels is None else texts(column))
        for name, column in columns.items()
    }


def texts(column: Column) -> list[str]:
    """Return a text column's cells."""
    levels = column.levels.to_pylist()
    return [levels[code] for code in column.values]


def stream(table: pa.Table, **options: Any) -> bytes:
    """Return an Arrow stream."""
    return _ipc(pa.ipc.new_stream, table, options)


def file(table: pa.Table, **options: Any) -> bytes:
    """Return an Arrow file."""
    return _ipc(pa.ipc.new_file, table, options)


def _ipc(new: Callable[..., Any], table: pa.Table, options: Mapping[str, Any]) -> bytes:
    sink = io.BytesIO()
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def overlapping(body: bytes, doublings: int) -> bytes:
    """Return a Parquet file whose row groups are that of `body`, 2^doublings times over.

    The metadata name the same pages again and again, so the file hardly grows.
    """
    metadata = pq.read_metadata(io.BytesIO(body))
    for _ in range(doublings):
        metadata.append_row_groups(pq.read_metadata(io.BytesIO(_footer(metadata))))
    length = int.from_bytes(body[-8:-4], "little")
    return body[: -8 - length] + _footer(metadata)[4:]


def _footer(metadata: Any) -> bytes:
    sink = io.BytesIO()
    metadata.write_metadata_file(sink)
    return sink.getvalue()
