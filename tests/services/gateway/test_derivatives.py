"""Derivatives of models at points, against closed forms."""

from typing import Any

import numpy as np
import pytest

from models.data import load_data
from models.definition import parse_definition
from models.errors import DataError, TooLargeError
from services.gateway.derivatives import derivatives
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.test_evaluation import NORMAL, SIMPLEX, Y

MU, S = 0.3, 1.7
RESIDUALS = np.array(Y) - MU
AT = {"mu": MU, "s": S}
FIELD = {
    "language": "graph",
    "sites": [
        {"name": "x", "distribution": "Normal", "args": {"loc": [0, 0, 0], "scale": 1}},
        {"name": "k", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
        {"name": "pull", "value": "-k * x"},
        {"name": "pair", "value": "x[:2] * k"},
        {"name": "y", "distribution": "Normal", "args": {"loc": "x", "scale": 1}, "observed": "y"},
    ],
}


def ask(definition: Any, data: Any, **asked: Any) -> dict[str, Any]:
    body = {"of": "log_density", "order": 1, "mode": "reverse", **asked}
    return derivatives(parse_definition(definition), load_data(data), body)


def likelihood_gradient() -> dict[str, float]:
    by_s = -3 / S + (RESIDUALS**2).sum() / S**3
    return {"mu": RESIDUALS.sum() / S**2, "s": by_s}


@pytest.mark.parametrize("mode", ["reverse", "forward", "numeric", "symbolic"])
def test_all_of_a_normals_derivatives(mode: str) -> None:
    found = ask(
        NORMAL, {"y": Y}, of="log_likelihood", order=2, mode=mode, at=AT, direction={"mu": 2.0}
    )
    gradient = likelihood_gradient()
    hessian = {
        ("mu", "mu"): -3 / S**2,
        ("mu", "s"): -2 * RESIDUALS.sum() / S**3,
        ("s", "s"): 3 / S**2 - 3 * (RESIDUALS**2).sum() / S**4,
    }
    near = {"rel": 1e-7, "abs": 1e-7}
    assert found["gradient"] == pytest.approx(gradient, **near)
    for (one, other), value in hessian.items():
        assert found["hessian"][one][other] == pytest.approx(value, **near)
        assert found["hessian"][other][one] == found["hessian"][one][other]
    assert found["directional"] == pytest.approx(2 * gradient["mu"], **near)
    assert found["hessian_vector"]["s"] == pytest.approx(2 * hessian["mu", "s"], **near)
    assert found["laplacian"] == pytest.approx(hessian["mu", "mu"] + hessian["s", "s"], **near)
    assert sum(found["eigenvalues"]) == pytest.approx(found["laplacian"], **near)
    by_row = RESIDUALS / S**2
    assert found["scores"]["mu"] == pytest.approx(list(by_row), **near)
    assert sum(found["scores"]["s"]) == pytest.approx(gradient["s"], **near)
    assert ("gradient_error" in found) is (mode == "numeric")


def test_the_parts_add_up() -> None:
    parts = [ask(NORMAL, {"y": Y}, at=AT, of=of) for of in ("log_prior", "log_likelihood")]
    whole = ask(NORMAL, {"y": Y}, at=AT)
    assert whole["value"] == pytest.approx(sum(part["value"] for part in parts), abs=1e-12)
    assert whole["gradient"]["s"] == pytest.approx(sum(p["gradient"]["s"] for p in parts))
    assert parts[0]["gradient"] == pytest.approx({"mu": -MU / 4, "s": -1.0})
    assert "scores" not in whole


def test_on_a_simplex_entries_are_taken_as_they_stand() -> None:
    found = ask(SIMPLEX, {"y": [0, 2, 2]}, at={"p": [0.2, 0.3, 0.5]}, of="log_prior")
    # Dirichlet(2, 3, 4): derivatives of sum (a - 1) log p.
    assert found["gradient"]["p"] == pytest.approx([1 / 0.2, 2 / 0.3, 3 / 0.5])


def test_modes_are_compared() -> None:
    at = {"mu": 4.0, "tau": 3.0, "eta": [0.1 * n for n in range(8)]}
    found = ask(EIGHT_SCHOOLS, DATA, at=at, mode="compare", order=2)
    assert set(found["modes"]) == {"reverse", "forward", "numeric", "symbolic"}
    assert found["largest_disagreement"] < 1e-6
    assert "numeric" in found["where"]["modes"]
    assert found["absent"] == {}


def test_without_a_point_it_is_the_origin() -> None:
    found = ask(EIGHT_SCHOOLS, DATA)
    assert found["at"] == {"mu": 0.0, "tau": 1.0, "eta": [0.0] * 8}


def test_taylor_polynomials_of_a_quadratic_are_exact() -> None:
    found = ask(NORMAL, {"y": Y}, at=AT, to={"mu": 2.0, "s": S})["taylor"]
    assert found["order_2"] == pytest.approx(found["value"], abs=1e-12)
    assert abs(found["order_1"] - found["value"]) > 0.1
    assert found["order_0"] == ask(NORMAL, {"y": Y}, at=AT)["value"]


def test_a_field_spreads_and_turns() -> None:
    at = {"x": [1.0, 2.0, 3.0], "k": 0.5}
    found = ask(FIELD, {"y": [0.0, 0.0, 0.0]}, at=at, fields={"pull": "x", "pair": None})["fields"]
    assert found["pull"]["divergence"] == pytest.approx(-1.5)
    assert found["pull"]["curl"] == pytest.approx([0.0, 0.0, 0.0])
    assert found["pull"]["jacobian"]["k"] == pytest.approx([-1.0, -2.0, -3.0])
    assert found["pair"]["divergence"] is None
    assert found["pair"]["jacobian"]["x"][1] == pytest.approx([0.0, 0.5, 0.0])


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"at": {"mu": 1.0}}, "at.s"),
        ({"at": {"mu": 1.0, "s": -1.0}}, "at.s"),
        ({"at": AT, "direction": {"nu": 1.0}}, "direction.nu"),
        ({"at": AT, "direction": {"mu": [1.0]}}, "direction.mu"),
        ({"at": AT, "direction": {}}, "direction"),
        ({"at": AT, "to": {"mu": 1.0, "s": -2.0}}, "to.s"),
        ({"at": AT, "fields": {"mu": None}}, "fields.mu"),
    ],
)
def test_what_cannot_be_used_is_named(asked: dict[str, Any], path: str) -> None:
    with pytest.raises(DataError) as caught:
        ask(NORMAL, {"y": Y}, **asked)
    assert caught.value.path == path


def test_a_space_of_another_size_is_refused() -> None:
    at = {"x": [1.0, 2.0, 3.0], "k": 0.5}
    with pytest.raises(DataError, match="as many"):
        ask(FIELD, {"y": [0.0, 0.0, 0.0]}, at=at, fields={"pair": "x"})


def test_a_hessian_of_many_entries_says_what_it_would_take() -> None:
    wide = {
        "language": "graph",
        "sites": [
            {"name": "x", "distribution": "Normal", "args": {"loc": "zeros(1001)", "scale": 1}},
            {"name": "y", "distribution": "Normal", "args": {"loc": "sum(x)", "scale": 1},
             "observed": "y"},
        ],
    }  # fmt: skip
    with pytest.raises(TooLargeError, match="MB"):
        ask(wide, {"y": 0.0}, order=2)
