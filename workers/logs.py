"""Logs: one JSON object a line on the standard error; on a terminal a line for people.

Every process calls `configure_logging` once, with the role that it plays. What is known of the work
at hand (`request`, `trace`, `job`, `attempt`, `owner`) is bound with `structlog.contextvars` by
whoever begins it, so that every line below tells it. Lines of other libraries, which write to the
standard library's `logging`, take the same form.
"""

import contextvars
import json
import logging
import sys
from collections.abc import Callable
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

#: A line as an object.
Record = dict[str, Any]
Level = Literal["debug", "info", "warning", "error"]
#: `auto`: for people on a terminal, else JSON.
Style = Literal["auto", "json", "text"]

_STAMP = structlog.processors.TimeStamper(fmt="iso")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def configure_logging(
    role: str,
    *,
    level: Level = "info",
    style: Style = "auto",
    stream: TextIO | None = None,
    relay: Callable[[Record], None] | None = None,
) -> None:
    """Say how this process logs.

    Args:
        role: `gateway`, `dispatcher`, `worker`, ...: stands in every line.
        level: what is less is not told.
        style: see `Style`.
        stream: where to; the standard error when None.
        relay: takes every line as an object too, to be told elsewhere.
    """
    stream = sys.stderr if stream is None else stream
    known: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamped,
        _in_role(role),
        structlog.processors.format_exc_info,
    ]
    if relay is not None:
        known.append(_relayed(relay))
    renderer = _renderer(style, stream)
    structlog.configure(
        processors=[*known, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *known],
            processors=[ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Other libraries' daily news is nobody's.
    root.setLevel(max(_LEVELS[level], logging.WARNING))


def tell(record: Record) -> None:
    """Log a line that another process relayed, with the time and the role that it has."""
    fields = {name: value for name, value in record.items() if name not in ("event", "level")}
    level = _LEVELS.get(str(record.get("level")), logging.INFO)
    log = structlog.get_logger().log
    # Nothing of what is bound here: it may be of another job.
    contextvars.Context().run(log, level, str(record.get("event", "")), **fields)


def _renderer(style: Style, stream: TextIO) -> Processor:
    terminal = stream.isatty()
    if style == "json" or (style == "auto" and not terminal):
        return structlog.processors.JSONRenderer()
    # Rich's tracebacks would show local variables, and with them data.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)


def _stamped(logger: Any, name: str, event: EventDict) -> EventDict:
    return event if "timestamp" in event else _STAMP(logger, name, event)


def _in_role(role: str) -> Processor:
    def named(logger: Any, name: str, event: EventDict) -> EventDict:
        event.setdefault("role", role)
        return event

    return named


def _relayed(relay: Callable[[Record], None]) -> Processor:
    def passed_on(logger: Any, name: str, event: EventDict) -> EventDict:
        shown = {key: value for key, value in event.items() if not key.startswith("_")}
        relay(json.loads(json.dumps(shown, default=repr)))
        return event

    return passed_on
