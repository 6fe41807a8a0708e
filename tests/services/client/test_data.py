"""Arrays of any make become plain numbers; what JSON cannot carry is named by its path."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from services.client.data import load
from services.client.errors import InputError


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, True),
        ([1, (2.0, 3)], [1, [2.0, 3]]),
        (np.float64(0.5), 0.5),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        ([np.array([1.0]), np.int64(2)], [[1.0], 2]),
        (torch.tensor([1.5, 2.5], requires_grad=True), [1.5, 2.5]),
        (torch.tensor(3), 3),
        (pd.Series([1, 2]), [1, 2]),
    ],
)
def test_arrays_become_plain_numbers_of_their_kind(value: Any, plain: Any) -> None:
    loaded = load({"x": value})["x"]
    assert loaded == plain
    assert json.dumps(loaded) == json.dumps(plain)


def test_a_data_frame_is_its_columns() -> None:
    assert load(pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]})) == {"x": [1, 2], "y": [0.5, 1.5]}


def test_no_data_is_no_arrays() -> None:
    assert load(None) == {}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([1.0, [2.0, math.nan]], "data.y[1][1]"),
        (np.array([1.0, np.inf]), "data.y[1]"),
        ([1 + 2j], "data.y[0]"),
        ([{"a": object()}], "data.y[0].a"),
    ],
)
def test_what_cannot_be_sent_is_named_by_its_path(value: Any, path: str) -> None:
    with pytest.raises(InputError) as caught:
        load({"y": value})
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.txt", "", r"ends in \.json, \.csv, \.parquet or \.arrow"),
        ("a.json", "[1]", "write one object of named arrays"),
        ("a.json", '{"y": [1,]}', "line 1, column .*: this is no JSON"),
        ("a.json", '{"y": NaN}', "NaN is no number in JSON"),
        ("a.json", '{"y": 1, "y": 2}', "'y' occurs twice"),
        ("a.json", "[" * 100_000, "recursion"),
    ],
)
def test_a_file_that_is_not_data_says_why(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(InputError, match=sentence):
        load(file)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(str(tmp_path / "none.json"))


def test_files_are_read_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"y": [1, 2.5]}')
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4.5\n")
    pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]}).to_parquet(tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet") == {"x": [1, 2], "y": [0.5, 1.5]}
    assert load(tmp_path / "a.json") == {"y": [1, 2.5]}
    assert load(str(tmp_path / "a.csv")) == {"x": [1, 3], "y": [2.0, 4.5]}


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(InputError, match="give a mapping"):
        load([1, 2])
