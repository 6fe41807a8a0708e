"""CSV: rows, quotes, blocks, and the line and column of what is wrong."""

from pathlib import Path

import pytest

from models.errors import TooLargeError
from services.errors import InvalidInputError
from services.gateway.ingest import csv_table
from services.gateway.ingest.caps import Caps
from tests.services.gateway.ingest.posting import read, shown


def test_types_are_found_column_by_column(tmp_path: Path) -> None:
    body = b'\xef\xbb\xbfy, x ,b,"g ""1"""\r\n1,2.5,true,"a, ""b"""\r\n\r\n-3,+1e3,FALSE,"c\nd"\r\n'
    assert shown(read("csv", body, tmp_path)) == {
        "y": ("int64", [1, -3]),
        "x": ("float64", [2.5, 1000.0]),
        "b": ("bool", [True, False]),
        'g "1"': ("text", ['a, "b"', "c\nd"]),
    }


def test_blocks_of_rows_are_one_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "BLOCK", 6)
    rows = [f"{i},{i / 7!r},{'ab'[i % 2]}" for i in range(100)]
    found = read("csv", "\n".join(["i,x,g", *rows]).encode(), tmp_path)
    assert found["i"].values.tolist() == list(range(100))
    assert found["x"].values.tolist() == [i / 7 for i in range(100)]
    assert found["g"].values.tolist() == [0, 1] * 50


@pytest.mark.parametrize(
    ("body", "path", "sentence"),
    [
        (b"y,x\n1,2\n3\n", "line 3, column 2", "the cell for 'x' is missing"),
        (b"y,x\n1,2\n\n3,4,5\n", "line 4, column 3", "remove the surplus"),
        (b'y,x\n"a\nb",1\n"c"d,2\n', "line 4, column 1", "quotes do not match"),
        (b'y,x\n1,2\n3,"abc\n4,5\n', "line 3, column 2", "quotes do not match"),
        (b'y,x\n1,"a ""b"" c" \n', "line 2, column 2", "quotes do not match"),
        (b"y\n" + b"1" * 100_001, "line 2, column 1", "more than 100000 characters"),
        (b"y;x\n1;2\n", "line 1", "write commas"),
        (b"y,y\n1,2\n", "line 1, column 2", "occurs twice"),
        (b"y,\n1,2\n", "line 1, column 2", "has no name"),
        (b"y,a\tb\n1,2\n", "line 1, column 2", "control characters"),
        (b"y," + b"x" * 257 + b"\n1,2\n", "line 1, column 2", "at most 256"),
        (b"y\n", "line 2", "there are no rows"),
        (b"", "body", "there are no columns"),
        (b"y\n1\n\xff\n", "line 3", "not UTF-8"),
        (b"y\n1\n1\0\n", "line 3", "NUL"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, body: bytes, path: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        read("csv", body, tmp_path)
    assert [complaint.path for complaint in caught.value.complaints] == [path]


def test_ten_thousand_columns_are_refused_before_a_row_is_read(tmp_path: Path) -> None:
    header = ",".join(f"c{i}" for i in range(10_000)).encode()
    with pytest.raises(TooLargeError, match="10000 columns, and a data set has at most 1000"):
        read("csv", header + b"\nnot,a,row\n", tmp_path)


def test_the_decoded_size_is_capped_while_rows_come(tmp_path: Path) -> None:
    body = b"a,b\n" + b"1,2\n" * 100
    read("csv", body, tmp_path, Caps(columns=2, bytes=1600))
    with pytest.raises(TooLargeError, match="decoded"):
        read("csv", body, tmp_path, Caps(columns=2, bytes=1599))
