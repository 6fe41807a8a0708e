"""Status reads: what everybody does who waits for a job."""

from collections.abc import Iterator

from tests.load.connection import message
from tests.load.driver import closed, run
from tests.load.gateway import Gateway
from tests.load.jobs import submit
from tests.load.line import Line, line_of
from tests.load.size import Size

#: Reads a second.
GOAL = 1500.0
#: Jobs that are looked at in turn.
_JOBS = 200


def measure(service: Gateway, size: Size) -> Iterator[Line]:
    """Read jobs as fast as they are shown."""
    ids = run(submit(service.port, _JOBS, size.clients))
    requests = [message("GET", f"/v1/jobs/{job_id}") for job_id in ids]

    def make(number: int) -> bytes:
        return requests[number % len(requests)]

    for seconds in (size.warm, size.seconds):
        found = run(closed(service.port, make, clients=size.clients, seconds=seconds, expected=200))
    yield line_of(
        found,
        what=f"status reads, {size.clients} clients",
        store=service.kind,
        goal=f"{GOAL:g}/s",
        met=found.rate >= GOAL,
    )
