"""Calls that follow a job to its end, over broken connections too."""

import math
import time
from collections.abc import Callable
from typing import Any

import httpx

from services.client.calls.jobs import TERMINAL, Job, job_id
from services.client.calls.jobs import job as job_now
from services.client.errors import JobTimeoutError, ProblemError, UnreachableError
from services.client.events import Event, Parser
from services.client.progress import shown
from services.client.steps import Call, Flow, Item, Open, Read, Request, Setback

#: Takes each event as it comes.
Watcher = Callable[[Event], object]

#: Silence on an event stream after which it counts as broken, in seconds.
_SILENCE = 60.0


def events(job: Job, *, after: int = 0) -> Flow[Event]:
    """Yield a job's events until it has ended, each once, over broken connections too.

    Args:
        job: the job.
        after: the id of the last event the caller has seen.
    """
    yield from _follow(job_id(job), after, None)


def wait(
    job: Job, *, timeout: float | None = None, progress: bool | Watcher = False
) -> Call[dict[str, Any]]:
    """Wait until a job has ended, however it ended, and return it.

    Args:
        job: the job.
        timeout: seconds to wait; for ever when absent.
        progress: whether to show draws, divergences, ELBO, R-hat and time left in a terminal or
            notebook; or what to call with each event instead.

    Raises:
        JobTimeoutError: the time is over; the job goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with shown(progress) as show:
        yield from _follow(job_id(job), 0, deadline, show)
    now = yield from _at_last(job, deadline)
    if now["state"] not in TERMINAL:
        raise JobTimeoutError(job_id(job), timeout or 0.0)
    return now


def _at_last(job: Job, deadline: float | None) -> Call[dict[str, Any]]:
    """Return a job as it stands, though the service should just be starting again."""
    failures = 0
    while True:
        try:
            return (yield from job_now(job))
        except (ProblemError, UnreachableError) as error:
            if not _left(deadline):
                raise
            failures += 1
            yield Setback(error, failures)


def _follow(
    job: str, after: int, deadline: float | None, show: Watcher | None = None
) -> Flow[Event]:
    """Hand out events until the job has ended or the deadline is over."""
    failures = 0
    while True:
        seen, error = after, None
        try:
            yield Open(_stream(job, after), min(_SILENCE, _left(deadline)))
            parser = Parser()
            while (chunk := (yield Read())) is not None:
                for event in parser.feed(chunk):
                    if event.id <= after:
                        continue
                    after, failures = event.id, 0
                    if show is not None:
                        show(event)
                    yield Item(event)
                    if event.kind == "state" and event.data.get("state") in TERMINAL:
                        return
                if not _left(deadline):
                    return
            # A stream that ends in order, with nothing new: the last event was seen before, or the
            # service goes down politely, and is not there any more.
            if after == seen and (yield from job_now(job))["state"] in TERMINAL:
                return
        except (httpx.HTTPError, ProblemError, UnreachableError) as caught:
            error = caught
        if not _left(deadline):
            return
        failures += 1
        yield Setback(error, failures)


def _stream(job: str, after: int) -> Request:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after else {})
    return Request("GET", f"/v1/jobs/{job}/events", headers=headers)


def _left(deadline: float | None) -> float:
    return math.inf if deadline is None else max(0.0, deadline - time.monotonic())
