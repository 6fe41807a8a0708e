"""Arrow IPC to columns: what its messages announce is held against the limits before one is read.

A file is read as the stream that it holds after its first eight bytes: the blocks that its footer
names could be the same one many times.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from services.gateway.ingest.arrow_columns import check_type, convert
from services.gateway.ingest.arrow_message import decoded_size
from services.gateway.ingest.caps import Caps, refusal
from services.gateway.json import join
from workers.columns import Column

MAGIC = b"ARROW1\0\0"


def read_arrow(path: Path, caps: Caps) -> list[Column]:
    """Return the columns of an Arrow file or stream.

    Raises:
        InvalidInputError: it cannot be read, or a column cannot be used; has the path.
        TooLargeError: it is over the limits.
    """
    try:
        with pa.memory_map(str(path)) as file:
            content = file.read_buffer()
        table = _table(_stream(content), caps)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        text = str(error).split("\n")[0][:200]
        raise refusal(
            "body", f"this is no Arrow file or stream that can be read ({text})"
        ) from None
    return [convert(name, table.column(i)) for i, name in enumerate(table.column_names)]


def _stream(content: Any) -> Any:
    is_file = content.size >= len(MAGIC) and content[: len(MAGIC)].to_pybytes() == MAGIC
    return content.slice(len(MAGIC)) if is_file else content


def _table(stream: Any, caps: Caps) -> Any:
    with pa.ipc.open_stream(stream) as reader:
        schema = reader.schema
    caps.check_names(schema.names, [join("", name) for name in schema.names])
    for field in schema:
        check_type(field.name, field.type)
    size = 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        size += decoded_size(message)
        caps.check_size(size)
    options = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.ipc.open_stream(stream, options=options) as reader:
        batches = list(reader)
    for batch in batches:
        # A batch that announces more than its buffers hold would be read beyond their end.
        batch.validate(full=True)
    return pa.Table.from_batches(batches, schema)
