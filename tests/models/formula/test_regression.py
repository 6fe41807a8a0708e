"""Formula definitions, read."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.definition import FormulaDefinition
from models.errors import DefinitionError
from models.formula.design import graph_of
from models.formula.families import FAMILIES
from models.formula.regression import regression
from models.graph_scope import Scope


def read(formula: str, **more: Any) -> FormulaDefinition:
    return FormulaDefinition(language="formula", formula=formula, **more)


def test_the_schema_and_the_table_know_the_same_families() -> None:
    for name in FAMILIES:
        left = "p(y, 3)" if name == "binomial" else "y"
        assert regression(read(f"{left} ~ x", family=name)).family.name == name
    with pytest.raises(ValidationError):
        read("y ~ x", family="weibull")


@pytest.mark.parametrize(
    ("left", "name"),
    [
        ("y", "y"),
        ("log(weight)", "log_weight"),
        ("beta", "beta_"),
        ("exp", "exp_"),
        ("chain", "chain_"),
        ("sd_g", "sd_g_"),
        ("beta_1", "beta_1_"),
        ("n_beta_2", "n_beta_2_"),
        ("_y", "y"),
        ("lambda", "lambda_"),
    ],
)
def test_the_observed_site_has_the_responses_name_or_one_like_it(left: str, name: str) -> None:
    definition = read(f"{left} ~ x + (1 | g)")
    assert regression(definition).response == name
    Scope(graph_of(definition))


@pytest.mark.parametrize(
    ("right", "suffixes"),
    [
        ("(1 | g) + (0 + x | g)", ("g", "g_2")),
        ("(1 | g/h)", ("g", "g_h")),
        ("(1 | g:h) + (1 | g_h)", ("g_h", "g_h_2")),
        ("(1 | C(g))", ("C_g",)),
        ("(1 | beta_1)", ("beta_1_2",)),
        ("(1 | scale_g) + (1 | g)", ("scale_g", "g_2")),
        (f"(1 | {'g' * 60})", ("g" * 48,)),
    ],
)
def test_groups_have_names_of_their_own(right: str, suffixes: tuple[str, ...]) -> None:
    definition = read(f"y ~ {right}")
    assert regression(definition).suffixes == suffixes
    Scope(graph_of(definition))


@pytest.mark.parametrize(
    ("definition", "path", "fragment"),
    [
        (read("y ~ x", levels={"z": ["a"]}), "model.levels.z", "does not name 'z'"),
        (read("y ~ x", levels={"x": ["a", "b", "a"]}), "model.levels.x[2]", "stands twice"),
        (read("y ~ x", link="logit"), "model.link", "gaussian has no link 'logit'"),
        (read("y ~ x", family="gamma", link="inverse"), "model.link", "write log"),
        (read("y ~ 0 + x", family="ordinal"), "formula, column 1", "leave `0` out"),
        (read("y ~ x", family="binomial"), "formula, column 1", "p(successes, trials)"),
    ],
)
def test_what_does_not_fit_together(
    definition: FormulaDefinition, path: str, fragment: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        regression(definition)
    assert caught.value.path == path
    assert fragment in caught.value.message
