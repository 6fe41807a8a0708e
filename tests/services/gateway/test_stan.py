"""Stan programs over HTTP: accepted, refused with a place, and kept away from the service."""

import io
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.gateway.examples import DATA, STAN_SCHOOLS
from tests.services.gateway.web import Web, assert_problem, wait
from workers.dispatch.dispatcher import Dispatcher

SCHOOLS = {"N": 8, **DATA}
NORMAL = {
    "language": "stan",
    "source": "parameters { real<lower=0> a; } model { a ~ normal(0, 1); }",
}
GENERATOR = {"language": "stan", "source": "generated quantities { real x = normal_rng(0, 1); }"}
NUTS: dict[str, Any] = {"kind": "nuts", "chains": 2, "warmup": 20, "draws": 20}


def job(model: Any, data: Any = None, engine: Any = NUTS, **more: Any) -> dict[str, Any]:
    return {"model": model, "data": data or {}, "engine": engine, "seed": 1, **more}


def stan(body: str) -> dict[str, Any]:
    return {"language": "stan", "source": f"parameters {{ real a; }}\nmodel {{\n{body}\n}}\n"}


#: Name -> body, and the path of what is wrong.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "does not compile": (job(stan("  a ~ nrmal(0, 1);")), "line 3, column 7"),
    "a file": (job(stan("#include a.stan")), "line 3, column 1"),
    "missing data": (job(STAN_SCHOOLS, DATA), "data.N"),
    "data of another shape": (job(STAN_SCHOOLS, {**SCHOOLS, "N": 7}), "data.y"),
    "the sampler of Stan for another model": (
        job({"language": "catalog", "name": "eight_schools"}, DATA, {"kind": "stan"}),
        "engine.kind",
    ),
    "no parameters": (job(GENERATOR), "engine.kind"),
    "errors of observations that are not told": (
        job(NORMAL, engine={"kind": "mle", "standard_errors": "sandwich"}),
        "engine.standard_errors",
    ),
    "an unknown option": (job(NORMAL, engine={"kind": "stan", "init": "prior"}), "engine.init"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_a_422_with_its_place(web: Web, name: str) -> None:
    body, path = BAD[name]
    problem = assert_problem(web.post("/v1/jobs", body), 422)
    assert problem["errors"][0]["path"] == path, problem
    assert web.get("/healthz").status_code == 200


@pytest.mark.slow
def test_an_endless_loop_is_a_422_as_well(web: Web) -> None:
    # One of parameters would want more memory with every turn, and may end by that first.
    loop = "transformed data { int n = 1; while (n > 0) { n += 1; n -= 1; } }\n"
    source = loop + str(NORMAL["source"])
    body = job({"language": "stan", "source": source})
    problem = assert_problem(web.post("/v1/jobs", body), 422)
    assert problem["type"] == "urn:credence:problem:too-large"
    assert "takes longer than 4.5 s" in problem["detail"]


def test_a_model_is_described_without_and_with_data(web: Web) -> None:
    answer = web.post("/v1/models", {"definition": STAN_SCHOOLS})
    assert answer.status_code == 201, answer.text
    described = answer.json()
    assert [p["name"] for p in described["parameters"]] == ["mu", "tau", "eta"]
    assert [p["support"] for p in described["parameters"]] == ["real", "positive", "real"]
    assert [d["name"] for d in described["data"]] == ["N", "y", "sigma"]
    full = web.post("/v1/models", {"definition": STAN_SCHOOLS, "data": SCHOOLS}).json()
    assert [p["size"] for p in full["parameters"]] == [1, 1, 8]

    at = {"mu": 1.0, "tau": 2.0, "eta": [0.0] * 8}
    here = web.post(f"/v1/models/{described['id']}/log_density", {"data": SCHOOLS, "at": at})
    found = here.json()
    residuals = (np.array(DATA["y"]) - 1.0) / np.array(DATA["sigma"])
    slope = (residuals / np.array(DATA["sigma"])).sum() - 1 / 25
    assert found["gradient"]["mu"] == pytest.approx(slope, rel=1e-7)
    assert found["log_prior"] is None


@pytest.fixture
def schools(web: Web) -> str:
    return str(web.post("/v1/models", {"definition": STAN_SCHOOLS}).json()["id"])


def test_derivatives_are_the_librarys_and_differences(web: Web, schools: str) -> None:
    at = {"mu": 1.0, "tau": 2.0, "eta": [0.1 * n for n in range(8)]}
    asked = {"data": SCHOOLS, "at": at, "order": 2, "direction": {"mu": 1.0}, "to": {**at, "mu": 2}}
    found = web.post(f"/v1/models/{schools}/derivatives", asked).json()
    y, sigma = np.array(DATA["y"]), np.array(DATA["sigma"])
    eta = 0.1 * np.arange(8)
    residuals = (y - 1.0 - 2.0 * eta) / sigma
    slope = (residuals / sigma).sum() - 1 / 25
    assert found["gradient"]["mu"] == pytest.approx(slope, rel=1e-10)
    assert found["gradient"]["tau"] == pytest.approx(
        (residuals / sigma * eta).sum() - 2 * 2 / (25 + 4), rel=1e-10
    )
    assert found["directional"] == pytest.approx(slope, rel=1e-10)
    curvature = -(1 / sigma**2).sum() - 1 / 25
    assert found["hessian"]["mu"]["mu"] == pytest.approx(curvature, rel=1e-8)
    assert found["hessian_vector"]["mu"] == pytest.approx(curvature, rel=1e-8)
    assert found["hessian_error"] < 1e-6
    # A quadratic in mu.
    assert found["taylor"]["order_2"] == pytest.approx(found["taylor"]["value"], rel=1e-9)

    both = web.post(f"/v1/models/{schools}/derivatives", {**asked, "mode": "compare"}).json()
    assert set(both["modes"]) == {"reverse", "numeric"}
    assert set(both["absent"]) == {"forward", "symbolic"}
    assert both["largest_disagreement"] < 1e-5
    assert "gradient_error" in both["modes"]["numeric"]


@pytest.mark.parametrize(
    ("asked", "path", "instead"),
    [
        ({"mode": "forward"}, "mode", "'reverse'"),
        ({"mode": "symbolic"}, "mode", "'graph'"),
        ({"of": "log_likelihood"}, "of", "'log_density'"),
        ({"of": "log_prior"}, "of", "'log_density'"),
        ({"fields": {"theta": None}}, "fields", "leave it out"),
        ({"at": {"mu": 1.0}}, "at.tau", "required"),
    ],
)
def test_derivatives_that_there_are_not_say_what_to_ask_for(
    web: Web, schools: str, asked: dict[str, Any], path: str, instead: str
) -> None:
    answer = web.post(f"/v1/models/{schools}/derivatives", {"data": SCHOOLS, **asked})
    (error,) = assert_problem(answer, 422)["errors"]
    assert error["path"] == path
    assert instead in error["message"]


def test_a_job_ends_with_draws_by_the_programs_names(web: Web, dispatcher: Dispatcher) -> None:
    body = job(STAN_SCHOOLS, {**SCHOOLS, "surplus": [1, 2]}, {**NUTS, "kind": "stan"})
    found = web.post("/v1/jobs", body).json()
    assert wait(web, found["id"], "succeeded", "failed")["state"] == "succeeded"
    result = web.get(f"/v1/jobs/{found['id']}/result").json()
    assert set(result["summary"]) == {"mu", "tau", "eta", "theta"}
    assert len(result["summary"]["theta"]["mean"]) == 8
    csv = web.get(f"/v1/jobs/{found['id']}/draws?format=csv").text
    assert csv.split("\n", 1)[0].startswith("chain,draw,mu,tau,eta[0],")
    import h5netcdf

    netcdf = web.get(f"/v1/jobs/{found['id']}/draws?format=netcdf").content
    with h5netcdf.File(io.BytesIO(netcdf), "r") as file:
        assert file["posterior"]["theta"].shape == (2, 20, 8)


def test_columns_of_a_data_set_are_data(web: Web, dispatcher: Dispatcher) -> None:
    columns = {name: DATA[name] for name in ("y", "sigma")}
    dataset = web.post("/v1/datasets", columns).json()["id"]
    body = job(STAN_SCHOOLS, {"dataset": dataset, "columns": {"N": 8}})
    found = web.post("/v1/jobs", body).json()
    assert wait(web, found["id"], "succeeded", "failed")["state"] == "succeeded"


def children(marker: bytes = b"models.stan.child") -> list[int]:
    """The processes that this one has started to evaluate Stan programs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and marker in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_crash_is_a_failed_job_and_the_service_answers_throughout(
    web: Web, dispatcher: Dispatcher
) -> None:
    before = set(children())
    long = {**NUTS, "kind": "nuts", "draws": 100_000}
    found = web.post("/v1/jobs", job(STAN_SCHOOLS, SCHOOLS, long)).json()
    end = time.monotonic() + 60
    while not (mine := set(children()) - before) and time.monotonic() < end:
        assert web.get("/healthz").status_code == 200
        time.sleep(0.05)
    for pid in mine:
        os.kill(pid, signal.SIGSEGV)
    assert web.get("/healthz").status_code == 200
    ended = wait(web, found["id"], "failed", "succeeded")
    assert ended["state"] == "failed"
    assert ended["error"]["type"] == "urn:credence:problem:model-error"
    assert "SIGSEGV" in ended["error"]["detail"]
    assert web.get("/healthz").status_code == 200
    # The same worker takes the next job.
    again = web.post("/v1/jobs", job(NORMAL)).json()
    assert wait(web, again["id"], "succeeded", "failed")["state"] == "succeeded"
