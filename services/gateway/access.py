"""The access log and the trace of requests: a line and a span for each, under the request's id."""

import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from workers.tracing import AbstractSpan, AbstractTracer
from workers.trail import Trail

#: Where a caller names its request, and where the answer says its name.
REQUEST_ID = "X-Request-ID"
#: Asked every few seconds by machines: told only at the level `debug`, and in no trace.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
#: Characters of a path or an id, which anybody may make as long as it likes.
_LONGEST = 256


class AccessLog:
    """Tells of every request when its answer has ended, and passes its trail on."""

    def __init__(self, app: ASGIApp, tracer: AbstractTracer) -> None:
        """Wrap an application, all of it.

        Args:
            app: what answers.
            tracer: makes the spans.
        """
        self._app, self._tracer = app, tracer
        # Bound here, once: it would else be put together for every line.
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the request's trail as `request.state.trail`, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        probe, headers = scope["path"] in _PROBES, Headers(scope=scope)
        given = Trail.of(headers.get(REQUEST_ID), headers.get("traceparent"))
        span = None if probe else self._begin(scope, given)
        trail = given
        if span is not None and span.traceparent != given.traceparent:
            trail = Trail(request=given.request, traceparent=span.traceparent)
        scope.setdefault("state", {})["trail"] = trail
        answer = _Answer(trail, send)
        with bound_contextvars(**trail.context()):
            try:
                await self._app(scope, receive, answer.send)
            except Exception:
                # Whoever is around us answers it.
                answer.status = answer.status or 500
                raise
            finally:
                about = answer.told(scope)
                tell = self._log.debug if probe else self._log.info
                tell("request", action="answer_request", **about)
                if span is not None:
                    _end(span, scope, about)

    def _begin(self, scope: Scope, given: Trail) -> AbstractSpan:
        return self._tracer.begin(
            scope["method"],
            kind="server",
            parent=given.traceparent,
            attributes={"credence.request": given.request},
        )


def _end(span: AbstractSpan, scope: Scope, about: dict[str, Any]) -> None:
    # Methods of addresses that there are not are whatever somebody writes.
    known = about["route"] != "other"
    span.rename(f"{scope['method']} {about['route']}" if known else "other")
    span.tell(
        {
            "http.request.method": scope["method"],
            "http.route": about["route"],
            "http.response.status_code": about["status"],
            "credence.job": about.get("job"),
        }
    )
    if (about["status"] or 500) >= 500:
        span.fail(f"answered {about['status']}")
    span.end()


class _Answer:
    """One answer on its way out."""

    def __init__(self, trail: Trail, send: Send) -> None:
        self._trail, self._send = trail, send
        self._began = time.perf_counter()
        self._bytes = 0
        #: None until it begins.
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).setdefault(REQUEST_ID, self._trail.request or "")
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def told(self, scope: Scope) -> dict[str, Any]:
        """Return what the log says of it; what has not been found out is left out."""
        about = {
            "method": scope["method"],
            "path": scope["path"][:_LONGEST],
            "route": getattr(scope.get("route"), "path", "other"),
            "status": self.status,
            "seconds": round(time.perf_counter() - self._began, 6),
            "bytes": self._bytes,
        }
        if scope.get("client"):
            about["client"] = scope["client"][0]
        caller = scope["state"].get("caller")
        if caller is not None:
            about |= {"owner": caller.owner, "key": caller.key}
        if "job_id" in scope.get("path_params", {}):
            about["job"] = scope["path_params"]["job_id"][:_LONGEST]
        return about
