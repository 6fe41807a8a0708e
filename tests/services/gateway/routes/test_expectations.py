"""Expectations over HTTP, of draws that are known."""

from typing import Any

import numpy as np
import pytest

from services.gateway.deps import Deps
from tests.services.gateway.ended import BODY, ended
from tests.services.gateway.web import Web, assert_problem

SOURCE = np.random.default_rng(1)
MU = SOURCE.normal(size=(4, 250))
THETA = SOURCE.normal(size=(4, 250, 3)) + MU[:, :, None]


@pytest.fixture
def address(web: Web, deps: Deps) -> str:
    """Where to ask of a job that has ended."""
    job = ended(web, deps, {"mu": MU, "theta": THETA})
    return f"/v1/jobs/{job['id']}/expectation"


def test_all_that_can_be_asked(web: Web, address: str) -> None:
    body = {
        "of": "theta[0] - theta[1]",
        "probabilities": ["theta[0] > theta[1]", "mu > 0"],
        "moments": 4,
        "cdf_at": [0.0],
        "quantiles": [0.1, 0.5],
    }
    found = web.post(address, body).json()
    difference = THETA[:, :, 0] - THETA[:, :, 1]
    assert found["mean"]["value"] == pytest.approx(difference.mean())
    assert found["variance"]["value"] == pytest.approx(difference.var(ddof=1))
    assert abs(found["kurtosis"]["value"] - 3) < 6 * found["kurtosis"]["mcse"]
    assert found["cdf"] == [
        {
            "at": 0.0,
            "value": pytest.approx((difference <= 0).mean()),
            "mcse": pytest.approx(0.016, rel=0.3),
        }
    ]
    levels = {one["level"]: one["value"] for one in found["quantiles"]}
    assert levels[0.1] == pytest.approx(np.quantile(difference, 0.1))
    assert [one["of"] for one in found["probabilities"]] == body["probabilities"]
    assert found["probabilities"][1]["value"] == pytest.approx((MU > 0).mean())
    assert found["draws"] == 1000
    assert found["shape"] == []
    assert 600 < found["ess_bulk"] < 1500
    assert found["r_hat"] == pytest.approx(1.0, abs=0.02)


def test_an_expression_of_a_vector_keeps_its_shape(web: Web, address: str) -> None:
    found = web.post(address, {"of": "theta - mu"}).json()
    assert found["shape"] == [3]
    expected = (THETA - MU[:, :, None]).mean((0, 1))
    assert found["mean"]["value"] == pytest.approx(list(expected))
    assert "skewness" not in found


def test_an_average_that_does_not_exist_is_null(web: Web, address: str) -> None:
    found = web.post(address, {"of": "log(mu)"}).json()
    assert found["mean"] == {"value": None, "mcse": None}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "of"),
        ({"of": ""}, "of"),
        ({"of": "nu"}, "of"),
        ({"of": "theta[7]"}, "of"),
        ({"of": "mu.__class__"}, "of"),
        ({"of": "mu", "probabilities": ["mu > 0", "x > 0"]}, "probabilities[1]"),
        ({"of": "mu", "moments": 5}, "moments"),
        ({"of": "mu", "quantiles": [1.0]}, "quantiles[0]"),
        ({"of": "mu", "quantile": [0.5]}, "quantile"),
    ],
)
def test_what_cannot_be_used_is_named(web: Web, address: str, body: Any, path: str) -> None:
    found = assert_problem(web.post(address, body), 422)
    assert found["errors"][0]["path"] == path


def test_a_job_that_has_not_ended_has_none(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    assert_problem(web.post(f"/v1/jobs/{job['id']}/expectation", {"of": "mu"}), 409)


def test_an_unknown_job_is_not_found(web: Web) -> None:
    assert_problem(web.post("/v1/jobs/x/expectation", {"of": "mu"}), 404)
