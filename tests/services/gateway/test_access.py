"""The access log: a line per request, under its id, which stands in all that is logged below it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from services.gateway.access import REQUEST_ID
from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.keyed import app_of, caller
from tests.services.gateway.web import Web

BODY = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts"}, "seed": 7}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Lines = list[Any]


@pytest.fixture
def logs() -> Iterator[Lines]:
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


def access(logs: Lines) -> list[dict[str, Any]]:
    return [line for line in logs if line.get("action") == "answer_request"]


def test_a_request_is_told_when_it_has_been_answered(web: Web, logs: Lines) -> None:
    answer = web.get("/v1/jobs/nothing?secret=x", headers={REQUEST_ID: "mine.1"})
    (line,) = access(logs)
    assert answer.headers[REQUEST_ID] == "mine.1"
    assert (line["request"], line["status"]) == ("mine.1", 404)
    assert (line["method"], line["path"]) == ("GET", "/v1/jobs/nothing")
    assert (line["route"], line["job"]) == ("/v1/jobs/{job_id}", "nothing")
    assert (line["owner"], line["log_level"]) == ("local", "info")
    assert line["bytes"] == len(answer.content)
    assert 0 < line["seconds"] < 60
    assert "secret" not in repr(line)


def test_every_request_has_an_id_also_one_that_is_refused(web: Web, logs: Lines) -> None:
    for headers in ({}, {REQUEST_ID: "no name\t"}, {"Host": "evil.example"}):
        answer = web.get("/v1/jobs", headers=headers)
        assert re.fullmatch("[0-9a-f]{32}", answer.headers[REQUEST_ID])
    first, second, third = access(logs)
    assert len({line["request"] for line in (first, second, third)}) == 3
    assert third["status"] == 403
    assert third["route"] == "other"
    web.get("/" + "x" * 3000)
    assert len(access(logs)[3]["path"]) == 256


def test_probes_are_told_only_at_the_lowest_level(web: Web, logs: Lines) -> None:
    for path in ("/healthz", "/metrics"):
        web.get(path)
    assert {line["log_level"] for line in access(logs)} == {"debug"}


def test_lines_below_a_request_have_its_id_and_its_owner(deps: Deps, logs: Lines) -> None:
    ann = caller(app_of(deps), "ann")
    answer = ann.post("/v1/jobs", BODY, headers={REQUEST_ID: "r1", "traceparent": PARENT})
    job = answer.json()["id"]
    below = {line.get("action"): line for line in logs}
    for action in ("submit_job", "queue_job", "answer_request"):
        assert below[action]["request"] == "r1", action
        assert below[action]["owner"] == "ann", action
        assert below[action]["trace"] == PARENT.split("-")[1], action
    assert below["queue_job"]["job"] == job
    assert below["answer_request"]["key"] == ann.key_id
    # And stays with the job, for those who do the work.
    trail = deps.store.get_job("ann", job).request["trail"]
    assert trail == {"request": "r1", "traceparent": PARENT}
    assert get_contextvars() == {}


def test_what_the_application_did_wrong_is_found_by_the_requests_id(web: Web, logs: Lines) -> None:
    def broken() -> None:
        raise RuntimeError("a mistake")

    web.app.add_api_route("/broken", broken)
    with pytest.raises(RuntimeError):
        web.get("/broken", headers={REQUEST_ID: "r2"})
    lines = {line.get("action"): line for line in logs}
    assert lines["fail_request"]["request"] == "r2"
    assert (lines["answer_request"]["request"], lines["answer_request"]["status"]) == ("r2", 500)
    text = web.get("/metrics").text
    assert 'credence_requests_total{method="GET",route="/broken",status="500"} 1.0' in text


def test_what_a_request_binds_is_gone_with_it(web: Web, logs: Lines) -> None:
    def bind() -> dict[str, str]:
        bind_contextvars(leak="x")
        structlog.get_logger().info("inside", action="inside")
        return {}

    web.app.add_api_route("/bind", bind)
    web.get("/bind", headers={REQUEST_ID: "r3"})
    web.get("/healthz")
    inside = next(line for line in logs if line.get("action") == "inside")
    assert (inside["request"], inside["leak"]) == ("r3", "x")
    assert all("leak" not in line for line in access(logs))
