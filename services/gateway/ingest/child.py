"""The process that reads one posted data set, under limits, and ends.

Run as `python -m services.gateway.ingest.child SOURCE TARGET FORMAT COLUMNS BYTES MEMORY SECONDS`.
It prints what it found, or why it refuses. A process of its own for every data set: what hostile
bytes do to a parser in native code ends with it.
"""

import gc
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from models.errors import ModelError, TooLargeError
from services.errors import Complaint, InvalidInputError, MalformedJsonError
from services.gateway.ingest.arrow_table import read_arrow
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.csv_table import read_csv
from services.gateway.ingest.json_table import read_json
from services.gateway.ingest.parquet_table import read_parquet
from workers.columns import Column, digest, write_columns

READERS: dict[str, Callable[[Path, Caps], list[Column]]] = {
    "json": read_json,
    "csv": read_csv,
    "arrow": read_arrow,
    "parquet": read_parquet,
}


def main(source: Path, target: Path, form: str, caps: Caps, memory: int, seconds: int) -> None:
    """Read `source`, write its columns to `target`, print the answer."""
    # Millions of lists and no cycles: looking for these would take as long as reading.
    gc.disable()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _limit(memory, seconds)
    print(json.dumps(answer(source, target, form, caps)))


def answer(source: Path, target: Path, form: str, caps: Caps) -> dict[str, Any]:
    """Return `{columns, bytes, digest}`, or `{error: {kind, detail, complaints}}`."""
    try:
        columns = READERS[form](source, caps)
        size = sum(column.nbytes for column in columns)
        caps.check_size(size)
        write_columns(target, columns)
        shown = [column.described() for column in columns]
        return {"columns": shown, "bytes": size, "digest": digest(columns)}
    except MemoryError:
        return _refused(TooLargeError("body", "reading it takes more memory than it may"))
    except (ModelError, InvalidInputError, MalformedJsonError) as error:
        return _refused(error)


def _refused(error: Exception) -> dict[str, Any]:
    if isinstance(error, ModelError):
        complaints = [Complaint(path=error.path, message=error.message)]
        kind = "too_large" if isinstance(error, TooLargeError) else "invalid"
    else:
        complaints = getattr(error, "complaints", [])
        kind = "malformed" if isinstance(error, MalformedJsonError) else "invalid"
    found = [{"path": c.path, "message": c.message} for c in complaints]
    return {"error": {"kind": kind, "detail": str(error), "complaints": found}}


def _limit(memory: int, seconds: int) -> None:
    """Allow so many bytes of address space beyond what there is now, and seconds of processor."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    width, size, memory, seconds = map(int, sys.argv[4:])
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        sys.argv[3],
        Caps(columns=width, bytes=size),
        memory,
        seconds,
    )
