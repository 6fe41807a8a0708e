"""One trace from a caller's request to the worker that did the job, by way of the database."""

import dataclasses
import threading
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.gateway.app import create_app
from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.services.gateway.web import Web, wait
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.ledger import Ledger
from workers.dispatch.local import LocalBackend
from workers.telemetry import Telemetry

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENGINE = {"kind": "nuts", "chains": 2, "warmup": 20, "draws": 10, "max_tree_depth": 3}
BODY: dict[str, Any] = {
    "model": EIGHT_SCHOOLS, "data": DATA, "engine": ENGINE, "seed": 7, "tier": "interpreted",
}  # fmt: skip


def identity(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def test_the_trace_is_one(deps: Deps) -> None:
    memory = InMemorySpanExporter()
    processor = SimpleSpanProcessor(memory)
    web = Web(create_app(dataclasses.replace(deps, tracer=Telemetry("gateway", processor))))
    backend = LocalBackend(1)
    ledger = Ledger(Telemetry("dispatcher", processor))
    dispatcher = Dispatcher(
        deps.store, deps.bell, backend, artifacts=deps.artifacts.url, ledger=ledger
    )
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    try:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-ID": "r1"}
        answer = web.post("/v1/jobs", BODY, headers=headers)
        job = answer.json()["id"]
        assert wait(web, job, "succeeded", "failed")["state"] == "succeeded"
    finally:
        dispatcher.stop()
        thread.join()
        backend.close()

    spans = [s for s in memory.get_finished_spans() if identity(s)[0] == TRACE]
    named = {span.name: span for span in spans}
    assert len(named) == len(spans)
    request = named["POST /v1/jobs"]
    assert (request.kind, parent(request)) == (SpanKind.SERVER, SPAN)
    told = dict(request.attributes or {})
    assert told["http.response.status_code"] == 202
    assert told["http.route"] == "/v1/jobs"
    assert told["credence.request"] == "r1"
    attempt = named["attempt"]
    assert (attempt.kind, parent(attempt)) == (SpanKind.CONSUMER, identity(request)[1])
    assert dict(attempt.attributes or {})["credence.job"] == job
    assert parent(named["wait"]) == identity(request)[1]
    for name in ("compile", "plan", "run", "write"):
        assert parent(named[name]) == identity(attempt)[1], name
    assert set(named) == {
        "POST /v1/jobs", "wait", "attempt", "compile", "plan", "run", "write",
    }  # fmt: skip
    services = {name: span.resource.attributes["service.name"] for name, span in named.items()}
    assert services["POST /v1/jobs"] == "gateway"
    assert services["run"] == "dispatcher"
    # Polling for the job made traces of their own.
    others = [s for s in memory.get_finished_spans() if identity(s)[0] != TRACE]
    assert {span.name for span in others} == {"GET /v1/jobs/{job_id}"}
    assert {parent(span) for span in others} == {None}


def test_probes_make_no_trace_and_errors_fail_theirs(deps: Deps) -> None:
    memory = InMemorySpanExporter()
    tracer = Telemetry("gateway", SimpleSpanProcessor(memory))
    web = Web(create_app(dataclasses.replace(deps, tracer=tracer)))
    for path in ("/healthz", "/readyz", "/metrics"):
        web.get(path)
    assert memory.get_finished_spans() == ()
    web.get("/v1/jobs/nothing")
    (span,) = memory.get_finished_spans()
    assert span.name == "GET /v1/jobs/{job_id}"
    assert span.status.is_unset


def test_without_a_tracer_the_trace_of_others_is_handed_on(web: Web, deps: Deps) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    job = web.post("/v1/jobs", BODY, headers=headers).json()["id"]
    trail = deps.store.get_job("local", job).request["trail"]
    assert trail["traceparent"] == headers["traceparent"]
