"""Plots over HTTP."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem
from workers.answer import write
from workers.jobs import JobState
from workers.results import ElboResult, Outcome, Result, Timing
from workers.store.draws import ArrowDraws, ArrowSink
from workers.summaries import summarize

GENERATOR = np.random.default_rng(1)
DRAWS = {"mu": GENERATOR.normal(size=(2, 40)), "theta": GENERATOR.normal(size=(2, 40, 3))}
STATS = {"energy": GENERATOR.normal(size=(2, 40)), "divergent": np.zeros((2, 40), bool)}


def finished(web: Web, deps: Deps, kind: str, stats: Any, elbo: ElboResult | None) -> str:
    """A job that has ended with draws and a result; the address of its plots."""
    body = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": kind}}
    job = web.post("/v1/jobs", body).json()["id"]
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job}/{claim.token}"
    sink = ArrowSink(deps.artifacts, prefix, lambda kind, payload: None)
    sink.write(DRAWS, stats)
    sink.close()
    result = Result(
        engine={"kind": kind},
        outcome=Outcome.COMPLETED,
        message="m",
        seed=1,
        version="0",
        tier="interpreted",
        precision="float64",
        timing=Timing(total=1.0),
        summary=summarize(ArrowDraws(deps.artifacts, prefix)),
        elbo=elbo,
    )
    deps.artifacts.put(f"{prefix}/result.json", write(result))
    deps.store.publish(job, claim.token, JobState.SUCCEEDED, prefix)
    return f"/v1/jobs/{job}/plots"


@pytest.fixture
def nuts(web: Web, deps: Deps) -> str:
    return finished(web, deps, "nuts", STATS, None)


@pytest.fixture
def vi(web: Web, deps: Deps) -> str:
    trace = ElboResult(trace=[-9.0, None, -3.0], steps=[1, 2, 3], final=-3.0, standard_error=0.1)
    return finished(web, deps, "vi", {}, trace)


def test_every_kind_that_a_sampler_has(web: Web, nuts: str) -> None:
    for kind in ("trace", "posterior", "pair", "rank", "energy"):
        answer = web.get(f"{nuts}/{kind}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert ElementTree.fromstring(answer.content).tag.endswith("}svg")


def test_the_elbo_of_a_variational_fit(web: Web, vi: str) -> None:
    assert b"<!-- Final ELBO -3.0000" in web.get(f"{vi}/elbo").content


def test_the_numbers_that_are_named(web: Web, nuts: str) -> None:
    content = web.get(f"{nuts}/posterior", params={"parameters": "mu,theta[2]"}).content
    assert b"<!-- mu -->" in content
    assert b"<!-- theta[2] -->" in content
    assert b"<!-- theta[0] -->" not in content


@pytest.mark.parametrize("named", ["nu", "theta[3]", "", "mu,<script>"])
def test_a_parameter_that_does_not_exist(web: Web, nuts: str, named: str) -> None:
    found = assert_problem(web.get(f"{nuts}/trace", params={"parameters": named}), 422)
    assert found["errors"][0]["path"] == "parameters"
    assert "mu, theta" in found["detail"]


def test_a_plot_without_parameters_takes_none(web: Web, nuts: str) -> None:
    found = assert_problem(web.get(f"{nuts}/energy", params={"parameters": "mu"}), 422)
    assert "shows no parameters" in found["detail"]


def test_what_the_engine_does_not_have_is_a_conflict(web: Web, nuts: str, vi: str) -> None:
    found = assert_problem(web.get(f"{nuts}/elbo"), 409)
    assert found["detail"] == "The job has no ELBO: its engine is 'nuts'; vi has one."
    found = assert_problem(web.get(f"{vi}/energy"), 409)
    assert "nuts and hmc have them" in found["detail"]


def test_an_unknown_kind_and_an_unknown_job(web: Web, nuts: str) -> None:
    assert assert_problem(web.get(f"{nuts}/violin"), 422)["errors"][0]["path"] == "kind"
    assert_problem(web.get("/v1/jobs/x/plots/trace"), 404)


def test_a_job_that_has_computed_nothing(web: Web, deps: Deps) -> None:
    body = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}
    job = web.post("/v1/jobs", body).json()["id"]
    for kind in ("trace", "elbo", "energy"):
        assert_problem(web.get(f"/v1/jobs/{job}/plots/{kind}"), 409)


def test_a_running_job_when_asked_for_in_part(web: Web, deps: Deps) -> None:
    body = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}}
    job = web.post("/v1/jobs", body).json()["id"]
    claim = deps.store.claim("w", 30)
    assert claim is not None
    sink = ArrowSink(deps.artifacts, f"jobs/{job}/{claim.token}", lambda kind, payload: None)
    sink.write(DRAWS, STATS)
    assert_problem(web.get(f"/v1/jobs/{job}/plots/trace"), 409)
    answer = web.get(f"/v1/jobs/{job}/plots/trace", params={"partial": "true"})
    assert answer.status_code == 200, answer.text
    assert b"<!-- mu -->" in answer.content
    sink.close()
