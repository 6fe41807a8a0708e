"""Arrow columns: every type that we take, in Arrow and in Parquet, and where others are wrong."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from services.errors import InvalidInputError
from tests.services.gateway.ingest.posting import file, parquet, read, shown, stream

WRITERS = [("arrow", stream), ("arrow", file), ("parquet", parquet)]
TABLE = pa.table(
    {
        "i8": pa.array([1, -2, 3], pa.int8()),
        "u64": pa.array([1, 2, 2**63 - 1], pa.uint64()),
        "f16": pa.array([0.5, 1, 2], pa.float16()),
        "f32": pa.array([0.1, 1, 2], pa.float32()),
        "f64": [0.1, 1e-310, -0.0],
        "b": [True, False, True],
        "g": ["b", "a", "b"],
        "lg": pa.array(["b", "a", "b"], pa.large_string()),
        "d": pa.array(["v", "u", "v"]).dictionary_encode(),
        "di": pa.array([7, 8, 7]).dictionary_encode(),
        "l": [[1, 2], [3, 4], [5, 6]],
        "m": pa.array([[[1.5]], [[2.5]], [[3.5]]], pa.list_(pa.list_(pa.float64(), 1))),
        "s": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2)),
    }
)
FOUND = {
    "i8": ("int64", [1, -2, 3]),
    "u64": ("int64", [1, 2, 2**63 - 1]),
    "f16": ("float64", [0.5, 1.0, 2.0]),
    "f32": ("float64", [0.10000000149011612, 1.0, 2.0]),
    "f64": ("float64", [0.1, 1e-310, -0.0]),
    "b": ("bool", [True, False, True]),
    "g": ("text", ["b", "a", "b"]),
    "lg": ("text", ["b", "a", "b"]),
    "d": ("text", ["v", "u", "v"]),
    "di": ("int64", [7, 8, 7]),
    "l": ("int64", [[1, 2], [3, 4], [5, 6]]),
    "m": ("float64", [[[1.5]], [[2.5]], [[3.5]]]),
    "s": ("int64", [[1, 2], [3, 4], [5, 6]]),
}


@pytest.mark.parametrize(("form", "write"), WRITERS)
def test_every_type(tmp_path: Path, form: str, write: Any) -> None:
    assert shown(read(form, write(TABLE), tmp_path)) == FOUND


@pytest.mark.parametrize(("form", "write"), WRITERS)
def test_several_chunks_are_one_column(tmp_path: Path, form: str, write: Any) -> None:
    other = pa.table({"d": pa.array(["a", "u"]).dictionary_encode(), "y": [1, 2]})
    table = pa.concat_tables([TABLE.select(["d"]).append_column("y", [[5, 6, 7]]), other])
    found = read(form, write(table.unify_dictionaries()), tmp_path)
    assert shown(found) == {
        "d": ("text", ["v", "u", "v", "a", "u"]),
        "y": ("int64", [5, 6, 7, 1, 2]),
    }


BAD = {
    "null": ({"y": [1, None]}, "y[1]"),
    "null in a later chunk": ({"y": pa.chunked_array([[1, 2], [3, None]])}, "y[3]"),
    "null in a text": ({"y": ["a", None]}, "y[1]"),
    "null in a list": ({"y": pa.chunked_array([[[1.0, 2]], [[3, None]]])}, "y[1][1]"),
    "NaN": ({"y": [1.0, float("nan")]}, "y[1]"),
    "ragged": ({"y": [[1], [1, 2]]}, "y[1]"),
    "ragged chunks": ({"y": pa.chunked_array([[[1], [2]], [[1, 2]]])}, "y[2]"),
    "empty lists": ({"y": pa.array([[], []], pa.list_(pa.int64()))}, "y[0]"),
    "too large": ({"y": pa.array([1, 2**63], pa.uint64())}, "y[1]"),
    "no rows": ({"y": pa.array([], pa.int64())}, "y"),
    "a date": ({"y": pa.array([0], pa.timestamp("s"))}, "y"),
    "a struct": ({"y": [{"a": 1}]}, "y"),
    "texts in lists": ({"y": [["a"]]}, "y"),
    "nothing": ({"y": pa.nulls(2)}, "y"),
    "no name": ({"": [1]}, '[""]'),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize(("form", "write"), WRITERS)
def test_the_first_mistake_is_named(tmp_path: Path, form: str, write: Any, name: str) -> None:
    columns, path = BAD[name]
    with pytest.raises(InvalidInputError) as caught:
        read(form, write(pa.table(columns)), tmp_path)
    assert [complaint.path for complaint in caught.value.complaints] == [path]


def test_a_null_in_a_dictionary_is_named(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    with pytest.raises(InvalidInputError, match="null"):
        read("arrow", stream(pa.table({"y": texts})), tmp_path)
