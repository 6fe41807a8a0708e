"""The corpus of escapes where requests take names and expressions beside a model's text."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.derivatives.inquiry import fields
from models.errors import DataError, DefinitionError, ModelError
from services.gateway.deps import Deps
from services.gateway.evaluation import check_parameters
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.escapes import EXPRESSIONS, TEXTS, VALUES
from tests.services.gateway.ended import ended
from tests.services.gateway.web import Web, assert_problem
from tests.watched import watched
from workers.engines.kernels.profile_entries import chosen
from workers.engines.kernels.restriction import read_restriction

#: One text of every kind, so that each is sent once.
SAMPLE = [texts[0] for texts in EXPRESSIONS.values()]
COSTLY = [texts[0] for texts in VALUES.values()]
JOB = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "mle"}, "seed": 1}


@pytest.fixture(scope="module")
def density() -> Any:
    return compile_model(parse_definition(EIGHT_SCHOOLS), load_data(dict(DATA)))


def test_no_restriction_is_a_way_out(density: Any) -> None:
    for text in TEXTS:
        for key in (text, f"mu[{text}]", f"{text}[0]"):
            with watched(), pytest.raises(DefinitionError) as caught:
                read_restriction({key: 0.0}, density.parameters)
            assert caught.value.path.startswith("engine.restriction."), key[:80]
            assert len(caught.value.message) < 1000
        with watched(), pytest.raises(DefinitionError) as caught:
            chosen(density.parameters, ["mu", text])
        assert caught.value.path == "engine.profile[1]"
        with watched(), pytest.raises(ModelError):
            read_restriction({"mu": text}, density.parameters)


def test_no_derivative_is_a_way_out(density: Any) -> None:
    at = torch.zeros(density.dim, dtype=torch.float64)
    for text in TEXTS:
        for place in ("at", "direction", "to"):
            with watched(), pytest.raises(DataError) as caught:
                check_parameters(density, {text: 1.0}, place)
            assert caught.value.path.startswith(f"{place}.")
        with watched(), pytest.raises(DataError) as caught:
            fields(density, at, {text: None})
        assert caught.value.path.startswith("fields.")
        with watched(), pytest.raises(DataError) as caught:
            fields(density, at, {"theta": text})
        assert caught.value.path == "fields.theta"


@pytest.mark.parametrize("text", SAMPLE + COSTLY, ids=lambda text: text[:30].encode().hex()[:20])
def test_over_http_each_is_refused_with_its_place(web: Web, deps: Deps, text: str) -> None:
    draws = np.random.default_rng(1).normal(size=(2, 50))
    job = ended(web, deps, {"mu": draws, "y": draws})
    address = f"/v1/jobs/{job['id']}/expectation"
    # A NUL is refused by the loader already, with the same place.
    of = assert_problem(web.post(address, {"of": text}), 422)
    assert {c["path"] for c in of["errors"]} == {"of"}, of
    event = {"of": "mu", "probabilities": ["mu > 0", text]}
    second = assert_problem(web.post(address, event), 422)
    assert {c["path"] for c in second["errors"]} == {"probabilities[1]"}, second
    assert web.post(address, {"of": "mu"}).status_code == 200

    model = web.post("/v1/models", {"definition": EIGHT_SCHOOLS}).json()["id"]
    body = {"data": DATA, "at": {text: 1.0}}
    found = assert_problem(web.post(f"/v1/models/{model}/derivatives", body), 422)
    assert found["errors"][0]["path"].startswith("at"), found
    for engine in ({"restriction": {text: 0}}, {"intervals": "profile", "profile": [text]}):
        body = {**JOB, "engine": {"kind": "mle", **engine}}
        found = assert_problem(web.post("/v1/jobs", body), 422)
        assert re.match(r"engine\.(restriction|profile)", found["errors"][0]["path"]), found
    for key in ("model.priors", "model.levels"):
        field = key.removeprefix("model.")
        value: Any = {"distribution": "Normal"} if field == "priors" else ["a"]
        formula = {"language": "formula", "formula": "y ~ 1", field: {text: value}}
        body = {"model": formula, "data": {"y": [1.0, 2.0]}, "engine": {"kind": "mle"}}
        found = assert_problem(web.post("/v1/jobs", body), 422)
        assert found["errors"][0]["path"].startswith(key), found
