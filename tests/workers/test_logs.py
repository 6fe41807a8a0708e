"""Logs: lines as JSON or for people, with what is bound; lines of libraries and other processes."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from workers.logs import Record, configure_logging, tell


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The configuration is the process's: put it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_role_and_context() -> None:
    stream = io.StringIO()
    configure_logging("gateway", stream=stream)
    with bound_contextvars(job="j", owner="ann"):
        structlog.get_logger().info("job queued", action="queue_job", job="other")
    structlog.get_logger().debug("unseen")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "job queued",
        "action": "queue_job",
        "level": "info",
        "role": "gateway",
        "owner": "ann",
        "job": "other",
    }


def test_a_level_leaves_out_what_is_less() -> None:
    stream = io.StringIO()
    configure_logging("gateway", level="warning", stream=stream)
    log = structlog.get_logger()
    log.info("a")
    log.warning("b")
    assert [line["event"] for line in lines(stream)] == ["b"]


def test_a_traceback_is_text_without_local_variables() -> None:
    for stream in (io.StringIO(), Terminal()):
        configure_logging("gateway", stream=stream)
        secret = "h" + "ush"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                raise ValueError("wrong")
            except ValueError:
                structlog.get_logger().exception("failed")
        said = stream.getvalue()
        assert "ValueError: wrong" in said
        assert secret not in said


def test_on_a_terminal_a_line_is_for_people_unless_json_is_asked_for() -> None:
    stream = Terminal()
    configure_logging("gateway", stream=stream)
    structlog.get_logger().info("job queued", job="j")
    assert "job queued" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    stream = Terminal()
    configure_logging("gateway", style="json", stream=stream)
    structlog.get_logger().info("job queued")
    assert lines(stream)[0]["event"] == "job queued"


def test_lines_of_other_libraries_take_the_same_form() -> None:
    stream = io.StringIO()
    configure_logging("gateway", stream=stream)
    with bound_contextvars(request="r"):
        logging.getLogger("uvicorn.error").warning("lost %s", "it")
        logging.getLogger("uvicorn.error").info("daily news")
    try:
        raise OSError("gone")
    except OSError:
        logging.getLogger("alembic").exception("no")
    first, second = lines(stream)
    assert (first["event"], first["logger"]) == ("lost it", "uvicorn.error")
    assert (first["level"], first["request"]) == ("warning", "r")
    assert "OSError: gone" in second["exception"]


def test_a_relayed_line_is_told_as_it_was() -> None:
    relayed: list[Record] = []
    configure_logging("worker", stream=io.StringIO(), relay=relayed.append)
    with bound_contextvars(job="mine"):
        structlog.get_logger().warning("not compiled", cause=OSError("x"), size=3)
        logging.getLogger("ray").warning("a word")
    stream = io.StringIO()
    configure_logging("dispatcher", stream=stream)
    with bound_contextvars(job="another"):
        for record in relayed:
            tell(record)
        tell({})
    first, second, third = lines(stream)
    assert first == relayed[0]
    assert (first["job"], first["role"], first["cause"]) == ("mine", "worker", "OSError('x')")
    assert second["event"] == "a word"
    assert "job" not in third
