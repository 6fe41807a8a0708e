"""Arrow IPC that lies or is broken: refused by what it announces, or by what it lacks."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.errors import TooLargeError
from services.errors import InvalidInputError
from services.gateway.ingest.caps import Caps
from tests.services.gateway.ingest.posting import file, read, stream

ROWS = 12_345
TABLE = pa.table({"y": np.arange(ROWS) / 7})
WRITERS = pytest.mark.parametrize("write", [stream, file])


def lying(body: bytes, rows: int) -> bytes:
    """Return the body with another number of rows wherever it is said."""
    assert body.count(struct.pack("<q", ROWS)) >= 2
    return body.replace(struct.pack("<q", ROWS), struct.pack("<q", rows))


@WRITERS
def test_a_length_beyond_the_buffers_is_refused(tmp_path: Path, write: Any) -> None:
    with pytest.raises(InvalidInputError, match="no Arrow file or stream that can be read"):
        read("arrow", lying(write(TABLE), 20_000), tmp_path)


@WRITERS
@pytest.mark.parametrize(
    ("rows", "error"), [(2**50, TooLargeError), (2**62, TooLargeError), (-1, InvalidInputError)]
)
def test_a_length_beyond_reason_is_refused(
    tmp_path: Path, write: Any, rows: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        read("arrow", lying(write(TABLE), rows), tmp_path)


@WRITERS
def test_compressed_buffers_count_as_what_they_become(tmp_path: Path, write: Any) -> None:
    body = write(pa.table({"y": np.zeros(2**21 + 1)}), compression="zstd")
    assert len(body) < 10_000
    with pytest.raises(TooLargeError, match="decoded"):
        read("arrow", body, tmp_path)
    assert len(read("arrow", body, tmp_path, Caps(columns=1, bytes=2**25))["y"].values) == 2**21 + 1


@pytest.mark.parametrize(
    ("announced", "error"),
    [(2**40, TooLargeError), (-2, InvalidInputError), (7, InvalidInputError)],
)
def test_a_buffer_that_lies_about_its_size_is_refused(
    tmp_path: Path, announced: int, error: type[Exception]
) -> None:
    body = stream(TABLE, compression="zstd")
    size = struct.pack("<q", 8 * ROWS)
    assert body.count(size) == 1
    with pytest.raises(error):
        read("arrow", body.replace(size, struct.pack("<q", announced)), tmp_path)


def test_buffers_too_small_to_compress_are_read(tmp_path: Path) -> None:
    table = pa.table({"y": [0.1], "g": ["a"]})
    found = read("arrow", stream(table, compression="lz4"), tmp_path)
    assert found["y"].values.tolist() == [0.1]


def test_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    body = stream(pa.table({"g": ["abcdefgh"]})).replace(b"abcdefgh", b"\xff\xfe\xfd\xfc\0\0\0\0")
    with pytest.raises(InvalidInputError, match="UTF"):
        read("arrow", body, tmp_path)


def test_an_index_outside_its_dictionary_is_refused(tmp_path: Path) -> None:
    indices = pa.array([0, 1, 0x55667788], pa.int32())
    texts = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    with pytest.raises(InvalidInputError, match="out of bounds"):
        read("arrow", stream(pa.table({"g": texts})), tmp_path)


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"ARROW1\0\0", b"\xff\xff\xff\xff" + b"\x7f" * 8]
)
def test_what_is_no_arrow_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="no Arrow"):
        read("arrow", body, tmp_path)


def test_ten_thousand_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="10000 columns"):
        read("arrow", stream(pa.table({f"c{i}": [1] for i in range(10_000)})), tmp_path)
