"""Traces: spans of a request and of the jobs that it made, where somebody collects them.

Off unless an address says where spans go. What a span is made of, OpenTelemetry's packages, is the
extra `telemetry`; only `telemetry.py` imports them, and only where tracing is on.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from workers.errors import WorkerError

#: Values of a span's attributes.
Value = str | int | float | bool
Kind = Literal["internal", "server", "consumer"]

_MISSING = (
    "traces are to be sent to {url}, and the packages for it are missing: "
    "pip install 'credence-inference[telemetry]', or leave CREDENCE_TRACES away"
)


class AbstractSpan(ABC):
    """Something that is being done."""

    @property
    @abstractmethod
    def traceparent(self) -> str | None:
        """What a part of it, in whatever process, names as its parent; None outside of traces."""

    @abstractmethod
    def rename(self, name: str) -> None:
        """Give it the name that it should have had from the beginning."""

    @abstractmethod
    def tell(self, attributes: Mapping[str, Value | None]) -> None:
        """Add to what is known of it; None says nothing."""

    @abstractmethod
    def fail(self, why: str) -> None:
        """Say that it went wrong."""

    @abstractmethod
    def end(self, at: float | None = None) -> None:
        """End it, now or at a moment in seconds since 1970; only the first end counts."""


class AbstractTracer(ABC):
    """Makes spans."""

    @abstractmethod
    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        at: float | None = None,
        attributes: Mapping[str, Value | None] | None = None,
    ) -> AbstractSpan:
        """Begin a span.

        Args:
            name: of few different ones: ids belong into attributes.
            kind: `server` for a request, `consumer` for a job.
            parent: the traceparent that it is a part of; None begins a trace.
            at: when it began, in seconds since 1970; now when None.
            attributes: what is known of it.
        """

    @abstractmethod
    def close(self) -> None:
        """Send what has not been sent."""


class NoSpan(AbstractSpan):
    """A span that nobody collects; hands the trace of others on."""

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent

    @property
    def traceparent(self) -> str | None:
        """The parent that it was given."""
        return self._parent

    def rename(self, name: str) -> None:
        """Forget it."""

    def tell(self, attributes: Mapping[str, Value | None]) -> None:
        """Forget it."""

    def fail(self, why: str) -> None:
        """Forget it."""

    def end(self, at: float | None = None) -> None:
        """Do nothing."""


class NoTracer(AbstractTracer):
    """Tracing that is off."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        at: float | None = None,
        attributes: Mapping[str, Value | None] | None = None,
    ) -> AbstractSpan:
        """Return a span that nobody collects."""
        return NoSpan(parent)

    def close(self) -> None:
        """Do nothing."""


def open_tracer(url: str | None, service: str) -> AbstractTracer:
    """Return what makes the spans of a process.

    Args:
        url: where they are posted in batches, OTLP over HTTP: `http://HOST:4318/v1/traces`; None
            makes none.
        service: the process's name in its spans, such as `credence-gateway`.

    Raises:
        WorkerError: the extra `telemetry` is not installed.
    """
    if url is None:
        return NoTracer()
    try:
        from workers.telemetry import exporting
    except ImportError as error:
        raise WorkerError(_MISSING.format(url=url)) from error
    return exporting(url, service)
