"""Formulas as a client sends them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.client import formula
from services.client.data import load
from services.client.errors import InputError
from services.client.model import definition

PLAIN = {"language": "formula", "formula": "y ~ x + (1 | g)", "family": "gaussian"}


def test_a_text_with_a_tilde_is_a_formula() -> None:
    assert definition("y ~ x + (1 | g)") == PLAIN
    assert definition(formula("y ~ x + (1 | g)", "poisson", link="sqrt")) == {
        **PLAIN,
        "family": "poisson",
        "link": "sqrt",
    }
    prior = {"distribution": "Normal", "args": {"loc": 0, "scale": 1}}
    full = formula("y ~ x", priors={"x": prior}, levels={"g": ("b", "a")})
    assert (full["priors"], full["levels"]) == ({"x": prior}, {"g": ["b", "a"]})
    with pytest.raises(InputError, match="ends in"):
        definition("~/model.r")


def test_of_the_data_of_a_formula_only_what_it_names_is_read(tmp_path: Path) -> None:
    wanted = {"y": [1, 2], "x": [0.5, 1.5], "g": ["a", "b"]}
    path = tmp_path / "data.csv"
    path.write_text("y,x,note,g\n1,0.5,NA,a\n2,1.5,,b\n")
    assert load(path, PLAIN) == wanted
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({**wanted, "note": [None, "b"]}), path)
    assert load(path, PLAIN) == wanted
    frame = pd.DataFrame({**wanted, "note": [float("nan"), 1.0]})
    frame["g"] = frame["g"].astype("category")
    assert load(frame, PLAIN) == wanted
    assert load({"dataset": "abc", "columns": {"y": "z"}}, PLAIN)["dataset"] == "abc"


def test_a_stored_model_may_be_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("y,g\n1,a\n2,b\n")
    assert load(path, {"id": "abc"}) == {"y": [1, 2], "g": ["a", "b"]}
    with pytest.raises(InputError, match="'a' is no number"):
        load(path, {"language": "graph", "sites": []})


def test_missing_texts_of_a_parquet_file_have_a_row(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"y": [1, 2], "g": ["a", None]}), path)
    with pytest.raises(InputError, match="column g, row 1: null"):
        load(path, PLAIN)
