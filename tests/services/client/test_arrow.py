"""Parquet and Arrow files become numbers of their kind, or a sentence with the place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.client.arrow import read_table
from services.client.errors import InputError

COLUMNS: dict[str, Any] = {
    "n": [1, 2, 3],
    "y": [0.5, 1.5, -2.0],
    "on": [True, False, True],
    "m": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
}


def parquet(table: pa.Table, folder: Path) -> Path:
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def arrow_file(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_file(str(folder / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    return folder / "a.arrow"


def arrow_stream(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_stream(str(folder / "b.arrow"), table.schema) as writer:
        writer.write_table(table)
    return folder / "b.arrow"


@pytest.fixture(params=[parquet, arrow_file, arrow_stream])
def write(request: pytest.FixtureRequest) -> Callable[[pa.Table, Path], Path]:
    return request.param


def test_numbers_keep_their_kind(write: Any, tmp_path: Path) -> None:
    found = read_table(write(pa.table(COLUMNS), tmp_path))
    assert found == COLUMNS
    assert json.dumps(found) == json.dumps(COLUMNS)


def test_lists_may_be_of_fixed_size_and_integers_small(tmp_path: Path) -> None:
    table = pa.table(
        {
            "m": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
            "x": pa.array([1.5, 2.5], pa.float32()),
        }
    )
    assert read_table(parquet(table, tmp_path)) == {"m": [[1, 2], [3, 4]], "x": [1.5, 2.5]}


@pytest.mark.parametrize(
    ("columns", "path", "sentence"),
    [
        ({"y": ["a", "b"]}, "column y", "it holds string; give numbers only"),
        ({"y": [[["a"]]]}, "column y", "it holds string; give numbers only"),
        ({"y": [1, None]}, "column y, row 1", "null is no finite number"),
        ({"y": [1.0, 2.0, float("nan")]}, "column y, row 2", "nan is no finite number"),
        ({"y": [[1.0], [2.0, None]]}, "column y, row 1[1]", "null is no finite number"),
    ],
)
def test_what_is_no_number_is_named_by_its_place(
    columns: dict[str, Any], path: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read_table(parquet(pa.table(columns), tmp_path))
    assert caught.value.path.endswith(path)
    assert sentence in caught.value.message


def test_the_names_of_folders_are_no_columns(tmp_path: Path) -> None:
    (tmp_path / "x=1").mkdir()
    assert read_table(parquet(pa.table({"y": [1]}), tmp_path / "x=1")) == {"y": [1]}


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_file_that_is_none_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file cannot be read"):
        read_table(tmp_path / name)
    (tmp_path / name).write_bytes(b"ARROW1 but no more")
    with pytest.raises(InputError, match="the file cannot be read"):
        read_table(tmp_path / name)


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["y", "y"])
    with pytest.raises(InputError, match="'y' occurs twice"):
        read_table(arrow_file(table, tmp_path))
