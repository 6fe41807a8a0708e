"""Data for a definition."""

import pytest

from models.compile import compile_model
from models.definition import parse_definition
from models.errors import DataError
from models.loading import load_for

GRAPH = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
        {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 1}, "observed": "y"},
    ],
}


def test_a_formula_takes_its_columns_and_others_take_all() -> None:
    data = {"y": [1, 2], "g": ["a", "b"], "more": [None]}
    formula = parse_definition({"language": "formula", "formula": "y ~ g"})
    assert set(load_for(formula, data)) == {"y", "g"}
    with pytest.raises(DataError, match="the text 'a'"):
        load_for(parse_definition(GRAPH), data)
    with pytest.raises(DataError, match="the text 'a'"):
        load_for(None, data)


def test_texts_of_a_data_set_are_for_formulas_alone() -> None:
    formula = parse_definition({"language": "formula", "formula": "y ~ 1 + y"})
    texts = load_for(formula, {"y": ["a", "b"]})
    with pytest.raises(DataError, match="texts as codes from 0"):
        compile_model(parse_definition(GRAPH), texts)
