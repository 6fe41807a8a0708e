"""What Prometheus reads of this gateway: requests by route and status, seconds, bytes, streams."""

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The exposition format of `generate_latest`.
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of one application; every application has its own registry."""

    def __init__(self, shared: Path | None = None) -> None:
        """Count from zero.

        Args:
            shared: the directory of several processes that count together; the library must have
                been imported with it in its variable. None for what this process counts.
        """
        self._shared = shared
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "credence_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "credence_request_seconds",
            "Seconds until an answer began.",
            ["method", "route"],
            registry=self._registry,
        )
        self.received = Counter(
            "credence_request_bytes", "Bytes of bodies read.", ["route"], registry=self._registry
        )
        self.served = Counter(
            "credence_response_bytes", "Bytes of bodies sent.", ["route"], registry=self._registry
        )
        self.submitted = Counter(
            "credence_jobs_submitted", "Jobs accepted.", ["engine"], registry=self._registry
        )
        self.streams = Gauge(
            "credence_event_streams",
            "Event streams open.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def render(self) -> bytes:
        """Return everything in Prometheus' text format, of all processes that count together."""
        if self._shared is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget(shared: Path, process: int) -> None:
    """Take what a process that has ended had open out of the counts; what it counted stays."""
    mark_process_dead(process, str(shared))  # type: ignore[no-untyped-call]


class RequestMeter:
    """Counts requests by their route's template, so that ids make no new series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count when the answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered, received = time.perf_counter(), False, 0

        async def counted(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._count(scope, message["status"], time.perf_counter() - began)
            elif message["type"] == "http.response.body":
                self._metrics.served.labels(_route(scope)).inc(len(message.get("body", b"")))
            await send(message)

        async def read() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        try:
            await self._app(scope, read, counted)
        except Exception:
            # Whoever is around us answers what nobody foresaw.
            if not answered:
                self._count(scope, 500, time.perf_counter() - began)
            raise
        finally:
            self._metrics.received.labels(_route(scope)).inc(received)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        method = scope["method"] if route != "other" else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "other")
