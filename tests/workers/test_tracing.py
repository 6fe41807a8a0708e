"""Tracing that is off, and tracing that cannot be."""

import builtins
import sys
from typing import Any

import pytest

from workers.errors import WorkerError
from workers.tracing import NoTracer, open_tracer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_off_it_hands_the_trace_of_others_on() -> None:
    tracer = open_tracer(None, "credence-gateway")
    assert isinstance(tracer, NoTracer)
    span = tracer.begin("GET", parent=PARENT, attributes={"a": 1})
    span.rename("GET /")
    span.tell({"b": None})
    span.fail("no")
    span.end()
    assert span.traceparent == PARENT
    assert tracer.begin("GET").traceparent is None
    tracer.close()


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return importing(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "workers.telemetry", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert isinstance(open_tracer(None, "credence-gateway"), NoTracer)
    with pytest.raises(WorkerError, match=r"credence-inference\[telemetry\]"):
        open_tracer("http://127.0.0.1:4318/v1/traces", "credence-gateway")
