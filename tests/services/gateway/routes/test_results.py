"""Results over HTTP, from jobs that a dispatcher in this process has run."""

from typing import Any

import pytest
from scipy import stats

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem, wait
from workers.jobs import JobState
from workers.results import Result

NUTS = {"kind": "nuts", "chains": 2, "warmup": 60, "draws": 50}
BODY: dict[str, Any] = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": NUTS, "seed": 7}
ENDED = ("succeeded", "failed", "cancelled", "expired")


def test_a_job_has_no_result_before_its_end(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    assert "queued" in assert_problem(web.get(job["links"]["result"]), 409)["detail"]
    assert_problem(web.get(job["links"]["result"], params={"partial": "true"}), 409)
    assert_problem(web.get("/v1/jobs/none/result"), 404)


def test_a_job_cancelled_in_the_queue_has_none(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    web.post(job["links"]["cancel"])
    assert "cancelled" in assert_problem(web.get(job["links"]["result"]), 409)["detail"]


def test_a_failed_job_answers_with_its_problem(web: Web, deps: Deps) -> None:
    job = web.post("/v1/jobs", BODY).json()
    claim = deps.store.claim("w", 30)
    assert claim is not None
    own = {"type": "urn:credence:problem:no-initial-point", "title": "t", "detail": "tau is not"}
    deps.store.publish(job["id"], claim.token, JobState.FAILED, error=own)
    for link in ("result", "draws"):
        found = assert_problem(web.get(job["links"][link]), 409)
        assert (found["type"], found["detail"]) == (own["type"], own["detail"])
    assert web.get(job["links"]["self"]).json()["error"] == own


@pytest.mark.usefixtures("dispatcher")
def test_a_job_runs_to_its_result(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    assert wait(web, job["id"], *ENDED)["state"] == "succeeded"
    answer = web.get(job["links"]["result"])
    assert answer.status_code == 200
    found = answer.json()
    Result.model_validate(found)
    assert found["job"] == job["id"]
    assert found["seed"] == 7
    assert "partial" not in found
    assert "mle" not in found
    assert len(found["summary"]["theta"]["mean"]) == 8
    assert isinstance(found["summary"]["mu"]["r_hat"], float)


@pytest.mark.slow
@pytest.mark.usefixtures("dispatcher")
def test_what_a_running_and_a_cancelled_job_have(web: Web, deps: Deps) -> None:
    engine = {**NUTS, "draws": 100_000}
    job = web.post("/v1/jobs", {**BODY, "engine": engine}).json()
    wait(web, job["id"], "running")
    link = job["links"]["result"]
    while (answer := web.get(link, params={"partial": "true"})).status_code == 409:
        assert_problem(answer)
    found = answer.json()
    Result.model_validate(found)
    assert found["partial"] is True
    assert len(found["summary"]["theta"]["mean"]) == 8
    assert_problem(web.get(link), 409)
    web.post(job["links"]["cancel"])
    assert wait(web, job["id"], *ENDED)["state"] == "cancelled"
    assert web.get(link).json()["partial"] is True


def test_the_evidence_of_two_unknowns(web: Web) -> None:
    # y ~ N(mu, 2), mu ~ N(0, 3): y is N(0, 3^2 + 2^2) before it is seen.
    model = {
        "language": "graph",
        "sites": [
            {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 3}},
            {"name": "s", "distribution": "Gamma", "args": {"concentration": 3, "rate": 1}},
            {
                "name": "y",
                "distribution": "Normal",
                "args": {"loc": "mu", "scale": 2},
                "observed": "y",
            },
        ],
    }
    job = web.post("/v1/jobs", {**BODY, "model": model, "data": {"y": 1.5}}).json()
    found = web.get(f"/v1/jobs/{job['id']}/evidence").json()
    assert found["log_evidence"] == pytest.approx(stats.norm.logpdf(1.5, 0, 13**0.5), abs=1e-8)
    assert found["unknowns"] == 2
    assert found["error"] < 1e-8


def test_the_evidence_of_many_unknowns_is_not_for_quadrature(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    found = assert_problem(web.get(f"/v1/jobs/{job['id']}/evidence"), 422)
    assert "laplace" in found["detail"] or "laplace" in found["errors"][0]["message"]
