"""Jobs over HTTP: submitted, listed, followed, cancelled, deleted."""

from typing import Any

import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem
from workers.jobs import JobState

BODY: dict[str, Any] = {
    "model": EIGHT_SCHOOLS,
    "data": DATA,
    "engine": {"kind": "nuts", "draws": 100},
    "seed": 7,
}
FIELDS = {
    "id",
    "state",
    "engine",
    "seed",
    "created_at",
    "started_at",
    "finished_at",
    "attempts",
    "progress",
    "error",
    "origin",
    "links",
}


def test_a_job_is_accepted(web: Web, deps: Deps) -> None:
    answer = web.post("/v1/jobs", BODY)
    assert answer.status_code == 202
    job = answer.json()
    assert set(job) == FIELDS
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert set(job["links"]) == {"self", "events", "result", "draws", "cancel"}
    assert (job["state"], job["seed"], job["attempts"]) == ("queued", 7, 0)
    assert job["engine"]["kind"] == "nuts"
    assert job["engine"]["draws"] == 100
    assert job["engine"]["chains"] == 4
    assert (
        job["started_at"]
        is job["finished_at"]
        is job["progress"]
        is job["error"]
        is job["origin"]
        is None
    )
    assert web.get(answer.headers["location"]).json() == job
    stored = deps.store.get_job(None, job["id"])
    assert deps.artifacts.exists(stored.input_key)


def test_a_seed_is_drawn_when_absent(web: Web) -> None:
    body = {name: value for name, value in BODY.items() if name != "seed"}
    seeds = {web.post("/v1/jobs", body).json()["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_largest_seed_is_kept(web: Web) -> None:
    job = web.post("/v1/jobs", {**BODY, "seed": 2**63 - 1}).json()
    assert web.get(job["links"]["self"]).json()["seed"] == 2**63 - 1


def test_a_model_by_id(web: Web) -> None:
    model = web.post("/v1/models", {"definition": EIGHT_SCHOOLS}).json()["id"]
    assert web.post("/v1/jobs", {**BODY, "model": {"id": model}}).status_code == 202
    assert_problem(web.post("/v1/jobs", {**BODY, "model": {"id": "none"}}), 404)
    found = assert_problem(web.post("/v1/jobs", {**BODY, "model": {"id": 5}}), 422)
    assert found["errors"][0]["path"] == "model.id"


def test_an_idempotency_key_makes_one_job(web: Web) -> None:
    headers = {"Idempotency-Key": "a-key"}
    first = web.post("/v1/jobs", BODY, headers=headers)
    again = web.post("/v1/jobs", dict(reversed(BODY.items())), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    for other in ({**BODY, "seed": 8}, {**BODY, "data": {**DATA, "y": [0] * 8}}):
        assert_problem(web.post("/v1/jobs", other, headers=headers), 422)
    assert len(web.get("/v1/jobs").json()["jobs"]) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 257, "\x7f"])
def test_a_bad_idempotency_key_is_refused(web: Web, key: str) -> None:
    found = assert_problem(web.post("/v1/jobs", BODY, headers={"Idempotency-Key": key}), 422)
    assert found["errors"][0]["path"] == "Idempotency-Key"


def test_listings(web: Web) -> None:
    ids = []
    for study in ("a", "b", "a"):
        ids.append(web.post("/v1/jobs", {**BODY, "labels": {"study": study}}).json()["id"])
    web.post(f"/v1/jobs/{ids[0]}/cancel")

    def listed(**query: Any) -> list[str]:
        return [job["id"] for job in web.get("/v1/jobs", params=query).json()["jobs"]]

    assert listed() == ids[::-1]
    assert listed(label="study:a") == listed(label="study=a") == [ids[2], ids[0]]
    assert listed(state="cancelled") == [ids[0]]
    assert listed(state="queued", label="study:a") == [ids[2]]
    first = web.get("/v1/jobs", params={"page_size": 2}).json()
    assert listed(page_token=first["next_page_token"]) == [ids[0]]
    assert len(listed(page_size=10**6)) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"state": "done"},
        {"label": "study"},
        {"label": "a b:c"},
        {"page_size": 0},
        {"page_size": "x"},
        {"page_token": "%%%"},
        {"page_token": "AAAA"},
    ],
)
def test_bad_listings_are_refused(web: Web, query: dict[str, Any]) -> None:
    found = assert_problem(web.get("/v1/jobs", params=query), 422)
    assert found["errors"][0]["path"] == next(iter(query))


def test_cancelling(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    for _ in range(2):
        answer = web.post(job["links"]["cancel"])
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert_problem(web.post("/v1/jobs/none/cancel"), 404)


def test_deleting(web: Web, deps: Deps) -> None:
    job = web.post("/v1/jobs", BODY).json()
    path = job["links"]["self"]
    assert_problem(web.delete(path), 409)
    claim = deps.store.claim("w", 30)
    assert claim is not None
    prefix = f"jobs/{job['id']}/{claim.token}"
    deps.artifacts.put(f"{prefix}/result.json", b"{}")
    deps.store.publish(job["id"], claim.token, JobState.SUCCEEDED, prefix)
    assert web.delete(path).status_code == 204
    assert_problem(web.get(path), 404)
    assert_problem(web.delete(path), 404)
    assert deps.artifacts.list(f"jobs/{job['id']}") == []


def test_a_job_that_has_not_ended_is_not_extended(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    assert_problem(web.post(f"{job['links']['self']}/extend", {"draws": 5}), 409)
    web.post(job["links"]["cancel"])
    assert_problem(web.post(f"{job['links']['self']}/extend", {"draws": 5}), 409)
    assert_problem(web.post("/v1/jobs/none/extend", {"draws": 5}), 404)


@pytest.mark.parametrize("body", [{}, {"draws": 0}, {"draws": "five"}, {"draws": 5, "warmup": 1}])
def test_a_bad_extension_is_refused(web: Web, body: Any) -> None:
    job = web.post("/v1/jobs", BODY).json()
    found = assert_problem(web.post(f"{job['links']['self']}/extend", body), 422)
    assert found["errors"][0]["path"] in ("draws", "warmup")


def test_events(web: Web) -> None:
    job = web.post("/v1/jobs", BODY).json()
    web.post(job["links"]["cancel"])
    answer = web.get(job["links"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: state") == 2
    rest = web.get(job["links"]["events"], headers={"Last-Event-ID": "1"})
    assert rest.text.startswith("id: 2\n")
    assert answer.text.endswith(rest.text)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "²", "9" * 30])
def test_a_bad_event_id_is_refused(web: Web, text: str) -> None:
    job = web.post("/v1/jobs", BODY).json()
    headers = {"Last-Event-ID": text.encode()}
    found = assert_problem(web.get(job["links"]["events"], headers=headers), 422)
    assert found["errors"][0]["path"] == "Last-Event-ID"


def test_events_of_an_unknown_job(web: Web) -> None:
    assert_problem(web.get("/v1/jobs/none/events"), 404)
