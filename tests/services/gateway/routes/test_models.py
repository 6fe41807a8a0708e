"""Models over HTTP."""

from typing import Any

import pytest

from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem

BODY = {"definition": EIGHT_SCHOOLS, "data": DATA}
POINT = {"mu": 4.0, "tau": 3.0, "eta": [0.0] * 8}


def test_a_model_is_stored_once(web: Web) -> None:
    first, second = web.post("/v1/models", BODY), web.post("/v1/models", BODY)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    found = first.json()
    assert set(found) == {"id", "definition", "parameters", "observed", "data"}
    assert first.headers["location"] == f"/v1/models/{found['id']}"
    assert found["definition"] == EIGHT_SCHOOLS
    assert found["parameters"][2] == {"name": "eta", "shape": [8], "support": "real", "size": 8}
    assert found["observed"] == ["y"]
    assert {"name": "y", "shape": [8], "dtype": "int64"} in found["data"]


def test_a_stored_model_is_shown_and_listed(web: Web) -> None:
    made = web.post("/v1/models", {"definition": EIGHT_SCHOOLS}).json()
    shown = web.get(f"/v1/models/{made['id']}").json()
    assert shown == made
    assert shown["parameters"][0]["name"] == "mu"
    assert web.get("/v1/models").json() == {"models": [shown], "next_page_token": None}


def test_pages(web: Web) -> None:
    for name in ("a", "b", "c"):
        sites = [{**EIGHT_SCHOOLS["sites"][0], "name": name}, EIGHT_SCHOOLS["sites"][-1]]
        sites[1] = {**sites[1], "args": {"loc": name, "scale": 1}}
        body = {"definition": {**EIGHT_SCHOOLS, "sites": sites}}
        assert web.post("/v1/models", body).status_code == 201
    first = web.get("/v1/models", params={"page_size": 2}).json()
    rest = web.get("/v1/models", params={"page_token": first["next_page_token"]}).json()
    names = [m["parameters"][0]["name"] for m in [*first["models"], *rest["models"]]]
    assert names == ["c", "b", "a"]
    assert rest["next_page_token"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [({"page_size": 0}, "page_size"), ({"page_size": -1}, "page_size"), ({"page_token": "x"}, "")],
)
def test_bad_pages_are_refused(web: Web, query: dict[str, str], path: str) -> None:
    found = assert_problem(web.get("/v1/models", params=query), 422)
    assert found["errors"][0]["path"].startswith(path)


def test_a_bad_definition_is_not_stored(web: Web) -> None:
    found = assert_problem(web.post("/v1/models", {"definition": {"language": "graph"}}), 422)
    assert found["errors"][0]["path"] == "definition.sites"
    assert web.get("/v1/models").json()["models"] == []


def test_a_log_density_at_a_point(web: Web) -> None:
    model = web.post("/v1/models", BODY).json()["id"]
    path = f"/v1/models/{model}/log_density"
    found = web.post(path, {"data": DATA, "at": POINT}).json()
    assert set(found) == {"log_density", "log_prior", "log_likelihood", "gradient"}
    assert found["log_density"] == pytest.approx(found["log_prior"] + found["log_likelihood"])
    assert len(found["gradient"]["eta"]) == 8
    free = web.post(path, {"data": DATA, "unconstrained": [0.0] * 10}).json()
    assert len(free["gradient"]) == 10


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": DATA}, "body"),
        ({"data": DATA, "at": POINT, "unconstrained": [0.0] * 10}, "body"),
        ({"data": DATA, "at": {**POINT, "tau": -1.0}}, "at.tau"),
        ({"data": {}, "at": POINT}, "data"),
        ({"data": DATA, "unconstrained": ["x"]}, "unconstrained[0]"),
        ({"data": DATA, "att": POINT}, "att"),
    ],
)
def test_a_bad_point_is_refused(web: Web, body: dict[str, object], path: str) -> None:
    model = web.post("/v1/models", BODY).json()["id"]
    found = assert_problem(web.post(f"/v1/models/{model}/log_density", body), 422)
    assert any(c["path"].startswith(path) for c in found["errors"]), found


def test_an_unknown_model_is_not_found(web: Web) -> None:
    assert_problem(web.get("/v1/models/none"), 404)
    assert_problem(web.post("/v1/models/none/log_density", {"at": {}}), 404)


