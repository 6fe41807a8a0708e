"""One log density and its gradient, against closed forms."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.data import load_data
from models.definition import parse_definition
from models.errors import DataError
from services.gateway.evaluation import log_density

NORMAL = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 2}},
        {"name": "s", "distribution": "Exponential", "args": {"rate": 1}},
        {
            "name": "y",
            "distribution": "Normal",
            "args": {"loc": "mu", "scale": "s"},
            "observed": "y",
        },
    ],
}
Y = [0.5, 1.5, 4.0]
SIMPLEX = {
    "language": "graph",
    "sites": [
        {"name": "p", "distribution": "Dirichlet", "args": {"concentration": [2, 3, 4]}},
        {"name": "y", "distribution": "Categorical", "args": {"probs": "p"}, "observed": "y"},
    ],
}


def evaluate(definition: Any, data: Any, **where: Any) -> dict[str, Any]:
    return log_density(parse_definition(definition), load_data(data), where)


def test_a_constrained_point_has_no_jacobian() -> None:
    found = evaluate(NORMAL, {"y": Y}, at={"mu": 0.3, "s": 1.7})
    prior = stats.norm.logpdf(0.3, 0, 2) + stats.expon.logpdf(1.7)
    likelihood = stats.norm.logpdf(Y, 0.3, 1.7).sum()
    assert found["log_prior"] == pytest.approx(prior, abs=1e-12)
    assert found["log_likelihood"] == pytest.approx(likelihood, abs=1e-12)
    assert found["log_density"] == pytest.approx(prior + likelihood, abs=1e-12)
    residuals = np.array(Y) - 0.3
    by_mu = -0.3 / 4 + residuals.sum() / 1.7**2
    by_s = -1 - 3 / 1.7 + (residuals**2).sum() / 1.7**3
    assert found["gradient"]["mu"] == pytest.approx(by_mu, abs=1e-10)
    assert found["gradient"]["s"] == pytest.approx(by_s, abs=1e-10)


def test_an_unconstrained_point_has_the_jacobian() -> None:
    plain = evaluate(NORMAL, {"y": Y}, at={"mu": 0.3, "s": 1.7})
    found = evaluate(NORMAL, {"y": Y}, unconstrained=[0.3, math.log(1.7)])
    assert found["log_density"] == pytest.approx(plain["log_density"] + math.log(1.7), abs=1e-12)
    assert found["log_likelihood"] == pytest.approx(plain["log_likelihood"], abs=1e-12)
    assert len(found["gradient"]) == 2


def test_the_gradient_on_a_simplex_lies_along_it() -> None:
    found = evaluate(SIMPLEX, {"y": [0, 2, 2]}, at={"p": [0.2, 0.3, 0.5]})
    full = np.array([(1 + 1) / 0.2, (2 + 0) / 0.3, (3 + 2) / 0.5])
    assert found["gradient"]["p"] == pytest.approx(list(full - full.mean()), abs=1e-8)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ({"at": {"mu": 1.0}}, "at.s"),
        ({"at": {"mu": 1.0, "s": 1.0, "t": 1.0}}, "at.t"),
        ({"at": {"mu": [1.0, 2.0], "s": 1.0}}, "at.mu"),
        ({"at": {"mu": "x", "s": 1.0}}, "at.mu"),
        ({"at": {"mu": None, "s": 1.0}}, "at.mu"),
        ({"at": {"mu": 0.0, "s": -1.0}}, "at.s"),
        ({"unconstrained": [1.0]}, "unconstrained"),
        ({"unconstrained": [1.0, 2.0, 3.0]}, "unconstrained"),
    ],
)
def test_points_that_do_not_fit_are_refused(where: dict[str, Any], path: str) -> None:
    with pytest.raises(DataError) as caught:
        evaluate(NORMAL, {"y": Y}, **where)
    assert caught.value.path == path


def test_what_is_not_finite_is_null() -> None:
    found = evaluate(NORMAL, {"y": Y}, unconstrained=[0.0, -800.0])
    assert found["log_likelihood"] is None
    assert found["log_density"] is None
