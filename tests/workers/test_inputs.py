"""A job's data: as posted, or out of a data set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.definition import parse_definition
from models.errors import DataError
from models.formula.columns import Texts
from workers.columns import Column, write_columns
from workers.inputs import load_input, located, read_input
from workers.store.artifacts import Artifacts

KEY = "datasets/abc/1.arrow"
COLUMNS = [
    Column(name="height", values=np.array([1.5, 0.1, 3.0])),
    Column(name="age", values=np.array([30, 41, 30])),
    Column(name="pair", values=np.array([1, 2])),
    Column(name="county", values=np.array([1, 0, 1]), levels=pa.array(["a", "b"], "large_string")),
]


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    found = Artifacts((tmp_path / "artifacts").as_uri())
    write_columns(tmp_path / "file", COLUMNS)
    found.put_file(KEY, tmp_path / "file")
    return found


def read(artifacts: Artifacts, columns: Any) -> dict[str, np.ndarray[Any, Any]]:
    key = artifacts.put_input(
        json.dumps({"dataset": "abc", "key": KEY, "columns": columns}).encode()
    )
    return read_input(artifacts, key)


def test_numbers_are_themselves(artifacts: Artifacts) -> None:
    key = artifacts.put_input(b'{"y": [1, 2], "dataset": 5}')
    found = read_input(artifacts, key)
    assert {name: array.tolist() for name, array in found.items()} == {"y": [1, 2], "dataset": 5}


def test_columns_matrices_codes_and_numbers(artifacts: Artifacts) -> None:
    found = read(
        artifacts,
        {
            "y": "height",
            "X": ["age", "height"],
            "K": ["age", "age"],
            "g": {"codes": "county"},
            "a": {"codes": "age"},
            "N": 3,
            "s": 2.5,
            "flag": True,
        },
    )
    shown = {name: (array.dtype.name, array.tolist()) for name, array in found.items()}
    assert shown == {
        "y": ("float64", [1.5, 0.1, 3.0]),
        "X": ("float64", [[30.0, 1.5], [41.0, 0.1], [30.0, 3.0]]),
        "K": ("int64", [[30, 30], [41, 41], [30, 30]]),
        "g": ("int64", [1, 0, 1]),
        "a": ("int64", [0, 1, 0]),
        "N": ("int64", 3),
        "s": ("float64", 2.5),
        "flag": ("bool", True),
    }


@pytest.mark.parametrize(
    ("source", "path", "sentence"),
    [
        ("heigth", "data.columns.y", "did you mean 'height'"),
        ("zzz", "data.columns.y", "write one of height, age, pair, county"),
        ("county", "data.columns.y", r'write \{"codes": "county"\} for its codes 0 ... 1'),
        (["age", "ages"], "data.columns.y[1]", "did you mean 'age'"),
        (["age", "pair"], "data.columns.y[1]", r"the shape \(2,\)"),
        (["age", "county"], "data.columns.y[1]", "holds text"),
        ({"codes": "nobody"}, "data.columns.y.codes", "no column 'nobody'"),
        ({"codes": "height"}, "data.columns.y.codes", "holds reals"),
        (2**70, "data.y", "send numbers"),
    ],
)
def test_what_cannot_be_taken_is_refused(
    artifacts: Artifacts, source: Any, path: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(artifacts, {"y": source})
    assert caught.value.path == path


def test_a_data_set_that_is_gone_is_said_to_be(artifacts: Artifacts) -> None:
    artifacts.delete(KEY)
    with pytest.raises(DataError, match="has been deleted") as caught:
        read(artifacts, {"y": "height"})
    assert caught.value.path == "data.dataset"


def test_a_located_input_can_be_loaded_anywhere(artifacts: Artifacts) -> None:
    literal = {"y": [1.5]}
    assert located(literal, artifacts) is literal
    bound = {"dataset": "abc", "key": KEY, "columns": {"y": "age"}}
    assert load_input(located(bound, artifacts))["y"].tolist() == [30, 41, 30]


def test_a_formula_reads_texts_and_nothing_that_it_does_not_name(artifacts: Artifacts) -> None:
    definition = parse_definition({"language": "formula", "formula": "height ~ county"})
    columns = {"height": "height", "county": "county", "more": "pair"}
    bound = {"dataset": "abc", "key": KEY, "columns": columns}
    found = load_input(located(bound, artifacts), definition)
    assert set(found) == {"height", "county"}
    county = found["county"]
    assert isinstance(county, Texts)
    assert (county.codes.tolist(), county.levels) == ([1, 0, 1], ("a", "b"))
