"""A caller sees nothing of another's: every address of the OpenAPI document, asked by a second."""

import re
from typing import Any

import httpx
import numpy as np
import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.ended import BODY, ended
from tests.services.gateway.keyed import Keyed, app_of, caller
from tests.services.gateway.web import assert_problem

AT = {"mu": 4.0, "tau": 3.0, "eta": [0.0] * 8}
#: Address -> a body that its owner may send.
BODIES: dict[str, Any] = {
    "/v1/models/{model_id}/log_density": {"data": DATA, "at": AT},
    "/v1/models/{model_id}/derivatives": {"data": DATA, "at": AT},
    "/v1/jobs/{job_id}/expectation": {"of": "mu"},
    "/v1/jobs/{job_id}/extend": {"draws": 5},
}
#: Listings, and the name of their entries.
LISTINGS = {"/v1/jobs": "jobs", "/v1/models": "models", "/v1/datasets": "datasets"}
#: What makes something new, tells nothing of anybody's, or takes a scope that nobody here has.
OTHERS = {
    *(("post", path) for path in LISTINGS),
    ("get", "/v1/catalog"),
    ("get", "/v1/audit"),
    ("post", "/v1/compare"),
    *(("get", path) for path in ("/healthz", "/readyz", "/metrics")),
}
#: Not there yet for anybody, whatever the id.
UNAVAILABLE = {"/v1/jobs/{job_id}/predict"}
CSV = b"y,sigma\n28,15\n8,10\n"


@pytest.fixture
def ann(deps: Deps) -> Keyed:
    return caller(app_of(deps), "ann")


@pytest.fixture
def things(ann: Keyed, deps: Deps) -> dict[str, str]:
    """What the first caller has, by the names of the parameters in addresses."""
    rng = np.random.default_rng(1)
    draws = {"mu": rng.normal(size=(4, 100)), "theta": rng.normal(size=(4, 100, 8))}
    csv = {"Content-Type": "text/csv"}
    dataset = ann.request("POST", "/v1/datasets", content=CSV, headers=csv).json()["id"]
    return {
        "job_id": ended(ann, deps, draws)["id"],
        "model_id": ann.post("/v1/models", {"definition": EIGHT_SCHOOLS}).json()["id"],
        "dataset_id": dataset,
        "kind": "trace",
    }


def operations(web: Keyed) -> list[tuple[str, str]]:
    paths = web.get("/openapi.json").json()["paths"]
    return [(method, path) for path, found in paths.items() for method in found]


def ask(web: Keyed, method: str, path: str, things: dict[str, str]) -> httpx.Response:
    address = path.format(**things)
    if method == "post":
        return web.post(address, BODIES.get(path, {}))
    return web.request(method.upper(), address)


def test_a_second_caller_meets_nothing_of_the_firsts(
    ann: Keyed, things: dict[str, str], deps: Deps
) -> None:
    bob = caller(ann.app, "bob")
    met = set()
    for method, path in operations(ann):
        named = re.findall(r"\{(\w+)\}", path)
        if not named:
            assert path in LISTINGS or (method, path) in OTHERS, f"{method} {path}: is it tried?"
            continue
        answer = ask(bob, method, path, things)
        if path in UNAVAILABLE:
            assert assert_problem(answer, 422)["type"].endswith(":not-available-yet")
            continue
        found = assert_problem(answer, 404)
        noun = named[0].removesuffix("_id")
        assert found["type"] == f"urn:credence:problem:{noun}-not-found", path
        nothing = {**dict.fromkeys(things, "none"), "kind": "trace"}
        unknown = ask(bob, method, path, nothing)
        named_so = found["detail"].replace(things[named[0]], "none")
        assert (unknown.status_code, unknown.json()["detail"]) == (404, named_so)
        met.add((method, path))
    assert len(met) >= 15
    # All of it is there for its owner, also with another key, and nothing has been changed.
    twin = caller(ann.app, "ann")
    for method, path in sorted(met, key=lambda pair: pair[0] == "delete"):
        answer = ask(twin, method, path, things)
        # Some refuse this job, such as the evidence of a model with ten unknowns: but it is there.
        assert answer.status_code in (200, 204, 409, 422), (path, answer)


@pytest.mark.parametrize("path", LISTINGS)
def test_listings_show_ones_own(ann: Keyed, things: dict[str, str], path: str) -> None:
    bob = caller(ann.app, "bob")
    assert bob.get(path).json() == {LISTINGS[path]: [], "next_page_token": None}
    assert len(ann.get(path).json()[LISTINGS[path]]) == 1


def test_anothers_model_or_data_set_makes_no_job(ann: Keyed, things: dict[str, str]) -> None:
    bob = caller(ann.app, "bob")
    by_model = {**BODY, "model": {"id": things["model_id"]}}
    by_data = {**BODY, "data": {"dataset": things["dataset_id"], "columns": {}}}
    assert_problem(bob.post("/v1/jobs", by_model), 404)
    found = assert_problem(bob.post("/v1/jobs", by_data), 422)
    assert found["errors"][0]["path"] == "data.dataset"
    for body in (by_model, by_data):
        assert ann.post("/v1/jobs", body).status_code == 202


def test_the_same_content_is_everybodys_own(ann: Keyed, things: dict[str, str]) -> None:
    bob = caller(ann.app, "bob")
    answer = bob.post("/v1/models", {"definition": EIGHT_SCHOOLS})
    assert answer.status_code == 201, "not 200, which would tell that somebody has it"
    assert answer.json()["id"] != things["model_id"]
    csv = {"Content-Type": "text/csv"}
    answer = bob.request("POST", "/v1/datasets", content=CSV, headers=csv)
    assert answer.status_code == 201
    assert answer.json()["id"] != things["dataset_id"]
    assert bob.delete(f"/v1/datasets/{answer.json()['id']}").status_code == 204
    assert ann.get(f"/v1/datasets/{things['dataset_id']}").status_code == 200


def test_an_idempotency_key_is_its_callers(ann: Keyed) -> None:
    bob = caller(ann.app, "bob")
    headers = {"Idempotency-Key": "the-same"}
    first = ann.post("/v1/jobs", BODY, headers=headers)
    second = bob.post("/v1/jobs", {**BODY, "seed": 5}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_an_administrator_meets_only_its_own(ann: Keyed, things: dict[str, str]) -> None:
    root = caller(ann.app, "root", ("read", "submit", "admin"))
    assert root.get("/v1/jobs").json()["jobs"] == []
    assert_problem(root.get(f"/v1/jobs/{things['job_id']}"), 404)
