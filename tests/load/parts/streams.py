"""Open event streams: what they cost while nothing happens, and how soon each tells of its end."""

import asyncio
import time
from collections.abc import Iterator

from tests.load.connection import Connection, message
from tests.load.driver import run
from tests.load.follower import Follower
from tests.load.gateway import Gateway
from tests.load.jobs import submit
from tests.load.line import Line, line_of
from tests.load.size import Size
from tests.load.timings import Timings
from tests.load.usage import Peak, cpu_seconds

#: What a stream tells when its job is submitted, and when it is cancelled.
QUEUED, CANCELLED = '{"state":"queued"}', '{"state":"cancelled"}'
#: Who cancels, one job after the other.
_CANCELLING = 4
#: Seconds within which all must have been told.
_PATIENCE = 60.0


def measure(service: Gateway, size: Size) -> Iterator[Line]:
    """Follow jobs that wait, then cancel them all."""
    yield from run(_follow(service, size))


async def _follow(service: Gateway, size: Size) -> list[Line]:
    ids = await submit(service.port, size.streams, size.clients)
    followers = [Follower(job_id) for job_id in ids]
    with Peak(service.pid) as peak:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.follow(service.port))
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(follower.open.wait() for follower in followers))
            opened = time.perf_counter() - began
            idle = await _idle(service, size.seconds)
            told = await _cancel(service, followers)
    ended = sum(f.whole and set(f.events) == {QUEUED, CANCELLED} for f in followers)
    room = f"{peak.growth / 1024 / size.streams:.0f} KB a stream"
    return [
        Line(
            what=f"{size.streams} event streams, opening",
            store=service.kind,
            count=len(followers),
            rate=len(followers) / opened,
            note=f"{room}; idle they take {100 * idle:.1f} % of a core",
        ),
        line_of(
            told,
            what="from a cancel to its event",
            store=service.kind,
            goal="all told and ended",
            met=ended == len(followers),
        ),
    ]


async def _idle(service: Gateway, seconds: float) -> float:
    """Return what share of a core the gateway takes while nothing happens."""
    before = cpu_seconds(service.pid)
    await asyncio.sleep(seconds)
    return (cpu_seconds(service.pid) - before) / seconds


async def _cancel(service: Gateway, followers: list[Follower]) -> Timings:
    """Cancel all jobs and wait for what the streams tell."""
    began, left = time.perf_counter(), iter(followers)
    asked: dict[str, float] = {}

    async def cancel() -> None:
        connection = await Connection.open(service.port)
        for follower in left:
            asked[follower.job] = time.perf_counter()
            await connection.ask(message("POST", f"/v1/jobs/{follower.job}/cancel"))
        connection.close()

    await asyncio.gather(*(cancel() for _ in range(_CANCELLING)))
    patience = began + _PATIENCE
    while not all(CANCELLED in f.events for f in followers) and time.perf_counter() < patience:
        await asyncio.sleep(0.01)
    timings = Timings(over=time.perf_counter() - began)
    for follower in followers:
        told = follower.events.get(CANCELLED)
        timings.note((told or began) - asked[follower.job], 200 if told else 0, 200)
    return timings
