"""The file of a data set: what is written is read, and the same content has one digest."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from workers.columns import Column, digest, read_columns, write_columns

COLUMNS = [
    Column(name="y", values=np.array([3, -1, 2**62])),
    Column(name="x y", values=np.array([[0.1, -0.0], [1e-310, 1e308]])),
    Column(name="b", values=np.array([True, False, True] * 5)),
    Column(name="N", values=np.array(8)),
    Column(name="g", values=np.array([1, 0, 1]), levels=pa.array(["", "å"], pa.large_string())),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_columns(tmp_path / "file", COLUMNS)
    found = read_columns(memoryview((tmp_path / "file").read_bytes()))
    assert list(found) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        read = found[column.name]
        assert read.values.dtype == column.values.dtype
        assert read.values.shape == column.values.shape
        assert read.values.tobytes() == column.values.tobytes()
    assert found["g"].levels.to_pylist() == ["", "å"]
    assert digest(found.values()) == digest(COLUMNS)


def test_the_order_of_columns_does_not_count() -> None:
    assert digest(COLUMNS[::-1]) == digest(COLUMNS)


@pytest.mark.parametrize(
    "other",
    [
        Column(name="z", values=np.array([1, 2])),
        Column(name="y", values=np.array([2, 1])),
        Column(name="y", values=np.array([1.0, 2.0])),
        Column(name="y", values=np.array([[1, 2]])),
        Column(name="y", values=np.array([1, 2]), levels=pa.array(["a"], pa.large_string())),
    ],
)
def test_name_content_type_and_shape_count(other: Column) -> None:
    assert digest([other]) != digest([Column(name="y", values=np.array([1, 2]))])


def test_texts_are_told_apart_whatever_their_ends() -> None:
    def text(*levels: str) -> Column:
        return Column(name="g", values=np.array([0, 1]), levels=pa.array(levels, pa.large_string()))

    assert digest([text("a", "bc")]) != digest([text("ab", "c")])
    # A view of a longer array is the same texts.
    view = pa.array(["x", "a", "bc", "y"], pa.large_string()).slice(1, 2)
    assert digest([Column(name="g", values=np.array([0, 1]), levels=view)]) == digest(
        [text("a", "bc")]
    )


def test_a_column_is_described() -> None:
    assert [column.described() for column in COLUMNS[3:]] == [
        {"name": "N", "dtype": "int64", "shape": [], "levels": None},
        {"name": "g", "dtype": "text", "shape": [3], "levels": 2},
    ]
