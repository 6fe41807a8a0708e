"""Room for jobs: reserved by what their draws may take, given back when they are weighed."""

import hashlib

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.json import canonical
from tests.services.gateway.keyed import app_of, caller
from tests.services.gateway.web import assert_problem
from workers.jobs import JobState
from workers.store.quotas import stored_bytes

#: 4 chains x 1 000 draws x 18 numbers x 8 bytes.
DRAWS = 4 * 1000 * 18 * 8
BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts", "draws": 1000}, "seed": 7}


def used(deps: Deps, owner: str) -> int:
    with deps.store._read() as connection:
        return stored_bytes(connection, owner)


def test_an_ended_job_gives_back_what_it_did_not_need(deps: Deps) -> None:
    app = app_of(deps)
    ann = caller(app, stored_bytes=DRAWS + 10_000)
    job = ann.post("/v1/jobs", BODY).json()
    assert DRAWS < used(deps, ann.key_id) < DRAWS + 10_000
    found = assert_problem(ann.post("/v1/jobs", {**BODY, "seed": 8}), 429)
    assert (found["quota"], found["limit"]) == ("stored_bytes", DRAWS + 10_000)
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job['id']}/{claim.token}"
    deps.artifacts.put(f"{prefix}/draws.arrow", b"x" * 2000)
    assert_problem(ann.post("/v1/jobs", {**BODY, "seed": 8}), 429)
    deps.store.publish(job["id"], claim.token, JobState.SUCCEEDED, prefix)
    assert ann.post("/v1/jobs", {**BODY, "seed": 8}).status_code == 202
    size = len(canonical(EIGHT_SCHOOLS)) + len(canonical(DATA))
    left = used(deps, ann.key_id) - DRAWS
    # Two definitions and inputs, one written with its defaults, and the 2 000 bytes.
    assert 2000 + 1.5 * size < left < 2000 + 4 * size


def test_a_refused_job_leaves_no_data_behind(deps: Deps) -> None:
    app = app_of(deps)
    poor, full = caller(app, stored_bytes=100), caller(app, queued_jobs=0)
    body = {**BODY, "data": {**DATA, "y": [1.5] * 8}}
    for who in (poor, full):
        assert_problem(who.post("/v1/jobs", body), 429)
    digest = hashlib.sha256(canonical(body["data"])).hexdigest()
    assert not deps.artifacts.exists(f"inputs/{digest}.json")
    headers = {"Content-Type": "text/csv"}
    rows = b"x\n" + b"1.5\n" * 100
    found = assert_problem(poor.request("POST", "/v1/datasets", content=rows, headers=headers), 429)
    assert found["quota"] == "stored_bytes"
    assert deps.artifacts.list("datasets") == []
    assert full.request("POST", "/v1/datasets", content=rows, headers=headers).status_code == 201
