"""A long queue: what submitting, looking and claiming take while many jobs wait."""

import time
from collections.abc import Iterator

from tests.load.connection import message
from tests.load.driver import Make, closed, run
from tests.load.gateway import Gateway
from tests.load.jobs import ACCEPTED, submission, submit, waiting
from tests.load.line import Line, line_of
from tests.load.size import Size
from tests.load.timings import Timings

#: Claims that are timed, and given back.
_CLAIMS = 50


def measure(service: Gateway, size: Size) -> Iterator[Line]:
    """Fill the queue, then do what callers and dispatchers do."""
    with service.store() as store:
        before = waiting(store)
        began = time.perf_counter()
        ids = run(submit(service.port, size.queued, size.clients))
        seconds = time.perf_counter() - began
        there = waiting(store) - before
    yield Line(
        what=f"filling the queue with {size.queued}",
        store=service.kind,
        count=there,
        rate=there / seconds,
        goal="none lost",
        met=there == size.queued == len(set(ids)),
    )
    yield from _beside(service, size, ids)
    yield line_of(_claims(service), what="claiming one", store=service.kind)


def _beside(service: Gateway, size: Size, ids: list[str]) -> Iterator[Line]:
    """Time requests, one kind after the other, by one client."""
    asked: dict[str, tuple[Make, int]] = {
        "submitting": (lambda n: submission(size.queued + n), ACCEPTED),
        "a status": (lambda n: message("GET", f"/v1/jobs/{ids[n % len(ids)]}"), 200),
        "the first page": (lambda n: message("GET", "/v1/jobs"), 200),
        "the first page of those that wait": (
            lambda n: message("GET", "/v1/jobs?state=queued"),
            200,
        ),
    }
    for what, (make, expected) in asked.items():
        found = run(closed(service.port, make, clients=1, seconds=size.warm, expected=expected))
        yield line_of(found, what=f"{what}, 1 client", store=service.kind)


def _claims(service: Gateway) -> Timings:
    found = Timings()
    with service.store() as store:
        for _ in range(_CLAIMS):
            began = time.perf_counter()
            claim = store.claim("load", 60.0)
            found.note(time.perf_counter() - began, 200 if claim else 404, 200)
            if claim is not None:
                store.release(claim.job.id, claim.token)
    found.over = sum(found.seconds)
    return found
