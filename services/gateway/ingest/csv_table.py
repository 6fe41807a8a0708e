"""CSV (RFC 4180) to columns: a header of names, then rows; the type of a column is found once.

The standard library's reader is used for its strictness and its line numbers; the cells of a block
of rows go to Arrow, which checks and converts whole columns.
"""

import csv
import io
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.gateway.ingest.caps import Caps, refusal
from services.gateway.ingest.csv_cells import Cells
from workers.columns import Column

#: Cells that are held as Python texts at a time.
BLOCK = 500_000
#: Characters of one cell.
CELL_LENGTH = 100_000


def read_csv(path: Path, caps: Caps) -> list[Column]:
    """Return the columns of a CSV file.

    Raises:
        InvalidInputError: it is no CSV, or cells cannot be used; the path is `line 4, column 2`,
            lines and columns (cells, not characters) counted from 1.
        TooLargeError: it is over the limits.
    """
    records = _records(_text(path))
    line, header = next(records, (1, []))
    names = [name.strip() for name in header]
    caps.check_width(len(names), f"line {line}")
    caps.check_names(names, [f"line {line}, column {i + 1}" for i in range(len(names))])
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise refusal(f"line {line}", "cells are separated by commas; write commas")
    blocks, lines = _blocks(records, names, caps)
    if not lines:
        raise refusal(f"line {line + 1}", "there are no rows; write at least one under the header")
    return [
        Cells(name, index + 1, pa.chunked_array(blocks.pop(0)), lines).column()
        for index, name in enumerate(names)
    ]


def _text(path: Path) -> io.StringIO:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refusal(f"line {line}", "this is not UTF-8; send the file in UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise refusal(f"line {line}", "there is a NUL byte; remove it")
    return io.StringIO(text, newline="")


def _records(text: io.StringIO) -> Iterator[tuple[int, list[str]]]:
    """Yield every record that is not empty with the line that it begins on."""
    csv.field_size_limit(CELL_LENGTH)
    reader = csv.reader(text, strict=True)
    line = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise _malformed(text, line, error) from None
        if record is None:
            return
        if record:
            yield line, record
        line = reader.line_num + 1


def _malformed(text: io.StringIO, line: int, error: csv.Error) -> Exception:
    """Return the complaint about a record that begins on `line`."""
    text.seek(0)
    for _ in range(line - 1):
        text.readline()
    column = _faulty_cell(text.readline())
    if "field larger" in str(error):
        message = f"a cell has more than {CELL_LENGTH} characters, or its quote is never closed"
    else:
        message = 'quotes do not match; write a cell with a quote as "say ""so""", wholly quoted'
    return refusal(f"line {line}, column {column}", message)


def _faulty_cell(record: str) -> int:
    """Return the number of the first cell whose quotes are not as they should be."""
    column, quoted, closed, start = 1, False, False, True
    for mark in record.rstrip("\r\n"):
        if quoted:
            quoted, closed = mark != '"', mark == '"'
        elif mark == ",":
            column, closed, start = column + 1, False, True
            continue
        elif mark == '"' and (start or closed):
            # The first of a cell opens it; one right after another is a quote within the cell.
            quoted, closed = True, False
        elif closed:
            return column
        start = False
    return column


def _blocks(
    records: Iterator[tuple[int, list[str]]], names: list[str], caps: Caps
) -> tuple[list[list[Any]], "array[int]"]:
    """Return Arrow arrays of texts by column, and the line of every row."""
    width = len(names)
    most = max(1, BLOCK // width)
    blocks: list[list[Any]] = [[] for _ in names]
    lines = array("q")
    rows: list[list[str]] = []
    for line, record in records:
        if len(record) != width:
            raise _ragged(line, record, names)
        rows.append(record)
        lines.append(line)
        if len(rows) == most:
            caps.check_size(8 * width * len(lines))
            _append(blocks, rows)
            rows = []
    caps.check_size(8 * width * len(lines))
    if rows:
        _append(blocks, rows)
    return blocks, lines


def _append(blocks: list[list[Any]], rows: list[list[str]]) -> None:
    for block, cells in zip(blocks, zip(*rows, strict=True), strict=True):
        block.append(pa.array(cells, pa.large_string()))


def _ragged(line: int, record: list[str], names: list[str]) -> Exception:
    have, want = len(record), len(names)
    if have < want:
        return refusal(
            f"line {line}, column {have + 1}",
            f"the cell for {names[have]!r} is missing: {have} cells under {want} names; write all",
        )
    return refusal(
        f"line {line}, column {want + 1}",
        f"{have} cells under {want} names; remove the surplus, or quote the cell with the comma",
    )
