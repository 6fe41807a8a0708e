"""Parquet to columns: its metadata are held against the limits before a page is decoded.

A page says "a billion times the same" in a few bytes, and row groups may share their pages, so it
is the number of values that counts, not the size of the pages. The metadata may lie; what is
decoded is counted too, batch by batch, and the process has a limit of memory.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.gateway.ingest.arrow_columns import check_type, convert, is_text
from services.gateway.ingest.caps import Caps, refusal
from services.gateway.json import join
from workers.columns import Column

#: Rows decoded at a time.
BATCH = 65_536
#: Column chunks of one file: row groups times columns.
MOST_CHUNKS = 200_000
#: Bytes of one text and entries of one list in the metadata.
METADATA = 2**20


def read_parquet(path: Path, caps: Caps) -> list[Column]:
    """Return the columns of a Parquet file.

    Raises:
        InvalidInputError: it cannot be read, or a column cannot be used; has the path.
        TooLargeError: it is over the limits.
    """
    try:
        schema = _checked(path, caps)
        table = _decoded(path, schema, caps)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        text = str(error).split("\n")[0][:200]
        raise refusal("body", f"this is no Parquet file that can be read ({text})") from None
    return [convert(name, table.column(i)) for i, name in enumerate(table.column_names)]


def _open(path: Path, **options: Any) -> Any:
    limits = {"thrift_string_size_limit": METADATA, "thrift_container_size_limit": METADATA}
    return pq.ParquetFile(path, memory_map=True, pre_buffer=False, **limits, **options)


def _checked(path: Path, caps: Caps) -> Any:
    """Return the schema of a file whose metadata are within the limits."""
    with _open(path) as file:
        metadata = file.metadata
        caps.check_width(metadata.num_columns)
        schema = file.schema_arrow
        caps.check_names(schema.names, [join("", name) for name in schema.names])
        for field in schema:
            check_type(field.name, field.type)
        if metadata.num_row_groups * metadata.num_columns > MOST_CHUNKS:
            raise refusal("body", "the file has too many row groups; write it with fewer")
        caps.check_size(8 * metadata.num_rows * metadata.num_columns)
        values = pages = 0
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for index in range(row_group.num_columns):
                chunk = row_group.column(index)
                values += 8 * max(0, chunk.num_values)
                pages += max(0, chunk.total_uncompressed_size)
            caps.check_size(max(values, pages))
        return schema


def _decoded(path: Path, schema: Any, caps: Caps) -> Any:
    # A text that is there once in the file should be there once in memory.
    texts = [field.name for field in schema if is_text(field.type)]
    size = 0
    batches = []
    with _open(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(BATCH, use_threads=False):
            batch.validate(full=True)
            size += sum(_size(column) for column in batch.columns)
            caps.check_size(size)
            batches.append(batch)
        return pa.Table.from_batches(batches, file.schema_arrow if not batches else None)


def _size(column: Any) -> int:
    return int((column.indices if pa.types.is_dictionary(column.type) else column).nbytes)
