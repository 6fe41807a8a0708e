"""Drives a service: as fast as some clients get answers, or at a pace."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import uvloop

from tests.load.connection import Answer, Connection
from tests.load.timings import Timings

T = TypeVar("T")

#: Makes the request of this number.
Make = Callable[[int], bytes]
#: Takes an answer that was expected.
Take = Callable[[Answer], None]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a quick event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def closed(
    port: int,
    make: Make,
    *,
    clients: int,
    seconds: float,
    expected: int,
    most: int | None = None,
    take: Take | None = None,
) -> Timings:
    """Let each client ask again as soon as it is answered.

    Args:
        port: of a service on this machine.
        make: makes requests, by numbers from 0.
        clients: connections.
        seconds: after which no more is asked.
        expected: the status of an answer that counts.
        most: requests at the most.
        take: told of each answer that counts.
    """
    timings, numbers = Timings(), _numbers(most)
    start = time.perf_counter()

    async def client(connection: Connection) -> None:
        for number in numbers:
            asked = time.perf_counter()
            if asked - start >= seconds:
                return
            await _one(connection, make(number), asked, timings, expected, take)

    await _all(port, clients, client)
    timings.over = time.perf_counter() - start
    return timings


async def paced(
    port: int,
    make: Make,
    *,
    rate: float,
    clients: int,
    seconds: float,
    expected: int,
    take: Take | None = None,
) -> Timings:
    """Ask so often a second, whether or not earlier requests have been answered.

    A request counts from the moment when it was due, also where all clients still waited for
    answers then: what a queue before the service costs is not left out.

    Args:
        port, make, clients, seconds, expected, take: as above.
        rate: requests a second.
    """
    timings, numbers = Timings(), _numbers(round(rate * seconds))
    start = time.perf_counter()

    async def client(connection: Connection) -> None:
        for number in numbers:
            due = start + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await _one(connection, make(number), due, timings, expected, take)

    await _all(port, clients, client)
    timings.over = time.perf_counter() - start
    return timings


def _numbers(most: int | None) -> Iterator[int]:
    return iter(itertools.count() if most is None else range(most))


async def _one(
    connection: Connection,
    request: bytes,
    since: float,
    timings: Timings,
    expected: int,
    take: Take | None,
) -> None:
    answer = await connection.ask(request)
    timings.note(time.perf_counter() - since, answer.status, expected)
    if take is not None and answer.status == expected:
        take(answer)


async def _all(port: int, clients: int, client: Callable[[Connection], Awaitable[None]]) -> None:
    connections = [await Connection.open(port) for _ in range(clients)]
    try:
        await asyncio.gather(*(client(connection) for connection in connections))
    finally:
        for connection in connections:
            connection.close()
