"""Spans by OpenTelemetry's SDK, the extra `telemetry`; `tracing.py` says what they are for."""

from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workers.tracing import AbstractSpan, AbstractTracer, Kind, Value

_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
}
_PROPAGATOR = TraceContextTextMapPropagator()


class TelemetrySpan(AbstractSpan):
    """A span of the SDK."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        """Its own trace and id; of a span that is not sampled its flags say so."""
        found = self._span.get_span_context()
        trace, span = format_trace_id(found.trace_id), format_span_id(found.span_id)
        return f"00-{trace}-{span}-{found.trace_flags:02x}"

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def tell(self, attributes: Mapping[str, Value | None]) -> None:
        """Set attributes."""
        self._span.set_attributes(_told(attributes))

    def fail(self, why: str) -> None:
        """Set the status `ERROR`."""
        self._span.set_status(Status(StatusCode.ERROR, why))

    def end(self, at: float | None = None) -> None:
        """End it."""
        if self._span.is_recording():
            self._span.end(_nanoseconds(at))


class Telemetry(AbstractTracer):
    """The spans of one process."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        """Make spans.

        Args:
            service: the process's name in them.
            processor: takes those that have ended.
        """
        release = version("credence-inference")
        resource = Resource.create({"service.name": service, "service.version": release})
        # A provider of our own: the global one is whoever's program we are part of.
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("credence", release)

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        at: float | None = None,
        attributes: Mapping[str, Value | None] | None = None,
    ) -> AbstractSpan:
        """Begin a span; whether it is sampled, its parent says, or `OTEL_TRACES_SAMPLER`."""
        context = Context()
        if parent is not None:
            context = _PROPAGATOR.extract({"traceparent": parent}, context)
        span = self._tracer.start_span(
            name,
            context,
            kind=_KINDS[kind],
            attributes=_told(attributes or {}),
            start_time=_nanoseconds(at),
        )
        return TelemetrySpan(span)

    def close(self) -> None:
        """Send what has not been sent, and end."""
        self._provider.shutdown()


def exporting(url: str, service: str) -> Telemetry:
    """Return spans that are posted to an address, a batch every few seconds."""
    return Telemetry(service, BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


def _told(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1e9)
