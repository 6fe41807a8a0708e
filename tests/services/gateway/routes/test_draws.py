"""Draws over HTTP in every format."""

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from services.gateway.deps import Deps
from tests.services.gateway.ended import BODY, ended
from tests.services.gateway.web import Web, assert_problem
from workers.jobs import JobState

MU = np.random.default_rng(1).normal(size=(2, 5))
THETA = np.random.default_rng(2).normal(size=(2, 5, 3))


@pytest.fixture
def link(web: Web, deps: Deps) -> str:
    """The draws of a job that has ended."""
    links: dict[str, str] = ended(web, deps, {"mu": MU, "theta": THETA})["links"]
    return links["draws"]


def test_csv(web: Web, link: str) -> None:
    answer = web.get(link, params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = list(csv.reader(io.StringIO(answer.text)))
    assert header == ["chain", "draw", "mu", "theta[0]", "theta[1]", "theta[2]"]
    assert len(rows) == 10
    for chain, draw, mu, *theta in rows:
        assert float(mu) == MU[int(chain), int(draw)]
        assert [float(t) for t in theta] == list(THETA[int(chain), int(draw)])


def test_json(web: Web, link: str) -> None:
    found = web.get(link, params={"format": "json"}).json()
    assert np.array_equal(np.array(found["mu"]), MU)
    assert np.array_equal(np.array(found["theta"]), THETA)


def test_arrow_is_the_default(web: Web, link: str) -> None:
    answer = web.get(link)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column_names == ["chain", "draw", "mu", "theta[0]", "theta[1]", "theta[2]"]
    assert np.array_equal(np.sort(table["mu"].to_numpy()), np.sort(MU.ravel()))


def test_parameters_are_picked(web: Web, link: str) -> None:
    text = web.get(link, params={"format": "csv", "parameters": "theta"}).text
    assert text.splitlines()[0] == "chain,draw,theta[0],theta[1],theta[2]"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"format": "xml"}, "format"),
        ({"parameters": "nu"}, "parameters"),
        ({"parameters": ""}, "parameters"),
        ({"parameters": "mu,"}, "parameters"),
    ],
)
def test_what_is_not_there_is_refused(web: Web, link: str, query: Any, path: str) -> None:
    found = assert_problem(web.get(link, params=query), 422)
    assert found["errors"][0]["path"] == path


def test_a_queued_job_has_no_draws(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    assert_problem(web.get(job["links"]["draws"]), 409)
    assert_problem(web.get(job["links"]["draws"], params={"partial": "true"}), 409)


def test_an_engine_without_draws(web: Web, deps: Deps) -> None:
    job = web.post("/v1/jobs", {**BODY, "engine": {"kind": "map"}}).json()
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job['id']}/{claim.token}"
    deps.store.publish(job["id"], claim.token, JobState.SUCCEEDED, prefix)
    assert "map" in assert_problem(web.get(job["links"]["draws"]), 409)["detail"]


def test_draws_that_expired_say_so(web: Web, deps: Deps) -> None:
    job = ended(web, deps, {"mu": np.zeros((2, 5))})
    path = f"/v1/jobs/{job['id']}/draws"
    assert web.get(path).status_code == 200
    prefix = deps.store.get_job("local", job["id"]).result_prefix
    for name in ("draws.arrow", "stats.arrow"):
        deps.artifacts.delete(f"{prefix}/{name}")
    deps.store.upkeep.mark_draws([job["id"]])
    found = assert_problem(web.get(path), 409)
    assert "draws were kept until" in found["detail"]
