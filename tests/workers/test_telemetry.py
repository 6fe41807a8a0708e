"""Spans by OpenTelemetry: parents, moments, attributes, and the way out."""

import http.server
import threading

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from workers.telemetry import Telemetry, exporting

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def parent(flags: str = "01") -> str:
    return f"00-{TRACE}-{SPAN}-{flags}"


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(memory: InMemorySpanExporter) -> Telemetry:
    return Telemetry("credence-test", SimpleSpanProcessor(memory))


def test_a_span_is_what_it_was_told(tracer: Telemetry, memory: InMemorySpanExporter) -> None:
    span = tracer.begin("job", kind="consumer", at=100.5, attributes={"a": 1, "b": None})
    span.rename("attempt")
    span.tell({"c": "d", "e": None})
    span.fail("lost")
    span.end(102.0)
    span.end(103.0)
    (found,) = memory.get_finished_spans()
    assert (found.name, found.kind, found.parent) == ("attempt", SpanKind.CONSUMER, None)
    assert dict(found.attributes or {}) == {"a": 1, "c": "d"}
    assert (found.start_time, found.end_time) == (100_500_000_000, 102_000_000_000)
    assert found.status.status_code is StatusCode.ERROR
    assert found.status.description == "lost"
    assert found.resource.attributes["service.name"] == "credence-test"


def test_a_part_of_a_trace_stays_in_it(tracer: Telemetry, memory: InMemorySpanExporter) -> None:
    span = tracer.begin("GET", parent=parent())
    assert span.traceparent is not None
    tracer.begin("wait", parent=span.traceparent).end()
    span.end()
    wait, request = memory.get_finished_spans()
    assert [hexed(s) for s in (request, wait)] == [TRACE, TRACE]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == SPAN
    assert wait.parent is not None
    assert request.context is not None
    assert wait.parent.span_id == request.context.span_id


def hexed(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def test_what_is_not_sampled_is_not_made_and_says_so(
    tracer: Telemetry, memory: InMemorySpanExporter
) -> None:
    span = tracer.begin("GET", parent=parent("00"))
    assert span.traceparent is not None
    assert span.traceparent.startswith(f"00-{TRACE}-")
    assert span.traceparent.endswith("-00")
    span.end()
    assert memory.get_finished_spans() == ()


def test_spans_are_posted_to_the_address() -> None:
    posted: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            posted.append((self.path, self.rfile.read(length)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        tracer = exporting(f"http://127.0.0.1:{server.server_port}/v1/traces", "credence-test")
        tracer.begin("a span of ours").end()
        tracer.close()
        server.shutdown()
        thread.join()
    ((path, body),) = posted
    assert path == "/v1/traces"
    assert b"a span of ours" in body
    assert b"credence-test" in body
