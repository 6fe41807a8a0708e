"""The grammar of restrictions, with the place of every mistake."""

from typing import Any

import numpy as np
import pytest
import torch

from models.density import Parameter
from models.errors import DefinitionError
from tests.workers.densities import regression
from workers.engines.kernels.restriction import coordinates, read_restriction, restricted_point

PARAMETERS = (
    Parameter("beta", (3,), "real", 3, 0),
    Parameter("sigma", (), "positive", 1, 3),
    Parameter("p", (3,), "simplex", 2, 4),
    Parameter("w", (2, 2), "interval(-1, 1)", 4, 6),
    Parameter("u", (), "interval(low, high)", 1, 10),
)


def test_names_stand_for_all_entries_and_an_index_for_one() -> None:
    found = read_restriction(
        {"beta[0]": 0, "beta[2]": 1.5, "sigma": 2, "w": 0.5, "p": [0.2, 0.3, 0.5]}, PARAMETERS
    )
    assert found["beta"].where.tolist() == [True, False, True]
    assert found["beta"].values[[0, 2]].tolist() == [0.0, 1.5]
    assert found["sigma"].where.tolist() is True
    assert found["w"].values.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert not any(one.at_bound for one in found.values())


@pytest.mark.parametrize(
    "asked", [{"sigma": 0}, {"w[0,1]": -1}, {"p": [0.0, 0.4, 0.6]}, {"w": [[0, 0], [0, 1]]}]
)
def test_the_boundary_of_a_support_is_told(asked: dict[str, Any]) -> None:
    (found,) = read_restriction(asked, PARAMETERS).values()
    assert found.at_bound


@pytest.mark.parametrize(
    ("asked", "path", "message"),
    [
        ({}, "", "nothing is fixed"),
        ({"sgma": 1}, ".sgma", "did you mean 'sigma'"),
        ({"beta[3]": 1}, ".beta[3]", "has the shape [3]"),
        ({"beta[0,0]": 1}, ".beta[0,0]", "has the shape [3]"),
        ({"sigma[0]": 1}, ".sigma[0]", "is one number"),
        ({"beta[-1]": 1}, ".beta[-1]", "one entry as in beta[0]"),
        ({"2 * beta": 1}, ".2 * beta", "one entry as in beta[0]"),
        ({"beta": [1, 2]}, ".beta", "the shape [2]"),
        ({"beta[0]": [1]}, ".beta[0]", "write one number"),
        ({"beta": ["a", 1, 2]}, ".beta[0]", ""),
        ({"beta": 0, "beta[1]": 1}, ".beta[1]", "fixed twice"),
        ({"sigma": -1}, ".sigma", "outside of the support"),
        ({"w[0,0]": 1.5}, ".w[0,0]", "interval(-1, 1)"),
        ({"p": [0.2, 0.2, 0.2]}, ".p", "simplex"),
        ({"p[0]": 0.2}, ".p[0]", "fix all of 'p'"),
        ({"u": 0.2}, ".u", "no constants"),
    ],
)
def test_mistakes_have_their_place(asked: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_restriction(asked, PARAMETERS)
    assert caught.value.path == f"engine.restriction{path}"
    assert message in caught.value.message


def test_fixed_coordinates_and_the_point_where_they_are() -> None:
    design = torch.from_numpy(np.random.default_rng(0).normal(size=(10, 3)))
    density = regression(design, design[:, 0])
    fixed = read_restriction({"beta[1]": 0.5, "sigma": 2.0}, density.parameters)
    assert coordinates(fixed, density).tolist() == [False, True, False, True]
    z = restricted_point(fixed, density, torch.ones(4, dtype=torch.float64))
    assert z.tolist() == pytest.approx([1.0, 0.5, 1.0, np.log(2.0)])
    edge = read_restriction({"sigma": 0}, density.parameters)
    assert float(restricted_point(edge, density, z)[3]) == -np.inf
