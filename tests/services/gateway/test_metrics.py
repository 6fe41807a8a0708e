"""Counters by route template; every application its own."""

import dataclasses

from services.gateway.app import create_app
from services.gateway.deps import Deps
from services.gateway.metrics import Metrics
from tests.services.gateway.web import Web


def test_requests_are_counted_by_template(web: Web) -> None:
    for name in ("a", "b"):
        web.get(f"/v1/jobs/{name}")
    web.get("/nowhere")
    text = web.get("/metrics").text
    assert (
        'credence_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"} 2.0' in text
    )
    assert 'route="other",status="404"} 1.0' in text
    assert "nowhere" not in text


def test_two_applications_count_apart(deps: Deps) -> None:
    Web(create_app(deps)).get("/healthz")
    other = Web(create_app(dataclasses.replace(deps, metrics=Metrics())))
    assert "healthz" not in other.get("/metrics").text
