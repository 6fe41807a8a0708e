"""Submissions: acknowledged a second, and how long each waited."""

from collections.abc import Iterator

from tests.load.driver import closed, paced, run
from tests.load.gateway import Gateway
from tests.load.jobs import ACCEPTED, new_submission, submission, waiting
from tests.load.line import Line, line_of
from tests.load.size import Size
from tests.load.timings import Timings

#: Milliseconds within which 99 % are to be acknowledged at the pace.
GOAL_MS = 100.0
#: Connections at a pace: requests that may be under way, which are few while it keeps up.
_OPEN = 64


def measure(service: Gateway, size: Size) -> Iterator[Line]:
    """Submit jobs: as fast as they are acknowledged, at the pace, and with new data each time."""
    run(closed(service.port, submission, clients=size.clients, seconds=size.warm, expected=202))
    before = _waiting(service)
    most = run(
        closed(
            service.port,
            submission,
            clients=size.clients,
            seconds=size.seconds,
            expected=ACCEPTED,
        )
    )
    yield line_of(
        most,
        what=f"submissions, {size.clients} clients",
        store=service.kind,
        goal=f"{size.pace:g}/s",
        met=most.rate >= size.pace,
        note=_kept(service, before, most),
    )
    before = _waiting(service)
    steady = run(
        paced(
            service.port,
            submission,
            rate=size.pace,
            clients=_OPEN,
            seconds=size.seconds,
            expected=ACCEPTED,
        )
    )
    yield line_of(
        steady,
        what=f"submissions, {size.pace:g} a second",
        store=service.kind,
        goal=f"p99 < {GOAL_MS:g} ms",
        met=steady.milliseconds()[2] < GOAL_MS and not steady.refused,
        note=_kept(service, before, steady),
    )
    new = run(
        closed(
            service.port,
            new_submission,
            clients=size.clients,
            seconds=size.seconds,
            expected=ACCEPTED,
        )
    )
    yield line_of(
        new, what=f"submissions with new data, {size.clients} clients", store=service.kind
    )


def _waiting(service: Gateway) -> int:
    with service.store() as store:
        return waiting(store)


def _kept(service: Gateway, before: int, found: Timings) -> str:
    """Say how many of the acknowledged jobs are in the store."""
    return f"{_waiting(service) - before} of {len(found.seconds)} in the store"
