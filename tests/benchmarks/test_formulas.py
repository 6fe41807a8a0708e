"""What the benchmark of formulas builds and fits, at small sizes."""

import numpy as np
import pytest

from models.definition import parse_definition
from models.formula.columns import Texts
from models.formula.design import design
from tests.benchmarks.formulas import COLUMNS, columns_of, formula_of, goal_seconds
from tests.benchmarks.mixed import FAMILY, FORMULA, Fitted, Size, columns, label


@pytest.mark.parametrize("kind", ["numbers", "factor", "interactions"])
def test_a_design_has_the_columns_that_are_measured(kind: str) -> None:
    definition = parse_definition({"language": "formula", "formula": formula_of(kind)})
    assert design(definition, columns_of(200)).arrays["X"].shape == (200, COLUMNS)


def test_the_mixed_model_is_a_formula_over_its_columns() -> None:
    data = columns(Size(rows=300, groups=7, draws=1))
    again = columns(Size(rows=300, groups=7, draws=1))
    assert all((data[name] == again[name]).all() for name in data)
    levels, codes = np.unique([label(group) for group in data["g"]], return_inverse=True)
    assert len(levels) == 7
    definition = parse_definition({"language": "formula", "formula": FORMULA, "family": FAMILY})
    found = design(definition, {**data, "g": Texts(codes, tuple(map(str, levels)))})
    assert (found.arrays["index_g"] == data["g"]).all()
    assert found.arrays["X"].shape == (300, 2)


@pytest.mark.parametrize(
    ("ess", "until", "seconds"),
    [(500, True, 20.0), (2000, True, 10.0), (500, False, 15.0), (2000, False, 7.5)],
)
def test_a_fit_is_rescaled_to_the_goal(ess: float, until: bool, seconds: float) -> None:
    assert goal_seconds(Fitted(10.0, ess, 1.0, {}, {}), until) == seconds
