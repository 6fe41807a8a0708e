"""Jobs that go on from others, over HTTP: with their draws, or with what they had learnt."""

from typing import Any

import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, assert_problem, wait

NUTS = {"kind": "nuts", "chains": 2, "warmup": 30, "draws": 20, "max_tree_depth": 4}
BODY: dict[str, Any] = {
    "model": EIGHT_SCHOOLS, "data": DATA, "engine": NUTS, "seed": 7, "tier": "interpreted",
    "labels": {"study": "a"},
}  # fmt: skip
ENDED = ("succeeded", "failed", "cancelled", "expired")

pytestmark = pytest.mark.usefixtures("dispatcher")


def run(web: Web, body: dict[str, Any]) -> dict[str, Any]:
    posted = web.post("/v1/jobs", body)
    assert posted.status_code == 202, posted.text
    job = wait(web, posted.json()["id"], *ENDED)
    assert job["state"] == "succeeded", job
    return job


def drawn(web: Web, job: dict[str, Any]) -> str:
    return web.get(job["links"]["draws"], params={"format": "csv"}).text


def test_an_extended_job_is_a_new_one_with_all_draws(web: Web, deps: Deps) -> None:
    first = run(web, BODY)
    before = drawn(web, first)
    headers = {"Idempotency-Key": "once"}
    path = f"{first['links']['self']}/extend"
    answers = [web.post(path, {"draws": 15}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"] != first["id"]
    assert answers[0].headers["location"] == answers[0].json()["links"]["self"]
    assert answers[0].json()["origin"] == {"job": first["id"], "use": "extend"}
    assert_problem(web.post(path, {"draws": 16}, headers=headers), 422)
    second = wait(web, answers[0].json()["id"], *ENDED)
    found = web.get(second["links"]["result"]).json()
    assert found["engine"]["draws"] == 35
    assert "warmup" not in found["timing"]
    # As if the first job had asked for them all.
    whole = run(web, {**BODY, "engine": {**NUTS, "draws": 35}})
    assert drawn(web, second) == drawn(web, whole)
    assert web.get(whole["links"]["result"]).json()["summary"] == found["summary"]
    assert drawn(web, first) == before, "an ended job does not change"
    assert second["id"] in [j["id"] for j in web.get("/v1/jobs?label=study:a").json()["jobs"]]
    # And again, when the first one is gone.
    assert web.delete(first["links"]["self"]).status_code == 204
    third = web.post(f"{second['links']['self']}/extend", {"draws": 5}).json()
    assert wait(web, third["id"], *ENDED)["engine"]["draws"] == 40
    assert len(drawn(web, third).splitlines()) == 1 + 2 * 40


def test_what_auto_picked_and_met_its_goal_is_extended(web: Web) -> None:
    first = run(web, {**BODY, "engine": {"kind": "auto", "until": {"ess_bulk": 50, "r_hat": None}}})
    engine = web.get(first["links"]["result"]).json()["engine"]
    made = len(drawn(web, first).splitlines()) // engine["chains"]
    more = web.post(f"{first['links']['self']}/extend", {"draws": 5}).json()
    found = web.get(wait(web, more["id"], *ENDED)["links"]["result"]).json()
    assert (found["engine"]["kind"], found["engine"]["until"]) == (engine["kind"], None)
    assert (found["engine"]["draws"], found["outcome"]) == (made + 5, "completed")


def test_a_job_starts_warm(web: Web) -> None:
    first = run(web, BODY)
    engine = {"kind": "chees", "chains": 4, "warmup": 0, "draws": 30}
    # Other data of the same shapes: the posterior has moved a little.
    data = {**DATA, "y": [value + 1 for value in DATA["y"]]}
    job = run(web, {**BODY, "data": data, "engine": engine, "warm_start_from": first["id"]})
    assert job["origin"] == {"job": first["id"], "use": "warm_start"}
    found = web.get(job["links"]["result"]).json()
    assert "another job" in found["diagnostics"]["init"]


def test_what_is_no_warm_start_is_refused(web: Web) -> None:
    mode = run(web, {**BODY, "engine": {"kind": "map", "restarts": 1}})
    first = run(web, BODY)
    smaller = {name: values[:-1] for name, values in DATA.items()}
    cases = [
        ({"warm_start_from": "none"}, "there is no job"),
        ({"warm_start_from": mode["id"]}, "has kept nothing"),
        ({"warm_start_from": first["id"], "engine": {"kind": "vi"}}, "leave it out"),
        ({"warm_start_from": first["id"], "data": smaller}, "eta"),
    ]
    for change, message in cases:
        found = assert_problem(web.post("/v1/jobs", {**BODY, **change}), 422)
        assert found["errors"][0]["path"] == "warm_start_from"
        assert message in found["errors"][0]["message"]
    assert_problem(web.post(f"{mode['links']['self']}/extend", {"draws": 5}), 409)
    many = assert_problem(web.post(f"{first['links']['self']}/extend", {"draws": 9_999_999}), 422)
    assert many["errors"][0]["path"] == "draws"
