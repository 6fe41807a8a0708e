"""Responses in the support of their family."""

from typing import Any

import numpy as np
import pytest

from models.definition import parse_definition
from models.errors import ModelError
from models.formula.columns import load_columns
from models.formula.factors import Factors
from models.formula.regression import regression
from models.formula.responses import Observed, observed


def respond(family: str, values: list[Any], response: str = "y", **more: Any) -> Observed:
    raw = {"language": "formula", "formula": f"{response} ~ 1", "family": family, **more}
    asked = regression(parse_definition(raw))
    columns = load_columns({"y": values, "n": [2] * len(values)}, asked.formula.named)
    return observed(
        asked, Factors(columns, {k: list(v) for k, v in more.get("levels", {}).items()})
    )


@pytest.mark.parametrize(
    "values", [[0, 1, 1], [False, True, True], [0.0, 1.0, 1.0], ["n", "y", "y"]]
)
def test_two_outcomes_in_every_spelling(values: list[Any]) -> None:
    found = respond("bernoulli", values)
    assert found.values.dtype == np.int64
    assert found.values.tolist() == [0, 1, 1]


def test_ordered_categories_are_in_their_order() -> None:
    words = ["low", "high", "mid"]
    assert respond("ordinal", words).levels == ("high", "low", "mid")
    told = respond("ordinal", words, levels={"y": ["low", "mid", "high"]})
    assert (told.levels, told.values.tolist()) == (("low", "mid", "high"), [0, 2, 1])
    assert respond("ordinal", [3, 1, 2]).values.tolist() == [2, 0, 1]


def test_counts_out_of_trials() -> None:
    assert respond("binomial", [0, 2], "p(y, n)").trials.tolist() == [2, 2]
    assert respond("binomial", [0, 3], "proportion(y, 5)").trials.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("family", "values", "response", "path", "fragment"),
    [
        ("gaussian", ["a", "b"], "y", "formula, column 1", "holds texts"),
        ("gaussian", [1, -1], "log(y)", "formula, column 1", "no finite number at row 1"),
        ("bernoulli", [0, 2], "y", "data.y[1]", "y is 2; write 0 and 1"),
        ("bernoulli", ["a", "b", "c"], "y", "data.y", "3 texts"),
        ("binomial", [1, 3], "p(y, n)", "data.y[1]", "counts from 0 to the trials"),
        ("binomial", [1, -1], "p(y, n)", "data.y[1]", "counts from 0 to the trials"),
        ("binomial", [1, 1], "y", "formula, column 1", "write p(successes, trials)"),
        ("gaussian", [1, 1], "p(y, n)", "formula, column 1", "of the family binomial"),
        ("poisson", [1, 1.5], "y", "data.y[1]", "integers from 0 on"),
        ("negative_binomial", [-1, 1], "y", "data.y[0]", "integers from 0 on"),
        ("gamma", [1, 0], "y", "data.y[1]", "positive numbers"),
        ("gamma", [1, 0], "I(y * 2)", "formula, column 1", "at row 1; write positive"),
        ("beta", [0.5, 1], "y", "data.y[1]", "between 0 and 1"),
        ("ordinal", ["a", "a"], "y", "data.y", "one level, 'a'"),
        ("ordinal", [0.5, 1.5], "y", "formula, column 1", "holds reals"),
        ("ordinal", [1, 2], "log(y)", "formula, column 1", "the column of the levels"),
    ],
)
def test_outside_of_the_support(
    family: str, values: list[Any], response: str, path: str, fragment: str
) -> None:
    with pytest.raises(ModelError) as caught:
        respond(family, values, response)
    assert caught.value.path == path
    assert fragment in caught.value.message