def test_derivatives_at_a_point(web: Web) -> None:
    model = web.post("/v1/models", BODY).json()["id"]
    path = f"/v1/models/{model}/derivatives"
    found = web.post(path, {"data": DATA, "at": POINT, "order": 2}).json()
    here = web.post(f"/v1/models/{model}/log_density", {"data": DATA, "at": POINT}).json()
    assert found["value"] == pytest.approx(here["log_density"])
    assert found["gradient"]["eta"] == pytest.approx(here["gradient"]["eta"])
    assert len(found["eigenvalues"]) == 10
    compared = web.post(path, {"data": DATA, "at": POINT, "mode": "compare"}).json()
    assert compared["largest_disagreement"] < 1e-6


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": DATA, "at": {**POINT, "tau": -1.0}}, "at.tau"),
        ({"data": DATA, "at": POINT, "order": 3}, "order"),
        ({"data": DATA, "at": POINT, "mode": "backward"}, "mode"),
        ({"data": DATA, "at": POINT, "of": "posterior"}, "of"),
        ({"data": {}, "at": POINT}, "data"),
    ],
)
def test_derivatives_that_cannot_be_are_refused(web: Web, body: Any, path: str) -> None:
    model = web.post("/v1/models", BODY).json()["id"]
    found = assert_problem(web.post(f"/v1/models/{model}/derivatives", body), 422)
    assert found["errors"][0]["path"].startswith(path)


def test_symbolic_derivatives_come_with_their_formulas(web: Web) -> None:
    model = web.post("/v1/models", BODY).json()["id"]
    path = f"/v1/models/{model}/derivatives"
    found = web.post(path, {"data": DATA, "at": POINT, "mode": "symbolic"}).json()
    plain = web.post(path, {"data": DATA, "at": POINT}).json()
    assert found["gradient"]["eta"] == pytest.approx(plain["gradient"]["eta"])
    assert "Sum(" in found["symbolic"]["text"]
    assert "eta" in found["symbolic"]["latex"]
    assert set(found["symbolic"]["gradient"]) == {"mu", "tau", "eta"}


FORMULA = {"language": "formula", "formula": "y ~ x + (1 | g)", "family": "bernoulli"}
COLUMNS = {
    "y": [0, 1, 1, 0, 1, 0],
    "x": [0.3, 0.2, 1.4, -0.4, 0.1, -0.8],
    "g": ["a", "b", "c", "a", "b", "c"],
    "left": [None, {}, "alone"],
}


def test_a_formula_is_shown_with_its_graph(web: Web) -> None:
    made = web.post("/v1/models", {"definition": FORMULA, "data": COLUMNS}).json()
    assert made["data"] == [
        {"name": "y", "shape": [6], "dtype": "int64"},
        {"name": "x", "shape": [6], "dtype": "float64"},
        {"name": "g", "shape": [6], "dtype": "text"},
    ]
    shapes = {p["name"]: p["shape"] for p in made["parameters"]}
    assert shapes == {"alpha": [], "beta": [1], "sd_g": [], "z_g": [3]}
    shown = web.get(f"/v1/models/{made['id']}").json()
    assert shown["definition"] == FORMULA
    assert shown["graph"] == made["graph"]
    # What is shown is a model.
    graph = web.post("/v1/models", {"definition": shown["graph"]})
    assert graph.status_code == 201
    assert {d["name"] for d in graph.json()["data"]} >= {"X", "X_mean", "index_g", "n_g", "y"}


def test_a_formulas_log_density_at_a_point(web: Web) -> None:
    made = web.post("/v1/models", {"definition": FORMULA, "data": COLUMNS}).json()
    path = f"/v1/models/{made['id']}/log_density"
    found = web.post(path, {"data": COLUMNS, "unconstrained": [0.0] * 6}).json()
    assert found["log_likelihood"] == pytest.approx(6 * -0.6931471805599453)


def test_a_formula_reads_the_text_columns_of_a_data_set(web: Web) -> None:
    rows = zip(*(COLUMNS[name] for name in "yxg"), strict=True)
    table = "y,x,g,note\n" + "".join(f"{y},{x},{g},-\n" for y, x, g in rows)
    headers = {"Content-Type": "text/csv"}
    stored = web.post("/v1/datasets", table.encode(), headers=headers).json()
    body = {"definition": FORMULA, "data": {"dataset": stored["id"]}}
    made = web.post("/v1/models", body)
    assert made.status_code == 201, made.text
    assert made.json()["data"][2] == {"name": "g", "shape": [6], "dtype": "text"}
    missing = {**body, "definition": {**FORMULA, "formula": "y ~ z"}}
    found = assert_problem(web.post("/v1/models", missing), 422)
    assert found["errors"][0]["path"] == "data.columns.z"
